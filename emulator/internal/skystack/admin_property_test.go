package skystack_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
)

// rest is where an instance of each status comes to rest, and where if its action
// fails (2.2); "" is nowhere, since deleting does not fail.
var rest = map[string][2]string{
	"provisioning": {"running", "error"}, "running": {"running", "error"}, "stopping": {"stopped", "error"}, "stopped": {"stopped", ""},
	"starting": {"running", "stopped"}, "rebooting": {"running", "error"}, "resizing": {"stopped", "stopped"}, "rebuilding": {"running", "error"},
	"deleting": {"gone", ""}, "error": {"error", ""},
}

var passingStatuses = []string{"provisioning", "stopping", "starting", "rebooting", "resizing", "rebuilding", "deleting"}

// Whatever status an instance is created in, time takes it where the table says,
// unless it is stuck; commands take it there at once. And a world saved and loaded
// elsewhere has the same dump and does the same.
func TestCreatedInstancesSettle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		settings := skystack.Settings{
			Progression: skystack.Progression(rapid.SampledFrom([]string{"", "immediate", "reads:2", "manual"}).Draw(rt, "progression")),
			Speed:       skystack.Speed(rapid.SampledFrom([]string{"instant", "fast", "realistic"}).Draw(rt, "speed")),
		}
		mode := rapid.SampledFrom([]engine.Mode{engine.Frozen, engine.Auto}).Draw(rt, "clock")
		r := newLook(t, "empty", settings, engine.Clock{Mode: mode})
		want := map[string]string{}
		for range rapid.IntRange(1, 8).Draw(rt, "instances") {
			i := drawInstance(rt)
			made, err := r.api.CreateInstance(r.world, i)
			if err != nil {
				rt.Fatal(err)
			}
			want[made.ID] = "gone"
			if now, ok := r.api.Instance(r.world, made.ID); ok { // at the speed instant it has come to rest
				want[made.ID] = outcome(rt, r, now, settings.Progression)
			}
		}
		elsewhere := reloaded(t, rt, r)
		for _, r := range []*rig{r, elsewhere} {
			if err := r.world.AdvanceUntilIdle(1000); err != nil {
				rt.Fatal(err)
			}
			for id, status := range want {
				i, ok := r.api.Instance(r.world, id)
				if ok != (status != "gone") || ok && i.Status != status {
					rt.Fatalf("%s: %v %+v, want %s", id, ok, i, status)
				}
				if ok && slices.Contains(passingStatuses, i.Status) == (i.PendingAction == "") {
					rt.Fatalf("%s: its action and its status disagree: %+v", id, i)
				}
				if code, body := r.ask(http.MethodGet, "/v1/instances/"+id, ""); ok != (code == http.StatusOK) || code >= 500 {
					rt.Fatalf("%s: %d %v", id, code, body)
				}
			}
		}
	})
}

