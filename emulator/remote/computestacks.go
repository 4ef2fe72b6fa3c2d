package remote

import (
	"net/http"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// stacks begins the paths of the control API about ComputeStacks.
const stacks = "/_sandbox/computestacks"

// ComputeStacks is typed access to the ComputeStacks API of the workspace.
func (w *Workspace) ComputeStacks() computestacks.API { return stacksAPI{w} }

// stacksAPI is the ComputeStacks API of a workspace.
type stacksAPI struct{ w *Workspace }

// object is the path of an object of a collection.
func object(collection string, id int) string {
	return stacks + "/" + collection + "/" + strconv.Itoa(id)
}

// create adds an object to a collection. Members that cannot be chosen are not sent.
func create[T any](a stacksAPI, collection string, in any) (out T, err error) {
	err = a.w.do(a.w.life, post(stacks+"/"+collection, in, http.StatusCreated, &out))
	return out, err
}

// change changes an object.
func change[T any](a stacksAPI, path string, in any) (out T, err error) {
	err = a.w.do(a.w.life, call{method: http.MethodPatch, path: path, in: in, want: http.StatusOK, out: &out})
	return out, err
}

// Credentials returns the credentials that follow from the workspace's first key and its
// seed.
func (a stacksAPI) Credentials() (out computestacks.Credentials) {
	a.w.t.Helper()
	if err := a.w.do(a.w.life, get(stacks+"/credentials", &out)); err != nil {
		a.w.fail("Credentials", err)
	}
	return out
}

// RenewCredentials makes new API credentials for a user, and ends the earlier ones.
func (a stacksAPI) RenewCredentials(user int) (out computestacks.Credentials, err error) {
	err = a.w.do(a.w.life, post(object("users", user)+"/api_credentials", struct{}{}, http.StatusCreated, &out))
	return out, err
}

// CreateApplication adds a client of OAuth.
func (a stacksAPI) CreateApplication(app computestacks.Application) (computestacks.Application, error) {
	var made computestacks.Application
	app.ClientID, app.ClientSecret = "", ""
	if app.RedirectURIs == nil {
		app.RedirectURIs = []string{}
	}
	if err := a.w.do(a.w.life, post(stacks+"/applications", app, http.StatusCreated, &made)); err != nil {
		return computestacks.Application{}, err
	}
	app.ClientID, app.ClientSecret = made.ClientID, made.ClientSecret
	return app, nil
}

// Users lists the users, oldest first.
func (a stacksAPI) Users() []computestacks.User {
	a.w.t.Helper()
	return all[computestacks.User](a.w, "Users", stacks+"/users", nil)
}

// User finds a user; false if there is none.
func (a stacksAPI) User(id int) (computestacks.User, bool) {
	a.w.t.Helper()
	return find[computestacks.User](a.w, "User", stacks+"/users", strconv.Itoa(id), "user_not_found")
}

// CreateUser adds a user.
func (a stacksAPI) CreateUser(u computestacks.User) (computestacks.User, error) {
	u.ID, u.CreatedAt, u.UpdatedAt = 0, time.Time{}, time.Time{}
	return create[computestacks.User](a, "users", u)
}

// UpdateUser changes a user.
func (a stacksAPI) UpdateUser(id int, c computestacks.UserChange) (computestacks.User, error) {
	return change[computestacks.User](a, object("users", id), c)
}

// Orders lists the orders, oldest first.
func (a stacksAPI) Orders() []computestacks.Order {
	a.w.t.Helper()
	return all[computestacks.Order](a.w, "Orders", stacks+"/orders", nil)
}

// Order finds an order; false if there is none.
func (a stacksAPI) Order(id string) (computestacks.Order, bool) {
	a.w.t.Helper()
	return find[computestacks.Order](a.w, "Order", stacks+"/orders", id, "order_not_found")
}

// CreateOrder orders as a user does.
func (a stacksAPI) CreateOrder(o computestacks.NewOrder) (computestacks.Order, error) {
	if o.Containers == nil {
		o.Containers = []computestacks.OrderedContainer{}
	}
	return create[computestacks.Order](a, "orders", o)
}

// UpdateOrder sets the status of an order.
func (a stacksAPI) UpdateOrder(id string, c computestacks.OrderChange) (computestacks.Order, error) {
	path, err := item(stacks+"/orders", "order", id)
	if err != nil {
		return computestacks.Order{}, err
	}
	return change[computestacks.Order](a, path, c)
}

// Projects lists the projects, oldest first.
func (a stacksAPI) Projects() []computestacks.Project {
	a.w.t.Helper()
	return all[computestacks.Project](a.w, "Projects", stacks+"/projects", nil)
}

// Project finds a project; false if there is none.
func (a stacksAPI) Project(id int) (computestacks.Project, bool) {
	a.w.t.Helper()
	return find[computestacks.Project](a.w, "Project", stacks+"/projects", strconv.Itoa(id), "project_not_found")
}

// CreateProject adds a project without services.
func (a stacksAPI) CreateProject(p computestacks.Project) (computestacks.Project, error) {
	p.ID, p.Status, p.Services, p.CreatedAt, p.UpdatedAt = 0, "", nil, time.Time{}, time.Time{}
	return create[computestacks.Project](a, "projects", p)
}

// UpdateProject changes a project.
func (a stacksAPI) UpdateProject(id int, c computestacks.ProjectChange) (computestacks.Project, error) {
	return change[computestacks.Project](a, object("projects", id), c)
}

// Services lists the services, oldest first.
func (a stacksAPI) Services() []computestacks.Service {
	a.w.t.Helper()
	return all[computestacks.Service](a.w, "Services", stacks+"/services", nil)
}

// Service finds a service; false if there is none.
func (a stacksAPI) Service(id int) (computestacks.Service, bool) {
	a.w.t.Helper()
	return find[computestacks.Service](a.w, "Service", stacks+"/services", strconv.Itoa(id), "service_not_found")
}

// CreateService adds a service with a running container.
func (a stacksAPI) CreateService(s computestacks.Service) (computestacks.Service, error) {
	s.ID, s.UserID, s.Name, s.Containers, s.CreatedAt, s.UpdatedAt = 0, 0, "", nil, time.Time{}, time.Time{}
	return create[computestacks.Service](a, "services", s)
}

// UpdateService changes a service.
func (a stacksAPI) UpdateService(id int, c computestacks.ServiceChange) (computestacks.Service, error) {
	return change[computestacks.Service](a, object("services", id), c)
}

// Containers lists the containers, oldest first.
func (a stacksAPI) Containers() []computestacks.Container {
	a.w.t.Helper()
	return all[computestacks.Container](a.w, "Containers", stacks+"/containers", nil)
}

// Container finds a container; false if there is none.
func (a stacksAPI) Container(id int) (computestacks.Container, bool) {
	a.w.t.Helper()
	return find[computestacks.Container](a.w, "Container", stacks+"/containers", strconv.Itoa(id), "container_not_found")
}

// CreateContainer adds a container in any status.
func (a stacksAPI) CreateContainer(c computestacks.Container) (computestacks.Container, error) {
	c.ID, c.UserID, c.ProjectID, c.Name, c.CreatedAt, c.UpdatedAt = 0, 0, 0, "", time.Time{}, time.Time{}
	return create[computestacks.Container](a, "containers", c)
}

// UpdateContainer changes a container.
func (a stacksAPI) UpdateContainer(id int, c computestacks.ContainerChange) (computestacks.Container, error) {
	return change[computestacks.Container](a, object("containers", id), c)
}

// Events lists what users and the system did, oldest first.
func (a stacksAPI) Events() []computestacks.Event {
	a.w.t.Helper()
	return all[computestacks.Event](a.w, "Events", stacks+"/events", nil)
}

// Event finds an event; false if there is none.
func (a stacksAPI) Event(id int) (computestacks.Event, bool) {
	a.w.t.Helper()
	return find[computestacks.Event](a.w, "Event", stacks+"/events", strconv.Itoa(id), "event_not_found")
}

// Finish completes the work of an event now.
func (a stacksAPI) Finish(event int) error {
	var now computestacks.Event
	return a.w.do(a.w.life, post(object("events", event)+"/finish", nil, http.StatusOK, &now))
}

// Fail makes the work of an event fail now.
func (a stacksAPI) Fail(event int, reason string) error {
	in := struct {
		Reason string `json:"reason"`
	}{reason}
	var now computestacks.Event
	return a.w.do(a.w.life, post(object("events", event)+"/fail", in, http.StatusOK, &now))
}
