package engine

import "time"

const (
	// sliceTime is how long a world is held to run what is due, at most; the last
	// event of a slice may take a little longer.
	sliceTime = 900 * time.Microsecond
	// sliceEvents bounds the events of a slice where the wall clock stands still,
	// as in the bubble of a test.
	sliceEvents = 10_000
)

// slice is the share of due events that is run before others get in. The zero
// slice has not begun.
type slice struct {
	begun Stopwatch
	run   int
}

// admits counts an event that is about to run and reports whether it still belongs
// to the slice; the first one always does.
func (s *slice) admits(w *World) bool {
	if s.run++; s.run == 1 {
		s.begun = StartStopwatch()
		return true
	}
	return s.run <= w.sliceEvents && s.begun.Elapsed() < sliceTime
}

// catchUp runs what is due by what the clock shows and moves the world's time
// there. As long as something is due, the world's time is the instant of what was
// run last. Of what a clock that moves or an advance brings, it runs one slice at
// most. What is due while time stands still was booked by requests for that very
// instant; it all runs, in slices, so that the same requests find the same world on
// any machine. The gate is held.
func (w *World) catchUp() {
	until := w.readClock()
	s, most := slice{}, maxAdvanceEvents
	for {
		next, ok := w.next(until)
		switch {
		case !ok:
			w.s.clock.last = max(w.s.clock.last, until)
			return
		case s.admits(w):
			w.run(next)
			continue
		case w.s.clock.moves() || w.advance != nil || w.closed || most <= 0:
			return
		}
		most -= s.run
		w.yield()
		s, until = slice{}, w.readClock()
	}
}

// readClock is what the clock shows now by itself; what is due before it and has not
// run is late.
func (w *World) readClock() int64 {
	w.present = w.s.clock.timeAt(w.wall())
	return w.present
}

// wall is the wall clock, which only a clock that moves asks.
func (w *World) wall() int64 {
	if w.s.clock.moves() {
		return wallNow()
	}
	return 0
}

// due is something that happens by itself: an event, or a periodic reset.
type due struct {
	event
	reset bool
}

// next is what is due first up to an instant; false if nothing is. When several
// periodic resets are, the last one undoes whatever happened since the first, so
// it alone is done.
func (w *World) next(until int64) (due, bool) {
	e, ok := w.s.agenda.next()
	ok = ok && e.at <= until
	if w.every > 0 && w.resetAt <= until && (!ok || w.resetAt < e.at) {
		at := w.resetAt + (until-w.resetAt)/w.every*w.every
		return due{event: event{at: at, step: resetStep}, reset: true}, true
	}
	return due{event: e}, ok
}

// resetStep names a periodic reset where events are named.
const resetStep = "periodic reset"

// run lets happen what is due, at its own instant. It is the advance's doing that
// is under way, if its way leads there. The gate is held.
func (w *World) run(d due) {
	if a := w.advance; a != nil && d.at <= a.to {
		defer func(before *advance) { w.causedBy = before }(w.causedBy)
		w.causedBy = a
	}
	if d.reset {
		w.periodicReset(d.at)
	} else {
		w.s.agenda.tree.PopMin()
		w.schema.step(d.step)(&Tx{w: w, s: w.s, now: d.at}, d.subject)
		w.notifyChanged()
	}
	w.s.clock.last = max(w.s.clock.last, d.at)
}

// yield lets everybody in who waits for the world. The gate is held before and
// after, and another state may have taken the place of the present one.
func (w *World) yield() {
	playing := w.causedBy
	w.causedBy = nil
	w.arm()
	w.mu.Unlock()
	w.mu.Lock()
	w.causedBy = playing
}

// arm sets the alarm for what falls due next, and the face to the present; the gate
// is held. A world that is behind its clock runs a slice, lets others in for as
// long, and goes on: the alarm rings again and again, so whatever ends the alarm
// ends that too.
func (w *World) arm() {
	at, ok := w.upcoming()
	behind := ok && at <= w.present
	w.publishClock(behind)
	switch {
	case !ok || w.closed || !w.s.clock.moves() || at > endOfTime:
		w.alarm.clear()
	case behind:
		w.alarm.setWithin(sliceTime, w.onAlarm)
	default:
		w.alarm.set(w.s.clock.wallAt(at), w.onAlarm)
	}
}

// upcoming is the instant of what happens next by itself; false if nothing does.
func (w *World) upcoming() (at int64, ok bool) {
	e, ok := w.s.agenda.next()
	if w.every > 0 && (!ok || w.resetAt < e.at) {
		return w.resetAt, true
	}
	return e.at, ok
}

func (w *World) onAlarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.alarm.at = 0
	if !w.closed {
		w.catchUp()
	}
}
