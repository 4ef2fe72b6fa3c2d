package computestacks

import (
	"slices"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// deleting is the status of a project that is being deleted: nobody sees it any more.
const deleting = "deleting"

type projectBody struct {
	ID        int               `json:"id"`
	Name      string            `json:"name"`
	SkipSSH   bool              `json:"skip_ssh"`
	State     string            `json:"current_state"`
	CreatedAt string            `json:"created_at"`
	UpdatedAt string            `json:"updated_at"`
	Images    []int             `json:"container_image_ids"`
	Links     map[string]string `json:"links"`
	Metadata  projectMetadata   `json:"metadata"`
}

type projectMetadata struct {
	Icons  []string `json:"icons"`
	Images []string `json:"image_names"`
}

// projectBody renders a project (C67).
func (a *API) projectBody(tx *engine.Tx, p Project) projectBody {
	self := link("projects", p.ID)
	b := projectBody{
		ID: p.ID, Name: p.Name, SkipSSH: p.SkipSSH, State: a.projectState(tx, p), CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt), Images: []int{},
		Links:    map[string]string{"services": self + "/services", "container_images": self + "/images", "bastions": self + "/bastions"},
		Metadata: projectMetadata{[]string{}, []string{}},
	}
	for _, i := range a.imagesOf(tx, p) {
		b.Images = append(b.Images, i.ID)
		b.Metadata.Images = append(b.Metadata.Images, i.Label)
		if i.Icon != "" && !slices.Contains(b.Metadata.Icons, i.Icon) {
			b.Metadata.Icons = append(b.Metadata.Icons, i.Icon)
		}
	}
	return b
}

// projectState returns the state of a project (spec 7.5).
func (a *API) projectState(tx *engine.Tx, p Project) string {
	newest, found := a.newestEvent(tx, "project", p.ID)
	switch {
	case p.Status == deleting:
		return deleting
	case len(a.activeEvents(tx, "project", p.ID)) > 0:
		return "working"
	case found && newest.Status == failed:
		return "alert"
	}
	return "ok"
}

// imagesOf returns the images of the services of a project, each once.
func (a *API) imagesOf(tx *engine.Tx, p Project) []Image {
	var ids []int
	for _, s := range byIDs(tx, a.services, p.Services) {
		if !slices.Contains(ids, s.ImageID) {
			ids = append(ids, s.ImageID)
		}
	}
	return byIDs(tx, a.images, ids)
}

// listProjects returns the projects that the user uses, by name.
//
//	GET /api/projects
func (a *API) listProjects(c *httpapi.Call) (any, error) {
	rows := rowsOf(c.Tx, a.projects, func(p Project) bool { return p.Status != deleting && a.uses(c, ofProject, p.ID, p.UserID) })
	return listOf(c, "projects", byName(rows, func(p Project) string { return p.Name }), func(p Project) projectBody { return a.projectBody(c.Tx, p) }), nil
}

// project returns the project that a path below /api/projects/{id} names.
func (a *API) project(c *httpapi.Call) (Project, error) {
	return a.findProject(c, c.Param("id"), "Unknown project")
}

// getProject returns a project.
//
//	GET /api/projects/{id}
func (a *API) getProject(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	return one("project", a.projectBody(c.Tx, p)), nil
}

// updateProject changes the name of a project.
//
//	PATCH /api/projects/{id}
func (a *API) updateProject(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	var in struct {
		Name string `json:"name"`
	}
	if err := c.DecodeMember("project", &in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Name) == "" {
		return nil, unprocessable("Name can't be blank")
	}
	p.Name, p.UpdatedAt = strings.TrimSpace(in.Name), c.Now()
	put(c.Tx, a.projects, p.ID, p)
	return one("project", a.projectBody(c.Tx, p)), nil
}

// deleteProject begins to delete a project: it is gone for its users at once.
//
//	DELETE /api/projects/{id}
func (a *API) deleteProject(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	w := a.workBy(c, "deployment.trash", "Deleting Project "+p.Name+".")
	w.projects = []int{p.ID}
	p.Status, p.UpdatedAt = deleting, c.Now()
	put(c.Tx, a.projects, p.ID, p)
	put(c.Tx, a.leaving, p.ID, leaving{})
	a.begin(c.Tx, w)
	return empty{}, nil
}

// listProjectBastions returns the bastions of a project.
//
//	GET /api/projects/{id}/bastions
func (a *API) listProjectBastions(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	return listOf(c, "bastions", byIDs(c.Tx, a.bastions, p.Bastions), a.bastionBody), nil
}

// getProjectBastion returns a bastion of a project.
//
//	GET /api/projects/{id}/bastions/{bastion_id}
func (a *API) getProjectBastion(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	b, err := a.findBastion(c.Tx, p.ID, c.Param("bastion_id"), "Unknown bastion container")
	if err != nil {
		return nil, err
	}
	return a.bastionDetail(c.Tx, b), nil
}

// resetBastionPassword gives a bastion a new password and rebuilds it.
//
//	POST /api/projects/{id}/bastions/{bastion_id}/reset_password
func (a *API) resetBastionPassword(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	b, err := a.findBastion(c.Tx, p.ID, c.Param("bastion_id"), "Unknown bastion container")
	if err != nil {
		return nil, err
	}
	b.Password, b.Status, b.UpdatedAt = newPassword(c.Tx), "rebuilding", c.Now()
	put(c.Tx, a.bastions, b.ID, b)
	w := a.workBy(c, "bastion.rebuild", "Rebuilding Bastion "+b.Name+".")
	w.projects, w.payload = []int{p.ID}, strconv.Itoa(b.ID)
	a.begin(c.Tx, w)
	return a.bastionDetail(c.Tx, b), nil
}

// listProjectContainers returns the containers of a project, by name.
//
//	GET /api/projects/{id}/containers
func (a *API) listProjectContainers(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	var rows []Container
	for _, s := range byIDs(c.Tx, a.services, p.Services) {
		rows = append(rows, byIDs(c.Tx, a.containers, s.Containers)...)
	}
	return listOf(c, "containers", byName(rows, func(k Container) string { return k.Name }), func(k Container) containerBody { return a.containerBody(c.Tx, k) }), nil
}

// listProjectEvents returns the events of a project, newest first.
//
//	GET /api/projects/{id}/events
func (a *API) listProjectEvents(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	return listOf(c, "events", newestFirst(a.eventsOf(c.Tx, "project", p.ID)), func(e EventLog) eventBody { return a.eventBody(c.Tx, e) }), nil
}

// listProjectImages returns the images of the services of a project.
//
//	GET /api/projects/{id}/images
func (a *API) listProjectImages(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	return listOf(c, "container_images", a.imagesOf(c.Tx, p), func(i Image) imageBody { return a.imageBody(c.Tx, i) }), nil
}

// listProjectServices returns the services of a project by label, and their images. The
// services of load balancers are left out.
//
//	GET /api/projects/{id}/services
func (a *API) listProjectServices(c *httpapi.Call) (any, error) {
	p, err := a.project(c)
	if err != nil {
		return nil, err
	}
	rows := slices.DeleteFunc(byIDs(c.Tx, a.services, p.Services), func(s Service) bool { return row(c.Tx, a.images, s.ImageID).IsLoadBalancer })
	out := listOf(c, "container_services", byName(rows, func(s Service) string { return s.Label }), func(s Service) serviceBody { return a.serviceBody(c.Tx, s) })
	images := []imageBody{}
	for _, i := range a.imagesOf(c.Tx, p) {
		images = append(images, a.imageBody(c.Tx, i))
	}
	out.body["container_images"] = images
	return out, nil
}
