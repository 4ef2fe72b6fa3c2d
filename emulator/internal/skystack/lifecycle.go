package skystack

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Status is the state of an instance.
type Status string

// The statuses (section 2.2). A deleted instance has none: it is gone.
const (
	Provisioning Status = "provisioning"
	Running      Status = "running"
	Stopping     Status = "stopping"
	Stopped      Status = "stopped"
	Starting     Status = "starting"
	Rebooting    Status = "rebooting"
	Resizing     Status = "resizing"
	Rebuilding   Status = "rebuilding"
	Deleting     Status = "deleting"
	Error        Status = "error"
)

// Statuses lists the statuses.
func Statuses() []Status {
	return []Status{Provisioning, Running, Stopping, Stopped, Starting, Rebooting, Resizing, Rebuilding, Deleting, Error}
}

// ActionType is an operation on an instance.
type ActionType string

// The actions. Create and delete have operations of their own.
const (
	Create   ActionType = "create"
	Start    ActionType = "start"
	Stop     ActionType = "stop"
	Reboot   ActionType = "reboot"
	Resize   ActionType = "resize"
	Rebuild  ActionType = "rebuild"
	Snapshot ActionType = "snapshot"
	Delete   ActionType = "delete"
)

// transition is the change of status by an action, and its duration.
type transition struct {
	from            []Status // where it may begin
	via             Status   // while it runs; "" leaves the status as it is
	to              Status   // when it has succeeded; "" returns to where it began
	fast, realistic time.Duration
	failed          Status // when it has failed; "" returns to where it began
	reason          string // why it fails unless another reason is given
}

// transitions is the state machine of an instance: every change of status is a
// row of this table, a crash (running to error) or the end of an instance.
//
//nolint:gochecknoglobals // a table, never written
var transitions = map[ActionType]transition{
	Create:   {nil, Provisioning, Running, 3 * time.Second, 25 * time.Second, Error, "boot_timeout"},
	Stop:     {[]Status{Running}, Stopping, Stopped, 2 * time.Second, 15 * time.Second, Error, "stop_timeout"},
	Start:    {[]Status{Stopped}, Starting, Running, 2 * time.Second, 12 * time.Second, Stopped, "insufficient_capacity"},
	Reboot:   {[]Status{Running}, Rebooting, Running, 3 * time.Second, 20 * time.Second, Error, "boot_timeout"},
	Resize:   {[]Status{Stopped}, Resizing, Stopped, 4 * time.Second, 45 * time.Second, Stopped, "insufficient_capacity"},
	Rebuild:  {[]Status{Running, Stopped, Error}, Rebuilding, Running, 5 * time.Second, 60 * time.Second, Error, "image_pull_failed"},
	Snapshot: {[]Status{Running, Stopped}, "", "", 4 * time.Second, 60 * time.Second, "", "snapshot_failed"},
	Delete:   {nil, Deleting, "", 5 * time.Second, 5 * time.Second, "", ""},
}

// forcedStop is the longest a forced stop takes.
const forcedStop = 2 * time.Second

