package skystack_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// frozen is a clock that moves only by command.
func frozen() emulator.Option {
	return emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: testTime()})
}

// covers says which scopes let a request in that needs one (8.3).
func covers(needed string) []string {
	out := []string{"*", needed}
	if resource, read := strings.CutSuffix(needed, ":read"); read && slices.Contains(skystack.Scopes(), resource+":write") {
		out = append(out, resource+":write")
	}
	return out
}

// Every route against every scope there is: it opens to its own, to the write
// scope that includes it and to *, and to no other (S26).
func TestScopes(t *testing.T) {
	var opts []emulator.Option
	for _, scope := range skystack.Scopes() {
		opts = append(opts, emulator.WithKey(emulator.Key{Token: "only-" + scope, Scopes: []string{scope}}))
	}
	s := wire.Start(t, append(opts, frozen())...)
	for _, r := range routes(t) {
		if r.public {
			continue
		}
		if r.scope == "" {
			t.Errorf("%s needs no scope", r)
		}
		for _, scope := range skystack.Scopes() {
			if r.method == http.MethodDelete && scope == "*" {
				continue // the walk goes on with what is there
			}
			t.Run(r.id+" with "+scope, func(t *testing.T) {
				reply := s.With(t).As("only-"+scope).Send(r.method, r.path, "")
				if slices.Contains(covers(r.scope), scope) {
					if reply.Status == 401 || reply.Status == 403 {
						t.Errorf("refused with %d", reply.Status)
					}
					return
				}
				reply.Header("X-SkyStack-Scopes", scope).Header("X-SkyStack-Accepted-Scopes", r.scope)
				reply.Refused(403, "insufficient_scope").Has("error.details", []any{map[string]any{"required_scopes": []any{r.scope}}})
				reply.Header("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="`+r.scope+`"`)
			})
		}
	}
}

// A key without scopes may do everything, one with an empty list nothing, and
// one with several what any of them allows (S26).
func TestSetsOfScopes(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithKey(emulator.Key{Token: "all"}), emulator.WithKey(emulator.Key{Token: "none", Scopes: []string{}}),
			emulator.WithKey(emulator.Key{Token: "some", Scopes: []string{"instances:write", "catalog:read"}}))
		s.As("all").Delete("/v1/instances/ins_web02").Wants(204).Header("X-SkyStack-Scopes", "")
		s.As("none").Get("/v1/instances").Refused(403, "insufficient_scope").Header("X-SkyStack-Scopes", "")
		some := s.As("some")
		some.Get("/v1/instances").Wants(200).Header("X-SkyStack-Scopes", "")
		some.Get("/v1/projects").Refused(403, "insufficient_scope").Header("X-SkyStack-Scopes", "instances:write catalog:read")
		some.Post("/v1/instances", `{"name":"a","region":"eu-central","size":"standard-1"}`).Wants(201)
		some.Get("/v1/images").Wants(200)
		some.Get("/v1/projects").Refused(403, "insufficient_scope")
		some.Delete("/v1/instances/ins_web01").Refused(403, "insufficient_scope")
		s.Get("/v1/instances/ins_web01").Wants(200)
		// HEAD counts as GET, a refused one has headers alone.
		some.Send(http.MethodHead, "/v1/instances", "").Wants(200)
		some.Send(http.MethodHead, "/v1/projects", "").Wants(403).Header("X-SkyStack-Accepted-Scopes", "projects:read")
	})
}

// The twentieth refusal in a row of one credential is a finding; the response
// stays the same 401, and a good key is served at once (S39, S40).
func TestRetriesAfter401(t *testing.T) {
	for name, token := range map[string]string{"unknown": "wrong", "malformed": "sky_test_x", "production": "sk_live_x", "expired": "old"} {
		t.Run(name, func(t *testing.T) {
			at := testTime()
			s := wire.Start(t, frozen(), emulator.WithLimits(), emulator.WithKey(emulator.Key{Token: "old", ExpiresAt: &at}), emulator.WithKey(emulator.Key{Token: "good"}))
			for n := range 45 {
				s.As(token).Get("/v1/projects").Wants(401).Header("Retry-After", "")
				want := 0
				if n >= 19 {
					want = 1
				}
				if got := s.Findings(); len(got) != want {
					t.Fatalf("%d findings after refusal %d, want %d", len(got), n+1, want)
				}
			}
			f := s.Findings()[0]
			if f.Code != "retries_after_401" || !f.At.Equal(at) || strings.Contains(f.Message, token) || f.Message == "" {
				t.Errorf("finding %+v", f)
			}
			s.As("good").Get("/v1/projects").Wants(200)
		})
	}
}

