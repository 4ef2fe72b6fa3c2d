package control

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// workspacesHandlers lists the operations of this file.
func (a *API) workspacesHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("getWorkspace", a.getWorkspace),
		handle("listWorkspaces", a.listWorkspaces),
		handle("createWorkspace", a.createWorkspace),
		handle("deleteWorkspace", a.deleteWorkspace),
		handle("createKey", a.createKey),
	}
}

type workspaceBody struct {
	ID      string        `json:"id"`
	Now     time.Time     `json:"now"`
	Clock   sandbox.Clock `json:"clock"`
	Setup   sandbox.Setup `json:"setup"`
	Dropped uint64        `json:"dropped"`
	Key     *sandbox.Key  `json:"key,omitempty"`
}

// getWorkspace describes the workspace and the key of the request.
//
//	GET /_sandbox/workspace and GET /_sandbox/workspaces/{id}
func (a *API) getWorkspace(c *call, _ noInput) (workspaceBody, error) {
	w := c.workspace
	b := workspaceBody{ID: w.ID(), Clock: clockOf(w), Setup: w.Setup(), Dropped: w.Dropped()}
	b.Now = b.Clock.Now
	keys := w.Keys()
	if i := slices.IndexFunc(keys, func(k sandbox.Key) bool { return c.admin || k.ID == c.key }); i >= 0 {
		b.Key = &keys[i]
	}
	return b, nil
}

type workspaceInList struct {
	ID    string        `json:"id"`
	Now   time.Time     `json:"now"`
	Clock sandbox.Clock `json:"clock"`
}

// listWorkspaces lists all workspaces by id. It waits for none of them.
//
//	GET /_sandbox/workspaces
func (a *API) listWorkspaces(*call, noInput) (list[workspaceInList], error) {
	var all []workspaceInList
	for _, w := range a.Server.Workspaces() {
		world := a.World(w.ID())
		if world == nil { // it was just removed
			continue
		}
		c := world.PeekClock()
		clock := sandbox.Clock{Mode: sandbox.ClockMode(c.Mode), Now: c.Now, Scale: c.Scale}
		all = append(all, workspaceInList{w.ID(), clock.Now, clock})
	}
	return listOf(all), nil
}

// newWorkspace is a setup, or what to fork.
type newWorkspace struct {
	setup sandbox.Setup
	fork  struct {
		Of       string `json:"fork_of"`
		Snapshot string `json:"snapshot"`
	}
	err error
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *newWorkspace) UnmarshalJSON(data []byte) error {
	if n.err = json.Unmarshal(data, &n.fork); n.err == nil {
		n.err = json.Unmarshal(data, &n.setup)
	}
	return nil
}

type createdWorkspace struct {
	ID    string        `json:"id"`
	Key   sandbox.Key   `json:"key"`
	Setup sandbox.Setup `json:"setup"`
}

// ResourceID implements httpapi.Identified.
func (b createdWorkspace) ResourceID() string { return b.ID }

// createWorkspace adds a workspace or forks one, and shows its key.
//
//	POST /_sandbox/workspaces
func (a *API) createWorkspace(_ *call, in newWorkspace) (createdWorkspace, error) {
	if in.err != nil {
		return createdWorkspace{}, in.err
	}
	id := in.setup.Workspace
	if _, taken := a.Workspace(id); taken {
		return createdWorkspace{}, workspaceExists(id)
	}
	build := a.add
	if in.fork.Of != "" {
		build = a.fork
	}
	w, err := build(in)
	if err != nil {
		if _, taken := a.Workspace(id); taken { // by another request, meanwhile
			err = workspaceExists(id)
		}
		return createdWorkspace{}, err
	}
	key := sandbox.Key{}
	if keys := w.Keys(); len(keys) > 0 {
		key = keys[0]
	}
	key.Token = w.Key()
	return createdWorkspace{w.ID(), key, w.Setup()}, nil
}

func workspaceExists(id string) error {
	return fail.Newf(fail.Conflict, "workspace_exists", "There is a workspace %q already; choose another id, or none.", fail.Clip(id))
}

func (a *API) add(in newWorkspace) (sandbox.Workspace, error) {
	if in.fork.Snapshot != "" {
		return nil, invalidMember(fail.Body, "snapshot", "conflicting_parameters", "snapshot needs fork_of, the workspace it belongs to.")
	}
	if len(in.setup.FixtureData) == 0 {
		if err := builtIn(in.setup.Fixture, "fixture_data"); err != nil {
			return nil, err
		}
	}
	return a.Server.AddWorkspace(in.setup)
}

func (a *API) fork(in newWorkspace) (sandbox.Workspace, error) {
	id, rest := in.setup.Workspace, in.setup
	rest.Workspace = ""
	if !reflect.DeepEqual(rest, sandbox.Setup{}) {
		return nil, invalidMember(fail.Body, "fork_of", "conflicting_parameters", "A fork is a copy: with fork_of give workspace and snapshot, and no other part of a setup.")
	}
	if _, ok := a.Workspace(in.fork.Of); !ok {
		return nil, noWorkspace(in.fork.Of)
	}
	var at sandbox.Snapshot
	if in.fork.Snapshot != "" {
		s, err := a.snapshot(a.World(in.fork.Of), in.fork.Snapshot)
		if err != nil {
			return nil, err
		}
		at = s.Snapshot
	}
	return a.Server.ForkWorkspace(in.fork.Of, at, id)
}

// deleteWorkspace ends a workspace.
//
//	DELETE /_sandbox/workspaces/{id}
func (a *API) deleteWorkspace(c *call, _ noInput) (httpapi.Nothing, error) {
	id := c.workspace.ID()
	if id == a.Home {
		return httpapi.Nothing{}, fail.Newf(fail.Conflict, "default_workspace", "Workspace %s is the default one, which stays; reset it instead.", id)
	}
	if err := a.Server.RemoveWorkspace(id); err != nil {
		return httpapi.Nothing{}, err
	}
	a.Forget(c.world)
	return httpapi.Nothing{}, nil
}

// createKey adds a key to the workspace, and shows its token.
//
//	POST /_sandbox/workspaces/{id}/keys
func (a *API) createKey(c *call, in sandbox.Key) (sandbox.Key, error) {
	return c.workspace.AddKey(in)
}

// fixtureNames are the fixtures that come with the sandbox. A path is not among
// them: files are the operator's, not the API's (10.2, row 12).
var fixtureNames = regexp.MustCompile(`^(default|docs|empty|busy=[0-9]{1,9})$`)

// builtIn refuses the name of a fixture that does not come with the sandbox; ""
// is none. text is the member that takes the text of one.
func builtIn(name, text string) error {
	if name == "" || fixtureNames.MatchString(name) {
		return nil
	}
	return invalidMember(fail.Body, "fixture", "unknown_value",
		"fixture "+fail.Clip(name)+" does not come with the sandbox: use default, docs, empty or busy=N, or send the text of a fixture as "+text+".")
}
