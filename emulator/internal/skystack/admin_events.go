package skystack

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Events lists the kept events of a world that match, oldest first.
func (a *API) Events(w *engine.World, m sandbox.EventMatch) []sandbox.APIEvent {
	return a.events.List(w, m)
}

// WaitForEvent returns the first event of a world that matches, as soon as there
// is one.
func (a *API) WaitForEvent(ctx context.Context, w *engine.World, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	if err := a.CheckEventMatch(m); err != nil {
		return sandbox.APIEvent{}, err
	}
	return a.events.WaitFor(ctx, w, m)
}
