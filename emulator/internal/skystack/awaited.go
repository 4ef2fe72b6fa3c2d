package skystack

import (
	"errors"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/limit"
)

// What a client waits for, on a clock that jumps there. The rule: a read whose
// result would change at a booked event of what it looks at moves time to that event
// when the same credential repeats it; and after a refusal with a known end the next
// request of the credential, to the same object unless it was refused for its
// number, moves time to that end first. Each moves to one event at most.

// What is told where a clock stands that somebody waits for.
const (
	clockStands = "clock_frozen"
	advanceIt   = "Move it with POST /_sandbox/clock/advance, or let it run or jump: PUT /_sandbox/clock."
)

// busyObject is an object that was busy, and with what.
type busyObject struct {
	Instance string `json:"instance"`
	Action   string `json:"action"`
}

// How many refusals, and reads of what is on its way, are kept of a credential.
const (
	maxRefused = 32
	maxSeen    = 32
)

// refusedUntil notes when the limits serve a key again, if they ever do.
func (a *API) refusedUntil(tx *engine.Tx, key string, d *limit.Decision) {
	if tx.Mode() != engine.Auto {
		return
	}
	until := time.Time{}
	for _, q := range [...]limit.Quota{d.Minute, d.Day} {
		switch {
		case q.Exceeded && q.Limit == 0:
			return
		case q.Exceeded && q.Reset.After(until):
			until = q.Reset
		}
	}
	engine.Own(a.ledgers, tx, key).RefusedUntil = until
}

// moveOn moves time to the end of what the caller was refused for, and reports whether
// it did.
func (a *API) moveOn(tx *engine.Tx, x *httpapi.RequestContext) bool {
	key := x.Caller.Token
	known, _ := a.ledgers.Get(tx, key)
	if tx.Mode() != engine.Auto || known.RefusedUntil.IsZero() && len(known.Busy) == 0 {
		return false
	}
	l := engine.Own(a.ledgers, tx, key)
	until := l.RefusedUntil
	l.RefusedUntil = time.Time{}
	if until.IsZero() {
		instance := x.Param("id")
		l.Busy = slices.DeleteFunc(l.Busy, func(r busyObject) bool {
			if r.Instance != instance {
				return false
			}
			if i, _ := a.instances.Get(tx, r.Instance); i.PendingAction == r.Action {
				t, _ := a.actions.Get(tx, r.Action)
				until = t.due()
			}
			return true
		})
	}
	if !until.After(tx.Now()) {
		return false
	}
	tx.AdvanceTo(until)
	return true
}

// invoke is the stage that runs the handler, and notes what the caller finds busy.
func (a *API) invoke(x *httpapi.RequestContext) error {
	err := httpapi.Invoke(x)
	var e *fail.Error
	if !errors.As(err, &e) || e.Kind != fail.Conflict || e.Code != "instance_busy" || e.RetryAfter == 0 || x.Caller.Token == "" {
		return err
	}
	_ = x.World.Do(func(tx *engine.Tx) error {
		i, _ := a.instances.Get(tx, x.Param("id"))
		if tx.Mode() != engine.Auto || i.PendingAction == "" {
			return nil
		}
		l := engine.Own(a.ledgers, tx, x.Caller.Token)
		l.Busy = slices.DeleteFunc(l.Busy, func(r busyObject) bool { return r.Instance == i.ID })
		if len(l.Busy) == maxRefused {
			l.Busy = l.Busy[1:]
		}
		l.Busy = append(l.Busy, busyObject{i.ID, i.PendingAction})
		return nil
	})
	return err
}

// await moves time to the first booked event that a read waits for, if the caller
// has been shown before that it is on its way, and reports whether it did.
func (a *API) await(c *httpapi.Call, waitsFor func(e engine.Event) bool) bool {
	if c.Mode() != engine.Auto || a.settingsOf(c.Tx).Progression.reads() > 0 {
		return false
	}
	next, ok := c.Upcoming(waitsFor)
	if reset := c.NextReset(); !ok || !reset.IsZero() && reset.Before(next.At) {
		return false
	}
	l := engine.Own(a.ledgers, c.Tx, c.Token)
	what := next.Step + " " + next.Subject + " " + next.At.Format(time.RFC3339Nano)
	if n := slices.Index(l.Seen, what); n >= 0 {
		l.Seen = slices.Delete(l.Seen, n, n+1)
		c.AdvanceTo(next.At)
		return true
	}
	if len(l.Seen) == maxSeen {
		l.Seen = slices.Delete(l.Seen, 0, 1)
	}
	l.Seen = append(l.Seen, what)
	return false
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
func (a *API) ofJobs(tx *engine.Tx, f func(j Job) bool) func(e engine.Event) bool {
	accepts := func(id string) bool {
		j, ok := a.jobs.Get(tx, id)
		return ok && f(j)
	}
	ofRun := func(id string) bool {
		r, ok := a.runs.Get(tx, id)
		return ok && accepts(r.JobID)
	}
	ends := a.finishes(tx, func(t Action) bool { return ofRun(t.Run) })
	return func(e engine.Event) bool {
		return e.Step == tickStep && accepts(e.Subject) || e.Step == runStep && ofRun(e.Subject) || ends(e)
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
