package skystack_test

import (
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S69: a version ends in a world that was taken past its sunset on purpose: by
// advancing, by setting the clock, or by starting there.
func TestSunsetS69(t *testing.T) {
	sunset := time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		old := []string{"SkyStack-Version", "2025-07-01"}
		s := start(frozen12(), emulator.WithKey(emulator.Key{Token: "plain"}), emulator.WithKey(emulator.Key{Token: "pinned", APIVersion: "2025-07-01"})).As("plain")
		if err := s.AdvanceTo(sunset.Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		s.Get("/v1/instances", old...).Wants(200).Header("Deprecation", "@1768435200").Header("Sunset", "Fri, 15 Jan 2027 00:00:00 GMT")
		advance(t, s, time.Second)
		for _, r := range []*wire.Reply{s.Get("/v1/instances", old...), s.As("pinned").Get("/v1/instances"), s.Post("/v1/instances", bookable, old...)} {
			const message = "Version 2025-07-01 ended on 2027-01-15; use 2026-01-15."
			r.Refused(400, "version_sunset").Header("Deprecation", "@1768435200").Header("Sunset", "Fri, 15 Jan 2027 00:00:00 GMT").
				Header("SkyStack-Version", "2026-01-15").Header("Vary", "SkyStack-Version")
			if got := detailsOf(r); got != `[{"field":"SkyStack-Version","location":"header","code":"version_sunset","message":"`+message+`"}]` {
				t.Errorf("%s: details %s", r.What, got)
			}
		}
		// The other versions, and what needs no key, go on.
		for _, version := range []string{"-", "2026-01-15", "2026-10-01"} {
			s.Get("/v1/instances", "SkyStack-Version", version).Wants(200).Header("Deprecation", "").Header("Sunset", "")
		}
		s.As("pinned").Get("/v1/instances", "SkyStack-Version", "2026-01-15").Wants(200)
		s.As("").Get("/v1/version", old...).Wants(200)
		s.As("").Get("/healthz", old...).Wants(200)

		for _, mode := range []emulator.ClockMode{emulator.RealClock, emulator.ScaledClock, emulator.FrozenClock, emulator.AutoClock} {
			started := start(emulator.WithClock(emulator.Clock{Mode: mode, Now: sunset}))
			started.Get("/v1/instances", old...).Refused(400, "version_sunset")
			early := start(emulator.WithClock(emulator.Clock{Mode: mode, Now: sunset.Add(-time.Hour)}))
			early.Get("/v1/instances", old...).Wants(200)
			if err := early.SetClock(emulator.Clock{Mode: mode, Now: sunset}); err != nil {
				t.Fatal(err)
			}
			early.Get("/v1/instances", old...).Refused(400, "version_sunset")
			early.Reset()
			early.Get("/v1/instances", old...).Wants(200)
		}
	})
}

// S69; trap T6: a world that grew old with the wall clock refuses nothing, unless
// that was asked for.
func TestAgeIsNoSunsetS69(t *testing.T) {
	decade := 10 * 365 * 24 * time.Hour
	for _, tc := range []struct {
		name    string
		options []emulator.Option
		status  int // after the world grew past the sunset
	}{
		{"real", nil, 200},
		{"real, begun before", []emulator.Option{emulator.WithClock(emulator.Clock{Mode: emulator.RealClock, Now: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)})}, 200},
		{"scaled", []emulator.Option{emulator.WithClock(emulator.Clock{Mode: emulator.ScaledClock, Scale: 5})}, 200},
		{"frozen", []emulator.Option{frozen12()}, 200},
		{"enforced", []emulator.Option{emulator.WithEnforcedSunset()}, 400},
		{"enforced, scaled", []emulator.Option{emulator.WithEnforcedSunset(), emulator.WithClock(emulator.Clock{Mode: emulator.ScaledClock, Scale: 5})}, 400},
		{"enforced, frozen", []emulator.Option{emulator.WithEnforcedSunset(), frozen12()}, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := wire.Start(t, tc.options...)
				s.Get("/v1/instances", "SkyStack-Version", "2025-07-01").Wants(200).Header("Sunset", "Fri, 15 Jan 2027 00:00:00 GMT")
				<-time.After(3 * decade)
				s.Get("/v1/instances", "SkyStack-Version", "2025-07-01").Wants(tc.status).Header("Sunset", "Fri, 15 Jan 2027 00:00:00 GMT")
				s.Get("/v1/instances").Wants(200)
			})
		})
	}
}
