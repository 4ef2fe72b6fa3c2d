package emulator

import (
	"cmp"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
)

// Check reports what is wrong with options by themselves, without making an
// emulator; nil if nothing is. What depends on the fixture only New can say.
func Check(opts ...Option) error {
	_, err := configure(opts)
	return err
}

// Setup is what an emulator started with: its options, its fixture, and the
// defaults where both are silent.
type Setup struct {
	// Fixture is the fixture's name, Workspace the id of the default workspace.
	Fixture, Workspace string
	Seed               uint64
	// Clock is how time began to move; a zero Now is the present.
	Clock Clock
	// Speed, Durations and Progression are as their options have them.
	Speed       string
	Durations   map[string]time.Duration
	Progression string
	// RateLimit is what each key may ask, with Unlimited for no limit; nil when
	// requests are not limited at all.
	RateLimit *RateLimit
	// Quota is the most instances of a workspace; Unlimited for no limit.
	Quota int
	// ResetEvery is the time between two resets; 0 means never.
	ResetEvery time.Duration
}

// Setup returns what the emulator started with.
func (e *Emulator) Setup() Setup {
	c := &e.config
	s := Setup{
		Fixture: e.fixture.Name(), Workspace: e.home.ID(), Seed: c.seed, Clock: c.clock,
		Speed:       string(cmp.Or(c.settings.Speed, skystack.Fast)),
		Progression: string(cmp.Or(c.settings.Progression, skystack.ByTime)),
		Quota:       Unlimited, ResetEvery: c.resetEvery,
	}
	s.Clock.Mode = cmp.Or(s.Clock.Mode, engine.Real)
	if s.Clock.Mode == engine.Scaled {
		s.Clock.Scale = cmp.Or(s.Clock.Scale, 1)
	}
	if c.settings.Durations != nil {
		s.Durations = map[string]time.Duration{}
		for action, d := range c.settings.Durations {
			s.Durations[string(action)] = time.Duration(d)
		}
	}
	if r := c.allowance; c.settings.Limited && (r.PerMinute != Unlimited || r.PerDay != Unlimited) {
		r.Separate = !r.Shared
		s.RateLimit = &r
	}
	if c.settings.Quota != nil {
		s.Quota = *c.settings.Quota
	}
	return s
}
