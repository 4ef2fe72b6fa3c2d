package skystack

import (
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Run is one time that a job ran, or should have.
type Run struct {
	ID           string    `json:"id"`
	JobID        string    `json:"job_id"`
	ScheduledFor time.Time `json:"scheduled_for"`
	StartedAt    time.Time `json:"started_at"`  // zero when it did not
	FinishedAt   time.Time `json:"finished_at"` // zero while it goes
	Trigger      string    `json:"trigger"`
	Status       RunStatus `json:"status"`
	Reason       *Reason   `json:"reason"`
	// Missed is how many other ticks the run stands for.
	Missed     int    `json:"missed"`
	RequestID  string `json:"request_id"`  // of a manual run
	EventID    string `json:"event_id"`    // of a run that an event triggered
	InstanceID string `json:"instance_id"` // the one that event is about
	// Depth is how many runs led to this one, each by the events of the one before.
	Depth   int         `json:"depth"`
	Results []runResult `json:"results"`
	// Going, Good and Bad count the results by what became of them.
	Going int    `json:"going"`
	Good  int    `json:"good"`
	Bad   int    `json:"bad"`
	Slot  string `json:"slot"` // where it is filed
}

// RunStatus is how far a run is.
type RunStatus string

// The statuses of a run; what is neither queued nor running has ended.
const (
	RunQueued    RunStatus = "queued"
	RunGoing     RunStatus = "running"
	RunSucceeded RunStatus = "succeeded"
	RunFailed    RunStatus = "failed"
	RunSkipped   RunStatus = "skipped"
	RunPartial   RunStatus = "partial"
)

// What makes a job run.
const (
	bySchedule = "schedule"
	byHand     = "manual"
	byEvent    = "event"
)

// runResult is what a run did to one instance: began an action, whose end tells
// the outcome, or else Outcome says it.
type runResult struct {
	InstanceID string  `json:"instance_id"`
	ActionID   string  `json:"action_id"`
	Outcome    string  `json:"outcome"`
	Error      *Reason `json:"error"`
}

// The outcomes that are not those of an action.
const (
	outcomeUnchanged = "unchanged" // it was so already
	outcomeRefused   = "refused"
	outcomeDone      = "completed" // at once, without an action
	outcomeBegin     = "begin"     // in a dry run: it would
)

// slotRow says which run is filed in a slot. Each job has so many slots that the
// newest run takes the place of the oldest that is kept.
type slotRow struct {
	Run string `json:"run"`
}

func slot(job string, n uint64) string { return job + "/" + strconv.FormatUint(n%keptRuns, 10) }

// file gives a run its id and its place, from which the oldest has to go unless it
// still goes on.
func (a *API) file(tx *engine.Tx, job string, r Run) Run {
	j, _ := a.jobs.Get(tx, job)
	r.ID, r.JobID, r.Slot = a.runs.NewID(tx, "run"), job, slot(job, j.Filed)
	j.Filed++
	a.jobs.Put(tx, job, j)
	old, _ := a.runSlots.Get(tx, r.Slot)
	if oldest, ok := a.runs.Get(tx, old.Run); ok && !oldest.FinishedAt.IsZero() {
		a.runs.Delete(tx, old.Run)
	}
	a.runSlots.Put(tx, r.Slot, slotRow{r.ID})
	a.runs.Put(tx, r.ID, r)
	return r
}

// putRun stores a run. One that has ended and lost its place meanwhile goes when
// all is done that it does at this instant: what follows from it has to know whose
// doing it is.
func (a *API) putRun(tx *engine.Tx, r Run) {
	a.runs.Put(tx, r.ID, r)
	if a.forgotten(tx, r) {
		tx.After(0, runStep, r.ID)
	}
}

// forgotten reports whether a run has ended and lost its place.
func (a *API) forgotten(tx *engine.Tx, r Run) bool {
	held, _ := a.runSlots.Get(tx, r.Slot)
	return held.Run != r.ID && !r.FinishedAt.IsZero()
}

// runBody is a run on the wire.
type runBody struct {
	ID           string       `json:"id"`
	JobID        string       `json:"job_id"`
	Status       RunStatus    `json:"status"`
	Reason       *Reason      `json:"reason"`
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

// wait is how many seconds a client should sleep until what a run has begun has
// ended: 1 if that is not known, 0 if the run has ended.
func (a *API) wait(tx *engine.Tx, r Run) int {
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

// ResourceID implements httpapi.Identified.
func (b runBody) ResourceID() string { return b.ID }

type resultBody struct {
	InstanceID *string `json:"instance_id"`
	ActionID   *string `json:"action_id"`
	Outcome    string  `json:"outcome"`
	Error      *Reason `json:"error"`
}

func (a *API) runBody(tx *engine.Tx, r Run) runBody {
	b := runBody{
		ID: r.ID, JobID: r.JobID, Status: r.Status, Reason: r.Reason, Trigger: r.Trigger, EventID: text(r.EventID), ScheduledFor: resource.Stamp(r.ScheduledFor),
		StartedAt: stampOrNull(r.StartedAt), FinishedAt: stampOrNull(r.FinishedAt), Missed: r.Missed, Results: make([]resultBody, len(r.Results)),
	}
	for n, result := range a.results(tx, r) {
		b.Results[n] = resultBody{text(result.InstanceID), text(result.ActionID), result.Outcome, result.Error}
	}
	return b
}

// results is what became of what a run did so far.
func (a *API) results(tx *engine.Tx, r Run) []runResult {
	out := slices.Clone(r.Results) // the row keeps its own
	for n := range out {
		if t, ok := a.actions.Get(tx, out[n].ActionID); ok {
			out[n].Outcome, out[n].Error = string(t.Status), t.Error
		}
	}
	return out
}

type listRunsInput struct {
	paging
	instanceInput
}

// listRuns lists the runs of a job that are kept, oldest first.
//
//	GET /v1/jobs/{id}/runs
func (a *API) listRuns(c *httpapi.Call, in listRunsInput) (listBody[runBody], error) {
	a.await(c, a.ofJobs(c.Tx, func(j Job) bool { return j.ID == in.ID }))
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return listBody[runBody]{}, err
	}
	var filed []string
	for n := j.Filed - min(j.Filed, keptRuns); n < j.Filed; n++ {
		row, _ := a.runSlots.Get(c.Tx, slot(j.ID, n))
		filed = append(filed, row.Run)
	}
	p, err := list(c, resource.List[Run]{Table: a.runs, Only: &filed, Name: "runs\x01" + in.ID}, in.paging)
	if err != nil {
		return listBody[runBody]{}, err
	}
	return shown(p, func(r Run) runBody { return a.runBody(c.Tx, r) }), nil
}

type runInput struct {
	instanceInput
	Run string `json:"-" path:"run"`
}

// getRun shows one run.
//
//	GET /v1/jobs/{id}/runs/{run}
func (a *API) getRun(c *httpapi.Call, in runInput) (runBody, error) {
	a.await(c, func(e engine.Event) bool {
		return e.Step == runStep && e.Subject == in.Run || a.finishes(c.Tx, func(t Action) bool { return t.Run == in.Run })(e)
	})
	if _, err := a.job(c.Tx, in.ID); err != nil {
		return runBody{}, err
	}
	r, ok := a.runs.Get(c.Tx, in.Run)
	if !ok || r.JobID != in.ID {
		return runBody{}, fail.Newf(fail.NotFound, "run_not_found", "The job has no run %q; its last %d are kept.", fail.Clip(in.Run), keptRuns)
	}
	return a.runBody(c.Tx, r), nil
}
