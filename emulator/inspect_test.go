package emulator_test

import (
	"reflect"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

func TestSetup(t *testing.T) {
	bare := emulator.Start(t).Setup()
	want := emulator.Setup{
		Fixture: "default", Workspace: "wsp_default", Seed: 1, Clock: emulator.Clock{Mode: emulator.RealClock},
		Speed: "fast", Progression: "time", Quota: emulator.Unlimited,
	}
	if !reflect.DeepEqual(bare, want) {
		t.Errorf("without options: %+v", bare)
	}
	now := time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)
	e := emulator.Start(t, emulator.WithFixture("docs"), emulator.WithSeed(7), emulator.WithClock(emulator.Clock{Mode: emulator.ScaledClock}),
		emulator.WithLimits(), emulator.WithRateLimit(emulator.RateLimit{PerDay: emulator.Unlimited, Shared: true}),
		emulator.WithSpeed("realistic"), emulator.WithDuration("create", time.Minute), emulator.WithProgression("reads:3"),
		emulator.WithResetEvery(24*time.Hour))
	want = emulator.Setup{
		Fixture: "docs", Workspace: "wsp_default", Seed: 7, Clock: emulator.Clock{Mode: emulator.ScaledClock, Now: now, Scale: 1},
		Speed: "realistic", Durations: map[string]time.Duration{"create": time.Minute}, Progression: "reads:3",
		RateLimit: &emulator.RateLimit{PerMinute: 120, PerDay: emulator.Unlimited, Shared: true},
		Quota:     100, ResetEvery: 24 * time.Hour,
	}
	if got := e.Setup(); !reflect.DeepEqual(got, want) {
		t.Errorf("with options: %+v", got)
	}
	// The response is a copy.
	e.Setup().Durations["create"], e.Setup().RateLimit.PerMinute = 0, 0
	if got := e.Setup(); !reflect.DeepEqual(got, want) {
		t.Errorf("after changing the answer: %+v", got)
	}
	off := emulator.Start(t, emulator.WithLimits(), emulator.WithQuota(emulator.Unlimited),
		emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited, PerDay: emulator.Unlimited})).Setup()
	if off.RateLimit != nil || off.Quota != emulator.Unlimited {
		t.Errorf("limits taken away: %+v", off)
	}
}
