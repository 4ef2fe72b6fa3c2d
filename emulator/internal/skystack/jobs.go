package skystack

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Job is something that is done again and again: an action on instances of a
// project, when its trigger says so and where its condition holds (S12, S16).
type Job struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	ProjectID   string     `json:"project_id"`
	Enabled     bool       `json:"enabled"`
	Disabled    *Reason    `json:"disabled_reason"` // why the sandbox disabled it; nil if a client did
	Trigger     Trigger    `json:"trigger"`
	Condition   *Condition `json:"condition"`
	Action      JobAction  `json:"action"`
	Concurrency string     `json:"concurrency"`
	TokenID     string     `json:"token_id"` // whose scopes it acts with
	LastRunAt   time.Time  `json:"last_run_at"`
	// Due is what the next tick is for, Tick its place in the agenda; they differ
	// when the tick is late, and Missed others are made up for with it. Both are
	// zero when no tick is coming.
	Due    time.Time    `json:"due"`
	Tick   engine.Timer `json:"tick"`
	Missed int          `json:"missed"`
	Moved  bool         `json:"moved"`  // the tick was moved by a reset, so it may be off the trigger's instants
	Anchor time.Time    `json:"anchor"` // where the trigger's every begins
	// Open is the run that is going, "" for none; Waiting are those that come after.
	Open    string   `json:"open"`
	Waiting []string `json:"waiting"`
	// Filed is how many runs there were; the last of them are kept.
	Filed     uint64    `json:"filed"`
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// What a job does when it is to run while it runs.
const (
	skipOverlap  = "skip"
	queueOverlap = "queue"
)

// The bounds of jobs: in a workspace, and for one of them the runs that are kept
// and those that wait.
const (
	maxJobs        = 1000
	keptRuns       = 1000
	maxWaitingRuns = 10
	maxDepth       = 8
)

func (j Job) rescheduled(old, moved engine.Timer) Job {
	if j.Tick == old {
		by := moved.At.Sub(old.At)
		j.Tick, j.Due, j.Anchor, j.Moved = moved, j.Due.Add(by), j.Anchor.Add(by), true
	}
	return j
}

// touch records a visible change (S7); UpdatedAt is about those that clients make.
func (j *Job) touch(*engine.Tx) { j.Version++ }

// jobBody is a job on the wire.
type jobBody struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	ProjectID   string     `json:"project_id"`
	Enabled     bool       `json:"enabled"`
	Disabled    *Reason    `json:"disabled_reason"`
	Trigger     Trigger    `json:"trigger"`
	Condition   *Condition `json:"condition"`
	Action      JobAction  `json:"action"`
	Concurrency string     `json:"concurrency"`
	TokenID     string     `json:"token_id"`
	LastRunAt   *string    `json:"last_run_at"`
	NextRunAt   *string    `json:"next_run_at"`
	Version     int        `json:"version"`
	CreatedAt   string     `json:"created_at"`
	UpdatedAt   string     `json:"updated_at"`
}

// ResourceID implements httpapi.Identified.
func (b jobBody) ResourceID() string { return b.ID }

// ResourceVersion implements httpapi.Versioned.
func (b jobBody) ResourceVersion() int { return b.Version }

