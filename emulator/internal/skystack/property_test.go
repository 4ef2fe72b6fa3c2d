package skystack_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// seen is an instance as the walk knows it: what it rests in, or what is being
// done to it, and how it looked last.
type seen struct {
	id      string
	status  string // while it rests, and where a running action began
	running string // the action; "" while it rests
	action  string // its id
	due     time.Time
	version int
	etag    string
	body    string
	updated string
}

// walker sends random requests and holds every response against what it knows.
type walker struct {
	*wire.Server
	rt           *rapid.T
	progression  string
	slow, strict bool // deletes are slow, no-ops are conflicts
	cells        map[string]string
	alive        []*seen
	gone         []string
	ids          map[string]bool
}

// after is what an action does to an instance (2.2): via, to, and where a failure
// leads. "" is where it began.
var after = map[string][3]string{
	"create": {"provisioning", "running", "error"}, "stop": {"stopping", "stopped", "error"}, "start": {"starting", "running", "stopped"},
	"reboot": {"rebooting", "running", "error"}, "resize": {"resizing", "stopped", "stopped"}, "rebuild": {"rebuilding", "running", "error"},
	"snapshot": {"", "", ""}, "delete": {"deleting", "gone", "gone"},
}

var lasts = map[string]time.Duration{
	"create": 3 * time.Second, "stop": 2 * time.Second, "start": 2 * time.Second, "reboot": 3 * time.Second, "resize": 4 * time.Second,
	"rebuild": 5 * time.Second, "snapshot": 4 * time.Second, "delete": 5 * time.Second,
}

// TestRandomWalk sends any sequence of calls, and time, and never sees an
// undeclared transition, an id twice, a change without a new version, a total
// that is wrong or a response that breaks the contract (S7, S45, S47, S51, S55,
// S56, S57, S59).
func TestRandomWalk(t *testing.T) {
	table := map[string]string{}
	rows := strings.Split(strings.TrimSpace(cells), "\n")
	for _, row := range rows[1:] {
		for n, verdict := range strings.Fields(row)[1:] {
			table[strings.Fields(row)[0]+" "+strings.Fields(rows[0])[n+1]] = verdict
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := &walker{rt: rt, cells: table, ids: map[string]bool{}}
		w.progression = rapid.SampledFrom([]string{"time", "time", "immediate", "reads:1", "reads:3", "manual"}).Draw(rt, "progression")
		w.slow, w.strict = rapid.Bool().Draw(rt, "slow delete"), rapid.Bool().Draw(rt, "no-op conflict")
		opts := []emulator.Option{emulator.WithFixture("empty"), emulator.WithProgression(w.progression), frozen()}
		if rapid.Bool().Draw(rt, "auto clock") {
			opts[2] = autoClock()
		}
		if w.slow {
			opts = append(opts, emulator.WithSlowDelete())
		}
		if w.strict {
			opts = append(opts, emulator.WithNoopConflict())
		}
		w.Server = wire.Start(t, opts...)
		defer func() { w.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"": w.observe, "create": w.create, "act": w.act, "patch": w.patch, "delete": w.delete, "get": w.get, "advance": w.advance,
			"fail": w.fail, "finish": w.finish, "odd": w.odd,
		})
	})
}

func (w *walker) check(ok bool, format string, args ...any) {
	if w.T.Failed() {
		w.rt.Fatalf("an answer broke the contract")
	}
	if !ok {
		w.rt.Fatalf(format, args...)
	}
}

func (w *walker) fresh(id string) string {
	w.check(!w.ids[id], "the id %s is given twice", id)
	w.ids[id] = true
	return id
}

func (w *walker) pick(rt *rapid.T) *seen {
	if len(w.alive) == 0 {
		return nil
	}
	return w.alive[rapid.IntRange(0, len(w.alive)-1).Draw(rt, "instance")]
}

func (w *walker) begin(i *seen, action, id string) {
	i.running, i.action, i.due = action, w.fresh(id), w.Now().Add(lasts[action])
	if w.progression == "immediate" {
		i.due = w.Now()
	}
}

func (w *walker) create(rt *rapid.T) {
	if len(w.alive) >= 12 {
		return
	}
	family := rapid.SampledFrom([]string{"/v1/instances", "/v1/compute/instances"}).Draw(rt, "family")
	r := w.Post(family, goodBody)
	w.check(r.Status == 201, "create: %d %s", r.Status, r.Body)
	r.Has("status", "provisioning").Has("version", 1)
	i := &seen{id: w.fresh(r.Text("id")), body: string(r.Body), version: 1, etag: r.Head.Get("ETag"), updated: r.Text("updated_at")}
	w.begin(i, "create", r.Text("pending_action"))
	w.alive = append(w.alive, i)
}

// verdict is what the table says about a request to an instance.
func (w *walker) verdict(i *seen, column string) string {
	if i.running == "snapshot" && column != "PATCH" && column != "DELETE" {
		return "busy"
	}
	return w.cells[i.shown()+" "+column]
}

