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
	return all[sandbox.APIEvent](w, "Events", "/_sandbox/events", matching(m))
}

// matching is a match as parameters.
func matching(m sandbox.EventMatch) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"type": m.Type, "object_id": m.Object} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if m.Since != 0 {
		q.Set("since", strconv.FormatUint(m.Since, 10))
	}
	return q
}

// WaitForEvent returns the first event that matches, as soon as there is one. It
// does not move time: with a frozen clock another caller must.
func (w *Workspace) WaitForEvent(ctx context.Context, m sandbox.EventMatch) (sandbox.APIEvent, error) {
	for {
		var found list[sandbox.APIEvent]
		c := get("/_sandbox/events", &found)
		c.query = matching(m)
		c.query.Set("wait", round.String())
		c.query.Set("limit", "1")
		err := w.do(ctx, c)
		if err == nil && len(found.Data) > 0 {
			return found.Data[0], nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return sandbox.APIEvent{}, fmt.Errorf("no matching event was emitted: %w", err)
		}
	}
}
