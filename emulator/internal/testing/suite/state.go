package suite

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

func anyState(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	p, err := s.CreateProject(sandbox.Project{Name: "payments", Environment: "staging"})
	must(t, err)
	for _, status := range []string{"provisioning", "running", "stopping", "stopped", "starting", "rebooting", "resizing", "rebuilding", "error"} {
		want := sandbox.Instance{
			Name: "in-" + status, Status: status, ProjectID: p.ID, Region: "eu-central", Size: "standard-4",
			Labels: map[string]string{"env": "test"}, Metadata: map[string]any{"depth": map[string]any{"n": 1.5}}, CreatedAt: start().Add(-time.Hour),
		}
		if status == "error" {
			want.Reason = &sandbox.Reason{Code: "host_failure"}
		}
		i, err := s.CreateInstance(want)
		must(t, err)
		shown := s.Get("/v1/instances/"+i.ID).Wants(200).Has("status", status).Has("name", want.Name).Has("project_id", p.ID).Has("size", "standard-4").
			Has("labels.env", "test").Has("metadata.depth.n", 1.5).Has("created_at", "2026-03-19T09:22:44Z")
		if status == "error" {
			shown.Has("status_reason.code", "host_failure").Has("status_reason.message", "The host of the instance failed.")
		}
		again, ok := s.Instance(i.ID)
		if !ok || again.Status != status || !maps.Equal(again.Labels, want.Labels) || !again.CreatedAt.Equal(want.CreatedAt) {
			t.Errorf("%s: %+v", status, again)
		}
	}
	s.Get("/v1/instances?status=error").Wants(200).Has("data.0.name", "in-error").Lacks("data.1")
	if got, ok := s.Project(p.ID); !ok || got.Name != "payments" || got.Environment != "staging" {
		t.Errorf("project %+v", got)
	}
	if got := s.Projects(); len(got) < 2 || got[len(got)-1].ID != p.ID {
		t.Errorf("projects %+v", got)
	}
}

func stuck(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	i, err := s.CreateInstance(sandbox.Instance{Name: "web-1", Status: "provisioning", Stuck: true})
	must(t, err)
	must(t, s.Advance(24*time.Hour))
	s.Get("/v1/instances/"+i.ID).Has("status", "provisioning")
	if got, _ := s.Instance(i.ID); !got.Stuck {
		t.Errorf("not stuck: %+v", got)
	}
	must(t, s.Fail(i.ID, ""))
	s.Get("/v1/instances/"+i.ID).Has("status", "error").Has("status_reason.code", "boot_timeout")
}

func refusedObjects(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	before := s.Snapshot()
	for _, tc := range []struct {
		i    sandbox.Instance
		part string
	}{
		{sandbox.Instance{}, "name"},
		{sandbox.Instance{Name: "web-1", Status: "flying"}, "flying"},
		{sandbox.Instance{Name: "web-1", Region: "moon-1"}, "moon-1"},
		{sandbox.Instance{Name: "web-1", Size: "gigantic"}, "gigantic"},
		{sandbox.Instance{Name: "web-1", ProjectID: "prj_nowhere"}, "prj_nowhere"},
	} {
		_, err := s.CreateInstance(tc.i)
		refused(t, err, tc.part)
	}
	_, err := s.CreateProject(sandbox.Project{})
	refused(t, err, "name")
	if d := sandbox.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("refused objects changed the workspace:\n%s", d)
	}
}

func busy(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	i, err := s.CreateInstance(sandbox.Instance{Name: "web-1"})
	must(t, err)
	must(t, s.SetLoad(i.ID, sandbox.Busy(92.5)))
	must(t, s.Advance(time.Minute))
	must(t, s.SetLoad(i.ID, sandbox.Load{}))
	must(t, s.Advance(time.Minute))
	s.Get("/v1/instances/"+i.ID+"/metrics?names=cpu").Wants(200).Has("synthetic", true).
		Has("series.0.points.0.0", "2026-03-19T10:23:00Z").Has("series.0.points.0.1", 92.5).
		Has("series.0.points.1.0", "2026-03-19T10:24:00Z").Has("series.0.points.1.1", 25).Lacks("series.0.points.2")
	s.Get("/v1/instances/"+i.ID+"/health").Wants(200).Has("status", "healthy")
	before := s.Snapshot()
	refused(t, s.SetLoad(i.ID, sandbox.Busy(100.5)), "cpu")
	refused(t, s.SetLoad(i.ID, sandbox.Busy(-1)), "cpu")
	refused(t, s.SetLoad(i.ID, sandbox.Busy(math.NaN())), "")
	if err := s.SetLoad("ins_nowhere", sandbox.Busy(50)); !errors.Is(err, sandbox.ErrNotFound) {
		t.Errorf("the load of nothing: %v", err)
	}
	if d := sandbox.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("refused loads changed the workspace:\n%s", d)
	}
}

