package job

import (
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// CheckDefinition finds violations of a definition that the contract cannot express:
// triggers that never come, conditions that never hold, actions that lack what they
// need. An at of the trigger must lie after now, unless now is the zero time.
func (s *Store) CheckDefinition(c *httpapi.Call, b map[string]any, now time.Time) (details []fail.Detail) {
	trigger, _ := b["trigger"].(map[string]any)
	condition, conditional := b["condition"].(map[string]any)
	action, _ := b["action"].(map[string]any)
	if trigger != nil {
		details = append(details, s.checkTrigger(trigger, now)...)
	}
	if conditional {
		details = append(details, s.checkCondition(condition, action)...)
	}
	if action != nil {
		details = append(details, s.checkAction(c, action, trigger, conditional)...)
	}
	return details
}

// checkAction finds violations of an action that the contract cannot express. trigger is
// that of the job, and conditional says whether the job has a condition.
func (s *Store) checkAction(c *httpapi.Call, act, trigger map[string]any, conditional bool) (details []fail.Detail) {
	kind, _ := act["type"].(string)
	in := func(d []fail.Detail, where string) {
		for _, violation := range d {
			violation.Field = where + violation.Field
			details = append(details, violation)
		}
	}
	in(s.config.CheckCatalog(c, act), "action.")
	target, targeted := act["target"].(map[string]any)
	if kind == string(Create) {
		if targeted {
			in(violationIn("target", "conflicting_parameters", "create has no target: what it creates is in instance."), "action.")
		}
		if conditional {
			in(violationIn("condition", "conflicting_parameters", "A condition is about the instances a job acts on, and create acts on none."), "")
		}
		template, ok := act["instance"].(map[string]any)
		if !ok {
			in(violationIn("instance", "required", "create needs instance, the body of a POST /v1/instances."), "action.")
			return details
		}
		in(s.config.CheckCreate(c, template), "action.instance.")
		if size := template; oneOf(size, "size", "profile", "machine_type") > 1 {
			in(violationIn("size", "conflicting_parameters", "Size, profile and machine_type are one thing by three names; send one, or the same value."), "action.instance.")
		}
		return details
	}
	if kind == string(Update) {
		changes, _ := act["changes"].(map[string]any)
		if !slices.ContainsFunc(Changeable(), func(name string) bool { _, ok := changes[name]; return ok }) {
			in(violationIn("changes", "required", "update needs changes, with at least one of "+strings.Join(Changeable(), ", ")+"."), "action.")
		}
		labels, _ := changes["labels"].(map[string]any)
		in(s.config.CheckLabels(labels), "action.changes.")
	}
	if kind == string(Resize) {
		switch oneOf(act, "size", "profile", "machine_type") {
		case 0:
			in(violationIn("size", "required", "A resize needs one of size, profile and machine_type."), "action.")
		case 1:
		default:
			in(violationIn("size", "conflicting_parameters", "Size, profile and machine_type are one thing by three names; send one, or the same value."), "action.")
		}
	}
	event, _ := trigger["event"].(string)
	if !targeted {
		switch {
		case event == "" || !s.aboutInstances(event):
			in(violationIn("target", "required", "An action needs a target: instance_ids or labels. Only a job that an event about an instance triggers may leave it out, to act on that one."), "action.")
		case event == "instance.deleted":
			in(violationIn("target", "required", "The instance that instance.deleted is about is gone, so an action needs a target: instance_ids or labels."), "action.")
		}
		return details
	}
	ids, byID := target["instance_ids"].([]any)
	labels, byLabels := target["labels"].(map[string]any)
	switch {
	case byID && byLabels:
		in(violationIn("target", "conflicting_parameters", "A target is either instance_ids or labels."), "action.")
	case byID && len(ids) == 0, byLabels && len(labels) == 0, !byID && !byLabels && target["instance_ids"] == nil && target["labels"] == nil:
		in(violationIn("target", "required", "A target names at least one id in instance_ids, or at least one label in labels."), "action.")
	}
	in(s.config.CheckLabels(labels), "action.target.")
	return details
}

// oneOf counts the different texts among members.
func oneOf(m map[string]any, names ...string) int {
	var seen []string
	for _, name := range names {
		if text, ok := m[name].(string); ok && !slices.Contains(seen, text) {
			seen = append(seen, text)
		}
	}
	return len(seen)
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
