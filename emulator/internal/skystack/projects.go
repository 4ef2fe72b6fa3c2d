package skystack

import (
	"cmp"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Project groups instances (S13).
type Project struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Environment string    `json:"environment"`
	Version     int       `json:"version"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// members counts what a project holds.
type members struct {
	Instances int `json:"instances"`
}

// Clone returns m.
func (m members) Clone() members { return m }

// projectBody is a project on the wire.
type projectBody struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Environment string `json:"environment"`
	IsDefault   bool   `json:"is_default"`
	Version     int    `json:"version"`
	CreatedAt   string `json:"created_at"`
	UpdatedAt   string `json:"updated_at"`
}

// ResourceID implements httpapi.Identified.
func (b projectBody) ResourceID() string { return b.ID }

// ResourceVersion implements httpapi.Versioned.
func (b projectBody) ResourceVersion() int { return b.Version }

func (a *API) projectBody(tx *engine.Tx) func(Project) projectBody {
	standard := a.settingsOf(tx).DefaultProject
	return func(p Project) projectBody {
		return projectBody{
			ID: p.ID, Name: p.Name, Description: p.Description, Environment: p.Environment, IsDefault: p.ID == standard,
			Version: p.Version, CreatedAt: resource.Stamp(p.CreatedAt), UpdatedAt: resource.Stamp(p.UpdatedAt),
		}
	}
}

// targetProject settles which project a new object belongs to (S13): the body's,
// the query's, the header's, the token's, the workspace's. Two that are named
// must agree, and one that is named must exist.
func (a *API) targetProject(c *httpapi.Call, body, query string) (string, error) {
	header := c.RequestHeader("Skystack-Project")
	named := cmp.Or(body, query, header)
	violation := fail.Detail{Field: "project_id", Location: fail.Body}
	switch {
	case body == "" && query != "":
		violation.Location = fail.Query
	case body == "" && header != "":
		violation.Field, violation.Location = "SkyStack-Project", fail.Header
	}
	for _, other := range []string{body, query, header} {
		if other != "" && other != named {
			violation.Code, violation.Message = "conflicting_parameters", "The project is named in two ways that differ; name it once."
			return "", &fail.Error{Kind: fail.Invalid, Code: violation.Code, Message: violation.Message, Details: []fail.Detail{violation}}
		}
	}
	if named == "" {
		project := cmp.Or(c.Project, a.settingsOf(c.Tx).DefaultProject)
		if !a.projects.Has(c.Tx, project) { // the key outlived its project
			return "", noProject(project)
		}
		return project, nil
	}
	if _, ok := a.projects.Get(c.Tx, named); !ok {
		if violation.Location != fail.Body {
			return "", noProject(named)
		}
		violation.Code, violation.Message = "unknown_value", "There is no project "+fail.Clip(named)+" in this workspace."
		return "", &fail.Error{Kind: fail.Invalid, Code: "invalid_parameter", Message: violation.Message, Details: []fail.Detail{violation}}
	}
	return named, nil
}

// listedProject is the project whose objects are listed, "" for all (S13, S45).
func (a *API) listedProject(c *httpapi.Call, query string) (string, error) {
	header := c.RequestHeader("Skystack-Project")
	if query != "" && header != "" && query != header {
		return "", &fail.Error{
			Kind: fail.Invalid, Code: "conflicting_parameters", Message: "The project is named in two ways that differ; name it once.",
			Details: []fail.Detail{{Field: "project_id", Location: fail.Query, Code: "conflicting_parameters", Message: "project_id differs from the header SkyStack-Project."}},
		}
	}
	project := cmp.Or(query, header, c.Project)
	if project == "" {
		return "", nil
	}
	if _, ok := a.projects.Get(c.Tx, project); !ok {
		return "", noProject(project)
	}
	return project, nil
}

func noProject(id string) error {
	return fail.Newf(fail.NotFound, "project_not_found", "There is no project %q in this workspace.", fail.Clip(id))
}

// listProjects lists the workspace's projects (S29).
//
//	GET /v1/projects
func (a *API) listProjects(c *httpapi.Call, in paging) (listBody[Project], error) {
	p, err := list(c, resource.List[Project]{Table: a.projects, Project: func(p Project) string { return p.ID }, Name: "projects"}, in)
	return body(p, as(a.projectBody(c.Tx))), err
}

type createProjectInput struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Environment string `json:"environment"`
}

// createProject adds a project.
//
//	POST /v1/projects
func (a *API) createProject(c *httpapi.Call, in createProjectInput) (projectBody, error) {
	p := Project{
		ID: a.projects.NewID(c.Tx, "prj"), Name: in.Name, Description: in.Description, Environment: in.Environment,
		Version: 1, CreatedAt: c.Now(), UpdatedAt: c.Now(),
	}
	a.projects.Put(c.Tx, p.ID, p)
	shown := a.projectBody(c.Tx)(p)
	a.events.Emit(c.Tx, event.Draft{Type: "project.created", Project: p.ID, Object: shown, Cause: event.CauseOf(c)})
	return shown, nil
}

type projectInput struct {
	ID string `json:"-" path:"id"`
}

// getProject shows one project.
//
//	GET /v1/projects/{id}
func (a *API) getProject(c *httpapi.Call, in projectInput) (projectBody, error) {
	p, ok := a.projects.Get(c.Tx, in.ID)
	if !ok {
		return projectBody{}, noProject(in.ID)
	}
	return a.projectBody(c.Tx)(p), nil
}

type updateProjectInput struct {
	projectInput
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Environment *string `json:"environment"`
}

// presentProject is a project as a patch finds it (S7).
func (a *API) presentProject(c *httpapi.Call, in projectInput) (httpapi.Present, error) {
	b, err := a.getProject(c, in)
	return httpapi.Present{Body: b}, err
}

// updateProject merges changes into a project (S7).
//
//	PATCH /v1/projects/{id}
func (a *API) updateProject(c *httpapi.Call, in updateProjectInput) (projectBody, error) {
	p, ok := a.projects.Get(c.Tx, in.ID)
	if !ok {
		return projectBody{}, noProject(in.ID)
	}
	if err := c.Precondition(p.Version); err != nil {
		return projectBody{}, err
	}
	changed := p
	for to, from := range map[*string]*string{&changed.Name: in.Name, &changed.Description: in.Description, &changed.Environment: in.Environment} {
		if from != nil {
			*to = *from
		}
	}
	if changed != p {
		changed.Version++
		changed.UpdatedAt = c.Now()
		a.projects.Put(c.Tx, changed.ID, changed)
	}
	return a.projectBody(c.Tx)(changed), nil
}

// deleteProject removes an empty project.
//
//	DELETE /v1/projects/{id}
func (a *API) deleteProject(c *httpapi.Call, in projectInput) (httpapi.Nothing, error) {
	p, ok := a.projects.Get(c.Tx, in.ID)
	s := a.settingsOf(c.Tx)
	if !ok {
		return httpapi.Nothing{}, a.unlessDeleted(c.Tx, "prj_", in.ID, noProject(in.ID))
	}
	if err := c.Precondition(p.Version); err != nil {
		return httpapi.Nothing{}, err
	}
	if p.ID == s.DefaultProject {
		return httpapi.Nothing{}, fail.New(fail.Conflict, "project_is_default", "This is the workspace's default project; it cannot be deleted.")
	}
	if m, _ := a.members.Get(c.Tx, p.ID); m.Instances > 0 {
		return httpapi.Nothing{}, fail.Newf(fail.Conflict, "project_not_empty", "The project holds %d instances; delete them first.", m.Instances)
	}
	a.removeJobsOf(c.Tx, p.ID)
	for _, t := range a.Credentials.BoundTo(c.Tx, p.ID) {
		a.revokeNow(c.Tx, t, event.CauseOf(c))
	}
	a.projects.Delete(c.Tx, p.ID)
	a.members.Delete(c.Tx, p.ID)
	a.tombstones.Add(c.Tx, p.ID, p.ID)
	a.events.Emit(c.Tx, event.Draft{Type: "project.deleted", Project: p.ID, Object: a.projectBody(c.Tx)(p), Cause: event.CauseOf(c)})
	a.outbox.RemoveOrphans(c.Tx, p.ID)
	return httpapi.Nothing{}, nil
}
