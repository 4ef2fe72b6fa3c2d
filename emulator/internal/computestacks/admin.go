package computestacks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// Admin is what tests see and change of a world without HTTP. None of it counts as a
// request of a client. What it is given is checked by the rules of requests.
type Admin struct {
	a *API
	w *engine.World
}

// Admin returns the access to a world.
func (a *API) Admin(w *engine.World) Admin { return Admin{a, w} }

// adminGrowth is an estimate of what an object of Admin takes of the budget, in bytes.
const adminGrowth = 8 << 10

// do changes the world. The function refuses before it changes anything.
func (d Admin) do(f func(tx *engine.Tx) error) error {
	err := d.w.Do(func(tx *engine.Tx) error {
		if err := tx.CheckBudget(adminGrowth); err != nil {
			return err
		}
		return f(tx)
	})
	if _, over := errors.AsType[*engine.OverBudget](err); over {
		return fmt.Errorf("%w: %w", err, sandbox.ErrOverBudget)
	}
	return plain(err)
}

// plain returns the error of a request as one whose text is what the request would get.
func plain(err error) error {
	if refused, ok := errors.AsType[*fail.Error](err); ok && refused.Kind != fail.Internal {
		return errors.New(strings.Join(messages(refused), "; "))
	}
	return err
}

// absent returns the error about an object that does not exist.
func absent(kind string, id any) error {
	return fmt.Errorf("there is no %s %v: %w", kind, id, sandbox.ErrNotFound)
}

// listAll lists the rows of a table, oldest first.
func listAll[T, B any](d Admin, t *engine.Table[T], show func(T) B) []B {
	out := []B{}
	d.w.View(func(tx *engine.Tx) {
		for r := range t.After(tx, 0) {
			out = append(out, show(r.Value))
		}
	})
	return out
}

// findOne returns the row with an id; false if there is none.
func findOne[T, B any](d Admin, t *engine.Table[T], id string, show func(T) B) (out B, ok bool) {
	_ = d.w.Do(func(tx *engine.Tx) error {
		var r T
		if r, ok = t.Get(tx, id); ok {
			out = show(r)
		}
		return nil
	})
	return out, ok
}

// pageOfAll returns a part of a table; see resource.Inspect.
func pageOfAll[T, B any](w *engine.World, t *engine.Table[T], after string, most int, show func(T) B) ([]B, string, error) {
	return resource.Inspect(w, t, after, most, nil, func(_ *engine.Tx, row *T) B { return show(*row) })
}

// Users lists the users, oldest first.
func (d Admin) Users() []typed.User { return listAll(d, d.a.users, User.public) }

// User finds a user; false if there is none.
func (d Admin) User(id int) (typed.User, bool) {
	return findOne(d, d.a.users, strconv.Itoa(id), User.public)
}

// UsersPage is a part of Users.
func (a *API) UsersPage(w *engine.World, after string, most int) ([]typed.User, string, error) {
	return pageOfAll(w, a.users, after, most, User.public)
}

// Orders lists the orders, oldest first.
func (d Admin) Orders() []typed.Order { return listAll(d, d.a.orders, Order.public) }

// Order finds an order; false if there is none.
func (d Admin) Order(id string) (typed.Order, bool) {
	return findOne(d, d.a.orders, id, Order.public)
}

// OrdersPage is a part of Orders.
func (a *API) OrdersPage(w *engine.World, after string, most int) ([]typed.Order, string, error) {
	return pageOfAll(w, a.orders, after, most, Order.public)
}

// Projects lists the projects, oldest first.
func (d Admin) Projects() []typed.Project { return listAll(d, d.a.projects, Project.public) }

// Project finds a project; false if there is none.
func (d Admin) Project(id int) (typed.Project, bool) {
	return findOne(d, d.a.projects, strconv.Itoa(id), Project.public)
}

// ProjectsPage is a part of Projects.
func (a *API) ProjectsPage(w *engine.World, after string, most int) ([]typed.Project, string, error) {
	return pageOfAll(w, a.projects, after, most, Project.public)
}

// Services lists the services, oldest first.
func (d Admin) Services() []typed.Service { return listAll(d, d.a.services, Service.public) }

// Service finds a service; false if there is none.
func (d Admin) Service(id int) (typed.Service, bool) {
	return findOne(d, d.a.services, strconv.Itoa(id), Service.public)
}

// ServicesPage is a part of Services.
func (a *API) ServicesPage(w *engine.World, after string, most int) ([]typed.Service, string, error) {
	return pageOfAll(w, a.services, after, most, Service.public)
}

// Containers lists the containers, oldest first.
func (d Admin) Containers() []typed.Container { return listAll(d, d.a.containers, Container.public) }

// Container finds a container; false if there is none.
func (d Admin) Container(id int) (typed.Container, bool) {
	return findOne(d, d.a.containers, strconv.Itoa(id), Container.public)
}

// ContainersPage is a part of Containers.
func (a *API) ContainersPage(w *engine.World, after string, most int) ([]typed.Container, string, error) {
	return pageOfAll(w, a.containers, after, most, Container.public)
}

// Events lists the events, oldest first.
func (d Admin) Events() []typed.Event { return listAll(d, d.a.events, EventLog.public) }

// Event finds an event; false if there is none.
func (d Admin) Event(id int) (typed.Event, bool) {
	return findOne(d, d.a.events, strconv.Itoa(id), EventLog.public)
}

// EventsPage is a part of Events.
func (a *API) EventsPage(w *engine.World, after string, most int) ([]typed.Event, string, error) {
	return pageOfAll(w, a.events, after, most, EventLog.public)
}
