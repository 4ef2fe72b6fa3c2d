package skystack_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// refusal is a row of the catalogue of errors and how to meet it.
type refusal struct {
	name    string
	status  int
	code    string
	provoke func(s *wire.Server) *wire.Reply
}

// running is the id of a new instance that is running.
func running(s *wire.Server) string {
	s.T.Helper()
	id := s.Post("/v1/instances", `{"name":"a","region":"eu-central","size":"standard-1"}`).Wants(201).Text("id")
	if err := s.Advance(time.Minute); err != nil {
		s.T.Fatal(err)
	}
	return id
}

// provisioning is the id of a new instance that is not.
func provisioning(s *wire.Server) string {
	s.T.Helper()
	return s.Post("/v1/instances", `{"name":"a","region":"eu-central","size":"standard-1"}`).Wants(201).Text("id")
}

const goodBody = `{"name":"a","region":"eu-central","size":"standard-1"}`

// catalogue is section 7.3 as far as it can be met now.
func catalogue() []refusal {
	get := func(path string, headers ...string) func(*wire.Server) *wire.Reply {
		return func(s *wire.Server) *wire.Reply { return s.Get(path, headers...) }
	}
	post := func(path, body string, headers ...string) func(*wire.Server) *wire.Reply {
		return func(s *wire.Server) *wire.Reply { return s.Post(path, body, headers...) }
	}
	act := func(id func(*wire.Server) string, body string) func(*wire.Server) *wire.Reply {
		return func(s *wire.Server) *wire.Reply { return s.Post("/v1/instances/"+id(s)+"/actions", body) }
	}
	return []refusal{
		{"not JSON", 400, "invalid_json", post("/v1/instances", "{")},
		{"not an object", 400, "invalid_request", post("/v1/instances", "[]")},
		{"a violation in the body", 400, "invalid_parameter", post("/v1/instances", "{}")},
		{"a violation in the query", 400, "invalid_parameter", get("/v1/instances?limit=0")},
		{"an unknown parameter", 400, "unknown_parameter", get("/v1/instances?limits=3", "SkyStack-Version", "2025-07-01")},
		{"an unknown member", 400, "unknown_parameter", post("/v1/projects", `{"name":"a","colour":"red"}`, "SkyStack-Version", "2026-10-01")},
		{"two sizes", 400, "conflicting_parameters", post("/v1/instances", `{"name":"a","region":"eu-central","size":"standard-1","profile":"standard-2"}`)},
		{"page and cursor", 400, "conflicting_parameters", get("/v1/instances?page=1&cursor=x")},
		{"two projects", 400, "conflicting_parameters", get("/v1/instances?project_id=prj_web", "SkyStack-Project", "prj_lab")},
		{"a made-up cursor", 400, "invalid_cursor", get("/v1/instances?cursor=x")},
		{"a version that is no date", 400, "invalid_version", get("/v1/instances", "SkyStack-Version", "latest")},
		{"a version that is none", 400, "unsupported_version", get("/v1/instances", "SkyStack-Version", "2024-01-01")},
		{"a version after its end", 400, "version_sunset", func(s *wire.Server) *wire.Reply {
			if err := s.AdvanceTo(time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)); err != nil {
				s.T.Fatal(err)
			}
			return s.Get("/v1/instances", "SkyStack-Version", "2025-07-01")
		}},
		{"an idempotency key with a space", 400, "invalid_idempotency_key", post("/v1/instances", goodBody, "Idempotency-Key", "a b")},
		{"no token", 401, "authentication_required", func(s *wire.Server) *wire.Reply { return s.As("").Get("/v1/projects") }},
		{"an unknown token", 401, "invalid_token", func(s *wire.Server) *wire.Reply { return s.As("x").Get("/v1/projects") }},
		{"a production token", 401, "live_key_in_sandbox", func(s *wire.Server) *wire.Reply { return s.As("sk_live_x").Get("/v1/projects") }},
		{"a token without the scope", 403, "insufficient_scope", func(s *wire.Server) *wire.Reply { return s.As("reader").Post("/v1/instances", goodBody) }},
		{"more than the quota", 403, "quota_exceeded", func(s *wire.Server) *wire.Reply {
			provisioning(s)
			provisioning(s)
			return s.Post("/v1/instances", goodBody)
		}},
		{"a foreign host", 403, "host_not_allowed", get("/v1/instances", "Host", "evil.test")},
		{"no route", 404, "route_not_found", get("/v2/instances")},
		{"no instance", 404, "instance_not_found", get("/v1/instances/x")},
		{"no project", 404, "project_not_found", get("/v1/projects/x")},
		{"no action", 404, "action_not_found", get("/v1/actions/x")},
		{"no region", 404, "region_not_found", get("/v1/regions/x")},
		{"no profile", 404, "profile_not_found", get("/v1/profiles/x")},
		{"no size, by its other name", 404, "profile_not_found", get("/v1/sizes/x")},
		{"no image", 404, "image_not_found", get("/v1/images/x")},
		{"no project in the header", 404, "project_not_found", get("/v1/instances", "SkyStack-Project", "x")},
		{"not this method", 405, "method_not_allowed", func(s *wire.Server) *wire.Reply { return s.Send(http.MethodPut, "/v1/instances", "") }},
		{"not this type", 406, "not_acceptable", get("/v1/instances", "Accept", "text/html")},
		{"busy", 409, "instance_busy", act(provisioning, `{"type":"stop"}`)},
		{"not stopped", 409, "instance_not_stopped", act(running, `{"type":"resize","size":"standard-2"}`)},
		{"broken", 409, "invalid_state", act(func(*wire.Server) string { return "ins_broken" }, `{"type":"snapshot"}`)},
		{"a project that is not empty", 409, "project_not_empty", func(s *wire.Server) *wire.Reply {
			id := s.Post("/v1/projects", `{"name":"p"}`).Wants(201).Text("id")
			s.Post("/v1/instances", goodBody, "SkyStack-Project", id).Wants(201)
			return s.Delete("/v1/projects/" + id)
		}},
		{"the default project", 409, "project_is_default", func(s *wire.Server) *wire.Reply { return s.Delete("/v1/projects/prj_default") }},
		{"another version of it", 412, "precondition_failed", func(s *wire.Server) *wire.Reply {
			return s.Patch("/v1/instances/"+running(s), `{"name":"b"}`, "If-Match", `"77"`)
		}},
		{"too large", 413, "payload_too_large", post("/v1/instances", `{"name":"`+strings.Repeat("a", 1<<20)+`"}`)},
		{"too long", 414, "uri_too_long", get("/v1/instances?name=" + strings.Repeat("a", 8<<10))},
		{"a form", 415, "unsupported_media_type", post("/v1/instances", "name=a", "Content-Type", "application/x-www-form-urlencoded")},
		{"a key for another request", 422, "idempotency_key_reused", func(s *wire.Server) *wire.Reply {
			s.Post("/v1/instances", goodBody, "Idempotency-Key", "k").Wants(201)
			return s.Post("/v1/instances", strings.Replace(goodBody, `"a"`, `"b"`, 1), "Idempotency-Key", "k")
		}},
		{"too many", 429, "rate_limited", func(s *wire.Server) *wire.Reply {
			for range 20 {
				if reply := s.As("reader").Get("/v1/instances"); reply.Status != 200 {
					return reply
				}
			}
			return s.As("reader").Get("/v1/instances")
		}},
		{"too many headers", 431, "headers_too_large", get("/v1/instances", "X-Padding", strings.Repeat("a", 16<<10))},
	}
}

