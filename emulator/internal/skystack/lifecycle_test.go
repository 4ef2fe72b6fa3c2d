package skystack_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// withInstances is a fixture of instances, each given as the members of a YAML
// object: "id: ins_a, status: stopped".
func withInstances(instances ...string) emulator.Option {
	text := "format: skystack-sandbox/1\ninstances:\n"
	for _, i := range instances {
		text += "  - {name: " + strings.NewReplacer("id: ", "", "_", "-").Replace(strings.SplitN(i, ",", 2)[0]) + ", " + i + "}\n"
	}
	return emulator.WithFixtureData("instances.yaml", []byte(text))
}

// statusOf asks for an instance's status.
func statusOf(s *wire.Server, id string) string {
	s.T.Helper()
	return s.Get("/v1/instances/" + id).Wants(200).Text("status")
}

// act begins an action and returns its id.
func act(s *wire.Server, id, body string) string {
	s.T.Helper()
	return s.Post("/v1/instances/"+id+"/actions", body).Wants(202).Text("id")
}

// advanceClock advances the world.
func advanceClock(s *wire.Server, d time.Duration) {
	s.T.Helper()
	if err := s.Advance(d); err != nil {
		s.T.Fatal(err)
	}
}

// passing are the actions behind the statuses that end by themselves, and how
// long they take by default, in seconds.
var passing = map[string]struct {
	action  string
	seconds int
}{
	"provisioning": {"create", 3}, "stopping": {"stop", 2}, "starting": {"start", 2}, "rebooting": {"reboot", 3},
	"resizing": {"resize", 4}, "rebuilding": {"rebuild", 5}, "deleting": {"delete", 5},
}

// The table of section 2.2: what each status says to each request. ok is 202 for
// an action, 200 for PATCH and 204 for DELETE.
const cells = `
status        start  stop   reboot resize     rebuild snapshot PATCH DELETE
provisioning  busy   busy   busy   busy       busy    busy     ok    ok
running       noop   ok     ok     notstopped ok      ok       ok    ok
stopping      busy   busy   busy   busy       busy    busy     ok    ok
starting      busy   busy   busy   busy       busy    busy     ok    ok
rebooting     busy   busy   busy   busy       busy    busy     ok    ok
resizing      busy   busy   busy   busy       busy    busy     ok    ok
rebuilding    busy   busy   busy   busy       busy    busy     ok    ok
stopped       ok     noop   state  ok         ok      ok       ok    ok
error         state  state  state  state      ok      state    ok    ok
deleting      busy   busy   busy   busy       busy    busy     state ok
`

// bodies of the actions, each good where the status allows it.
var actionBodies = map[string]string{
	"start": `{"type":"start"}`, "stop": `{"type":"stop"}`, "reboot": `{"type":"reboot"}`,
	"resize": `{"type":"resize","size":"standard-8"}`, "rebuild": `{"type":"rebuild"}`, "snapshot": `{"type":"snapshot"}`,
}

// grid reads a table of statuses by what is asked of them: its rows, the names of its
// columns, and an instance for each cell, of which more says more.
func grid(table, more string) (rows, columns, instances []string) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	columns = strings.Fields(lines[0])[1:]
	for _, row := range lines[1:] {
		status := strings.Fields(row)[0]
		for _, column := range columns {
			instances = append(instances, fmt.Sprintf("id: ins_%sx%s, status: %s%s", status, column, status, more))
		}
	}
	return lines[1:], columns, instances
}

// TestStatusByAction holds the 10 statuses by 8 requests of section 2.2, and that
// a refusal changes nothing (S7, S52, S59).
func TestStatusByAction(t *testing.T) {
	rows, columns, instances := grid(cells, "")
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances(instances...))
		for _, row := range rows {
			words := strings.Fields(row)
			for n, column := range columns {
				status, want := words[0], words[n+1]
				t.Run(status+" "+column, func(t *testing.T) {
					checkCell(s.With(t), "ins_"+status+"x"+column, status, column, want)
				})
			}
		}
	})
}

