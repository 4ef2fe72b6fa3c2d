package skystack

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// A job can update what it is about: labels, metadata, network, storage and autoscaling,
// by the rules of a PATCH of an instance (S16). It is done at once, without an action.

// changeable are the members of an instance that a job can update.
func changeable() []string { return []string{"labels", "metadata", "network", "storage", "autoscale"} }

// changes is what an update changes, as a patch.
func (j *JobAction) changes() (in updateInstanceInput, err error) {
	err = json.Unmarshal(j.Changes, &in)
	return in, err
}

// onlyChangeable leaves out of changes what a job cannot update, which the contract
// may have passed over.
func onlyChangeable(changes jsontext.Value) jsontext.Value {
	members := resource.MembersOf(changes)
	known := len(members)
	maps.DeleteFunc(members, func(name string, _ jsontext.Value) bool { return !slices.Contains(changeable(), name) })
	if len(members) == known {
		return changes
	}
	kept, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return nil // members were read from JSON, and are written as they were
	}
	return kept
}

// checkChanges finds what is wrong with the changes of a saved job.
func (j *JobAction) checkChanges(f *resource.Violations) {
	if (j.Type == Update) != (j.Changes.Kind() == '{') {
		f.Add("action.changes", "does not go with the type %s", fail.Clip(string(j.Type)))
	}
	if j.Type != Update {
		return
	}
	for name := range resource.InOrder(resource.MembersOf(j.Changes)) {
		if !slices.Contains(changeable(), name) {
			f.Add("action.changes."+fail.Clip(name), "is none of %s", strings.Join(changeable(), ", "))
		}
	}
	in, err := j.changes()
	if err != nil {
		f.Add("action.changes", "cannot be read")
		return
	}
	var i Instance
	for name, v := range resource.InOrder(map[string]jsontext.Value{"labels": in.Labels, "metadata": in.Metadata, "network": in.Network}) {
		if v != nil && v.Kind() != '{' && v.Kind() != 'n' {
			f.Add("action.changes."+name, "must be an object")
			return
		}
	}
	if in.Labels.Kind() == '{' {
		i.Labels = resource.Merge(jsontext.Value("{}"), in.Labels)
	}
	if in.Metadata.Kind() == '{' {
		i.Metadata = resource.Merge(jsontext.Value("{}"), in.Metadata)
	}
	i.freeShapes(f)
}

// changedBy is an instance after a job's update, or why it is refused.
func (a *API) changedBy(tx *engine.Tx, i Instance, act JobAction) (Instance, error) {
	if i.Status == Deleting {
		return i, a.refusal(tx, i, "a change", wrongState)
	}
	in, err := act.changes()
	if err != nil {
		return i, err
	}
	return a.changed(tx, i, in)
}

// verdictOnUpdate is what an instance says to a job's update.
func (a *API) verdictOnUpdate(tx *engine.Tx, i Instance, act JobAction) (string, *Reason) {
	switch changed, err := a.changedBy(tx, i, act); {
	case err != nil:
		return outcomeRefused, reasonOf(err)
	case changed.sameConfiguration(&i):
		return outcomeUnchanged, nil
	}
	return outcomeBegin, nil
}

// actUpdate updates an instance, unless another one of the run has changed it so that
// it refuses now: a replica goes with its leader's policy.
func (a *API) actUpdate(tx *engine.Tx, id string, act JobAction, by *event.Cause) runResult {
	i, ok := a.instances.Get(tx, id)
	if !ok {
		return runResult{InstanceID: id, Outcome: outcomeRefused, Error: reasonOf(noInstance(id))}
	}
	changed, err := a.changedBy(tx, i, act)
	if err != nil {
		return runResult{InstanceID: id, Outcome: outcomeRefused, Error: reasonOf(err)}
	}
	if changed.sameConfiguration(&i) {
		return runResult{InstanceID: id, Outcome: outcomeUnchanged}
	}
	a.reconfigure(tx, i, changed, by)
	return runResult{InstanceID: id, Outcome: outcomeDone}
}
