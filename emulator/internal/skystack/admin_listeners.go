package skystack

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Listen adds a webhook whose messages are pulled with NextMessage.
func (a *API) Listen(w *engine.World, l sandbox.Listener) (_ sandbox.Listener, err error) {
	defer told(&err)
	if why := malformedURL(l.URL); why != "" {
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
		case !has(a.projects, tx, l.Project):
			return noProject(l.Project)
		case a.webhooks.Len(tx) >= maxWebhooks:
			return fail.Newf(fail.Conflict, "quota_exceeded", "The workspace has %d webhooks, which is all it may have; delete one first.", maxWebhooks)
		}
		row := Webhook{
			ID: a.webhooks.NewID(tx, "whk"), ProjectID: l.Project, URL: l.URL, EventTypes: l.EventTypes, Description: "skystack-sandbox listen", Listener: true,
			Format: webhook.BodyHex, APIVersion: defaultVersion, TimeoutMS: standardTimeoutMS, MaxInFlight: standardInFlight, Version: 1,
			CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		l.ID = row.ID
		if l.Secret == "" { // the receiver knows that of the last time
			l.Secret = webhook.NewSecret(tx.SecretOf("listener/" + l.URL))
		}
		a.webhooks.Put(tx, row.ID, row)
		a.secrets.Put(tx, row.ID, secrets{Current: l.Secret})
		return nil
	})
	if err == nil {
		a.relay.open(relayDesk{w, l.ID})
	}
	return l, err
}

// ForgetListeners drops what is kept for the listeners of a world that has ended.
func (a *API) ForgetListeners(w *engine.World) { a.relay.forgetWorld(w) }

// listener refuses an id that is no listener's.
func (a *API) listener(w *engine.World, id string) error {
	return w.Do(func(tx *engine.Tx) error {
		if row, ok := a.webhooks.Get(tx, id); !ok || !row.Listener {
			return fail.Newf(fail.NotFound, "listener_not_found", "There is no listener %q; it was deleted, or the workspace was reset.", clip(id))
		}
		return nil
	})
}

// NextMessage waits for the next message of a listener, and hands it over.
func (a *API) NextMessage(ctx context.Context, w *engine.World, id string) (_ sandbox.Message, err error) {
	defer told(&err)
	for {
		changed := w.Changed()
		if err := a.listener(w, id); err != nil {
			a.relay.forget(relayDesk{w, id})
			return sandbox.Message{}, err
		}
		m, ok := a.relay.next(ctx, relayDesk{w, id}, changed)
		if ok {
			out := sandbox.Message{Attempt: m.DeliveryID, Event: m.EventID, EventType: m.EventType, Header: map[string]string{}, Body: string(m.Body)}
			for name, values := range m.Header() {
				out.Header[name] = values[0]
			}
			return out, nil
		}
		if ctx.Err() != nil {
			return sandbox.Message{}, context.Cause(ctx)
		}
	}
}

// maxMessage bounds what a listener says of an attempt, in bytes.
const maxMessage = 1000

// AnswerMessage says what became of a message.
func (a *API) AnswerMessage(w *engine.World, id, attempt string, r sandbox.Answer) (err error) {
	defer told(&err)
	if err := a.listener(w, id); err != nil {
		return err
	}
	var out webhook.Outcome
	switch {
	case r.Status != 0 && (r.Status < 100 || r.Status > 999):
		return fail.Newf(fail.Invalid, "invalid_status", "%d is no status of an answer.", r.Status)
	case r.Status != 0:
		out = webhook.Answered(r.Status, http.Header{"Retry-After": {r.RetryAfter}}, r.Body, engine.WallNow())
	case !slices.Contains(webhook.Errors(), r.Error):
		return fail.Newf(fail.Invalid, "invalid_error", "Say the status that the receiver answered, or the error why it did not, as connection_refused.")
	default:
		out = webhook.Outcome{Error: r.Error, Message: clipAt(r.Message, maxMessage)}
	}
	if !a.relay.answer(relayDesk{w, id}, attempt, out) {
		return fail.Newf(fail.NotFound, "attempt_not_found", "Nobody waits for the attempt %q; its time may be over.", clip(attempt))
	}
	return nil
}

// StopListening takes the listener away, with what it has not got yet.
func (a *API) StopListening(w *engine.World, id string) (err error) {
	defer told(&err)
	if err := a.listener(w, id); err != nil {
		return err
	}
	a.relay.forget(relayDesk{w, id})
	return w.Do(func(tx *engine.Tx) error {
		if row, ok := a.webhooks.Get(tx, id); ok {
			a.dropWebhook(tx, row, "the listener has ended")
		}
		return nil
	})
}
