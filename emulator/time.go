package emulator

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Now is the time in the default workspace.
func (e *Emulator) Now() time.Time { return e.home.Now() }

// Advance moves the default workspace's time ahead, in any clock mode, and
// returns when everything that falls due on the way has happened. It refuses to
// go back.
func (e *Emulator) Advance(d time.Duration) error { return e.home.Advance(d) }

// AdvanceTo is Advance to an instant.
func (e *Emulator) AdvanceTo(t time.Time) error { return e.home.AdvanceTo(t) }

// AdvanceToNext moves to the next event and reports false if none is booked.
func (e *Emulator) AdvanceToNext() bool { return e.home.AdvanceToNext() }

// SetClock changes how the default workspace's time moves and, with a Now, moves
// it ahead first.
func (e *Emulator) SetClock(c Clock) error { return e.home.SetClock(c) }

// Event is something that will happen in a workspace: when, which step, and to
// what.
type Event = engine.Event

// Agenda lists what will happen in the default workspace, in order.
func (e *Emulator) Agenda() []Event { return e.home.Agenda() }
