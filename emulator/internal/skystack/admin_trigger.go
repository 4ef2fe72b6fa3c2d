package skystack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Trigger emits an event of any type about an object, and says which webhooks get
// it.
func (a *API) Trigger(w *engine.World, t sandbox.Trigger) (out sandbox.Triggered, err error) {
	defer resource.Outward(&err)
	if !slices.Contains(EventTypes(), t.Type) {
		return out, fail.Newf(fail.Invalid, "unknown_event_type", "There is no event type %q%s; the types are %s.", fail.Clip(t.Type), near.Hint(t.Type, EventTypes()...), strings.Join(EventTypes(), ", "))
	}
	err = w.Do(func(tx *engine.Tx) error {
		s, example, err := a.subject(tx, t)
		if err != nil {
			return err
		}
		if err := tx.CheckBudget(ownGrowth); err != nil {
			return err
		}
		e := a.events.Record(tx, event.Draft{Type: t.Type, Project: s.project, Object: s.object})
		out = sandbox.Triggered{
			Event: e.ID, Type: e.Type, Object: objectID(&e), Example: example, Project: e.ProjectID, Webhooks: []sandbox.TriggeredWebhook{},
		}
		for _, w := range a.outbox.Receivers(tx, posted(e)) {
			out.Webhooks = append(out.Webhooks, sandbox.TriggeredWebhook{ID: w.ID, URL: w.URL})
		}
		if len(out.Webhooks) == 0 {
			out.Note = a.noWebhookReason(tx, e)
		}
		a.enqueue(tx, e)
		return nil
	})
	return out, err
}

// noWebhookReason returns why no webhook gets an event, and what to do.
func (a *API) noWebhookReason(tx *engine.Tx, e event.Event) string {
	if a.outbox.Endpoints.Len(tx) == 0 {
		return fmt.Sprintf("No webhook gets it: the workspace has none. Create one with POST /v1/projects/%s/webhooks, or run skystack-sandbox listen.",
			cmp.Or(e.ProjectID, a.settingsOf(tx).DefaultProject))
	}
	var reasons []string
	const most = 3
	for row := range a.outbox.Endpoints.After(tx, 0) {
		if len(reasons) == most {
			reasons = append(reasons, "and so on")
			break
		}
		switch w := row.Value; {
		case w.Disabled != "":
			reasons = append(reasons, fmt.Sprintf("%s is disabled (%s)", w.ID, w.Disabled))
		case e.ProjectID != "" && w.ProjectID != e.ProjectID:
			reasons = append(reasons, fmt.Sprintf("%s belongs to %s", w.ID, w.ProjectID))
		default:
			reasons = append(reasons, fmt.Sprintf("%s selects %s", w.ID, fail.Clip(strings.Join(w.EventTypes, ", "))))
		}
	}
	what := e.Type
	if e.ProjectID != "" {
		what += " of " + e.ProjectID
	}
	return fmt.Sprintf("No webhook gets it, for the event is %s: %s. Name a project or an object that fits, or change the webhook.", what, strings.Join(reasons, "; "))
}
