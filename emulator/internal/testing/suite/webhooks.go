package suite

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// nobody is the URL of a receiver that is not there.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return "http://" + l.Addr().String() + "/hook"
}

// subscribe registers a webhook for some events.
func subscribe(s *wire.Server, url, types string) (id string) {
	s.T.Helper()
	return s.Post("/v1/webhooks", fmt.Sprintf(`{"url":%q,"event_types":[%q]}`, url, types)).Wants(201).Text("id")
}

func deliveries(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	if got := s.Deliveries(sandbox.DeliveryMatch{}); len(got) != 0 {
		t.Errorf("deliveries before there are any: %+v", got)
	}
	hook := subscribe(s, nobody(t), "instance.*")
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	must(t, s.FlushWebhooks(t.Context()))
	got := s.Deliveries(sandbox.DeliveryMatch{Webhook: hook, EventType: "instance.created"})
	if len(got) != 1 {
		t.Fatalf("deliveries %+v", got)
	}
	d := got[0]
	if d.Webhook != hook || d.Event == "" || d.Status != "waiting" || d.Reason != "" || !d.CreatedAt.Equal(start()) ||
		!d.NextAttemptAt.Equal(start().Add(10*time.Second)) || len(d.Attempts) != 1 {
		t.Fatalf("delivery %+v", d)
	}
	if a := d.Attempts[0]; a.ID != d.ID+"_1" || !a.At.Equal(start()) || a.Status != 0 || a.Error != "connection_refused" || !contains(a.Message, "Nothing listens at 127.0.0.1:") {
		t.Errorf("attempt %+v", a)
	}
	must(t, s.Advance(24*time.Hour))
	s.Get("/v1/instances/"+id).Has("status", "running")
	for _, m := range []struct {
		match sandbox.DeliveryMatch
		want  int
	}{
		{sandbox.DeliveryMatch{}, 3}, // created, running and status_changed
		{sandbox.DeliveryMatch{EventType: "instance.*"}, 3},
		{sandbox.DeliveryMatch{EventType: "action.*"}, 0},
		{sandbox.DeliveryMatch{Status: "exhausted", EventType: "instance.running"}, 1},
		{sandbox.DeliveryMatch{Status: "succeeded"}, 0},
		{sandbox.DeliveryMatch{Webhook: hook, Status: "waiting"}, 0},
	} {
		if got := s.Deliveries(m.match); len(got) != m.want {
			t.Errorf("%+v: %d deliveries, want %d", m.match, len(got), m.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.FlushWebhooks(ended); err != nil { // in the test's process there is nothing to wait for
		canceled(t, err)
	}
}

func trigger(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	hook := subscribe(s, nobody(t), "*")
	made, err := s.CreateInstance(sandbox.Instance{Name: "web-1"})
	must(t, err)
	var want []string
	for _, object := range []string{made.ID, ""} {
		e, err := s.Trigger(sandbox.Trigger{Type: "instance.failed", Object: object})
		must(t, err)
		if e.Object != made.ID || e.Example || e.Project != made.ProjectID || e.Note != "" || len(e.Webhooks) != 1 || e.Webhooks[0].ID != hook {
			t.Errorf("triggered %+v", e)
		}
		want = append(want, e.Event)
	}
	must(t, s.FlushWebhooks(t.Context()))
	got := s.Deliveries(sandbox.DeliveryMatch{Webhook: hook, EventType: "instance.failed"})
	if len(got) != 2 || got[0].Event != want[0] || got[1].Event != want[1] {
		t.Errorf("deliveries %+v, want of %v", got, want)
	}
	if i, _ := s.Instance(made.ID); i.Status != "running" {
		t.Errorf("status %s", i.Status)
	}
	for object, part := range map[string]string{"ins_nobody": `There is no object "ins_nobody"`, "prj_1": "instance.failed is about an instance, whose id begins with ins_", "x": `There is no object "x"`} {
		_, err := s.Trigger(sandbox.Trigger{Type: "instance.failed", Object: object})
		refused(t, err, part)
	}
	_, err = s.Trigger(sandbox.Trigger{Type: "instance.exploded"})
	refused(t, err, `There is no event type "instance.exploded"; the types are action.completed, `)
	_, err = s.Trigger(sandbox.Trigger{Type: "instance.runing"})
	refused(t, err, `There is no event type "instance.runing" (did you mean instance.running?)`)
	_, err = s.Trigger(sandbox.Trigger{Type: "instance.failed", Project: "prj_nobody"})
	refused(t, err, `prj_nobody`)

	// Where several projects have objects, those of the default project are preferred,
	// and what no webhook gets says so.
	other, err := s.CreateProject(sandbox.Project{Name: "other"})
	must(t, err)
	theirs, err := s.CreateInstance(sandbox.Instance{Name: "web-2", ProjectID: other.ID})
	must(t, err)
	e, err := s.Trigger(sandbox.Trigger{Type: "instance.failed"})
	if err != nil || e.Object != made.ID || len(e.Webhooks) != 1 {
		t.Errorf("triggered %+v, %v", e, err)
	}
	e, err = s.Trigger(sandbox.Trigger{Type: "instance.failed", Project: other.ID})
	if err != nil || e.Object != theirs.ID || e.Project != other.ID || len(e.Webhooks) != 0 || !strings.Contains(e.Note, hook+" belongs to "+made.ProjectID) {
		t.Errorf("triggered %+v, %v", e, err)
	}
	e, err = s.Trigger(sandbox.Trigger{Type: "autoscale.scaled_out", Project: other.ID})
	if err != nil || e.Object != "asp_example" || !e.Example || e.Project != other.ID {
		t.Errorf("triggered %+v, %v", e, err)
	}
	_, err = s.Trigger(sandbox.Trigger{Type: "instance.failed", Project: other.ID, Object: made.ID})
	refused(t, err, "belongs to "+made.ProjectID)
	_, err = s.Trigger(sandbox.Trigger{Type: "sandbox.reset", Project: other.ID})
	refused(t, err, "leave the project out")
}
