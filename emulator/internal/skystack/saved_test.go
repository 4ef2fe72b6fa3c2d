package skystack_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
)

// stored is a saved world with rows in every table.
func stored(t testing.TB) (*rig, string) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{Mode: engine.Auto})
	if err := r.api.SetRateLimit(r.world, sandbox.RateLimit{PerMinute: 100, PerDay: 1000}); err != nil {
		t.Fatal(err)
	}
	r.add(t, sandbox.Instance{ID: "ins_led", Name: "led", Autoscale: true})
	if err := r.api.SetLoad(r.world, "ins_led", sandbox.Busy(87.5)); err != nil {
		t.Fatal(err)
	}
	if err := r.world.Advance(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	r.add(t, sandbox.Instance{ID: "ins_a", Name: "a", IP: "10.0.0.1", Labels: map[string]string{"k": "v"}, Metadata: map[string]any{"m": 1}})
	r.add(t, sandbox.Instance{ID: "ins_b", Name: "b", Status: "stopping"})
	if err := r.api.SetLoad(r.world, "ins_a", sandbox.Busy(92.5)); err != nil {
		t.Fatal(err)
	}
	r.ask(http.MethodGet, "/v1/instances/ins_b", "")
	request, _ := http.NewRequest(http.MethodDelete, "http://localhost/v1/instances/ins_gone", http.NoBody)
	r.add(t, sandbox.Instance{ID: "ins_gone", Name: "gone"})
	request.Header.Set("Authorization", "Bearer "+r.key)
	request.Header.Set("Idempotency-Key", "k")
	if code := r.serve(request).Code; code != http.StatusNoContent {
		t.Fatal(code)
	}
	r.make(t, "/v1/webhooks", `{"url":"http://127.0.0.1:9/hook","event_types":["instance.*"]}`)
	r.make(t, "/v1/tokens", `{"name":"ci","environment":"staging","scopes":["instances:read"]}`)
	const reboot = `{"type":"reboot","target":{"instance_ids":["ins_a"]}}`
	r.make(t, "/v1/jobs", jobOf(`{"cron":"*/5 * * * *"}`, `{"type":"create","instance":{"name":"born","region":"us-east-1","size":"standard-1"}}`))
	r.make(t, "/v1/jobs", jobOf(`{"event":"instance.stopped"}`, `{"type":"start"}`, `"condition":{"labels":{"k":"v"},"older_than":"1m"}`))
	job := r.make(t, "/v1/jobs", jobOf(`{"every":"5m"}`, reboot, `"concurrency":"queue"`))
	for range 2 { // one goes on, one waits
		r.make(t, "/v1/jobs/"+job+"/run", "")
	}
	if err := r.world.WaitIdle(t.Context()); err != nil { // the attempts have failed
		t.Fatal(err)
	}
	return r, r.saved(t)
}

// make posts what is accepted, and returns the id of what it made.
func (r *rig) make(t testing.TB, path, body string) string {
	t.Helper()
	code, made := r.ask(http.MethodPost, path, body)
	if code != http.StatusCreated && code != http.StatusAccepted {
		t.Fatal(path, code, made)
	}
	return made["id"].(string)
}