func drawInstance(rt *rapid.T) sandbox.Instance {
	i := sandbox.Instance{
		Name:     rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,62}`).Draw(rt, "name"),
		Status:   rapid.SampledFrom(append([]string{"", "running", "stopped", "error"}, passingStatuses...)).Draw(rt, "status"),
		PublicIP: rapid.SampledFrom([]string{"", "auto"}).Draw(rt, "public ip"), Autoscale: rapid.Bool().Draw(rt, "autoscale"),
		Labels:   rapid.MapOfN(rapid.StringMatching(`[a-z0-9][a-z0-9._/-]{0,20}`), rapid.String(), 0, 3).Draw(rt, "labels"),
		Metadata: map[string]any{},
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 3, rapid.ID).Draw(rt, "names") {
		i.Metadata[name] = rapid.OneOf(rapid.Just[any](nil), rapid.Float64().AsAny(), rapid.String().AsAny(), rapid.SliceOfN(rapid.Bool(), 0, 2).AsAny()).Draw(rt, "value")
	}
	i.Stuck = slices.Contains(passingStatuses, i.Status) && rapid.Bool().Draw(rt, "stuck")
	if i.Status == "error" && rapid.Bool().Draw(rt, "reason") {
		i.Reason = &sandbox.Reason{Code: "boot_timeout"}
	}
	return i
}

// outcome is the status that an instance will rest in, after a command perhaps.
func outcome(rt *rapid.T, r *rig, i sandbox.Instance, p skystack.Progression) string {
	passing := slices.Contains(passingStatuses, i.Status)
	ends := rest[i.Status]
	switch rapid.SampledFrom([]string{"wait", "finish", "fail"}).Draw(rt, "command") {
	case "finish":
		err := r.api.Finish(r.world, i.ID)
		if (err == nil) != passing || err != nil && !errors.Is(err, sandbox.ErrConflict) {
			rt.Fatalf("finish of %+v: %v", i, err)
		}
		return ends[0]
	case "fail":
		err := r.api.Fail(r.world, i.ID, "")
		if (err == nil) != (ends[1] != "") || err != nil && !errors.Is(err, sandbox.ErrConflict) {
			rt.Fatalf("fail of %+v: %v", i, err)
		}
		if err == nil {
			return ends[1]
		}
	}
	if i.Stuck || passing && p != "" && p != "immediate" {
		return i.Status
	}
	return ends[0]
}

// reloaded is a copy of a world that went through a file to another emulator, with
// another seed, id and clock.
func reloaded(t *testing.T, rt *rapid.T, r *rig) *rig {
	other := newLook(t, "default", skystack.Settings{}, engine.Clock{Now: testTime().Add(time.Hour)})
	p, err := engine.Load(other.schema, bytes.NewReader([]byte(r.saved(t))))
	if err != nil {
		rt.Fatalf("%v\n%s", err, r.saved(t))
	}
	if err := other.world.Restore(p); err != nil {
		rt.Fatal(err)
	}
	if a, b := dump(t, r.world), dump(t, other.world); a != b {
		rt.Fatalf("the dumps differ:\n%s", sandbox.Diff(text(a), text(b)))
	}
	if a, b := r.saved(t), other.saved(t); a != b {
		rt.Fatalf("the files differ:\n%s\n%s", a, b)
	}
	return other
}

// The order of commands and time does not matter to those who are stuck.
func TestStuckInstances(t *testing.T) {
	for _, progression := range []skystack.Progression{"", "immediate", "reads:1", "manual"} {
		r := newLook(t, "empty", skystack.Settings{Progression: progression}, engine.Clock{Mode: engine.Auto})
		id := r.add(t, sandbox.Instance{Name: "a", Status: "provisioning", Stuck: true}).ID
		for range 5 {
			if code, body := r.ask(http.MethodGet, "/v1/instances/"+id, ""); code != 200 || body["status"] != "provisioning" {
				t.Fatalf("%s: %d %v", progression, code, body)
			}
			r.ask(http.MethodGet, "/v1/instances", "")
		}
		code, body := r.ask(http.MethodPost, "/v1/instances/"+id+"/actions", `{"type":"stop"}`)
		if detail := body["error"].(map[string]any)["details"].([]any)[0].(map[string]any); code != http.StatusConflict || detail["retry_after"] != nil {
			t.Errorf("%s: a stuck instance promises an end: %d %v", progression, code, body)
		}
		if err := r.world.Advance(1000 * time.Hour); err != nil {
			t.Fatal(err)
		}
		if i := r.find(t, id); !i.Stuck || i.Status != "provisioning" {
			t.Errorf("%s: got %+v", progression, i)
		}
		if err := r.api.Finish(r.world, id); err != nil {
			t.Fatal(err)
		}
		if i := r.find(t, id); i.Stuck || i.Status != "running" || i.IP == "" {
			t.Errorf("%s: got %+v", progression, i)
		}
		if code, _ := r.ask(http.MethodDelete, "/v1/instances/"+id, ""); code != http.StatusNoContent {
			t.Errorf("%s: delete: %d", progression, code)
		}
	}
}

// A baseline's running action takes as long after each reset as it took at first
// (S72).
func TestPeriodicResetReschedulesActions(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	w, err := engine.NewWorld(r.schema, engine.Config{ID: "wsp_resets", Clock: engine.Clock{Mode: engine.Frozen, Now: testTime()}, ResetEvery: time.Hour, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Restore(r.world.Snapshot()); err != nil {
		t.Fatal(err)
	}
	r.world = w
	made := r.add(t, sandbox.Instance{Name: "a", Status: "provisioning"})
	w.SetBaseline()
	for round := range 3 {
		if err := w.AdvanceTo(testTime().Add(time.Duration(round)*time.Hour + time.Second)); err != nil {
			t.Fatal(err)
		}
		if i := r.find(t, made.ID); i.Status != "provisioning" || i.PendingAction != made.PendingAction {
			t.Errorf("round %d: a second later it is %+v", round, i)
		}
		if event := w.Agenda()[0]; !event.At.Equal(w.Now().Add(2 * time.Second)) {
			t.Errorf("round %d: due at %v", round, event.At)
		}
		if err := w.Advance(2 * time.Second); err != nil {
			t.Fatal(err)
		}
		if i := r.find(t, made.ID); i.Status != "running" || !i.UpdatedAt.Equal(w.Now()) {
			t.Errorf("round %d: three seconds later it is %+v", round, i)
		}
	}
}
