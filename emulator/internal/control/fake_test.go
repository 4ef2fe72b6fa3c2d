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

// aMoment is where the clocks of these tests stand.
func aMoment() time.Time { return time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC) }

// fake is a workspace that writes down what it is told. What it shows never
// changes by itself.
type fake struct {
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

var _ sandbox.Workspace = (*fake)(nil)

func newFake(id, key string) *fake {
	f := &fake{id: id, key: key, setup: sandbox.Setup{Workspace: id, Fixture: "default", Seed: 1}, changed: make(chan struct{})}
	f.instances = []sandbox.Instance{{ID: "ins_1", Name: "worker-a", Status: "provisioning", Version: 1, CreatedAt: aMoment(), UpdatedAt: aMoment()}}
	f.projects = []sandbox.Project{{ID: "prj_1", Name: "billing", Version: 1}}
	f.keys = []sandbox.Key{{ID: "tok_" + id, Token: "sky_test_…" + id[len(id)-1:]}, {ID: "tok_narrow", Token: "…", Scopes: []string{"instances:read"}}}
	f.requests = []sandbox.Request{{Seq: 7, ID: "req_1", At: aMoment(), Operation: "createInstance", Method: "POST", Target: "/v1/instances", Key: "tok_1", Status: 201, Stage: "handle", Header: http.Header{"Accept": {"*/*"}}}}
	f.findings = []sandbox.Finding{{At: aMoment(), Level: sandbox.LevelError, Code: "retries_after_401", Message: "stop"}}
	return f
}

// note writes a call down and returns the failure that is set.
func (f *fake) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.failure
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// told returns what was noted, and forgets it.
func (f *fake) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fake) ID() string           { return f.id }
func (f *fake) URL() string          { return "http://127.0.0.1" }
func (f *fake) Key() string          { return f.key }
func (f *fake) Client() *http.Client { return nil }
func (f *fake) Now() time.Time       { return aMoment() }
func (f *fake) Setup() sandbox.Setup { return f.setup }
func (f *fake) Clock() sandbox.Clock { return sandbox.Clock{Mode: sandbox.FrozenClock} }
func (f *fake) Dropped() uint64      { return f.dropped }
func (f *fake) DroppedOf(m sandbox.Match) uint64 {
	if m.Since < f.dropped { // the oldest are dropped first
		return f.dropped - m.Since
	}
	return 0
}
func (f *fake) Unmatched() []sandbox.Request { return nil }
func (f *fake) Keys() []sandbox.Key          { _ = f.note("Keys"); return shown(f, f.keys) }

func (f *fake) NewWorkspace(sandbox.TB, ...sandbox.Setup) sandbox.Workspace { panic("not for control") }
func (f *fake) Fork(sandbox.TB) sandbox.Workspace                           { panic("not for control") }
func (f *fake) AssertRequested(sandbox.TB, string, int)                     { panic("not for control") }

func shown[T any](f *fake, items []T) []T {
	if f.empty {
		return nil
	}
	return slices.Clone(items)
}

func (f *fake) AddKey(k sandbox.Key) (sandbox.Key, error) {
	err := f.note("AddKey %s", asJSON(k))
	k.ID, k.Token = "tok_9", "sky_test_secret"
	return k, err
}

