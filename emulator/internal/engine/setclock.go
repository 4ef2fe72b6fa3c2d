package engine

import (
	"context"
	"time"
)

// SetClock changes how the clock moves and, with c.Now, moves it ahead first. It
// refuses a wrong setting and a time that has passed. A world that is behind its
// clock stays where it is, and the clock goes on from there.
func (w *World) SetClock(c Clock) error { return w.SetClockContext(context.Background(), c) }

// SetClockContext is SetClock whose advance ends with the context; the clock keeps
// its setting then.
func (w *World) SetClockContext(ctx context.Context, c Clock) error {
	if err := c.check(); err != nil {
		return err
	}
	if !c.Now.IsZero() {
		if err := w.AdvanceToContext(ctx, c.Now); err != nil {
			return err
		}
		c.Now = time.Time{}
	}
	if err := w.mu.lock(ctx); err != nil {
		return err
	}
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp()
	w.s.clock.set(c, wallNow())
	w.notifyChanged()
	return nil
}

// Clock is how the clock moves, with the present as its Now. Scale is 0 in modes
// that have none.
func (w *World) Clock() Clock {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.catchUp()
	w.arm()
	c := Clock{Mode: w.s.clock.mode, Now: instant(w.s.clock.last)}
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

// notifyChanged wakes whoever waits for a change; the lock is held, so that nobody
// looks before the change is complete.
func (w *World) notifyChanged() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
