package skystack_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S64: a cursor that no list has given is refused by every list.
func TestEveryListRefusesAForeignCursorS64(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"))
		webhook := s.Post("/v1/webhooks", `{"url":"http://127.0.0.1:3000/h","event_types":["*"]}`).Wants(201)
		hook, project := webhook.Text("id"), webhook.Text("project_id")
		job := s.Post("/v1/jobs", jobOf(`{"every":"5m"}`, stopBatch)).Wants(201).Text("id")
		policy := s.Post("/v1/instances", `{"name":"n","region":"us-east-1","size":"standard-1","autoscale":{"min":1,"max":2}}`).Wants(201).Text("autoscale_policy.id")
		for _, path := range []string{
			"/v1/instances", "/v1/compute/instances", "/v1/instances/ins_123/actions", "/v1/compute/instances/ins_123/actions",
			"/v1/autoscale-policies", "/v1/autoscale-policies/" + policy + "/history", "/v1/projects",
			"/v1/projects/" + project + "/webhooks", "/v1/projects/" + project + "/webhooks/" + hook + "/deliveries",
			"/v1/webhooks", "/v1/webhooks/" + hook + "/deliveries", "/v1/jobs", "/v1/jobs/" + job + "/runs",
			"/v1/regions", "/v1/profiles", "/v1/sizes", "/v1/images", "/v1/tokens", "/v1/audit-logs", "/v1/audit", "/v1/events",
		} {
			s.Get(path).Wants(200)
			for _, cursor := range []string{"none", strings.Repeat("A", 39)} {
				s.Get(path+"?cursor="+cursor).Refused(400, "invalid_cursor").Has("error.details.0.field", "cursor")
			}
		}
	})
}

// S77: what the address of an endpoint or a delivery names must exist, and belong
// together; a version that is not the present one changes nothing (S7).
func TestAddressesOfWebhooksS77(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		const body = `{"url":"http://127.0.0.1:3000/h","event_types":["*"]}`
		one, other := s.Post("/v1/webhooks", body).Wants(201), s.Post("/v1/webhooks", body).Wants(201).Text("id")
		id := one.Text("id")
		delivery := "/deliveries/" + s.Post("/v1/webhooks/"+id+"/test", "").Wants(202).Text("id")
		s.Get("/v1/webhooks/" + id + delivery).Wants(200)
		for _, webhook := range []string{other, "whk_none"} {
			s.Get("/v1/webhooks/"+webhook+delivery).Refused(404, "delivery_not_found")
			s.Post("/v1/webhooks/"+webhook+delivery+"/replay", "").Refused(404, "delivery_not_found")
		}
		s.Get("/v1/webhooks/"+id+"/deliveries/dlv_none").Refused(404, "delivery_not_found")

		s.Post("/v1/projects/prj_none/webhooks", body).Refused(404, "project_not_found")
		s.Post("/v1/webhooks", strings.Replace(body, "{", `{"project_id":"prj_none",`, 1)).Refused(400, "invalid_parameter").
			Has("error.details.0.field", "project_id")
		s.Post("/v1/webhooks?project_id=prj_none", body).Refused(404, "project_not_found")
		if n := len(s.Get("/v1/webhooks").Strings("data", "id")); n != 2 {
			t.Errorf("%d webhooks", n)
		}

		s.Get("/v1/projects/prj_none/webhooks").Refused(404, "project_not_found")
		s.Get("/v1/webhooks?project_id=prj_none").Refused(404, "project_not_found")
		second := s.Post("/v1/projects", `{"name":"second"}`).Wants(201).Text("id")
		s.Post("/v1/projects/"+second+"/webhooks", strings.Replace(body, "{", `{"project_id":"`+one.Text("project_id")+`",`, 1)).
			Refused(400, "conflicting_parameters").Has("error.details.0.field", "project_id")
		s.Get("/v1/projects/"+second+"/webhooks/"+id).Refused(404, "webhook_not_found")
		s.Patch("/v1/projects/"+second+"/webhooks/"+id, `{"description":"x"}`).Refused(404, "webhook_not_found")
		s.Patch("/v1/webhooks/whk_none", `{"description":"x"}`).Refused(404, "webhook_not_found")

		stale := []string{"If-Match", `"9.2026-01-15"`}
		s.Patch("/v1/webhooks/"+id, `{"description":"x"}`, stale...).Refused(412, "precondition_failed")
		s.Delete("/v1/webhooks/"+id, stale...).Refused(412, "precondition_failed")
		s.Get("/v1/webhooks/"+id).Wants(200).Has("description", "").Has("version", 1)

		s.Patch("/v1/webhooks/"+id, `{"status":"disabled"}`).Wants(200)
		s.Post("/v1/webhooks/"+id+delivery+"/replay", "").Refused(409, "webhook_disabled")
	})
}

