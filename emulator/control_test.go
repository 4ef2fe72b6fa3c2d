package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// controlCall is an operation of the control API.
type controlCall struct{ method, path string }

// controlCalls lists the operations that the control API's own document has.
func controlCalls(t *testing.T, e *emulator.Emulator) []controlCall {
	t.Helper()
	status, _, body := ask(t, e, controlCall{"GET", "/_sandbox/openapi.json"}, "", "")
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 {
		t.Fatalf("%d %v: %s", status, err, body)
	}
	var calls []controlCall
	for path, item := range doc.Paths {
		for method := range item {
			if m := strings.ToUpper(method); slices.Contains([]string{"GET", "POST", "PUT", "DELETE", "PATCH"}, m) {
				calls = append(calls, controlCall{m, path})
			}
		}
	}
	slices.SortFunc(calls, func(a, b controlCall) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	if len(calls) < 30 {
		t.Fatalf("only %d operations: %v", len(calls), calls)
	}
	return calls
}

// ask makes a control call; headers are names and values in turn.
func ask(t *testing.T, e *emulator.Emulator, c controlCall, token, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(c.method, c.path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := e.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// isPublic tells the calls that need no credential.
func isPublic(c controlCall) bool {
	return strings.HasPrefix(c.path, "/_sandbox/openapi.") || c.path == "/_sandbox/ca.pem"
}

// bodies are what the calls may be sent; most fit some of them.
var bodies = []string{"", "{}", `{"by":"1h"}`, `{"fixture":"empty"}`, `{"mode":"frozen"}`, `{"per_minute":1}`, `{"name":"x"}`, `{"fork_of":"wsp_b"}`, `{"key":"tok_b"}`}

// With one workspace's key nothing of another can be read or changed through any
// control call (10.2, row 5).
func TestControlKeepsWorkspacesApart(t *testing.T) {
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	b, err := e.AddWorkspace(emulator.Setup{Workspace: "wsp_b"})
	if err != nil {
		t.Fatal(err)
	}
	const marker = "secret-of-b"
	i, err := b.CreateInstance(emulator.Instance{Name: marker, Status: "provisioning"})
	if err != nil {
		t.Fatal(err)
	}
	wire.In(t, b).Get("/v1/instances/" + i.ID + "?limit=" + marker).Wants(200)
	status, _, kept := ask(t, e, controlCall{"POST", "/_sandbox/snapshots"}, b.Key(), "")
	var snapshot struct{ ID string }
	if err := json.Unmarshal([]byte(kept), &snapshot); status != 201 || err != nil {
		t.Fatalf("%d %s", status, kept)
	}
	before, requests := b.Snapshot(), len(b.Requests(sandbox.Match{}))
	for _, c := range controlCalls(t, e) {
		for _, id := range []string{b.ID(), i.ID, snapshot.ID + "x", b.Keys()[0].ID} {
			for _, query := range []string{"", "?workspace=wsp_b"} {
				for _, body := range bodies {
					path := controlCall{c.method, strings.ReplaceAll(c.path, "{id}", id) + query}
					status, _, answer := ask(t, e, path, e.Key(), body)
					if strings.Contains(answer, marker) || strings.Contains(answer, b.Key()) {
						t.Errorf("%v shows another workspace: %s", path, answer)
					}
					if query != "" && status < 400 && !isPublic(c) {
						t.Errorf("%v: %d", path, status)
					}
					if status >= 500 {
						t.Errorf("%v %s: %d %s", path, body, status, answer)
					}
				}
			}
		}
	}
	if d := emulator.Diff(before, b.Snapshot()); d != "" {
		t.Errorf("the other workspace changed:\n%s", d)
	}
	if n := len(b.Requests(sandbox.Match{})); n != requests || len(b.Keys()) != 1 || len(b.Limits()) != 0 {
		t.Errorf("the other workspace has %d requests, keys %v, limits %v", n, b.Keys(), b.Limits())
	}
	wire.In(t, b).Get("/v1/instances/" + i.ID).Wants(200) // it is there, and its key good
}

// Without a credential, from a page on another origin, or to a rebound host,
// nothing is answered and nothing changes (10.2, rows 2 and 5).
func TestControlRefusesUnauthenticated(t *testing.T) {
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	reader, err := e.AddKey(emulator.Key{Scopes: []string{"instances:read"}})
	if err != nil {
		t.Fatal(err)
	}
	before := e.Snapshot()
	for _, tc := range []struct {
		name, token string
		headers     []string
		status      []int
		public      bool // whether public calls are refused too
	}{
		{"no key", "", nil, []int{401}, false},
		{"a wrong key", "sky_test_nobody", nil, []int{401}, false},
		{"a production key", "sky_live_0123456789abcdef", nil, []int{401}, false},
		{"a key of few scopes", reader.Token, nil, []int{403}, false},
		{"another origin", e.Key(), []string{"Origin", "https://evil.test"}, []int{403}, true},
		{"another origin as admin", e.AdminToken(), []string{"Origin", "https://evil.test"}, []int{403}, true},
		{"another site", e.Key(), []string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, []int{403}, true},
		{"a rebound host", e.Key(), []string{"Host", "evil.test"}, []int{403}, true},
	} {
		for _, c := range controlCalls(t, e) {
			if isPublic(c) && !tc.public {
				continue
			}
			c.path = strings.ReplaceAll(c.path, "{id}", "wsp_default")
			for _, body := range bodies {
				status, head, answer := ask(t, e, c, tc.token, body, tc.headers...)
				if !slices.Contains(tc.status, status) || !strings.Contains(answer, `{"error":{"code":"`) {
					t.Errorf("%s: %v: %d %s", tc.name, c, status, answer)
				}
				if head.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: %v allows the origin", tc.name, c)
				}
			}
		}
	}
	if d := emulator.Diff(before, e.Snapshot()); d != "" || len(e.Workspaces()) != 1 {
		t.Errorf("strangers changed:\n%s", d)
	}
}

// A control call leaves no trace: ids, counters and the record stay as they were.
func TestControlLeavesNoTrace(t *testing.T) {
	clock := emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)})
	run := func(watched bool) string {
		e := emulator.Start(t, clock)
		s := wire.In(t, e)
		var seen strings.Builder
		for range 3 {
			r := s.Post("/v1/instances", `{"name":"web-1","region":"eu-central","size":"standard-2"}`).Wants(201)
			seen.WriteString(r.Head.Get("X-Request-Id") + string(r.Body))
			for _, path := range []string{"/_sandbox/clock", "/_sandbox/agenda", "/_sandbox/instances", "/_sandbox/state", "/_sandbox/requests", "/_sandbox/nowhere", "/_sandbox/dump"} {
				if watched {
					ask(t, e, controlCall{"GET", path}, e.Key(), "")
				}
			}
		}
		if n := len(e.Requests(sandbox.Match{})); n != 3 {
			t.Errorf("%d requests on record", n)
		}
		return seen.String()
	}
	if a, b := run(false), run(true); a != b {
		t.Errorf("watched:\n%s\nnot watched:\n%s", b, a)
	}
}

