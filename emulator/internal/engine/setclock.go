package engine

import (
	"context"
	"time"
)

// SetClock changes how the clock moves. With c.Now it advances the world first. An
// invalid setting and a time that has passed are errors. A world that is behind its
// clock keeps its time, and the clock continues from there.
func (w *World) SetClock(c Clock) error { return w.SetClockContext(context.Background(), c) }

// SetClockContext is SetClock with a context. If it ends during the advance, the
// setting of the clock stays as it was.
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

// Clock returns the setting of the clock, with the present time as Now. Scale is 0 in
// modes that have none.
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

// Changed returns a channel that is closed with the next change of the world: of rows,
// of the agenda, of the clock (the passing of time does not count), or of everything
// by a reset. Changes made with Own do not count. To miss none, get the channel first,
// then read, then wait.
func (w *World) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

// notifyChanged wakes callers that wait for a change. The caller holds the lock, so
// that they read only complete changes.
func (w *World) notifyChanged() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
