package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// testTime is where the clocks of these tests stand.
func testTime() time.Time { return time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC) }

// fakeWorkspace is a workspace that writes down what it is told. What it shows never
// changes by itself.
type fakeWorkspace struct {
	id, key string

	mu        sync.Mutex
	calls     []string
	failure   error // of every method that can fail
	idle      bool  // nothing is booked
	setup     sandbox.Setup
	instances []sandbox.Instance
	projects  []sandbox.Project
	keys      []sandbox.Key
	requests  []sandbox.Request
	dropped   uint64
	findings  []sandbox.Finding
	empty     bool          // lists are nil
	changed   chan struct{} // closed and replaced by tests when instances or requests change
}

var _ sandbox.Workspace = (*fakeWorkspace)(nil)

func newFake(id, key string) *fakeWorkspace {
	f := &fakeWorkspace{id: id, key: key, setup: sandbox.Setup{Workspace: id, Fixture: "default", Seed: 1}, changed: make(chan struct{})}
	f.instances = []sandbox.Instance{{ID: "ins_1", Name: "worker-a", Status: "provisioning", Version: 1, CreatedAt: testTime(), UpdatedAt: testTime()}}
	f.projects = []sandbox.Project{{ID: "prj_1", Name: "billing", Version: 1}}
	f.keys = []sandbox.Key{{ID: "tok_" + id, Token: "sky_test_…" + id[len(id)-1:]}, {ID: "tok_narrow", Token: "…", Scopes: []string{"instances:read"}}}
	f.requests = []sandbox.Request{{Seq: 7, ID: "req_1", At: testTime(), Operation: "createInstance", Method: "POST", Target: "/v1/instances", Key: "tok_1", Status: 201, Stage: "handle", Header: http.Header{"Accept": {"*/*"}}}}
	f.findings = []sandbox.Finding{{At: testTime(), Level: sandbox.LevelError, Code: "retries_after_401", Message: "stop"}}
	return f
}

// record writes a call down and returns the failure that is set.
func (f *fakeWorkspace) record(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.failure
}

func jsonText(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// takeCalls returns what was noted, and forgets it.
func (f *fakeWorkspace) takeCalls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fakeWorkspace) ID() string           { return f.id }
func (f *fakeWorkspace) URL() string          { return "http://127.0.0.1" }
func (f *fakeWorkspace) Key() string          { return f.key }
func (f *fakeWorkspace) Client() *http.Client { return nil }
func (f *fakeWorkspace) Now() time.Time       { return testTime() }
func (f *fakeWorkspace) Setup() sandbox.Setup { return f.setup }
func (f *fakeWorkspace) Clock() sandbox.Clock { return sandbox.Clock{Mode: sandbox.FrozenClock} }
func (f *fakeWorkspace) Dropped() uint64      { return f.dropped }
func (f *fakeWorkspace) DroppedOf(m sandbox.Match) uint64 {
	if m.Since < f.dropped { // the oldest are dropped first
		return f.dropped - m.Since
	}
	return 0
}
func (f *fakeWorkspace) Unmatched() []sandbox.Request { return nil }
func (f *fakeWorkspace) Keys() []sandbox.Key          { _ = f.record("Keys"); return recordRead(f, f.keys) }

func (f *fakeWorkspace) NewWorkspace(sandbox.TB, ...sandbox.Setup) sandbox.Workspace {
	panic("not for control")
}
func (f *fakeWorkspace) Fork(sandbox.TB) sandbox.Workspace       { panic("not for control") }
func (f *fakeWorkspace) AssertRequested(sandbox.TB, string, int) { panic("not for control") }

func recordRead[T any](f *fakeWorkspace, items []T) []T {
	if f.empty {
		return nil
	}
	return slices.Clone(items)
}

func (f *fakeWorkspace) AddKey(k sandbox.Key) (sandbox.Key, error) {
	err := f.record("AddKey %s", jsonText(k))
	k.ID, k.Token = "tok_9", "sky_test_secret"
	return k, err
}

