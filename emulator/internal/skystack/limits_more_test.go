package skystack_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S63: limits of a workspace. Without WithLimits nothing is limited; with it the
// fixture's limits count, and explicit ones win over them.
func TestLimitsOfAWorkspaceS63(t *testing.T) {
	const (
		both    = "format: skystack-sandbox/1\nlimits: {per_minute: 3, per_day: 50}\n"
		dayFree = "format: skystack-sandbox/1\nlimits: {per_minute: 3, per_day: null}\n"
		free    = "format: skystack-sandbox/1\nlimits: {per_minute: null, per_day: null}\n"
		none    = "format: skystack-sandbox/1\n"
		dayOnly = "format: skystack-sandbox/1\nlimits: {per_day: 7}\n"
	)
	minute := func(limit, left string) string { return limit + " | " + left + " | 1773921660" }
	for _, tc := range []struct {
		name, fixture string
		options       []emulator.Option
		want          string
	}{
		{"off in Start", none, nil, noLimits},
		{"off in Start whatever the fixture says", both, nil, noLimits},
		{"on", none, []emulator.Option{emulator.WithLimits()},
			minute("120", "119") + ` | 10000 | 9999 | 1773964800 | "minute";q=120;w=60, "day";q=10000;w=86400 | "minute";r=119;t=60, "day";r=9999;t=43200`},
		{"the fixture's", both, []emulator.Option{emulator.WithLimits()},
			minute("3", "2") + ` | 50 | 49 | 1773964800 | "minute";q=3;w=60, "day";q=50;w=86400 | "minute";r=2;t=60, "day";r=49;t=43200`},
		{"the fixture's day", dayOnly, []emulator.Option{emulator.WithLimits()},
			minute("120", "119") + ` | 7 | 6 | 1773964800 | "minute";q=120;w=60, "day";q=7;w=86400 | "minute";r=119;t=60, "day";r=6;t=43200`},
		{"no day limit", dayFree, []emulator.Option{emulator.WithLimits()}, minute("3", "2") + ` |  |  |  | "minute";q=3;w=60 | "minute";r=2;t=60`},
		{"unlimited", free, []emulator.Option{emulator.WithLimits()}, noLimits},
		{"explicit minute, the fixture's day", both, []emulator.Option{emulator.WithRateLimit(emulator.RateLimit{PerMinute: 9})},
			minute("9", "8") + ` | 50 | 49 | 1773964800 | "minute";q=9;w=60, "day";q=50;w=86400 | "minute";r=8;t=60, "day";r=49;t=43200`},
		{"explicit, in either order", both, []emulator.Option{emulator.WithRateLimit(emulator.RateLimit{PerMinute: 9, PerDay: 8}), emulator.WithLimits()},
			minute("9", "8") + ` | 8 | 7 | 1773964800 | "minute";q=9;w=60, "day";q=8;w=86400 | "minute";r=8;t=60, "day";r=7;t=43200`},
		{"explicitly no minute limit", both, []emulator.Option{emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited})},
			` |  |  | 50 | 49 | 1773964800 | "day";q=50;w=86400 | "day";r=49;t=43200`},
		{"explicitly none", both, []emulator.Option{emulator.WithRateLimit(emulator.RateLimit{PerMinute: emulator.Unlimited, PerDay: emulator.Unlimited})}, noLimits},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := wire.Start(t, append([]emulator.Option{frozen12(), emulator.WithFullHeaders(), emulator.WithFixtureData("limits.yaml", []byte(tc.fixture))}, tc.options...)...)
			wantRates(t, s.Get("/v1/regions").Wants(200), tc.want)
			wantRates(t, s.Get("/healthz").Wants(200), noLimits)
			if tc.want == noLimits {
				for range 130 {
					s.Get("/v1/regions/us-east-1").Wants(200)
				}
			}
		})
	}
}

// S63: keys of a workspace may draw on one allowance.
func TestSharedLimitS63(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for name, options := range map[string][]emulator.Option{
			"option":  {emulator.WithRateLimit(emulator.RateLimit{PerMinute: 3, Shared: true})},
			"fixture": {emulator.WithLimits(), emulator.WithFixtureData("shared.yaml", []byte("format: skystack-sandbox/1\nlimits: {per_minute: 3, scope: workspace}\n"))},
		} {
			s := start(append(options, frozen12(), emulator.WithKey(emulator.Key{Token: "one"}), emulator.WithKey(emulator.Key{Token: "two"}),
				emulator.WithKey(emulator.Key{Token: "three", Workspace: "wsp_three"}))...)
			s.As("one").Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", "2")
			s.As("two").Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", "1")
			s.As("one").Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", "0")
			s.As("one").Get("/v1/regions").Refused(429, "rate_limited")
			s.As("two").Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "60")
			s.As("three").Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", "2")
			advance(t, s, time.Minute)
			s.As("two").Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", "2")
			if t.Failed() {
				t.Fatalf("shared by %s", name)
			}
		}
	})
}

// 3.2: the fixed algorithm frees all of a minute at its end, and the log never
// lets more than the limit through in any 60 seconds (S61).
func TestFixedAndSlidingMinuteS61(t *testing.T) {
	for _, tc := range []struct {
		fixed  bool
		wait   string
		passes int // right after the turn of the minute
	}{
		{true, "10", 3},
		{false, "40", 0},
	} {
		s := wire.Start(t, emulator.WithRateLimit(emulator.RateLimit{PerMinute: 3, PerDay: emulator.Unlimited, Fixed: tc.fixed}),
			emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: frozenNow().Add(30 * time.Second)}))
		s.Get("/v1/regions").Wants(200)
		advance(t, s, 20*time.Second)
		s.Get("/v1/regions").Wants(200)
		s.Get("/v1/regions").Wants(200)
		s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", tc.wait)
		advance(t, s, 10*time.Second) // 12:01:00
		passes := 0
		for s.Get("/v1/regions").Status == 200 {
			passes++
		}
		if passes != tc.passes {
			t.Errorf("fixed %v: %d passed in the new minute, want %d", tc.fixed, passes, tc.passes)
		}
	}
}
