package skystack

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Event is something that happened, as it is kept for those who poll, stream or
// have it delivered (S12, S15, S78). It is never changed.
type Event struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Sequence counts the events of the workspace from 1, so that a receiver can
	// bring them in order.
	Sequence  uint64 `json:"sequence"`
	ProjectID string `json:"project_id"` // "" for what concerns the workspace
	// Object is the resource as the default version showed it then; Previous holds
	// the members that changed, as they were, and is nil for none.
	Object   jsontext.Value `json:"object"`
	Previous jsontext.Value `json:"previous,omitzero"`
	// Omitted names the members that were too large for an event; nil for none.
	Omitted []string  `json:"omitted,omitempty"`
	At      time.Time `json:"at"`
	// RequestID and IdempotencyKey are those of the request behind it, "" for none.
	RequestID      string `json:"request_id"`
	IdempotencyKey string `json:"idempotency_key"`
}

// selects reports whether a pattern covers a type: the type itself, a family such
// as "instance.*", or "*" (S78).
func selects(pattern, eventType string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, family)
	}
	return pattern == eventType
}

// knownPattern reports whether a pattern covers any type there is.
func knownPattern(pattern string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok && family != "" && !strings.HasSuffix(family, ".") {
		return false
	}
	return slices.ContainsFunc(EventTypes(), func(t string) bool { return selects(pattern, t) })
}

// newEvent is what emit is told.
type newEvent struct {
	Type     string
	Project  string         // "" for what concerns the whole workspace
	Object   any            // what the API shows of it in the default version
	Previous map[string]any // members that changed, as they were; nil for none
	Cause    *cause         // the request behind it; nil when time or a job did it
}

// cause is the request that made something happen.
type cause struct{ RequestID, IdempotencyKey string }

func causeOf(c *httpapi.Call) *cause { return &cause{c.RequestID, c.IdempotencyKey()} }

// cause is the request that asked for the action; nil if none did.
func (t Action) cause() *cause {
	if t.RequestID == "" {
		return nil
	}
	return &cause{t.RequestID, t.IdempotencyKey}
}

// emit records that something happened and hands it to those who wait for it.
func (a *API) emit(tx *engine.Tx, h newEvent) {
	a.record(tx, h.Type, h.Project, shownAs(h.Object), previousOf(h.Previous), h.Cause)
}

// shownAs is an object as it stands on the wire.
func shownAs(object any) jsontext.Value {
	if own, ok := object.(httpapi.Appender); ok {
		return own.AppendJSON(nil)
	}
	b, _ := httpapi.EncodeJSON(object) // bodies hold nothing that JSON has not
	return b
}

// How much of the past is kept: by age, and so that a world stays small.
const (
	eventLife = 30 * 24 * time.Hour
	maxEvents = 100_000
	// keptEvents are kept even where the budget has no room.
	keptEvents = 100
)

// record keeps an event, and has it delivered and answered by the jobs it triggers.
func (a *API) record(tx *engine.Tx, eventType, project string, object jsontext.Value, previous jsontext.Value, by *cause) {
	e := a.keep(tx, eventType, project, object, previous, by)
	a.post(tx, e)
	a.jobsOn(tx, &e)
}

func (a *API) keep(tx *engine.Tx, eventType, project string, object jsontext.Value, previous jsontext.Value, by *cause) Event {
	e := Event{
		ID: a.events.NewID(tx, "evt"), Type: eventType, Sequence: tx.Count("event") + 1, ProjectID: project, Object: object, Previous: previous, At: tx.Now(),
	}
	if by != nil {
		e.RequestID, e.IdempotencyKey = by.RequestID, by.IdempotencyKey
	}
	e.fit()
	return a.add(tx, e)
}

// add keeps an event and drops those that are too old, or too many.
func (a *API) add(tx *engine.Tx, e Event) Event {
	a.events.Put(tx, e.ID, e)
	for n := 0; ; n++ {
		oldest, ok := a.events.At(tx, 0)
		// What happens by itself cannot be refused: where the budget has no room for it,
		// the oldest events go sooner.
		crowded := n < 2 && a.events.Len(tx) > keptEvents && tx.Room(0) != nil
		if !ok || a.events.Len(tx) <= maxEvents && e.At.Sub(oldest.Value.At) < eventLife && !crowded {
			return e
		}
		a.events.Delete(tx, oldest.ID)
		tx.Count(droppedEvents)
	}
}