// Each row of the catalogue over the wire: its status, its code, and the one
// envelope around it (S75, S76; 7.1, 7.3). Nothing of it changes anything.
func TestCatalogueOfErrors(t *testing.T) {
	for _, row := range catalogue() {
		t.Run(row.name, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start(frozen(), emulator.WithFixtureData("fixture.yaml", []byte(`{format: skystack-sandbox/1, projects: [{id: prj_web, name: web}, {id: prj_lab, name: lab}], instances: [{id: ins_broken, name: b, status: error}]}`)),
					emulator.WithQuota(3), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 20}),
					emulator.WithKey(emulator.Key{Token: "main"}), emulator.WithKey(emulator.Key{Token: "reader", Scopes: []string{"instances:read"}})).As("main")
				envelope(t, row.provoke(s).Refused(row.status, row.code))
			})
		})
	}
}

// envelope holds a refusal against section 7.1.
func envelope(t *testing.T, r *wire.Reply) {
	t.Helper()
	r.Header("Content-Type", "application/json; charset=utf-8").Header("Cache-Control", "no-store").Header("X-Content-Type-Options", "nosniff")
	r.Has("error.request_id", r.Head.Get("X-Request-Id"))
	if message := r.Text("error.message"); !strings.HasSuffix(strings.TrimSpace(message), ".") || len(message) > 500 {
		t.Errorf("%s: message %q is no sentence", r.What, message)
	}
	whole, _ := r.Find("")
	for name := range whole.(map[string]any) {
		if name != "error" {
			t.Errorf("%s: member %s beside error", r.What, name)
		}
	}
	inner, _ := r.Find("error")
	for name := range inner.(map[string]any) {
		if name != "code" && name != "message" && name != "request_id" && name != "details" {
			t.Errorf("%s: member error.%s", r.What, name)
		}
	}
	details, given := r.Find("error.details")
	if list, ok := details.([]any); given && (!ok || len(list) == 0) {
		t.Errorf("%s: details %v", r.What, details)
	}
	if retry := r.Head.Get("Retry-After"); (retry != "") != (r.Status == 429 || r.Text("error.code") == "instance_busy") {
		t.Errorf("%s: Retry-After %q", r.What, retry)
	}
	if (r.Head.Get("WWW-Authenticate") != "") != (r.Status == 401 || r.Text("error.code") == "insufficient_scope") {
		t.Errorf("%s: WWW-Authenticate %q", r.What, r.Head.Get("WWW-Authenticate"))
	}
	if (r.Head.Get("Allow") != "") != (r.Status == 405) {
		t.Errorf("%s: Allow %q", r.What, r.Head.Get("Allow"))
	}
}

// slow is a body that never comes: what net/http reports when its time is up.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// broken is a body whose sender went away.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A body that does not arrive in time is a 408, one that breaks off a 400 (S75);
// neither does anything.
func TestBodiesThatDoNotArrive(t *testing.T) {
	r := newRig(t, "empty")
	before := r.lasting(t)
	for name, tc := range map[string]struct {
		body   io.Reader
		status int
		code   string
	}{
		"late":   {slow{}, 408, "request_timeout"},
		"broken": {broken{strings.NewReader(goodBody)}, 400, "invalid_json"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"", "k"} {
				request := httptest.NewRequest(http.MethodPost, "http://localhost/v1/instances", tc.body)
				request.Header.Set("Authorization", "Bearer "+r.key)
				request.Header.Set("Content-Type", "application/json")
				if key != "" {
					request.Header.Set("Idempotency-Key", key)
				}
				w := r.serve(request)
				if w.Code != tc.status || !strings.HasPrefix(w.Body.String(), `{"error":{"code":"`+tc.code+`"`) {
					t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tc.status, tc.code)
				}
			}
		})
	}
	if after := r.lasting(t); after != before {
		t.Errorf("the world changed:\n%s\nbefore:\n%s", after, before)
	}
}
