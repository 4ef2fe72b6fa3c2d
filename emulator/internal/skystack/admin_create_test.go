package skystack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
)

// An instance can be created in any status, at once, with what belongs to it.
func TestCreateInstanceInAnyStatus(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	for _, c := range []struct {
		status, action  string
		addressed, busy bool
	}{
		{"", "", true, false}, {"running", "", true, false}, {"stopped", "", true, false}, {"error", "", false, false},
		{"provisioning", "create", false, true}, {"stopping", "stop", true, true}, {"starting", "start", true, true}, {"rebooting", "reboot", true, true},
		{"resizing", "resize", true, true}, {"rebuilding", "rebuild", true, true}, {"deleting", "delete", true, true},
	} {
		for _, stuck := range []bool{false, true} {
			if stuck && !c.busy {
				continue
			}
			i := r.add(t, sandbox.Instance{Name: "a", Status: c.status, Stuck: stuck, PublicIP: "auto"})
			want := c.status
			if want == "" {
				want = "running"
			}
			if i.Status != want || i.Stuck != stuck || (i.PendingAction != "") != c.busy || (i.IP != "") != c.addressed || (i.PublicIP != "") != c.addressed ||
				!i.CreatedAt.Equal(testTime()) || !i.UpdatedAt.Equal(testTime()) || i.ProjectID != "prj_default" || i.Image != "ubuntu-24.04" {
				t.Errorf("%s: got %+v", c.status, i)
			}
			if got := r.find(t, i.ID); fmt.Sprint(got) != fmt.Sprint(i) {
				t.Errorf("%s: returned %+v, found %+v", c.status, i, got)
			}
			code, body := r.ask(http.MethodGet, "/v1/instances/"+i.ID, "") // which is validated against the contract
			if code != http.StatusOK || body["status"] != want {
				t.Errorf("%s: by HTTP %d %v", c.status, code, body)
			}
			if c.busy {
				_, body = r.ask(http.MethodGet, "/v1/actions/"+i.PendingAction, "")
				if body["type"] != c.action || body["status"] != "in_progress" || body["requested_by"] != "sandbox" {
					t.Errorf("%s: its action is %v", c.status, body)
				}
			}
		}
	}
}

