package job

import (
	"maps"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Rows of a saved world are checked, so that no such world makes the API send a response
// that its contract does not allow.

func (s *Store) checkSaved(j Job, id string) error {
	var f resource.Violations
	f.Same(j.ID, id)
	f.ID("id", "job", j.ID)
	f.ID("project_id", "prj", j.ProjectID)
	f.Text("name", j.Name, 1, 63)
	f.Within("version", j.Version, 1, s.config.MaxNumber)
	f.Within("missed", j.Missed, 0, s.config.MaxNumber)
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
	for _, d := range s.checkTrigger(&j.Trigger, httpapi.Body{}, time.Time{}) {
		f.Add(d.Field, "%s", d.Message)
	}
	s.checkSavedCondition(j.Condition, &f)
	s.checkSavedAction(&j.Action, &f)
	return f.First()
}

func (s *Store) checkSavedCondition(c *Condition, f *resource.Violations) {
	if c == nil {
		return
	}
	for _, status := range c.StatusIn {
		if !slices.Contains(s.config.Statuses, status) {
			f.Add("condition.status_in", "%q is unknown", fail.Clip(status))
		}
	}
	s.checkSavedLabels("condition", c.Labels, f)
	if d := checkDuration("condition.older_than", c.OlderThan, 0, longestAge); c.OlderThan != "" && d.Code != "" {
		f.Add(d.Field, "%s", d.Message)
	}
	m := c.Metric
	if m == nil {
		return
	}
	if _, known := s.metric(m.Name); !known {
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

func (s *Store) checkSavedAction(j *Action, f *resource.Violations) {
	if !slices.Contains(actionTypes(), j.Type) {
		f.Add("action.type", "%q is unknown", fail.Clip(string(j.Type)))
	}
	f.Slug("action.size", j.Size)
	f.Slug("action.image", j.Image)
	f.Within("action.max_targets", j.MaxTargets, 0, 10_000)
	if (j.Type == Create) != (j.Instance.Kind() == '{') {
		f.Add("action.instance", "does not go with the type %s", fail.Clip(string(j.Type)))
	}
	s.checkSavedChanges(j, f)
	if j.Type == Create {
		if err := s.config.CheckTemplate(j.Instance); err != nil {
			f.Add("action.instance", "%v", err)
		}
	}
	if t := j.Target; t != nil {
		f.Within("action.target.instance_ids", len(t.InstanceIDs), 0, 200)
		if (len(t.InstanceIDs) > 0) == (len(t.Labels) > 0) {
			f.Add("action.target", "must have either instance_ids or labels")
		}
		s.checkSavedLabels("action.target", t.Labels, f)
	}
}

// checkSavedLabels checks the labels of a part of a job.
func (s *Store) checkSavedLabels(part string, labels map[string]string, f *resource.Violations) {
	f.Within(part+".labels", len(labels), 0, s.config.MaxMembers)
	for _, d := range s.config.CheckLabels(maps.Keys(labels)) {
		f.Add(part+"."+d.Field, "%s", d.Message)
	}
}

// checkSavedChanges checks what an action changes.
func (s *Store) checkSavedChanges(j *Action, f *resource.Violations) {
	if (j.Type == Update) != (j.Changes.Kind() == '{') {
		f.Add("action.changes", "does not go with the type %s", fail.Clip(string(j.Type)))
	}
	if j.Type != Update {
		return
	}
	for name := range resource.InOrder(resource.MembersOf(j.Changes)) {
		if !slices.Contains(Changeable(), name) {
			f.Add("action.changes."+fail.Clip(name), "is none of %s", strings.Join(Changeable(), ", "))
		}
	}
	s.config.CheckChanges(j.Changes, f)
}

func (s *Store) checkSavedRun(r Run, id string) error {
	var f resource.Violations
	f.Same(r.ID, id)
	if !slices.Contains([]Status{Queued, Running, Succeeded, Failed, Skipped, Partial}, r.Status) {
		f.Add("status", "%q is unknown", fail.Clip(string(r.Status)))
	}
	if !slices.Contains([]string{BySchedule, ByHand, ByEvent}, r.Trigger) {
		f.Add("trigger", "%q is unknown", fail.Clip(r.Trigger))
	}
	if ended := r.Status != Queued && r.Status != Running; ended == r.FinishedAt.IsZero() {
		f.Add("finished_at", "does not go with the status %s", r.Status)
	}
	if r.ScheduledFor.IsZero() || !strings.HasPrefix(r.ID, "run_") {
		f.Add("scheduled_for", "is missing")
	}
	for member, at := range resource.InOrder(map[string]time.Time{"scheduled_for": r.ScheduledFor, "started_at": r.StartedAt, "finished_at": r.FinishedAt}) {
		f.Time(member, at)
	}
	for member, n := range resource.InOrder(map[string]int{"missed": r.Missed, "going": r.Going, "good": r.Good, "bad": r.Bad}) {
		f.Within(member, n, 0, s.config.MaxNumber)
	}
	f.Within("depth", r.Depth, 0, maxDepth+1)
	for _, result := range r.Results {
		if !slices.Contains([]string{InProgress, Done, "failed", "cancelled", Unchanged, Refused}, result.Outcome) {
			f.Add("results.outcome", "%q is unknown", fail.Clip(result.Outcome))
		}
	}
	return f.First()
}