// S77: a workspace has at most 100 endpoints.
func TestTooManyWebhooksS77(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	const body = `{"url":"http://127.0.0.1:3000/h","event_types":["*"]}`
	for range 100 {
		s.Post("/v1/webhooks", body).Wants(201)
	}
	s.Post("/v1/webhooks", body).Refused(403, "quota_exceeded").
		Has("error.details.0.resource", "webhooks").Has("error.details.0.limit", 100).Has("error.details.0.used", 100)
	s.Delete("/v1/webhooks/" + s.Get("/v1/webhooks").Strings("data", "id")[0]).Wants(204)
	s.Post("/v1/webhooks", body).Wants(201)
}

// S12: a run belongs to its job, and lists of jobs name projects that exist.
func TestAddressesOfJobsS12(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		job := func() string { return s.Post("/v1/jobs", jobOf(`{"every":"5m"}`, stopBatch)).Wants(201).Text("id") }
		one, other := job(), job()
		run := "/runs/" + s.Post("/v1/jobs/"+one+"/run", "").Wants(202).Text("id")
		s.Get("/v1/jobs/" + one + run).Wants(200)
		s.Get("/v1/jobs/"+other+run).Refused(404, "run_not_found")
		s.Get("/v1/jobs/job_none"+run).Refused(404, "job_not_found")
		s.Get("/v1/jobs/"+one+"/runs/run_none").Refused(404, "run_not_found")
		s.Get("/v1/jobs?project_id=prj_none").Refused(404, "project_not_found")
		s.Get("/v1/jobs?project_id=prj_none", "SkyStack-Project", "prj_default").Refused(400, "conflicting_parameters")
	})
}

// S34: what the sandbox itself asks of a token is refused as in the API.
func TestIdentifyS34(t *testing.T) {
	r := newRig(t, "empty")
	for token, code := range map[string]string{"sk_live_4242": "live_key_in_sandbox", "sky_test_wrong": "invalid_token", "unknown": "invalid_token"} {
		var refused *fail.Error
		if w, got, err := r.api.Credentials.Identify(token); !errors.As(err, &refused) || refused.Code != code || w != nil || got.ID != "" {
			t.Errorf("%s: got %v, %q, %v, want %s", token, w, got.ID, err, code)
		}
	}
	if w, got, err := r.api.Credentials.Identify(r.key); err != nil || w != r.world || got.ID != "tok_default" {
		t.Errorf("got %v, %q, %v", w, got.ID, err)
	}
}

// S13: to a key that is bound to a project, an object of another one and one that does not
// exist are the same, whatever else is wrong with the request.
func TestViolationsTellNothingOfOtherProjectsS13(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "root", ID: "tok_root"})).As("root")
		project := s.Post("/v1/projects", `{"name":"other"}`).Wants(201).Text("id")
		bound := s.As(s.Post("/v1/tokens", `{"name":"n","project_id":"`+project+`"}`).Wants(201).Text("secret"))
		id := made(s, "a", "")
		for _, body := range []string{`{"type":"resize"}`, `{"type":"resize","size":"nowhere"}`, `{"type":"resize","surplus":1}`} {
			own := bound.Post("/v1/instances/ins_none/actions", body)
			foreign := bound.Post("/v1/instances/"+id+"/actions", body)
			if own.Status != foreign.Status || own.Text("error.code") != foreign.Text("error.code") || details(own) != details(foreign) {
				t.Errorf("%s: one that does not exist %d %s, one of another project %d %s", body, own.Status, own.Body, foreign.Status, foreign.Body)
			}
		}
	})
}

// details is the list of violations in a response, "" if there is none.
func details(r *wire.Reply) string {
	list, _ := r.Find("error.details")
	return fmt.Sprint(list)
}
