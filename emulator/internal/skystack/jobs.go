package skystack

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// jobBody is a job on the wire.
type jobBody struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	ProjectID   string         `json:"project_id"`
	Enabled     bool           `json:"enabled"`
	Disabled    *job.Reason    `json:"disabled_reason"`
	Trigger     job.Trigger    `json:"trigger"`
	Condition   *job.Condition `json:"condition"`
	Action      job.Action     `json:"action"`
	Concurrency string         `json:"concurrency"`
	TokenID     string         `json:"token_id"`
	LastRunAt   *string        `json:"last_run_at"`
	NextRunAt   *string        `json:"next_run_at"`
	Version     int            `json:"version"`
	CreatedAt   string         `json:"created_at"`
	UpdatedAt   string         `json:"updated_at"`
}

// ResourceID implements httpapi.Identified.
func (b jobBody) ResourceID() string { return b.ID }

// ResourceVersion implements httpapi.Versioned.
func (b jobBody) ResourceVersion() int { return b.Version }

func bodyOfJob(j job.Job) jobBody {
	return jobBody{
		ID: j.ID, Name: j.Name, ProjectID: j.ProjectID, Enabled: j.Enabled, Disabled: j.Disabled, Trigger: j.Trigger, Condition: j.Condition,
		Action: j.Action, Concurrency: j.Concurrency, TokenID: j.TokenID, LastRunAt: stampOrNull(j.LastRunAt), NextRunAt: stampOrNull(j.Due),
		Version: j.Version, CreatedAt: resource.Stamp(j.CreatedAt), UpdatedAt: resource.Stamp(j.UpdatedAt),
	}
}

type listJobsInput struct {
	paging
	ProjectID string `json:"-" query:"project_id"`
}

// listJobs lists the workspace's jobs, oldest first.
//
//	GET /v1/jobs
func (a *API) listJobs(c *httpapi.Call, in listJobsInput) (listBody[job.Job], error) {
	project, err := a.listedProject(c, in.ProjectID)
	if err != nil {
		return listBody[job.Job]{}, err
	}
	a.advanceToAwaited(c, a.ofJobs(c.Tx, func(j job.Job) bool { return project == "" || j.ProjectID == project }))
	v := resource.List[job.Job]{Table: a.jobs.Jobs, Project: func(j job.Job) string { return j.ProjectID }, Name: "jobs\x01" + project}
	if project != "" {
		v.Keep = func(j job.Job) bool { return j.ProjectID == project }
	}
	p, err := list(c, v, in.paging)
	return body(p, as(bodyOfJob)), err
}

// jobInput is a job as a client writes it. The contract and checkJob have checked it.
type jobInput struct {
	QueryProject string `json:"-" query:"project_id"`
	ProjectID    string `json:"project_id"`
	job.Definition
}

// checkJob finds violations that the contract cannot express.
func (a *API) checkJob(c *httpapi.Call, in jobInput) []fail.Detail {
	return a.jobs.CheckDefinition(c, in.Definition, c.Body(), c.Now())
}

// createJob adds a job, which acts with the scopes of the token that creates it
// (S12, S16).
//
//	POST /v1/jobs
func (a *API) createJob(c *httpapi.Call, in jobInput) (jobBody, error) {
	project, err := a.targetProject(c, in.ProjectID, in.QueryProject)
	if err != nil {
		return jobBody{}, err
	}
	j := job.Job{ProjectID: project, TokenID: c.Token}
	j.Define(in.Definition)
	if err := a.mayUse(c, &j); err != nil {
		return jobBody{}, err
	}
	if used := a.jobs.Jobs.Len(c.Tx); used >= job.MaxJobs {
		return jobBody{}, exceeded("jobs", job.MaxJobs, used, fmt.Sprintf("The workspace has %d jobs, as many as it may; delete one first.", used))
	}
	return bodyOfJob(a.jobs.Add(c.Tx, j)), nil
}

