// Package job runs the scheduled jobs of the SkyStack API (S12, S16): triggers,
// conditions, the schedule and the runs. What the jobs act on is behind an interface.
package job

import (
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Instance is an instance as jobs see it.
type Instance struct {
	ID        string
	ProjectID string
	Status    string
	CreatedAt time.Time
	Since     time.Time // when the status became Status
	Labels    jsontext.Value
}

// Instances is what jobs act on. All methods are called in transactions; those that take
// an id get one that exists unless they say otherwise.
type Instances interface {
	// Find returns an instance; false if there is none with the id.
	Find(tx *engine.Tx, id string) (Instance, bool)
	// All iterates over the instances of the workspace, oldest first.
	All(tx *engine.Tx) iter.Seq[Instance]
	// Len returns how many instances the workspace has.
	Len(tx *engine.Tx) int
	// WithLabels returns a filter that accepts the instances that have all the labels.
	WithLabels(labels map[string]string) func(i *Instance) bool
	// Metric returns the values of one of Config.Metrics over time.
	Metric(tx *engine.Tx, id, name string) func(at time.Time) float64
	// Missing returns the reason for which an action on an instance that does not exist
	// is refused.
	Missing(id string) *Reason
	// Unavailable returns the reason for which the action is refused whatever its
	// target; nil if it is not. For Create it checks the template.
	Unavailable(tx *engine.Tx, a *Action) *Reason
	// Forecast returns Begin, Unchanged or Refused for an action on an instance, and for
	// Refused why. It changes nothing, and is not called for Create.
	Forecast(tx *engine.Tx, id string, a *Action) (outcome string, why *Reason)
	// Act performs the action of a job on an instance for which Forecast returned Begin.
	// The instance may have changed or gone meanwhile with another one of the run. For
	// Create the id is "".
	Act(tx *engine.Tx, j *Job, r *Run, id string) Result
	// Outcome returns how far an action is, and why it failed; false if it is no longer
	// kept. The id may be "".
	Outcome(tx *engine.Tx, action string) (outcome string, why *Reason, ok bool)
}

// Metric is a metric that conditions can name.
type Metric struct {
	Name    string
	Percent bool // its values are at most 100
}

// Config connects jobs to the API. All functions are required.
type Config struct {
	Instances Instances
	// EventTypes lists the types of events that can trigger jobs.
	EventTypes []string
	// InstanceMember returns the member that names the instance in the object of an
	// event; "" if the type of event is not about an instance.
	InstanceMember func(eventType string) string
	// Statuses lists the statuses of an instance, and Metrics the metrics.
	Statuses []string
	Metrics  []Metric
	// Possible reports whether an action can do something to an instance in a status, or
	// finds there what it would do. It is true for an unknown action.
	Possible func(t ActionType, force bool, status string) bool
	// Key returns a key; false if there is none with the id.
	Key func(tx *engine.Tx, id string) (credential.Key, bool)
	// Growth is how many bytes of the budget of the workspace a run is assumed to need.
	Growth int64
	// Ended is called when a run has succeeded, partly or not, or failed. Events that it
	// emits are those of the run.
	Ended func(tx *engine.Tx, j *Job, r *Run)

	// MaxMembers bounds labels, and MaxNumber the numbers of a row.
	MaxMembers, MaxNumber int
	// CheckLabels finds labels that no instance can have.
	CheckLabels func(keys iter.Seq[string]) []fail.Detail
	// CheckCatalog finds sizes and images that do not exist in an action.
	CheckCatalog func(tx *engine.Tx, a *ActionInput) []fail.Detail
	// CheckCreate finds what is wrong with the template of a create, beyond the contract.
	// The template is the member action.instance of the body.
	CheckCreate func(c *httpapi.Call, template jsontext.Value, body httpapi.Body) []fail.Detail
	// CheckTemplate refuses the template of a saved job.
	CheckTemplate func(template jsontext.Value) error
	// CheckChanges adds what is wrong with the changes of a saved job, whose names are
	// Changeable.
	CheckChanges func(changes jsontext.Value, f *resource.Violations)
}

// Store holds the jobs of all worlds of a schema, and runs them.
type Store struct {
	// Jobs and Runs are for reading; the methods change them.
	Jobs *engine.Table[Job]
	Runs *engine.Table[Run]

	config    Config
	slots     *engine.Table[slot]
	listeners *engine.Table[listeners]
}

// New adds the tables and steps of jobs to a schema.
func New(schema *engine.Schema, c Config) *Store {
	s := &Store{config: c}
	s.Jobs = engine.AddTable(schema, engine.Kind[Job]{Name: "jobs", Check: s.checkSaved, Rescheduled: Job.rescheduled})
	s.Runs = engine.AddTable(schema, engine.Kind[Run]{Name: "runs", Check: s.checkSavedRun})
	s.slots = engine.AddTable(schema, engine.Kind[slot]{Name: "run_slots"})
	s.listeners = engine.AddTable(schema, engine.Kind[listeners]{Name: "listeners"})
	schema.AddStep(TickStep, s.ticks)
	schema.AddStep(RunStep, s.resume)
	return s
}

// Add adds a job, gives it its id and books its first tick.
func (s *Store) Add(tx *engine.Tx, j Job) Job {
	j.ID, j.Version, j.CreatedAt, j.UpdatedAt, j.Anchor = s.Jobs.NewID(tx, "job"), 1, tx.Now(), tx.Now(), tx.Now()
	s.plan(tx, &j, tx.Now())
	s.Jobs.Put(tx, j.ID, j)
	s.listen(tx, j.ID, j.Trigger.Event != "")
	return j
}

// Replace stores a changed definition of a job. One that is enabled again after the
// sandbox disabled it acts with the token from then on.
func (s *Store) Replace(tx *engine.Tx, j, changed Job, token string) Job {
	if changed.Enabled && !j.Enabled && j.Disabled != nil {
		changed.TokenID = token
	}
	if changed.Enabled || !j.Enabled && j.Disabled == nil {
		changed.Disabled = nil
	}
	if changed.Trigger != j.Trigger || changed.Enabled != j.Enabled {
		if changed.Trigger != j.Trigger {
			changed.Anchor = tx.Now()
		}
		s.plan(tx, &changed, tx.Now())
		s.listen(tx, j.ID, changed.Trigger.Event != "")
	}
	changed.Version++
	changed.UpdatedAt = tx.Now()
	s.Jobs.Put(tx, j.ID, changed)
	return changed
}

// Remove removes a job with its runs; the actions that it has begun go on.
func (s *Store) Remove(tx *engine.Tx, j Job) {
	tx.Cancel(j.Tick)
	s.listen(tx, j.ID, false)
	for n := range min(j.Filed, KeptRuns) {
		key := slotID(j.ID, n)
		row, _ := s.slots.Get(tx, key)
		s.Runs.Delete(tx, row.Run)
		s.slots.Delete(tx, key)
	}
	for _, id := range append(slices.Clip(j.Waiting), j.Open) {
		s.Runs.Delete(tx, id)
	}
	s.Jobs.Delete(tx, j.ID)
}

// RunNow starts a run that a client asked for; it may have to wait, or be skipped.
func (s *Store) RunNow(tx *engine.Tx, j Job, requestID string) Run {
	s.beginChain(tx)
	return s.admit(tx, j, Run{Trigger: ByHand, ScheduledFor: tx.Now(), RequestID: requestID})
}

// DryRun returns what a run that a client asked for would do now, and changes nothing.
func (s *Store) DryRun(tx *engine.Tx, j Job) Forecast {
	if why := s.tokenGone(tx, j.TokenID); why != nil {
		return Forecast{Reason: why}
	}
	f, _ := s.forecast(tx, &j, &Run{ScheduledFor: tx.Now()})
	return f
}

// tokenGone returns why a job can no longer act with a token; nil if it can.
func (s *Store) tokenGone(tx *engine.Tx, id string) *Reason {
	t, ok := s.config.Key(tx, id)
	if !ok {
		return reason("token_revoked", "The token the job acts with does not exist any more.")
	}
	switch t.Status(tx.Now()) {
	case credential.Revoked:
		return reason("token_revoked", "The token the job acts with was revoked at "+resource.Stamp(t.RevokedAt)+".")
	case credential.Expired:
		return reason("token_expired", "The token the job acts with expired at "+resource.Stamp(t.ExpiresAt)+".")
	}
	return nil
}

// knownPattern reports whether a pattern covers any type of event.
func (s *Store) knownPattern(pattern string) bool { return event.Known(pattern, s.config.EventTypes) }
