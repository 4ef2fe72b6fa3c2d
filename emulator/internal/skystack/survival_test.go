package skystack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

const survivors = `
format: skystack-sandbox/1
instances:
  - {id: ins_new, name: new, status: provisioning, public_ip: true}
  - {id: ins_stop, name: stop, status: stopping}
  - {id: ins_start, name: start, status: starting}
  - {id: ins_boot, name: boot, status: rebooting}
  - {id: ins_size, name: size, status: resizing}
  - {id: ins_build, name: build, status: rebuilding}
  - {id: ins_gone, name: gone, status: deleting}
  - {id: ins_snap, name: snap, status: running}
`

// ask sends a request to a rig and returns the status and the body.
func (r *rig) ask(method, path, body string) (int, map[string]any) {
	request := httptest.NewRequest(method, path, bytes.NewReader([]byte(body)))
	request.Host = "localhost"
	request.Header.Set("Authorization", "Bearer "+r.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	w := r.serve(request)
	var v map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &v)
	return w.Code, v
}

// A pending transition survives that the world is put back, forked, or written
// to a file and read by another process, and ends at its due time (2.2).
func TestPendingTransitionsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "survivors.yaml")
	if err := os.WriteFile(path, []byte(survivors), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := func() *rig {
		r := newRig(t, path)
		if code, body := r.ask(http.MethodPost, "/v1/instances/ins_snap/actions", `{"type":"snapshot","name":"kept"}`); code != http.StatusAccepted {
			t.Fatalf("%d %v", code, body)
		}
		if err := r.world.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
		return r
	}
	ways := map[string]func() *rig{
		"untouched": begin,
		"restored": func() *rig {
			r := begin()
			p := r.world.Snapshot()
			if err := r.world.Advance(time.Hour); err != nil {
				t.Fatal(err)
			}
			if err := r.world.Restore(p); err != nil {
				t.Fatal(err)
			}
			return r
		},
		"saved and loaded": func() *rig {
			file := begin().saved(t)
			r := newRig(t, "empty")
			p, err := engine.Load(r.schema, bytes.NewReader([]byte(file)))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.world.Restore(p); err != nil {
				t.Fatal(err)
			}
			return r
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r := way()
			for _, c := range []struct {
				id, to string
				due    time.Duration
			}{
				{"ins_stop", "stopped", 2 * time.Second}, {"ins_start", "running", 2 * time.Second}, {"ins_boot", "running", 3 * time.Second},
				{"ins_new", "running", 3 * time.Second}, {"ins_snap", "running", 4 * time.Second}, {"ins_size", "stopped", 4 * time.Second},
				{"ins_build", "running", 5 * time.Second}, {"ins_gone", "", 5 * time.Second},
			} {
				if err := r.world.AdvanceTo(testTime().Add(c.due - 1)); err == nil {
					if _, body := r.ask(http.MethodGet, "/v1/instances/"+c.id, ""); body["pending_action"] == nil {
						t.Errorf("%s: done too early: %v", c.id, body)
					}
				}
				if err := r.world.AdvanceTo(testTime().Add(c.due)); err != nil {
					t.Fatal(err)
				}
				_, body := r.ask(http.MethodGet, "/v1/instances/"+c.id, "")
				if want := testTime().Add(c.due).Format(time.RFC3339); c.to != "" && (body["status"] != c.to || body["pending_action"] != nil || body["updated_at"] != want) {
					t.Errorf("%s: got %v %v %v, want %s at %s", c.id, body["status"], body["pending_action"], body["updated_at"], c.to, want)
				}
				if c.to == "" && body["error"] == nil {
					t.Errorf("%s: is still there: %v", c.id, body)
				}
			}
			_, body := r.ask(http.MethodGet, "/v1/images?limit=200", "")
			if last := body["data"].([]any); last[len(last)-1].(map[string]any)["name"] != "kept" {
				t.Errorf("the snapshot's image is missing: %v", body)
			}
			_, body = r.ask(http.MethodGet, "/v1/instances/ins_new", "")
			if network := body["network"].(map[string]any); network["state"] != "attached" || network["public_ip"] == nil || body["ip"] == nil {
				t.Errorf("ins_new has no addresses: %v", body)
			}
		})
	}
}

// A saved world whose instances or actions make no sense is refused.
func TestLoadChecksInstances(t *testing.T) {
	path := filepath.Join(t.TempDir(), "survivors.yaml")
	if err := os.WriteFile(path, []byte(survivors), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, path)
	file := r.saved(t)
	for _, c := range [][3]string{
		{`"id": "ins_new",`, `"id": "ins_old",`, `instances "ins_old": id: is "ins_new"`},
		{`"status": "provisioning"`, `"status": "dreaming"`, `"ins_new": status: "dreaming" is unknown`},
		{`"pending_action": "act_`, `"pending_action": "", "x": "act_`, `/x: unknown object member`},
		{`"type": "create"`, `"type": "paint"`, `type: "paint" is unknown`},
		{`"speed": ""`, `"speed": "warp"`, `settings "workspace": speed "warp" is unknown`},
		{`"step": "action.finish"`, `"step": "action.paint"`, `/agenda/0: step "action.paint" is unknown`},
	} {
		broken := bytes.Replace([]byte(file), []byte(c[0]), []byte(c[1]), 1)
		if bytes.Equal(broken, []byte(file)) {
			t.Fatalf("%s is not in the file", c[0])
		}
		_, err := engine.Load(r.schema, bytes.NewReader(broken))
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(c[2])) {
			t.Errorf("%s: got %v, want %s", c[1], err, c[2])
		}
	}
	if _, err := engine.Load(r.schema, bytes.NewReader([]byte(file))); err != nil {
		t.Error(fmt.Sprint("the file itself: ", err))
	}
}