func TestCreateInstanceInFull(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{Quota: new(int)}, engine.Clock{}) // a quota of none does not count
	created := testTime().Add(-time.Hour)
	i := r.add(t, sandbox.Instance{
		ID: "ins_mine", Name: "Web-1.a_b", Status: "error", Reason: &sandbox.Reason{Code: "boot_timeout"}, ProjectID: "prj_default",
		Region: "eu-central", Size: "standard-4", Image: "debian-12", IP: "10.1.2.3", PublicIP: "198.18.7.7", Autoscale: true,
		Labels:    map[string]string{"env": "test", "a/b": "<&>\u2028 é"},
		Metadata:  map[string]any{"n": json.Number("12345678901234567890"), "list": []any{1, nil, "x"}, "deep": map[string]any{"": true}, "time": created},
		CreatedAt: created.In(time.FixedZone("there", 3600)),
	})
	code, body := r.ask(http.MethodGet, "/v1/instances/ins_mine", "")
	text, _ := json.Marshal(body)
	const want = `{"autoscale":true,"autoscale_policy":{"cooldown_seconds":300,"enabled":true,"id":"asp_00000Xl17C7","max":3,"min":1,"target_cpu":60},` +
		`"created_at":"2026-03-19T09:22:44Z","id":"ins_mine","image":"debian-12","ip":"10.1.2.3","labels":{"a/b":"\u003c\u0026\u003e\u2028 é","env":"test"},` +
		`"metadata":{"deep":{"":true},"list":[1,null,"x"],"n":12345678901234567000,"time":"2026-03-19T09:22:44Z"},"name":"Web-1.a_b",` +
		`"network":{"firewall_ids":[],"private_ip":"10.1.2.3","public_ip":"198.18.7.7","state":"attached","subnet":null},"pending_action":null,"profile":"standard-4",` +
		`"project_id":"prj_default","region":"eu-central","size":"standard-4","status":"error","status_reason":{"code":"boot_timeout",` +
		`"message":"The instance did not come up in time."},"storage":[],"updated_at":"2026-03-19T09:22:44Z","version":1}`
	if code != http.StatusOK || string(text) != want {
		t.Errorf("got %d\n%s, want\n%s", code, text, want)
	}
	if !strings.Contains(dump(t, r.world), "metadata.n 12345678901234567890\n") {
		t.Error("digits of a number got lost")
	}
	if i.Reason.Message != "The instance did not come up in time." || i.Labels["env"] != "test" || i.Metadata["list"].([]any)[2] != "x" || !i.CreatedAt.Equal(created) {
		t.Errorf("got %+v", i)
	}
	for query, n := range map[string]int{"label=env:test": 1, "label=a/b": 1, "label=env:other": 0, "label=a/b:%3C%26%3E%E2%80%A8+%C3%A9": 1} {
		if _, body := r.ask(http.MethodGet, "/v1/instances?"+query, ""); len(body["data"].([]any)) != n {
			t.Errorf("%s: got %v", query, body)
		}
	}
	if _, body := r.ask(http.MethodDelete, "/v1/projects/prj_default", ""); body["error"] == nil {
		t.Error("a project with an instance can be deleted")
	}
	// Its addresses are free again after it.
	r.ask(http.MethodDelete, "/v1/instances/ins_mine", "")
	r.add(t, sandbox.Instance{ID: "ins_mine", Name: "again", IP: "10.1.2.3", PublicIP: "198.18.7.7"})
}

