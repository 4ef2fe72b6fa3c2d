package skystack_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// dryCase is a request that can be tried; %s in its path is what before made.
type dryCase struct {
	operation, method, path, body string
	headers                       []string
	before                        func(s *wire.Server) string
}

func dryCases() []dryCase {
	full := fullBodies()
	made := func(path string) func(s *wire.Server) string {
		return func(s *wire.Server) string { return s.Post(path, full[path]).Wants(201).Text("id") }
	}
	delivery := func(s *wire.Server) string {
		id := made("/v1/webhooks")(s)
		return id + "/deliveries/" + s.Post("/v1/webhooks/"+id+"/test", "").Wants(202).Text("id")
	}
	nothing := func(*wire.Server) string { return "" }
	return []dryCase{
		{"createInstance", "POST", "/v1/instances", full["/v1/instances"], nil, nothing},
		{"updateInstance", "PATCH", "/v1/instances/%s", `{"name":"other","labels":{"x":"y"}}`, []string{"If-Match", `"1.2026-01-15"`}, made("/v1/instances")},
		{"createInstanceAction", "POST", "/v1/instances/%s/actions", `{"type":"snapshot"}`, nil, func(s *wire.Server) string {
			id := made("/v1/instances")(s)
			advanceClock(s, 10*time.Second)
			return id
		}},
		{"createProject", "POST", "/v1/projects", full["/v1/projects"], nil, nothing},
		{"updateProject", "PATCH", "/v1/projects/%s", `{"name":"q"}`, nil, made("/v1/projects")},
		{"createWebhook", "POST", "/v1/projects/prj_default/webhooks", `{"url":"http://127.0.0.1:3000/","event_types":["*"]}`, nil, nothing},
		{"updateWebhook", "PATCH", "/v1/webhooks/%s", `{"timeout_ms":7000}`, nil, made("/v1/webhooks")},
		{"rotateWebhookSecret", "POST", "/v1/webhooks/%s/rotate-secret", ``, nil, made("/v1/webhooks")},
		{"testWebhook", "POST", "/v1/webhooks/%s/test", ``, nil, made("/v1/webhooks")},
		{"replayDelivery", "POST", "/v1/webhooks/%s/replay", ``, nil, delivery},
		{"createJob", "POST", "/v1/jobs", template, nil, nothing},
		{"updateJob", "PATCH", "/v1/jobs/%s", `{"enabled":true}`, nil, made("/v1/jobs")},
		{"createProfile", "POST", "/v1/profiles", full["/v1/profiles"], nil, nothing},
		{"createToken", "POST", "/v1/tokens", `{"name":"t"}`, nil, nothing},
		{"rotateToken", "POST", "/v1/tokens/%s/rotate", ``, nil, made("/v1/tokens")},
	}
}

// A dry run responds with what the response would have been, and has no effect: the
// workspace is what it was, and whatever comes after is what it would have been (9,
// item 6).
func TestDryRun(t *testing.T) {
	for _, c := range dryCases() {
		t.Run(c.operation, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				tried, done := start(frozen(), emulator.WithFixture("empty")), start(frozen(), emulator.WithFixture("empty"))
				path := strings.Replace(c.path, "%s", c.before(tried), 1)
				c.before(done)
				before := dumped(tried)
				dry := tried.Send(c.method, path+"?dry_run=true", c.body, append([]string{"Content-Type", "application/json", "Idempotency-Key", "k"}, c.headers...)...).Wants(200)
				dry.Has("dry_run", true).Header("Location", "").Header("ETag", "").Header("Idempotency-Key", "")
				if after := dumped(tried); after != before {
					t.Errorf("a dry run has changed the workspace:\n%s\n%s", before, after)
				}
				send := func(s *wire.Server) *wire.Reply {
					return s.Send(c.method, path+"?dry_run=false", c.body, append([]string{"Content-Type", "application/json", "Idempotency-Key", "k"}, c.headers...)...)
				}
				was := send(done)
				var body map[string]any
				if err := json.Unmarshal(was.Body, &body); err != nil || was.Status >= 300 {
					t.Fatalf("%d %s: %v", was.Status, was.Body, err)
				}
				_, secret := body["secret"]
				delete(body, "secret")
				if would, _ := dry.Find("would"); asJSON(t, would) != asJSON(t, body) {
					t.Errorf("it would have been\n%s\nand was\n%s", asJSON(t, would), asJSON(t, body))
				}
				if r := send(tried).Wants(was.Status); secret {
					r.Header("Idempotent-Replayed", "").Has("secret", r.Text("secret"))
				}
				if a, b := withoutRequests(dumped(tried)), withoutRequests(dumped(done)); a != b {
					t.Errorf("after a dry run things go on differently:\n%s\n%s", a, b)
				}
			})
		})
	}
}

// dumped is all that a workspace holds.
func dumped(s *wire.Server) string { return s.Dump() }

// withoutRequests leaves out the ids of requests, which count every one.
func withoutRequests(dump string) string { return requestID.ReplaceAllString(dump, "req") }

