package engine

import "time"

const (
	// sliceTime bounds how long due events run before the lock is released; the last
	// event of a slice may exceed it a little.
	sliceTime = 900 * time.Microsecond
	// sliceEvents bounds the events of a slice where the wall clock does not move, as
	// in a synctest bubble.
	sliceEvents = 10_000
)

// slice is a batch of due events that run without releasing the lock. The zero slice
// has not begun.
type slice struct {
	begun Stopwatch
	run   int
}

// admits counts an event that is about to run and reports whether it still belongs to
// the slice. The first one always does.
func (s *slice) admits(w *World) bool {
	if s.run++; s.run == 1 {
		s.begun = StartStopwatch()
		return true
	}
	return s.run <= w.sliceEvents && s.begun.Elapsed() < sliceTime
}

// catchUp runs the events that are due by the clock and moves the world's time there.
// While events are due, the world's time is the instant of the one that ran last. With
// a moving clock, or during an advance, catchUp runs one slice. While time does not
// move, requests scheduled the due events for this very instant: catchUp runs all of
// them, in slices, so that the same requests give the same result on any machine. The
// caller holds the lock.
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

// readClock reads the clock into w.present, and returns it.
func (w *World) readClock() int64 {
	w.present = w.s.clock.timeAt(w.wall())
	return w.present
}

// wall returns the wall clock's time for a moving clock, and 0 for others, which do
// not use it.
func (w *World) wall() int64 {
	if w.s.clock.moves() {
		return wallNow()
	}
	return 0
}

// due is an event or a periodic reset that is due.
type due struct {
	event
	reset bool
}

// next returns what is due first up to an instant; false if nothing is. Of several
// periodic resets it returns the last, which undoes the others.
func (w *World) next(until int64) (due, bool) {
	e, ok := w.s.agenda.next()
	ok = ok && e.at <= until
	if w.every > 0 && w.resetAt <= until && (!ok || w.resetAt < e.at) {
		at := w.resetAt + (until-w.resetAt)/w.every*w.every
		return due{event: event{at: at, step: resetStep}, reset: true}, true
	}
	return due{event: e}, ok
}

// resetStep is the name of a periodic reset in messages.
const resetStep = "periodic reset"

// run runs a due event or reset at its own instant, on account of the advance in
// progress if that covers the instant. The caller holds the lock.
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

// yield releases the lock to waiting goroutines and takes it again. Another state may
// have replaced the present one when it returns.
func (w *World) yield() {
	playing := w.causedBy
	w.causedBy = nil
	w.arm()
	w.mu.Unlock()
	w.mu.Lock()
	w.causedBy = playing
}

// arm sets the alarm for the next event and publishes the clock. The caller holds the
// lock. A world that is behind its clock runs one slice at a time, with a pause of the
// same length, until the alarm is stopped.
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

// upcoming returns the instant of the next event or periodic reset; false if there is
// none.
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
