package skystack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Every type of event can be triggered, in a workspace that has such objects and
// in one that has none, and reaches a webhook in the form of any other (S78).
func TestTriggerEveryTypeS78(t *testing.T) {
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprintf("objects=%t", full), func(t *testing.T) {
			in := &inbox{}
			s := wire.Start(t, emulator.WithFixture("empty"), emulator.WithWebhookTransport(in))
			if full {
				s.Post("/v1/instances", `{"name":"web","region":"us-east-1","size":"standard-2","autoscale":{"enabled":true,"min":1,"max":2,"target_cpu":50}}`).Wants(201)
			}
			hook(s, "http://in.test/", `"*"`, "")
			var want []string
			for _, eventType := range skystack.EventTypes() {
				e, err := s.Trigger(emulator.Trigger{Type: eventType})
				if err != nil {
					t.Errorf("%s: %v", eventType, err)
				}
				want = append(want, e.Event)
			}
			if err := s.FlushWebhooks(t.Context()); err != nil {
				t.Fatal(err)
			}
			types, ids := in.events(t)
			if strings.Join(types, " ") != strings.Join(skystack.EventTypes(), " ") || strings.Join(ids, " ") != strings.Join(want, " ") {
				t.Errorf("arrived %v %v, want %v", types, ids, want)
			}
			for _, a := range in.arrived() {
				var e struct {
					Data struct {
						Object struct {
							ID         string
							InstanceID string `json:"instance_id"`
						}
					}
				}
				if err := json.Unmarshal([]byte(a.Body), &e); err != nil || e.Data.Object.ID == "" && e.Data.Object.InstanceID == "" {
					t.Errorf("%v in %s", err, a.Body)
				}
			}
		})
	}
}

// What has an id is found by it, and nothing else changes.
func TestTriggerAboutAnObject(t *testing.T) {
	in := &inbox{}
	s := wire.Start(t, emulator.WithFixture("empty"), emulator.WithWebhookTransport(in))
	instance := s.Post("/v1/instances", anInstance).Wants(201)
	token := s.Post("/v1/tokens", `{"name":"reader","scopes":["instances:read"]}`).Wants(201).Text("id")
	run := s.Post(newJob(s, jobOf(`{"every":"1h"}`, stopBatch))+"/run", "").Wants(202).Text("id")
	for eventType, id := range map[string]string{
		"job.run.failed": run, "instance.deleted": instance.Text("id"), "action.failed": instance.Text("pending_action"), "token.revoked": token,
		"project.deleted": instance.Text("project_id"), "webhook.test": hook(s, "http://in.test/", `"*"`, ""), "sandbox.reset": s.ID(),
	} {
		sent, err := s.Trigger(emulator.Trigger{Type: eventType, Object: id})
		if err == nil {
			err = s.FlushWebhooks(t.Context())
		}
		if err != nil {
			t.Fatalf("%s: %v", eventType, err)
		}
		got := in.arrived()
		var e struct {
			ID, Type string
			Data     struct{ Object struct{ ID string } }
			Request  any
		}
		err = json.Unmarshal([]byte(got[len(got)-1].Body), &e)
		if err != nil || e.ID != sent.Event || e.Type != eventType || e.Data.Object.ID != id || e.Request != nil {
			t.Errorf("%s: %v in %s", eventType, err, got[len(got)-1].Body)
		}
	}
	s.Get("/v1/instances/"+instance.Text("id")).Wants(200).Has("status", "provisioning")
	s.Get("/v1/tokens/"+token).Wants(200).Has("status", "active")
}
