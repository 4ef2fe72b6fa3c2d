package control

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// fakeStacks is the ComputeStacks API of a workspace that writes down what it is told.
type fakeStacks struct{ *fakeWorkspace }

func (f *fakeWorkspace) ComputeStacks() computestacks.API { return fakeStacks{f} }

func (s fakeStacks) Credentials() computestacks.Credentials {
	return computestacks.Credentials{Username: "u", Password: "p", ClientID: "c", ClientSecret: "s", RedirectURI: "http://127.0.0.1/callback"}
}

func (s fakeStacks) RenewCredentials(user int) (computestacks.Credentials, error) {
	return computestacks.Credentials{Username: "u2", Password: "p2"}, s.record("RenewCredentials %d", user)
}

func (s fakeStacks) CreateApplication(a computestacks.Application) (computestacks.Application, error) {
	return computestacks.Application{ClientID: "c2", ClientSecret: "s2"}, s.record("CreateApplication %s", jsonText(a))
}

// one returns the only object of a kind, whose id is 1.
func one[T any](id int, only T) (found T, ok bool) {
	if id == 1 {
		return only, true
	}
	return found, false
}

func stackUser() computestacks.User {
	return computestacks.User{ID: 1, FirstName: "Dana", LastName: "W", Email: "d@x.test", CreatedAt: testTime(), UpdatedAt: testTime()}
}

func (s fakeStacks) Users() []computestacks.User {
	return recordRead(s.fakeWorkspace, []computestacks.User{stackUser()})
}
func (s fakeStacks) User(id int) (computestacks.User, bool) { return one(id, stackUser()) }
func (s fakeStacks) CreateUser(in computestacks.User) (computestacks.User, error) {
	return stackUser(), s.record("CreateUser %s", jsonText(in))
}
func (s fakeStacks) UpdateUser(id int, c computestacks.UserChange) (computestacks.User, error) {
	return stackUser(), s.record("UpdateUser %d %s", id, jsonText(c))
}

func stackProject() computestacks.Project {
	return computestacks.Project{ID: 1, UserID: 1, Name: "shop", Status: "ok", CreatedAt: testTime(), UpdatedAt: testTime()}
}

func (s fakeStacks) Projects() []computestacks.Project {
	return recordRead(s.fakeWorkspace, []computestacks.Project{stackProject()})
}
func (s fakeStacks) Project(id int) (computestacks.Project, bool) { return one(id, stackProject()) }
func (s fakeStacks) CreateProject(in computestacks.Project) (computestacks.Project, error) {
	return stackProject(), s.record("CreateProject %s", jsonText(in))
}
func (s fakeStacks) UpdateProject(id int, c computestacks.ProjectChange) (computestacks.Project, error) {
	return stackProject(), s.record("UpdateProject %d %s", id, jsonText(c))
}

func stackService() computestacks.Service {
	return computestacks.Service{ID: 1, UserID: 1, ProjectID: 1, ImageID: 3, Name: "calm-bohr1", Label: "nginx", CreatedAt: testTime(), UpdatedAt: testTime()}
}

func (s fakeStacks) Services() []computestacks.Service {
	return recordRead(s.fakeWorkspace, []computestacks.Service{stackService()})
}
func (s fakeStacks) Service(id int) (computestacks.Service, bool) { return one(id, stackService()) }
func (s fakeStacks) CreateService(in computestacks.Service) (computestacks.Service, error) {
	return stackService(), s.record("CreateService %s", jsonText(in))
}
func (s fakeStacks) UpdateService(id int, c computestacks.ServiceChange) (computestacks.Service, error) {
	return stackService(), s.record("UpdateService %d %s", id, jsonText(c))
}

func stackContainer() computestacks.Container {
	return computestacks.Container{ID: 1, UserID: 1, ProjectID: 1, ServiceID: 1, Name: "calm-bohr1-1", Status: "running", Wanted: "running", CreatedAt: testTime(), UpdatedAt: testTime()}
}

func (s fakeStacks) Containers() []computestacks.Container {
	return recordRead(s.fakeWorkspace, []computestacks.Container{stackContainer()})
}
func (s fakeStacks) Container(id int) (computestacks.Container, bool) {
	return one(id, stackContainer())
}
func (s fakeStacks) CreateContainer(in computestacks.Container) (computestacks.Container, error) {
	return stackContainer(), s.record("CreateContainer %s", jsonText(in))
}
func (s fakeStacks) UpdateContainer(id int, c computestacks.ContainerChange) (computestacks.Container, error) {
	return stackContainer(), s.record("UpdateContainer %d %s", id, jsonText(c))
}

func stackOrder() computestacks.Order {
	return computestacks.Order{ID: "o-1", UserID: 1, Status: "pending", CreatedAt: testTime(), UpdatedAt: testTime()}
}

func (s fakeStacks) Orders() []computestacks.Order {
	return recordRead(s.fakeWorkspace, []computestacks.Order{stackOrder()})
}
func (s fakeStacks) Order(id string) (computestacks.Order, bool) { return stackOrder(), id == "o-1" }
func (s fakeStacks) CreateOrder(o computestacks.NewOrder) (computestacks.Order, error) {
	return stackOrder(), s.record("CreateOrder %s", jsonText(o))
}

func (s fakeStacks) UpdateOrder(id string, c computestacks.OrderChange) (computestacks.Order, error) {
	return stackOrder(), s.record("UpdateOrder %s %s", id, jsonText(c))
}

func stackEvent() computestacks.Event {
	return computestacks.Event{ID: 1, Locale: "container.stop", Code: "0b264bd661e2d449", Status: "running", Description: "Stopping", CreatedAt: testTime(), UpdatedAt: testTime()}
}

func (s fakeStacks) Events() []computestacks.Event {
	return recordRead(s.fakeWorkspace, []computestacks.Event{stackEvent()})
}
func (s fakeStacks) Event(id int) (computestacks.Event, bool) { return one(id, stackEvent()) }
func (s fakeStacks) Finish(id int) error                      { return s.record("Finish %d", id) }
func (s fakeStacks) Fail(id int, reason string) error         { return s.record("Fail %d %q", id, reason) }

// fakeStackPages are the parts of what fakes show.
type fakeStackPages struct{ fakePages }

func (p fakeStackPages) stacks(w *engine.World) computestacks.API { return p.of(w).ComputeStacks() }

func (p fakeStackPages) UsersPage(w *engine.World, after string, most int) ([]computestacks.User, string, error) {
	return part(p.stacks(w).Users(), after, most)
}

func (p fakeStackPages) ProjectsPage(w *engine.World, after string, most int) ([]computestacks.Project, string, error) {
	return part(p.stacks(w).Projects(), after, most)
}

func (p fakeStackPages) ServicesPage(w *engine.World, after string, most int) ([]computestacks.Service, string, error) {
	return part(p.stacks(w).Services(), after, most)
}

func (p fakeStackPages) ContainersPage(w *engine.World, after string, most int) ([]computestacks.Container, string, error) {
	return part(p.stacks(w).Containers(), after, most)
}

func (p fakeStackPages) OrdersPage(w *engine.World, after string, most int) ([]computestacks.Order, string, error) {
	return part(p.stacks(w).Orders(), after, most)
}

func (p fakeStackPages) EventsPage(w *engine.World, after string, most int) ([]computestacks.Event, string, error) {
	return part(p.stacks(w).Events(), after, most)
}
