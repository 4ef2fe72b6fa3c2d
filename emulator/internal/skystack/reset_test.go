package skystack_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S72: with a period the data goes back to its start by itself, in the world's
// time; the time goes on, and the next reset is announced.
func TestPeriodicResetS72(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFullHeaders(), emulator.WithResetEvery(24*time.Hour), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 100, PerDay: 1000}),
			emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "other"})).As("mine")
		next := func(want string) {
			t.Helper()
			s.As("").Get("/v1/version").Wants(200).Has("next_reset_at", want)
			s.As("").Get("/version").Wants(200).Has("next_reset_at", want)
		}
		next("2026-03-20T12:00:00Z")
		before := s.Get("/v1/instances").Int("pagination.total")
		seeded := s.Get("/v1/instances?limit=1").Text("data.0.id")
		first := s.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201)
		s.Delete("/v1/instances/" + seeded).Wants(204)
		cursor := s.Get("/v1/instances?limit=1").Text("next_cursor")

		advance(t, s, 24*time.Hour-time.Second)
		next("2026-03-20T12:00:00Z")
		s.Get("/v1/instances/"+first.Text("id")).Wants(200).Has("status", "running")
		late := s.Post("/v1/instances", bookable).Wants(201) // still booting when the reset comes
		advance(t, s, time.Second)
		next("2026-03-21T12:00:00Z")
		if !s.Now().Equal(frozenNow().Add(24 * time.Hour)) {
			t.Errorf("the time is %v: it must go on", s.Now())
		}
		s.Get("/v1/instances/"+first.Text("id")).Refused(404, "instance_not_found").Header("X-RateLimit-Remaining", "99").Header("X-RateLimit-Remaining-Day", "999")
		s.Get("/v1/instances/"+late.Text("id")).Refused(404, "instance_not_found")
		s.Delete("/v1/instances/"+late.Text("id")).Refused(404, "instance_not_found")
		s.Get("/v1/instances/"+seeded).Wants(200).Header("Date", "Fri, 20 Mar 2026 12:00:00 GMT")
		s.Get("/v1/instances?cursor="+cursor).Refused(400, "invalid_cursor")
		s.Get("/v1/instances").Wants(200).Has("pagination.total", before)
		// Ids go on, idempotency keys are forgotten, the present is the present.
		again := s.Post("/v1/instances", bookable, "Idempotency-Key", "k").Wants(201).Header("Idempotent-Replayed", "").
			Has("created_at", "2026-03-20T12:00:00Z")
		if again.Text("id") <= late.Text("id") {
			t.Errorf("%s after the reset, and %s before it", again.Text("id"), late.Text("id"))
		}
		s.Get("/v1/instances/"+first.Text("id")).Refused(404, "instance_not_found")
		advance(t, s, 3*time.Second)
		s.Get("/v1/instances/"+again.Text("id")).Wants(200).Has("status", "running").Has("updated_at", "2026-03-20T12:00:03Z")

		// Several periods at once are one after the other.
		advance(t, s, 5*24*time.Hour)
		next("2026-03-26T12:00:00Z")
		s.Get("/v1/instances").Wants(200).Has("pagination.total", before)
	})
}

// S72: without a period there is no reset, and a wrong one is refused.
func TestNoPeriodicResetS72(t *testing.T) {
	s := wire.Start(t, frozen12())
	s.As("").Get("/v1/version").Wants(200).Has("next_reset_at", nil)
	id := made(s, "n", "")
	advance(t, s, 1000*24*time.Hour)
	s.Get("/v1/instances/"+id).Wants(200).Has("status", "running")
	if _, err := emulator.New(emulator.WithResetEvery(-time.Hour)); err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("a negative period: %v", err)
	}
}

// S72: a world with a real clock resets itself when its time has come, whether or
// not anybody asks.
func TestPeriodicResetByTheWallClockS72(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, emulator.WithFixture("empty"), emulator.WithResetEvery(time.Hour))
		for range 3 {
			made(s, "n", "")
			<-time.After(59*time.Minute + 59*time.Second)
			total(s, 1)
			<-time.After(time.Second)
			total(s, 0)
		}
	})
}

// S72: Reset takes a workspace back to its first instant, ids included if they
// are to begin again, so that the same requests have the same responses.
func TestResetS72(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithResetEvery(48*time.Hour), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 30}),
			emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "other"}))
		script := func() string {
			var seen bytes.Buffer
			note := func(r *wire.Reply, body string) *wire.Reply { seen.WriteString(exchange(r, body)); return r }
			for _, key := range []string{"mine", "other"} {
				k := s.As(key)
				id := note(k.Post("/v1/instances", bookable, "Idempotency-Key", "of-"+key), bookable).Text("id")
				note(k.Post("/v1/instances", bookable, "Idempotency-Key", "of-"+key), bookable).Header("Idempotent-Replayed", "true")
				note(k.Get("/v1/instances?limit=200"), "")
				note(k.Post("/v1/projects", `{"name":"p"}`), "").Wants(201)
				note(k.Delete("/v1/instances/"+id), "").Wants(204)
				note(k.Delete("/v1/instances/"+id), "").Wants(204)
				k.Get("/v1/none").Refused(404, "route_not_found") // of no workspace: its id is the server's
			}
			s.As("").Get("/v1/version").Has("next_reset_at", "2026-03-21T12:00:00Z")
			advance(t, s, 36*time.Hour)
			return seen.String()
		}
		first := script()
		cursor := s.As("mine").Get("/v1/instances?limit=1").Text("next_cursor")
		for range 2 {
			s.Reset(emulator.RestartIDs())
			if !s.Now().Equal(frozenNow()) {
				t.Errorf("the time is %v", s.Now())
			}
			if again := script(); again != first {
				t.Fatalf("after a reset the answers are others:\n%s\n%s", first, again)
			}
			s.As("mine").Get("/v1/instances?cursor="+cursor).Refused(400, "invalid_cursor")
		}
	})
}
