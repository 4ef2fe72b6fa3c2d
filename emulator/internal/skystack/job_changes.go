package skystack

import (
	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// A job can update what it is about: labels, metadata, network, storage and autoscaling,
// by the rules of a PATCH of an instance (S16). It is done at once, without an action.

// changes is what an update changes, as a patch.
func (j *JobAction) changes() (in updateInstanceInput, err error) {
	err = json.Unmarshal(j.Changes, &in)
	return in, err
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
func (a *API) actUpdate(tx *engine.Tx, id string, act JobAction, by *cause) runResult {
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