// shown is the status an instance has while nothing moves.
func (i *seen) shown() string {
	if via := after[i.running][0]; i.running != "" && via != "" {
		return via
	}
	return i.status
}

func (w *walker) act(rt *rapid.T) {
	i := w.pick(rt)
	if i == nil {
		return
	}
	action := rapid.SampledFrom([]string{"start", "stop", "reboot", "resize", "rebuild", "snapshot"}).Draw(rt, "action")
	force := action == "stop" && rapid.Bool().Draw(rt, "force")
	body := actionBodies[action]
	if force {
		body = `{"type":"stop","force":true}`
	}
	r := w.Post("/v1/instances/"+i.id+"/actions", body)
	want := w.verdict(i, action)
	if force && i.shown() == "stopping" {
		want = "ok"
	}
	codes := map[string]string{"busy": "instance_busy", "state": "invalid_state", "notstopped": "instance_not_stopped"}
	if w.strict {
		codes["noop"] = "invalid_state"
	}
	if code := codes[want]; code != "" {
		w.check(r.Status == 409, "%s on %s: got %d, want 409 %s", action, i.shown(), r.Status, code)
		r.Has("error.code", code)
		return
	}
	w.check(r.Status == 202, "%s on %s: got %d %s, want 202", action, i.shown(), r.Status, r.Body)
	if want == "noop" {
		w.fresh(r.Has("status", "completed").Text("id"))
		return
	}
	if i.running == "" {
		i.status = i.shown()
	}
	w.begin(i, action, r.Has("status", "in_progress").Text("id"))
}

func (w *walker) patch(rt *rapid.T) {
	i := w.pick(rt)
	if i == nil {
		return
	}
	body := rapid.SampledFrom([]string{
		`{"name":"n1"}`, `{"name":"n2"}`, `{"labels":{"a":"b"}}`, `{"labels":{"a":null}}`, `{"metadata":{"m":{"k":1}}}`, `{"metadata":{"m":{"k":null}}}`,
		`{"autoscale":true}`, `{"autoscale":{"max":7}}`, `{}`,
	}).Draw(rt, "patch")
	r := w.Patch("/v1/instances/"+i.id, body, "If-Match", i.etag)
	if w.verdict(i, "PATCH") == "state" {
		w.check(r.Status == 409, "patch of a deleting instance: %d", r.Status)
		return
	}
	w.check(r.Status == 200, "patch: %d %s", r.Status, r.Body)
	w.compare(i, string(r.Body), r.Int("version"), r.Text("updated_at"))
	w.check(r.Head.Get("ETag") == i.etag, "the ETag is %s, want %s", r.Head.Get("ETag"), i.etag)
	w.Patch("/v1/instances/"+i.id, body).Has("version", i.version) // twice is once
}

// compare notes how an instance looks now: another look has a higher version.
func (w *walker) compare(i *seen, body string, version int, updated string) {
	w.check(body == i.body && version == i.version || body != i.body && version > i.version,
		"version %d shows\n%s and version %d shows\n%s", i.version, i.body, version, body)
	w.check(updated >= i.updated, "updated_at goes from %s back to %s", i.updated, updated)
	i.body, i.version, i.updated, i.etag = body, version, updated, fmt.Sprintf(`"%d.2026-01-15"`, version)
}

func (w *walker) delete(rt *rapid.T) {
	i := w.pick(rt)
	if i == nil {
		return
	}
	if r := w.Delete("/v1/instances/" + i.id); true {
		w.check(r.Status == 204, "delete of %s: %d %s", i.shown(), r.Status, r.Body)
	}
	switch {
	case !w.slow:
		w.remove(i)
	case i.running != "delete":
		i.running, i.action, i.due = "delete", "", w.Now().Add(lasts["delete"])
		if w.progression == "immediate" {
			i.due = w.Now()
		}
	}
}

func (w *walker) remove(i *seen) {
	w.alive = slices.DeleteFunc(w.alive, func(o *seen) bool { return o == i })
	w.gone = append(w.gone, i.id)
}

func (w *walker) get(rt *rapid.T) {
	i := w.pick(rt)
	if i == nil {
		return
	}
	r := w.Get("/v1/compute/instances/" + i.id)
	if r.Status == 404 && i.running == "delete" {
		w.remove(i)
		return
	}
	w.check(r.Status == 200, "get: %d %s", r.Status, r.Body)
	w.look(i, r.Body)
	a := w.Get("/v1/instances/" + i.id + "/actions?limit=200")
	if a.Status == 404 && i.running == "delete" {
		w.remove(i)
		return
	}
	for _, id := range a.Wants(200).Strings("data", "id") {
		w.check(w.ids[id] || i.running == "delete", "the action %s was not asked for", id)
	}
}

