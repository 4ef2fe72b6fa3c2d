package job

import (
	"iter"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// rig is a world with jobs and one instance, ins_1, that accepts every action. It
// implements Instances.
type rig struct {
	testing.TB
	world *engine.World
	store *Store

	takes   time.Duration // how long an action takes; 0 completes at once
	metric  func(at time.Time) float64
	revoked bool  // the key of the jobs
	acted   int   // how many actions began or were done
	ended   []Run // that Ended got
}

const endStep = "action.end"

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t}
	schema := engine.NewSchema()
	r.store = New(schema, Config{
		Instances: r, Statuses: []string{"running", "stopped"}, Metrics: []Metric{{Name: "cpu", Percent: true}},
		EventTypes: []string{"instance.running", "job.run.failed"}, InstanceMember: func(eventType string) string {
			if eventType == "instance.running" {
				return "id"
			}
			return ""
		},
		Possible: func(ActionType, bool, string) bool { return true }, MaxMembers: 2,
		CheckLabels:  func(iter.Seq[string]) []fail.Detail { return nil },
		CheckCatalog: func(_ *engine.Tx, a *ActionInput) []fail.Detail { return checkSize(a.Size) },
		CheckCreate: func(_ *httpapi.Call, template jsontext.Value, body httpapi.Body) []fail.Detail {
			var in ActionInput
			body.Decode("action.instance", template, &in)
			return checkSize(in.Size)
		},
		Key: func(*engine.Tx, string) (credential.Key, bool) {
			return credential.Key{Scopes: []string{"instances:write"}}, !r.revoked
		},
		Ended: func(_ *engine.Tx, _ *Job, run *Run) { r.ended = append(r.ended, *run) },
	})
	schema.AddStep(endStep, func(tx *engine.Tx, run string) { r.store.ActionEnded(tx, run, true) })
	var err error
	r.world, err = engine.NewWorld(schema, engine.Config{ID: "w", Seed: 1, Clock: engine.Clock{Mode: engine.Frozen, Now: at("2026-03-19T10:30:00Z")}, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.world.Close)
	return r
}

// checkSize refuses the size none.
func checkSize(size string) []fail.Detail {
	if size != "none" {
		return nil
	}
	return []fail.Detail{{Field: "size", Code: "unknown_value"}}
}

// read reads a definition as that of a request with violations is read.
func read(text string) (d Definition, body httpapi.Body) {
	body, _ = httpapi.DecodeBody([]byte(text), &d)
	return d, body
}

// do runs f in a transaction.
func (r *rig) do(f func(tx *engine.Tx)) {
	r.Helper()
	if err := r.world.Do(func(tx *engine.Tx) error { f(tx); return nil }); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) now() (now time.Time) {
	r.do(func(tx *engine.Tx) { now = tx.Now() })
	return now
}

func (r *rig) advance(d time.Duration) {
	r.Helper()
	if err := r.world.Advance(d); err != nil {
		r.Fatal(err)
	}
}

// add adds an enabled job that stops ins_1.
func (r *rig) add(t Trigger, concurrency string) (id string) {
	r.do(func(tx *engine.Tx) {
		j := Job{ProjectID: "prj_1", TokenID: "tok_1"}
		j.Define(Definition{Name: "j", Trigger: t, Concurrency: concurrency, Action: ActionInput{Action: Action{Type: Stop, Target: &Target{InstanceIDs: []string{"ins_1"}}}}})
		id = r.store.Add(tx, j).ID
	})
	return id
}

func (r *rig) job(id string) (j Job) {
	r.do(func(tx *engine.Tx) { j, _ = r.store.Jobs.Get(tx, id) })
	return j
}

// runs lists the runs of a job that are kept, oldest first.
func (r *rig) runs(id string) (all []Run) {
	r.do(func(tx *engine.Tx) {
		j, _ := r.store.Jobs.Get(tx, id)
		for _, run := range r.store.Filed(tx, &j) {
			row, _ := r.store.Runs.Get(tx, run)
			all = append(all, row)
		}
	})
	return all
}

func (r *rig) meets(i Instance, c *Condition) (yes bool) {
	r.do(func(tx *engine.Tx) { yes = r.store.meets(tx, &i, c) })
	return yes
}

func (r *rig) Find(_ *engine.Tx, id string) (Instance, bool) {
	return Instance{ID: id, ProjectID: "prj_1", Status: "running"}, id == "ins_1"
}

func (r *rig) All(tx *engine.Tx) iter.Seq[Instance] {
	return func(yield func(Instance) bool) {
		i, _ := r.Find(tx, "ins_1")
		yield(i)
	}
}

func (r *rig) Len(*engine.Tx) int { return 1 }

func (r *rig) WithLabels(labels map[string]string) func(*Instance) bool {
	return func(*Instance) bool { return len(labels) == 0 }
}

func (r *rig) Metric(*engine.Tx, string, string) func(time.Time) float64 { return r.metric }
func (r *rig) Missing(id string) *Reason                                 { return reason("instance_not_found", id) }
func (r *rig) Unavailable(*engine.Tx, *Action) *Reason                   { return nil }
func (r *rig) Forecast(*engine.Tx, string, *Action) (string, *Reason)    { return Begin, nil }

func (r *rig) Act(tx *engine.Tx, _ *Job, run *Run, id string) Result {
	r.acted++
	if r.takes == 0 {
		return Result{InstanceID: id, Outcome: Done}
	}
	tx.After(r.takes, endStep, run.ID)
	return Result{InstanceID: id, ActionID: "act_" + strconv.Itoa(r.acted), Outcome: InProgress}
}

func (r *rig) Outcome(*engine.Tx, string) (string, *Reason, bool) { return "", nil, false }
