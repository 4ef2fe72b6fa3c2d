package skystack_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// A list of jobs or policies changes when one of them does, also for a client that
// never asks for one by its id.
func TestListsOfWhatRepeatsMoveTime(t *testing.T) {
	s := wire.Start(t, autoAt(emulator.WithFixture("empty"))...)
	s.Post("/v1/jobs", `{"name":"j","trigger":{"every":"1h"},"action":{"type":"stop","target":{"labels":{"tier":"batch"}}}}`).Wants(201)
	project := s.Get("/v1/projects").Text("data.0.id")
	for _, path := range []string{"/v1/jobs", "/v1/jobs?project_id=" + project} {
		before := s.Get(path).Wants(200).Text("data.0.next_run_at")
		polled(t, s, path, func(r *wire.Reply) bool { return r.Text("data.0.next_run_at") != before })
	}
	if want := frozenNow().Add(2 * time.Hour); !s.Now().Equal(want) {
		t.Errorf("the time is %v, want %v", s.Now(), want)
	}

	made(s, "a", `,"autoscale":{"min":2}`)
	path := "/v1/autoscale-policies"
	polled(t, s, path, func(r *wire.Reply) bool { return r.Int("data.0.members") == 2 })
}

// An endpoint that fails is disabled when it was asked for, and whoever reads it until
// then sees it happen.
func TestAnEndpointIsReadUntilItIsDisabled(t *testing.T) {
	for _, list := range []bool{false, true} {
		in := &inbox{answer: func(int, *http.Request) int { return 500 }}
		s := wire.Start(t, autoAt(emulator.WithWebhookTransport(in))...)
		id := hook(s, "http://127.0.0.1:3000/h", `"instance.created"`, `,"auto_disable_after_seconds":60`)
		sendTestEvents(s, id, 1)
		path, status := "/v1/webhooks", "data.0.status"
		if !list {
			path, status = "/v1/webhooks/"+id, "status"
		}
		for n := 0; ; n++ {
			advance(t, s, 0) // what is in flight arrives
			if s.Get(path).Wants(200).Text(status) == "disabled" {
				break
			}
			if n == 12 {
				t.Fatalf("%s never shows that the endpoint is disabled", path)
			}
		}
		if got := s.Now().Sub(frozenNow()); got != 70*time.Second {
			t.Errorf("it was disabled after %v, want 70s", got)
		}
	}
}

// A long poll by type waits for what leads to events of the type; one for whatever
// comes does not play what repeats.
func TestLongPollsWaitForWhatTheyName(t *testing.T) {
	s := wire.Start(t, autoAt(emulator.WithFixture("empty"))...)
	s.Post("/v1/jobs", `{"name":"j","trigger":{"every":"1h"},"action":{"type":"stop","target":{"labels":{"tier":"batch"}}}}`).Wants(201)
	id := made(s, "a", `,"labels":{"tier":"batch"}`)
	events := s.Get("/v1/events?type=instance.running&wait=30s").Wants(200)
	events.Has("data.0.data.object.id", id)
	all := s.Get("/v1/events").Wants(200)
	last := all.Text(fmt.Sprintf("data.%d.id", all.Int("pagination.total")-1))
	if got := s.Now().Sub(frozenNow()); got != 3*time.Second {
		t.Errorf("the time is %v after the start, want 3s", got)
	}
	for _, query := range []string{"", "&type=instance.*", "&type=*"} {
		s.Get("/v1/events?wait=1ms&after=" + last + query).Wants(200).Lacks("data.0")
	}
	if got := s.Now().Sub(frozenNow()); got != 3*time.Second {
		t.Errorf("the time is %v after the start, want 3s: nothing was under way", got)
	}
	s.Get("/v1/events?type=job.run.*&wait=30s").Wants(200).Has("data.0.type", "job.run.completed")
	if got := s.Now().Sub(frozenNow()); got < time.Hour || got > time.Hour+time.Minute {
		t.Errorf("the time is %v after the start, want an hour and what the stop takes", got)
	}
}

// Whatever is accepted says when to look again, in seconds that a client can sleep.
func TestAcceptedHasRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		clock emulator.Clock
		want  string
	}{
		{emulator.Clock{Mode: emulator.FrozenClock, Now: frozenNow()}, "2"},
		{emulator.Clock{Mode: emulator.AutoClock, Now: frozenNow()}, "1"},
	} {
		in := &inbox{answer: func(int, *http.Request) int { return 200 }}
		s := wire.Start(t, emulator.WithClock(tc.clock), emulator.WithFixture("empty"), emulator.WithWebhookTransport(in))
		made(s, "a", `,"labels":{"tier":"batch"}`)
		advance(t, s, time.Minute)
		job := "/v1/jobs/" + s.Post("/v1/jobs", `{"name":"j","trigger":{"every":"24h"},"action":{"type":"stop","target":{"labels":{"tier":"batch"}}}}`).Wants(201).Text("id")
		s.Post(job+"/run", "").Wants(202).Header("Retry-After", tc.want)
		none := "/v1/jobs/" + s.Post("/v1/jobs", `{"name":"k","trigger":{"every":"24h"},"action":{"type":"stop","target":{"labels":{"tier":"none"}}}}`).Wants(201).Text("id")
		s.Post(none+"/run", "").Wants(202).Header("Retry-After", "")

		id := hook(s, "http://127.0.0.1:3000/h", `"project.created"`, "")
		s.Post("/v1/webhooks/"+id+"/test", "").Wants(202).Header("Retry-After", "1")
	}
}

// A refusal that says when to come back is not the outcome of the request: the same
// key is served then.
func TestKeyedRequestIsServedAfterRetryAfter(t *testing.T) {
	for _, mode := range []emulator.ClockMode{emulator.AutoClock, emulator.FrozenClock} {
		s := wire.Start(t, emulator.WithClock(emulator.Clock{Mode: mode, Now: frozenNow()}), emulator.WithFixture("empty"))
		path := "/v1/instances/" + made(s, "n", "") + "/actions"
		s.Post(path, `{"type":"stop"}`, "Idempotency-Key", "k").Refused(409, "instance_busy")
		if mode == emulator.FrozenClock {
			s.Post(path, `{"type":"stop"}`, "Idempotency-Key", "k").Refused(409, "instance_busy").Header("Idempotent-Replayed", "")
			advance(t, s, 3*time.Second)
		}
		first := s.Post(path, `{"type":"stop"}`, "Idempotency-Key", "k").Wants(202).Header("Idempotent-Replayed", "")
		s.Post(path, `{"type":"stop"}`, "Idempotency-Key", "k").Wants(202).Header("Idempotent-Replayed", "true").Has("id", first.Text("id"))
		s.Post(path, `{"type":"resize","size":"nothing-1"}`, "Idempotency-Key", "l").Wants(400)
	}
}