// Rows that no world can have are refused, so that they never reach a response
// (10.2 row 12).
func TestLoadChecksEveryRow(t *testing.T) {
	r, file := stored(t)
	for _, c := range [][3]string{
		{`"id": "ins_a",
      "name": "a"`, `"id": "ins_a",
      "name": "<a>"`, `instances "ins_a": name: "<a>" is not a name`},
		{`"name": "b"`, `"name": ""`, `instances "ins_b": name: "" is not a name`},
		{`"region": "us-east-1"`, `"region": "US"`, `region: "US" is not a slug`},
		{`"region": "us-east-1"`, `"region": ""`, `region: is missing`},
		{`"private_ip": "10.0.0.1"`, `"private_ip": "10.0.0.256"`, `ip: "10.0.0.256" is not an IPv4 address`},
		{`"k": "v"`, `"k": 1`, `labels: must be an object of strings`},
		{`"k": "v"`, `"K": "v"`, `labels.K: A label's key has`},
		{`"m": 1`, `"m": ` + strings.Repeat("[", 63) + strings.Repeat("]", 63), `nests more than 69 deep`},
		{`"metadata": {`, `"metadata": [], "x": {`, `/x: unknown object member`},
		{`"project_id": "prj_default"`, `"project_id": "web"`, `project_id: "web" is not an id`},
		{`"type": "stop",
      "status": "in_progress"`, `"type": "stop",
      "status": "asleep"`, `status: "asleep" is unknown`},
		{`"cpu": 92.5`, `"cpu": 100.5`, `loads "ins_a": changes.cpu: 100.5 is no percentage`},
		{`"runs": [`, `"runs": ["2026-03-19T10:22:44Z",`, `runs: has 2 entries, which does not go with the status running`},
		{`"runs": [`, `"runs": ["2027-03-19T10:22:45Z","2027-03-19T10:22:45Z",`, `runs: is not in the order of time`},
		{`"progress": 0`, `"progress": 101`, `progress: is 101, not within 0 to 100`},
		{`"started_at": "2026`, `"started_at": "1826`, `started_at: is in the year 1826`},
		{`"id": "tok_default",
      "name": "default"`, `"id": "tok_other",
      "name": "default"`, `tokens "tok_default": id: is "tok_other"`},
		{`"scopes": [
       "*"`, `"scopes": [
       "root"`, `scopes: "root" is unknown`},
		{`"api_version": ""`, `"api_version": "2020-01-01"`, `api_version: "2020-01-01" is unknown`},
		{`"digest": "`, `"digest": "00`, `a digest has 64 hexadecimal digits`},
		{`"slug": "us-east-1"`, `"slug": "mars"`, `regions "us-east-1": id: is "mars"`},
		{`"slug": "debian-12"`, `"slug": "mars"`, `images "debian-12": id: is "mars"`},
		{`"slug": "standard-1"`, `"slug": "mars"`, `profiles "standard-1": id: is "mars"`},
		{`"id": "10.0.0.1"`, `"id": "example.test"`, `addresses "example.test": id: "example.test" is not an IPv4 address`},
		{`"reads": 1`, `"reads": -1`, `watches "ins_b": reads: is -1, not within 0 to 1073741824`},
		{`"replicas": [`, `"replicas": ["ins_led",`, `replicas: has ins_led twice`},
		{`"leader": "ins_led"`, `"leader": ""`, `leader: is missing`},
		{`"noted": 1`, `"noted": 0`, `noted: is 0, not within 1 to 1073741824`},
		{`"reason": "cpu_above_target"`, `"reason": "whim"`, `reason: "whim" is unknown`},
		{`"policy": "asp_`, `"policy": "xsp_`, `is not an id for this place; write asp_`},
		{`"max": 3`, `"max": 0`, `autoscale.min: is above autoscale.max`},
		{`"instances": 4`, `"instances": -2`, `members "prj_default": instances: is -2, not within 0 to 1073741824`},
		{`"status": 204`, `"status": 99`, `status: 99 is not a response status`},
		{`"status": 204`, `"status": 1000`, `status: 1000 is not a response status`},
		{`"day": 9`, `"day": -2`, `limit: usage: day is -2`},
		{`"default_image": "ubuntu-24.04"`, `"default_image": ""`, `settings "workspace": default_image: "?" is not a slug`},
		{`"default_project": "prj_default"`, `"default_project": "web"`, `settings "workspace": default_project: "web" is not an id`},
		{`"cron": "*/5 * * * *"`, `"cron": "*/5 * 31 2 *"`, `trigger.cron: trigger.cron "*/5 * 31 2 *" cannot be used`},
		{`"cron": "*/5 * * * *"`, `"every": "1s", "cron": "*/5 * * * *"`, `trigger.cron: A job has one trigger`},
		{`"event": "instance.stopped"`, `"event": "instance.exploded"`, `is no type of events`},
		{`"older_than": "1m"`, `"older_than": "soon"`, `condition.older_than: condition.older_than "soon" is no duration`},
		{`"concurrency": "queue"`, `"concurrency": "pile"`, `concurrency: "pile" is unknown`},
		{`"name": "born"`, `"name": ""`, `action.instance: name: "" is not a name`},
		{`"type": "start"`, `"type": "explode"`, `action.type: "explode" is unknown`},
		{`"due": "2026-03-19T10:25:00Z"`, `"due": "0001-01-01T00:00:00Z"`, `due: does not go with tick`},
		{`"trigger": "manual"`, `"trigger": "whim"`, `runs "run_00000UzoV9U": trigger: "whim" is unknown`},
		{`"status": "queued",
      "reason": null`, `"status": "partial",
      "reason": null`, `finished_at: does not go with the status partial`},
		{`"depth": 0`, `"depth": 99`, `depth: is 99, not within 0 to 9`},
		{`"url": "http://127.0.0.1:9/hook"`, `"url": "ftp://127.0.0.1:9/hook"`, `webhooks "whk_00000syjfEC": url: The URL begins with http`},
		{`"url": "http://127.0.0.1:9/hook"`, `"url": "http://u:p@127.0.0.1:9/hook"`, `url: The URL holds a user name or password`},
		{`"instance.*"
      ],
      "description"`, `"instance"
      ],
      "description"`, `event_types: "instance" is unknown`},
		{`"duplicates": 0`, `"duplicates": 1.5`, `sandbox.duplicates: is 1.5; it must be between 0 and 1`},
		{`"timeout_ms": 10000`, `"timeout_ms": 0`, `timeout_ms: is 0, not within 100 to 30000`},
		{`"signature_format": "body_hex"`, `"signature_format": "rot13"`, `signature_format: "rot13" is unknown`},
		{`"type": "instance.rebooting"`, `"type": "instance.exploded"`, `events "evt_00008wrlnZB": type "instance.exploded" is unknown`},
		{`"status": "waiting"`, `"status": "lost"`, `deliveries "dlv_00000Aj8zHH": status "lost" is unknown`},
		{`"id": "workspace"`, `"id": "other"`, `settings "other": the only row of this table is "workspace"`},
	} {
		broken := strings.Replace(file, c[0], c[1], 1)
		if broken == file {
			t.Errorf("%s is not in the file\n%s", c[0], file)
			return
		}
		_, err := engine.Load(r.schema, strings.NewReader(broken))
		if err == nil || !strings.Contains(err.Error(), c[2]) || !strings.HasPrefix(err.Error(), "saved world: line ") {
			t.Errorf("%s: got %v, want %s", c[1], err, c[2])
		}
	}
	if _, err := engine.Load(r.schema, strings.NewReader(file)); err != nil {
		t.Errorf("the file itself: %v", err)
	}
}

