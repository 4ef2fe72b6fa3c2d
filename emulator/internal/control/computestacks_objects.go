package control

import (
	"strconv"

	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// listStackUsers lists the users, oldest first.
//
//	GET /_sandbox/computestacks/users
func (a *API) listStackUsers(c *call, in pageInput) (page[computestacks.User], error) {
	return pageOf(a.Stacks.UsersPage(c.world, in.Cursor, in.limit()))
}

type createdStackUser struct{ computestacks.User }

// ResourceID implements httpapi.Identified.
func (b createdStackUser) ResourceID() string { return strconv.Itoa(b.ID) }

// createStackUser adds a user.
//
//	POST /_sandbox/computestacks/users
func (a *API) createStackUser(c *call, in computestacks.User) (createdStackUser, error) {
	made, err := c.stacks().CreateUser(in)
	return createdStackUser{made}, err
}

// getStackUser returns a user.
//
//	GET /_sandbox/computestacks/users/{id}
func (a *API) getStackUser(c *call, in stackID) (computestacks.User, error) {
	return find("user", in, c.stacks().User)
}

type updateStackUser struct {
	stackID
	computestacks.UserChange
}

// updateStackUser changes a user.
//
//	PATCH /_sandbox/computestacks/users/{id}
func (a *API) updateStackUser(c *call, in updateStackUser) (computestacks.User, error) {
	if _, err := find("user", in.stackID, c.stacks().User); err != nil {
		return computestacks.User{}, err
	}
	return c.stacks().UpdateUser(in.number(), in.UserChange)
}

// listStackProjects lists the projects, oldest first.
//
//	GET /_sandbox/computestacks/projects
func (a *API) listStackProjects(c *call, in pageInput) (page[computestacks.Project], error) {
	return pageOf(a.Stacks.ProjectsPage(c.world, in.Cursor, in.limit()))
}

type createdStackProject struct{ computestacks.Project }

// ResourceID implements httpapi.Identified.
func (b createdStackProject) ResourceID() string { return strconv.Itoa(b.ID) }

// createStackProject adds a project without services.
//
//	POST /_sandbox/computestacks/projects
func (a *API) createStackProject(c *call, in computestacks.Project) (createdStackProject, error) {
	made, err := c.stacks().CreateProject(in)
	return createdStackProject{made}, err
}

// getStackProject returns a project.
//
//	GET /_sandbox/computestacks/projects/{id}
func (a *API) getStackProject(c *call, in stackID) (computestacks.Project, error) {
	return find("project", in, c.stacks().Project)
}

type updateStackProject struct {
	stackID
	computestacks.ProjectChange
}

// updateStackProject changes a project.
//
//	PATCH /_sandbox/computestacks/projects/{id}
func (a *API) updateStackProject(c *call, in updateStackProject) (computestacks.Project, error) {
	if _, err := find("project", in.stackID, c.stacks().Project); err != nil {
		return computestacks.Project{}, err
	}
	return c.stacks().UpdateProject(in.number(), in.ProjectChange)
}

// listStackServices lists the services, oldest first.
//
//	GET /_sandbox/computestacks/services
func (a *API) listStackServices(c *call, in pageInput) (page[computestacks.Service], error) {
	return pageOf(a.Stacks.ServicesPage(c.world, in.Cursor, in.limit()))
}

type createdStackService struct{ computestacks.Service }

// ResourceID implements httpapi.Identified.
func (b createdStackService) ResourceID() string { return strconv.Itoa(b.ID) }

// createStackService adds a service with a running container.
//
//	POST /_sandbox/computestacks/services
func (a *API) createStackService(c *call, in computestacks.Service) (createdStackService, error) {
	made, err := c.stacks().CreateService(in)
	return createdStackService{made}, err
}

// getStackService returns a service.
//
//	GET /_sandbox/computestacks/services/{id}
func (a *API) getStackService(c *call, in stackID) (computestacks.Service, error) {
	return find("service", in, c.stacks().Service)
}

type updateStackService struct {
	stackID
	computestacks.ServiceChange
}

// updateStackService changes a service.
//
//	PATCH /_sandbox/computestacks/services/{id}
func (a *API) updateStackService(c *call, in updateStackService) (computestacks.Service, error) {
	if _, err := find("service", in.stackID, c.stacks().Service); err != nil {
		return computestacks.Service{}, err
	}
	return c.stacks().UpdateService(in.number(), in.ServiceChange)
}

// listStackContainers lists the containers, oldest first.
//
//	GET /_sandbox/computestacks/containers
func (a *API) listStackContainers(c *call, in pageInput) (page[computestacks.Container], error) {
	return pageOf(a.Stacks.ContainersPage(c.world, in.Cursor, in.limit()))
}

type createdStackContainer struct{ computestacks.Container }

// ResourceID implements httpapi.Identified.
func (b createdStackContainer) ResourceID() string { return strconv.Itoa(b.ID) }

// createStackContainer adds a container in any status.
//
//	POST /_sandbox/computestacks/containers
func (a *API) createStackContainer(c *call, in computestacks.Container) (createdStackContainer, error) {
	made, err := c.stacks().CreateContainer(in)
	return createdStackContainer{made}, err
}

// getStackContainer returns a container.
//
//	GET /_sandbox/computestacks/containers/{id}
func (a *API) getStackContainer(c *call, in stackID) (computestacks.Container, error) {
	return find("container", in, c.stacks().Container)
}

type updateStackContainer struct {
	stackID
	computestacks.ContainerChange
}

// updateStackContainer changes a container.
//
//	PATCH /_sandbox/computestacks/containers/{id}
func (a *API) updateStackContainer(c *call, in updateStackContainer) (computestacks.Container, error) {
	if _, err := find("container", in.stackID, c.stacks().Container); err != nil {
		return computestacks.Container{}, err
	}
	return c.stacks().UpdateContainer(in.number(), in.ContainerChange)
}
