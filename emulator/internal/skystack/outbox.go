package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// productName begins the names of the headers of messages.
const productName = "SkyStack"

// newOutbox connects the outbox to the API: its events, its projects and its contract.
func (a *API) newOutbox(schema *engine.Schema) *webhook.Outbox {
	c := webhook.Config{
		Product: productName,
		Sender:  a.Sender, Jitter: a.WebhookJitter, Findings: a.Findings, KeepFor: event.Lifetime, Selects: event.Selects, CheckEndpoint: checkEndpoint,
		ProjectExists: a.projects.Has,
		Render: func(tx *engine.Tx, id, version string) ([]byte, bool) {
			e, ok := a.events.Rows.Get(tx, id)
			if !ok {
				return nil, false
			}
			return appendEvent(nil, &e, tx.World().ID(), version), true
		},
		Removed: func(tx *engine.Tx, w webhook.Endpoint) { a.tombstones.Add(tx, w.ID, w.ProjectID) },
	}
	if a.CheckEvents {
		c.CheckBody = func(body []byte) error {
			contract, err := contract()
			if err != nil {
				return err
			}
			return contract.CheckEvent("getEvent", body)
		}
	}
	return webhook.New(schema, c)
}

// posted is an event as the outbox knows it.
func posted(e event.Event) webhook.Event {
	return webhook.Event{ID: e.ID, Type: e.Type, ProjectID: e.ProjectID}
}

// enqueue enqueues an event for the webhooks that select it.
func (a *API) enqueue(tx *engine.Tx, e event.Event) { a.outbox.Post(tx, posted(e)) }
