package skystack

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// runStep is the step of the agenda that begins a run which had to wait: for
// another, or for what caused the event that triggers it.
const runStep = "job.run"

// takeUp lets a run begin, wait or be skipped: a job never runs twice at a time.
// A run that is not filed yet is filed.
func (a *API) takeUp(tx *engine.Tx, j Job, r Run) Run {
	switch {
	case j.Open == "":
		if r.ID == "" {
			r.Status = RunQueued
			r = a.file(tx, j.ID, r)
		}
		return a.carryOut(tx, r)
	case j.Concurrency == skipOverlap:
		return a.skip(tx, j, r, Reason{"overlap", "The run before, " + j.Open + ", was still going."})
	case len(j.Waiting) >= maxWaitingRuns:
		return a.skip(tx, j, r, Reason{"queue_full", fmt.Sprintf("%d runs were waiting already.", maxWaitingRuns)})
	}
	r.Status = RunQueued
	if r.ID == "" {
		r = a.file(tx, j.ID, r)
	}
	j, _ = a.jobs.Get(tx, j.ID)
	j.Waiting = append(slices.Clip(j.Waiting), r.ID)
	a.jobs.Put(tx, j.ID, j)
	return r
}

// skip records a run that does not take place.
func (a *API) skip(tx *engine.Tx, j Job, r Run, why Reason) Run {
	r.Status, r.Reason, r.FinishedAt = RunSkipped, &why, tx.Now()
	if r.ID == "" {
		return a.file(tx, j.ID, r)
	}
	a.putRun(tx, r)
	return r
}

// resume is the step that begins a run which had to wait. Of a job that was
// disabled meanwhile only those begin that somebody asked for.
func (a *API) resume(tx *engine.Tx, id string) {
	r, ok := a.runs.Get(tx, id)
	j, there := a.jobs.Get(tx, r.JobID)
	disabled := &Reason{"disabled", "The job was disabled before the run could begin."}
	switch {
	case !ok:
	case !there || a.forgotten(tx, r):
		a.runs.Delete(tx, id)
	case r.Status != RunQueued:
	case j.Open == r.ID && !j.Enabled && r.Trigger != byHand:
		r.Reason = disabled
		a.conclude(tx, r, RunSkipped)
	case j.Open == r.ID: // its turn has come
		a.carryOut(tx, r)
	case !j.Enabled:
		a.skip(tx, j, r, *disabled)
	default:
		a.takeUp(tx, j, r)
	}
}

// carryOut begins a run: it looks for what to act on, and acts. It ends at once
// unless actions have begun.
func (a *API) carryOut(tx *engine.Tx, r Run) Run {
	j, _ := a.jobs.Get(tx, r.JobID)
	r.Status, r.StartedAt = RunGoing, tx.Now()
	j.Open, j.LastRunAt = r.ID, tx.Now()
	j.touch(tx)
	a.jobs.Put(tx, j.ID, j)
	a.putRun(tx, r)
	if gone := a.tokenGone(tx, j.TokenID); gone != nil {
		a.disable(tx, j.ID, *gone)
		r.Reason = gone
		return a.conclude(tx, r, RunFailed)
	}
	if err := tx.CheckBudget(ownGrowth); err != nil {
		r.Reason = &Reason{"budget_exceeded", "The workspace takes as much memory as its budget allows; delete objects or snapshots."}
		return a.conclude(tx, r, RunFailed)
	}
	w, status := a.foresee(tx, &j, r)
	if w.Reason != nil {
		r.Reason = w.Reason
		return a.conclude(tx, r, status)
	}
	if r.Depth > 0 && !a.mayChain(tx, a.effort(tx, &j, len(w.plans))) {
		r.Reason = &Reason{chainTooLong, noMoreChained()}
		return a.conclude(tx, r, RunSkipped)
	}
	defer tx.ActAs(r.ID)()
	for _, p := range w.plans {
		result := p.result
		if result.Outcome == outcomeBegin {
			result = a.act(tx, &j, r, p.instance)
		}
		r.count(result)
		r.Results = append(r.Results, result)
	}
	if r.Going > 0 {
		a.putRun(tx, r)
		return r
	}
	return a.conclude(tx, r, r.outcome())
}

// count adds a result to the run's counts.
func (r *Run) count(result runResult) {
	switch result.Outcome {
	case string(InProgress):
		r.Going++
	case string(Completed), outcomeUnchanged:
		r.Good++
	default:
		r.Bad++
	}
}

// outcome is the status of a run whose actions have ended.
func (r *Run) outcome() RunStatus {
	switch {
	case r.Bad == 0:
		return RunSucceeded
	case r.Good == 0:
		return RunFailed
	}
	return RunPartial
}