// What cannot be is refused by member, with what would be right, and changes
// nothing.
func TestCreateInstanceRefuses(t *testing.T) {
	r := newLook(t, "docs", skystack.Settings{}, engine.Clock{})
	deep := any("x")
	for range 63 {
		deep = []any{deep}
	}
	many := map[string]any{}
	for n := range 65 {
		many[fmt.Sprint("k", n)] = n
	}
	cycle := map[string]any{}
	cycle["again"] = cycle
	next := testTime().Add(time.Second)
	for _, c := range []struct {
		change   func(*sandbox.Instance)
		want     string
		conflict bool
	}{
		{change: func(i *sandbox.Instance) { i.Name = "" }, want: `name: "" is not a name; write 1 to 63 letters, digits, dots, underscores or hyphens, beginning with a letter or digit`},
		{change: func(i *sandbox.Instance) { i.Name = strings.Repeat("a", 64) }, want: `is not a name`},
		{change: func(i *sandbox.Instance) { i.Name = "<script>" }, want: `name: "<script>" is not a name`},
		{change: func(i *sandbox.Instance) { i.ID = "ins-1" }, want: `id: "ins-1" is not an id for this place; write ins_ and 1 to 60 letters or digits, as ins_123`},
		{change: func(i *sandbox.Instance) { i.ID = "prj_1" }, want: `id: "prj_1" is not an id`},
		{change: func(i *sandbox.Instance) { i.ID = "ins_" + strings.Repeat("1", 61) }, want: `is not an id`},
		{change: func(i *sandbox.Instance) { i.ID = "ins_123" }, want: `id: ins_123 exists already; choose another, or leave it out: conflict`, conflict: true},
		{change: func(i *sandbox.Instance) { i.ID = "ins_987" }, want: `id: ins_987 is an id that the workspace itself will give out; choose another, or leave it out: conflict`, conflict: true},
		{change: func(i *sandbox.Instance) { i.Status = "asleep" }, want: `status: "asleep" is unknown; use one of provisioning, running, stopping, stopped, starting, rebooting, resizing, rebuilding, deleting, error`},
		{change: func(i *sandbox.Instance) { i.Stuck = true }, want: `stuck: an instance that is running rests and cannot be stuck; leave it out, or choose one of provisioning, stopping, starting, rebooting, resizing, rebuilding, deleting`},
		{change: func(i *sandbox.Instance) { i.Reason = &sandbox.Reason{Code: "x"} }, want: `status_reason: goes with the status error alone, and this is running; leave it out`},
		{change: func(i *sandbox.Instance) { i.Status, i.Reason = "error", &sandbox.Reason{} }, want: `status_reason.code: has 0 characters; write 1 to 63`},
		{change: func(i *sandbox.Instance) { i.Status, i.Reason = "error", &sandbox.Reason{Code: "x", Message: "a\nb"} }, want: `status_reason.message: has a control character or is not UTF-8; write one line of text`},
		{change: func(i *sandbox.Instance) { i.ProjectID = "web" }, want: `project_id: "web" is not an id for this place; write prj_`},
		{change: func(i *sandbox.Instance) { i.ProjectID = "prj_none" }, want: `project_id: there is no project "prj_none"; add it first, or use one of prj_`},
		{change: func(i *sandbox.Instance) { i.Region = "Mars" }, want: `region: "Mars" is not a slug; write 1 to 63 lower-case letters`},
		{change: func(i *sandbox.Instance) { i.Region = "mars-1" }, want: `region: there is no region "mars-1"; use one of us-east-1, us-west-2, eu-central, eu-west-1, ap-southeast-1`},
		{change: func(i *sandbox.Instance) { i.Size = "huge" }, want: `size: there is no size "huge"; use one of standard-1,`},
		{change: func(i *sandbox.Instance) { i.Image = "dos-6" }, want: `image: there is no image "dos-6"; use one of ubuntu-24.04,`},
		{change: func(i *sandbox.Instance) { i.IP = "10.1.2.256" }, want: `ip: "10.1.2.256" is not an IPv4 address; write it as 10.24.8.32`},
		{change: func(i *sandbox.Instance) { i.IP = "010.1.2.3" }, want: `is not an IPv4 address`},
		{change: func(i *sandbox.Instance) { i.IP = "::1" }, want: `is not an IPv4 address`},
		{change: func(i *sandbox.Instance) { i.IP = "10.24.8.12" }, want: `ip: 10.24.8.12 is the address of ins_123; choose another, or leave it out: conflict`, conflict: true},
		{change: func(i *sandbox.Instance) { i.IP = "192.168.0.1" }, want: `ip: 192.168.0.1 is no address that the sandbox gives; use one of 10.0.0.0/8 whose last number is 1 to 254`},
		{change: func(i *sandbox.Instance) { i.IP = "10.0.0.255" }, want: `ip: 10.0.0.255 is no address that the sandbox gives`},
		{change: func(i *sandbox.Instance) { i.IP, i.PublicIP = "10.9.9.9", "10.9.9.9" }, want: `public_ip: 10.9.9.9 is no address that the sandbox gives; use one of 198.18.0.0/15 or 240.0.0.0/4 whose last number is 1 to 254`},
		{change: func(i *sandbox.Instance) { i.PublicIP = "8.8.8.8" }, want: `public_ip: 8.8.8.8 is no address that the sandbox gives`},
		{change: func(i *sandbox.Instance) { i.PublicIP = "198.20.0.1" }, want: `public_ip: 198.20.0.1 is no address that the sandbox gives`},
		{change: func(i *sandbox.Instance) { i.PublicIP = "yes" }, want: `public_ip: "yes" is not an IPv4 address`},
		{change: func(i *sandbox.Instance) { i.Labels = map[string]string{"Env": "x"} }, want: `labels.Env: A label's key has 1 to 63 characters`},
		{change: func(i *sandbox.Instance) { i.Labels = map[string]string{"env": strings.Repeat("é", 256)} }, want: `labels.env: has 256 characters; write 0 to 255`},
		{change: func(i *sandbox.Instance) { i.Labels = map[string]string{"env": "\xff"} }, want: `labels: cannot be written as JSON: `},
		{change: func(i *sandbox.Instance) { i.Metadata = many }, want: `metadata: has 65 members; at most 64 are kept`},
		{change: func(i *sandbox.Instance) { i.Metadata = map[string]any{"a": deep} }, want: `metadata: nests objects and lists more than 63 deep`},
		{change: func(i *sandbox.Instance) { i.Metadata = map[string]any{"a": math.NaN()} }, want: `metadata: cannot be written as JSON: `},
		{change: func(i *sandbox.Instance) { i.Metadata = map[string]any{"a": func() {}} }, want: `metadata: cannot be written as JSON: `},
		{change: func(i *sandbox.Instance) { i.Metadata = cycle }, want: `metadata: cannot be written as JSON: `},
		{change: func(i *sandbox.Instance) { i.Metadata = map[string]any{"a": json.Number("1x")} }, want: `metadata: cannot be written as JSON: `},
		{change: func(i *sandbox.Instance) { i.Metadata = map[string]any{"a": strings.Repeat("x", 1<<20)} }, want: `metadata: has 1048584 bytes as JSON; at most 1048576 are kept`},
		{change: func(i *sandbox.Instance) { i.PendingAction = "act_1" }, want: `pending_action: cannot be chosen; leave it out`},
		{change: func(i *sandbox.Instance) { i.Version = 3 }, want: `version: cannot be chosen; leave it out`},
		{change: func(i *sandbox.Instance) { i.UpdatedAt = next }, want: `updated_at: cannot be chosen; leave it out`},
		{change: func(i *sandbox.Instance) { i.CreatedAt = next }, want: `created_at: 2026-03-19T10:22:45Z has not come; the workspace's time is 2026-03-19T10:22:44Z`},
		{change: func(i *sandbox.Instance) { i.CreatedAt = next.AddDate(-100, 0, 0) }, want: `created_at: is in the year 1926; use one from 1970 to 9999`},
	} {
		i := sandbox.Instance{Name: "a"}
		c.change(&i)
		before := r.saved(t)
		got, err := r.api.CreateInstance(r.world, i)
		if err == nil || !strings.HasPrefix(err.Error(), "instance: ") || !strings.Contains(err.Error(), c.want) || errors.Is(err, sandbox.ErrConflict) != c.conflict {
			t.Errorf("got %v, want %s", err, c.want)
		}
		if fmt.Sprint(got) != fmt.Sprint(sandbox.Instance{}) || r.saved(t) != before {
			t.Errorf("%v: something was created: %+v", err, got)
		}
	}
	const all = `instance: name: "" is not a name; write 1 to 63 letters, digits, dots, underscores or hyphens, beginning with a letter or digit; ` +
		`region: "?" is not a slug; write 1 to 63 lower-case letters, digits, dots or hyphens, beginning with a letter or digit; ` +
		`ip: "?" is not an IPv4 address; write it as 10.24.8.32; version: cannot be chosen; leave it out; ` +
		`id: ins_123 exists already; choose another, or leave it out; size: there is no size "none"; use one of ` +
		`standard-1, standard-2, standard-4, standard-8, c4-standard, c8-standard, m4-highmem`
	_, err := r.api.CreateInstance(r.world, sandbox.Instance{Region: "?", Size: "none", IP: "?", Version: 1, ID: "ins_123"})
	if err == nil || err.Error() != all || errors.Is(err, sandbox.ErrConflict) {
		t.Errorf("not every violation is named once: %v", err)
	}
	// With an open catalogue any slug will do, and nothing else.
	open := newLook(t, "empty", skystack.Settings{OpenCatalog: true}, engine.Clock{})
	if i := open.add(t, sandbox.Instance{Name: "a", Region: "mars-1", Size: "huge", Image: "dos-6"}); i.Region != "mars-1" {
		t.Errorf("got %+v", i)
	}
	if _, err := open.api.CreateInstance(open.world, sandbox.Instance{Name: "a", Region: "Mars"}); err == nil {
		t.Error("Mars is no slug")
	}
}

