package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// runBody is a run on the wire.
type runBody struct {
	ID           string       `json:"id"`
	JobID        string       `json:"job_id"`
	Status       job.Status   `json:"status"`
	Reason       *job.Reason  `json:"reason"`
	Trigger      string       `json:"trigger"`
	EventID      *string      `json:"event_id"`
	ScheduledFor string       `json:"scheduled_for"`
	StartedAt    *string      `json:"started_at"`
	FinishedAt   *string      `json:"finished_at"`
	Missed       int          `json:"missed_ticks"`
	Results      []resultBody `json:"results"`

	wait int // how many seconds a client should sleep until the run has ended; 0 if it has
}

// RetryAfter implements httpapi.Waiting.
func (b runBody) RetryAfter() int { return b.wait }

// ResourceID implements httpapi.Identified.
func (b runBody) ResourceID() string { return b.ID }

type resultBody struct {
	InstanceID *string     `json:"instance_id"`
	ActionID   *string     `json:"action_id"`
	Outcome    string      `json:"outcome"`
	Error      *job.Reason `json:"error"`
}

func (a *API) runBody(tx *engine.Tx, r *job.Run) runBody {
	b := runBody{
		ID: r.ID, JobID: r.JobID, Status: r.Status, Reason: r.Reason, Trigger: r.Trigger, EventID: text(r.EventID), ScheduledFor: resource.Stamp(r.ScheduledFor),
		StartedAt: stampOrNull(r.StartedAt), FinishedAt: stampOrNull(r.FinishedAt), Missed: r.Missed, Results: make([]resultBody, len(r.Results)),
	}
	for n, result := range a.jobs.Results(tx, r) {
		b.Results[n] = resultBody{text(result.InstanceID), text(result.ActionID), result.Outcome, result.Error}
	}
	return b
}

// retryAfter returns how many seconds a client should sleep until the actions of a run have
// ended: 1 if that is not known, 0 if the run has ended.
func (a *API) retryAfter(tx *engine.Tx, r *job.Run) int {
	end := tx.Now()
	if !r.FinishedAt.IsZero() {
		return 0
	}
	for _, result := range r.Results {
		if t, ok := a.actions.Get(tx, result.ActionID); ok && t.due().After(end) {
			end = t.due()
		}
	}
	return tx.RetryAfter(end.Sub(tx.Now()))
}

type listRunsInput struct {
	paging
	instanceInput
}

// listRuns lists the runs of a job that are kept, oldest first.
//
//	GET /v1/jobs/{id}/runs
func (a *API) listRuns(c *httpapi.Call, in listRunsInput) (listBody[runBody], error) {
	a.advanceToAwaited(c, a.ofJobs(c.Tx, func(j job.Job) bool { return j.ID == in.ID }))
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return listBody[runBody]{}, err
	}
	filed := a.jobs.Filed(c.Tx, &j)
	p, err := list(c, resource.List[job.Run]{Table: a.jobs.Runs, Only: &filed, Name: "runs\x01" + in.ID}, in.paging)
	if err != nil {
		return listBody[runBody]{}, err
	}
	return shown(p, func(r job.Run) runBody { return a.runBody(c.Tx, &r) }), nil
}

type runInput struct {
	instanceInput
	Run string `json:"-" path:"run"`
}

// getRun returns one run.
//
//	GET /v1/jobs/{id}/runs/{run}
func (a *API) getRun(c *httpapi.Call, in runInput) (runBody, error) {
	a.advanceToAwaited(c, func(e engine.Event) bool {
		return e.Step == job.RunStep && e.Subject == in.Run || a.finishes(c.Tx, func(t Action) bool { return t.Run == in.Run })(e)
	})
	if _, err := a.job(c.Tx, in.ID); err != nil {
		return runBody{}, err
	}
	r, ok := a.jobs.Runs.Get(c.Tx, in.Run)
	if !ok || r.JobID != in.ID {
		return runBody{}, fail.Newf(fail.NotFound, "run_not_found", "The job has no run %q; its last %d are kept.", fail.Clip(in.Run), job.KeptRuns)
	}
	return a.runBody(c.Tx, &r), nil
}

type runJobInput struct {
	instanceInput
	DryRun bool `json:"-" query:"dry_run"`
}

// runJob runs a job now, or says what it would do (S12).
//
//	POST /v1/jobs/{id}/run
func (a *API) runJob(c *httpapi.Call, in runJobInput) (any, error) {
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return a.dryRun(c.Tx, j), nil
	}
	if err := mayDo(c, &j); err != nil {
		return nil, err
	}
	r := a.jobs.RunNow(c.Tx, j, c.RequestID)
	b := a.runBody(c.Tx, &r)
	b.wait = a.retryAfter(c.Tx, &r)
	return b, nil
}

// dryRunBody is the forecast of a run on the wire.
type dryRunBody struct {
	DryRun bool      `json:"dry_run"`
	Would  wouldBody `json:"would"`
}

// ResponseStatus implements httpapi.Stated.
func (dryRunBody) ResponseStatus() int { return 200 }

type wouldBody struct {
	Action  job.ActionType `json:"action"`
	Reason  *job.Reason    `json:"reason"`
	Targets []targetBody   `json:"targets"`
}

type targetBody struct {
	InstanceID *string     `json:"instance_id"`
	Outcome    string      `json:"outcome"`
	Error      *job.Reason `json:"error"`
}

func (a *API) dryRun(tx *engine.Tx, j job.Job) dryRunBody {
	f := a.jobs.DryRun(tx, j)
	b := dryRunBody{DryRun: true, Would: wouldBody{Action: j.Action.Type, Reason: f.Reason, Targets: []targetBody{}}}
	for _, r := range f.Results {
		b.Would.Targets = append(b.Would.Targets, targetBody{text(r.InstanceID), r.Outcome, r.Error})
	}
	return b
}