func scaling(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	r := s.Post("/v1/compute/instances", `{"name":"web","profile":"c4-standard","region":"eu-central","autoscale":true}`).Wants(201)
	leader, policy := r.Text("id"), "/v1/autoscale-policies/"+r.Text("autoscale_policy.id")
	must(t, s.AdvanceUntilIdle())
	s.Get(policy).Wants(200).Has("members", 1)
	must(t, s.SetLoad(leader, sandbox.Busy(90)))
	must(t, s.AdvanceUntilIdle())
	s.Get(policy).Wants(200).Has("members", 2)
	s.Get(policy+"/history").Wants(200).Has("data.0.reason", "cpu_above_target").Has("data.0.cpu", 90).Lacks("data.1")
	must(t, s.SetLoad(leader, sandbox.Load{}))
	must(t, s.AdvanceUntilIdle())
	s.Get(policy).Wants(200).Has("members", 1)
}

func snapshot(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	before := s.Snapshot()
	must(t, s.Advance(3*time.Second))
	after := s.Snapshot()
	d := sandbox.Diff(before, after)
	for _, line := range []string{"  instances " + id + "\n", `-   status "provisioning"`, `+   status "running"`} {
		if !strings.Contains(d, line) {
			t.Errorf("no %q in the diff:\n%s", line, d)
		}
	}
	must(t, s.Restore(before))
	s.Get("/v1/instances/"+id).Has("status", "provisioning")
	if got := s.Now(); !got.Equal(start()) {
		t.Errorf("now %s", got)
	}
	if d := sandbox.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("restored, and yet:\n%s", d)
	}
	must(t, s.Advance(3*time.Second))
	if d := sandbox.Diff(after, s.Snapshot()); d != "" {
		t.Errorf("the same again, and yet:\n%s", d)
	}
}

func fork(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	f := wire.In(t, s.Fork(t))
	must(t, f.Advance(3*time.Second))
	f.Get("/v1/instances/"+id).Wants(200).Has("status", "running")
	s.Get("/v1/instances/"+id).Wants(200).Has("status", "provisioning")
	f.Delete("/v1/instances/" + id).Wants(204)
	s.Get("/v1/instances/" + id).Wants(200)
	if f.Key() == s.Key() || f.ID() == s.ID() || len(f.Keys()) != 1 {
		t.Errorf("the fork has key %v and id %s", f.Keys(), f.ID())
	}
	own := f.Post("/v1/instances", newInstance).Wants(201).Text("id")
	if theirs := s.Post("/v1/instances", newInstance).Wants(201).Text("id"); own == theirs {
		t.Errorf("both made %s", own)
	}
}

func strangers(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	a := open(frozen())
	b := wire.In(t, a.NewWorkspace(t, frozen()))
	id := a.Post("/v1/instances", newInstance).Wants(201).Text("id")
	b.Get("/v1/instances/"+id).Refused(404, "instance_not_found")
	b.Delete("/v1/instances/"+id).Refused(404, "instance_not_found")
	must(t, b.Advance(time.Hour))
	if got := a.Now(); !got.Equal(start()) {
		t.Errorf("now %s in the other workspace", got)
	}
	if got := len(a.Requests(sandbox.Match{})); got != 1 {
		t.Errorf("%d requests on record, want 1", got)
	}
	b.Reset()
	a.Get("/v1/instances/" + id).Wants(200)
}

func exportAndImport(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	a := open(frozen())
	id := a.Post("/v1/instances", newInstance).Wants(201).Text("id")
	must(t, a.Advance(time.Second))
	var file bytes.Buffer
	must(t, a.Snapshot().Save(&file))
	b := wire.In(t, a.NewWorkspace(t, sandbox.Setup{Fixture: "docs", Seed: 99}))
	must(t, b.Import(bytes.NewReader(file.Bytes())))
	if d := sandbox.Diff(a.Snapshot(), b.Snapshot()); d != "" {
		t.Errorf("imported, and yet:\n%s", d)
	}
	if a.Dump() != b.Dump() {
		t.Error("the dumps differ")
	}
	b.Get("/v1/instances/"+id).Wants(200).Has("status", "provisioning") // with b's own key
	must(t, b.Advance(2*time.Second))
	b.Get("/v1/instances/"+id).Has("status", "running")
	a.Get("/v1/instances/"+id).Has("status", "provisioning")
	must(t, b.Restore(a.Snapshot())) // from another workspace
	b.Get("/v1/instances/"+id).Has("status", "provisioning")
	must(t, b.Import(bytes.NewReader(file.Bytes())))
	b.Reset()
	b.Get("/v1/instances").Wants(200) // its own key stays good, whatever was imported and reset
	if secret := a.Key(); strings.Contains(file.String(), secret) {
		t.Error("the file holds a key")
	}
}

