package skystack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// An event has at most 64 KiB, whatever its object has: the largest members are
// empty or left out, and named, in a delivery as in the list (5.2).
func TestEventsAreSmallS77(t *testing.T) {
	in := &inbox{}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	hook(s, "http://127.0.0.1:3000/h", `"instance.created","instance.updated"`, "")
	labels := []string{}
	for n := range 64 {
		labels = append(labels, fmt.Sprintf(`"%062d":"%s"`, n, strings.Repeat(`\u0001`, 255)))
	}
	id := s.Post("/v1/instances", `{"name":"web","region":"us-east-1","size":"standard-2","metadata":{"a":"`+strings.Repeat("m", 500<<10)+`"}}`).Wants(201).Text("id")
	s.Patch("/v1/instances/"+id, `{"metadata":{"a":"`+strings.Repeat("m", 30<<10)+`"}}`).Wants(200)
	s.Patch("/v1/instances/"+id, `{"labels":{`+strings.Join(labels, ",")+`}}`).Wants(200)
	s.Patch("/v1/instances/"+id, `{"labels":null,"name":"small","metadata":{"a":"`+strings.Repeat("n", 28<<10)+`"}}`).Wants(200)
	s.Patch("/v1/instances/"+id, `{"name":"again"}`).Wants(200)
	if err := s.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"instance.created [object.metadata]",
		"instance.updated [previous_attributes.metadata]",
		"instance.updated [object.labels]",
		"instance.updated [previous_attributes.labels]",
		"instance.updated []",
	}
	for n, a := range in.arrived() {
		var e struct {
			Type string
			Data struct {
				Object  map[string]json.RawMessage
				Omitted []string
			}
		}
		if err := json.Unmarshal([]byte(a.Body), &e); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.Type, " ", e.Data.Omitted); n >= len(want) || got != want[n] {
			t.Errorf("event %d: %s", n+1, got)
		}
		if len(a.Body) > 64<<10 {
			t.Errorf("event %d has %d bytes", n+1, len(a.Body))
		}
		if string(e.Data.Object["id"]) != `"`+id+`"` || len(e.Data.Object["version"]) == 0 {
			t.Errorf("event %d lacks what is small: %s", n+1, a.Body[:300])
		}
		if n == 1 && !strings.Contains(string(e.Data.Object["metadata"]), "mmm") {
			t.Errorf("event %d lacks what fits", n+1)
		}
	}
	if got := len(in.arrived()); got != len(want) {
		t.Errorf("%d deliveries, want %d", got, len(want))
	}
	s.Get("/v1/events?type=instance.created").Has("data.0.data.omitted.0", "object.metadata").Has("data.0.data.object.id", id).Has("data.0.data.object.metadata", map[string]any{})
	s.Get("/v1/events?type=instance.running").Lacks("data.0.data.omitted")
	events := s.Events(sandbox.EventMatch{Type: "instance.created"})
	if len(events) != 1 || fmt.Sprint(events[0].Omitted) != "[object.metadata]" {
		t.Errorf("%+v", events)
	}
}