// FuzzImport: whatever is taken for a saved world can be served: it never makes
// the sandbox panic, answer 500 or break its contract, and its dump is that of the
// world it saves as.
func FuzzImport(f *testing.F) {
	r, file := stored(f)
	f.Add([]byte(file))
	f.Add([]byte(strings.NewReplacer(`"pending_action": "act_`, `"pending_action": "act_x`, `"mode": "auto"`, `"mode": "scaled"`).Replace(file)))
	f.Add([]byte(strings.Replace(file, `"default_project": "prj_default"`, `"default_project": ""`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := engine.Load(r.schema, bytes.NewReader(data))
		if err != nil {
			return
		}
		if err := r.world.Restore(p); err != nil {
			t.Fatal(err)
		}
		use(t, r)
		before := dump(t, r.world)
		if p, err = engine.Load(r.schema, strings.NewReader(r.saved(t))); err != nil {
			t.Fatalf("what it saves is refused: %v", err)
		}
		if err := r.world.Restore(p); err != nil {
			t.Fatal(err)
		}
		if after := dump(t, r.world); r.world.Clock().Mode != engine.Real && after != before {
			t.Fatalf("the dump changed:\n%s", sandbox.Diff(text(before), text(after)))
		}
	})
}

// What a hand might write into a file instead of what was there.
var scribbles = []string{
	`null`, `true`, `""`, `"x"`, `"ins_a"`, `"ins_b"`, `"act_none"`, `"prj_none"`, `"tok_default"`, `"deleting"`, `"running"`, `"snapshot"`, `"resize"`, `"reads:1"`,
	`"manual"`, `"real"`, `"scaled"`, `"0001-01-01T00:00:00Z"`, `"1970-01-01T00:00:00Z"`, `"2199-12-31T23:59:59Z"`, `"2261-12-31T23:59:59Z"`,
	`"9999-12-31T23:59:59-12:00"`, `"10.0.0.1"`, `"a\nb"`, `"<script>"`, `-1`, `0`, `1`, `7`, `1e6`, `9007199254740991`, `0.5`, `[]`, `{}`, `["x"]`, `{"x":"y"}`,
}

// Whatever single value is another in a saved world: it is refused, or what is
// taken can be served.
func TestImportOfScribbledWorlds(t *testing.T) {
	r, file := stored(t)
	taken := 0
	rapid.Check(t, func(rt *rapid.T) {
		var world any
		if err := json.Unmarshal([]byte(file), &world); err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(rt, "scribbles") {
			replaceValue(rt, world)
		}
		text, err := json.Marshal(world)
		if err != nil {
			rt.Fatal(err)
		}
		p, err := engine.Load(r.schema, bytes.NewReader(text))
		if err != nil {
			return
		}
		taken++
		if err := r.world.Restore(p); err != nil {
			rt.Fatal(err)
		}
		use(rt, r)
		if _, err := engine.Load(r.schema, strings.NewReader(r.saved(t))); err != nil {
			rt.Fatalf("what it saves is refused: %v", err)
		}
	})
	t.Logf("%d were taken", taken)
}

// replaceValue replaces a value somewhere.
func replaceValue(rt *rapid.T, at any) {
	for {
		var inner any
		var put func(any)
		switch at := at.(type) {
		case map[string]any:
			if len(at) == 0 {
				return
			}
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(at))).Draw(rt, "member")
			inner, put = at[name], func(v any) { at[name] = v }
		case []any:
			if len(at) == 0 {
				return
			}
			n := rapid.IntRange(0, len(at)-1).Draw(rt, "item")
			inner, put = at[n], func(v any) { at[n] = v }
		}
		_, object := inner.(map[string]any)
		_, list := inner.([]any)
		if !object && !list || rapid.IntRange(0, 20).Draw(rt, "here") == 0 {
			alike := rapid.IntRange(0, 4).Draw(rt, "alike") > 0 // or anything
			put(rapid.Custom(func(rt *rapid.T) (v any) {
				if err := json.Unmarshal([]byte(rapid.SampledFrom(scribbles).Draw(rt, "text")), &v); err != nil {
					rt.Fatal(err)
				}
				return v
			}).Filter(func(v any) bool { return !alike || reflect.TypeOf(v) == reflect.TypeOf(inner) }).Draw(rt, "value"))
			return
		}
		at = inner
	}
}

