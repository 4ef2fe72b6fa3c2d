package webhook

import (
	"context"
	"net/http"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Forget drops what is kept for the listeners of a world that has ended.
func (o *Outbox) Forget(w *engine.World) { o.pulled.closeWorld(w) }

// isListener refuses an id that is not a listener's.
func (o *Outbox) isListener(w *engine.World, id string) error {
	return w.Do(func(tx *engine.Tx) error {
		if e, ok := o.Endpoints.Get(tx, id); !ok || !e.Listener {
			return fail.Newf(fail.NotFound, "listener_not_found", "There is no listener %q; it was deleted, or the workspace was reset.", fail.Clip(id))
		}
		return nil
	})
}

// NextMessage waits for the next message of a listener, and takes it.
func (o *Outbox) NextMessage(ctx context.Context, w *engine.World, id string) (sandbox.Message, error) {
	for {
		changed := w.Changed()
		if err := o.isListener(w, id); err != nil {
			o.pulled.close(listenerKey{w, id})
			return sandbox.Message{}, err
		}
		m, ok := o.pulled.pull(ctx, listenerKey{w, id}, changed)
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

// maxReport bounds the message that a listener reports, in bytes.
const maxReport = 1000

// AnswerMessage reports the outcome of a message that a listener took.
func (o *Outbox) AnswerMessage(w *engine.World, id, attempt string, r sandbox.Answer) error {
	if err := o.isListener(w, id); err != nil {
		return err
	}
	var out Outcome
	switch {
	case r.Status != 0 && (r.Status < 100 || r.Status > 999):
		return fail.Newf(fail.Invalid, "invalid_status", "%d is not an HTTP status.", r.Status)
	case r.Status != 0:
		out = Responded(r.Status, http.Header{"Retry-After": {r.RetryAfter}}, r.Body, engine.WallNow())
	case !slices.Contains(Errors(), r.Error):
		return fail.New(fail.Invalid, "invalid_error", "Give the status of the receiver's response, or the error that there was instead of one, such as connection_refused.")
	default:
		out = Outcome{Error: r.Error, Message: fail.ClipAt(r.Message, maxReport)}
	}
	if !o.pulled.report(listenerKey{w, id}, attempt, out) {
		return fail.Newf(fail.NotFound, "attempt_not_found", "No delivery waits for the attempt %q; its time may be over.", fail.Clip(attempt))
	}
	return nil
}

// StopListening removes a listener and abandons its open deliveries.
func (o *Outbox) StopListening(w *engine.World, id string) error {
	if err := o.isListener(w, id); err != nil {
		return err
	}
	o.pulled.close(listenerKey{w, id})
	return w.Do(func(tx *engine.Tx) error {
		if e, ok := o.Endpoints.Get(tx, id); ok {
			o.Remove(tx, e, "the listener has ended")
		}
		return nil
	})
}