func (f *fakeWorkspace) SetClock(c sandbox.Clock) error { return f.record("SetClock %s", jsonText(c)) }
func (f *fakeWorkspace) SetClockContext(_ context.Context, c sandbox.Clock) error {
	return f.SetClock(c)
}
func (f *fakeWorkspace) AdvanceContext(_ context.Context, a sandbox.Advance) (bool, error) {
	switch {
	case a.Until == sandbox.UntilIdle:
		return !f.idle, f.AdvanceUntilIdle()
	case a.Until == sandbox.UntilNext:
		return !f.idle, f.record("AdvanceToNext")
	case !a.To.IsZero():
		return true, f.AdvanceTo(a.To)
	}
	return true, f.Advance(a.By)
}
func (f *fakeWorkspace) Advance(d time.Duration) error { return f.record("Advance %v", d) }
func (f *fakeWorkspace) AdvanceTo(t time.Time) error {
	return f.record("AdvanceTo %s", t.Format(time.RFC3339Nano))
}
func (f *fakeWorkspace) AdvanceToNext() bool               { _ = f.record("AdvanceToNext"); return !f.idle }
func (f *fakeWorkspace) AdvanceUntilIdle() error           { return f.record("AdvanceUntilIdle") }
func (f *fakeWorkspace) Restore(s sandbox.Snapshot) error  { return f.record("Restore %s", s.Dump()) }
func (f *fakeWorkspace) Load(fixture string) error         { return f.record("Load %s", fixture) }
func (f *fakeWorkspace) LoadData(n string, d []byte) error { return f.record("LoadData %s %s", n, d) }
func (f *fakeWorkspace) Reset(opts ...sandbox.ResetOption) {
	if sandbox.ResetOptionsOf(opts...).RestartIDs {
		_ = f.record("Reset RestartIDs")
		return
	}
	_ = f.record("Reset")
}
func (f *fakeWorkspace) Dump() string               { _ = f.record("Dump"); return "world " + f.id + "\n" }
func (f *fakeWorkspace) Finish(id string) error     { return f.record("Finish %s", id) }
func (f *fakeWorkspace) Fail(id, code string) error { return f.record("Fail %s %q", id, code) }
func (f *fakeWorkspace) SetLoad(id string, l sandbox.Load) error {
	return f.record("SetLoad %s %s", id, jsonText(l))
}
func (f *fakeWorkspace) SetRateLimit(r sandbox.RateLimit) error {
	return f.record("SetRateLimit %s", jsonText(r))
}
func (f *fakeWorkspace) Exhaust(key string, window ...sandbox.Window) error {
	return f.record("Exhaust %q %q", key, window)
}
func (f *fakeWorkspace) Refill() error { return f.record("Refill") }

func (f *fakeWorkspace) Agenda() []sandbox.Event {
	_ = f.record("Agenda")
	return recordRead(f, []sandbox.Event{{At: testTime(), Seq: 3, Step: "action.finish", Subject: "act_1"}})
}

// fakeSnapshot is a snapshot that knows its text.
type fakeSnapshot string

func (p fakeSnapshot) Dump() string { return string(p) }

func (p fakeSnapshot) WriteDump(w io.Writer) error {
	_, err := io.WriteString(w, string(p))
	return err
}

func (p fakeSnapshot) Save(w io.Writer) error {
	_, err := io.WriteString(w, `{"format":"test","version":1,"text":"`+string(p[:len(p)-1])+`"}`)
	return err
}

// SaveSecrets is Save, and says what it is.
func (p fakeSnapshot) SaveSecrets(w io.Writer) error {
	_, err := io.WriteString(w, `{"format":"test","version":1,"text":"`+string(p[:len(p)-1])+` and its secrets"}`)
	return err
}

func (f *fakeWorkspace) Snapshot() sandbox.Snapshot {
	_ = f.record("Snapshot")
	return fakeSnapshot("world " + f.id + "\n")
}

func (f *fakeWorkspace) Import(r io.Reader) error {
	data, err := io.ReadAll(r)
	return errors.Join(f.record("Import %s", data), err)
}

func (f *fakeWorkspace) Instances() []sandbox.Instance {
	_ = f.record("Instances")
	return recordRead(f, f.instances)
}

func (f *fakeWorkspace) Instance(id string) (sandbox.Instance, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		if i.ID == id {
			return i, true
		}
	}
	return sandbox.Instance{}, false
}

func (f *fakeWorkspace) CreateInstance(i sandbox.Instance) (sandbox.Instance, error) {
	err := f.record("CreateInstance %s", jsonText(i))
	i.ID, i.Status = "ins_2", "running"
	return i, err
}

func (f *fakeWorkspace) Projects() []sandbox.Project {
	_ = f.record("Projects")
	return recordRead(f, f.projects)
}

func (f *fakeWorkspace) Project(id string) (sandbox.Project, bool) {
	for _, p := range f.projects {
		if p.ID == id {
			return p, true
		}
	}
	return sandbox.Project{}, false
}

func (f *fakeWorkspace) CreateProject(p sandbox.Project) (sandbox.Project, error) {
	err := f.record("CreateProject %s", jsonText(p))
	p.ID = "prj_2"
	return p, err
}

func (f *fakeWorkspace) Limits() []sandbox.Limit {
	_ = f.record("Limits")
	return recordRead(f, []sandbox.Limit{{Key: "tok_1", Window: "minute", Limit: 120, Remaining: 119, ResetAt: testTime()}})
}

