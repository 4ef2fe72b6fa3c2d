package emulator_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

// stacks sends requests to the ComputeStacks API of a workspace with its API credentials.
type stacks struct {
	t *testing.T
	w sandbox.Workspace
}

// send returns the status and the body of a response.
func (s stacks) send(method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	c := s.w.ComputeStacks().Credentials()
	r.SetBasicAuth(c.Username, c.Password)
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.w.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// wants sends a request and returns the body of its response, which must have a status.
func (s stacks) wants(status int, method, path, body string) string {
	s.t.Helper()
	got, text := s.send(method, path, body)
	if got != status {
		s.t.Fatalf("%s %s: %d %s", method, path, got, text)
	}
	return text
}

const orderRedis = `{"order":{"project_name":"cache","containers":[{"image_id":4,"name":"cache","product_id":1}]}}`

func standing() emulator.Option {
	return emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)})
}

// One advance moves both systems, a webhook of one fires while an order of the other runs,
// and one snapshot holds both.
func TestBothSystems(t *testing.T) {
	receiver := emulator.NewReceiver(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	e := emulator.Start(t, standing(), emulator.WithFixture("empty"))
	cs := stacks{t, e}
	post := func(path, body string) string {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.Key())
		r.Header.Set("Content-Type", "application/json")
		resp, err := e.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("POST %s: %d %s %v", path, resp.StatusCode, text, err)
		}
		return string(text)
	}
	post("/v1/webhooks", `{"url":"`+receiver.URL+`","event_types":["instance.running"]}`)
	cs.wants(201, http.MethodPost, "/api/orders", orderRedis)
	post("/v1/instances", `{"name":"web-1","region":"us-east-1","size":"standard-1"}`)
	if err := e.Advance(4 * time.Second); err != nil {
		t.Fatal(err)
	}
	if got := len(receiver.Received()); got != 1 {
		t.Errorf("%d webhooks arrived", got)
	}
	if got := cs.wants(200, http.MethodGet, "/api/orders", ""); !strings.Contains(got, `"status":"processing"`) {
		t.Error(got)
	}
	kept := e.Snapshot()
	if err := e.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	later := cs.wants(200, http.MethodGet, "/api/container_services", "")
	if !strings.Contains(later, `"current_state":"online"`) {
		t.Error(later)
	}
	cs.wants(202, http.MethodDelete, "/api/projects/1", "")
	if err := e.Restore(kept); err != nil {
		t.Fatal(err)
	}
	if got := cs.wants(200, http.MethodGet, "/api/orders", ""); !strings.Contains(got, `"status":"processing"`) || len(e.Instances()) != 1 {
		t.Error(got)
	}
	if err := e.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := cs.wants(200, http.MethodGet, "/api/container_services", ""); got != later {
		t.Errorf("after a restore:\n%s\nbefore:\n%s", got, later)
	}
}

// A fork in the middle of an order, and a workspace that loads a saved state, finish it
// alike; the same seed and requests give the same bytes.
func TestForkOfAnOrder(t *testing.T) {
	finish := func(w sandbox.Workspace) string {
		t.Helper()
		if err := w.Advance(time.Minute); err != nil {
			t.Fatal(err)
		}
		cs := stacks{t, w}
		all := ""
		for _, path := range []string{"/api/orders", "/api/projects", "/api/container_services", "/api/projects/1/containers", "/api/projects/1/events", "/api/subscriptions", "/api/containers/1/logs", "/api/containers/1/metrics/cpu"} {
			all += cs.wants(200, http.MethodGet, path, "") + "\n"
		}
		return all
	}
	start := func() *emulator.Emulator {
		e := emulator.Start(t, standing(), emulator.WithSeed(5))
		stacks{t, e}.wants(201, http.MethodPost, "/api/orders", orderRedis)
		if err := e.Advance(2 * time.Second); err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := start()
	fork := e.Fork(t)
	if status, text := (stacks{t, fork}).send(http.MethodGet, "/api/orders", ""); status != 200 || !strings.Contains(text, `"status":"processing"`) {
		t.Fatal(status, text)
	}
	var saved bytes.Buffer
	if err := e.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	loaded := emulator.Start(t, standing(), emulator.WithSeed(5))
	if err := loaded.Import(&saved); err != nil {
		t.Fatal(err)
	}
	want := finish(e)
	for name, w := range map[string]sandbox.Workspace{"fork": fork, "loaded": loaded, "again": start()} {
		if got := finish(w); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
	// The credentials of the original are no way into the fork, and the other way around.
	if own, other := e.ComputeStacks().Credentials(), fork.ComputeStacks().Credentials(); own == other {
		t.Error("two workspaces have the same credentials")
	}
}

// An API is served alone on request; the other one's paths are unknown then.
func TestServedAlone(t *testing.T) {
	for _, tc := range []struct {
		api, path string
		status    int
	}{
		{emulator.SkyStack, "/v1/version", 200}, {emulator.SkyStack, "/api/version", 404}, {emulator.SkyStack, "/version", 200},
		{emulator.ComputeStacks, "/v1/version", 404}, {emulator.ComputeStacks, "/api/version", 200}, {emulator.ComputeStacks, "/version", 200},
	} {
		e := emulator.Start(t, emulator.WithAPIs(tc.api))
		if status, text := (stacks{t, e}).send(http.MethodGet, tc.path, ""); status != tc.status {
			t.Errorf("%s %s: %d %s", tc.api, tc.path, status, text)
		}
	}
	for _, names := range [][]string{nil, {"computestack"}} {
		if _, err := emulator.New(emulator.WithAPIs(names...)); err == nil {
			t.Errorf("%q was accepted", names)
		}
	}
}
