package skystack

import (
	"cmp"
	"context"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Listen adds a webhook whose messages are pulled with NextMessage.
func (a *API) Listen(w *engine.World, l sandbox.Listener) (_ sandbox.Listener, err error) {
	defer resource.Outward(&err)
	if why := webhook.Malformed(l.URL); why != "" {
		return l, fail.New(fail.Invalid, "invalid_url", "url: "+why)
	}
	if len(l.EventTypes) == 0 {
		l.EventTypes = []string{"*"}
	}
	if n := len(l.EventTypes); n > maxEventTypes {
		return l, fail.Newf(fail.Invalid, "too_many_event_types", "A listener has at most %d event types, not %d; families such as instance.* stand for several.", maxEventTypes, n)
	}
	for _, pattern := range l.EventTypes {
		if !knownPattern(pattern) {
			return l, fail.Newf(fail.Invalid, "unknown_event_type", "%s; use *, a family such as instance.*, or a type such as instance.running.", noEventType(pattern))
		}
	}
	if l.Secret != "" {
		if err := webhook.CheckSecret(l.Secret); err != nil {
			return l, fail.Parameters(fail.Detail{Field: "secret", Location: fail.Body, Code: "invalid_format", Message: "secret: " + err.Error()})
		}
	}
	err = w.Do(func(tx *engine.Tx) error {
		l.Project = cmp.Or(l.Project, a.settingsOf(tx).DefaultProject)
		switch {
		case !a.projects.Has(tx, l.Project):
			return noProject(l.Project)
		case a.outbox.Endpoints.Len(tx) >= maxWebhooks:
			return fail.Newf(fail.Conflict, "quota_exceeded", "The workspace has %d webhooks, which is all it may have; delete one first.", maxWebhooks)
		}
		if l.Secret == "" { // the same for a URL, so that a receiver keeps the one it has
			l.Secret = webhook.NewSecret(tx.SecretOf("listener/" + l.URL))
		}
		l.ID = a.outbox.Add(tx, webhook.Endpoint{
			ProjectID: l.Project, URL: l.URL, EventTypes: l.EventTypes, Description: "skystack-sandbox listen", Listener: true, APIVersion: defaultVersion,
		}, l.Secret).ID
		return nil
	})
	return l, err
}

// ForgetListeners drops what is kept for the listeners of a world that has ended.
func (a *API) ForgetListeners(w *engine.World) { a.outbox.Forget(w) }

// NextMessage waits for the next message of a listener, and takes it.
func (a *API) NextMessage(ctx context.Context, w *engine.World, id string) (_ sandbox.Message, err error) {
	defer resource.Outward(&err)
	return a.outbox.NextMessage(ctx, w, id)
}

// AnswerMessage reports the outcome of a message that a listener took.
func (a *API) AnswerMessage(w *engine.World, id, attempt string, r sandbox.Answer) (err error) {
	defer resource.Outward(&err)
	return a.outbox.AnswerMessage(w, id, attempt, r)
}

// StopListening removes a listener and abandons its open deliveries.
func (a *API) StopListening(w *engine.World, id string) (err error) {
	defer resource.Outward(&err)
	return a.outbox.StopListening(w, id)
}