// The ids that a world makes and those that were chosen never meet.
func TestChosenIDsAndMadeIDs(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	twin := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	coming := twin.add(t, sandbox.Instance{Name: "a"}).ID
	if _, err := r.api.CreateInstance(r.world, sandbox.Instance{ID: coming, Name: "a"}); !errors.Is(err, sandbox.ErrConflict) {
		t.Errorf("%s is taken before its time: %v", coming, err)
	}
	if i := r.add(t, sandbox.Instance{Name: "a"}); i.ID != coming {
		t.Errorf("got %s, want %s", i.ID, coming)
	}
	project, err := twin.api.CreateProject(twin.world, sandbox.Project{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.api.CreateProject(r.world, sandbox.Project{ID: project.ID, Name: "p"}); !errors.Is(err, sandbox.ErrConflict) {
		t.Errorf("%s is taken before its time: %v", project.ID, err)
	}
}

func TestCreateProject(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	p, err := r.api.CreateProject(r.world, sandbox.Project{ID: "prj_web", Name: "Web & Co", Description: "d", Environment: "staging", CreatedAt: testTime().Add(-time.Hour)})
	want := sandbox.Project{
		ID: "prj_web", Name: "Web & Co", Description: "d", Environment: "staging", Version: 1, CreatedAt: testTime().Add(-time.Hour), UpdatedAt: testTime().Add(-time.Hour),
	}
	if err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	if code, body := r.ask(http.MethodGet, "/v1/projects/prj_web", ""); code != http.StatusOK || body["name"] != "Web & Co" {
		t.Errorf("by HTTP: %d %v", code, body)
	}
	if i := r.add(t, sandbox.Instance{Name: "a", ProjectID: "prj_web"}); i.ProjectID != "prj_web" {
		t.Errorf("got %+v", i)
	}
	if p, err = r.api.CreateProject(r.world, sandbox.Project{Name: "x"}); err != nil || !strings.HasPrefix(p.ID, "prj_") || !p.CreatedAt.Equal(testTime()) {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, c := range []struct {
		in   sandbox.Project
		want string
	}{
		{sandbox.Project{}, "project: name: has 0 characters; write 1 to 63"},
		{sandbox.Project{Name: strings.Repeat("é", 64)}, "project: name: has 64 characters; write 1 to 63"},
		{sandbox.Project{Name: "a\nb"}, "project: name: has a control character or is not UTF-8; write one line of text"},
		{sandbox.Project{Name: "a", ID: "web"}, `project: id: "web" is not an id for this place; write prj_ and 1 to 60 letters or digits, as prj_123`},
		{sandbox.Project{Name: "a", ID: "prj_web"}, "project: id: prj_web exists already; choose another, or leave it out: conflict"},
		{sandbox.Project{Name: "a", Description: strings.Repeat("a", 256)}, "project: description: has 256 characters; write 0 to 255"},
		{sandbox.Project{Name: "a", Environment: "\xff"}, "project: environment: has a control character or is not UTF-8; write one line of text"},
		{sandbox.Project{Name: "a", Version: 2}, "project: version: cannot be chosen; leave it out"},
		{sandbox.Project{Name: "a", UpdatedAt: testTime()}, "project: updated_at: cannot be chosen; leave it out"},
		{sandbox.Project{Name: "a", CreatedAt: testTime().Add(time.Hour)}, "project: created_at: 2026-03-19T11:22:44Z has not come; the workspace's time is 2026-03-19T10:22:44Z"},
	} {
		before := r.saved(t)
		if _, err := r.api.CreateProject(r.world, c.in); err == nil || err.Error() != c.want || r.saved(t) != before {
			t.Errorf("%+v: got %v, want %s", c.in, err, c.want)
		}
	}
}
