package skystack

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Events lists the kept events of a world that match, oldest first.
func (a *API) Events(w *engine.World, m sandbox.EventMatch) []sandbox.APIEvent {
	out := []sandbox.APIEvent{}
	w.View(func(tx *engine.Tx) {
		for row := range a.events.After(tx, 0) {
			if chosen(m, &row.Value) {
				out = append(out, row.Value.public())
			}
		}
	})
	return out
}

// WaitForEvent returns the first event of a world that matches, as soon as there
// is one.
func (a *API) WaitForEvent(ctx context.Context, w *engine.World, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	if err := a.CheckEventMatch(m); err != nil {
		return sandbox.APIEvent{}, err
	}
	var gen engine.Generation
	var last uint64
	for {
		changed := w.Changed()
		var found *Event
		gone := false
		w.View(func(tx *engine.Tx) {
			gone = tx.Closed()
			if now := tx.Generation(); now != gen {
				gen, last = now, 0 // another table
			}
			for row := range a.events.After(tx, last) {
				if last = row.Seq; chosen(m, &row.Value) {
					found = &row.Value
					break
				}
			}
		})
		if found != nil {
			return found.public(), nil
		}
		if gone {
			return sandbox.APIEvent{}, fmt.Errorf("waiting for an event%s: none came: %w", described(m), errGone)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return sandbox.APIEvent{}, fmt.Errorf("waiting for an event%s: none came: %w", described(m), context.Cause(ctx))
		}
	}
}

func chosen(m sandbox.EventMatch, e *Event) bool {
	return (m.Since == 0 || e.Sequence > m.Since) && (m.Type == "" || selects(m.Type, e.Type)) && (m.Object == "" || m.Object == e.objectID())
}

// objectID is the id of what the event is about, "" if it has none.
func (e *Event) objectID() string {
	var object struct {
		ID         string `json:"id"`
		InstanceID string `json:"instance_id"` // of what has no id of its own, as a health
	}
	_ = json.Unmarshal(e.Object, &object)
	return cmp.Or(object.ID, object.InstanceID)
}

// described is what a match asks for, to follow "an event".
func described(m sandbox.EventMatch) (text string) {
	if m.Type != "" {
		text += " of type " + m.Type
	}
	if m.Object != "" {
		text += " about " + fail.Clip(m.Object)
	}
	if m.Since > 0 {
		text += fmt.Sprintf(" after number %d", m.Since)
	}
	return text
}

func (e *Event) public() sandbox.APIEvent {
	return sandbox.APIEvent{
		ID: e.ID, Type: e.Type, Sequence: e.Sequence, ProjectID: e.ProjectID, At: e.At,
		Object: bytes.Clone(e.Object), Previous: bytes.Clone(e.Previous), Omitted: slices.Clone(e.Omitted), RequestID: e.RequestID,
	}
}