// Refusals that lie apart, or that a success parts, are no loop (S39, S40).
func TestRefusalsThatAreNoLoop(t *testing.T) {
	end := testTime().Add(time.Hour)
	s := wire.Start(t, frozen(), emulator.WithKey(emulator.Key{Token: "key", ExpiresAt: &end}))
	for range 3 {
		for range 19 {
			s.As("wrong").Get("/v1/projects").Wants(401)
		}
		if err := s.Advance(61 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 40 { // forty credentials
		s.As(fmt.Sprintf("wrong-%d", n)).Get("/v1/projects").Wants(401)
	}
	for range 30 { // no credential at all
		s.As("").Get("/v1/projects").Wants(401)
	}
	if got := s.Findings(); len(got) != 0 {
		t.Errorf("findings %+v, want none", got)
	}
}

// Two workspaces see nothing of each other; not even that an id exists (S23,
// S71).
func TestWorkspacesAreApart(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		a := start(frozen(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "key-a"}),
			emulator.WithKey(emulator.Key{Token: "key-b", Workspace: "wsp_b"})).As("key-a")
		b := a.As("key-b")
		created := a.Post("/v1/instances", `{"name":"secret-plan","region":"eu-central","size":"standard-1"}`).Wants(201)
		a.Post("/v1/instances", `{"name":"other","region":"eu-central","size":"standard-1"}`).Wants(201)
		instance, action := "/v1/instances/"+created.Text("id"), "/v1/actions/"+created.Text("pending_action")
		project := "/v1/projects/" + a.Post("/v1/projects", `{"name":"secret"}`).Wants(201).Text("id")

		b.Get("/v1/instances").Wants(200).Has("pagination.total", 0).Has("data", []any{})
		b.Get("/v1/instances?name=secret-plan").Wants(200).Has("pagination.total", 0)
		for _, path := range []string{instance, action, project, instance + "/actions"} {
			foreign, unknown := b.Get(path).Wants(404), b.Get(path[:len(path)-2]+"zz").Wants(404)
			if foreign.Text("error.code") != unknown.Text("error.code") && !strings.HasSuffix(path, "/actions") {
				t.Errorf("%s: a foreign id answers %s, an unknown one %s", path, foreign.Body, unknown.Body)
			}
		}
		b.Patch(instance, `{"name":"mine"}`).Refused(404, "instance_not_found")
		b.Delete(instance).Refused(404, "instance_not_found")
		b.Post(instance+"/actions", `{"type":"stop"}`).Refused(404, "instance_not_found")
		b.Delete(project).Refused(404, "project_not_found")
		b.Post("/v1/instances", `{"name":"x","region":"eu-central","size":"standard-1","project_id":"`+strings.TrimPrefix(project, "/v1/projects/")+`"}`).
			Refused(400, "invalid_parameter").Has("error.details.0.code", "unknown_value")
		cursor := a.Get("/v1/instances?limit=1").Text("next_cursor")
		b.Get("/v1/instances?limit=1&cursor="+cursor).Refused(400, "invalid_cursor")

		a.Get(instance).Wants(200).Has("name", "secret-plan")
		a.Delete(instance).Wants(204)
		b.Delete(instance).Refused(404, "instance_not_found") // not even after the fact
	})
}

// Keys of one workspace, one for each environment, each work by themselves, and
// what is known of them is kept, but for the secret (S25, S36).
func TestKeysAreKept(t *testing.T) {
	r := newRig(t, "empty")
	end := testTime().Add(24 * time.Hour)
	for _, env := range []string{"dev", "staging", "prod"} {
		r.addKey(t, "secret-of-"+env, credential.Key{
			ID: "tok_" + env, Name: env + " key", Environment: env, Owner: "ada@example.test", Scopes: []string{"projects:read"}, ExpiresAt: end, CreatedBy: "test",
		})
	}
	request, _ := http.NewRequest(http.MethodGet, "http://localhost/v1/projects", nil)
	request.Header.Set("Authorization", "Bearer secret-of-prod")
	request.RemoteAddr = "192.0.2.7:1234"
	if got := r.serve(request).Code; got != 200 {
		t.Fatalf("got %d, want 200", got)
	}
	for _, env := range []string{"dev", "staging", "prod"} {
		row := r.row(t, "tokens", "tok_"+env)
		for member, want := range map[string]any{
			"name": env + " key", "environment": env, "owner": "ada@example.test", "expires_at": "2026-03-20T10:22:44Z",
			"created_at": "2026-03-19T10:22:44Z", "created_by": "test", "revoked_at": "0001-01-01T00:00:00Z", "last4": "", // only of keys that the sandbox made
		} {
			if row[member] != want {
				t.Errorf("%s: %s is %v, want %v", env, member, row[member], want)
			}
		}
		if scopes := fmt.Sprint(row["scopes"]); scopes != "[projects:read]" {
			t.Errorf("%s: scopes %s", env, scopes)
		}
	}
	used := r.row(t, "ledgers", "tok_prod")
	if used["last_used_at"] != "2026-03-19T10:22:44Z" || used["last_used_ip"] != "192.0.2.7" {
		t.Errorf("last use %v", used)
	}
	if unused := r.row(t, "ledgers", "tok_dev"); unused != nil {
		t.Errorf("a key that was never used has the use %v", unused)
	}
}

