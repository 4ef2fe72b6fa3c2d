package skystack_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// S11: the health of an instance follows from its status, in each of them, by
// both addresses.
func TestHealthS11(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		for _, c := range []struct{ status, health, host, instance, network string }{
			{"running", "healthy", "ok", "ok", "ok"},
			{"provisioning", "unknown", "initializing", "initializing", "initializing"},
			{"starting", "unknown", "ok", "initializing", "initializing"},
			{"rebooting", "unknown", "ok", "initializing", "initializing"},
			{"rebuilding", "unknown", "ok", "initializing", "initializing"},
			{"stopping", "unknown", "ok", "insufficient_data", "insufficient_data"},
			{"stopped", "unknown", "ok", "insufficient_data", "insufficient_data"},
			{"resizing", "unknown", "ok", "insufficient_data", "insufficient_data"},
			{"deleting", "unknown", "ok", "insufficient_data", "insufficient_data"},
			{"error", "unhealthy", "ok", "impaired", "impaired"},
		} {
			i, err := s.CreateInstance(sandbox.Instance{Name: "a", Status: c.status})
			if err != nil {
				t.Fatal(err)
			}
			for _, base := range []string{"/v1/instances/", "/v1/compute/instances/"} {
				r := s.Get(base+i.ID+"/health").Wants(200).Has("instance_id", i.ID).Has("status", c.health).Lacks("checks.3")
				for n, check := range [][2]string{{"host", c.host}, {"instance", c.instance}, {"network", c.network}} {
					at := "checks." + string(rune('0'+n))
					r.Has(at+".name", check[0]).Has(at+".status", check[1]).Has(at+".since", "2026-03-19T12:00:00Z")
				}
			}
		}
		s.Get("/v1/instances/none/health").Refused(404, "instance_not_found")
	})
}

// since is when the status began, whatever else changed meanwhile.
func TestHealthSince(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	id := made(s, "a", "")
	since := func(status, want string) {
		t.Helper()
		s.Get("/v1/instances/"+id+"/health").Wants(200).Has("status", status).Has("checks.0.since", want).Has("checks.2.since", want)
	}
	wait := func(d time.Duration) {
		t.Helper()
		if err := s.Advance(d); err != nil {
			t.Fatal(err)
		}
	}
	since("unknown", "2026-03-19T12:00:00Z")
	wait(time.Minute)
	since("healthy", "2026-03-19T12:00:03Z")
	s.Patch("/v1/instances/"+id, `{"name":"b"}`).Wants(200)
	s.Post("/v1/instances/"+id+"/actions", `{"type":"snapshot"}`).Wants(202)
	wait(time.Minute)
	since("healthy", "2026-03-19T12:00:03Z")
	if err := s.Fail(id, ""); err != nil {
		t.Fatal(err)
	}
	s.Get("/v1/instances/"+id+"/health").Has("status", "unhealthy").Has("checks.0.status", "impaired").Has("checks.0.since", "2026-03-19T12:02:00Z")
}

// With the auto clock, whoever asks for the health again waits for nothing.
func TestHealthIsARead(t *testing.T) {
	s := wire.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock}), emulator.WithFixture("empty"))
	id := made(s, "a", "")
	s.Get("/v1/instances/"+id+"/health").Wants(200).Has("status", "healthy")
}
