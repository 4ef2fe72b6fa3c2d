package sandbox

import "time"

// ClockMode says how the time of a workspace moves.
type ClockMode string

// The clock modes. Any can be advanced; none goes back.
const (
	RealClock   ClockMode = "real"   // as the wall clock
	ScaledClock ClockMode = "scaled" // Scale times as fast
	FrozenClock ClockMode = "frozen" // only when advanced
	// AutoClock is frozen too, but a client that waits for an object by reading it
	// again is taken to the moment it is done.
	AutoClock ClockMode = "auto"
)

// Clock is how the time of a workspace moves.
type Clock struct {
	// Mode is how; "" means real, or as the fixture has it.
	Mode ClockMode `json:"mode,omitempty"`
	// Now is the instant to start from, or to move ahead to. The zero time is
	// the fixture's first instant or the present.
	Now time.Time `json:"now,omitzero"`
	// Scale is how many seconds pass in a second of a scaled clock, more than 0
	// and at most 1,000,000; 0 means 1. Other modes ignore it.
	Scale float64 `json:"scale,omitempty"`
}

// Advance says how far time moves ahead: By a duration, which may be 0, unless To or
// Until is set.
type Advance struct {
	// By is a duration; a negative one is refused.
	By time.Duration
	// To is an instant that has not passed.
	To time.Time
	// Until is UntilNext or UntilIdle.
	Until string
}

// The values of Advance.Until.
const (
	UntilNext = "next" // the next event of the agenda
	UntilIdle = "idle" // the instant at which nothing is booked any more
)

// Event is something that will happen in a workspace.
type Event struct {
	At      time.Time `json:"at"`
	Seq     uint64    `json:"seq"`     // events due together happen in this order
	Step    string    `json:"step"`    // what will happen, as action.finish
	Subject string    `json:"subject"` // the id of what it is about
}
