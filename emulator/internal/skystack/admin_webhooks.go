package skystack

import (
	"context"
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Deliveries lists the deliveries of a world that match, oldest first.
func (a *API) Deliveries(w *engine.World, m sandbox.DeliveryMatch) []sandbox.Delivery {
	return a.outbox.List(w, m)
}

// FlushWebhooks waits until no delivery is in flight and none waits in a queue: each
// that is complete starts the next one before it counts as complete.
func (a *API) FlushWebhooks(ctx context.Context, w *engine.World) error {
	if err := w.WaitIdle(ctx); err != nil {
		return fmt.Errorf("webhooks are still in flight: %w", err)
	}
	return nil
}
