package skystack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// change is a row of the second table of section 2.2.
type change struct {
	from, action, via, to string
	fast, realistic       int // seconds
	failed, reason        string
}

var changes = []change{
	{"", "create", "provisioning", "running", 3, 25, "error", "boot_timeout"},
	{"running", "stop", "stopping", "stopped", 2, 15, "error", "stop_timeout"},
	{"stopped", "start", "starting", "running", 2, 12, "stopped", "insufficient_capacity"},
	{"running", "reboot", "rebooting", "running", 3, 20, "error", "boot_timeout"},
	{"stopped", "resize", "resizing", "stopped", 4, 45, "stopped", "insufficient_capacity"},
	{"running", "rebuild", "rebuilding", "running", 5, 60, "error", "image_pull_failed"},
	{"stopped", "rebuild", "rebuilding", "running", 5, 60, "error", "image_pull_failed"},
	{"error", "rebuild", "rebuilding", "running", 5, 60, "error", "image_pull_failed"},
	{"running", "snapshot", "running", "running", 4, 60, "running", "snapshot_failed"},
	{"stopped", "snapshot", "stopped", "stopped", 4, 60, "stopped", "snapshot_failed"},
}

func (c change) String() string { return c.from + " " + c.action }

// begin takes a new or the seeded instance into the change; it returns the ids of
// the instance and the action.
func (c change) begin(s *wire.Server) (instance, action string) {
	s.T.Helper()
	if c.from == "" {
		r := s.Post("/v1/instances", goodBody).Wants(201).Has("status", c.via).Has("version", 1)
		return r.Text("id"), r.Text("pending_action")
	}
	return "ins_a", act(s, "ins_a", actionBodies[c.action])
}

func (c change) start(t *testing.T, opts ...emulator.Option) *wire.Server {
	t.Helper()
	from := c.from
	if from == "" {
		from = "running"
	}
	return wire.Start(t, append([]emulator.Option{frozen(), withInstances("id: ins_a, status: " + from + ", size: standard-2, image: debian-12")}, opts...)...)
}

// Every transition takes its time by each speed, with its status on the way and
// the one after it.
func TestTransitions(t *testing.T) {
	for _, c := range changes {
		for speed, seconds := range map[string]int{"": c.fast, "fast": c.fast, "realistic": c.realistic} {
			t.Run(c.String()+" "+speed, func(t *testing.T) {
				s := c.start(t, emulator.WithSpeed(speed))
				id, action := c.begin(s)
				version := s.Get("/v1/instances/" + id).Int("version")
				advanceClock(s, time.Duration(seconds)*time.Second-1)
				s.Get("/v1/instances/"+id).Has("status", c.via).Has("pending_action", action).Has("version", version)
				s.Get("/v1/actions/"+action).Has("status", "in_progress").Has("progress", 99).Has("completed_at", nil)
				advanceClock(s, 1)
				ended := testTime().Add(time.Duration(seconds) * time.Second).Format(time.RFC3339)
				s.Get("/v1/instances/"+id).Has("status", c.to).Has("pending_action", nil).Has("status_reason", nil).
					Has("version", version+1).Has("updated_at", ended).Has("size", c.sizeAfter())
				s.Get("/v1/actions/"+action).Has("status", "completed").Has("progress", 100).Has("completed_at", ended).Has("error", nil)
				advanceClock(s, 24*time.Hour)
				s.Get("/v1/instances/"+id).Has("status", c.to).Has("updated_at", ended)
			})
		}
	}
}

func (c change) sizeAfter() string {
	switch c.action {
	case "resize":
		return "standard-8"
	case "create":
		return "standard-1"
	}
	return "standard-2"
}

// With the speed instant the response still shows the change under way (S51); the
// next read shows its end. Progression immediate is the same.
func TestInstantTransitions(t *testing.T) {
	for _, option := range []emulator.Option{emulator.WithSpeed("instant"), emulator.WithProgression("immediate")} {
		for _, c := range changes {
			s := c.start(t, option)
			id, action := c.begin(s)
			s.Get("/v1/instances/"+id).Has("status", c.to).Has("pending_action", nil)
			s.Get("/v1/actions/"+action).Has("status", "completed").Has("completed_at", "2026-03-19T10:22:44Z")
		}
		s := change{from: "running"}.start(t, option)
		s.Post("/v1/instances/ins_a/actions", `{"type":"stop"}`).Wants(202).Has("status", "in_progress").Header("Retry-After", "1")
		s.Post("/v1/instances/ins_a/actions", `{"type":"start"}`).Wants(202).Has("status", "in_progress")
	}
}

