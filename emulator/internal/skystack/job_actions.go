package skystack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// JobAction is what a job does, and to what.
type JobAction struct {
	Type   ActionType `json:"type"`
	Target *Target    `json:"target,omitzero"` // nil for create, and for the instance an event is about
	Size   string     `json:"size,omitzero"`   // of a resize
	Image  string     `json:"image,omitzero"`  // of a rebuild
	Force  bool       `json:"force"`           // of a stop
	// MaxTargets is the most instances a run may act on; 0 for no limit.
	MaxTargets int `json:"max_targets,omitzero"`
	// Instance is what a create creates, as the body of a POST.
	Instance jsontext.Value `json:"instance,omitzero"`
	// Changes is what an update changes, as the body of a PATCH, nulls included.
	Changes jsontext.Value `json:"changes,omitzero"`
}

// Target is the instances a job is about, inside its project: those with the ids,
// or those with all the labels.
type Target struct {
	InstanceIDs []string          `json:"instance_ids,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// standardMaxTargets guards a delete by labels (section 12).
const standardMaxTargets = 10

// scope is what a token needs for the action.
func (t ActionType) scope() string {
	if t == Delete {
		return "instances:delete"
	}
	return "instances:write"
}

// tidy leaves what belongs to the type of the action, and settles what was left
// out.
func (j *JobAction) tidy() {
	if j.Type != Resize {
		j.Size = ""
	}
	if j.Type != Rebuild {
		j.Image = ""
	}
	j.Force = j.Force && j.Type == Stop
	if j.Type != Create {
		j.Instance = nil
	}
	if j.Type == Create {
		j.Target, j.MaxTargets = nil, 0
	}
	if j.Type == Delete && j.Target != nil && len(j.Target.Labels) > 0 {
		j.MaxTargets = cmp.Or(j.MaxTargets, standardMaxTargets)
	}
	if j.Type != Update {
		j.Changes = nil
	}
	j.Instance, j.Changes = resource.Compact(j.Instance), resource.Compact(onlyChangeable(j.Changes))
}

// checkJobAction finds what is wrong with an action that the contract cannot
// tell. trigger and condition are the job's other members.
func (a *API) checkJobAction(c *httpapi.Call, act, trigger map[string]any, conditional bool) (details []fail.Detail) {
	kind, _ := act["type"].(string)
	in := func(d []fail.Detail, where string) {
		for _, violation := range d {
			violation.Field = where + violation.Field
			details = append(details, violation)
		}
	}
	in(a.checkCatalogue(c, act), "action.")
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
		in(a.checkCreate(c, template), "action.instance.")
		if size := template; oneOf(size, "size", "profile", "machine_type") > 1 {
			in(violationIn("size", "conflicting_parameters", "Size, profile and machine_type are one thing by three names; send one, or the same value."), "action.instance.")
		}
		return details
	}
	if kind == string(Update) {
		changes, _ := act["changes"].(map[string]any)
		if !slices.ContainsFunc(changeable(), func(name string) bool { _, ok := changes[name]; return ok }) {
			in(violationIn("changes", "required", "update needs changes, with at least one of "+strings.Join(changeable(), ", ")+"."), "action.")
		}
		labels, _ := changes["labels"].(map[string]any)
		in(checkLabels(labels), "action.changes.")
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
		case event == "" || !aboutInstances(event):
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
	in(checkLabels(labels), "action.target.")
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
func aboutInstances(pattern string) bool {
	for _, t := range EventTypes() {
		if event.Selects(pattern, t) && instanceMember(t) == "" {
			return false
		}
	}
	return true
}

// checkTargets finds ids of a target that the project does not have.
func (a *API) checkTargets(tx *engine.Tx, project string, t *Target) (details []fail.Detail) {
	if t == nil {
		return nil
	}
	for n, id := range t.InstanceIDs {
		if i, ok := a.instances.Get(tx, id); !ok || i.ProjectID != project {
			details = append(details, violationIn(fmt.Sprintf("action.target.instance_ids[%d]", n), "unknown_value",
				fmt.Sprintf("There is no instance %q in the job's project.", fail.Clip(id)))...)
		}
	}
	return details
}

// chosen is the instances a run is about before its condition: what the project
// does not have is left out of the first and named in the second.
func (a *API) chosen(tx *engine.Tx, j *Job, event string) (there []Instance, missing []string) {
	var ids []string
	switch t := j.Action.Target; {
	case t == nil:
		ids = []string{event}
	case len(t.InstanceIDs) > 0:
		ids = t.InstanceIDs
	default:
		want := pairs(t.Labels)
		for row := range a.instances.After(tx, 0) {
			if i := &row.Value; i.ProjectID == j.ProjectID && i.labelled(want) {
				there = append(there, *i)
			}
		}
		return there, nil
	}
	for _, id := range ids {
		if i, ok := a.instances.Get(tx, id); ok && i.ProjectID == j.ProjectID {
			there = append(there, i)
		} else {
			missing = append(missing, id)
		}
	}
	return there, missing
}
