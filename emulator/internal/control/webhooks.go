package control

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// webhooksHandlers lists the operations of this file.
func (a *API) webhooksHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("listDeliveries", a.listDeliveries),
		handle("flushWebhooks", a.flushWebhooks),
		handle("triggerEvent", a.triggerEvent),
	}
}

type listDeliveries struct {
	Webhook   string `query:"webhook"`
	Status    string `query:"status"`
	EventType string `query:"event_type"`
	pageInput
}

// listDeliveries lists the deliveries that match, oldest first.
//
//	GET /_sandbox/deliveries
func (a *API) listDeliveries(c *call, in listDeliveries) (page[sandbox.Delivery], error) {
	m := sandbox.DeliveryMatch{Webhook: in.Webhook, Status: in.Status, EventType: in.EventType}
	if err := a.Names.CheckDeliveryMatch(c.world, m); err != nil {
		return page[sandbox.Delivery]{}, err
	}
	return pageOf(a.Pages.DeliveriesPage(c.world, m, in.Cursor, in.limit()))
}

type flushed struct {
	Flushed bool `json:"flushed"`
}

// flushWebhooks waits until no delivery is in flight.
//
//	POST /_sandbox/webhooks/flush
func (a *API) flushWebhooks(c *call, in waitInput) (flushed, error) {
	d, err := in.duration()
	if err != nil {
		return flushed{}, err
	}
	if in.Wait == "" {
		d = maxWait
	}
	done, err := a.wait(c, d, func(ctx context.Context) error { return c.workspace.FlushWebhooks(ctx) })
	return flushed{done}, err
}

// triggerEvent emits an event of any type.
//
//	POST /_sandbox/trigger
func (a *API) triggerEvent(c *call, in sandbox.Trigger) (sandbox.Triggered, error) {
	return c.workspace.Trigger(in)
}