func (j Job) body() jobBody {
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
func (a *API) listJobs(c *httpapi.Call, in listJobsInput) (listBody[Job], error) {
	project, err := a.listedProject(c, in.ProjectID)
	if err != nil {
		return listBody[Job]{}, err
	}
	a.await(c, a.ofJobs(c.Tx, func(j Job) bool { return project == "" || j.ProjectID == project }))
	v := resource.List[Job]{Table: a.jobs, Project: func(j Job) string { return j.ProjectID }, Name: "jobs\x01" + project}
	if project != "" {
		v.Keep = func(j Job) bool { return j.ProjectID == project }
	}
	p, err := list(c, v, in.paging)
	return body(p, as(Job.body)), err
}

// jobInput is what a client says of a job; createJob and updateJob read it from
// what the contract and checkJob have seen.
type jobInput struct {
	QueryProject string         `json:"-" query:"project_id"`
	ProjectID    string         `json:"project_id"`
	Name         string         `json:"name"`
	Enabled      *bool          `json:"enabled"`
	Trigger      Trigger        `json:"trigger"`
	Condition    *Condition     `json:"condition"`
	Action       jobActionInput `json:"action"`
	Concurrency  string         `json:"concurrency"`
}

// jobActionInput is an action with the three names of a size (S17).
type jobActionInput struct {
	JobAction
	Profile     string `json:"profile"`
	MachineType string `json:"machine_type"`
}

// checkJob finds what the contract cannot: triggers that never come, conditions
// that never hold, actions that lack what they need.
func (a *API) checkJob(c *httpapi.Call, b httpapi.Fields) []fail.Detail {
	return a.checkDefinition(c, b, c.Now())
}

func (a *API) checkDefinition(c *httpapi.Call, b map[string]any, now time.Time) (details []fail.Detail) {
	trigger, _ := b["trigger"].(map[string]any)
	condition, conditional := b["condition"].(map[string]any)
	action, _ := b["action"].(map[string]any)
	if trigger != nil {
		details = append(details, checkTrigger(trigger, now)...)
	}
	if conditional {
		details = append(details, checkCondition(condition, action)...)
	}
	if action != nil {
		details = append(details, a.checkJobAction(c, action, trigger, conditional)...)
	}
	return details
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
	j := Job{Name: in.Name, ProjectID: project, Enabled: in.Enabled == nil || *in.Enabled, TokenID: c.Token, Version: 1}
	j.define(in)
	if err := a.mayUse(c, &j); err != nil {
		return jobBody{}, err
	}
	if used := a.jobs.Len(c.Tx); used >= maxJobs {
		return jobBody{}, exceeded("jobs", maxJobs, used, fmt.Sprintf("The workspace has %d jobs, as many as it may; delete one first.", used))
	}
	j.ID, j.CreatedAt, j.UpdatedAt, j.Anchor = a.jobs.NewID(c.Tx, "job"), c.Now(), c.Now(), c.Now()
	a.plan(c.Tx, &j, c.Now())
	a.jobs.Put(c.Tx, j.ID, j)
	a.listen(c.Tx, j.ID, j.Trigger.Event != "")
	return j.body(), nil
}

// define takes over what a client said a job does.
func (j *Job) define(in jobInput) {
	j.Trigger, j.Condition, j.Action, j.Concurrency = in.Trigger, in.Condition, in.Action.JobAction, in.Concurrency
	if j.Concurrency == "" {
		j.Concurrency = skipOverlap
	}
	if at, err := time.Parse(time.RFC3339, j.Trigger.At); err == nil {
		j.Trigger.At = at.UTC().Format(time.RFC3339Nano)
	}
	j.Action.Size, _ = oneSize(in.Action.Size, in.Action.Profile, in.Action.MachineType) // checked before
	j.Action.tidy()
	if c := j.Condition; c != nil && len(c.StatusIn) == 0 && len(c.Labels) == 0 && c.OlderThan == "" && c.Metric == nil {
		j.Condition = nil
	}
}

// mayUse refuses a job that its caller could not do by hand, and one whose targets
// are not there.
func (a *API) mayUse(c *httpapi.Call, j *Job) error {
	if err := mayDo(c, j); err != nil {
		return err
	}
	if details := a.checkTargets(c.Tx, j.ProjectID, j.Action.Target); len(details) > 0 {
		return fail.Parameters(details...)
	}
	return a.checkTemplateProject(j)
}

// checkTemplateProject refuses a template for another project than the job's.
func (a *API) checkTemplateProject(j *Job) error {
	var template struct {
		ProjectID string `json:"project_id"`
	}
	if j.Action.Instance == nil || json.Unmarshal(j.Action.Instance, &template) != nil || template.ProjectID == "" || template.ProjectID == j.ProjectID {
		return nil
	}
	return conflicting("A job creates instances in its own project; leave project_id out of the template.", "action.instance.project_id")
}

// getJob shows one job.
//
//	GET /v1/jobs/{id}
func (a *API) getJob(c *httpapi.Call, in instanceInput) (jobBody, error) {
	a.await(c, a.ofJobs(c.Tx, func(j Job) bool { return j.ID == in.ID }))
	j, err := a.job(c.Tx, in.ID)
	return j.body(), err
}

func (a *API) job(tx *engine.Tx, id string) (Job, error) {
	j, ok := a.jobs.Get(tx, id)
	if !ok {
		return Job{}, noJob(id)
	}
	return j, nil
}

func noJob(id string) error {
	return fail.Newf(fail.NotFound, "job_not_found", "There is no job %q in this workspace.", fail.Clip(id))
}

// deleteJob removes a job with its runs; what it has begun goes on.
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
	a.tombstones.Add(c.Tx, j.ID, j.ProjectID)
	return httpapi.Nothing{}, nil
}

func (a *API) removeJob(tx *engine.Tx, j Job) {
	tx.Cancel(j.Tick)
	a.listen(tx, j.ID, false)
	for n := range min(j.Filed, keptRuns) {
		key := slot(j.ID, n)
		row, _ := a.runSlots.Get(tx, key)
		a.runs.Delete(tx, row.Run)
		a.runSlots.Delete(tx, key)
	}
	for _, id := range append(slices.Clip(j.Waiting), j.Open) {
		a.runs.Delete(tx, id)
	}
	a.jobs.Delete(tx, j.ID)
}

// removeJobsOf takes the jobs of a project away with it.
func (a *API) removeJobsOf(tx *engine.Tx, project string) {
	var gone []Job
	for row := range a.jobs.After(tx, 0) {
		if row.Value.ProjectID == project {
			gone = append(gone, row.Value)
		}
	}
	for _, j := range gone {
		a.removeJob(tx, j)
		a.tombstones.Add(tx, j.ID, j.ProjectID)
	}
}
