package skystack

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

type updateJobInput struct {
	instanceInput
	Name        *string        `json:"name"`
	Enabled     *bool          `json:"enabled"`
	Trigger     jsontext.Value `json:"trigger"`
	Condition   jsontext.Value `json:"condition"`
	Action      jsontext.Value `json:"action"`
	Concurrency *string        `json:"concurrency"`
}

// presentJob is a job as a patch finds it (S7).
func (a *API) presentJob(c *httpapi.Call, in instanceInput) (httpapi.Present, error) {
	j, err := a.job(c.Tx, in.ID)
	return httpapi.Present{Body: j.body()}, err
}

// updateJob merges changes into a job; one that changes nothing leaves the version
// as it is (S7, S10).
//
//	PATCH /v1/jobs/{id}
func (a *API) updateJob(c *httpapi.Call, in updateJobInput) (jobBody, error) {
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return jobBody{}, err
	}
	if err := c.Precondition(j.Version); err != nil {
		return jobBody{}, err
	}
	before := j.definition()
	after := patched(before, in)
	merged, err := a.readDefinition(c, before, after)
	if err != nil {
		return jobBody{}, err
	}
	changed := j
	changed.Name, changed.Enabled = merged.Name, *merged.Enabled
	changed.define(merged)
	if resource.SameJSON(changed.definition(), before) {
		return j.body(), nil
	}
	if changed.does() != j.does() || changed.Enabled && !j.Enabled { // who may not do it by hand may rename it, or stop it
		if err := a.mayUse(c, &changed); err != nil {
			return jobBody{}, err
		}
	}
	if changed.Enabled && !j.Enabled && j.Disabled != nil { // its token is gone: it acts with the caller's from here on
		changed.TokenID = c.Token
	}
	if changed.Enabled || !j.Enabled && j.Disabled == nil {
		changed.Disabled = nil
	}
	if changed.Trigger != j.Trigger || changed.Enabled != j.Enabled {
		if changed.Trigger != j.Trigger {
			changed.Anchor = c.Now()
		}
		a.plan(c.Tx, &changed, c.Now())
		a.listen(c.Tx, j.ID, changed.Trigger.Event != "")
	}
	changed.touch(c.Tx)
	changed.UpdatedAt = c.Now()
	a.jobs.Put(c.Tx, j.ID, changed)
	return changed.body(), nil
}

// definition is what a client says of a job, as an object.
func (j Job) definition() jsontext.Value {
	v, _ := json.Marshal(struct { // its parts came from JSON
		Name        string     `json:"name"`
		Enabled     bool       `json:"enabled"`
		Trigger     Trigger    `json:"trigger"`
		Condition   *Condition `json:"condition"`
		Action      JobAction  `json:"action"`
		Concurrency string     `json:"concurrency"`
	}{j.Name, j.Enabled, j.Trigger, j.Condition, j.Action, j.Concurrency}, json.Deterministic(true))
	return v
}

// does is what a job does, whatever its name and whether it is enabled.
func (j Job) does() string {
	j.Name, j.Enabled = "", false
	return string(j.definition())
}

// patched is a definition after a merge patch. Where exactly one of several
// members can be set, as in a trigger, one that is set takes the place of the
// others; the template of a create is replaced as a whole.
func patched(old jsontext.Value, in updateJobInput) jsontext.Value {
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

// alternatives is an object without the alternatives that a patch replaces by
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

// readDefinition holds a changed definition against all that a new one must be. A
// moment that has passed is no violation where the trigger stays.
func (a *API) readDefinition(c *httpapi.Call, before, after jsontext.Value) (in jobInput, err error) {
	if resource.SameJSON(before, after) {
		return in, json.Unmarshal(after, &in)
	}
	var fields map[string]any
	if err := json.Unmarshal(after, &fields); err != nil {
		return in, err
	}
	now := c.Now()
	if resource.SameJSON(resource.MembersOf(before)["trigger"], resource.MembersOf(after)["trigger"]) {
		now = time.Time{}
	}
	details := a.checkDefinition(c, fields, now)
	condition, _ := fields["condition"].(map[string]any)
	if condition["metric"] != nil {
		details = append(details, incompleteMetric(condition["metric"])...)
	}
	action, _ := fields["action"].(map[string]any)
	target, _ := action["target"].(map[string]any)
	details = append(append(details, crowded("condition.labels", condition["labels"])...), crowded("action.target.labels", target["labels"])...)
	if len(details) > 0 {
		return in, fail.Parameters(details...)
	}
	err = json.Unmarshal(after, &in)
	return in, err
}

// crowded finds labels of which a merge has made too many.
func crowded(field string, v any) []fail.Detail {
	if labels, _ := v.(map[string]any); len(labels) > maxMembers {
		return violationIn(field, "too_long", fmt.Sprintf("%s must have at most %d members; it would have %d.", field, maxMembers, len(labels)))
	}
	return nil
}

// incompleteMetric finds what a merge has left out of a condition on a metric.
func incompleteMetric(v any) (details []fail.Detail) {
	metric, _ := v.(map[string]any)
	for _, name := range []string{"name", "op", "value"} {
		if metric[name] == nil {
			details = append(details, violationIn("condition.metric."+name, "required", "condition.metric."+name+" is required.")...)
		}
	}
	return details
}
