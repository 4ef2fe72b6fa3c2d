package skystack

import (
	"context"
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Deliveries lists the deliveries of a world that match, oldest first.
func (a *API) Deliveries(w *engine.World, m sandbox.DeliveryMatch) []sandbox.Delivery {
	out := []sandbox.Delivery{}
	keep := chosenDelivery(m)
	w.View(func(tx *engine.Tx) {
		for row := range a.deliveries.After(tx, 0) {
			if keep(&row.Value) {
				out = append(out, row.Value.public())
			}
		}
	})
	return out
}

func chosenDelivery(m sandbox.DeliveryMatch) func(d *Delivery) bool {
	return func(d *Delivery) bool {
		return m.Chooses(&sandbox.Delivery{Webhook: d.WebhookID, Status: string(d.Status), EventType: d.EventType})
	}
}

func (d Delivery) public() sandbox.Delivery {
	out := sandbox.Delivery{
		ID: d.ID, Webhook: d.WebhookID, Event: d.EventID, EventType: d.EventType, Status: string(d.Status), Reason: d.Reason,
		Attempts: make([]sandbox.DeliveryAttempt, len(d.Attempts)), CreatedAt: d.CreatedAt,
	}
	if !d.Due.IsZero() {
		out.NextAttemptAt = d.Due.At
	}
	for n, t := range d.Attempts {
		out.Attempts[n] = sandbox.DeliveryAttempt{
			ID: t.ID, At: t.At, Status: t.Status, LatencyMS: t.LatencyMS, Error: t.Error, Message: t.Message,
		}
	}
	return out
}

// FlushWebhooks waits until no webhook is on its way and none waits in a lane:
// each that comes back sends the next one off before it counts as landed.
func (a *API) FlushWebhooks(ctx context.Context, w *engine.World) error {
	if err := w.Rest(ctx); err != nil {
		return fmt.Errorf("webhooks are still on their way: %w", err)
	}
	return nil
}
