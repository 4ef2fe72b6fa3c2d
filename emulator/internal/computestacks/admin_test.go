package computestacks

import (
	"errors"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// Objects that tests make are those that clients see.
func TestAdminObjects(t *testing.T) {
	r := newRig(t)
	d := r.a.Admin(r.w)
	u, err := d.CreateUser(typed.User{FirstName: "Ana", LastName: "Ruiz", Email: "ana@example.test"})
	if err != nil || u.ContainerQuota != 10 || u.Locale != "en" || u.Currency != "USD" {
		t.Fatalf("%+v, %v", u, err)
	}
	if u, err = d.UpdateUser(u.ID, typed.UserChange{ContainerQuota: new(0), Email: new("ruiz@example.test")}); err != nil || u.ContainerQuota != 0 || u.FirstName != "Ana" {
		t.Fatalf("%+v, %v", u, err)
	}
	p, err := d.CreateProject(typed.Project{Name: "shop", UserID: u.ID})
	if err != nil || p.UserID != u.ID || p.RegionID != 1 || p.Status != "ok" {
		t.Fatalf("%+v, %v", p, err)
	}
	s, err := d.CreateService(typed.Service{ProjectID: p.ID, ImageID: 3})
	if err != nil || s.UserID != u.ID || s.Label != "nginx" || s.ProductID != 1 || len(s.Containers) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	k, ok := d.Container(s.Containers[0])
	if !ok || k.Status != running || k.Wanted != running || k.ServiceID != s.ID || k.ProjectID != p.ID {
		t.Fatalf("%+v, %v", k, ok)
	}
	if k, err = d.UpdateContainer(k.ID, typed.ContainerChange{Status: new("error")}); err != nil || k.Status != "error" || k.Wanted != running {
		t.Fatalf("%+v, %v", k, err)
	}
	if k, err = d.CreateContainer(typed.Container{ServiceID: s.ID, Status: "stopped"}); err != nil || k.Wanted != "stopped" {
		t.Fatalf("%+v, %v", k, err)
	}
	if s, err = d.UpdateService(s.ID, typed.ServiceChange{Label: new("front")}); err != nil || s.Label != "front" || len(s.Containers) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	if p, err = d.UpdateProject(p.ID, typed.ProjectChange{Name: new("store")}); err != nil || p.Name != "store" || len(p.Services) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if n := len(d.Users()) * 1000 * len(d.Projects()) * len(d.Services()) * len(d.Containers()); n != 6000 {
		t.Errorf("%d objects", n)
	}
	for name, page := range map[string]func() (int, string, error){
		"users": func() (int, string, error) {
			all, next, err := r.a.UsersPage(r.w, "", 1)
			return len(all), next, err
		},
		"containers": func() (int, string, error) {
			all, next, err := r.a.ContainersPage(r.w, "", 1)
			return len(all), next, err
		},
	} {
		if n, next, err := page(); n != 1 || next == "" || err != nil {
			t.Errorf("%s: %d, %q, %v", name, n, next, err)
		}
	}
}

// What a request could not make, a test cannot make either.
func TestAdminRefusals(t *testing.T) {
	r := newRig(t)
	d := r.a.Admin(r.w)
	p, err := d.CreateProject(typed.Project{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	first := func(_ any, err error) error { return err }
	for name, tc := range map[string]struct {
		err  error
		want string
		is   error
	}{
		"a user without a name":       {first(d.CreateUser(typed.User{LastName: "Ruiz", Email: "x@example.test"})), "Fname can't be blank", nil},
		"an e-mail address twice":     {first(d.CreateUser(typed.User{FirstName: "A", LastName: "B", Email: "Dana@example.test"})), "Email has already been taken", nil},
		"a quota below 0":             {first(d.UpdateUser(1, typed.UserChange{ContainerQuota: new(-1)})), "Container quota must be greater than or equal to 0", nil},
		"no such user":                {first(d.UpdateUser(77, typed.UserChange{})), "there is no user 77", sandbox.ErrNotFound},
		"a project of no user":        {first(d.CreateProject(typed.Project{Name: "x", UserID: 77})), "there is no user 77", sandbox.ErrNotFound},
		"a project without a name":    {first(d.CreateProject(typed.Project{Name: " "})), "Name can't be blank", nil},
		"a project nowhere":           {first(d.CreateProject(typed.Project{Name: "x", RegionID: 9})), "there is no region 9", sandbox.ErrNotFound},
		"no name any more":            {first(d.UpdateProject(p.ID, typed.ProjectChange{Name: new("")})), "Name can't be blank", nil},
		"no such project":             {first(d.UpdateProject(77, typed.ProjectChange{})), "there is no project 77", sandbox.ErrNotFound},
		"a service of no project":     {first(d.CreateService(typed.Service{ProjectID: 77, ImageID: 3})), "there is no project 77", sandbox.ErrNotFound},
		"a service of no image":       {first(d.CreateService(typed.Service{ProjectID: p.ID, ImageID: 77})), "there is no image 77", sandbox.ErrNotFound},
		"a service of no package":     {first(d.CreateService(typed.Service{ProjectID: p.ID, ImageID: 3, ProductID: 77})), "there is no product 77", sandbox.ErrNotFound},
		"no such service":             {first(d.UpdateService(77, typed.ServiceChange{})), "there is no service 77", sandbox.ErrNotFound},
		"a container of no service":   {first(d.CreateContainer(typed.Container{ServiceID: 77})), "there is no service 77", sandbox.ErrNotFound},
		"no such container":           {first(d.UpdateContainer(77, typed.ContainerChange{})), "there is no container 77", sandbox.ErrNotFound},
		"no such order":               {first(d.UpdateOrder("x", typed.OrderChange{})), `there is no order "x"`, sandbox.ErrNotFound},
		"no such event":               {d.Finish(77), "there is no event 77", sandbox.ErrNotFound},
		"an application without name": {first(d.CreateApplication(typed.Application{})), "Name can't be blank", nil},
		"credentials of no user":      {first(d.RenewCredentials(77)), "there is no user 77", sandbox.ErrNotFound},
	} {
		if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) || tc.is != nil && !errors.Is(tc.err, tc.is) {
			t.Errorf("%s: %v, want %s", name, tc.err, tc.want)
		}
	}
	s, err := d.CreateService(typed.Service{ProjectID: p.ID, ImageID: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []typed.Container{{ServiceID: s.ID, Status: "trashed"}, {ServiceID: s.ID, Wanted: "error"}} {
		if _, err := d.CreateContainer(k); err == nil || !strings.Contains(err.Error(), "is not included in the list") {
			t.Errorf("%+v: %v", k, err)
		}
	}
}

// Running work is completed, or made to fail, without that time moves.
func TestAdminFinishAndFail(t *testing.T) {
	r := newRig(t)
	d := r.a.Admin(r.w)
	var did []string
	r.a.effects["test.work"] = effect{
		code: "0000", fast: time.Minute, realistic: time.Hour,
		start:  func(*engine.Tx, EventLog) error { did = append(did, "start"); return nil },
		finish: func(*engine.Tx, EventLog) error { did = append(did, "finish"); return nil },
	}
	begin := func() (id int) {
		r.change(func(tx *engine.Tx) { id = r.a.begin(tx, work{locale: "test.work", user: 1, projects: []int{7}}).ID })
		return id
	}
	one, two := begin(), begin()
	if err := d.Finish(one); err != nil || strings.Join(did, " ") != "start finish" {
		t.Errorf("%v, did %q", err, did)
	}
	if err := d.Fail(two, "the disk is full"); err != nil || len(did) != 2 {
		t.Errorf("%v, did %q", err, did)
	}
	if e, _ := d.Event(one); e.Status != completed || e.Projects[0] != 7 || e.Locale != "test.work" {
		t.Errorf("%+v", e)
	}
	if e, _ := d.Event(two); e.Status != failed || e.Reason != "the disk is full" {
		t.Errorf("%+v", e)
	}
	for _, err := range []error{d.Finish(one), d.Fail(two, "")} {
		if !errors.Is(err, sandbox.ErrConflict) {
			t.Error(err)
		}
	}
	r.advance(time.Hour)
	if len(did) != 2 || len(d.Events()) != 2 {
		t.Errorf("did %q later, events %+v", did, d.Events())
	}
}

// An order has the status that a test gives it, and its work ends with it.
func TestAdminOrders(t *testing.T) {
	r := newRig(t)
	d := r.a.Admin(r.w)
	r.a.effects["test.work"] = effect{code: "0000", fast: time.Minute, realistic: time.Hour}
	add := func(id string) (event int) {
		r.change(func(tx *engine.Tx) {
			event = r.a.begin(tx, work{locale: "test.work", user: 1}).ID
			r.a.orders.Put(tx, id, Order{ID: id, UserID: 1, Status: pending, EventID: event})
		})
		return event
	}
	for status, want := range map[string]string{"awaiting_payment": cancelled, failed: failed, completed: completed, "processing": pending} {
		event := add(status)
		if o, err := d.UpdateOrder(status, typed.OrderChange{Status: &status}); err != nil || o.Status != status {
			t.Errorf("%+v, %v", o, err)
		}
		if e, _ := d.Event(event); e.Status != want {
			t.Errorf("%s: the event is %s, want %s", status, e.Status, want)
		}
	}
	event := add("failing")
	if err := d.Fail(event, ""); err != nil {
		t.Error(err)
	}
	if o, ok := d.Order("failing"); !ok || o.Status != failed || len(d.Orders()) != 5 {
		t.Errorf("%+v", o)
	}
	if _, err := d.UpdateOrder("failing", typed.OrderChange{Status: new("paid")}); err == nil {
		t.Error("an unknown status is accepted")
	}
}
