package suite

import (
	"context"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

func events(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	if got := s.Events(sandbox.EventMatch{}); len(got) != 0 {
		t.Errorf("events before there are any: %+v", got)
	}
	created := s.Post("/v1/instances", newInstance).Wants(201)
	id := created.Text("id")
	type seen struct {
		e   sandbox.APIEvent
		err error
	}
	arrived := make(chan seen)
	go func() {
		e, err := s.WaitForEvent(t.Context(), sandbox.EventMatch{Type: "instance.running", Object: id})
		arrived <- seen{e, err}
	}()
	s.Post("/v1/instances", newInstance).Wants(201)
	must(t, s.Advance(3*time.Second))
	got := <-arrived
	if e := got.e; got.err != nil || e.Type != "instance.running" || !e.At.Equal(start().Add(3*time.Second)) || !strings.Contains(string(e.Object), `"id":"`+id+`"`) ||
		string(e.Previous) != `{"status":"provisioning"}` || e.ProjectID != created.Text("project_id") {
		t.Errorf("waited for an event: %+v, %v", e, got.err)
	}
	s.Get("/v1/events/"+got.e.ID).Wants(200).Has("sequence", int(got.e.Sequence))
	for _, tc := range []struct {
		m    sandbox.EventMatch
		want int
	}{
		{sandbox.EventMatch{}, 8},
		{sandbox.EventMatch{Type: "instance.*"}, 6},
		{sandbox.EventMatch{Type: "instance.created"}, 2},
		{sandbox.EventMatch{Object: id}, 3},
		{sandbox.EventMatch{Type: "action.completed", Object: id}, 0}, // it is about the action
		{sandbox.EventMatch{Since: 7}, 1},
		{sandbox.EventMatch{Type: "instance.failed"}, 0},
	} {
		if got := s.Events(tc.m); len(got) != tc.want {
			t.Errorf("%+v: %d events, want %d", tc.m, len(got), tc.want)
		}
	}
	if e := s.Events(sandbox.EventMatch{Type: "instance.created"})[0]; e.RequestID != created.Head.Get("X-Request-Id") || e.Sequence != 1 {
		t.Errorf("the first event: %+v", e)
	}
	_, err := s.WaitForEvent(t.Context(), sandbox.EventMatch{Type: "instance.nothing"})
	refused(t, err, "instance.nothing")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.WaitForEvent(ended, sandbox.EventMatch{Type: "job.run.failed"})
	canceled(t, err)
	s.Reset()
	if got := s.Events(sandbox.EventMatch{}); len(got) != 1 || got[0].Type != "sandbox.reset" {
		t.Errorf("after a reset: %+v", got)
	}
}
