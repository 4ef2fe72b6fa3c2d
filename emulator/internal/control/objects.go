package control

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// objectsHandlers lists the operations of this file.
func (a *API) objectsHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("listInstances", a.listInstances),
		handle("createInstance", a.createInstance),
		handle("getInstance", a.getInstance),
		handle("advanceInstance", a.advanceInstance),
		handle("failInstance", a.failInstance),
		handle("setInstanceLoad", a.setInstanceLoad),
		handle("listProjects", a.listProjects),
		handle("createProject", a.createProject),
		handle("getProject", a.getProject),
	}
}

// listInstances lists the instances, oldest first.
//
//	GET /_sandbox/instances
func (a *API) listInstances(c *call, in pageInput) (page[sandbox.Instance], error) {
	return pageOf(a.Pages.InstancesPage(c.world, in.Cursor, in.limit()))
}

type createdInstance struct{ sandbox.Instance }

// ResourceID implements httpapi.Identified.
func (b createdInstance) ResourceID() string { return b.ID }

// createInstance adds an instance in any state.
//
//	POST /_sandbox/instances
func (a *API) createInstance(c *call, in sandbox.Instance) (createdInstance, error) {
	i, err := c.workspace.CreateInstance(in)
	return createdInstance{i}, err
}

// instance returns an instance of the workspace.
func (c *call) instance(id string) (sandbox.Instance, error) {
	i, ok := c.workspace.Instance(id)
	if !ok {
		return sandbox.Instance{}, noInstance(id)
	}
	return i, nil
}

type getInstance struct {
	ID     string `path:"id"`
	Status string `query:"status"`
	waitInput
}

// getInstance returns an instance. With wait it waits for a status.
//
//	GET /_sandbox/instances/{id}
func (a *API) getInstance(c *call, in getInstance) (sandbox.Instance, error) {
	d, err := in.duration()
	if err != nil {
		return sandbox.Instance{}, err
	}
	if d > 0 && in.Status == "" {
		return sandbox.Instance{}, invalidMember(fail.Query, "status", "required", "status is required with wait: give the status to wait for.")
	}
	i, err := c.instance(in.ID)
	if d == 0 || err == nil && i.Status == in.Status {
		return i, err
	}
	reached, err := a.wait(c, d, func(ctx context.Context) (err error) {
		i, err = c.workspace.WaitForStatus(ctx, in.ID, in.Status)
		return err
	})
	if err != nil || reached {
		return i, err
	}
	return c.instance(in.ID)
}

type instanceID struct {
	ID string `path:"id"`
}

// advanceInstance finishes the running action of an instance.
//
//	POST /_sandbox/instances/{id}/advance
func (a *API) advanceInstance(c *call, in instanceID) (sandbox.Instance, error) {
	before, err := c.instance(in.ID)
	if err != nil {
		return sandbox.Instance{}, err
	}
	if err := c.workspace.Finish(in.ID); err != nil {
		return sandbox.Instance{}, err
	}
	after, there := c.workspace.Instance(in.ID)
	if !there {
		after = before
		after.Status, after.PendingAction = "deleted", ""
	}
	return after, nil
}

type failInstance struct {
	ID   string `path:"id" json:"-"`
	Code string `json:"code"`
}

// failInstance makes the running action of an instance fail, or crashes it.
//
//	POST /_sandbox/instances/{id}/fail
func (a *API) failInstance(c *call, in failInstance) (sandbox.Instance, error) {
	if _, err := c.instance(in.ID); err != nil {
		return sandbox.Instance{}, err
	}
	if err := c.workspace.Fail(in.ID, in.Code); err != nil {
		return sandbox.Instance{}, err
	}
	return c.instance(in.ID)
}

type setInstanceLoad struct {
	ID string `path:"id" json:"-"`
	sandbox.Load
}

// setInstanceLoad sets the load of an instance.
//
//	PUT /_sandbox/instances/{id}/load
func (a *API) setInstanceLoad(c *call, in setInstanceLoad) (httpapi.Nothing, error) {
	if _, err := c.instance(in.ID); err != nil {
		return httpapi.Nothing{}, err
	}
	return httpapi.Nothing{}, c.workspace.SetLoad(in.ID, in.Load)
}

// listProjects lists the projects, oldest first.
//
//	GET /_sandbox/projects
func (a *API) listProjects(c *call, in pageInput) (page[sandbox.Project], error) {
	return pageOf(a.Pages.ProjectsPage(c.world, in.Cursor, in.limit()))
}

type createdProject struct{ sandbox.Project }

// ResourceID implements httpapi.Identified.
func (b createdProject) ResourceID() string { return b.ID }

// createProject adds a project.
//
//	POST /_sandbox/projects
func (a *API) createProject(c *call, in sandbox.Project) (createdProject, error) {
	p, err := c.workspace.CreateProject(in)
	return createdProject{p}, err
}

type projectID struct {
	ID string `path:"id"`
}

// getProject returns a project.
//
//	GET /_sandbox/projects/{id}
func (a *API) getProject(c *call, in projectID) (sandbox.Project, error) {
	p, ok := c.workspace.Project(in.ID)
	if !ok {
		return sandbox.Project{}, fail.Newf(fail.NotFound, "project_not_found", "There is no project %q.", fail.Clip(in.ID))
	}
	return p, nil
}
