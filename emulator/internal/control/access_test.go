package control

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// ids are what may be put into a path.
var ids = []string{"wsp_b", "snp_1", "ins_1", "prj_1", "tok_wsp_b"}

// forEachOperation sends each operation of the contract with each id, and each body
// that fits it.
func forEachOperation(t *testing.T, r *testServer, token, query string, headers []string, check func(o *httpapi.Operation, id string, got response)) {
	t.Helper()
	for _, o := range operations(t) {
		bodies := map[string]bool{"": true}
		for _, e := range exchanges {
			if e.operation == o.ID {
				bodies[e.body] = true
			}
		}
		for _, id := range ids {
			for body := range bodies {
				check(o, id, r.send(t, o.Method, pathOf(o, id)+query, token, body, headers...))
			}
			if !strings.Contains(o.Path, "{id}") {
				break
			}
		}
	}
}

// withSnapshot is a rig whose wsp_b has a snapshot, and wsp_a none.
func withSnapshot(t *testing.T, change ...func(*testServer)) *testServer {
	t.Helper()
	r := newTestServer(t, change...)
	r.send(t, "POST", "/_sandbox/snapshots", keyB, "").wants(t, 201, `{"id":"snp_1","at":`+moment+`}`)
	r.takeCalls()
	return r
}

// With one workspace's key nothing of another can be read or changed through any
// operation (10.2, row 5).
func TestWorkspacesAreApart(t *testing.T) {
	r := withSnapshot(t)
	for _, query := range []string{"?workspace=wsp_b", "?workspace=wsp_b&workspace=wsp_a", "?workspace=nobody", "?%77orkspace=wsp_%62"} {
		forEachOperation(t, r, keyA, query, nil, func(o *httpapi.Operation, _ string, got response) {
			switch {
			case o.Public:
				got.refused(t, 400, "unknown_parameter")
			case o.Scope == adminScope:
				got.refused(t, 403, "admin_required")
			default:
				got.refused(t, 403, "workspace_forbidden")
			}
		})
		if calls := r.takeCalls(); len(calls) > 0 {
			t.Fatalf("%s: calls %q", query, calls)
		}
	}
	forEachOperation(t, r, keyA, "", nil, func(o *httpapi.Operation, id string, got response) {
		switch {
		case o.Scope == adminScope:
			got.refused(t, 403, "admin_required")
		case strings.HasPrefix(o.Path, "/_sandbox/workspaces/{id}"):
			got.refused(t, 403, "workspace_forbidden")
		case strings.HasPrefix(o.Path, "/_sandbox/snapshots/{id}"):
			if got.status != 404 && (id != "snp_1" || o.Method == http.MethodGet) {
				t.Errorf("%s %s: %d %s", o.ID, id, got.status, got.body)
			}
		}
		if strings.Contains(got.body, "wsp_b") && !o.Public && got.status < 400 {
			t.Errorf("%s %s shows the other workspace: %s", o.ID, id, got.body)
		}
	})
	if calls := r.takeCalls(); slices.ContainsFunc(calls, func(c string) bool { return !strings.HasPrefix(c, "a.") && c != "ForgetRequests wsp_a" }) {
		t.Errorf("calls %q", calls)
	}
	r.send(t, "GET", "/_sandbox/snapshots/snp_1/dump", keyB, "").wants(t, 200, "world wsp_b\n")
}

// What a key names must be its own, and may be.
func TestKeyNamesItsOwnWorkspace(t *testing.T) {
	r := newTestServer(t)
	r.send(t, "GET", "/_sandbox/clock?workspace=wsp_a", keyA, "").wants(t, 200, clock)
	r.send(t, "PUT", "/_sandbox/workspaces/wsp_b/rate-limit", keyB, `{"per_day":1}`).wants(t, 204, "")
	r.send(t, "PUT", "/_sandbox/workspaces/wsp_a/rate-limit?workspace=wsp_a", keyA, `{"per_day":1}`).refused(t, 400, "unknown_parameter")
	r.send(t, "GET", "/_sandbox/clock?workspace=", keyA, "").refused(t, 400, "invalid_parameter")
	r.send(t, "GET", "/_sandbox/clock", "key-gone", "").refused(t, 404, "workspace_not_found")
	r.send(t, "GET", "/_sandbox/clock?workspace=nobody", admin, "").refused(t, 404, "workspace_not_found")
	r.send(t, "DELETE", "/_sandbox/workspaces/nobody", admin, "").refused(t, 404, "workspace_not_found")
	if calls := r.takeCalls(); !slices.Equal(calls, []string{`b.SetRateLimit {"per_day":1,"algorithm":"sliding"}`}) {
		t.Errorf("calls %q", calls)
	}
}