// conclude ends a run, tells, and calls the next one that waits.
func (a *API) conclude(tx *engine.Tx, r Run, status RunStatus) Run {
	r.Status, r.FinishedAt = status, tx.Now()
	r.Results = a.results(tx, r) // it is kept for longer than its actions may be
	a.putRun(tx, r)
	j, ok := a.jobs.Get(tx, r.JobID)
	if !ok {
		return r
	}
	if j.Open == r.ID {
		j.Open = ""
		if len(j.Waiting) > 0 {
			j.Open, j.Waiting = j.Waiting[0], slices.Clone(j.Waiting[1:])
			tx.After(0, runStep, j.Open)
		}
		a.jobs.Put(tx, j.ID, j)
	}
	if status == RunSkipped {
		return r
	}
	eventType := "job.run.completed"
	if status == RunFailed {
		eventType = "job.run.failed"
	}
	defer tx.ActAs(r.ID)()
	var by *event.Cause
	if r.RequestID != "" {
		by = &event.Cause{RequestID: r.RequestID}
	}
	a.events.Emit(tx, event.Draft{Type: eventType, Project: j.ProjectID, Object: a.runBody(tx, r), Cause: by})
	return r
}

// progressed notes that an action of a run has ended.
func (a *API) progressed(tx *engine.Tx, t Action) {
	r, ok := a.runs.Get(tx, t.Run)
	if !ok || r.Status != RunGoing || r.Going == 0 {
		return
	}
	r.Going--
	if t.Status == Completed {
		r.Good++
	} else {
		r.Bad++
	}
	if r.Going > 0 {
		a.putRun(tx, r)
		return
	}
	a.conclude(tx, r, r.outcome())
}

// work is what a run would do now.
type work struct {
	Reason *Reason // why it does nothing at all; nil when it acts
	plans  []plan
}

// plan is what a run would do to one instance; the result's outcome is outcomeBegin
// when it can.
type plan struct {
	instance Instance
	result   runResult
}

// foresee finds what a run would do, and changes nothing. Status is that of the run
// when there is a reason to do nothing.
func (a *API) foresee(tx *engine.Tx, j *Job, r Run) (w work, status RunStatus) {
	t, _ := a.Credentials.Keys.Get(tx, j.TokenID)
	if needed := j.Action.Type.scope(); !credential.Grants(t.Scopes, needed) {
		return work{Reason: &Reason{"insufficient_scope", "The token the job acts with lacks the scope " + needed + "."}}, RunFailed
	}
	if t.ProjectID != "" && t.ProjectID != j.ProjectID {
		return work{Reason: &Reason{"project_forbidden", "The token the job acts with is bound to another project."}}, RunFailed
	}
	if j.Action.Type == Create {
		p := plan{result: runResult{Outcome: outcomeBegin}}
		if refusal := a.templateRefusal(tx, j); refusal != nil {
			p.result.Outcome, p.result.Error = outcomeRefused, refusal
		}
		return work{plans: []plan{p}}, ""
	}
	there, missing := a.chosen(tx, j, r.InstanceID)
	there = slices.DeleteFunc(there, func(i Instance) bool { return !a.meets(tx, &i, j.Condition) })
	if j.Condition != nil { // what is not there meets none
		missing = nil
	}
	switch most := j.Action.MaxTargets; {
	case j.Action.Target == nil && r.InstanceID == "":
		return work{Reason: &Reason{"no_targets", "The job acts on the instance that an event is about, and no event triggered this run."}}, RunSkipped
	case len(there)+len(missing) == 0:
		return work{Reason: &Reason{"no_targets", "No instance of the target is there, or none meets the condition."}}, RunSkipped
	case most > 0 && len(there) > most:
		return work{Reason: &Reason{"too_many_targets",
			fmt.Sprintf("The run would act on %d instances, and max_targets is %d; nothing was done.", len(there), most)}}, RunFailed
	}
	for _, id := range missing {
		w.plans = append(w.plans, plan{result: runResult{InstanceID: id, Outcome: outcomeRefused, Error: reasonOf(noInstance(id))}})
	}
	refusal := a.unavailable(tx, j)
	for _, i := range there {
		p := plan{i, runResult{InstanceID: i.ID, Outcome: outcomeBegin}}
		if refusal != nil {
			p.result.Outcome, p.result.Error = outcomeRefused, refusal
		} else {
			p.result.Outcome, p.result.Error = a.verdictOn(tx, i, j.Action)
		}
		w.plans = append(w.plans, p)
	}
	return w, ""
}

// verdictOn is what an instance says to a job's action.
func (a *API) verdictOn(tx *engine.Tx, i Instance, act JobAction) (string, *Reason) {
	if act.Type == Delete {
		if i.Status == Deleting {
			return outcomeUnchanged, nil
		}
		return outcomeBegin, nil
	}
	if act.Type == Update {
		return a.verdictOnUpdate(tx, i, act)
	}
	switch v := i.allows(act.Type, act.Force); {
	case v == begin:
		if d := a.unfit(tx, i, createActionInput{Type: act.Type, Image: act.Image}, act.Size); d != nil {
			return outcomeRefused, &Reason{"invalid_parameter", d.Message}
		}
		return outcomeBegin, nil
	case v == nothing && !a.settingsOf(tx).RefuseNoops:
		return outcomeUnchanged, nil
	default:
		return outcomeRefused, reasonOf(a.refusal(tx, i, act.Type, v))
	}
}