func (f *fake) SetClock(c sandbox.Clock) error { return f.note("SetClock %s", asJSON(c)) }
func (f *fake) SetClockContext(_ context.Context, c sandbox.Clock) error {
	return f.SetClock(c)
}
func (f *fake) AdvanceContext(_ context.Context, a sandbox.Advance) (bool, error) {
	switch {
	case a.Until == sandbox.UntilIdle:
		return !f.idle, f.AdvanceUntilIdle()
	case a.Until == sandbox.UntilNext:
		return !f.idle, f.note("AdvanceToNext")
	case !a.To.IsZero():
		return true, f.AdvanceTo(a.To)
	}
	return true, f.Advance(a.By)
}
func (f *fake) Advance(d time.Duration) error { return f.note("Advance %v", d) }
func (f *fake) AdvanceTo(t time.Time) error {
	return f.note("AdvanceTo %s", t.Format(time.RFC3339Nano))
}
func (f *fake) AdvanceToNext() bool               { _ = f.note("AdvanceToNext"); return !f.idle }
func (f *fake) AdvanceUntilIdle() error           { return f.note("AdvanceUntilIdle") }
func (f *fake) Restore(s sandbox.Snapshot) error  { return f.note("Restore %s", s.Dump()) }
func (f *fake) Load(fixture string) error         { return f.note("Load %s", fixture) }
func (f *fake) LoadData(n string, d []byte) error { return f.note("LoadData %s %s", n, d) }
func (f *fake) Reset(opts ...sandbox.ResetOption) {
	if sandbox.ResetOptionsOf(opts...).RestartIDs {
		_ = f.note("Reset RestartIDs")
		return
	}
	_ = f.note("Reset")
}
func (f *fake) Dump() string               { _ = f.note("Dump"); return "world " + f.id + "\n" }
func (f *fake) Finish(id string) error     { return f.note("Finish %s", id) }
func (f *fake) Fail(id, code string) error { return f.note("Fail %s %q", id, code) }
func (f *fake) SetLoad(id string, l sandbox.Load) error {
	return f.note("SetLoad %s %s", id, asJSON(l))
}
func (f *fake) SetRateLimit(r sandbox.RateLimit) error { return f.note("SetRateLimit %s", asJSON(r)) }
func (f *fake) Exhaust(key string, window ...sandbox.Window) error {
	return f.note("Exhaust %q %q", key, window)
}
func (f *fake) Refill() error { return f.note("Refill") }

func (f *fake) Agenda() []sandbox.Event {
	_ = f.note("Agenda")
	return shown(f, []sandbox.Event{{At: aMoment(), Seq: 3, Step: "action.finish", Subject: "act_1"}})
}

// picture is a snapshot that knows its text.
type picture string

func (p picture) Dump() string { return string(p) }

func (p picture) WriteDump(w io.Writer) error {
	_, err := io.WriteString(w, string(p))
	return err
}

func (p picture) Save(w io.Writer) error {
	_, err := io.WriteString(w, `{"format":"test","version":1,"text":"`+string(p[:len(p)-1])+`"}`)
	return err
}

// SaveSecrets is Save, and says what it is.
func (p picture) SaveSecrets(w io.Writer) error {
	_, err := io.WriteString(w, `{"format":"test","version":1,"text":"`+string(p[:len(p)-1])+` and its secrets"}`)
	return err
}

func (f *fake) Snapshot() sandbox.Snapshot {
	_ = f.note("Snapshot")
	return picture("world " + f.id + "\n")
}

func (f *fake) Import(r io.Reader) error {
	data, err := io.ReadAll(r)
	return errors.Join(f.note("Import %s", data), err)
}

func (f *fake) Instances() []sandbox.Instance {
	_ = f.note("Instances")
	return shown(f, f.instances)
}

func (f *fake) Instance(id string) (sandbox.Instance, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		if i.ID == id {
			return i, true
		}
	}
	return sandbox.Instance{}, false
}

func (f *fake) CreateInstance(i sandbox.Instance) (sandbox.Instance, error) {
	err := f.note("CreateInstance %s", asJSON(i))
	i.ID, i.Status = "ins_2", "running"
	return i, err
}

func (f *fake) Projects() []sandbox.Project { _ = f.note("Projects"); return shown(f, f.projects) }

func (f *fake) Project(id string) (sandbox.Project, bool) {
	for _, p := range f.projects {
		if p.ID == id {
			return p, true
		}
	}
	return sandbox.Project{}, false
}

func (f *fake) CreateProject(p sandbox.Project) (sandbox.Project, error) {
	err := f.note("CreateProject %s", asJSON(p))
	p.ID = "prj_2"
	return p, err
}

func (f *fake) Limits() []sandbox.Limit {
	_ = f.note("Limits")
	return shown(f, []sandbox.Limit{{Key: "tok_1", Window: "minute", Limit: 120, Remaining: 119, ResetAt: aMoment()}})
}

