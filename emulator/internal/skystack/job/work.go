package job

import (
	"fmt"
	"slices"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
)

// RunStep is the step of the agenda that begins a run which had to wait: for another
// run, or for the end of the transaction whose event triggers it. Its subject is the id
// of the run.
const RunStep = "job.run"

// admit begins a run, lets it wait or skips it: the runs of a job do not overlap. A run
// that is not filed yet is filed.
func (s *Store) admit(tx *engine.Tx, j Job, r Run) Run {
	switch {
	case j.Open == "":
		if r.ID == "" {
			r.Status = Queued
			r = s.file(tx, j.ID, r)
		}
		return s.execute(tx, r)
	case j.Concurrency == skipOverlap:
		return s.skip(tx, j, r, reason("overlap", "The run before, "+j.Open+", was still going."))
	case len(j.Waiting) >= maxWaitingRuns:
		return s.skip(tx, j, r, reason("queue_full", fmt.Sprintf("%d runs were waiting already.", maxWaitingRuns)))
	}
	r.Status = Queued
	if r.ID == "" {
		r = s.file(tx, j.ID, r)
	}
	j, _ = s.Jobs.Get(tx, j.ID)
	j.Waiting = append(slices.Clip(j.Waiting), r.ID)
	s.Jobs.Put(tx, j.ID, j)
	return r
}

// skip records a run that does not take place.
func (s *Store) skip(tx *engine.Tx, j Job, r Run, why *Reason) Run {
	r.Status, r.Reason, r.FinishedAt = Skipped, why, tx.Now()
	if r.ID == "" {
		return s.file(tx, j.ID, r)
	}
	s.putRun(tx, r)
	return r
}

// resume begins a run that had to wait. Of a job that was disabled meanwhile only the
// runs that clients asked for begin.
func (s *Store) resume(tx *engine.Tx, id string) {
	r, ok := s.Runs.Get(tx, id)
	j, there := s.Jobs.Get(tx, r.JobID)
	disabled := reason("disabled", "The job was disabled before the run could begin.")
	switch {
	case !ok:
	case !there || s.forgotten(tx, r):
		s.Runs.Delete(tx, id)
	case r.Status != Queued:
	case j.Open == r.ID && !j.Enabled && r.Trigger != ByHand:
		r.Reason = disabled
		s.finish(tx, r, Skipped)
	case j.Open == r.ID: // its turn has come
		s.execute(tx, r)
	case !j.Enabled:
		s.skip(tx, j, r, disabled)
	default:
		s.admit(tx, j, r)
	}
}

// execute begins a run: it finds the targets and acts on them. The run ends at once
// unless actions have begun.
func (s *Store) execute(tx *engine.Tx, r Run) Run {
	j, _ := s.Jobs.Get(tx, r.JobID)
	r.Status, r.StartedAt = Running, tx.Now()
	j.Open, j.LastRunAt = r.ID, tx.Now()
	j.Version++
	s.Jobs.Put(tx, j.ID, j)
	s.putRun(tx, r)
	if gone := s.tokenGone(tx, j.TokenID); gone != nil {
		s.disable(tx, j.ID, gone)
		r.Reason = gone
		return s.finish(tx, r, Failed)
	}
	if err := tx.CheckBudget(s.config.Growth); err != nil {
		r.Reason = reason("budget_exceeded", "The workspace takes as much memory as its budget allows; delete objects or snapshots.")
		return s.finish(tx, r, Failed)
	}
	f, status := s.forecast(tx, &j, &r)
	if f.Reason != nil {
		r.Reason = f.Reason
		return s.finish(tx, r, status)
	}
	if r.Depth > 0 && !s.mayChain(tx, s.effort(tx, &j, len(f.Results))) {
		r.Reason = reason(chainTooLong, noMoreChained())
		return s.finish(tx, r, Skipped)
	}
	defer tx.ActAs(r.ID)()
	for _, result := range f.Results {
		if result.Outcome == Begin {
			result = s.config.Instances.Act(tx, &j, &r, result.InstanceID)
		}
		r.count(result)
		r.Results = append(r.Results, result)
	}
	if r.Going > 0 {
		s.putRun(tx, r)
		return r
	}
	return s.finish(tx, r, r.outcome())
}

// count adds a result to the run's counts.
func (r *Run) count(result Result) {
	switch result.Outcome {
	case InProgress:
		r.Going++
	case Done, Unchanged:
		r.Good++
	default:
		r.Bad++
	}
}

