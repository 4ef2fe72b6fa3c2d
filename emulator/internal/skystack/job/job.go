package job

import (
	"cmp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Reason says why a job was disabled, a run did nothing or an action failed.
type Reason = sandbox.Reason

// reason returns a reason; slug is its code, which is not that of an error.
func reason(slug, message string) *Reason { return &Reason{Code: slug, Message: message} }

// Job acts on instances of a project whenever its trigger says so and where its
// condition holds (S12, S16).
type Job struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	ProjectID   string     `json:"project_id"`
	Enabled     bool       `json:"enabled"`
	Disabled    *Reason    `json:"disabled_reason"` // why the sandbox disabled it; nil if a client did
	Trigger     Trigger    `json:"trigger"`
	Condition   *Condition `json:"condition"`
	Action      Action     `json:"action"`
	Concurrency string     `json:"concurrency"`
	TokenID     string     `json:"token_id"` // whose scopes it acts with
	LastRunAt   time.Time  `json:"last_run_at"`
	// Due is the instant of the next tick, Tick its place in the agenda; they differ
	// when the tick is late, and Missed others are made up for with it. Both are
	// zero when no tick is coming.
	Due    time.Time    `json:"due"`
	Tick   engine.Timer `json:"tick"`
	Missed int          `json:"missed"`
	Moved  bool         `json:"moved"`  // the tick was moved by a reset, so it may be off the trigger's instants
	Anchor time.Time    `json:"anchor"` // where the trigger's every begins
	// Open is the run in progress, "" for none; Waiting are those that come after.
	Open    string   `json:"open"`
	Waiting []string `json:"waiting"`
	// Filed is how many runs there were; the last of them are kept.
	Filed     uint64    `json:"filed"`
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// The values of Job.Concurrency: what a job does when a run is due during another.
const (
	skipOverlap  = "skip"
	queueOverlap = "queue"
)

// MaxJobs bounds the jobs of a workspace, and KeptRuns the runs of a job that are kept.
const (
	MaxJobs  = 1000
	KeptRuns = 1000
)

// maxWaitingRuns bounds the runs of a job that wait, and maxDepth how many runs lead to
// one, each by the events of the one before.
const (
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

// Definition is what a client writes of a job.
type Definition struct {
	Name        string      `json:"name"`
	Enabled     *bool       `json:"enabled"` // nil is true
	Trigger     Trigger     `json:"trigger"`
	Condition   *Condition  `json:"condition"`
	Action      ActionInput `json:"action"`
	Concurrency string      `json:"concurrency"` // "" is skip
}

// ActionInput is an action with the three names of a size, of which all that are set
// are equal (S17).
type ActionInput struct {
	Action
	Profile     string `json:"profile"`
	MachineType string `json:"machine_type"`
}

// Define sets what the job does to a definition that was checked.
func (j *Job) Define(d Definition) {
	j.Name, j.Enabled = d.Name, d.Enabled == nil || *d.Enabled
	j.Trigger, j.Condition, j.Action, j.Concurrency = d.Trigger, d.Condition, d.Action.Action, cmp.Or(d.Concurrency, skipOverlap)
	if at, err := time.Parse(time.RFC3339, j.Trigger.At); err == nil {
		j.Trigger.At = at.UTC().Format(time.RFC3339Nano)
	}
	j.Action.Size = cmp.Or(d.Action.Size, d.Action.Profile, d.Action.MachineType)
	j.Action.tidy()
	if c := j.Condition; c != nil && len(c.StatusIn) == 0 && len(c.Labels) == 0 && c.OlderThan == "" && c.Metric == nil {
		j.Condition = nil
	}
}

// definition returns the definition as an object.
func (j Job) definition() jsontext.Value {
	v, _ := json.Marshal(struct { // its parts came from JSON
		Name        string     `json:"name"`
		Enabled     bool       `json:"enabled"`
		Trigger     Trigger    `json:"trigger"`
		Condition   *Condition `json:"condition"`
		Action      Action     `json:"action"`
		Concurrency string     `json:"concurrency"`
	}{j.Name, j.Enabled, j.Trigger, j.Condition, j.Action, j.Concurrency}, json.Deterministic(true))
	return v
}

// SameWork reports whether two jobs do the same, whatever their names and whether they
// are enabled.
func (j Job) SameWork(other Job) bool {
	j.Name, j.Enabled, other.Name, other.Enabled = "", false, "", false
	return string(j.definition()) == string(other.definition())
}
