package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Whatever is sent, the response keeps the contract and is never the sandbox's
// violation.
func FuzzControl(f *testing.F) {
	for _, e := range exchanges {
		method, target, _ := strings.Cut(e.request, " ")
		f.Add(method, target, []byte(e.body), "application/json", true)
	}
	for _, o := range operations(f) {
		f.Add(o.Method, pathOf(o, "snp_1")+"?workspace=wsp_b", []byte(`{"a":[{}]}`), "", false)
	}
	f.Add("GET", "/_sandbox/requests?since=18446744073709551615&limit=1&status=5&wait=9s", []byte{}, "", true)
	f.Add("GET", "/_sandbox/instances/ins_1?status=error&wait=30s", []byte{}, "", false)
	r := newTestServer(f)
	f.Fuzz(func(t *testing.T, method, target string, body []byte, media string, all bool) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(u.Path, "/_sandbox/") {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nobody waits for the answer, so that nothing waits here
		q, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(string(body)))
		if err != nil {
			return
		}
		r.api.states = map[*engine.World]*workspaceState{}
		r.takeCalls()
		q.Host, q.RequestURI = "localhost", target
		q.Header.Set("Content-Type", media)
		q.Header.Set("Authorization", "Bearer "+keyA)
		if all {
			q.Header.Set("Authorization", "Bearer "+admin)
		}
		w := httptest.NewRecorder()
		r.server.ServeHTTP(w, q)
		if w.Code >= 500 {
			t.Fatalf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
		}
		if err := check(q, w.Code, w.Header(), w.Body.Bytes()); err != nil {
			t.Fatalf("%s %s %q: %d breaks the contract: %v\n%s", method, target, body, w.Code, err, w.Body)
		}
		if calls := r.b.takeCalls(); !all && len(calls) > 0 {
			t.Fatalf("%s %s %q reached another workspace: %q", method, target, body, calls)
		}
	})
}