// Webhooks are imported without secrets, or with them where they were asked for, and
// wait until they are enabled.
func exportSecrets(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	a := open(frozen())
	hook := a.Post("/v1/webhooks", `{"url":"http://127.0.0.1:3999/hook","event_types":["*"]}`).Wants(201)
	secret := hook.Text("secret")
	var plain, whole bytes.Buffer
	shot := a.Snapshot()
	must(t, shot.Save(&plain))
	must(t, shot.SaveSecrets(&whole))
	if strings.Contains(plain.String(), secret) || !strings.Contains(whole.String(), secret) {
		t.Error("the secret is where it should not be, or is not where it should be")
	}
	enable := func() *wire.Reply { return a.Patch("/v1/webhooks/"+hook.Text("id"), `{"status":"enabled"}`) }
	must(t, a.Import(&plain))
	enable().Refused(409, "webhook_secret_missing")
	must(t, a.Import(&whole))
	a.Get("/v1/webhooks/"+hook.Text("id")).Wants(200).Has("disabled_reason", "imported")
	enable().Wants(200).Has("status", "enabled")
}

func damagedImport(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	s.Post("/v1/instances", newInstance).Wants(201)
	var file bytes.Buffer
	must(t, s.Snapshot().Save(&file))
	good, before := file.String(), s.Snapshot()
	for _, tc := range []struct{ text, part string }{
		{"", "empty"},
		{"PK\x03\x04", "invalid"},
		{"{}", "format"},
		{strings.Replace(good, `"version": 1`, `"version": 2`, 1), "version"},
		{good[:len(good)/2], "line"},
		{strings.Replace(good, `"mode": "frozen"`, `"mode": "melted"`, 1), "melted"},
		{strings.Replace(good, `"tables"`, `"tabels"`, 1), "tabels"},
		{strings.Replace(good, `"step": "action.finish"`, `"step": "rm"`, 1), "rm"},
	} {
		refused(t, s.Import(strings.NewReader(tc.text)), tc.part)
	}
	if d := sandbox.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("a refused import changed the workspace:\n%s", d)
	}
}

func load(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	must(t, s.Load("docs"))
	s.Get("/v1/instances/ins_123").Wants(200).Has("name", "worker-a").Has("ip", "10.24.8.12")
	s.Delete("/v1/instances/ins_123").Wants(204)
	s.Reset()
	s.Get("/v1/instances/ins_123").Wants(200)
	must(t, s.LoadData("mine.yaml", []byte("format: skystack-sandbox/1\nworkspace: {id: wsp_any}\ninstances: [{id: ins_mine, name: mine}]\n")))
	s.Get("/v1/instances/ins_mine").Wants(200)
	s.Get("/v1/instances/ins_123").Wants(404)
	before := s.Snapshot()
	refused(t, s.LoadData("bad.yaml", []byte("format: skystack-sandbox/1\ninstances:\n  - {name: x, status: flying}\n")), "bad.yaml:3")
	refused(t, s.Load("nonsense"), "nonsense")
	if d := sandbox.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("a refused fixture changed the workspace:\n%s", d)
	}
}

func reset(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	before := s.Dump()
	first := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	must(t, s.Advance(time.Hour))
	s.Reset(sandbox.RestartIDs())
	if got := s.Dump(); got != before {
		t.Errorf("after a reset:\n%s\nwant\n%s", got, before)
	}
	if got := s.Requests(sandbox.Match{}); len(got) != 0 {
		t.Errorf("after a reset there are requests: %v", got)
	}
	if again := s.Post("/v1/instances", newInstance).Wants(201).Text("id"); again != first {
		t.Errorf("the first id is %s now, and was %s", again, first)
	}
	s.Reset()
	if got := s.Dump(); got != before {
		t.Errorf("after another reset:\n%s\nwant\n%s", got, before)
	}
	s.Get("/v1/instances/"+first).Refused(404, "instance_not_found")
	if next := s.Post("/v1/instances", newInstance).Wants(201).Text("id"); next <= first {
		t.Errorf("the next id is %s, and %s was that of another instance", next, first)
	}
}

func setup(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	want := sandbox.Setup{
		Fixture: "docs", Seed: 7, Clock: sandbox.Clock{Mode: sandbox.FrozenClock, Now: start()}, Speed: "realistic",
		Durations: map[string]time.Duration{"create": time.Minute}, Progression: "manual", Quota: 80,
	}
	s := open(want)
	got := s.Setup()
	if got.Fixture != "docs" || got.Seed != 7 || got.Speed != "realistic" || got.Durations["create"] != time.Minute || got.Progression != "manual" || got.Quota != 80 {
		t.Errorf("setup %+v", got)
	}
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	must(t, s.Advance(time.Hour))
	s.Get("/v1/instances/"+id).Has("status", "provisioning")
	must(t, s.Finish(id))
	s.Get("/v1/instances/"+id).Has("status", "running")
}