func TestWithoutControl(t *testing.T) {
	e := emulator.Start(t, emulator.WithoutControl())
	if status, _, body := ask(t, e, controlCall{"GET", "/_sandbox/clock"}, e.Key(), ""); status != 404 || !strings.Contains(body, "route_not_found") {
		t.Errorf("%d %s", status, body)
	}
}

func TestMetrics(t *testing.T) {
	e := emulator.Start(t)
	s := wire.In(t, e)
	s.Get("/v1/projects").Wants(200)
	s.Get("/v1/nothing").Wants(404)
	if status, _, _ := ask(t, e, controlCall{"GET", "/_sandbox/metrics"}, e.Key(), ""); status != 403 {
		t.Errorf("with a workspace's key: %d", status)
	}
	status, head, body := ask(t, e, controlCall{"GET", "/_sandbox/metrics"}, e.AdminToken(), "")
	if status != 200 || !strings.HasPrefix(head.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v", status, head)
	}
	for _, line := range []string{
		`skystack_sandbox_requests_total{operation="listProjects",status="200"} 1`,
		`skystack_sandbox_requests_total{operation="unmatched",status="404"} 1`,
		`skystack_sandbox_request_duration_seconds_count{operation="listProjects"} 1`,
		`skystack_sandbox_workspaces 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s in\n%s", line, body)
		}
	}
}

// Where HTTPS is required, control needs it too (S21, S31).
func TestControlRequiresHTTPS(t *testing.T) {
	e := emulator.Start(t, emulator.WithRequireHTTPS())
	for _, c := range []controlCall{{"GET", "/_sandbox/clock"}, {"POST", "/_sandbox/reset"}, {"GET", "/_sandbox/metrics"}} {
		for _, token := range []string{"", e.Key(), e.AdminToken()} {
			if status, head, body := ask(t, e, c, token, ""); status != 403 || !strings.Contains(body, "https_required") || head.Get("Location") != "" {
				t.Errorf("%v: %d %s", c, status, body)
			}
		}
		c.path = "https://localhost" + c.path
		if status, _, body := ask(t, e, c, e.AdminToken(), ""); status >= 400 {
			t.Errorf("%v: %d %s", c, status, body)
		}
	}
	if status, _, _ := ask(t, e, controlCall{"GET", "/_sandbox/openapi.json"}, "", ""); status != 200 {
		t.Errorf("a public call: %d", status)
	}
}
