package skystack

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// finishDelivery ends a delivery and forgets the oldest of those that are over.
func (a *API) finishDelivery(tx *engine.Tx, d Delivery, s DeliveryStatus, reason string) Delivery {
	tx.Cancel(d.Due)
	tx.Finish(d.ID)
	engine.Own(a.mailboxes, tx, d.WebhookID).Open--
	d.Status, d.Reason, d.Due, d.Next, d.CompletedAt = s, reason, engine.Booking{}, "", tx.Now()
	a.deliveries.Put(tx, d.ID, d)
	a.finished.Put(tx, d.ID, finishedAt{tx.Now()})
	for {
		oldest, ok := a.finished.At(tx, 0)
		if !ok || a.finished.Len(tx) <= maxFinished && tx.Now().Sub(oldest.Value.At) < eventLife {
			return d
		}
		a.finished.Delete(tx, oldest.ID)
		a.deliveries.Delete(tx, oldest.ID)
	}
}

// finishedAt says when a delivery ended, in the order in which they did.
type finishedAt struct {
	At time.Time `json:"at"`
}

// abandon gives up everything that an endpoint has not got yet. It looks at all
// deliveries of the workspace, for it is rare.
func (a *API) abandon(tx *engine.Tx, webhookID, why string) {
	var open []Delivery
	for row := range a.deliveries.After(tx, 0) {
		if row.Value.WebhookID == webhookID && !row.Value.Status.over() {
			open = append(open, row.Value)
		}
	}
	for _, d := range open {
		a.flights.Delete(tx, d.ID)
		a.finishDelivery(tx, d, Abandoned, why)
	}
	box := engine.Own(a.mailboxes, tx, webhookID)
	box.First, box.Again = lane{}, lane{}
}
