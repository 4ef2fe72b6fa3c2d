package skystack_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
)

// An instance keeps its last thousand actions, however long jobs act on it, and a
// run still knows what became of those that are gone.
func TestKeptActions(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	code, made := r.ask(http.MethodPost, "/v1/instances", `{"name":"a","region":"eu-central","size":"standard-2"}`)
	if code != http.StatusCreated {
		t.Fatal(code, made)
	}
	id := made["id"].(string)
	_, created := r.ask(http.MethodGet, "/v1/instances/"+id+"/actions", "")
	first := created["data"].([]any)[0].(map[string]any)["id"].(string)
	reboot := jobOf(`{"every":"2m"}`, `{"type":"reboot","target":{"instance_ids":["`+id+`"]}}`)
	var jobs []string
	for range 2 {
		_, job := r.ask(http.MethodPost, "/v1/jobs", reboot)
		jobs = append(jobs, "/v1/jobs/"+job["id"].(string))
		if err := r.world.Advance(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.world.Advance(1200 * time.Minute); err != nil {
		t.Fatal(err)
	}
	_, list := r.ask(http.MethodGet, "/v1/instances/"+id+"/actions?limit=1", "")
	oldest := list["data"].([]any)[0].(map[string]any)
	if total := list["pagination"].(map[string]any)["total"]; total != 1000.0 || oldest["type"] != "reboot" {
		t.Errorf("%v actions are listed, the oldest %v", total, oldest)
	}
	if n := len(r.rows(t, "actions")); n != 1000 {
		t.Errorf("the world holds %d actions", n)
	}
	code, gone := r.ask(http.MethodGet, "/v1/actions/"+first, "")
	want := fmt.Sprintf("There is no action %q in this workspace; the last 1000 of each instance are kept.", first)
	if got, _ := gone["error"].(map[string]any); code != http.StatusNotFound || got["code"] != "action_not_found" || got["message"] != want {
		t.Error(code, gone)
	}
	_, list = r.ask(http.MethodGet, jobs[0]+"/runs?limit=1", "")
	run := list["data"].([]any)[0].(map[string]any)
	result := run["results"].([]any)[0].(map[string]any)
	if run["status"] != "succeeded" || result["outcome"] != "completed" || result["error"] != nil {
		t.Error(run)
	}
	if code, _ := r.ask(http.MethodGet, "/v1/actions/"+result["action_id"].(string), ""); code != http.StatusNotFound {
		t.Error("the action of the first run is still kept:", code)
	}
}
