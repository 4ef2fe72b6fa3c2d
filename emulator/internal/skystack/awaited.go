package skystack

import (
	"errors"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// The hint for a client that waits for a frozen clock.
const (
	clockStands = "clock_frozen"
	advanceIt   = "Move it with POST /_sandbox/clock/advance, or let it run or jump: PUT /_sandbox/clock."
)

// busyUntil returns when an instance is no longer busy with an action; the zero time if it
// is not any more.
func (a *API) busyUntil(tx *engine.Tx, b credential.Busy) time.Time {
	if i, _ := a.instances.Get(tx, b.Object); i.PendingAction != b.Action {
		return time.Time{}
	}
	t, _ := a.actions.Get(tx, b.Action)
	return t.due()
}

// invoke is the stage that runs the handler, and records that the client was refused
// because an instance is busy.
func (a *API) invoke(x *httpapi.RequestContext) error {
	err := httpapi.Invoke(x)
	var e *fail.Error
	if !errors.As(err, &e) || e.Kind != fail.Conflict || e.Code != "instance_busy" || e.RetryAfter == 0 || x.Caller.Token == "" {
		return err
	}
	_ = x.World.Do(func(tx *engine.Tx) error {
		i, _ := a.instances.Get(tx, x.Param("id"))
		if i.PendingAction != "" {
			a.Credentials.RefuseBusy(tx, x.Caller.Token, credential.Busy{Object: i.ID, Action: i.PendingAction})
		}
		return nil
	})
	return err
}

// advanceToAwaited moves time to the first due event that a read waits for, if an earlier read of
// the same key waited for it too, and reports whether it did.
func (a *API) advanceToAwaited(c *httpapi.Call, waitsFor func(e engine.Event) bool) bool {
	return a.settingsOf(c.Tx).Progression.reads() == 0 && a.Credentials.Await(c.Tx, c.Token, waitsFor)
}

// finishes accepts the ends of actions that f accepts.
func (a *API) finishes(tx *engine.Tx, f func(t Action) bool) func(e engine.Event) bool {
	return func(e engine.Event) bool {
		if e.Step != finishStep {
			return false
		}
		t, ok := a.actions.Get(tx, e.Subject)
		return ok && f(t)
	}
}

// ofJobs accepts what changes the jobs that f accepts, or their runs: their next
// ticks, the starts of runs that wait, and the ends of what a run has begun.
func (a *API) ofJobs(tx *engine.Tx, f func(j job.Job) bool) func(e engine.Event) bool {
	accepts := func(id string) bool {
		j, ok := a.jobs.Jobs.Get(tx, id)
		return ok && f(j)
	}
	ofRun := func(id string) bool {
		r, ok := a.jobs.Runs.Get(tx, id)
		return ok && accepts(r.JobID)
	}
	ends := a.finishes(tx, func(t Action) bool { return ofRun(t.Run) })
	return func(e engine.Event) bool {
		return e.Step == job.TickStep && accepts(e.Subject) || e.Step == job.RunStep && ofRun(e.Subject) || ends(e)
	}
}

// ofPolicies accepts what changes the policies that f accepts, or their history:
// their next evaluations, and the ends of what their instances do.
func (a *API) ofPolicies(tx *engine.Tx, f func(p Policy) bool) func(e engine.Event) bool {
	accepts := func(id string) bool {
		p, ok := a.policies.Get(tx, id)
		return ok && f(p)
	}
	ends := a.finishes(tx, func(t Action) bool {
		i, ok := a.instances.Get(tx, t.InstanceID)
		return ok && accepts(i.Policy)
	})
	return func(e engine.Event) bool { return e.Step == evaluateStep && accepts(e.Subject) || ends(e) }
}
