package suite

import (
	"errors"
	"reflect"
	"testing"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// made returns what was created, and ends the test on an error.
func made[T any](t *testing.T) func(T, error) T {
	return func(object T, err error) T {
		t.Helper()
		must(t, err)
		return object
	}
}

// Objects of ComputeStacks are made in any state, found, listed and changed.
func stackObjects(t *testing.T, start func(sandbox.Setup) *wire.Server) {
	s := start(frozen()).ComputeStacks()
	if c := s.Credentials(); c.Username == "" || c.Password == "" || c.ClientID == "" || c.ClientSecret == "" || c.RedirectURI == "" {
		t.Errorf("credentials %+v", c)
	}
	u := made[computestacks.User](t)(s.CreateUser(computestacks.User{ID: 99, FirstName: "Ana", LastName: "Ruiz", Email: "ana@example.test"}))
	u = made[computestacks.User](t)(s.UpdateUser(u.ID, computestacks.UserChange{ContainerQuota: new(0)}))
	p := made[computestacks.Project](t)(s.CreateProject(computestacks.Project{UserID: u.ID, Name: "shop"}))
	p = made[computestacks.Project](t)(s.UpdateProject(p.ID, computestacks.ProjectChange{Name: new("store")}))
	v := made[computestacks.Service](t)(s.CreateService(computestacks.Service{ProjectID: p.ID, ImageID: 3}))
	v = made[computestacks.Service](t)(s.UpdateService(v.ID, computestacks.ServiceChange{Label: new("front")}))
	k := made[computestacks.Container](t)(s.CreateContainer(computestacks.Container{ServiceID: v.ID, Status: "stopped"}))
	k = made[computestacks.Container](t)(s.UpdateContainer(k.ID, computestacks.ContainerChange{Status: new("error"), Wanted: new("running")}))
	if u.ID == 99 || u.ContainerQuota != 0 || p.Name != "store" || p.UserID != u.ID || v.Label != "front" || v.UserID != u.ID || k.Status != "error" || k.Wanted != "running" {
		t.Errorf("user %+v, project %+v, service %+v, container %+v", u, p, v, k)
	}
	p.Services, v.Containers = []int{v.ID}, append(v.Containers, k.ID)
	for kind, found := range map[string]func() (is, want any, ok bool){
		"user":      func() (any, any, bool) { is, ok := s.User(u.ID); return is, u, ok },
		"project":   func() (any, any, bool) { is, ok := s.Project(p.ID); return is, p, ok },
		"service":   func() (any, any, bool) { is, ok := s.Service(v.ID); return is, v, ok },
		"container": func() (any, any, bool) { is, ok := s.Container(k.ID); return is, k, ok },
	} {
		if is, want, ok := found(); !ok || !reflect.DeepEqual(is, want) {
			t.Errorf("%s %+v, want %+v", kind, is, want)
		}
	}
	if n := []int{len(s.Users()), len(s.Projects()), len(s.Services()), len(s.Containers()), len(s.Orders()), len(s.Events())}; !reflect.DeepEqual(n, []int{3, 1, 1, 2, 0, 0}) {
		t.Errorf("%v users, projects, services, containers, orders and events", n)
	}
	c := made[computestacks.Credentials](t)(s.RenewCredentials(u.ID))
	a := made[computestacks.Application](t)(s.CreateApplication(computestacks.Application{Name: "app", RedirectURIs: []string{"https://app.test/callback"}, Confidential: true}))
	if c.Username == "" || c.Password == "" || c.Username == s.Credentials().Username || a.ClientID == "" || a.ClientSecret == "" || a.Name != "app" {
		t.Errorf("credentials %+v, application %+v", c, a)
	}
}

// What the API would refuse is refused, and what is not there is not found.
func stackRefusals(t *testing.T, start func(sandbox.Setup) *wire.Server) {
	server := start(frozen())
	s, before := server.ComputeStacks(), server.Dump()
	_, blank := s.CreateProject(computestacks.Project{Name: " "})
	_, taken := s.CreateUser(computestacks.User{FirstName: "A", LastName: "B", Email: "dana@example.test"})
	_, nobody := s.CreateProject(computestacks.Project{Name: "shop", UserID: 77})
	_, nowhere := s.CreateService(computestacks.Service{ProjectID: 77, ImageID: 3})
	_, nothing := s.CreateContainer(computestacks.Container{ServiceID: 77})
	_, unchanged := s.UpdateUser(77, computestacks.UserChange{FirstName: new("A")})
	_, unpaid := s.UpdateOrder("77", computestacks.OrderChange{Status: new("failed")})
	_, renewed := s.RenewCredentials(77)
	_, empty := s.CreateOrder(computestacks.NewOrder{ProjectName: "blog"})
	refused(t, empty, "Missing containers")
	refused(t, blank, "Name can't be blank")
	refused(t, taken, "Email has already been taken")
	for name, err := range map[string]error{
		"owner": nobody, "project": nowhere, "service": nothing, "user": unchanged, "order": unpaid, "credentials": renewed, "finish": s.Finish(77), "fail": s.Fail(77, ""),
	} {
		if !errors.Is(err, sandbox.ErrNotFound) {
			t.Errorf("%s: %v, want that it is not found", name, err)
		}
	}
	if _, ok := s.Container(77); ok {
		t.Error("a container that is not there is found")
	}
	if after := server.Dump(); after != before {
		t.Errorf("refusals changed\n%s\nto\n%s", before, after)
	}
}

// An order is provisioned in time, or as soon as a test says so, or fails.
func stackOrders(t *testing.T, start func(sandbox.Setup) *wire.Server) {
	server := start(frozen())
	s := server.ComputeStacks()
	order := func() computestacks.Order {
		t.Helper()
		return made[computestacks.Order](t)(s.CreateOrder(computestacks.NewOrder{
			ProjectName: "blog", Containers: []computestacks.OrderedContainer{{ImageID: 3, ProductID: 1}},
		}))
	}
	now, later, never, unpaid := order(), order(), order(), order()
	must(t, s.Finish(now.EventID))
	must(t, s.Fail(never.EventID, "The disk is full."))
	_ = made[computestacks.Order](t)(s.UpdateOrder(unpaid.ID, computestacks.OrderChange{Status: new("awaiting_payment")}))
	if o, ok := s.Order(now.ID); !ok || o.Status != "completed" || o.ProjectID == 0 {
		t.Errorf("finished: %+v", o)
	}
	if o, _ := s.Order(later.ID); o.Status != "pending" {
		t.Errorf("not finished: %+v", o)
	}
	must(t, server.AdvanceUntilIdle())
	for want, id := range map[string]string{"completed": later.ID, "failed": never.ID, "awaiting_payment": unpaid.ID} {
		if o, _ := s.Order(id); o.Status != want {
			t.Errorf("%+v, want %s", o, want)
		}
	}
	if e, ok := s.Event(never.EventID); !ok || e.Status != "failed" || e.Reason != "The disk is full." || e.Locale != "order.provision" {
		t.Errorf("event %+v", e)
	}
	if err := s.Finish(now.EventID); !errors.Is(err, sandbox.ErrConflict) {
		t.Errorf("finished twice: %v", err)
	}
	if n := len(s.Projects()); n != 2 || len(s.Containers()) != 2 {
		t.Errorf("%d projects, containers %+v", n, s.Containers())
	}
}