func (f *fakeWorkspace) Findings() []sandbox.Finding {
	_ = f.record("Findings")
	return recordRead(f, f.findings)
}

func (f *fakeWorkspace) Events(m sandbox.EventMatch) []sandbox.APIEvent {
	_ = f.record("Events %s", jsonText(m))
	if m.Object == "ins_late" {
		return nil
	}
	e := sandbox.APIEvent{ID: "evt_1", Type: "instance.running", Sequence: 3, At: testTime(), Object: []byte(`{"id":"ins_1"}`)}
	return recordRead(f, []sandbox.APIEvent{e, e})
}

func (f *fakeWorkspace) WaitForEvent(ctx context.Context, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	err := f.record("WaitForEvent %s", jsonText(m))
	if f.idle {
		<-ctx.Done()
		return sandbox.APIEvent{}, ctx.Err()
	}
	return sandbox.APIEvent{ID: "evt_2", Type: "instance.running", Sequence: 4, At: testTime(), Object: []byte(`{"id":"ins_late"}`)}, err
}

func (f *fakeWorkspace) Deliveries(m sandbox.DeliveryMatch) []sandbox.Delivery {
	_ = f.record("Deliveries %s", jsonText(m))
	return recordRead(f, []sandbox.Delivery{{
		ID: "dlv_1", Webhook: "whk_1", Event: "evt_1", EventType: "instance.running", Status: "waiting", CreatedAt: testTime(), NextAttemptAt: testTime(),
		Attempts: []sandbox.DeliveryAttempt{{ID: "dlv_1_1", At: testTime(), Status: 500, LatencyMS: 3, Error: "http_status", Message: "no"}},
	}})
}

func (f *fakeWorkspace) FlushWebhooks(ctx context.Context) error {
	err := f.record("FlushWebhooks")
	if f.idle {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (f *fakeWorkspace) Trigger(t sandbox.Trigger) (sandbox.Triggered, error) {
	return sandbox.Triggered{Event: "evt_9", Type: t.Type, Object: t.Object, Project: "prj_1", Webhooks: []sandbox.TriggeredWebhook{}}, f.record("Trigger %s", jsonText(t))
}

func (f *fakeWorkspace) Listen(l sandbox.Listener) (sandbox.Listener, error) {
	err := f.record("Listen %s", jsonText(l))
	return sandbox.Listener{ID: "whk_1", URL: l.URL, EventTypes: []string{"*"}, Project: "prj_1", Secret: "whsec_c2t5"}, err
}

func (f *fakeWorkspace) NextMessage(_ context.Context, listener string) (sandbox.Message, error) {
	return sandbox.Message{Attempt: "dlv_1_1", Event: "evt_1", EventType: "webhook.test", Header: map[string]string{"X-Signature": "s"}, Body: "{}"}, f.record("NextMessage %s", listener)
}

func (f *fakeWorkspace) AnswerMessage(listener, attempt string, a sandbox.Answer) error {
	return f.record("AnswerMessage %s %s %s", listener, attempt, jsonText(a))
}

func (f *fakeWorkspace) StopListening(listener string) error {
	return f.record("StopListening %s", listener)
}

func (f *fakeWorkspace) matching(m sandbox.Match) (out []sandbox.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.requests {
		if m.Chooses(&f.requests[i]) {
			out = append(out, f.requests[i])
		}
	}
	if m.NewestFirst {
		slices.Reverse(out)
	}
	if m.Limit > 0 && len(out) > m.Limit {
		out = out[:m.Limit]
	}
	return out
}

func (f *fakeWorkspace) Requests(m sandbox.Match) []sandbox.Request {
	_ = f.record("Requests %+v", m)
	return f.matching(m)
}

// update changes what the fake shows, and wakes those who wait for it.
func (f *fakeWorkspace) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// await asks until there is a response or the context ends.
func await[T any](ctx context.Context, f *fakeWorkspace, ask func() (T, bool)) (T, error) {
	for {
		f.mu.Lock()
		changed, failure := f.changed, f.failure
		f.mu.Unlock()
		if found, ok := ask(); ok || failure != nil {
			return found, failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}

func (f *fakeWorkspace) WaitForRequest(ctx context.Context, m sandbox.Match) (sandbox.Request, error) {
	_ = f.record("WaitForRequest %+v", m)
	return await(ctx, f, func() (sandbox.Request, bool) {
		found := f.matching(m)
		if len(found) == 0 {
			return sandbox.Request{}, false
		}
		return found[0], true
	})
}

func (f *fakeWorkspace) WaitForStatus(ctx context.Context, instance, status string) (sandbox.Instance, error) {
	_ = f.record("WaitForStatus %s %s", instance, status)
	return await(ctx, f, func() (sandbox.Instance, bool) {
		i, _ := f.Instance(instance)
		return i, i.Status == status
	})
}