// An own duration replaces that of the speed.
func TestOwnDurations(t *testing.T) {
	for _, c := range changes {
		s := c.start(t, emulator.WithSpeed("realistic"), emulator.WithDuration(c.action, 1500*time.Millisecond))
		id, _ := c.begin(s)
		advanceClock(s, 1500*time.Millisecond-1)
		s.Get("/v1/instances/"+id).Has("status", c.via)
		advanceClock(s, 1)
		s.Get("/v1/instances/"+id).Has("status", c.to).Has("pending_action", nil)
	}
	for own, want := range map[time.Duration]string{time.Second: "1", time.Minute: "2", 0: "1"} {
		s := change{from: "running"}.start(t, emulator.WithDuration("stop", own))
		s.Post("/v1/instances/ins_a/actions", `{"type":"stop","force":true}`).Wants(202).Header("Retry-After", want)
	}
	for want, option := range map[string]emulator.Option{
		`there is no such action; use one of create, delete, reboot, rebuild, resize, snapshot, start, stop`: emulator.WithDuration("boot", time.Second),
		"use 0 to 366 days":                              emulator.WithDuration("stop", -time.Second),
		`speed "warp" is unknown: use instant, fast or`:  emulator.WithSpeed("warp"),
		`progression "reads:0" is unknown: use time`:     emulator.WithProgression("reads:0"),
		`progression "reads:-1" is unknown: use time`:    emulator.WithProgression("reads:-1"),
		`progression "reads:1e3" is unknown: use time`:   emulator.WithProgression("reads:1e3"),
		`progression "now" is unknown: use time, immedi`: emulator.WithProgression("now"),
	} {
		if _, err := emulator.New(option); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Every action can fail: the instance goes where section 2.2 says, and the action
// says why.
func TestFailures(t *testing.T) {
	for _, c := range changes {
		for _, code := range []string{"", "disk_full"} {
			t.Run(c.String()+" "+code, func(t *testing.T) {
				s := c.start(t)
				id, action := c.begin(s)
				before := s.Get("/v1/instances/" + id).Wants(200)
				advanceClock(s, time.Second)
				if err := s.Fail(id, code); err != nil {
					t.Fatal(err)
				}
				want := code
				if code == "" {
					want = c.reason
				}
				i := s.Get("/v1/instances/"+id).Has("status", c.failed).Has("pending_action", nil).Has("version", before.Int("version")+1).
					Has("size", before.Text("size")).Has("image", before.Text("image"))
				a := s.Get("/v1/actions/"+action).Has("status", "failed").Has("error.code", want).Has("completed_at", "2026-03-19T10:22:45Z").
					Has("progress", 100/c.fast)
				if a.Text("error.message") == "" {
					t.Error("the action does not say why")
				}
				if c.failed == "error" {
					i.Has("status_reason.code", want).Has("status_reason.message", a.Text("error.message"))
				} else {
					i.Has("status_reason", nil)
				}
				advanceClock(s, time.Hour) // its end was booked, and is not any more
				s.Get("/v1/instances/"+id).Has("status", c.failed).Has("version", i.Int("version"))
			})
		}
	}
}

// A running instance can crash, and is brought back by a rebuild or deleted.
func TestCrash(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithSlowDelete(), withInstances("id: ins_a, status: running", "id: ins_b, status: stopped", "id: ins_c, status: error", "id: ins_d, status: deleting"))
	ip := s.Get("/v1/instances/ins_a").Text("ip")
	if err := s.Fail("ins_a", ""); err != nil {
		t.Fatal(err)
	}
	s.Get("/v1/instances/ins_a").Has("status", "error").Has("status_reason.code", "host_failure").
		Has("status_reason.message", "The host of the instance failed.").Has("version", 2).Has("ip", ip)
	act(s, "ins_a", `{"type":"rebuild"}`)
	s.Get("/v1/instances/ins_a").Has("status", "rebuilding").Has("status_reason", nil)
	advanceClock(s, 5*time.Second)
	s.Get("/v1/instances/ins_a").Has("status", "running").Has("status_reason", nil).Has("ip", ip)
	s.Delete("/v1/instances/ins_c").Wants(204)

	s.Reset()
	for id, want := range map[string]string{"ins_b": "is stopped", "ins_x": "there is no instance", "ins_d": "only a running action or a running instance can fail"} {
		if err := s.Fail(id, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", id, err, want)
		}
	}
}

// An action shows how far it is, in percent of its time.
func TestProgress(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithDuration("reboot", 200*time.Second), withInstances("id: ins_a, status: running"))
	r := s.Post("/v1/instances/ins_a/actions", `{"type":"reboot"}`).Wants(202).Has("progress", 0)
	action := r.Text("id")
	for _, want := range []int{25, 50, 75, 100} {
		advanceClock(s, 50*time.Second)
		s.Get("/v1/actions/"+action).Has("progress", want)
		s.Get("/v1/instances/ins_a/actions").Has("data.0.progress", want).Has("data.0.id", action)
	}
	key := s.Get("/v1/actions/" + action)
	key.Has("requested_by", r.Text("requested_by")).Has("request_id", r.Head.Get("X-Request-Id")).Has("started_at", "2026-03-19T10:22:44Z")
	members := map[string]bool{}
	v, _ := key.Find("")
	for name := range v.(map[string]any) {
		members[name] = true
	}
	if want := "map[completed_at:true error:true force:true id:true instance_id:true progress:true request_id:true requested_by:true started_at:true status:true type:true]"; fmt.Sprint(members) != want {
		t.Errorf("an action has the members %v", members)
	}
	s.Get("/v1/actions/act_nothing").Refused(404, "action_not_found")
}
