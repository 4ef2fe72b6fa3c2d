package skystack_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// rateHeaders are the headers about limits, in the order of 3.2.
func rateHeaders() []string {
	return []string{
		"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Limit-Day", "X-RateLimit-Remaining-Day", "X-RateLimit-Reset-Day",
		"RateLimit-Policy", "RateLimit",
	}
}

// rates is what a response says about limits, one header after the other.
func rates(head http.Header) string {
	var values []string
	for _, name := range rateHeaders() {
		values = append(values, strings.Join(head.Values(name), " / "))
	}
	return strings.Join(values, " | ")
}

func wantRates(t *testing.T, r *wire.Reply, want string) {
	t.Helper()
	if got := rates(r.Head); got != want {
		t.Errorf("%s (%d): limits\n%s\nwant\n%s", r.What, r.Status, got, want)
	}
}

func advance(t *testing.T, s *wire.Server, d time.Duration) {
	t.Helper()
	if err := s.Advance(d); err != nil {
		t.Fatal(err)
	}
}

const noLimits = " |  |  |  |  |  |  | "

// S61, S62: 120 requests in a minute pass, the 121st does not and says when one
// will; other keys, also of the same workspace, do not notice.
func TestMinuteLimitS61(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFullHeaders(), emulator.WithLimits(), emulator.WithKey(emulator.Key{Token: "one"}), emulator.WithKey(emulator.Key{Token: "two"}),
			emulator.WithKey(emulator.Key{Token: "three", Workspace: "wsp_three"}))
		for n := 1; n <= 120; n++ {
			left := strconv.Itoa(120 - n)
			wantRates(t, s.Get("/v1/regions?limit=1").Wants(200), "120 | "+left+" | 1773921660 | 10000 | "+strconv.Itoa(10_000-n)+" | 1773964800"+
				` | "minute";q=120;w=60, "day";q=10000;w=86400 | "minute";r=`+left+`;t=60, "day";r=`+strconv.Itoa(10_000-n)+";t=43200")
		}
		const usedUp = `120 | 0 | 1773921660 | 10000 | 9880 | 1773964800` +
			` | "minute";q=120;w=60, "day";q=10000;w=86400 | "minute";r=0;t=60, "day";r=9880;t=43200`
		for range 3 { // a refused request does not count
			r := s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "60").Header("Cache-Control", "no-store").
				Has("error.message", "Too many requests; the next one is served when the workspace's time is 60 s further, and its clock stands. "+
					"Move it with POST /_sandbox/clock/advance, or let it run or jump: PUT /_sandbox/clock.")
			if got := detailsOf(r); got != `[{"policy":"minute","limit":120,"window_seconds":60,"retry_after":60}]` {
				t.Errorf("details %s", got)
			}
			wantRates(t, r, usedUp)
		}
		wantRates(t, s.As("two").Get("/v1/regions").Wants(200), `120 | 119 | 1773921660 | 10000 | 9999 | 1773964800`+
			` | "minute";q=120;w=60, "day";q=10000;w=86400 | "minute";r=119;t=60, "day";r=9999;t=43200`)
		s.As("three").Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", "119")

		advance(t, s, 59*time.Second)
		s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "1").Header("RateLimit", `"minute";r=0;t=1, "day";r=9880;t=43141`)
		advance(t, s, time.Second)
		wantRates(t, s.Get("/v1/regions").Wants(200), `120 | 119 | 1773921720 | 10000 | 9879 | 1773964800`+
			` | "minute";q=120;w=60, "day";q=10000;w=86400 | "minute";r=119;t=60, "day";r=9879;t=43140`)
	})
}

// S62: Retry-After is a whole number of seconds and true: a second before, the
// request is refused; at it exactly one passes.
func TestRetryAfterIsTrueS62(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFullHeaders(), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 5, PerDay: emulator.Unlimited}))
		for range 5 {
			s.Get("/v1/regions").Wants(200)
			advance(t, s, 7300*time.Millisecond)
		}
		for range 12 {
			r := s.Get("/v1/regions").Refused(429, "rate_limited")
			wait, err := strconv.Atoi(r.Head.Get("Retry-After"))
			if err != nil || wait < 1 || wait > 60 {
				t.Fatalf("Retry-After %q", r.Head.Get("Retry-After"))
			}
			r.Has("error.details.0.retry_after", wait)
			if reset, _ := strconv.ParseInt(r.Head.Get("X-RateLimit-Reset"), 10, 64); reset < s.Now().Unix()+int64(wait)-1 || reset > s.Now().Unix()+int64(wait)+1 {
				t.Errorf("X-RateLimit-Reset %d is not %d s after %d", reset, wait, s.Now().Unix())
			}
			advance(t, s, time.Duration(wait)*time.Second-time.Second)
			s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "1")
			advance(t, s, time.Second)
			s.Get("/v1/regions").Wants(200)
			s.Get("/v1/regions").Refused(429, "rate_limited")
		}
	})
}