// previousOf writes the members in the order of their names; nil for none.
func previousOf(members map[string]any) jsontext.Value {
	if len(members) == 0 {
		return nil
	}
	o := resource.OpenObject(nil)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		o.Name(name)
		switch v := members[name].(type) {
		case string:
			o.B = httpapi.AppendString(o.B, v)
		default:
			o.B = append(o.B, shownAs(v)...)
		}
	}
	return o.Close()
}

// emitChange records what an instance went through: the events in order, and that its
// status changed if it did. before is the status it had.
func (a *API) emitChange(tx *engine.Tx, i *Instance, before Status, by *cause, types ...string) {
	shown := jsontext.Value(writeInstance(make([]byte, 0, 1<<10), i, ""))
	var previous jsontext.Value
	if before != i.Status && before != "" {
		o := resource.OpenObject(make([]byte, 0, 32))
		o.Text("status", string(before))
		previous = o.Close()
	}
	for _, t := range types {
		if t != "" {
			a.record(tx, t, i.ProjectID, shown, previous, by)
		}
	}
	if previous != nil {
		a.record(tx, "instance.status_changed", i.ProjectID, shown, previous, by)
		a.watchHealth(tx, i, before, by)
		a.watchMetrics(tx, *i, by)
	}
}

// emitActionEnd records how an action ended, unless it was called off.
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
	a.record(tx, eventType, i.ProjectID, t.body(tx.Now()).AppendJSON(make([]byte, 0, 512)), nil, nil)
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

// write is the event as a client of a version sees it, and as it is delivered
// (5.2).
func (e *Event) write(to []byte, workspace, version string) []byte {
	o := resource.OpenObject(to)
	o.Text("id", e.ID)
	o.Text("type", e.Type)
	o.Text("api_version", version)
	o.Time("created_at", e.At)
	o.Time("timestamp", e.At)
	o.Text("workspace_id", workspace)
	o.TextOrNull("project_id", e.ProjectID)
	o.Name("sequence")
	o.B = strconv.AppendUint(o.B, e.Sequence, 10)
	o.Name("data")
	data := resource.OpenObject(o.B)
	data.Raw("object", e.in(version, e.Object))
	data.Raw("previous_attributes", e.in(version, e.Previous))
	if len(e.Omitted) > 0 {
		data.Raw("omitted", shownAs(e.Omitted))
	}
	o.B = data.Close()
	if e.RequestID == "" {
		o.Null("request")
		return o.Close()
	}
	o.Name("request")
	request := resource.OpenObject(o.B)
	request.Text("id", e.RequestID)
	request.TextOrNull("idempotency_key", e.IdempotencyKey)
	o.B = request.Close()
	return o.Close()
}

// in is the object, or what it had before, as another version has it: the strict
// ones only leave members out (6.2).
func (e *Event) in(version string, members jsontext.Value) jsontext.Value {
	if version == defaultVersion || members == nil || !strings.HasPrefix(e.Type, "instance.") {
		return members
	}
	unknown := []string{"size"}
	if version == pageEra {
		unknown = []string{"profile", "autoscale", "autoscale_policy"}
	}
	return resource.Without(members, "", unknown)
}

// plainID reports whether an id can stand on a line of a stream.
func plainID(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkSaved refuses a row of a saved world.
func (e Event) checkSaved(id string) error {
	switch {
	case id != e.ID || !plainID(id):
		return fmt.Errorf("id is %q", e.ID)
	case !slices.Contains(EventTypes(), e.Type):
		return fmt.Errorf("type %q is unknown", e.Type)
	case e.Object.Kind() != '{' || e.Previous != nil && e.Previous.Kind() != '{':
		return errors.New("object or previous is not an object")
	}
	return nil
}