func actionNames() []string {
	var names []string
	for name := range transitions {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// finishStep is the step of the agenda that ends an action.
const finishStep = "action.finish"

// transitional reports whether a status ends by itself.
func (s Status) transitional() bool {
	for _, t := range transitions {
		if t.via == s && s != "" {
			return true
		}
	}
	return false
}

// verdict is whether an instance accepts an action.
type verdict int

const (
	begin      verdict = iota
	nothing            // it is so already
	busy               // another action is running
	wrongState         // not from this status
	notStopped         // only a stopped instance can be resized
)

// allows is the table of section 2.2: what each status says to each action. A
// snapshot leaves the status and still keeps the instance busy.
func (i Instance) allows(action ActionType, force bool) verdict {
	switch {
	case i.Status == Stopping && action == Stop && force:
		return begin
	case i.PendingAction != "" || i.Status.transitional():
		return busy
	case slices.Contains(transitions[action].from, i.Status):
		return begin
	case i.Status == Running && action == Start, i.Status == Stopped && action == Stop:
		return nothing
	case i.Status == Running && action == Resize:
		return notStopped
	}
	return wrongState
}

// refusal explains a verdict that is not begin or nothing.
func (a *API) refusal(tx *engine.Tx, i Instance, action ActionType, v verdict) error {
	switch v {
	case busy:
		return a.busyError(tx, i)
	case notStopped:
		return fail.Newf(fail.Conflict, "instance_not_stopped", "The instance is %s; stop it before you resize it.", i.Status)
	default:
		return fail.Newf(fail.Conflict, "invalid_state", "The instance is %s, which does not allow %s.", i.Status, action)
	}
}

// busyError names the action that is running and, if that is known, when another
// try makes sense.
func (a *API) busyError(tx *engine.Tx, i Instance) error {
	running, _ := a.actions.Get(tx, i.PendingAction)
	e := &fail.Error{Kind: fail.Conflict, Code: "instance_busy", Message: fmt.Sprintf("The instance is %s: %s is running.", i.Status, running.Type)}
	extra := []fail.Member{{Name: "action_id", Value: running.ID}, {Name: "type", Value: running.Type}, {Name: "retry_after", Value: nil}}
	if due := running.due(); !due.IsZero() {
		wait := tx.RetryAfter(due.Sub(tx.Now()))
		extra[2].Value = wait
		e.RetryAfter = time.Duration(wait) * time.Second
		if tx.Mode() == engine.Frozen {
			e.Message += fmt.Sprintf(" It ends when the workspace's time is %d s further, and its clock stands. %s", wait, advanceIt)
			e.Warning = clockStands
		}
	}
	e.Details = []fail.Detail{{Extra: extra}}
	return e
}

// due returns when the action ends; the zero time when that is not known or it has.
func (t Action) due() time.Time {
	if t.Status != InProgress || t.Due.IsZero() {
		return time.Time{}
	}
	return t.Due.At
}

// duration returns the duration of an action in a workspace.
func (s Settings) duration(action ActionType, force bool) time.Duration {
	t := transitions[action]
	d := t.fast
	switch s.Speed {
	case Instant:
		d = 0
	case Realistic:
		d = t.realistic
	}
	if own, ok := s.Durations[action]; ok {
		d = time.Duration(own)
	}
	if s.Progression == Immediate {
		d = 0
	}
	if force && action == Stop {
		d = min(d, forcedStop)
	}
	return d
}

// start begins an action on an instance that allows it, books its end, and tells.
func (a *API) start(tx *engine.Tx, i *Instance, t Action) Action {
	before := i.Status
	t = a.begin(tx, i, t)
	a.emitChange(tx, i, before, t.cause(), t.Type.begun())
	return t
}

// begin is start without a word: for a world that is being filled.
func (a *API) begin(tx *engine.Tx, i *Instance, t Action) Action {
	s := a.settingsOf(tx)
	if t.Type == Delete {
		a.leavePolicy(tx, i, t.cause())
	}
	if running, ok := a.actions.Get(tx, i.PendingAction); ok {
		a.end(tx, running, Cancelled, nil)
		a.watches.Delete(tx, i.ID)
	}
	t.ID, t.InstanceID, t.ProjectID, t.Status, t.StartedAt = a.actions.NewID(tx, "act"), i.ID, i.ProjectID, InProgress, tx.Now()
	t.From = i.Status
	if t.Type == Create {
		t.Image = i.Image
	}
	a.countUse(tx, t, 1)
	if s.Progression != Manual && s.Progression.reads() == 0 && !t.Stuck {
		t.Due = tx.After(s.duration(t.Type, t.Force), finishStep, t.ID)
	}
	if via := transitions[t.Type].via; via != "" {
		i.become(via, tx.Now())
	}
	i.PendingAction, i.Reason = t.ID, nil
	i.touch(tx)
	a.keepAction(tx, i, t)
	a.instances.Put(tx, i.ID, *i)
	a.scheduleEvaluation(tx, i.Policy)
	return t
}

// finish is the step that ends an action with success.
func (a *API) finish(tx *engine.Tx, id string) {
	t, ok := a.actions.Get(tx, id)
	i, alive := a.instances.Get(tx, t.InstanceID)
	if !ok || !alive || t.Status != InProgress {
		return
	}
	defer tx.ActAs(t.Run)()
	if t.Type == Delete {
		a.remove(tx, i, nil)
		return
	}
	switch t.Type {
	case Create:
		a.assignAddresses(tx, &i)
	case Resize:
		a.use(tx, profileUse+i.Size, -1)
		i.Size = t.Size
		a.use(tx, profileUse+i.Size, 1)
	case Rebuild:
		i.Image = t.Image
		a.assignAddresses(tx, &i)
	case Snapshot:
		a.images.Put(tx, t.Image, a.snapshotOf(tx, i, t))
	}
	before := i.Status
	i.become(cmp.Or(transitions[t.Type].to, t.From), tx.Now())
	i.Reason = nil
	a.storeSettled(tx, &i)
	a.emitChange(tx, &i, before, nil, t.Type.done())
	a.end(tx, t, Completed, nil)
}

// failAction fails the running action of an instance, or crashes an
// instance that runs.
func (a *API) failAction(tx *engine.Tx, i Instance, r Reason) error {
	t, ok := a.actions.Get(tx, i.PendingAction)
	before, broken := i.Status, ""
	if ok {
		defer tx.ActAs(t.Run)()
	}
	switch {
	case ok && t.Type != Delete:
		tx.Cancel(t.Due)
		i.become(cmp.Or(transitions[t.Type].failed, t.From), tx.Now())
		r.Code = cmp.Or(r.Code, transitions[t.Type].reason)
	case !ok && i.Status == Running:
		i.become(Error, tx.Now())
		r.Code = cmp.Or(r.Code, "host_failure")
	default:
		return fmt.Errorf("instance %s is %s: only a running action or a running instance can fail: %w", i.ID, i.Status, sandbox.ErrConflict)
	}
	r.Message = cmp.Or(r.Message, reasonText(r.Code))
	if i.Status == Error {
		i.Reason, broken = &r, "instance.failed"
	}
	a.storeSettled(tx, &i)
	a.emitChange(tx, &i, before, nil, broken)
	if ok {
		a.end(tx, t, Failed, &r)
	}
	return nil
}

// storeSettled stores an instance that has reached a stable state.
func (a *API) storeSettled(tx *engine.Tx, i *Instance) {
	i.PendingAction = ""
	i.touch(tx)
	a.instances.Put(tx, i.ID, *i)
	a.watches.Delete(tx, i.ID)
	a.scheduleEvaluation(tx, i.Policy)
}

// end closes an action.
func (a *API) end(tx *engine.Tx, t Action, status ActionStatus, why *Reason) {
	tx.Cancel(t.Due)
	a.countUse(tx, t, -1)
	t.Progress = t.progress(tx.Now())
	if status == Completed {
		t.Progress = 100
	}
	t.Status, t.CompletedAt, t.Error, t.Due = status, tx.Now(), why, engine.Timer{}
	a.actions.Put(tx, t.ID, t)
	a.emitActionEnd(tx, t)
	if t.Run != "" {
		a.jobs.ActionEnded(tx, t.Run, t.Status == Completed)
	}
}

// watch counts how often clients have seen an instance in a transitional state.
type watch struct {
	Reads int `json:"reads"`
}

// Clone returns w.
func (w watch) Clone() watch { return w }

// recordRead notes that a client is about to be shown instances, and moves on those
// that wait for being looked at: by number of reads, or in a world whose clock
// jumps to what a client waits for. It reports whether anything may have
// changed.
func (a *API) recordRead(tx *engine.Tx, shown ...Instance) bool {
	n := a.settingsOf(tx).Progression.reads()
	jumps := n == 0 && tx.Mode() == engine.Auto
	var next time.Time
	moved := false
	for _, i := range shown {
		if i.PendingAction == "" || n == 0 && !jumps {
			continue
		}
		if now, ok := a.instances.Get(tx, i.ID); !ok || now.PendingAction != i.PendingAction {
			continue // it was found on a copy of the world, and has come to its end since
		}
		w := engine.Own(a.watches, tx, i.ID)
		w.Reads++
		t, _ := a.actions.Get(tx, i.PendingAction)
		switch {
		case t.Stuck:
		case n > 0 && w.Reads >= n:
			tx.Run(finishStep, t.ID)
			moved = true
		case jumps && w.Reads > 1 && !t.Due.IsZero() && (next.IsZero() || t.Due.At.Before(next)):
			next = t.Due.At
		}
	}
	if !next.IsZero() {
		tx.AdvanceTo(next)
		moved = true
	}
	return moved
}

// recordObserved notes that the response to a change shows an instance in a transitional state.
// It is not a read, but the client need not read the object once more to advance the clock.
func (a *API) recordObserved(tx *engine.Tx, i Instance) {
	if tx.Mode() == engine.Auto && a.settingsOf(tx).Progression.reads() == 0 {
		engine.Own(a.watches, tx, i.ID).Reads++
	}
}

// reasonText is the sentence that goes with a reason's code.
func reasonText(code string) string {
	switch code {
	case "insufficient_capacity":
		return "The region has no capacity for this size at the moment."
	case "image_pull_failed":
		return "The image could not be loaded."
	case "boot_timeout":
		return "The instance did not come up in time."
	case "stop_timeout":
		return "The instance did not shut down in time."
	case "host_failure":
		return "The host of the instance failed."
	case "snapshot_failed":
		return "The snapshot could not be written."
	default:
		return "The instance failed."
	}
}
