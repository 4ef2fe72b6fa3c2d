package skystack_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// autoClock stands still until a client waits for something.
func autoClock() emulator.Option {
	return emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock, Now: testTime()})
}

// reads:N: the N-th GET or list that shows an instance shows it moved on; the
// response to a change is not a read.
func TestProgressionByReads(t *testing.T) {
	reads := map[string]func(s *wire.Server, id string) string{
		"get":            statusOf,
		"compute":        func(s *wire.Server, id string) string { return s.Get("/v1/compute/instances/" + id).Text("status") },
		"list":           func(s *wire.Server, _ string) string { return s.Get("/v1/instances").Text("data.0.status") },
		"list by filter": func(s *wire.Server, _ string) string { return s.Get("/v1/instances?name=a").Text("data.0.status") },
		"the newest one": func(s *wire.Server, _ string) string {
			return s.Get("/v1/instances?sort=-created_at").Text("data.0.status")
		},
		"list of actions": func(s *wire.Server, id string) string {
			return s.Get("/v1/instances/" + id + "/actions").Text("data.0.status")
		},
	}
	for name, read := range reads {
		for n, progression := range map[int]string{1: "reads:1", 2: "reads:2", 5: "reads:5"} {
			t.Run(name+" "+progression, func(t *testing.T) {
				s := wire.Start(t, frozen(), emulator.WithFixture("empty"), emulator.WithProgression(progression))
				passing, done := "provisioning", "running"
				if name == "list of actions" {
					passing, done = "in_progress", "completed"
				}
				id := s.Post("/v1/instances", goodBody).Wants(201).Has("status", "provisioning").Text("id")
				advanceClock(s, time.Hour) // time does nothing
				s.Patch("/v1/instances/"+id, `{"labels":{"a":"b"}}`).Has("status", "provisioning")
				s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`).Refused(409, "instance_busy")
				for i := 1; i < n; i++ {
					if got := read(s, id); got != passing {
						t.Fatalf("read %d of %d shows %s", i, n, got)
					}
				}
				if got := read(s, id); got != done {
					t.Fatalf("read %d shows %s", n, got)
				}
			})
		}
	}
}

func TestReadsAreCountedByInstance(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithProgression("reads:2"), withInstances("id: ins_a, status: starting", "id: ins_b, status: stopping", "id: ins_c, status: deleting"))
	s.Get("/v1/instances/ins_a").Has("status", "starting")
	s.Get("/v1/instances/ins_a").Has("status", "running")
	s.Get("/v1/instances?status=stopping").Has("data.0.id", "ins_b").Has("pagination.total", 1)
	s.Get("/v1/instances?status=stopping").Has("pagination.total", 0) // it has moved on and is not shown any more
	s.Get("/v1/instances/ins_b").Has("status", "stopped")

	action := s.Get("/v1/instances/ins_c").Has("status", "deleting").Text("pending_action")
	s.Get("/v1/instances/ins_c").Refused(404, "instance_not_found")
	s.Get("/v1/actions/"+action).Has("status", "completed").Has("type", "delete")
	s.Delete("/v1/instances/ins_c").Wants(204)

	// A forced stop begins to count anew.
	s.Reset()
	s.Get("/v1/instances/ins_b").Has("status", "stopping")
	act(s, "ins_b", `{"type":"stop","force":true}`)
	s.Get("/v1/instances/ins_b").Has("status", "stopping")
	s.Get("/v1/instances/ins_b").Has("status", "stopped")
	// The list of actions, or an action, may be what moves an instance out of the world.
	s.Get("/v1/instances/ins_c/actions").Wants(200).Has("data.0.type", "delete")
	s.Get("/v1/instances/ins_c/actions").Refused(404, "instance_not_found")
	s.Reset()
	action = s.Get("/v1/instances/ins_c").Text("pending_action")
	s.Get("/v1/actions/"+action).Wants(200).Has("status", "completed")
}

// manual: only a command moves an instance on.
func TestManualProgression(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(autoClock(), emulator.WithProgression("manual"), emulator.WithSlowDelete(), withInstances("id: ins_a, status: running"))
		id := s.Post("/v1/instances", goodBody).Wants(201).Text("id")
		advanceClock(s, 24*time.Hour)
		for range 5 {
			s.Get("/v1/instances").Has("data.1.status", "provisioning")
			s.Get("/v1/instances/"+id).Has("status", "provisioning").Has("ip", nil)
		}
		if err := s.Finish(id); err != nil {
			t.Fatal(err)
		}
		action := s.Get("/v1/instances/"+id).Has("status", "running").Text("id")
		s.Get("/v1/instances/"+action+"/actions").Has("data.0.progress", 100).Has("data.0.completed_at", "2026-03-20T10:22:44Z")

		r := s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`).Wants(202).Header("Retry-After", "")
		s.Get("/v1/actions/"+r.Text("id")).Has("progress", 0)
		if err := s.Fail(id, ""); err != nil {
			t.Fatal(err)
		}
		s.Get("/v1/instances/"+id).Has("status", "error").Has("status_reason.code", "stop_timeout")
		s.Delete("/v1/instances/" + id).Wants(204)
		s.Get("/v1/instances/"+id).Has("status", "deleting")
		if err := s.Finish(id); err != nil {
			t.Fatal(err)
		}
		s.Get("/v1/instances/"+id).Refused(404, "instance_not_found")
		for _, id := range []string{"ins_a", id} {
			if s.Finish(id) == nil {
				t.Errorf("%s rests, and was finished", id)
			}
		}
	})
}

// With the clock auto a client that polls is taken to the end of what it waits
// for: the second time it sees an instance on its way.
func TestAutoClock(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(autoClock(), emulator.WithSpeed("realistic"), withInstances("id: ins_slow, status: rebuilding", "id: ins_fast, status: stopping", "id: ins_rest, status: running"))
		s.Get("/v1/instances/ins_rest").Header("Date", "Thu, 19 Mar 2026 10:22:44 GMT")
		s.Get("/v1/instances/ins_rest").Header("Date", "Thu, 19 Mar 2026 10:22:44 GMT")
		s.Get("/v1/instances/ins_slow").Has("status", "rebuilding")
		s.Get("/v1/instances/ins_slow").Has("status", "running").Has("updated_at", "2026-03-19T10:23:44Z")
		if got := s.Now(); !got.Equal(testTime().Add(time.Minute)) {
			t.Errorf("it is %v", got)
		}
		s.Get("/v1/instances/ins_fast").Has("status", "stopped").Has("updated_at", "2026-03-19T10:22:59Z") // it happened on the way

		// The response that begins a change shows it: the next read sees its end.
		id := s.Post("/v1/instances", goodBody).Wants(201).Has("status", "provisioning").Has("created_at", "2026-03-19T10:23:44Z").Text("id")
		s.Get("/v1/instances/"+id).Has("status", "running").Has("updated_at", "2026-03-19T10:24:09Z")
		action := act(s, id, `{"type":"stop"}`)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"start"}`).Refused(409, "instance_busy") // a change is no read
		s.Get("/v1/actions/"+action).Has("status", "completed").Has("completed_at", "2026-03-19T10:24:24Z")
		s.Get("/v1/instances/"+id).Has("status", "stopped")

		// Lists are reads too, and go to the first end of those they show.
		s.Reset()
		s.Get("/v1/instances?limit=2").Has("data.0.status", "rebuilding").Has("data.1.status", "stopping")
		s.Get("/v1/instances?limit=2").Has("data.0.status", "rebuilding").Has("data.1.status", "stopped")
		s.Get("/v1/instances?status=rebuilding").Has("pagination.total", 0)
		if got := s.Now(); !got.Equal(testTime().Add(time.Minute)) {
			t.Errorf("it is %v", got)
		}
		s.Reset()
		s.Get("/v1/instances/ins_fast/actions").Has("data.0.status", "in_progress")
		s.Get("/v1/instances/ins_fast/actions").Has("data.0.status", "completed")
	})
}

// An asynchronous delete shows deleting for its time (S56), and is waited for
// like everything else.
func TestSlowDelete(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithSlowDelete(), withInstances("id: ins_a, status: provisioning", "id: ins_b, status: running, public_ip: true"))
		action := s.Get("/v1/instances/ins_a").Text("pending_action")
		s.Delete("/v1/instances/ins_a").Wants(204)
		s.Get("/v1/actions/"+action).Has("status", "cancelled")
		deleting := s.Get("/v1/instances/ins_a").Has("status", "deleting").Has("network.state", "detached").Text("pending_action")
		s.Get("/v1/actions/"+deleting).Has("type", "delete").Has("status", "in_progress")
		s.Get("/v1/instances/ins_a/actions").Has("pagination.total", 2).Has("data.1.id", deleting)
		s.Delete("/v1/instances/ins_a").Wants(204) // and the first one goes on
		s.Patch("/v1/instances/ins_a", `{"name":"late"}`).Refused(409, "invalid_state")
		s.Get("/v1/instances?status=deleting").Has("pagination.total", 1)
		advanceClock(s, 5*time.Second-1)
		s.Get("/v1/instances/ins_a").Has("status", "deleting")
		advanceClock(s, 1)
		s.Get("/v1/instances/ins_a").Refused(404, "instance_not_found")
		s.Get("/v1/instances").Has("pagination.total", 1)
		s.Get("/v1/actions/"+deleting).Has("status", "completed").Has("completed_at", "2026-03-19T10:22:49Z")
		s.Delete("/v1/instances/ins_a").Wants(204)
		advanceClock(s, 24*time.Hour)
		s.Delete("/v1/instances/ins_a").Refused(404, "instance_not_found")

		s.Delete("/v1/instances/ins_b").Wants(204)
		if err := s.Fail("ins_b", ""); err == nil {
			t.Error("a delete failed")
		}
	})
	s := wire.Start(t, autoClock(), emulator.WithSlowDelete(), withInstances("id: ins_a, status: running"))
	s.Delete("/v1/instances/ins_a").Wants(204)
	s.Get("/v1/instances/ins_a").Has("status", "deleting") // the 204 showed nothing
	s.Get("/v1/instances/ins_a").Refused(404, "instance_not_found")
}

// Moving time across a periodic reset in the middle of a read goes on in the
// world that was put back (S72).
func TestAutoClockAcrossAReset(t *testing.T) {
	s := wire.Start(t, autoClock(), emulator.WithResetEvery(2*time.Second), withInstances("id: ins_a, status: running"))
	id := s.Post("/v1/instances", goodBody).Wants(201).Text("id")
	s.Get("/v1/instances/"+id).Refused(404, "instance_not_found")
	s.Get("/v1/instances").Has("pagination.total", 1)
}
