package skystack

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// newLog connects the log of events to the API.
func (a *API) newLog(schema *engine.Schema) *event.Log {
	return event.New(schema, event.Config{
		Types: EventTypes(), Append: appendEvent, Project: a.listedProject, Authorize: a.mayStream, Closing: a.Closing,
		Emitted: func(tx *engine.Tx, e event.Event) {
			a.enqueue(tx, e)
			if e.Type != event.ResetEvent {
				a.jobs.React(tx, &e)
			}
		},
		Advance: func(tx *engine.Tx, types []string) bool { return a.advance(tx, a.stepsTo(types)...) },
		ErrorBody: func(err *fail.Error, requestID string) []byte {
			body, _ := errorBody(err, requestID)
			return body
		},
		ObjectID: objectID,
	})
}

// cause is the request that asked for the action; nil if none did.
func (t Action) cause() *event.Cause {
	if t.RequestID == "" {
		return nil
	}
	return &event.Cause{RequestID: t.RequestID, IdempotencyKey: t.IdempotencyKey}
}

// emitChange records what an instance went through: the events in order, and that its
// status changed if it did. before is the status it had.
func (a *API) emitChange(tx *engine.Tx, i *Instance, before Status, by *event.Cause, types ...string) {
	e := event.Draft{Project: i.ProjectID, Object: jsontext.Value(writeInstance(make([]byte, 0, 1<<10), i, "")), Cause: by}
	changed := before != i.Status && before != ""
	if changed {
		e.Previous = map[string]any{"status": string(before)}
	}
	for _, t := range types {
		if e.Type = t; t != "" {
			a.events.Emit(tx, e)
		}
	}
	if changed {
		e.Type = "instance.status_changed"
		a.events.Emit(tx, e)
		a.watchHealth(tx, i, before, by)
		a.watchMetrics(tx, *i, by)
	}
}

// emitActionEnd records how an action ended, unless it was canceled.
func (a *API) emitActionEnd(tx *engine.Tx, t Action) {
	eventType := "action.completed"
	switch t.Status {
	case Completed:
	case Failed:
		eventType = "action.failed"
	default:
		return
	}
	i, _ := a.instances.Get(tx, t.InstanceID)
	a.events.Emit(tx, event.Draft{Type: eventType, Project: i.ProjectID, Object: jsontext.Value(t.body(tx.Now()).AppendJSON(make([]byte, 0, 512)))})
}

// begun and done are the events of an action that changes an instance; "" for
// those that the table of events does not have.
func (t ActionType) begun() string {
	switch t {
	case Create:
		return "instance.created"
	case Start:
		return "instance.starting"
	case Stop:
		return "instance.stopping"
	case Reboot:
		return "instance.rebooting"
	case Resize:
		return "instance.resizing"
	case Delete:
		return "instance.deleting"
	}
	return ""
}

func (t ActionType) done() string {
	switch t {
	case Create, Start, Reboot:
		return "instance.running"
	case Stop:
		return "instance.stopped"
	case Resize:
		return "instance.resized"
	case Rebuild:
		return "instance.rebuilt"
	}
	return ""
}

// knownPattern reports whether a pattern covers any type there is.
func knownPattern(pattern string) bool { return event.Known(pattern, EventTypes()) }

// advance moves time to the next end of an action, start of a run that waits, or run of
// one of the further steps, if the world's clock jumps to what a client waits for, and
// reports whether it did. It goes no further than to the next reset, which would begin
// everything again.
func (a *API) advance(tx *engine.Tx, further ...string) bool {
	if tx.Mode() != engine.Auto || a.settingsOf(tx).Progression.reads() > 0 {
		return false
	}
	next, ok := tx.Next(append(further, finishStep, job.RunStep)...)
	if reset := tx.NextReset(); !ok || !reset.IsZero() && reset.Before(next.At) {
		return false
	}
	tx.AdvanceTo(next.At)
	return true
}

// stepsTo lists the steps that lead to the types of events that a client names.
func (a *API) stepsTo(types []string) (steps []string) {
	for _, family := range [...]struct{ prefix, step string }{{"job.", job.TickStep}, {"webhook.", a.outbox.AttemptStep()}, {"autoscale.", evaluateStep}} {
		if slices.ContainsFunc(types, func(t string) bool { return strings.HasPrefix(t, family.prefix) }) {
			steps = append(steps, family.step)
		}
	}
	return steps
}

// objectID is the id of the object of an event, "" if it has none.
func objectID(e *event.Event) string {
	var object struct {
		ID         string `json:"id"`
		InstanceID string `json:"instance_id"` // of an object without an id of its own, as a health
	}
	_ = json.Unmarshal(e.Object, &object)
	return cmp.Or(object.ID, object.InstanceID)
}