// Without a good credential nothing is answered but what is public.
func TestUnauthenticatedRequestsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		token   string
		headers []string
		status  int
		code    string
	}{
		"none":           {"", nil, 401, "authentication_required"},
		"unknown":        {"key-x", nil, 401, "invalid_token"},
		"expired":        {"key-expired", nil, 401, "token_expired"},
		"another scheme": {"", []string{"Authorization", "Basic a2V5LWE6"}, 401, "invalid_token"},
		"no token":       {"", []string{"Authorization", "Bearer"}, 401, "invalid_token"},
		"two spaces":     {"", []string{"Authorization", "Bearer  key-a"}, 401, "invalid_token"},
		"a tab":          {"", []string{"Authorization", "Bearer\tkey-a"}, 401, "invalid_token"},
		"more":           {"", []string{"Authorization", "Bearer key-a key-b"}, 401, "invalid_token"},
		"quotes":         {"", []string{"Authorization", `Bearer "key-a"`}, 401, "invalid_token"},
		"in the query":   {"", []string{"X-Api-Key", keyA}, 401, "authentication_required"},
		"few scopes":     {narrow, nil, 403, "insufficient_scope"},
		"a bound key":    {bound, nil, 403, "project_forbidden"}, // S13
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := withSnapshot(t)
			forEachOperation(t, r, tc.token, "", tc.headers, func(o *httpapi.Operation, _ string, got response) {
				switch {
				case o.Public:
					if got.status != 200 {
						t.Errorf("%s: %d %s", o.ID, got.status, got.body)
					}
				case o.Scope == adminScope && tc.token == narrow:
					got.refused(t, 403, "admin_required")
				default:
					got.refused(t, tc.status, tc.code)
				}
				if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (got.status == 401 || tc.token == narrow && o.Scope == controlScope) {
					t.Errorf("%s: WWW-Authenticate %q", o.ID, got.header.Get("WWW-Authenticate"))
				}
			})
			if calls := r.takeCalls(); len(calls) > 0 {
				t.Errorf("calls %q", calls)
			}
		})
	}
	r := newTestServer(t)
	q := request(t.Context(), "GET", "/_sandbox/clock", keyA, http.NoBody)
	q.Header.Add("Authorization", "Bearer "+keyB)
	r.serve(t, q).refused(t, 401, "invalid_token")
	r.send(t, "GET", "/_sandbox/clock", "", "", "Authorization", "bearer "+keyA).wants(t, 200, clock)
}