// outcome returns the status of a run whose actions have ended.
func (r *Run) outcome() Status {
	switch {
	case r.Bad == 0:
		return Succeeded
	case r.Good == 0:
		return Failed
	}
	return Partial
}

// finish ends a run, and begins the next one that waits.
func (s *Store) finish(tx *engine.Tx, r Run, status Status) Run {
	r.Status, r.FinishedAt = status, tx.Now()
	r.Results = s.Results(tx, &r) // it may be kept longer than its actions
	s.putRun(tx, r)
	j, ok := s.Jobs.Get(tx, r.JobID)
	if !ok {
		return r
	}
	if j.Open == r.ID {
		j.Open = ""
		if len(j.Waiting) > 0 {
			j.Open, j.Waiting = j.Waiting[0], slices.Clone(j.Waiting[1:])
			tx.After(0, RunStep, j.Open)
		}
		s.Jobs.Put(tx, j.ID, j)
	}
	if status == Skipped {
		return r
	}
	defer tx.ActAs(r.ID)()
	s.config.Ended(tx, &j, &r)
	return r
}

// ActionEnded records that an action of a run has ended; the run ends with its last.
func (s *Store) ActionEnded(tx *engine.Tx, run string, completed bool) {
	r, ok := s.Runs.Get(tx, run)
	if !ok || r.Status != Running || r.Going == 0 {
		return
	}
	r.Going--
	if completed {
		r.Good++
	} else {
		r.Bad++
	}
	if r.Going > 0 {
		s.putRun(tx, r)
		return
	}
	s.finish(tx, r, r.outcome())
}

// Forecast is what a run would do now. The outcome of a result is Begin if the run would
// act on the instance.
type Forecast struct {
	Reason  *Reason // why it does nothing at all; nil when it acts
	Results []Result
}

// forecast finds what a run would do, and changes nothing. Status is that of the run if
// there is a reason to do nothing.
func (s *Store) forecast(tx *engine.Tx, j *Job, r *Run) (f Forecast, status Status) {
	none := func(status Status, slug, message string) (Forecast, Status) {
		return Forecast{Reason: reason(slug, message)}, status
	}
	t, _ := s.config.Key(tx, j.TokenID)
	if needed := j.Action.Type.Scope(); !credential.Grants(t.Scopes, needed) {
		return none(Failed, "insufficient_scope", "The token the job acts with lacks the scope "+needed+".")
	}
	if t.ProjectID != "" && t.ProjectID != j.ProjectID {
		return none(Failed, "project_forbidden", "The token the job acts with is bound to another project.")
	}
	world := s.config.Instances
	if j.Action.Type == Create {
		result := Result{Outcome: Begin}
		if refusal := world.Unavailable(tx, &j.Action); refusal != nil {
			result.Outcome, result.Error = Refused, refusal
		}
		return Forecast{Results: []Result{result}}, ""
	}
	there, missing := s.chosen(tx, j, r.InstanceID)
	there = slices.DeleteFunc(there, func(i Instance) bool { return !s.meets(tx, &i, j.Condition) })
	if j.Condition != nil { // an instance that does not exist meets none
		missing = nil
	}
	switch most := j.Action.MaxTargets; {
	case j.Action.Target == nil && r.InstanceID == "":
		return none(Skipped, "no_targets", "The job acts on the instance that an event is about, and no event triggered this run.")
	case len(there)+len(missing) == 0:
		return none(Skipped, "no_targets", "No instance of the target is there, or none meets the condition.")
	case most > 0 && len(there) > most:
		return none(Failed, "too_many_targets", fmt.Sprintf("The run would act on %d instances, and max_targets is %d; nothing was done.", len(there), most))
	}
	for _, id := range missing {
		f.Results = append(f.Results, Result{InstanceID: id, Outcome: Refused, Error: world.Missing(id)})
	}
	refusal := world.Unavailable(tx, &j.Action)
	for _, i := range there {
		result := Result{InstanceID: i.ID, Outcome: Refused, Error: refusal}
		if refusal == nil {
			result.Outcome, result.Error = world.Forecast(tx, i.ID, &j.Action)
		}
		f.Results = append(f.Results, result)
	}
	return f, ""
}

// disable disables a job for a reason of the sandbox.
func (s *Store) disable(tx *engine.Tx, id string, why *Reason) {
	j, _ := s.Jobs.Get(tx, id)
	j.Enabled, j.Disabled = false, why
	s.plan(tx, &j, tx.Now())
	j.Version++
	j.UpdatedAt = tx.Now()
	s.Jobs.Put(tx, id, j)
}
