package emulator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Now is the workspace's time.
func (w *Workspace) Now() time.Time { return w.world.Now() }

// Clock returns the clock setting of the workspace, with the present time as Now.
func (w *Workspace) Clock() Clock { return publicClock(w.world.Clock()) }

func publicClock(c engine.Clock) Clock {
	return Clock{Mode: ClockMode(c.Mode), Now: c.Now, Scale: c.Scale}
}

// SetClock changes how time moves and, with a Now, moves it ahead first. A workspace
// that cannot keep up with its clock stays where it is, and time goes on from there.
func (w *Workspace) SetClock(c Clock) error { return w.SetClockContext(context.Background(), c) }

// SetClockContext is SetClock that gives up when the context ends: the clock keeps
// its setting then, and time stays at the instant it reached.
func (w *Workspace) SetClockContext(ctx context.Context, c Clock) error {
	ctx, cancel := w.e.withClose(ctx)
	defer cancel()
	return advanceError(w.world.SetClockContext(ctx, engineClock(c)))
}

func engineClock(c Clock) engine.Clock {
	return engine.Clock{Mode: engine.Mode(c.Mode), Now: c.Now, Scale: c.Scale}
}

// Advance moves time ahead, in any clock mode, and returns when everything that
// falls due on the way has happened and what it caused was delivered. It refuses to
// go back, and gives up after 1,000,000 events with an error that names what
// repeats.
func (w *Workspace) Advance(d time.Duration) error {
	_, err := w.AdvanceContext(context.Background(), sandbox.Advance{By: d})
	return err
}

// AdvanceTo is Advance to an instant.
func (w *Workspace) AdvanceTo(t time.Time) error {
	ctx, cancel := w.e.withClose(context.Background())
	defer cancel()
	return advanceError(w.world.AdvanceToContext(ctx, t))
}

// AdvanceToNext moves to the next event and reports false if none is booked.
func (w *Workspace) AdvanceToNext() bool {
	moved, _ := w.AdvanceContext(context.Background(), sandbox.Advance{Until: sandbox.UntilNext})
	return moved
}

// maxIdle bounds the events that AdvanceUntilIdle runs.
const maxIdle = 100_000

// AdvanceUntilIdle moves on until no event is scheduled. What happens again
// and again never ends: it gives up after 100,000 events with an error that names
// what repeats.
func (w *Workspace) AdvanceUntilIdle() error {
	_, err := w.AdvanceContext(context.Background(), sandbox.Advance{Until: sandbox.UntilIdle})
	return err
}

// AdvanceContext is Advance, AdvanceTo, AdvanceToNext or AdvanceUntilIdle that gives
// up when the context ends, as they do when the emulator is closed: time stays at the
// instant it reached, which the error names. It reports false when there is no event
// to move to.
func (w *Workspace) AdvanceContext(ctx context.Context, a Advance) (moved bool, err error) {
	target := engine.Target{By: a.By, To: a.To}
	switch a.Until {
	case "":
	case sandbox.UntilNext:
		target.Next = true
	case sandbox.UntilIdle:
		target.Idle, target.MaxEvents = true, maxIdle
	default:
		return false, fmt.Errorf("cannot advance until %q: use %q or %q", a.Until, sandbox.UntilNext, sandbox.UntilIdle)
	}
	ctx, cancel := w.e.withClose(ctx)
	defer cancel()
	moved, err = w.world.AdvanceContext(ctx, target)
	return moved, advanceError(err)
}

// withClose returns a context that also ends when the emulator is closed.
func (e *Emulator) withClose(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.closing, func() { cancel(sandbox.ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// advanceError is an error of the engine in the vocabulary of sandbox.
func advanceError(err error) error {
	switch {
	case errors.Is(err, engine.ErrReplaced), errors.Is(err, engine.ErrTooManyEvents):
		return fmt.Errorf("%w: %w", err, sandbox.ErrConflict)
	case errors.Is(err, engine.ErrClosed):
		return fmt.Errorf("%w: %w", err, sandbox.ErrClosed)
	}
	return err
}

// Agenda lists what will happen, in order.
func (w *Workspace) Agenda() []Event {
	events := w.world.Agenda()
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = Event(e)
	}
	return out
}
