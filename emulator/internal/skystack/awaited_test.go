package skystack_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// polled repeats a request until it is as wanted, which must not take more than a
// few tries on a clock that jumps, and never dates a response before what it shows.
func polled(t *testing.T, s *wire.Server, path string, done func(r *wire.Reply) bool) *wire.Reply {
	t.Helper()
	for range 6 {
		if r := s.Get(path); done(r) {
			if now := s.Now().UTC().Format(http.TimeFormat); r.Head.Get("Date") != now {
				t.Errorf("%s is dated %s, and it is %s", path, r.Head.Get("Date"), now)
			}
			return r
		}
	}
	t.Fatalf("%s never comes", path)
	return nil
}

func hasOne(r *wire.Reply) bool { _, ok := r.Find("data.0"); return ok }

func autoAt(opts ...emulator.Option) []emulator.Option {
	return append(opts, emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock, Now: frozenNow()}))
}

// Every wait that a client can write moves a clock that jumps.
func TestAwaitedStateIsReached(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(autoAt(emulator.WithFixture("empty"))...)
		id := s.Post("/v1/instances", `{"name":"w","region":"us-east-1","size":"standard-1","labels":{"tier":"batch"}}`).Wants(201).Text("id")
		for _, query := range []string{"name=w&status=running", "status=running&label=tier:batch&sort=-created_at"} {
			polled(t, s, "/v1/instances?"+query, hasOne).Has("data.0.id", id)
		}
		if want := frozenNow().Add(3 * time.Second); !s.Now().Equal(want) {
			t.Errorf("the time is %v, want %v", s.Now(), want)
		}
		s.Get("/v1/instances?status=stopped").Wants(200)
		s.Get("/v1/instances?status=stopped").Wants(200)
		if want := frozenNow().Add(3 * time.Second); !s.Now().Equal(want) {
			t.Errorf("the time is %v, want %v: nothing is under way", s.Now(), want)
		}

		// A snapshot, until its image is there.
		s.Post("/v1/instances/"+id+"/actions", `{"type":"snapshot"}`).Wants(202).Header("Retry-After", "1")
		slug := "snapshot-1"
		polled(t, s, "/v1/images/"+slug, func(r *wire.Reply) bool { return r.Status == 200 })

		// A job that runs by hand, and its run; then its next tick.
		job := "/v1/jobs/" + s.Post("/v1/jobs", `{"name":"j","trigger":{"every":"1h"},"action":{"type":"stop","target":{"labels":{"tier":"batch"}}}}`).Wants(201).Text("id")
		run := s.Post(job+"/run", "").Wants(202).Text("id")
		polled(t, s, job+"/runs/"+run, func(r *wire.Reply) bool { return r.Text("status") == "succeeded" })
		polled(t, s, job+"/runs", func(r *wire.Reply) bool { _, two := r.Find("data.1"); return two })
		before := s.Get(job).Text("next_run_at")
		polled(t, s, job, func(r *wire.Reply) bool { return r.Text("next_run_at") != before })
	})
}

// A busy object is free when the client that was told to come back does, and only
// then; others keep their time.
func TestRetryOfABusyObject(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(autoAt(emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "other"}))...)
		mine, other := s.As("mine"), s.As("other")
		id := made(mine, "n", "")
		path := "/v1/instances/" + id + "/actions"
		mine.Post(path, `{"type":"stop"}`).Refused(409, "instance_busy").Header("Retry-After", "1").Has("error.details.0.retry_after", 1)
		other.Get("/v1/regions").Wants(200)
		mine.Get("/v1/regions").Wants(200)
		other.Post("/v1/projects", `{"name":"p"}`).Wants(201)
		if !s.Now().Equal(frozenNow()) {
			t.Errorf("the time is %v: requests about other things moved it", s.Now())
		}
		mine.Post(path, `{"type":"stop"}`).Wants(202).Header("Date", frozenNow().Add(3*time.Second).Format(http.TimeFormat))
	})
}

// 3.2: the retry after a refusal by the limiter is served on a clock that jumps, and
// what it was told to wait is what it can sleep, however the clock moves.
func TestRetryAfterInEachClockModeS62(t *testing.T) {
	limits := emulator.WithRateLimit(emulator.RateLimit{PerMinute: 1, PerDay: emulator.Unlimited})
	for _, tc := range []struct {
		clock emulator.Clock
		want  string
	}{
		{emulator.Clock{Mode: emulator.RealClock, Now: frozenNow()}, "60"},
		{emulator.Clock{Mode: emulator.ScaledClock, Scale: 20, Now: frozenNow()}, "3"},
		{emulator.Clock{Mode: emulator.ScaledClock, Scale: 1e6, Now: frozenNow()}, "1"},
		{emulator.Clock{Mode: emulator.FrozenClock, Now: frozenNow()}, "60"},
		{emulator.Clock{Mode: emulator.AutoClock, Now: frozenNow()}, "1"},
	} {
		s := wire.Start(t, emulator.WithClock(tc.clock), limits)
		s.Get("/v1/regions").Wants(200)
		r := s.Get("/v1/regions")
		if tc.clock.Scale == 1e6 { // a minute is too short to be refused in
			continue
		}
		seconds, _ := strconv.Atoi(tc.want)
		r.Refused(429, "rate_limited").Header("Retry-After", tc.want).Has("error.details.0.retry_after", seconds)
		switch tc.clock.Mode {
		case emulator.AutoClock:
			s.Get("/v1/regions").Wants(200).Header("Date", frozenNow().Add(time.Minute).Format(http.TimeFormat))
		case emulator.FrozenClock:
			s.Get("/v1/regions").Refused(429, "rate_limited").
				Has("error.message", "Too many requests; the next one is served when the workspace's time is 60 s further, and its clock stands. Move it with POST /_sandbox/clock/advance, or let it run or jump: PUT /_sandbox/clock.")
			found := 0
			for _, f := range s.Findings() {
				if f.Code == "clock_frozen" {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%d findings say that the clock stands, want 1", found)
			}
		}
	}
}