var requestID = regexp.MustCompile(`req_[0-9A-Za-z]+`)

// Every POST and PATCH of the contract takes dry_run, and the table above has each.
func TestDryRunOfEveryOperation(t *testing.T) {
	var names []string
	for _, c := range dryCases() {
		names = append(names, c.operation)
	}
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			takes := op.Parameters.GetByInAndName("query", "dry_run") != nil
			if takes != (method == "POST" || method == "PATCH") {
				t.Errorf("%s %s: dry_run is served: %t", method, path, takes)
			}
			_, alias := op.Extensions["x-alias-of"]
			if takes && !alias && op.OperationID != "runJob" && !slices.Contains(names, op.OperationID) {
				t.Errorf("%s is in no test", op.OperationID)
			}
		}
	}
}

// A dry run is refused as the request itself would be.
func TestDryRunRefused(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{"POST", "/v1/instances", `{"name":"a"}`, 400, nil},
		{"POST", "/v1/instances", `{"name":"a","region":"nowhere","size":"standard-1"}`, 400, nil},
		{"PATCH", "/v1/instances/ins_a", `{"name":"b"}`, 412, []string{"If-Match", `"7.2026-01-15"`}},
		{"PATCH", "/v1/instances/ins_a", `{"region":"x"}`, 400, nil},
		{"PATCH", "/v1/instances/ins_a", `{"storage":[{"size_gb":1}]}`, 409, nil},
		{"PATCH", "/v1/instances/ins_none", `{"name":"b"}`, 404, nil},
		{"POST", "/v1/instances/ins_a/actions", `{"type":"resize","size":"standard-2"}`, 409, nil},
		{"POST", "/v1/profiles", `{"slug":"standard-1","vcpus":1,"memory_mb":1,"disk_gb":1}`, 409, nil},
		{"POST", "/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1"}`, 403, nil}, // the quota is used up
	} {
		var got [2]*wire.Reply
		for n, query := range []string{"?dry_run=true", ""} {
			s := wire.Start(t, frozen(), withInstances("id: ins_a"), emulator.WithQuota(1))
			got[n] = s.Send(c.method, c.path+query, c.body, append([]string{"Content-Type", "application/json"}, c.headers...)...).Wants(c.status)
		}
		if string(got[0].Body) != string(got[1].Body) {
			t.Errorf("%s %s %s: %s and %s", c.method, c.path, c.body, got[0].Body, got[1].Body)
		}
	}
}

// Where there is no dry run, a request that asks for one is refused and does nothing;
// so is one that misspells it, and one with a header that is reserved.
func TestReservedIsRefused(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a"))
	before := dumped(s)
	for _, path := range []string{"/v1/instances/ins_a", "/v1/tokens/tok_default"} {
		s.Delete(path+"?dry_run=true").Refused(400, "invalid_parameter").Has("error.details.0.field", "dry_run").Has("error.details.0.code", "not_served")
	}
	s.Get("/v1/instances?dry_run=true").Refused(400, "invalid_parameter").Has("error.details.0.code", "not_served")
	const body = `{"name":"a","region":"us-east-1","size":"standard-1"}`
	for _, query := range []string{"dryrun=true", "dryRun=true", "dry-run=true", "DRY_RUN=1", "dry_runn=true"} {
		s.Post("/v1/instances?"+query, body).Refused(400, "unknown_parameter").Has("error.details.0.location", "query")
		s.Delete("/v1/instances/ins_a?"+query).Refused(400, "unknown_parameter")
	}
	for _, value := range []string{"1", "yes", "TRUE", ""} {
		s.Post("/v1/instances?dry_run="+value, body).Refused(400, "invalid_parameter").Has("error.details.0.field", "dry_run")
	}
	for _, name := range []string{"SkyStack-Sandbox-Namespace", "SkyStack-Sandbox-Scenario", "SkyStack-Sandbox-Fault", "skystack-sandbox-anything", "SkyStack-Sandbox-Warning"} {
		r := s.Post("/v1/instances", body, name, "x").Refused(400, "invalid_parameter").Has("error.details.0.location", "header").Has("error.details.0.code", "not_served")
		if !strings.EqualFold(r.Text("error.details.0.field"), name) {
			t.Errorf("%s: %s", name, r.Body)
		}
		s.Delete("/v1/instances/ins_a", name, "x").Wants(400)
		s.Get("/v1/instances", name, "x").Wants(400)
	}
	if after := dumped(s); after != before {
		t.Errorf("what was refused has done something:\n%s\n%s", before, after)
	}
	s.Get("/v1/instances?dry_run=false").Wants(200)
	s.Delete("/v1/instances/ins_a?dry_run=false").Wants(204)
}

// A dry run counts for the rate limit as every request does.
func TestDryRunCountsForTheRateLimit(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 2}))
	s.Post("/v1/projects?dry_run=true", `{"name":"p"}`).Wants(200)
	s.Post("/v1/projects?dry_run=true", `{"name":"p"}`).Wants(200)
	s.Post("/v1/projects?dry_run=true", `{"name":"p"}`).Wants(429)
}
