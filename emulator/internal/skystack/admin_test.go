package skystack_test

import (
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// newLook is newRig with settings and a clock; a clock without a time stands at
// aMoment.
func newLook(t testing.TB, fixture string, s skystack.Settings, c engine.Clock) *rig {
	t.Helper()
	f, err := fixtures.Load(fixture, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mode == "" {
		c.Mode = engine.Frozen
	}
	if c.Now.IsZero() {
		c.Now = testTime()
	}
	r := &rig{key: fixtures.DefaultKey, schema: engine.NewSchema()}
	log, registry := slog.New(slog.DiscardHandler), engine.NewRegistry()
	r.api = skystack.New(r.schema, skystack.Config{Registry: registry, Home: f.Workspace.ID, Build: "test", Fixture: fixture, Log: log})
	r.world = addWorld(t, r, f.Workspace.ID, c)
	if err := r.api.Seed(r.world, f, s); err != nil {
		t.Fatal(err)
	}
	r.addKey(t, r.key, credential.Key{ID: "tok_default", Name: "default"})
	described, err := r.api.HTTP()
	if err != nil {
		t.Fatal(err)
	}
	if r.server, err = httpapi.NewServer(httpapi.Options{Home: r.world, CheckResponses: true, Log: log}, described); err != nil {
		t.Fatal(err)
	}
	r.world.SetBaseline()
	return r
}

// addWorld is a new, empty world that the rig's keys can lead to.
func addWorld(t testing.TB, r *rig, id string, c engine.Clock) *engine.World {
	t.Helper()
	w, err := engine.NewWorld(r.schema, engine.Config{ID: id, Seed: 1, Clock: c, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := r.api.Registry.Add(w); err != nil {
		t.Fatal(err)
	}
	return w
}

// dump is the world as text.
func dump(t testing.TB, w *engine.World) string {
	t.Helper()
	var b strings.Builder
	if err := w.Snapshot().Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (r *rig) add(t testing.TB, i sandbox.Instance) sandbox.Instance {
	t.Helper()
	out, err := r.api.CreateInstance(r.world, i)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *rig) find(t testing.TB, id string) sandbox.Instance {
	t.Helper()
	i, ok := r.api.Instance(r.world, id)
	if !ok {
		t.Fatalf("there is no %s", id)
	}
	return i
}

// What can be seen without HTTP is what HTTP shows, in the same order (S47).
func TestInstancesAsTheAPIShowsThem(t *testing.T) {
	r := newLook(t, "docs", skystack.Settings{}, engine.Clock{})
	all := r.api.Instances(r.world)
	_, body := r.ask(http.MethodGet, "/v1/instances?limit=200", "")
	shown := body["data"].([]any)
	if len(all) != 74 || len(shown) != len(all) {
		t.Fatalf("%d instances, and %d by HTTP", len(all), len(shown))
	}
	for n, i := range all {
		as := shown[n].(map[string]any)
		got := map[string]any{
			"id": i.ID, "name": i.Name, "status": i.Status, "project_id": i.ProjectID, "region": i.Region, "size": i.Size, "image": i.Image,
			"version": float64(i.Version), "created_at": i.CreatedAt.Format(time.RFC3339), "updated_at": i.UpdatedAt.Format(time.RFC3339), "ip": i.IP,
		}
		for name, want := range got {
			if as[name] != want && (as[name] != nil || want != "") {
				t.Errorf("%s: %s is %v, and %v by HTTP", i.ID, name, want, as[name])
			}
		}
		if one := r.find(t, i.ID); !reflect.DeepEqual(one, i) {
			t.Errorf("found %+v, listed %+v", one, i)
		}
	}
	first := r.find(t, "ins_123")
	if first.Name != "worker-a" || first.IP != "10.24.8.12" || first.Status != "running" || first.PendingAction != "" || first.Stuck {
		t.Errorf("got %+v", first)
	}
	if _, ok := r.api.Instance(r.world, "ins_none"); ok {
		t.Error("there is an ins_none")
	}
	_, body = r.ask(http.MethodGet, "/v1/projects", "")
	projects := r.api.Projects(r.world)
	for n, as := range body["data"].([]any) {
		if as := as.(map[string]any); as["id"] != projects[n].ID || as["name"] != projects[n].Name || as["environment"] != projects[n].Environment {
			t.Errorf("project %+v, and %v by HTTP", projects[n], as)
		}
		if p, ok := r.api.Project(r.world, projects[n].ID); !ok || p != projects[n] {
			t.Errorf("found %+v, listed %+v", p, projects[n])
		}
	}
	if _, ok := r.api.Project(r.world, "prj_none"); ok {
		t.Error("there is a prj_none")
	}
}

// Inspecting is not reading: it neither counts nor advances the clock.
func TestObservedIsNotRead(t *testing.T) {
	for name, r := range map[string]*rig{
		"reads": newLook(t, "empty", skystack.Settings{Progression: "reads:2"}, engine.Clock{}),
		"auto":  newLook(t, "empty", skystack.Settings{}, engine.Clock{Mode: engine.Auto}),
	} {
		_, body := r.ask(http.MethodPost, "/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1"}`)
		id := body["id"].(string)
		before := r.saved(t)
		for range 10 {
			r.api.Instances(r.world)
			r.api.Projects(r.world)
			r.api.Project(r.world, "prj_default")
			r.api.Credentials.Limits(r.world)
			r.api.Credentials.Public(r.world)
			r.api.Settings(r.world)
			dump(t, r.world)
			if i := r.find(t, id); i.Status != "provisioning" {
				t.Fatalf("%s: a look moved it on: %+v", name, i)
			}
		}
		if after := r.saved(t); after != before {
			t.Errorf("%s: looking changed the world:\n%s\n%s", name, before, after)
		}
		for range 2 {
			r.ask(http.MethodGet, "/v1/instances/"+id, "")
		}
		if i := r.find(t, id); i.Status != "running" {
			t.Errorf("%s: a read does not move it on: %+v", name, i)
		}
	}
}

// What is handed out shares nothing with the world.
func TestReadsShareNothing(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	in := sandbox.Instance{
		Name: "a", Status: "error", Reason: &sandbox.Reason{Code: "host_failure"}, Labels: map[string]string{"a": "1"},
		Metadata: map[string]any{"list": []any{1.0, map[string]any{"deep": true}}},
	}
	id := r.add(t, in).ID
	before := dump(t, r.world)
	in.Labels["a"], in.Metadata["list"].([]any)[0], in.Reason.Code = "2", "changed", "changed"
	for _, i := range append(r.api.Instances(r.world), r.find(t, id)) {
		i.Labels["a"], i.Metadata["list"].([]any)[1].(map[string]any)["deep"], i.Reason.Code = "2", "changed", "changed"
	}
	r.api.Credentials.Public(r.world)[0].Scopes[0] = "changed"
	if after := dump(t, r.world); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// Dumps hold no secrets and no bookkeeping (S24).
func TestDumpOfAWorld(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{Limited: true}, engine.Clock{})
	fresh := dump(t, r.world)
	for _, want := range []string{
		"clock frozen 2026-03-19T10:22:44Z\nsettings workspace\n", "\n  limited true\n  default_project \"prj_default\"\n",
		"\ntokens tok_default\n  id \"tok_default\"\n  name \"default\"\n  last4 \"yOq4\"\n", "\nprojects prj_default\n", "\nimages debian-13\n",
	} {
		if !strings.Contains(fresh, want) {
			t.Errorf("%s is missing in\n%s", want, fresh)
		}
	}
	r.ask(http.MethodGet, "/v1/instances", "")
	if after := dump(t, r.world); after != fresh {
		t.Errorf("a GET changed the dump:\n%s\n%s", fresh, after)
	}
	_, body := r.ask(http.MethodPost, "/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1","labels":{"b":"2","a":"1"}}`)
	id, action := body["id"].(string), body["pending_action"].(string)
	got := strings.Split(sandbox.Diff(text(fresh), text(dump(t, r.world))), "\n")
	want := []string{
		"+ agenda 2026-03-19T10:22:47Z action.finish " + action, "+ instances " + id, `+   status "provisioning"`, `+   labels.a "1"`, `+   labels.b "2"`,
		"+ actions " + action, `+   due.at "2026-03-19T10:22:47Z"`,
	}
	for _, line := range want {
		if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+line+"\n") {
			t.Errorf("%s is missing in\n%s", line, strings.Join(got, "\n"))
		}
	}
	for _, word := range []string{"ledgers", "watches", "members", "idempotency", "digest", "seq", r.key} {
		if strings.Contains(dump(t, r.world), word) {
			t.Errorf("the dump has %q", word)
		}
	}
}

// text is a snapshot of which only the dump is known.
type text string

// WriteDump implements sandbox.Snapshot.
func (s text) WriteDump(w io.Writer) error {
	_, err := io.WriteString(w, string(s))
	return err
}

// Dump implements sandbox.Snapshot.
func (s text) Dump() string { return string(s) }

// Save implements sandbox.Snapshot.
func (text) Save(io.Writer) error { return nil }

// SaveSecrets implements sandbox.Snapshot.
func (text) SaveSecrets(io.Writer) error { return nil }
