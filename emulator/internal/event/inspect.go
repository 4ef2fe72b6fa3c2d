package event

import (
	"context"
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Matching returns a filter that accepts the events that match.
func (l *Log) Matching(m sandbox.EventMatch) func(e *Event) bool {
	return func(e *Event) bool {
		return (m.Since == 0 || e.Sequence > m.Since) && (m.Type == "" || Selects(m.Type, e.Type)) && (m.Object == "" || m.Object == l.config.ObjectID(e))
	}
}

// List lists the kept events of a world that match, oldest first.
func (l *Log) List(w *engine.World, m sandbox.EventMatch) []sandbox.APIEvent {
	out := []sandbox.APIEvent{}
	matches := l.Matching(m)
	w.View(func(tx *engine.Tx) {
		for row := range l.Rows.After(tx, 0) {
			if matches(&row.Value) {
				out = append(out, row.Value.Public())
			}
		}
	})
	return out
}

// WaitFor returns the first event of a world that matches, as soon as there is one. Its
// error wraps the cause of the context when that ends first, and sandbox.ErrNotFound
// when the world does.
func (l *Log) WaitFor(ctx context.Context, w *engine.World, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	matches := l.Matching(m)
	var gen engine.Generation
	var last uint64
	for {
		changed := w.Changed()
		var found *Event
		ended := false
		w.View(func(tx *engine.Tx) {
			ended = tx.Closed()
			if now := tx.Generation(); now != gen {
				gen, last = now, 0 // another table
			}
			for row := range l.Rows.After(tx, last) {
				if last = row.Seq; matches(&row.Value) {
					found = &row.Value
					break
				}
			}
		})
		if found != nil {
			return found.Public(), nil
		}
		if ended {
			return sandbox.APIEvent{}, fmt.Errorf("waiting for an event%s: none came: %w", described(m), errEnded)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return sandbox.APIEvent{}, fmt.Errorf("waiting for an event%s: none came: %w", described(m), context.Cause(ctx))
		}
	}
}

// described says what a match asks for, to follow "an event".
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