// Every response has a request id of its own, and an error repeats it; the
// client's own id is not taken (S41, S76).
func TestRequestIDs(t *testing.T) {
	shape := regexp.MustCompile(`^req_[0-9A-Za-z]{24}$`)
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen())
		seen := map[string]bool{}
		for _, reply := range []*wire.Reply{
			s.Get("/v1/instances"), s.Get("/v1/instances"), s.Get("/v1/instances/ins_web01", "If-None-Match", "*"), s.Send(http.MethodHead, "/v1/instances", ""),
			s.Delete("/v1/instances/ins_web02"), s.Send(http.MethodOptions, "/v1/instances", ""), s.Get("/healthz"), s.Get("/openapi.json"),
			s.Get("/v1/instances/none"), s.Get("/nowhere"), s.Send("PUT", "/v1/instances", ""), s.As("").Get("/v1/instances"), s.As("wrong").Get("/v1/instances"),
			s.Post("/v1/instances", "{"), s.Get("/v1/instances", "Host", "evil.test"), s.Get("/v1/instances", "X-Request-Id", "mine-1"),
			s.Get("/v1/instances/none", "X-Request-Id", "mine-2"),
		} {
			id := reply.Head.Get("X-Request-Id")
			if len(reply.Head.Values("X-Request-Id")) != 1 || !shape.MatchString(id) || seen[id] {
				t.Errorf("%s: X-Request-Id %q, seen before: %v", reply.What, reply.Head.Values("X-Request-Id"), seen[id])
			}
			seen[id] = true
			if reply.Status >= 400 && len(reply.Body) > 0 {
				reply.Has("error.request_id", id)
			}
		}
		first, again := start(frozen()), start(frozen())
		if a, b := first.Get("/v1/projects").Head.Get("X-Request-Id"), again.Get("/v1/projects").Head.Get("X-Request-Id"); a != b {
			t.Errorf("the same seed gives %s and %s", a, b)
		}
	})
}

// This is the sandbox of the documents: it answers to its name there (S29, S70).
func TestDocumentedHosts(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start()
		for _, host := range []string{"sandbox.api.skystack.dev", "api.skystack.dev", "sandbox.api.skystack.dev:443", "SANDBOX.API.SKYSTACK.DEV.", "localhost:8080"} {
			s.Get("/v1/projects", "Host", host, "Accept", "application/json").Wants(200)
		}
		s.Get("/v1/projects", "Host", "skystack.dev.evil.test").Refused(403, "host_not_allowed").Header("X-SkyStack-Scopes", "")
		s.As("").Get("/healthz", "Host", "evil.test").Refused(403, "host_not_allowed")
	})
}

// Without configuration a page of any origin is left outside (S27).
func TestPagesAreLeftOutside(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start()
		for _, origin := range []string{"https://app.test", "http://localhost:3000", "null", "https://sandbox.api.skystack.dev"} {
			preflight := s.As("").Send(http.MethodOptions, "/v1/instances", "", "Origin", origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "authorization").Wants(204)
			simple := s.Get("/v1/instances", "Origin", origin).Wants(200)
			for _, reply := range []*wire.Reply{preflight, simple} {
				for name := range reply.Head {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s from %s: %s", reply.What, origin, name)
					}
				}
			}
		}
	})
}

// A page of an origin that is allowed may send and read the headers of the API (S27).
func TestHeadersForPages(t *testing.T) {
	const origin = "https://app.test"
	s := wire.Start(t, emulator.WithOrigin(origin))
	for _, path := range []string{"/v1/projects", "/v1/instances"} {
		s.As("").Send(http.MethodOptions, path, "", "Origin", origin, "Access-Control-Request-Method", "GET").Wants(204).
			Header("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, SkyStack-Version, SkyStack-Project")
		s.Get(path, "Origin", origin).Wants(200).Header("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, "+
			"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Limit-Day, X-RateLimit-Remaining-Day, X-RateLimit-Reset-Day, "+
			"RateLimit, RateLimit-Policy, SkyStack-Version, Link, Location, ETag, Idempotent-Replayed")
	}
}