func checkCell(s *wire.Server, id, status, column, want string) {
	path := "/v1/instances/" + id
	before := s.Get(path).Wants(200).Has("status", status)
	var r *wire.Reply
	switch column {
	case "PATCH":
		r = s.Patch(path, `{"name":"renamed"}`)
	case "DELETE":
		r = s.Delete(path)
	default:
		r = s.Post(path+"/actions", actionBodies[column])
	}
	switch want {
	case "busy":
		running := passing[status]
		r.Refused(409, "instance_busy").Header("Retry-After", fmt.Sprint(running.seconds))
		if got, want := detailsOf(r), fmt.Sprintf(`[{"action_id":%q,"type":%q,"retry_after":%d}]`, before.Text("pending_action"), running.action, running.seconds); got != want {
			s.T.Errorf("details: got %s, want %s", got, want)
		}
	case "notstopped":
		r.Refused(409, "instance_not_stopped").Header("Retry-After", "").Lacks("error.details")
	case "state":
		r.Refused(409, "invalid_state").Header("Retry-After", "").Lacks("error.details")
	case "noop":
		r.Wants(202).Has("status", "completed").Has("progress", 100).Has("type", column).Has("error", nil).Header("Retry-After", "").
			Has("started_at", "2026-03-19T10:22:44Z").Has("completed_at", "2026-03-19T10:22:44Z")
		s.Get(path+"/actions").Has("pagination.total", 1).Has("data.0.id", r.Text("id"))
	case "ok":
		checkAccepted(s, r, before, column)
		return
	}
	if after := s.Get(path).Wants(200); string(after.Body) != string(before.Body) {
		s.T.Errorf("the refusal changed the instance from\n%s to\n%s", before.Body, after.Body)
	}
}

func checkAccepted(s *wire.Server, r, before *wire.Reply, column string) {
	path := "/v1/instances/" + before.Text("id")
	switch column {
	case "PATCH":
		r.Wants(200).Has("name", "renamed").Has("status", before.Text("status")).Has("version", before.Int("version")+1)
		return
	case "DELETE":
		r.Wants(204).Header("Retry-After", "")
		if before.Text("status") != "deleting" {
			s.Get(path).Refused(404, "instance_not_found")
		}
		return
	}
	seconds := map[string]int{"start": 2, "stop": 2, "reboot": 3, "resize": 4, "rebuild": 5, "snapshot": 4}[column]
	via := map[string]string{
		"start": "starting", "stop": "stopping", "reboot": "rebooting", "resize": "resizing", "rebuild": "rebuilding", "snapshot": before.Text("status"),
	}[column]
	r.Wants(202).Has("status", "in_progress").Has("progress", 0).Has("type", column).Has("instance_id", before.Text("id")).
		Has("completed_at", nil).Has("error", nil).Header("Retry-After", fmt.Sprint(seconds))
	s.Get(path).Has("status", via).Has("pending_action", r.Text("id")).Has("status_reason", nil).Has("version", before.Int("version")+1)
}

// A snapshot leaves the status and keeps the instance busy all the same.
func TestSnapshotKeepsBusy(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_up, status: running", "id: ins_down, status: stopped"))
	for _, id := range []string{"ins_up", "ins_down"} {
		path := "/v1/instances/" + id
		running := act(s, id, `{"type":"snapshot"}`)
		for _, body := range actionBodies {
			r := s.Post(path+"/actions", body).Refused(409, "instance_busy").Header("Retry-After", "4")
			r.Has("error.details.0.action_id", running).Has("error.details.0.type", "snapshot")
		}
		s.Patch(path, `{"name":"renamed"}`).Wants(200)
		s.Delete(path).Wants(204)
		s.Get("/v1/actions/"+running).Has("status", "cancelled")
	}
}