// unavailable says what the catalogue does not have any more.
func (a *API) unavailable(tx *engine.Tx, j *Job) *Reason {
	for _, d := range a.checkCatalogue(&httpapi.Call{Tx: tx}, httpapi.Fields{"size": orNil(j.Action.Size), "image": orNil(j.Action.Image)}) {
		return &Reason{"invalid_parameter", d.Message}
	}
	return nil
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// reasonOf is a refusal as it stands in a result.
func reasonOf(err error) *Reason {
	var e *fail.Error
	if !errors.As(err, &e) {
		e = fail.Of(err)
	}
	return &Reason{e.Code, e.Message}
}

// act does a job's action to an instance that allows it.
func (a *API) act(tx *engine.Tx, j *Job, r Run, i Instance) runResult {
	t := Action{Type: j.Action.Type, Size: j.Action.Size, Image: j.Action.Image, Force: j.Action.Force, RequestedBy: j.TokenID, RequestID: r.RequestID, Run: r.ID}
	if t.Type == Create {
		return a.actCreate(tx, j, t)
	}
	if t.Type == Delete {
		return a.actDelete(tx, i.ID, t)
	}
	if t.Type == Update {
		return a.actUpdate(tx, i.ID, j.Action, t.cause())
	}
	if t.Type == Rebuild && t.Image == "" {
		t.Image = i.Image
	}
	t = a.start(tx, &i, t)
	return runResult{InstanceID: i.ID, ActionID: t.ID, Outcome: string(InProgress)}
}

// actDelete deletes an instance, unless it has gone, or goes, with one that was
// deleted before it: a replica with its leader.
func (a *API) actDelete(tx *engine.Tx, id string, t Action) runResult {
	i, ok := a.instances.Get(tx, id)
	switch {
	case !ok:
		return runResult{InstanceID: id, Outcome: outcomeDone}
	case i.Status == Deleting:
		return runResult{InstanceID: id, Outcome: outcomeUnchanged}
	case a.settingsOf(tx).SlowDelete:
		t = a.start(tx, &i, t)
		return runResult{InstanceID: id, ActionID: t.ID, Outcome: string(InProgress)}
	}
	a.remove(tx, i, t.cause())
	return runResult{InstanceID: id, Outcome: outcomeDone}
}

// templateRefusal says why a POST with the job's template would be refused now; nil if
// it would not.
func (a *API) templateRefusal(tx *engine.Tx, j *Job) *Reason {
	var fields httpapi.Fields
	if err := json.Unmarshal(j.Action.Instance, &fields); err != nil {
		return &Reason{"invalid_parameter", "The template of the instance cannot be read."}
	}
	for _, d := range a.checkCreate(&httpapi.Call{Tx: tx}, fields) {
		return &Reason{"invalid_parameter", d.Message}
	}
	if err := a.checkRoom(tx); err != nil {
		return reasonOf(err)
	}
	return nil
}

// actCreate creates an instance as a POST with the job's template would.
func (a *API) actCreate(tx *engine.Tx, j *Job, t Action) runResult {
	var in createInstanceInput
	var i Instance
	err := json.Unmarshal(j.Action.Instance, &in)
	if err == nil {
		i, err = a.provision(tx, in, j.ProjectID, t)
	}
	if err != nil {
		return runResult{Outcome: outcomeRefused, Error: reasonOf(err)}
	}
	return runResult{InstanceID: i.ID, ActionID: i.PendingAction, Outcome: string(InProgress)}
}

// tokenGone says why a job can no longer act with a token; nil if it can.
func (a *API) tokenGone(tx *engine.Tx, id string) *Reason {
	t, ok := a.Credentials.Keys.Get(tx, id)
	if !ok {
		return &Reason{"token_revoked", "The token the job acts with does not exist any more."}
	}
	switch t.Status(tx.Now()) {
	case credential.Revoked:
		return &Reason{"token_revoked", "The token the job acts with was revoked at " + resource.Stamp(t.RevokedAt) + "."}
	case credential.Expired:
		return &Reason{"token_expired", "The token the job acts with expired at " + resource.Stamp(t.ExpiresAt) + "."}
	}
	return nil
}

// disable stops a job for a reason of the sandbox.
func (a *API) disable(tx *engine.Tx, id string, why Reason) {
	j, _ := a.jobs.Get(tx, id)
	j.Enabled, j.Disabled = false, &why
	a.plan(tx, &j, tx.Now())
	j.touch(tx)
	j.UpdatedAt = tx.Now()
	a.jobs.Put(tx, id, j)
}
