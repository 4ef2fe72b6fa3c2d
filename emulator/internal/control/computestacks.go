package control

import (
	"strconv"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// StackPages reads lists of the ComputeStacks API page by page; see Pages.
type StackPages interface {
	UsersPage(w *engine.World, after string, most int) ([]computestacks.User, string, error)
	OrdersPage(w *engine.World, after string, most int) ([]computestacks.Order, string, error)
	ProjectsPage(w *engine.World, after string, most int) ([]computestacks.Project, string, error)
	ServicesPage(w *engine.World, after string, most int) ([]computestacks.Service, string, error)
	ContainersPage(w *engine.World, after string, most int) ([]computestacks.Container, string, error)
	EventsPage(w *engine.World, after string, most int) ([]computestacks.Event, string, error)
}

// stacksHandlers lists the operations of this file.
func (a *API) stacksHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("getStackCredentials", a.getStackCredentials),
		handle("createStackApplication", a.createStackApplication),
		handle("renewStackCredentials", a.renewStackCredentials),
		handle("listStackUsers", a.listStackUsers),
		handle("createStackUser", a.createStackUser),
		handle("getStackUser", a.getStackUser),
		handle("updateStackUser", a.updateStackUser),
		handle("listStackProjects", a.listStackProjects),
		handle("createStackProject", a.createStackProject),
		handle("getStackProject", a.getStackProject),
		handle("updateStackProject", a.updateStackProject),
		handle("listStackServices", a.listStackServices),
		handle("createStackService", a.createStackService),
		handle("getStackService", a.getStackService),
		handle("updateStackService", a.updateStackService),
		handle("listStackContainers", a.listStackContainers),
		handle("createStackContainer", a.createStackContainer),
		handle("getStackContainer", a.getStackContainer),
		handle("updateStackContainer", a.updateStackContainer),
		handle("listStackOrders", a.listStackOrders),
		handle("createStackOrder", a.createStackOrder),
		handle("getStackOrder", a.getStackOrder),
		handle("updateStackOrder", a.updateStackOrder),
		handle("listStackEvents", a.listStackEvents),
		handle("getStackEvent", a.getStackEvent),
		handle("finishStackEvent", a.finishStackEvent),
		handle("failStackEvent", a.failStackEvent),
	}
}

// stacks is the ComputeStacks API of the workspace of the request.
func (c *call) stacks() computestacks.API { return c.workspace.ComputeStacks() }

type stackID struct {
	ID string `path:"id" json:"-"`
}

// number returns the number that an id is; 0, which no object has, if it is none.
func (in stackID) number() int {
	n, err := strconv.Atoi(in.ID)
	if err != nil || strconv.Itoa(n) != in.ID {
		return 0
	}
	return n
}

// find returns the object with an id.
func find[T any](kind string, in stackID, get func(id int) (T, bool)) (T, error) {
	found, ok := get(in.number())
	if !ok {
		return found, noStackObject(kind, in.ID)
	}
	return found, nil
}

func noStackObject(kind, id string) error {
	return fail.Newf(fail.NotFound, kind+"_not_found", "There is no %s %q.", kind, fail.Clip(id))
}

// getStackCredentials returns the credentials that follow from key and seed.
//
//	GET /_sandbox/computestacks/credentials
func (a *API) getStackCredentials(c *call, _ noInput) (computestacks.Credentials, error) {
	return c.stacks().Credentials(), nil
}

type stackClient struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// createStackApplication adds an OAuth application.
//
//	POST /_sandbox/computestacks/applications
func (a *API) createStackApplication(c *call, in computestacks.Application) (stackClient, error) {
	app, err := c.stacks().CreateApplication(in)
	return stackClient{app.ClientID, app.ClientSecret}, err
}

// renewStackCredentials makes new API credentials for a user, and ends the earlier ones.
//
//	POST /_sandbox/computestacks/users/{id}/api_credentials
func (a *API) renewStackCredentials(c *call, in stackID) (computestacks.Credentials, error) {
	if _, err := find("user", in, c.stacks().User); err != nil {
		return computestacks.Credentials{}, err
	}
	return c.stacks().RenewCredentials(in.number())
}
