package resource_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/fixtures"
)

// received is what the receiver of webhooks got.
type received struct {
	mu  sync.Mutex
	got []string
}

// RoundTrip implements http.RoundTripper.
func (r *received) RoundTrip(in *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(in.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, in.Header.Get("X-Notes-Event")+" "+string(body))
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, err
}

// Two APIs share a server and a world. Each has its own keys, limits, errors, pages, events
// and webhooks; none sees anything of the other's.
func TestSecondAPIBesideSkyStack(t *testing.T) {
	schema, registry, receiver := engine.NewSchema(), engine.NewRegistry(), &received{}
	sky := skystack.New(schema, skystack.Config{Registry: registry, Home: "wsp_default", Findings: &finding.Log{}})
	notes := newNotesAPI(schema, registry, receiver)
	world, err := engine.NewWorld(schema, engine.Config{ID: "wsp_default", Seed: 1, Strict: true, Clock: engine.Clock{Mode: engine.Frozen, Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	fixture, err := fixtures.Load("empty", 1)
	if err != nil {
		t.Fatal(err)
	}
	described, err := sky.HTTP()
	for _, err := range []error{
		err, registry.Add(world), sky.Seed(world, fixture, skystack.Settings{}),
		sky.Credentials.Add(world, credential.Registration{Secret: fixtures.DefaultKey}),
		notes.keys.Add(world, credential.Registration{Secret: "mine"}),
		notes.keys.Add(world, credential.Registration{Secret: "reads", Key: credential.Key{Scopes: []string{"notes:read"}}}),
		world.Do(func(tx *engine.Tx) error {
			notes.hooks.Add(tx, webhook.Endpoint{URL: "http://receiver.localhost/", EventTypes: []string{"note.*"}}, webhook.RandomSecret(tx))
			return nil
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	server, err := httpapi.NewServer(httpapi.Options{Home: world}, described, notes.http(t))
	if err != nil {
		t.Fatal(err)
	}
	for n, tc := range []struct {
		method, path, key, body string
		status                  int
		want                    string // the body; of the SkyStack API the code of its error
	}{
		{"GET", "/notes", "", "", 401, "notes: key_unknown"},
		{"GET", "/notes", fixtures.DefaultKey, "", 401, "notes: key_unknown"}, // a key of the other API
		{"POST", "/notes", "reads", "text=a", 403, "notes: not_yours"},
		{"POST", "/notes", "mine", "text=a", 201, `{"id":"note_1","text":"a"}`},
		{"POST", "/notes", "mine", "text=", 422, "notes: invalid_parameter"},
		{"POST", "/notes", "mine", "text=b+c", 201, `{"id":"note_2","text":"b c"}`},
		{"POST", "/notes", "mine", "text=d", 201, `{"id":"note_3","text":"d"}`},
		{"GET", "/notes", "reads", "", 200, `{"items":[{"id":"note_1","text":"a"},{"id":"note_2","text":"b c"}],"pages":2}`},
		{"GET", "/notes?p=2", "reads", "", 200, `{"items":[{"id":"note_3","text":"d"}],"pages":2}`},
		{"GET", "/notes?page=2", "reads", "", 422, "notes: unknown_parameter"},
		{"GET", "/notes/history", "mine", "", 200, `{"items":["3 note.written","2 note.written"],"pages":2}`},
		{"GET", "/notes/history?p=2", "mine", "", 200, `{"items":["1 note.written"],"pages":2}`},
		{"GET", "/notes", "mine", "", 420, "notes: slow_down"}, // its seventh request in the minute
		{"DELETE", "/notes", "reads", "", 405, "notes: method_not_allowed"},
		{"GET", "/notes/2", "reads", "", 404, "notes: route_not_found"},
		{"GET", "/v1/nothing", "", "", 404, `"code":"route_not_found"`},
		{"GET", "/v1/events", "mine", "", 401, `"code":"invalid_token"`},
		{"GET", "/v1/events", fixtures.DefaultKey, "", 200, `{"data":[],`},
		{"GET", "/v1/webhooks", fixtures.DefaultKey, "", 200, `{"data":[],`},
	} {
		r := httptest.NewRequest(tc.method, "http://localhost"+tc.path, strings.NewReader(tc.body))
		r.Header.Set("X-Key", tc.key)
		if tc.key != "" {
			r.Header.Set("Authorization", "Bearer "+tc.key)
		}
		if tc.body != "" {
			r.Header.Set("Content-Type", httpapi.FormType)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		own := strings.HasPrefix(tc.path, "/notes")
		if got := strings.TrimSpace(w.Body.String()); w.Code != tc.status || own && got != tc.want || !strings.Contains(got, tc.want) {
			t.Errorf("%d: %s %s: got %d %s, want %d %s", n, tc.method, tc.path, w.Code, w.Body, tc.status, tc.want)
		}
	}
	if err := world.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := ""
	for n, text := range []string{"a", "b c", "d"} {
		want += fmt.Sprintf("note.written {\"what\":\"note.written\",\"note\":{\"id\":\"note_%d\",\"text\":%q}}\n", n+1, text)
	}
	if got := strings.Join(receiver.got, "\n") + "\n"; got != want {
		t.Errorf("received\n%s, want\n%s", got, want)
	}
}
