package skystack_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// The endpoints of a deleted project hear of that and are gone then; what the
// workspace still has to tell is not for them.
func TestWebhooksEndWithTheirProject(t *testing.T) {
	var bad atomic.Bool
	bad.Store(true)
	in, idle := &inbox{answer: func(int, *http.Request) int {
		if bad.Load() {
			return 500
		}
		return 204
	}}, &inbox{}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(byHost{"told.localhost": in, "idle.localhost": idle}))
	project := s.Post("/v1/projects", `{"name":"short"}`).Wants(201).Text("id")
	in2 := `,"project_id":"` + project + `"`
	told := hook(s, "http://told.localhost/h", `"*"`, in2)
	untold := hook(s, "http://idle.localhost/h", `"instance.*"`, in2)
	asleep := hook(s, "http://idle.localhost/h", `"*"`, in2)
	s.Patch("/v1/webhooks/"+asleep, `{"status":"disabled"}`).Wants(200)
	stays := hook(s, "http://idle.localhost/h", `"instance.*"`, "")

	s.Delete("/v1/projects/" + project).Wants(204)
	s.Get("/v1/webhooks/"+untold).Refused(404, "webhook_not_found")
	s.Get("/v1/webhooks/"+asleep).Refused(404, "webhook_not_found")
	s.Get("/v1/webhooks/" + stays).Wants(200)
	advance(t, s, 0)
	s.Get("/v1/webhooks/"+told).Wants(200).Has("health", "failing")
	if _, err := s.Trigger(emulator.Trigger{Type: "sandbox.reset"}); err != nil { // of the workspace
		t.Fatal(err)
	}
	bad.Store(false)
	advance(t, s, 10*time.Second)
	s.Get("/v1/webhooks/"+told).Refused(404, "webhook_not_found")
	if types, _ := in.events(t); !slices.Equal(types, []string{"project.deleted", "project.deleted"}) {
		t.Errorf("it got %v, want project.deleted and its repetition", types)
	}
	if got := idle.arrived(); len(got) != 0 {
		t.Errorf("the others got %v", got)
	}
	s.Get("/v1/webhooks").Wants(200).Has("pagination.total", 1)
	s.Delete("/v1/webhooks/" + told).Wants(204) // as of any that was deleted
}

// Enabled again, an endpoint may fail as long as before until it is disabled again.
func TestEnabledAgainItMayFailAgain(t *testing.T) {
	in := &inbox{answer: func(int, *http.Request) int { return 500 }}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	id := hook(s, "http://127.0.0.1:3000/h", `"instance.created"`, `,"auto_disable_after_seconds":60`)
	for n := range 2 {
		sendTestEvents(s, id, 1)
		advance(t, s, time.Hour)
		s.Get("/v1/webhooks/"+id).Wants(200).Has("status", "disabled").Has("disabled_reason", "failing").Has("health", "failing")
		if got, want := len(in.arrived()), 4*(n+1); got != want { // at 0, 10, 30 and 70 s
			t.Errorf("%d attempts, want %d", got, want)
		}
		s.Patch("/v1/webhooks/"+id, `{"status":"enabled"}`).Wants(200).Has("health", "ok").Has("failing_since", nil)
	}
}

// A secret of one's own that is empty is none, and no reason to make up another.
func TestEmptySecret(t *testing.T) {
	s := wire.Start(t)
	s.Post("/v1/webhooks", `{"url":"http://127.0.0.1:3000/h","event_types":["*"],"secret":""}`).Refused(400, "invalid_parameter").
		Has("error.details.0.field", "secret").Has("error.details.0.message", "secret: A secret begins with whsec_.")
}
