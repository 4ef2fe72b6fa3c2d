package job

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Patch is a merge patch of a definition; nil leaves a member as it is.
type Patch struct {
	Name        *string        `json:"name"`
	Enabled     *bool          `json:"enabled"`
	Trigger     jsontext.Value `json:"trigger"`
	Condition   jsontext.Value `json:"condition"`
	Action      jsontext.Value `json:"action"`
	Concurrency *string        `json:"concurrency"`
}

// Patched returns a job after a patch, and whether its definition differs. It refuses a
// definition that a new job could not have.
func (s *Store) Patched(c *httpapi.Call, j Job, p Patch) (changed Job, differs bool, _ error) {
	before := j.definition()
	merged, err := s.readDefinition(c, before, patched(before, p))
	if err != nil {
		return j, false, err
	}
	changed = j
	changed.Define(merged)
	return changed, !resource.SameJSON(changed.definition(), before), nil
}

// patched returns a definition after a merge patch. Where exactly one of several
// members can be set, as in a trigger, one that is set takes the place of the
// others; the template of a create is replaced as a whole.
func patched(old jsontext.Value, in Patch) jsontext.Value {
	members := resource.MembersOf(old)
	set := func(name string, value any) {
		members[name], _ = json.Marshal(value)
	}
	if in.Name != nil {
		set("name", *in.Name)
	}
	if in.Enabled != nil {
		set("enabled", *in.Enabled)
	}
	if in.Concurrency != nil {
		set("concurrency", *in.Concurrency)
	}
	if in.Trigger != nil {
		members["trigger"] = resource.Merge(alternatives(members["trigger"], in.Trigger, triggerKinds()...), in.Trigger)
	}
	if in.Condition != nil {
		condition := members["condition"]
		if condition.Kind() != '{' {
			condition = nil
		}
		if members["condition"] = resource.Merge(condition, in.Condition); members["condition"] == nil {
			members["condition"] = jsontext.Value("null")
		}
	}
	if in.Action != nil {
		action, patch := resource.MembersOf(members["action"]), resource.MembersOf(in.Action)
		if target := patch["target"]; target.Kind() == '{' {
			action["target"] = alternatives(action["target"], target, "instance_ids", "labels")
		}
		if patch["instance"] != nil {
			delete(action, "instance")
		}
		if patch["size"] != nil || patch["profile"] != nil || patch["machine_type"] != nil {
			delete(action, "size")
		}
		set("action", action)
		members["action"] = resource.Merge(members["action"], in.Action)
		if changes := patch["changes"]; changes.Kind() == '{' { // its nulls say what to remove
			action = resource.MembersOf(members["action"])
			action["changes"] = changes
			set("action", action)
		}
	}
	out, _ := json.Marshal(members, json.Deterministic(true))
	return out
}

// alternatives returns an object without the alternatives that a patch replaces by
// setting another.
func alternatives(object, patch jsontext.Value, names ...string) jsontext.Value {
	if object.Kind() != '{' {
		return nil
	}
	members, sets := resource.MembersOf(object), resource.MembersOf(patch)
	for _, name := range names {
		if v := sets[name]; v == nil || v.Kind() == 'n' {
			continue
		}
		for _, other := range names {
			if other != name {
				delete(members, other)
			}
		}
	}
	out, _ := json.Marshal(members, json.Deterministic(true))
	return out
}

// readDefinition reads a changed definition and checks it like a new one. An instant
// that has passed is no violation if the trigger stays.
func (s *Store) readDefinition(c *httpapi.Call, before, after jsontext.Value) (d Definition, err error) {
	if resource.SameJSON(before, after) {
		return d, json.Unmarshal(after, &d)
	}
	body, err := httpapi.DecodeBody(after, &d)
	if err != nil {
		return d, err
	}
	now := c.Now()
	if resource.SameJSON(resource.MembersOf(before)["trigger"], resource.MembersOf(after)["trigger"]) {
		now = time.Time{}
	}
	details := s.CheckDefinition(c, d, body, now)
	if d.Condition != nil {
		if d.Condition.Metric != nil {
			details = append(details, incompleteMetric(body)...)
		}
		details = append(details, s.crowded("condition.labels", d.Condition.Labels)...)
	}
	if d.Action.Target != nil {
		details = append(details, s.crowded("action.target.labels", d.Action.Target.Labels)...)
	}
	if len(details) > 0 {
		return d, fail.Parameters(details...)
	}
	return d, nil
}

// crowded finds labels of which a merge has made too many.
func (s *Store) crowded(field string, labels map[string]string) []fail.Detail {
	if len(labels) > s.config.MaxMembers {
		return violationIn(field, "too_long", fmt.Sprintf("%s must have at most %d members; it would have %d.", field, s.config.MaxMembers, len(labels)))
	}
	return nil
}

// incompleteMetric finds what a merge has left out of a condition on a metric.
func incompleteMetric(body httpapi.Body) (details []fail.Detail) {
	for _, name := range [...]string{"name", "op", "value"} {
		if !body.Sent("condition.metric." + name) {
			details = append(details, violationIn("condition.metric."+name, "required", "condition.metric."+name+" is required.")...)
		}
	}
	return details
}