// mayUse refuses a job that its caller could not do by hand, and one whose targets
// do not exist.
func (a *API) mayUse(c *httpapi.Call, j *job.Job) error {
	if err := mayDo(c, j); err != nil {
		return err
	}
	if details := a.jobs.CheckTargets(c.Tx, j.ProjectID, j.Action.Target); len(details) > 0 {
		return fail.Parameters(details...)
	}
	return checkTemplateProject(j)
}

// checkTemplateProject refuses a template for another project than the job's.
func checkTemplateProject(j *job.Job) error {
	var template struct {
		ProjectID string `json:"project_id"`
	}
	if j.Action.Instance == nil || json.Unmarshal(j.Action.Instance, &template) != nil || template.ProjectID == "" || template.ProjectID == j.ProjectID {
		return nil
	}
	return conflicting("A job creates instances in its own project; leave project_id out of the template.", "action.instance.project_id")
}

// getJob returns one job.
//
//	GET /v1/jobs/{id}
func (a *API) getJob(c *httpapi.Call, in instanceInput) (jobBody, error) {
	a.advanceToAwaited(c, a.ofJobs(c.Tx, func(j job.Job) bool { return j.ID == in.ID }))
	j, err := a.job(c.Tx, in.ID)
	return bodyOfJob(j), err
}

func (a *API) job(tx *engine.Tx, id string) (job.Job, error) {
	j, ok := a.jobs.Jobs.Get(tx, id)
	if !ok {
		return job.Job{}, noJob(id)
	}
	return j, nil
}

func noJob(id string) error {
	return fail.Newf(fail.NotFound, "job_not_found", "There is no job %q in this workspace.", fail.Clip(id))
}

type updateJobInput struct {
	instanceInput
	job.Patch
}

// presentJob is a job as a patch finds it (S7).
func (a *API) presentJob(c *httpapi.Call, in instanceInput) (httpapi.Present, error) {
	j, err := a.job(c.Tx, in.ID)
	return httpapi.Present{Body: bodyOfJob(j)}, err
}

// updateJob merges changes into a job; one that changes nothing leaves the version
// as it is (S7, S10).
//
//	PATCH /v1/jobs/{id}
func (a *API) updateJob(c *httpapi.Call, in updateJobInput) (jobBody, error) {
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return jobBody{}, err
	}
	if err := c.Precondition(j.Version); err != nil {
		return jobBody{}, err
	}
	changed, differs, err := a.jobs.Patched(c, j, in.Patch)
	if err != nil || !differs {
		return bodyOfJob(j), err
	}
	if !changed.SameWork(j) || changed.Enabled && !j.Enabled { // a client that may not do it by hand may rename it, or disable it
		if err := a.mayUse(c, &changed); err != nil {
			return jobBody{}, err
		}
	}
	return bodyOfJob(a.jobs.Replace(c.Tx, j, changed, c.Token)), nil
}

// deleteJob removes a job with its runs; the actions that it has begun go on.
//
//	DELETE /v1/jobs/{id}
func (a *API) deleteJob(c *httpapi.Call, in instanceInput) (httpapi.Nothing, error) {
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return httpapi.Nothing{}, a.unlessDeleted(c.Tx, "job_", in.ID, err)
	}
	if err := c.Precondition(j.Version); err != nil {
		return httpapi.Nothing{}, err
	}
	a.removeJob(c.Tx, j)
	return httpapi.Nothing{}, nil
}

func (a *API) removeJob(tx *engine.Tx, j job.Job) {
	a.jobs.Remove(tx, j)
	a.tombstones.Add(tx, j.ID, j.ProjectID)
}

// removeJobsOf removes the jobs of a project that is deleted.
func (a *API) removeJobsOf(tx *engine.Tx, project string) {
	var gone []job.Job
	for row := range a.jobs.Jobs.After(tx, 0) {
		if row.Value.ProjectID == project {
			gone = append(gone, row.Value)
		}
	}
	for _, j := range gone {
		a.removeJob(tx, j)
	}
}
