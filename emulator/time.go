package emulator

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Now is the workspace's time.
func (w *Workspace) Now() time.Time { return w.world.Now() }

// Clock is how the workspace's time moves, with the present as Now.
func (w *Workspace) Clock() Clock {
	c := w.world.Clock()
	return Clock{Mode: ClockMode(c.Mode), Now: c.Now, Scale: c.Scale}
}

// SetClock changes how time moves and, with a Now, moves it ahead first.
func (w *Workspace) SetClock(c Clock) error { return w.world.SetClock(engineClock(c)) }

func engineClock(c Clock) engine.Clock {
	return engine.Clock{Mode: engine.Mode(c.Mode), Now: c.Now, Scale: c.Scale}
}

// Advance moves time ahead, in any clock mode, and returns when everything that
// falls due on the way has happened. It refuses to go back.
func (w *Workspace) Advance(d time.Duration) error { return w.world.Advance(d) }

// AdvanceTo is Advance to an instant.
func (w *Workspace) AdvanceTo(t time.Time) error { return w.world.AdvanceTo(t) }

// AdvanceToNext moves to the next event and reports false if none is booked.
func (w *Workspace) AdvanceToNext() bool { return w.world.AdvanceToNext() }

// maxIdle is how many events AdvanceUntilIdle runs at most.
const maxIdle = 100_000

// AdvanceUntilIdle moves on until nothing is booked any more. What happens again
// and again never ends: it gives up with an error after 100,000 events.
func (w *Workspace) AdvanceUntilIdle() error { return w.world.AdvanceUntilIdle(maxIdle) }

// Agenda lists what will happen, in order.
func (w *Workspace) Agenda() []Event {
	events := w.world.Agenda()
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = Event(e)
	}
	return out
}