// S61: the day ends at 00:00 UTC, for all keys at once and to the second.
func TestDayLimitS61(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		evening := time.Date(2026, 3, 19, 23, 58, 20, 0, time.UTC)
		s := start(emulator.WithFullHeaders(), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: evening}), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 2, PerDay: 3}))
		s.Get("/v1/regions").Wants(200)
		s.Get("/v1/regions").Wants(200)
		r := s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "60")
		if got := detailsOf(r); got != `[{"policy":"minute","limit":2,"window_seconds":60,"retry_after":60}]` {
			t.Errorf("details %s", got)
		}
		advance(t, s, 60*time.Second)
		wantRates(t, s.Get("/v1/regions").Wants(200), `2 | 1 | 1773964820 | 3 | 0 | 1773964800 | "minute";q=2;w=60, "day";q=3;w=86400 | "minute";r=1;t=60, "day";r=0;t=40`)
		r = s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "40")
		if got := detailsOf(r); got != `[{"policy":"day","limit":3,"window_seconds":86400,"retry_after":40}]` {
			t.Errorf("details %s", got)
		}
		advance(t, s, 39*time.Second)
		s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "1")
		advance(t, s, time.Second)
		wantRates(t, s.Get("/v1/regions").Wants(200), `2 | 0 | 1773964820 | 3 | 2 | 1774051200 | "minute";q=2;w=60, "day";q=3;w=86400 | "minute";r=0;t=20, "day";r=2;t=86400`)

		// Both used up: each is named, and the longer wait counts.
		advance(t, s, time.Minute)
		s.Get("/v1/regions").Wants(200)
		s.Get("/v1/regions").Wants(200)
		r = s.Get("/v1/regions").Refused(429, "rate_limited").Header("Retry-After", "86340")
		if got := detailsOf(r); got != `[{"policy":"minute","limit":2,"window_seconds":60,"retry_after":60},{"policy":"day","limit":3,"window_seconds":86400,"retry_after":86340}]` {
			t.Errorf("details %s", got)
		}
	})
}

