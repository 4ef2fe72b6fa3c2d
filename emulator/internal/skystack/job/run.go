package job

import (
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Run is one execution of a job, or one that was skipped.
type Run struct {
	ID           string    `json:"id"`
	JobID        string    `json:"job_id"`
	ScheduledFor time.Time `json:"scheduled_for"`
	StartedAt    time.Time `json:"started_at"`  // zero if it did not begin
	FinishedAt   time.Time `json:"finished_at"` // zero until it ends
	Trigger      string    `json:"trigger"`
	Status       Status    `json:"status"`
	Reason       *Reason   `json:"reason"`
	// Missed is how many other ticks the run stands for.
	Missed     int    `json:"missed"`
	RequestID  string `json:"request_id"`  // of a manual run
	EventID    string `json:"event_id"`    // of a run that an event triggered
	InstanceID string `json:"instance_id"` // the one that the event is about
	// Depth is how many runs led to this one, each by the events of the one before.
	Depth   int      `json:"depth"`
	Results []Result `json:"results"`
	// Going, Good and Bad count the results: actions in progress, successes and failures.
	Going int    `json:"going"`
	Good  int    `json:"good"`
	Bad   int    `json:"bad"`
	Slot  string `json:"slot"` // the slot where it is filed
}

// Status says how far a run is.
type Status string

// The statuses of a run. A run that is neither queued nor running has ended.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Skipped   Status = "skipped"
	Partial   Status = "partial"
)

// The values of Run.Trigger.
const (
	BySchedule = "schedule"
	ByHand     = "manual"
	ByEvent    = "event"
)

// Result is what a run did to one instance. If it began an action, the outcome is that
// of the action as long as the action is kept.
type Result struct {
	InstanceID string  `json:"instance_id"`
	ActionID   string  `json:"action_id"`
	Outcome    string  `json:"outcome"`
	Error      *Reason `json:"error"`
}

// The outcomes of results. Those of actions can also be failed and cancelled.
const (
	InProgress = "in_progress"
	Done       = "completed"
	Unchanged  = "unchanged" // nothing had to be done
	Refused    = "refused"
	Begin      = "begin" // in a forecast: the run would act
)

// slot names the run that is filed in a slot. Each job has so many slots that the
// newest run takes the place of the oldest that is kept.
type slot struct {
	Run string `json:"run"`
}

func slotID(job string, n uint64) string { return job + "/" + strconv.FormatUint(n%KeptRuns, 10) }

// file gives a run its id and its slot, which the oldest run leaves. That one is removed
// unless it is still in progress.
func (s *Store) file(tx *engine.Tx, job string, r Run) Run {
	j, _ := s.Jobs.Get(tx, job)
	r.ID, r.JobID, r.Slot = s.Runs.NewID(tx, "run"), job, slotID(job, j.Filed)
	j.Filed++
	s.Jobs.Put(tx, job, j)
	old, _ := s.slots.Get(tx, r.Slot)
	if oldest, ok := s.Runs.Get(tx, old.Run); ok && !oldest.FinishedAt.IsZero() {
		s.Runs.Delete(tx, old.Run)
	}
	s.slots.Put(tx, r.Slot, slot{r.ID})
	s.Runs.Put(tx, r.ID, r)
	return r
}

// putRun stores a run. One that has ended and lost its slot meanwhile is removed after
// all that it does at this instant: what follows from it has to know its cause.
func (s *Store) putRun(tx *engine.Tx, r Run) {
	s.Runs.Put(tx, r.ID, r)
	if s.forgotten(tx, r) {
		tx.After(0, RunStep, r.ID)
	}
}

// forgotten reports whether a run has ended and lost its slot.
func (s *Store) forgotten(tx *engine.Tx, r Run) bool {
	held, _ := s.slots.Get(tx, r.Slot)
	return held.Run != r.ID && !r.FinishedAt.IsZero()
}

// Results returns the results of a run with the present outcomes of its actions.
func (s *Store) Results(tx *engine.Tx, r *Run) []Result {
	out := slices.Clone(r.Results) // the row keeps its own
	for n := range out {
		if outcome, why, ok := s.config.Instances.Outcome(tx, out[n].ActionID); ok {
			out[n].Outcome, out[n].Error = outcome, why
		}
	}
	return out
}

// Filed lists the ids of the runs of a job that are kept, oldest first.
func (s *Store) Filed(tx *engine.Tx, j *Job) (ids []string) {
	for n := j.Filed - min(j.Filed, KeptRuns); n < j.Filed; n++ {
		row, _ := s.slots.Get(tx, slotID(j.ID, n))
		ids = append(ids, row.Run)
	}
	return ids
}
