package webhook_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// smallAPI is an API with webhooks: the least that an outbox needs of one.
type smallAPI struct {
	t        *testing.T
	world    *engine.World
	outbox   *webhook.Outbox
	events   map[string]string // bodies by id
	projects map[string]bool
	removed  []string
	findings finding.Log

	mu     sync.Mutex
	got    []string // what arrived: event, version, body
	status int      // of the receiver's response
}

// RoundTrip implements http.RoundTripper: it is the receiver of all messages.
func (a *smallAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got = append(a.got, strings.Join([]string{r.Header.Get("Webhook-Id"), r.Header.Get("Small-Version"), string(body)}, " "))
	return &http.Response{StatusCode: a.status, Body: http.NoBody}, err
}

func newSmallAPI(t *testing.T, change func(*webhook.Config)) *smallAPI {
	a := &smallAPI{t: t, status: http.StatusNoContent, events: map[string]string{"evt_1": `{"a":1}`}, projects: map[string]bool{"p1": true, "p2": true}}
	c := webhook.Config{
		Product: "Small", Prefix: "small_", Sender: &webhook.Sender{Transport: a}, Findings: &a.findings, KeepFor: time.Hour,
		Render: func(_ *engine.Tx, event, _ string) ([]byte, bool) {
			body, ok := a.events[event]
			return []byte(body), ok
		},
		Selects:       func(pattern, eventType string) bool { return pattern == eventType },
		ProjectExists: func(_ *engine.Tx, id string) bool { return a.projects[id] },
		Removed:       func(_ *engine.Tx, e webhook.Endpoint) { a.removed = append(a.removed, e.ID) },
	}
	if change != nil {
		change(&c)
	}
	schema := engine.NewSchema()
	a.outbox = webhook.New(schema, c)
	var err error
	a.world, err = engine.NewWorld(schema, engine.Config{ID: "w", Seed: 1, Clock: engine.Clock{Mode: engine.Frozen, Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.world.Close)
	return a
}

// do runs f in a transaction and waits until what it enqueued was sent.
func (a *smallAPI) do(f func(tx *engine.Tx)) {
	a.t.Helper()
	if err := a.world.Do(func(tx *engine.Tx) error { f(tx); return nil }); err != nil {
		a.t.Fatal(err)
	}
	if err := a.world.WaitIdle(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// add adds an endpoint of a project that selects events of the type "made".
func (a *smallAPI) add(project string) (e webhook.Endpoint) {
	a.t.Helper()
	a.do(func(tx *engine.Tx) {
		e = a.outbox.Add(tx, webhook.Endpoint{ProjectID: project, URL: "http://" + project + ".localhost/", EventTypes: []string{"made"}, APIVersion: "v7"}, webhook.RandomSecret(tx))
	})
	return e
}

// post posts an event that was made in a project.
func (a *smallAPI) post(project string) {
	a.t.Helper()
	a.do(func(tx *engine.Tx) { a.outbox.Post(tx, webhook.Event{ID: "evt_1", Type: "made", ProjectID: project}) })
}

// deliveries lists what became of the deliveries to an endpoint.
func (a *smallAPI) deliveries(of string) (out []string) {
	for _, d := range a.outbox.List(a.world, sandbox.DeliveryMatch{Webhook: of}) {
		message := d.Reason
		if n := len(d.Attempts); message == "" && n > 0 {
			message = d.Attempts[n-1].Message
		}
		out = append(out, strings.TrimSpace(d.Status+" "+message))
	}
	return out
}

func (a *smallAPI) want(what string, got []string, want ...string) {
	a.t.Helper()
	if !slices.Equal(got, want) {
		a.t.Errorf("%s %q, want %q", what, got, want)
	}
}

// An event goes to the endpoints of its project that select it, in the version of each,
// and is retried until it is accepted; an event of no project goes to all projects.
func TestOutboxOfAnyAPI(t *testing.T) {
	a := newSmallAPI(t, nil)
	one, two := a.add("p1"), a.add("p2")
	a.status = http.StatusServiceUnavailable
	a.post("p1")
	a.do(func(tx *engine.Tx) { a.outbox.Post(tx, webhook.Event{ID: "evt_1", Type: "changed"}) })
	a.status = http.StatusOK
	if err := a.world.Advance(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	a.want("arrived", a.got, `evt_1 v7 {"a":1}`, `evt_1 v7 {"a":1}`)
	a.want("deliveries", a.deliveries(one.ID), "succeeded")
	a.want("other deliveries", a.deliveries(two.ID))
	a.post("")
	a.want("deliveries", a.deliveries(""), "succeeded", "succeeded", "succeeded")
	if all := a.findings.All(); len(all) != 1 || all[0].Code != "receiver_error" {
		t.Errorf("findings %+v", all)
	}
}

// What cannot be sent fails with a reason.
func TestOutboxSaysWhatFails(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*webhook.Config)
		event  bool
		want   string
	}{
		{"no sender", func(c *webhook.Config) { c.Sender = nil }, true, "waiting This sandbox sends nothing."},
		{"wrong body", func(c *webhook.Config) {
			c.CheckBody = func([]byte) error { return errors.New("a is no number") }
		}, true, "waiting The event breaks the contract: a is no number"},
		{"no event", nil, false, "abandoned the event is no longer kept"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newSmallAPI(t, tc.change)
			e := a.add("p1")
			if !tc.event {
				clear(a.events)
			}
			a.post("p1")
			a.want("deliveries", a.deliveries(e.ID), tc.want)
			a.want("arrived", a.got)
		})
	}
}

// The endpoints of a deleted project are removed as soon as they have no open delivery,
// and the API is told.
func TestOutboxRemovesOrphans(t *testing.T) {
	a := newSmallAPI(t, nil)
	busy, idle := a.add("p1"), a.add("p1")
	a.do(func(tx *engine.Tx) {
		a.outbox.Enqueue(tx, busy, webhook.Event{ID: "evt_1", Type: "gone", ProjectID: "p1"}, "")
		delete(a.projects, "p1")
		a.outbox.RemoveOrphans(tx, "p1")
		a.want("removed", a.removed, idle.ID)
	})
	a.want("removed", a.removed, idle.ID, busy.ID)
	a.want("arrived", a.got, `evt_1 v7 {"a":1}`)
}

// A state in which an endpoint has no project is refused. An endpoint that was loaded is
// disabled until a client enables it; its open deliveries are sent then.
func TestOutboxIsSavedAndLoaded(t *testing.T) {
	a := newSmallAPI(t, nil)
	e := a.add("p1")
	a.status = http.StatusInternalServerError
	a.post("p1")
	var file strings.Builder
	if err := a.world.Snapshot().Save(&file); err != nil {
		t.Fatal(err)
	}
	delete(a.projects, "p1")
	if _, err := a.world.Load(strings.NewReader(strings.ReplaceAll(file.String(), `"open": 1`, `"open": 0`))); err == nil || !strings.Contains(err.Error(), `there is no project "p1" in the file`) {
		t.Errorf("no project: %v", err)
	}
	a.projects["p1"] = true
	loaded, err := a.world.Load(strings.NewReader(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.world.Restore(loaded); err != nil {
		t.Fatal(err)
	}
	a.status = http.StatusOK
	if err := a.world.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	a.want("arrived", a.got, `evt_1 v7 {"a":1}`)
	a.do(func(tx *engine.Tx) {
		e, _ = a.outbox.Endpoints.Get(tx, e.ID)
		if e.Disabled != webhook.DisabledByImport || a.outbox.Secrets(tx, e.ID).Current != "" {
			t.Errorf("loaded: %+v", e)
		}
		e, _ = a.outbox.Rotate(tx, e, 0)
		e.Disabled = ""
		e = a.outbox.Update(tx, e)
	})
	a.want("deliveries", a.deliveries(e.ID), "succeeded")
}
