package remote

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Deliveries lists what is, was or will be delivered to webhooks and matches,
// oldest first, with the error of each attempt that failed.
func (w *Workspace) Deliveries(m sandbox.DeliveryMatch) []sandbox.Delivery {
	w.t.Helper()
	q := url.Values{}
	for name, value := range map[string]string{"webhook": m.Webhook, "status": m.Status, "event_type": m.EventType} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return all[sandbox.Delivery](w, "Deliveries", "/_sandbox/deliveries", q)
}

// FlushWebhooks waits until no delivery is in flight or queued. A delivery that waits for
// a later attempt does not count.
func (w *Workspace) FlushWebhooks(ctx context.Context) error {
	for {
		var out struct {
			Flushed bool `json:"flushed"`
		}
		c := post("/_sandbox/webhooks/flush", nil, http.StatusOK, &out)
		c.query = url.Values{"wait": {round.String()}}
		err := w.do(ctx, c)
		if err == nil && !out.Flushed {
			err = context.Cause(ctx)
		}
		switch {
		case err != nil:
			return fmt.Errorf("webhooks are still in flight: %w", err)
		case out.Flushed:
			return nil
		}
	}
}

// Trigger emits an event of any type about an object, and says which object it is
// about and which webhooks get it.
func (w *Workspace) Trigger(t sandbox.Trigger) (out sandbox.Triggered, err error) {
	err = w.do(w.life, post("/_sandbox/trigger", t, http.StatusOK, &out))
	return out, err
}

const listeners = "/_sandbox/listeners"

// Listen adds a webhook whose messages are not sent: a listener pulls them with
// NextMessage.
func (w *Workspace) Listen(l sandbox.Listener) (out sandbox.Listener, err error) {
	err = w.do(w.life, post(listeners, l, http.StatusCreated, &out))
	return out, err
}

// NextMessage waits for the next message of a listener.
func (w *Workspace) NextMessage(ctx context.Context, listener string) (sandbox.Message, error) {
	path, err := item(listeners, "listener", listener)
	if err != nil {
		return sandbox.Message{}, err
	}
	for {
		var out list[sandbox.Message]
		c := post(path+"/next", nil, http.StatusOK, &out)
		c.query = url.Values{"wait": {round.String()}}
		if err := w.do(ctx, c); err != nil {
			return sandbox.Message{}, err
		}
		if len(out.Data) > 0 {
			return out.Data[0], nil
		}
		if ctx.Err() != nil {
			return sandbox.Message{}, context.Cause(ctx)
		}
	}
}

// AnswerMessage reports the outcome of a message.
func (w *Workspace) AnswerMessage(listener, attempt string, a sandbox.Answer) error {
	path, err := item(listeners, "listener", listener)
	if err == nil {
		path, err = item(path+"/attempts", "attempt", attempt)
	}
	if err != nil {
		return err
	}
	return w.do(w.life, post(path, a, http.StatusNoContent, nil))
}

// StopListening removes a listener and abandons its open deliveries.
func (w *Workspace) StopListening(listener string) error {
	path, err := item(listeners, "listener", listener)
	if err != nil {
		return err
	}
	return w.do(w.life, remove(path))
}