// The time that is left is rounded up, and unknown where nothing but a command
// or a read ends the action.
func TestBusySaysHowLong(t *testing.T) {
	for progression, want := range map[string]string{"time": "3", "manual": "", "reads:5": ""} {
		s := wire.Start(t, frozen(), emulator.WithProgression(progression), withInstances("id: ins_a, status: provisioning"))
		r := s.Post("/v1/instances/ins_a/actions", `{"type":"stop"}`).Refused(409, "instance_busy").Header("Retry-After", want)
		if want == "" {
			r.Has("error.details.0.retry_after", nil).Has("error.details.0.type", "create")
		}
	}
	s := wire.Start(t, frozen(), withInstances("id: ins_a, status: provisioning"))
	for elapsed, want := range map[time.Duration]int{0: 3, 1: 3, 999_999_999: 3, time.Second: 2, 2 * time.Second: 1, 2_999_999_999: 1} {
		s.Reset()
		advanceClock(s, elapsed)
		s.Post("/v1/instances/ins_a/actions", `{"type":"stop"}`).Refused(409, "instance_busy").
			Header("Retry-After", fmt.Sprint(want)).Has("error.details.0.retry_after", want)
		if exact := int(math.Ceil((3*time.Second - elapsed).Seconds())); exact != want {
			t.Errorf("the table is wrong at %v", elapsed)
		}
	}
}

// Requests that ask for what is so already are refused with --noop-actions=conflict.
func TestNoopConflict(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithNoopConflict(), withInstances("id: ins_up, status: running", "id: ins_down, status: stopped"))
	s.Post("/v1/instances/ins_up/actions", `{"type":"start"}`).Refused(409, "invalid_state")
	s.Post("/v1/instances/ins_down/actions", `{"type":"stop"}`).Refused(409, "invalid_state")
	s.Post("/v1/instances/ins_down/actions", `{"type":"stop","force":true}`).Refused(409, "invalid_state")
	s.Get("/v1/instances/ins_up/actions").Has("pagination.total", 0)
}

// A forced stop is taken while the instance is stopping, and by no other action
// or status that is passing (2.2, note 2).
func TestForcedStop(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithSpeed("realistic"), withInstances("id: ins_a, status: running", "id: ins_b, status: running",
			"id: ins_c, status: rebooting", "id: ins_d, status: stopping"))
		first := act(s, "ins_a", `{"type":"stop"}`)
		advanceClock(s, 10*time.Second)
		r := s.Post("/v1/instances/ins_a/actions", `{"type":"stop","force":true}`).Wants(202).Header("Retry-After", "2").Has("status", "in_progress")
		s.Get("/v1/actions/"+first).Has("status", "cancelled").Has("completed_at", "2026-03-19T10:22:54Z").Has("progress", 66).Has("error", nil)
		s.Get("/v1/instances/ins_a").Has("status", "stopping").Has("pending_action", r.Text("id"))
		advanceClock(s, 2*time.Second)
		s.Get("/v1/instances/ins_a").Has("status", "stopped").Has("pending_action", nil)
		s.Get("/v1/actions/"+r.Text("id")).Has("status", "completed").Has("completed_at", "2026-03-19T10:22:56Z")
		advanceClock(s, time.Hour) // the first stop does not come back
		s.Get("/v1/instances/ins_a").Has("status", "stopped").Has("updated_at", "2026-03-19T10:22:56Z")

		s.Post("/v1/instances/ins_b/actions", `{"type":"stop","force":true}`).Wants(202).Header("Retry-After", "2")
		s.Reset()
		s.Post("/v1/instances/ins_c/actions", `{"type":"stop","force":true}`).Refused(409, "instance_busy").Header("Retry-After", "20")
		s.Post("/v1/instances/ins_d/actions", `{"type":"stop"}`).Refused(409, "instance_busy").Header("Retry-After", "15")
		s.Post("/v1/instances/ins_d/actions", `{"type":"reboot","force":true}`).Refused(409, "instance_busy")
		// Only a stop can be forced.
		s.Post("/v1/instances/ins_b/actions", `{"type":"reboot","force":true}`).Wants(202).Header("Retry-After", "20")
	})
}

func TestEveryStatusHasARow(t *testing.T) {
	var statuses []string
	for _, row := range strings.Split(strings.TrimSpace(cells), "\n")[1:] {
		statuses = append(statuses, strings.Fields(row)[0])
	}
	slices.Sort(statuses)
	if got := strings.Join(statuses, " "); got != "deleting error provisioning rebooting rebuilding resizing running starting stopped stopping" {
		t.Errorf("the table has the statuses %s", got)
	}
}