func (f *fake) Findings() []sandbox.Finding { _ = f.note("Findings"); return shown(f, f.findings) }

func (f *fake) Events(m sandbox.EventMatch) []sandbox.APIEvent {
	_ = f.note("Events %s", asJSON(m))
	if m.Object == "ins_late" {
		return nil
	}
	e := sandbox.APIEvent{ID: "evt_1", Type: "instance.running", Sequence: 3, At: aMoment(), Object: []byte(`{"id":"ins_1"}`)}
	return shown(f, []sandbox.APIEvent{e, e})
}

func (f *fake) WaitForEvent(ctx context.Context, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	err := f.note("WaitForEvent %s", asJSON(m))
	if f.idle {
		<-ctx.Done()
		return sandbox.APIEvent{}, ctx.Err()
	}
	return sandbox.APIEvent{ID: "evt_2", Type: "instance.running", Sequence: 4, At: aMoment(), Object: []byte(`{"id":"ins_late"}`)}, err
}

func (f *fake) Deliveries(m sandbox.DeliveryMatch) []sandbox.Delivery {
	_ = f.note("Deliveries %s", asJSON(m))
	return shown(f, []sandbox.Delivery{{
		ID: "dlv_1", Webhook: "whk_1", Event: "evt_1", EventType: "instance.running", Status: "waiting", CreatedAt: aMoment(), NextAttemptAt: aMoment(),
		Attempts: []sandbox.DeliveryAttempt{{ID: "dlv_1_1", At: aMoment(), Status: 500, LatencyMS: 3, Error: "http_status", Message: "no"}},
	}})
}

func (f *fake) FlushWebhooks(ctx context.Context) error {
	err := f.note("FlushWebhooks")
	if f.idle {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (f *fake) Trigger(t sandbox.Trigger) (sandbox.Triggered, error) {
	return sandbox.Triggered{Event: "evt_9", Type: t.Type, Object: t.Object, Project: "prj_1", Webhooks: []sandbox.TriggeredWebhook{}}, f.note("Trigger %s", asJSON(t))
}

func (f *fake) Listen(l sandbox.Listener) (sandbox.Listener, error) {
	err := f.note("Listen %s", asJSON(l))
	return sandbox.Listener{ID: "whk_1", URL: l.URL, EventTypes: []string{"*"}, Project: "prj_1", Secret: "whsec_c2t5"}, err
}

func (f *fake) NextMessage(_ context.Context, listener string) (sandbox.Message, error) {
	return sandbox.Message{Attempt: "dlv_1_1", Event: "evt_1", EventType: "webhook.test", Header: map[string]string{"X-Signature": "s"}, Body: "{}"}, f.note("NextMessage %s", listener)
}

func (f *fake) AnswerMessage(listener, attempt string, a sandbox.Answer) error {
	return f.note("AnswerMessage %s %s %s", listener, attempt, asJSON(a))
}

func (f *fake) StopListening(listener string) error { return f.note("StopListening %s", listener) }

func (f *fake) matching(m sandbox.Match) (out []sandbox.Request) {
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

func (f *fake) Requests(m sandbox.Match) []sandbox.Request {
	_ = f.note("Requests %+v", m)
	return f.matching(m)
}

// update changes what the fake shows, and wakes those who wait for it.
func (f *fake) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// await asks until there is a response or the context ends.
func await[T any](ctx context.Context, f *fake, ask func() (T, bool)) (T, error) {
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

func (f *fake) WaitForRequest(ctx context.Context, m sandbox.Match) (sandbox.Request, error) {
	_ = f.note("WaitForRequest %+v", m)
	return await(ctx, f, func() (sandbox.Request, bool) {
		found := f.matching(m)
		if len(found) == 0 {
			return sandbox.Request{}, false
		}
		return found[0], true
	})
}

func (f *fake) WaitForStatus(ctx context.Context, instance, status string) (sandbox.Instance, error) {
	_ = f.note("WaitForStatus %s %s", instance, status)
	return await(ctx, f, func() (sandbox.Instance, bool) {
		i, _ := f.Instance(instance)
		return i, i.Status == status
	})
}
