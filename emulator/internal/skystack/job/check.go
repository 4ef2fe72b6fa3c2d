package job

import (
	"maps"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// CheckDefinition finds violations of a definition that the contract cannot express:
// triggers that never come, conditions that never hold, actions that lack what they
// need. body tells which members were sent. An at of the trigger must lie after now,
// unless now is the zero time.
func (s *Store) CheckDefinition(c *httpapi.Call, d Definition, body httpapi.Body, now time.Time) (details []fail.Detail) {
	if body.Read("trigger") {
		details = append(details, s.checkTrigger(&d.Trigger, body, now)...)
	}
	if d.Condition != nil {
		details = append(details, s.checkCondition(d.Condition, &d.Action, body)...)
	}
	if body.Read("action") {
		details = append(details, s.checkAction(c, &d, body)...)
	}
	return details
}

// checkAction finds violations of the action of a definition that the contract cannot
// express.
func (s *Store) checkAction(c *httpapi.Call, d *Definition, body httpapi.Body) (details []fail.Detail) {
	in := func(d []fail.Detail, where string) {
		for _, violation := range d {
			violation.Field = where + violation.Field
			details = append(details, violation)
		}
	}
	act := &d.Action
	in(s.config.CheckCatalog(c.Tx, act), "action.")
	if act.Type == Create {
		if act.Target != nil {
			in(violationIn("target", "conflicting_parameters", "create has no target: what it creates is in instance."), "action.")
		}
		if d.Condition != nil {
			in(violationIn("condition", "conflicting_parameters", "A condition is about the instances a job acts on, and create acts on none."), "")
		}
		if act.Instance.Kind() != '{' {
			in(violationIn("instance", "required", "create needs instance, the body of a POST /v1/instances."), "action.")
			return details
		}
		in(s.config.CheckCreate(c, act.Instance, body), "action.instance.")
		return details
	}
	if act.Type == Update {
		changes := resource.MembersOf(act.Changes)
		if !slices.ContainsFunc(Changeable(), func(name string) bool { _, ok := changes[name]; return ok }) {
			in(violationIn("changes", "required", "update needs changes, with at least one of "+strings.Join(Changeable(), ", ")+"."), "action.")
		}
		in(s.config.CheckLabels(resource.Names(changes["labels"])), "action.changes.")
	}
	if act.Type == Resize {
		n, conflicts := CheckSizes(body.In("action"), act.Size, act.Profile, act.MachineType)
		if n == 0 {
			in(violationIn("size", "required", "A resize needs one of size, profile and machine_type."), "action.")
		}
		in(conflicts, "action.")
	}
	if act.Target == nil {
		switch event := d.Trigger.Event; {
		case event == "" || !s.aboutInstances(event):
			in(violationIn("target", "required", "An action needs a target: instance_ids or labels. Only a job that an event about an instance triggers may leave it out, to act on that one."), "action.")
		case event == "instance.deleted":
			in(violationIn("target", "required", "The instance that instance.deleted is about is gone, so an action needs a target: instance_ids or labels."), "action.")
		}
		return details
	}
	ids, labels := act.Target.InstanceIDs, act.Target.Labels
	switch {
	case ids != nil && labels != nil:
		in(violationIn("target", "conflicting_parameters", "A target is either instance_ids or labels."), "action.")
	case ids != nil && len(ids) == 0, labels != nil && len(labels) == 0, !body.Sent("action.target.instance_ids", "action.target.labels"):
		in(violationIn("target", "required", "A target names at least one id in instance_ids, or at least one label in labels."), "action.")
	}
	in(s.config.CheckLabels(maps.Keys(labels)), "action.target.")
	return details
}

// CheckSizes counts the different sizes that an object names by the three names of a
// size, and finds that they conflict. body is the object.
func CheckSizes(body httpapi.Body, size, profile, machineType string) (n int, conflicts []fail.Detail) {
	var seen []string
	for _, m := range [...]struct{ name, slug string }{{"size", size}, {"profile", profile}, {"machine_type", machineType}} {
		if (m.slug != "" || body.Read(m.name)) && !slices.Contains(seen, m.slug) {
			seen = append(seen, m.slug)
		}
	}
	if len(seen) > 1 {
		conflicts = violationIn("size", "conflicting_parameters", "Size, profile and machine_type are one thing by three names; send one, or the same value.")
	}
	return len(seen), conflicts
}

// aboutInstances reports whether every event of a pattern is about an instance.
func (s *Store) aboutInstances(pattern string) bool {
	for _, t := range s.config.EventTypes {
		if event.Selects(pattern, t) && s.config.InstanceMember(t) == "" {
			return false
		}
	}
	return true
}