// use does everything to a world that tests and clients do.
func use(t interface{ Fatalf(string, ...any) }, r *rig) {
	paths := []string{"/v1/autoscale-policies", "/v1/instances", "/v1/projects", "/v1/regions", "/v1/images", "/v1/profiles", "/v1/version", "/v1/instances?status=running&label=k"}
	for _, i := range r.api.Instances(r.world) {
		paths = append(paths, "/v1/instances/"+i.ID, "/v1/instances/"+i.ID+"/actions", "/v1/actions/"+i.PendingAction,
			"/v1/instances/"+i.ID+"/health", "/v1/instances/"+i.ID+"/metrics?step=600")
		_ = r.api.SetLoad(r.world, i.ID, sandbox.Busy(70))
		_ = r.api.Finish(r.world, i.ID)
		_ = r.api.Fail(r.world, i.ID, "")
		r.ask(http.MethodPost, "/v1/instances/"+i.ID+"/actions", `{"type":"stop"}`)
	}
	if _, body := r.ask(http.MethodGet, "/v1/autoscale-policies", ""); body["data"] != nil {
		for _, p := range body["data"].([]any) {
			id, _ := p.(map[string]any)["id"].(string)
			paths = append(paths, "/v1/autoscale-policies/"+id, "/v1/autoscale-policies/"+id+"/history")
		}
	}
	for _, list := range []string{"/v1/webhooks", "/v1/jobs", "/v1/tokens", "/v1/events"} {
		_, body := r.ask(http.MethodGet, list, "")
		items, _ := body["data"].([]any)
		for _, item := range items {
			id, _ := item.(map[string]any)["id"].(string)
			paths = append(paths, list+"/"+id)
			switch list {
			case "/v1/webhooks":
				paths = append(paths, list+"/"+id+"/deliveries")
				r.ask(http.MethodPost, list+"/"+id+"/test", "")
			case "/v1/jobs":
				paths = append(paths, list+"/"+id+"/runs")
				r.ask(http.MethodPost, list+"/"+id+"/run", "")
				r.ask(http.MethodPatch, list+"/"+id, `{"enabled":true}`)
			}
		}
	}
	for _, path := range paths {
		if code, body := r.ask(http.MethodGet, path, ""); code >= 500 {
			t.Fatalf("%s: %d %v", path, code, body)
		}
	}
	if code, body := r.ask(http.MethodPost, "/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1"}`); code >= 500 {
		t.Fatalf("%d %v", code, body)
	}
	r.api.Credentials.Public(r.world)
	r.api.Credentials.Limits(r.world)
	_ = r.api.SetRateLimit(r.world, sandbox.RateLimit{PerMinute: 1000})
	_ = r.api.Credentials.Exhaust(r.world, "tok_default")
	_ = r.api.Credentials.Refill(r.world)
	_, _ = r.api.CreateInstance(r.world, sandbox.Instance{Name: "a", Status: "stopping"})
	_ = r.world.Advance(10 * time.Minute)
	_ = r.world.AdvanceUntilIdle(100)
}
