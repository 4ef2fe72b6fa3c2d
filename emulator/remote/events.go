package remote

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Events lists what happened and matches, oldest first, as far as it is kept.
func (w *Workspace) Events(m sandbox.EventMatch) []sandbox.APIEvent {
	w.t.Helper()
	out, err := w.events(w.life, m, nil)
	if err != nil {
		w.fail("Events", err)
	}
	return out
}

// events asks for the events that match, with more parameters.
func (w *Workspace) events(ctx context.Context, m sandbox.EventMatch, more url.Values) ([]sandbox.APIEvent, error) {
	q := url.Values{}
	for name, value := range map[string]string{"type": m.Type, "object_id": m.Object} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if m.Since != 0 {
		q.Set("since", strconv.FormatUint(m.Since, 10))
	}
	for name, values := range more {
		q[name] = values
	}
	var out list[sandbox.APIEvent]
	c := get("/_sandbox/events", &out)
	c.query = q
	err := w.do(ctx, c)
	return out.Data, err
}

// WaitForEvent returns the first event that matches, as soon as there is one. It
// does not move time: with a frozen clock somebody else must.
func (w *Workspace) WaitForEvent(ctx context.Context, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	for {
		found, err := w.events(ctx, m, url.Values{"wait": {round.String()}, "limit": {"1"}})
		if err == nil && len(found) > 0 {
			return found[0], nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return sandbox.APIEvent{}, fmt.Errorf("no event came that matches: %w", err)
		}
	}
}
