package event

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Event is something that happened, as it is recorded for clients that poll, stream or
// have it delivered (S12, S15, S78). It is never changed.
type Event struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Sequence counts the events of the workspace from 1, so that a receiver can
	// bring them in order.
	Sequence  uint64 `json:"sequence"`
	ProjectID string `json:"project_id"` // "" for an event of the whole workspace
	// Object is the resource as the default version showed it then; Previous holds
	// the members that changed, as they were, and is nil for none.
	Object   jsontext.Value `json:"object"`
	Previous jsontext.Value `json:"previous,omitzero"`
	// Omitted names the members that were too large for an event, each with InObject or
	// InPrevious before its name; nil for none.
	Omitted []string  `json:"omitted,omitempty"`
	At      time.Time `json:"at"`
	// RequestID and IdempotencyKey are those of the request that caused the event, ""
	// for none.
	RequestID      string `json:"request_id"`
	IdempotencyKey string `json:"idempotency_key"`
}

// Draft is an event that is to be recorded.
type Draft struct {
	Type    string
	Project string // "" for an event of the whole workspace
	// Object is the resource as the API shows it in the default version: a
	// jsontext.Value, an httpapi.Appender, or what encoding/json writes.
	Object   any
	Previous map[string]any // members that changed, as they were; nil for none
	Cause    *Cause         // nil when time or a job caused the event
}

// Cause is the request that caused an event.
type Cause struct {
	RequestID      string
	IdempotencyKey string // "" for none
}

// CauseOf returns the request of a call as a cause.
func CauseOf(c *httpapi.Call) *Cause { return &Cause{c.RequestID, c.IdempotencyKey()} }

// encode returns an object as it is on the wire.
func encode(object any) jsontext.Value {
	if v, ok := object.(httpapi.Appender); ok {
		return v.AppendJSON(nil)
	}
	b, _ := httpapi.EncodeJSON(object) // bodies hold nothing that JSON has not
	return b
}

// encodePrevious writes the members in the order of their names; nil for none.
func encodePrevious(members map[string]any) jsontext.Value {
	if len(members) == 0 {
		return nil
	}
	o := resource.OpenObject(nil)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch v := members[name].(type) {
		case string:
			o.Text(name, v)
		default:
			o.Raw(name, encode(v))
		}
	}
	return o.Close()
}

// Selects reports whether a pattern covers a type: the type itself, a family such
// as "instance.*", or "*" (S78).
func Selects(pattern, eventType string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, family)
	}
	return pattern == eventType
}

// Known reports whether a pattern covers at least one of the types.
func Known(pattern string, types []string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok && family != "" && !strings.HasSuffix(family, ".") {
		return false
	}
	return slices.ContainsFunc(types, func(t string) bool { return Selects(pattern, t) })
}

// Patterns lists the patterns that cover at least one of the types, sorted.
func Patterns(types []string) []string {
	out := []string{"*"}
	for _, t := range types {
		for at := range t {
			if t[at] == '.' {
				out = append(out, t[:at+1]+"*")
			}
		}
		out = append(out, t)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Filter selects events. The zero Filter selects all.
type Filter struct {
	Types   []string // patterns; empty for any type
	Project string   // "" for any project, and for events of no project
}

// Selects reports whether the filter selects an event.
func (f *Filter) Selects(e *Event) bool {
	return (f.Project == "" || f.Project == e.ProjectID) &&
		(len(f.Types) == 0 || slices.ContainsFunc(f.Types, func(p string) bool { return Selects(p, e.Type) }))
}

// Public returns the event as the control API has it.
func (e *Event) Public() sandbox.APIEvent {
	return sandbox.APIEvent{
		ID: e.ID, Type: e.Type, Sequence: e.Sequence, ProjectID: e.ProjectID, At: e.At,
		Object: bytes.Clone(e.Object), Previous: bytes.Clone(e.Previous), Omitted: slices.Clone(e.Omitted), RequestID: e.RequestID,
	}
}

// validID reports whether an id can be on a line of a stream.
func validID(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkSaved refuses a row of a saved world.
func (l *Log) checkSaved(e Event, id string) error {
	switch {
	case id != e.ID || !validID(id):
		return fmt.Errorf("id is %q", e.ID)
	case !slices.Contains(l.config.Types, e.Type):
		return fmt.Errorf("type %q is unknown", e.Type)
	case e.Object.Kind() != '{' || e.Previous != nil && e.Previous.Kind() != '{':
		return errors.New("object or previous is not an object")
	}
	return nil
}
