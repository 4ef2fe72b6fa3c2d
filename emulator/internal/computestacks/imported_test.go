package computestacks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// savedWorld is a world of every kind of rows, as its file has it.
func savedWorld(t *testing.T) (*rig, map[string]any) {
	t.Helper()
	r := newRig(t)
	r.post("/api/orders", object{"order": object{"project_name": "blog", "containers": []object{
		{"image_id": 2, "package_id": 1, "name": "wp", "domains": []string{"www.example.org"}, "params": []object{{"key": "title", "value": "x"}}},
		{"image_id": 1, "package_id": 1, "name": "db"},
	}}}).wants(201)
	r.advance(30 * time.Second)
	r.post("/api/container_registry", object{"container_registry": object{"label": "mine"}}).wants(201)
	r.advance(30 * time.Second)
	r.post("/api/projects/1/collaborators", object{"collaborator": object{"user_email": "sam@example.test"}}).wants(201)
	r.advance(5 * time.Hour)
	r.patch("/api/containers/1/power/restart", nil).wants(202)
	r.advance(2 * time.Second)
	var file bytes.Buffer
	if err := r.w.Snapshot().Save(&file); err != nil {
		t.Fatal(err)
	}
	var world map[string]any
	if err := json.Unmarshal(file.Bytes(), &world); err != nil {
		t.Fatal(err)
	}
	return r, world
}

// rowsIn returns the rows of a table in a file.
func rowsIn(world map[string]any, table string) []any {
	for _, t := range world["tables"].([]any) {
		if of := t.(map[string]any); of["name"] == table {
			rows, _ := of["rows"].([]any)
			return rows
		}
	}
	return nil
}

// loaded loads a file into the world of a rig and makes it the present state.
func (r *rig) loaded(world map[string]any) error {
	r.t.Helper()
	file, err := json.Marshal(world)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := r.w.Load(bytes.NewReader(file))
	if err != nil {
		return err
	}
	if err := r.w.Restore(s); err != nil {
		r.t.Fatal(err)
	}
	return nil
}

// paths are those of all objects of savedWorld.
func paths() (all []string) {
	for _, p := range []string{
		"/projects", "/container_services", "/containers/1", "/containers/2", "/container_images", "/container_registry", "/domains", "/orders", "/volumes", "/zones",
		"/load_balancers", "/locations", "/products", "/container_image_providers", "/users", "/users/ssh_keys", "/collaborations", "/subscriptions", "/event_logs/1",
		"/event_logs/2", "/projects/1/collaborators", "/containers/1/logs", "/containers/1/metrics/cpu", "/containers/1/container_processes",
	} {
		all = append(all, "/api"+p)
	}
	for of, parts := range map[string][]string{
		"projects/1": {"", "/services", "/containers", "/events", "/images", "/bastions", "/bastions/1"}, "container_images/2": {"", "/env_params"},
		"container_services/1": {"", "/containers", "/events", "/ingress_rules", "/bastions", "/load_balancers", "/logs", "/metadata", "/products"},
		"subscriptions/1":      {"", "/billing_events", "/billing_usages"}, "domains/1": {""}, "volumes/1": {"", "/backups"}, "zones/1": {""}, "container_registry/1": {""},
		"networks/ingress_rules/1": {"", "/domains"}, "load_balancers/1": {""}, "locations/1": {""}, "products/1": {""},
	} {
		for _, p := range parts {
			all = append(all, "/api/"+of+p)
		}
	}
	return all
}

// Whatever a file has, it is refused by a message that names the row, or every
// request gets a response of the contract.
func TestDamagedWorldsAreRefusedOrServed(t *testing.T) {
	r, world := savedWorld(t)
	if err := r.loaded(world); err != nil {
		t.Fatal(err)
	}
	negative := rowsIn(world, prefix+"projects")[0].(map[string]any)
	negative["id"], negative["value"].(map[string]any)["id"] = "-1", -1
	if err := r.loaded(world); err == nil || !strings.Contains(err.Error(), `cs_projects "-1": id: is not above 0`) {
		t.Error(err)
	}
	negative["id"], negative["value"].(map[string]any)["id"] = "1", 1
	refused := 0
	for _, table := range world["tables"].([]any) {
		name, _ := table.(map[string]any)["name"].(string)
		if !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, "tokens") || strings.HasSuffix(name, "ledgers") {
			continue
		}
		for _, of := range rowsIn(world, name)[:min(1, len(rowsIn(world, name)))] {
			for _, wrong := range []any{987654.0, "nonsense"} {
				refused += r.damage(world, name, "", of.(map[string]any)["value"].(map[string]any), wrong)
			}
		}
	}
	if refused < 50 {
		t.Errorf("%d files were refused", refused)
	}
}

// damage sets every member of an object in a file to a wrong value, one by one, and returns
// how many of the files were refused.
func (r *rig) damage(world map[string]any, table, at string, object map[string]any, wrong any) (refused int) {
	for member, value := range object {
		switch of := value.(type) {
		case map[string]any:
			refused += r.damage(world, table, at+member+".", of, wrong)
		case []any:
			if len(of) > 0 {
				if inner, ok := of[0].(map[string]any); ok {
					refused += r.damage(world, table, at+member+".", inner, wrong)
				}
			}
		}
		object[member] = wrong
		what := fmt.Sprintf("%s: %s%s = %v", table, at, member, wrong)
		if err := r.loaded(world); err != nil {
			if refused++; !strings.Contains(err.Error(), prefix) {
				r.t.Errorf("%s: the message names no row: %v", what, err)
			}
		} else {
			r.serves(what)
		}
		object[member] = value
	}
	return refused
}

// serves fails the test unless every request gets a response that is no failure.
func (r *rig) serves(what string) {
	defer func() {
		if p := recover(); p != nil {
			r.t.Errorf("%s: panic %v", what, p)
		}
	}()
	for _, p := range paths() {
		if got := r.sends("GET", p, nil); got.Status >= 500 {
			r.t.Errorf("%s: GET %s: %s", what, p, got.Body)
		}
	}
	r.change(func(tx *engine.Tx) { tx.AdvanceTo(tx.Now().Add(time.Hour)) })
	for _, p := range [...]string{"/api/container_services/1", "/api/projects/1", "/api/domains/1"} {
		if got := r.sends("DELETE", p, nil); got.Status >= 500 {
			r.t.Errorf("%s: DELETE %s: %s", what, p, got.Body)
		}
	}
	r.change(func(tx *engine.Tx) { tx.AdvanceTo(tx.Now().Add(time.Hour)) })
}
