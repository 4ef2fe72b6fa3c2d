package skystack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// measured is an instance that runs, whose events of metrics and health a webhook gets.
func measured(t *testing.T) (s *wire.Server, in *inbox, id string) {
	t.Helper()
	in = &inbox{}
	s = wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	hook(s, "http://127.0.0.1:3000/h", `"metric.*","health.*"`, "")
	id = s.Post("/v1/instances", `{"name":"web","region":"us-east-1","size":"standard-2"}`).Wants(201).Text("id")
	advance(t, s, time.Minute)
	s.Get("/v1/instances/"+id).Wants(200).Has("status", "running")
	return s, in, id
}

func load(t *testing.T, s *wire.Server, id string, l sandbox.Load) {
	t.Helper()
	if err := s.SetLoad(id, l); err != nil {
		t.Fatal(err)
	}
	advance(t, s, time.Second)
}

func percent(v float64) *float64 { return &v }

// crossings is the events of thresholds as a list shows them.
func crossings(r *wire.Reply) (all []string) {
	for n := range r.Strings("data", "id") {
		at := fmt.Sprintf("data.%d.data.object.", n)
		threshold, _ := r.Find(at + "threshold")
		value, _ := r.Find(at + "value")
		all = append(all, fmt.Sprint(r.Text(at+"metric"), " ", r.Text(at+"state"), " ", threshold, " ", value))
	}
	return all
}

// S15: a metric tells that it crossed a threshold, once each way, by webhook, list and
// stream alike. Between the thresholds nothing is told.
func TestThresholdEventsS15(t *testing.T) {
	s, in, id := measured(t)
	for _, cpu := range []float64{89.99, 90, 95, 85, 80, 79.99, 85, 50, 100} {
		load(t, s, id, sandbox.Load{CPU: percent(cpu)})
	}
	load(t, s, id, sandbox.Load{CPU: percent(100), Memory: percent(91)})
	load(t, s, id, sandbox.Load{})
	want := []string{"cpu high 90 90", "cpu normal 80 79.99", "cpu high 90 100", "memory high 90 91", "cpu normal 80 25"}
	r := s.Get("/v1/events?type=metric.*").Wants(200).Has("data.0.type", "metric.threshold_crossed").Has("data.0.data.object.instance_id", id).Has("data.0.data.object.unit", "percent")
	got := crossings(r)
	if len(got) != 6 || !slices.Equal(got[:5], want) || got[5][:16] != "memory normal 80" {
		t.Errorf("events %q, want %q and that memory is normal", got, want)
	}
	if types, ids := in.events(t); !slices.Equal(ids, r.Strings("data", "id")) {
		t.Errorf("delivered %v %v, want %v", types, ids, r.Strings("data", "id"))
	}
	stream := s.Stream("/v1/events/stream?from=start&type=metric.threshold_crossed")
	for _, eventID := range r.Strings("data", "id") {
		f, err := stream.Next()
		if err != nil || f.Type != "metric.threshold_crossed" || !strings.Contains(f.Data, `"id":"`+eventID+`"`) {
			t.Fatalf("the stream has %+v, %v; want %s", f, err, eventID)
		}
	}
}

// S15: a long poll for metrics ends with the crossing.
func TestThresholdEndsALongPollS15(t *testing.T) {
	s, _, id := measured(t)
	after := s.Get("/v1/events?type=metric.*").Wants(200).Has("pagination.total", 0).Text("resume_cursor")
	done := make(chan *wire.Reply, 1)
	go func() { done <- s.Get("/v1/events?type=metric.*&wait=30s&cursor=" + after) }()
	load(t, s, id, sandbox.Load{CPU: percent(99)})
	if got := crossings((<-done).Wants(200)); !slices.Equal(got, []string{"cpu high 90 99"}) {
		t.Errorf("the poll ended with %q", got)
	}
}

// S15: what does not run has no value; when it runs again the load counts, and nothing
// is told twice. An agenda is not needed to watch.
func TestThresholdsOfStoppedInstancesS15(t *testing.T) {
	s, _, id := measured(t)
	load(t, s, id, sandbox.Load{CPU: percent(95)})
	s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`).Wants(202)
	advance(t, s, time.Minute)
	load(t, s, id, sandbox.Load{CPU: percent(10)})
	s.Get("/v1/events?type=metric.*").Wants(200).Has("pagination.total", 1)
	s.Post("/v1/instances/"+id+"/actions", `{"type":"start"}`).Wants(202)
	advance(t, s, time.Minute)
	if got, want := crossings(s.Get("/v1/events?type=metric.*")), []string{"cpu high 90 95", "cpu normal 80 10"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if pending := s.Agenda(); len(pending) != 0 {
		t.Errorf("the agenda has %v", pending)
	}
}

// S15: an instance tells when it becomes unhealthy, and when it no longer is.
func TestHealthEventsS15(t *testing.T) {
	s, in, id := measured(t)
	if err := s.Fail(id, "host_failure"); err != nil {
		t.Fatal(err)
	}
	s.Get("/v1/events?type=health.changed").Wants(200).Has("pagination.total", 1).Has("data.0.data.object.status", "unhealthy").
		Has("data.0.data.object.instance_id", id).Has("data.0.data.previous_attributes.status", "healthy")
	s.Post("/v1/instances/"+id+"/actions", `{"type":"rebuild"}`).Wants(202)
	advance(t, s, 10*time.Minute)
	s.Get("/v1/instances/"+id).Wants(200).Has("status", "running")
	s.Get("/v1/events?type=health.changed").Wants(200).Has("pagination.total", 2).Has("data.1.data.previous_attributes.status", "unhealthy")
	if types, _ := in.events(t); !slices.Equal(types, []string{"health.changed", "health.changed"}) {
		t.Errorf("delivered %v", types)
	}
}

// S12, S15: a job that a crossing triggers acts on the instance that it is about.
func TestThresholdTriggersAJobS12(t *testing.T) {
	s, _, id := measured(t)
	s.Post("/v1/jobs", `{"name":"cool","trigger":{"event":"metric.threshold_crossed"},"condition":{"metric":{"name":"cpu","op":">=","value":90}},"action":{"type":"stop"}}`).Wants(201)
	load(t, s, id, sandbox.Load{CPU: percent(95)})
	advance(t, s, time.Minute)
	s.Get("/v1/instances/"+id).Wants(200).Has("status", "stopped")
}