// A page on another origin and a rebound host get nothing, whatever they know.
func TestOtherOriginsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		headers []string
		code    string
		safe    bool // whether reads pass
	}{
		"another site":        {[]string{"Origin", "https://evil.test"}, "origin_not_allowed", false},
		"no origin at all":    {[]string{"Origin", "null"}, "origin_not_allowed", false},
		"another port":        {[]string{"Origin", "http://127.0.0.1:8081"}, "origin_not_allowed", false},
		"another name of us":  {[]string{"Origin", "http://localhost:8080"}, "origin_not_allowed", false},
		"a longer name":       {[]string{"Origin", "http://127.0.0.1:8080.evil.test"}, "origin_not_allowed", false},
		"our host as user":    {[]string{"Origin", "http://127.0.0.1:8080@evil.test"}, "origin_not_allowed", false},
		"another scheme":      {[]string{"Origin", "file://127.0.0.1:8080"}, "origin_not_allowed", false},
		"like an allowed one": {[]string{"Origin", "https://app.test.evil.test"}, "origin_not_allowed", false},
		"empty":               {[]string{"Origin", ""}, "origin_not_allowed", false},
		"cross-site":          {[]string{"Sec-Fetch-Site", "cross-site"}, "origin_not_allowed", true},
		"same-site":           {[]string{"Sec-Fetch-Site", "same-site"}, "origin_not_allowed", true},
		"a rebound host":      {[]string{"Host", "evil.test"}, "host_not_allowed", false},
		"a host like ours":    {[]string{"Host", "127.0.0.1.evil.test"}, "host_not_allowed", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, token := range []string{keyA, admin} {
				r := withSnapshot(t, func(r *testServer) { r.origins = []string{"https://app.test"} })
				forEachOperation(t, r, token, "", tc.headers, func(o *httpapi.Operation, _ string, got response) {
					if tc.safe && o.Method == http.MethodGet {
						return
					}
					got.refused(t, 403, tc.code)
					if got.header.Get("Access-Control-Allow-Origin") != "" {
						t.Errorf("%s allows the origin", o.ID)
					}
				})
				if calls := r.takeCalls(); len(calls) > 0 && !tc.safe {
					t.Errorf("calls %q", calls)
				}
			}
		})
	}
}

// The sandbox's own pages, those it was told to allow, and whatever is no page
// may control it.
func TestOwnOriginsPass(t *testing.T) {
	for name, headers := range map[string][]string{
		"no page":       nil,
		"own":           {"Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin"},
		"own, HTTPS":    {"Origin", "https://127.0.0.1:8080"},
		"allowed":       {"Origin", "https://app.test", "Sec-Fetch-Site", "cross-site"},
		"by the person": {"Sec-Fetch-Site", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestServer(t, func(r *testServer) { r.origins = []string{"https://app.test"} })
			r.send(t, "POST", "/_sandbox/reset", keyA, "", headers...).wants(t, 204, "")
			r.send(t, "GET", "/_sandbox/clock", keyA, "", headers...).wants(t, 200, clock)
		})
	}
	if _, err := New(Config{Origins: []string{"app.test/x"}}); err == nil || !strings.Contains(err.Error(), `origin "app.test/x"`) {
		t.Errorf("a wrong origin: %v", err)
	}
}

// No read changes anything: neither through a workspace's methods nor in its
// world, where even requests that lead nowhere leave no trace.
func TestReadsChangeNothing(t *testing.T) {
	r := withSnapshot(t)
	state := func() string {
		var b bytes.Buffer
		for _, id := range []string{"wsp_a", "wsp_b"} {
			if err := r.worlds[id].Snapshot().Save(&b); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	before := state()
	for _, o := range operations(t) {
		if o.Method != http.MethodGet {
			continue
		}
		for _, id := range ids {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				r.send(t, method, pathOf(o, id), keyB, "")
				r.send(t, method, pathOf(o, id), admin, "")
				r.send(t, method, pathOf(o, id), "", "")
			}
		}
	}
	r.send(t, "GET", "/_sandbox/nowhere", keyA, "").refused(t, 404, "route_not_found")
	r.send(t, "GET", "/_sandbox", keyA, "").refused(t, 404, "route_not_found")
	r.send(t, "PATCH", "/_sandbox/clock", keyA, "{}").refused(t, 405, "method_not_allowed")
	if got := r.send(t, "OPTIONS", "/_sandbox/clock", "", ""); got.status != 204 || got.header.Get("Allow") != "GET, HEAD, OPTIONS, PUT" {
		t.Errorf("OPTIONS: %d %v", got.status, got.header)
	}
	if after := state(); after != before {
		t.Errorf("the worlds changed:\n%s", after)
	}
	reads := []string{"Keys", "Agenda", "Snapshot", "Dump", "Instances", "Projects", "Limits", "Findings", "Workspaces", "Metrics", "Requests", "Events", "Deliveries"}
	for _, call := range r.takeCalls() {
		_, method, found := strings.Cut(call, ".")
		if !found {
			method = call
		}
		if !slices.ContainsFunc(reads, func(read string) bool { return method == read || strings.HasPrefix(method, read+" ") }) {
			t.Errorf("a read made the call %s", call)
		}
	}
}
