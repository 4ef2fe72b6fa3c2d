package skystack

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// What a job and a run of a saved world must be like, so that no such world makes
// the API answer what its contract does not allow.

func (j Job) checkSaved(id string) error {
	var f resource.Violations
	f.Same(j.ID, id)
	f.ID("id", "job", j.ID)
	f.ID("project_id", "prj", j.ProjectID)
	f.Text("name", j.Name, 1, 63)
	f.Within("version", j.Version, 1, maxNumber)
	f.Within("missed", j.Missed, 0, maxNumber)
	f.Within("waiting", len(j.Waiting), 0, maxWaitingRuns)
	for member, at := range resource.InOrder(map[string]time.Time{"created_at": j.CreatedAt, "updated_at": j.UpdatedAt, "last_run_at": j.LastRunAt, "due": j.Due, "anchor": j.Anchor}) {
		f.Time(member, at)
	}
	if year := j.Anchor.UTC().Year(); j.Trigger.Every != "" && (year < 1970 || year > engine.LastYear) {
		f.Add("anchor", "is missing or in the year %d; a trigger with every needs the instant from which it counts, in a year from 1970 to %d", year, engine.LastYear)
	}
	if j.Concurrency != skipOverlap && j.Concurrency != queueOverlap {
		f.Add("concurrency", "%q is unknown", fail.Clip(j.Concurrency))
	}
	if j.Due.IsZero() != j.Tick.IsZero() {
		f.Add("due", "does not go with tick")
	}
	trigger := map[string]any{}
	for kind, value := range map[string]string{"cron": j.Trigger.Cron, "every": j.Trigger.Every, "at": j.Trigger.At, "event": j.Trigger.Event} {
		if value != "" {
			trigger[kind] = value
		}
	}
	for _, d := range checkTrigger(trigger, time.Time{}) {
		f.Add(d.Field, "%s", d.Message)
	}
	j.Condition.checkSaved(&f)
	j.Action.checkSaved(&f)
	return f.First()
}

func (c *Condition) checkSaved(f *resource.Violations) {
	if c == nil {
		return
	}
	for _, s := range c.StatusIn {
		if !slices.Contains(Statuses(), s) {
			f.Add("condition.status_in", "%q is unknown", fail.Clip(string(s)))
		}
	}
	f.Within("condition.labels", len(c.Labels), 0, maxMembers)
	for _, d := range checkLabels(anyOf(c.Labels)) {
		f.Add("condition."+d.Field, "%s", d.Message)
	}
	if d := checkDuration("condition.older_than", c.OlderThan, 0, longestAge); c.OlderThan != "" && d.Code != "" {
		f.Add(d.Field, "%s", d.Message)
	}
	m := c.Metric
	if m == nil {
		return
	}
	if !slices.ContainsFunc(metrics[:], func(known metric) bool { return known.name == m.Name }) {
		f.Add("condition.metric.name", "%q is unknown", fail.Clip(m.Name))
	}
	if !slices.Contains([]string{"<", "<=", ">", ">="}, m.Op) {
		f.Add("condition.metric.op", "%q is unknown", fail.Clip(m.Op))
	}
	if m.Value != m.Value || m.Value < -1e12 || m.Value > 1e12 {
		f.Add("condition.metric.value", "%v is out of range", m.Value)
	}
	if d := checkDuration("condition.metric.for", m.For, sampleStep, longestHeld); m.For != "" && d.Code != "" {
		f.Add(d.Field, "%s", d.Message)
	}
}

func (j *JobAction) checkSaved(f *resource.Violations) {
	if !slices.Contains([]ActionType{Stop, Start, Reboot, Rebuild, Resize, Update, Delete, Create}, j.Type) {
		f.Add("action.type", "%q is unknown", fail.Clip(string(j.Type)))
	}
	f.Slug("action.size", j.Size)
	f.Slug("action.image", j.Image)
	f.Within("action.max_targets", j.MaxTargets, 0, 10_000)
	if (j.Type == Create) != (j.Instance.Kind() == '{') {
		f.Add("action.instance", "does not go with the type %s", fail.Clip(string(j.Type)))
	}
	j.checkChanges(f)
	if j.Type == Create {
		var in createInstanceInput
		if err := json.Unmarshal(j.Instance, &in); err != nil {
			f.Add("action.instance", "cannot be read")
			return
		}
		i := in.instance("ins_1", "prj_1", standardSize, standardImage)
		i.Status, i.Version = Provisioning, 1
		if i.Autoscale != nil {
			i.Policy = "asp_1"
		}
		if err := i.check(); err != nil {
			f.Add("action.instance", "%v", err)
		}
	}
	if t := j.Target; t != nil {
		f.Within("action.target.instance_ids", len(t.InstanceIDs), 0, 200)
		if (len(t.InstanceIDs) > 0) == (len(t.Labels) > 0) {
			f.Add("action.target", "must have either instance_ids or labels")
		}
		f.Within("action.target.labels", len(t.Labels), 0, maxMembers)
		for _, d := range checkLabels(anyOf(t.Labels)) {
			f.Add("action.target."+d.Field, "%s", d.Message)
		}
	}
}

func (r Run) checkSaved(id string) error {
	var f resource.Violations
	f.Same(r.ID, id)
	if !slices.Contains([]RunStatus{RunQueued, RunGoing, RunSucceeded, RunFailed, RunSkipped, RunPartial}, r.Status) {
		f.Add("status", "%q is unknown", fail.Clip(string(r.Status)))
	}
	if !slices.Contains([]string{bySchedule, byHand, byEvent}, r.Trigger) {
		f.Add("trigger", "%q is unknown", fail.Clip(r.Trigger))
	}
	if ended := r.Status != RunQueued && r.Status != RunGoing; ended == r.FinishedAt.IsZero() {
		f.Add("finished_at", "does not go with the status %s", r.Status)
	}
	if r.ScheduledFor.IsZero() || !strings.HasPrefix(r.ID, "run_") {
		f.Add("scheduled_for", "is missing")
	}
	for member, at := range resource.InOrder(map[string]time.Time{"scheduled_for": r.ScheduledFor, "started_at": r.StartedAt, "finished_at": r.FinishedAt}) {
		f.Time(member, at)
	}
	for member, n := range resource.InOrder(map[string]int{"missed": r.Missed, "going": r.Going, "good": r.Good, "bad": r.Bad}) {
		f.Within(member, n, 0, maxNumber)
	}
	f.Within("depth", r.Depth, 0, maxDepth+1)
	for _, result := range r.Results {
		if !slices.Contains([]string{string(InProgress), string(Completed), string(Failed), string(Cancelled), outcomeUnchanged, outcomeRefused}, result.Outcome) {
			f.Add("results.outcome", "%q is unknown", fail.Clip(result.Outcome))
		}
	}
	return f.First()
}