// S61; 3.2: every authenticated request counts, whatever becomes of it; what is
// refused before the limiter, and what needs no key, does not.
func TestWhatCountsS61(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFullHeaders(), emulator.WithFixture("docs"), emulator.WithLimits(), emulator.WithKey(emulator.Key{Token: "full"}),
			emulator.WithKey(emulator.Key{Token: "reader", Scopes: []string{"instances:read"}})).As("full")
		used := 0
		for _, tc := range []struct {
			name  string
			cost  int
			reply func() *wire.Reply
		}{
			{"200", 1, func() *wire.Reply { return s.Get("/v1/instances/ins_123").Wants(200) }},
			{"HEAD", 1, func() *wire.Reply { return s.Send("HEAD", "/v1/instances/ins_123", "").Wants(200) }},
			{"304", 1, func() *wire.Reply {
				return s.Get("/v1/instances/ins_123", "If-None-Match", `"1.2026-01-15"`).Wants(304)
			}},
			{"404 object", 1, func() *wire.Reply { return s.Get("/v1/instances/none").Refused(404, "instance_not_found") }},
			{"400 query", 1, func() *wire.Reply { return s.Get("/v1/instances?limit=0").Refused(400, "invalid_parameter") }},
			{"400 version", 1, func() *wire.Reply {
				return s.Get("/v1/instances", "SkyStack-Version", "x").Refused(400, "invalid_version")
			}},
			{"400 body", 1, func() *wire.Reply { return s.Post("/v1/instances", `{`).Refused(400, "invalid_json") }},
			{"406", 1, func() *wire.Reply {
				return s.Get("/v1/instances", "Accept", "text/html").Refused(406, "not_acceptable")
			}},
			{"412", 1, func() *wire.Reply {
				return s.Patch("/v1/instances/ins_123", `{"name":"n"}`, "If-Match", `"7"`).Refused(412, "precondition_failed")
			}},
			{"415", 1, func() *wire.Reply {
				return s.Post("/v1/instances", `a=b`, "Content-Type", "text/plain").Refused(415, "unsupported_media_type")
			}},
			{"201", 1, func() *wire.Reply {
				return s.Post("/v1/instances", `{"name":"n","region":"us-east-1","size":"standard-1"}`, "Idempotency-Key", "k").Wants(201)
			}},
			{"replay", 1, func() *wire.Reply {
				return s.Post("/v1/instances", `{"name":"n","region":"us-east-1","size":"standard-1"}`, "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "true")
			}},
			{"422", 1, func() *wire.Reply {
				return s.Post("/v1/instances", `{"name":"m","region":"us-east-1","size":"standard-1"}`, "Idempotency-Key", "k").Refused(422, "idempotency_key_reused")
			}},
			{"204", 1, func() *wire.Reply { return s.Delete("/v1/instances/ins_987").Wants(204) }},

			{"no key", 0, func() *wire.Reply { return s.As("").Get("/v1/instances").Refused(401, "authentication_required") }},
			{"wrong key", 0, func() *wire.Reply { return s.As("wrong").Get("/v1/instances").Refused(401, "invalid_token") }},
			{"this key, twice", 0, func() *wire.Reply {
				return s.Get("/v1/instances", "Authorization", "Bearer full", "Authorization", "Bearer full").Refused(401, "invalid_token")
			}},
			{"/v1/version", 0, func() *wire.Reply { return s.Get("/v1/version").Wants(200) }},
			{"/version", 0, func() *wire.Reply { return s.Get("/version").Wants(200) }},
			{"/healthz", 0, func() *wire.Reply { return s.Get("/healthz").Wants(200) }},
			{"/readyz", 0, func() *wire.Reply { return s.Get("/readyz").Wants(200) }},
			{"/openapi.json", 0, func() *wire.Reply { return s.Get("/openapi.json").Wants(200) }},
			{"404 route", 0, func() *wire.Reply { return s.Get("/v1/nothing").Refused(404, "route_not_found") }},
			{"405", 0, func() *wire.Reply { return s.Send("PUT", "/v1/instances", "{}").Refused(405, "method_not_allowed") }},
			{"OPTIONS", 0, func() *wire.Reply { return s.Send("OPTIONS", "/v1/instances", "").Wants(204) }},
			{"foreign host", 0, func() *wire.Reply {
				return s.Get("/v1/instances", "Host", "evil.test").Refused(403, "host_not_allowed")
			}},
		} {
			r := tc.reply()
			used += tc.cost
			if has := rates(r.Head) != noLimits; has != (tc.cost > 0) {
				t.Errorf("%s: limits in the answer: %v, want %v", tc.name, has, tc.cost > 0)
			}
			used++
			s.Get("/v1/regions").Wants(200).Header("X-RateLimit-Remaining", strconv.Itoa(120-used)).Header("X-RateLimit-Remaining-Day", strconv.Itoa(10_000-used))
			if t.Failed() {
				t.Fatalf("%s: the count is off", tc.name)
			}
		}
		s.As("reader").Delete("/v1/instances/ins_123").Refused(403, "insufficient_scope").Header("X-RateLimit-Remaining", "119")
		s.As("reader").Get("/v1/instances").Wants(200).Header("X-RateLimit-Remaining", "118")
	})
}

// 3.2, 7.2: a 429 comes before everything the request asks for, and after the
// key was found good. It changes nothing.
func TestRefusedBeforeAllElseS62(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFullHeaders(), emulator.WithFixture("empty"), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 1}))
		s.Get("/v1/regions").Wants(200)
		const body = `{"name":"n","region":"us-east-1","size":"standard-1"}`
		s.Post("/v1/instances", body, "Idempotency-Key", "k").Refused(429, "rate_limited").Header("Idempotency-Key", "")
		s.Post("/v1/instances", `{`, "SkyStack-Version", "never", "Accept", "text/html").Refused(429, "rate_limited").Header("SkyStack-Version", "2026-01-15")
		s.Send("HEAD", "/v1/instances", "").Wants(429).Header("Retry-After", "60")
		s.As("").Get("/v1/regions").Refused(401, "authentication_required").Header("Retry-After", "")
		s.Get("/v1/version").Wants(200)
		advance(t, s, time.Minute)
		s.Post("/v1/instances", body, "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "")
		advance(t, s, time.Minute)
		s.Get("/v1/instances").Wants(200).Has("pagination.total", 1)
	})
}

// S61: however many arrive at once, no more than the limit are served.
func TestLimitUnderConcurrencyS61(t *testing.T) {
	bothTransports(t, func(t *testing.T, start func(...emulator.Option) rawClient) {
		s := start(frozen12(), emulator.WithFullHeaders(), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 40}))
		var passed, refused atomic.Int32
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				switch r := s.send(t, "GET", "/v1/regions", "", nil); r.StatusCode {
				case 200:
					passed.Add(1)
				case 429:
					refused.Add(1)
				default:
					t.Errorf("status %d", r.StatusCode)
				}
			})
		}
		all.Wait()
		if passed.Load() != 40 || refused.Load() != 60 {
			t.Errorf("%d passed and %d were refused, want 40 and 60", passed.Load(), refused.Load())
		}
	})
}
