package suite

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func lifecycle(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	created := s.Post("/v1/instances", newInstance).Wants(http.StatusCreated).Has("status", "provisioning").Has("created_at", "2026-03-19T10:22:44Z").
		Header("Date", "Thu, 19 Mar 2026 10:22:44 GMT")
	id := created.Text("id")
	must(t, s.Advance(2999*time.Millisecond))
	s.Get("/v1/instances/"+id).Wants(200).Has("status", "provisioning").Has("ip", nil)
	must(t, s.Advance(time.Millisecond))
	ip := s.Get("/v1/instances/"+id).Wants(200).Has("status", "running").Has("updated_at", "2026-03-19T10:22:47Z").Text("ip")
	i, ok := s.Instance(id)
	if !ok || i.Status != "running" || i.IP != ip || i.Name != "web-1" || i.Region != "eu-central" || i.Size != "standard-2" || !i.UpdatedAt.Equal(start().Add(3*time.Second)) {
		t.Errorf("instance %+v", i)
	}
	s.Delete("/v1/instances/" + id).Wants(204)
	if _, ok := s.Instance(id); ok || len(s.Instances()) != 0 {
		t.Error("a deleted instance is there")
	}
}

func actions(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	i, err := s.CreateInstance(sandbox.Instance{Name: "web-1"})
	must(t, err)
	s.Post("/v1/instances/"+i.ID+"/actions", `{"type":"stop"}`).Wants(202).Has("status", "in_progress")
	s.Post("/v1/instances/"+i.ID+"/actions", `{"type":"start"}`).Refused(409, "instance_busy").Header("Retry-After", "2")
	must(t, s.Finish(i.ID))
	s.Get("/v1/instances/"+i.ID).Has("status", "stopped")
	s.Post("/v1/instances/"+i.ID+"/actions", `{"type":"start"}`).Wants(202)
	must(t, s.Fail(i.ID, "insufficient_capacity"))
	s.Get("/v1/instances/"+i.ID).Has("status", "stopped")
	s.Post("/v1/instances/"+i.ID+"/actions", `{"type":"resize","size":"standard-4"}`).Wants(202)
	must(t, s.Advance(4*time.Second))
	s.Get("/v1/instances/"+i.ID).Has("status", "stopped").Has("size", "standard-4")
	refused(t, s.Finish(i.ID), "nothing is running")
	refused(t, s.Fail("ins_nobody", ""), `no instance "ins_nobody"`)
}

func clock(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	if got := s.Now(); !got.Equal(start()) {
		t.Errorf("now %s", got)
	}
	if got, want := s.Clock(), (sandbox.Clock{Mode: sandbox.FrozenClock, Now: start()}); got != want {
		t.Errorf("clock %+v, want %+v", got, want)
	}
	if s.AdvanceToNext() || len(s.Agenda()) != 0 {
		t.Error("something is booked in an empty workspace")
	}
	first := s.Post("/v1/instances", newInstance).Wants(201).Text("pending_action")
	must(t, s.Advance(time.Second))
	second := s.Post("/v1/instances", newInstance).Wants(201).Text("pending_action")
	agenda := s.Agenda()
	if len(agenda) != 2 || agenda[0].Subject != first || agenda[1].Subject != second || agenda[0].Step != "action.finish" ||
		!agenda[0].At.Equal(start().Add(3*time.Second)) || !agenda[1].At.Equal(start().Add(4*time.Second)) {
		t.Errorf("agenda %+v", agenda)
	}
	if !s.AdvanceToNext() || !s.Now().Equal(start().Add(3*time.Second)) {
		t.Errorf("now %s after the first event", s.Now())
	}
	must(t, s.AdvanceTo(start().Add(time.Hour)))
	must(t, s.SetClock(sandbox.Clock{Mode: sandbox.FrozenClock, Now: start().Add(24 * time.Hour)}))
	if got := s.Now(); !got.Equal(start().Add(24 * time.Hour)) {
		t.Errorf("now %s", got)
	}
	must(t, s.SetClock(sandbox.Clock{Mode: sandbox.ScaledClock, Scale: 1e6}))
	if got := s.Clock(); got.Mode != sandbox.ScaledClock || got.Scale != 1e6 {
		t.Errorf("clock %+v", got)
	}
}

func autoClock(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	setup := frozen()
	setup.Clock.Mode = sandbox.AutoClock
	s := open(setup)
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	if i, _ := s.Instance(id); i.Status != "provisioning" { // looking on is no read
		t.Errorf("status %s", i.Status)
	}
	s.Get("/v1/instances/"+id).Has("status", "running")
	if got := s.Now(); !got.Equal(start().Add(3 * time.Second)) {
		t.Errorf("now %s", got)
	}
}

func untilIdle(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	for range 3 {
		s.Post("/v1/instances", newInstance).Wants(201)
		must(t, s.Advance(time.Second))
	}
	must(t, s.AdvanceUntilIdle())
	if got := s.Now(); !got.Equal(start().Add(5*time.Second)) || len(s.Agenda()) != 0 {
		t.Errorf("now %s, agenda %v", got, s.Agenda())
	}
	for _, i := range s.Instances() {
		if i.Status != "running" {
			t.Errorf("%s is %s", i.ID, i.Status)
		}
	}
}

func refusedClock(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	refused(t, s.Advance(-time.Second), "forward")
	refused(t, s.AdvanceTo(start().Add(-time.Second)), "forward")
	refused(t, s.AdvanceTo(start().AddDate(300, 0, 0)), "2200")
	refused(t, s.SetClock(sandbox.Clock{Mode: "backwards"}), "mode")
	refused(t, s.SetClock(sandbox.Clock{Mode: sandbox.ScaledClock, Scale: 1e9}), "scale")
	refused(t, s.SetClock(sandbox.Clock{Mode: sandbox.RealClock, Now: start().Add(-time.Hour)}), "forward")
	if got := s.Clock(); got.Mode != sandbox.FrozenClock || !got.Now.Equal(start()) {
		t.Errorf("clock %+v", got)
	}
}

func waiting(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	type seen struct {
		i   sandbox.Instance
		err error
	}
	arrived := make(chan seen)
	go func() {
		i, err := s.WaitForStatus(t.Context(), id, "running")
		arrived <- seen{i, err}
	}()
	must(t, s.Advance(3*time.Second))
	if got := <-arrived; got.err != nil || got.i.Status != "running" {
		t.Errorf("waited for running: %+v", got)
	}
	requested := make(chan sandbox.Request)
	last := s.Requests(sandbox.Match{})
	go func() {
		r, err := s.WaitForRequest(t.Context(), sandbox.Match{Operation: "deleteInstance", Since: last[len(last)-1].Seq})
		if err != nil {
			t.Errorf("waited for a request: %v", err)
		}
		requested <- r
	}()
	s.Delete("/v1/instances/" + id).Wants(204)
	if r := <-requested; r.Operation != "deleteInstance" || r.Status != 204 {
		t.Errorf("waited for a request: %+v", r)
	}
	go func() {
		i, err := s.WaitForStatus(t.Context(), "ins_late", "running")
		arrived <- seen{i, err}
	}()
	_, err := s.CreateInstance(sandbox.Instance{ID: "ins_late", Name: "late"})
	must(t, err)
	if got := <-arrived; got.err != nil || got.i.Name != "late" {
		t.Errorf("waited for one to be created: %+v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.WaitForStatus(ended, "ins_nobody", "running")
	canceled(t, err)
	_, err = s.WaitForRequest(ended, sandbox.Match{Operation: "createProject"})
	canceled(t, err)
}
