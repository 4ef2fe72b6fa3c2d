package engine

import (
	"fmt"
	"time"
)

// Advance moves the world's time ahead by d and returns when everything that
// falls due on the way has happened and every errand is back. Whoever an errand
// waits for must not wait for Advance. It refuses a negative d, and one that leads
// beyond the year 2200.
func (w *World) Advance(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("cannot advance by %v: time only goes forward", d)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.depart()
	defer w.arrive()
	now := w.read()
	if err := reachable(instant(now).Add(d)); err != nil {
		return err
	}
	w.travel(now + int64(d))
	return nil
}

// AdvanceTo is Advance to an instant; it refuses one that has passed.
func (w *World) AdvanceTo(t time.Time) error {
	if err := reachable(t); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.depart()
	defer w.arrive()
	now := w.read()
	if t.Before(instant(now)) {
		return fmt.Errorf("cannot advance to %s: it is %s already and time only goes forward",
			t.UTC().Format(time.RFC3339Nano), instant(now).Format(time.RFC3339Nano))
	}
	w.travel(t.UnixNano())
	return nil
}

// AdvanceToNext moves to the instant of the next event and runs what is due
// then. It reports false, and does nothing, when nothing is booked before time
// ends.
func (w *World) AdvanceToNext() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.depart()
	defer w.arrive()
	w.travel(w.read())
	e, ok := w.s.agenda.next()
	if !ok || reachable(instant(e.at)) != nil {
		return false
	}
	w.travel(e.at)
	return true
}

// Agenda lists the booked events in the order they will run.
func (w *World) Agenda() []Event {
	w.mu.Lock()
	copied := w.s.agenda.copy()
	w.mu.Unlock()
	return copied.events()
}

// SetClock changes how the clock moves and, with c.Now, moves it ahead first. It
// refuses a wrong setting and a time that has passed.
func (w *World) SetClock(c Clock) error {
	if err := c.check(); err != nil {
		return err
	}
	if !c.Now.IsZero() {
		if err := w.AdvanceTo(c.Now); err != nil {
			return err
		}
		c.Now = time.Time{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.s.clock.set(c, wallNow())
	w.touched()
	return nil
}

// AdvanceUntilIdle moves from event to event until nothing is booked any more.
// What books itself again never ends, so it gives up after most events, resets
// included, with an error that says what comes next; nothing is undone.
func (w *World) AdvanceUntilIdle(most int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.depart()
	defer w.arrive()
	w.settle(w.read())
	for range most {
		e, ok := w.s.agenda.next()
		if w.waits() && (!ok || e.at > w.s.clock.last) {
			if !w.rest() {
				return nil
			}
			e, ok = w.s.agenda.next()
		}
		if !ok {
			return nil
		}
		if err := reachable(instant(e.at)); err != nil {
			return fmt.Errorf("%w; %s of %s is booked for then", err, e.step, e.subject)
		}
		w.move(e.at)
		w.step(w.s.clock.last)
	}
	if !w.rest() {
		return nil
	}
	e, ok := w.s.agenda.next()
	if !ok {
		return nil
	}
	return fmt.Errorf("after %d events %d are still booked, the next of them %s of %s at %s: something happens again and again",
		most, w.s.agenda.tree.Len(), e.step, e.subject, instant(e.at).Format(time.RFC3339Nano))
}

// Clock is how the clock moves, with the present as its Now. Scale is 0 in modes
// that have none.
func (w *World) Clock() Clock {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := Clock{Mode: w.s.clock.mode, Now: instant(w.s.clock.now(wallNow()))}
	if c.Mode == Scaled {
		c.Scale = w.s.clock.scale
	}
	return c
}

// Changed returns a channel that is closed with the next change of the world: of
// rows, of the agenda, of the clock otherwise than by the passing of time, or of
// everything by a reset. Changes made with Own do not count. To miss none, take
// the channel first, then look, then wait.
func (w *World) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

// touched wakes whoever waits for a change; the lock is held, so that nobody
// looks before the change is complete.
func (w *World) touched() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