func (w *walker) advance(rt *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{1, 999 * time.Millisecond, time.Second, 2 * time.Second, 10 * time.Second, 25 * time.Hour}).Draw(rt, "time")
	if rapid.Bool().Draw(rt, "next") {
		w.AdvanceToNext()
		return
	}
	w.check(w.Advance(d) == nil, "cannot advance")
}

func (w *walker) fail(rt *rapid.T) {
	i := w.pick(rt)
	if i == nil {
		return
	}
	err := w.Fail(i.id, "")
	switch {
	case i.running == "delete" || i.running == "" && i.status != "running":
		w.check(err != nil, "%s %s can fail", i.status, i.running)
	case i.running == "":
		i.status = "error"
	default:
		if i.status, i.running = after[i.running][2], ""; i.status == "" {
			i.status = w.statusIn(i.body)
		}
	}
}

func (w *walker) statusIn(body string) string {
	var v struct {
		Status string `json:"status"`
	}
	w.check(json.Unmarshal([]byte(body), &v) == nil, "cannot read %s", body)
	return v.Status
}

func (w *walker) finish(rt *rapid.T) {
	i := w.pick(rt)
	if i == nil {
		return
	}
	err := w.Finish(i.id)
	w.check((err == nil) == (i.running != ""), "finish of %s %s: %v", i.status, i.running, err)
	if err == nil {
		w.end(i)
	}
}

// end is the success of what is running.
func (w *walker) end(i *seen) {
	to := after[i.running][1]
	i.running = ""
	if to == "gone" {
		w.remove(i)
	} else if to != "" {
		i.status = to
	}
}

// odd sends what is refused or changes nothing here.
func (w *walker) odd(rt *rapid.T) {
	if len(w.gone) > 0 {
		id := rapid.SampledFrom(w.gone).Draw(rt, "gone")
		w.Get("/v1/instances/"+id).Refused(404, "instance_not_found")
		r := w.Delete("/v1/instances/" + id)
		w.check(r.Status == 204 || r.Status == 404, "a repeated delete: %d", r.Status)
	}
	for _, path := range []string{"/v1/images", "/v1/projects", "/v1/regions", "/v1/sizes?limit=1&page=3"} {
		w.Get(path).Wants(200)
	}
	w.Get("/v1/instances?limit=0").Refused(400, "invalid_parameter")
	w.Post("/v1/instances", `{"name":"a","region":"mars"}`).Refused(400, "invalid_parameter")
	project := w.fresh(w.Post("/v1/projects", `{"name":"p"}`).Wants(201).Text("id"))
	w.Delete("/v1/projects/" + project).Wants(204)
}

// observe lists everything and finds nothing but what it expects.
func (w *walker) observe(*rapid.T) {
	r := w.Get("/v1/instances?limit=200")
	w.check(r.Status == 200, "list: %d", r.Status)
	var list struct {
		Data       []json.RawMessage `json:"data"`
		Pagination struct{ Total int }
	}
	w.check(json.Unmarshal(r.Body, &list) == nil, "cannot read the list")
	w.check(list.Pagination.Total == len(list.Data), "total is %d of %d", list.Pagination.Total, len(list.Data))
	shown := map[string]json.RawMessage{}
	for _, item := range list.Data {
		var v struct {
			ID string `json:"id"`
		}
		w.check(json.Unmarshal(item, &v) == nil, "cannot read %s", item)
		shown[v.ID] = item
	}
	for _, i := range slices.Clone(w.alive) {
		item, there := shown[i.id]
		delete(shown, i.id)
		if !there {
			w.check(i.running == "delete", "%s has gone while it was %s", i.id, i.shown())
			w.check(w.progression != "time" || !w.Now().Before(i.due), "%s has gone too early", i.id)
			w.remove(i)
			continue
		}
		w.look(i, item)
	}
	w.check(len(shown) == 0, "the list shows %v, which are gone", shown)
}

// look holds what is shown of an instance against what can be.
func (w *walker) look(i *seen, body []byte) {
	var v struct {
		Status  string  `json:"status"`
		Pending *string `json:"pending_action"`
		Version int     `json:"version"`
		Updated string  `json:"updated_at"`
	}
	w.check(json.Unmarshal(body, &v) == nil, "cannot read %s", body)
	w.compare(i, string(body), v.Version, v.Updated)
	if i.running != "" && v.Pending == nil {
		w.check(w.progression != "manual", "%s ended by itself", i.running)
		w.check(w.progression != "time" || !w.Now().Before(i.due), "%s ended %v early", i.running, i.due.Sub(w.Now()))
		w.end(i)
	} else if i.running != "" && (w.progression == "time" || w.progression == "immediate") {
		w.check(w.Now().Before(i.due), "%s ought to have ended", i.running)
	}
	w.check(v.Status == i.shown() && (v.Pending != nil) == (i.running != ""), "%s is %s, want %s with %q running", i.id, v.Status, i.shown(), i.running)
	if i.action != "" && v.Pending != nil && i.running != "delete" {
		w.check(*v.Pending == i.action, "the action is %s, want %s", *v.Pending, i.action)
	}
}
