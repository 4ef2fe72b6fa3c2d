package skystack

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// deliveryBody is a delivery on the wire.
type deliveryBody struct {
	ID            string         `json:"id"`
	WebhookID     string         `json:"webhook_id"`
	EventID       string         `json:"event_id"`
	EventType     string         `json:"event_type"`
	Status        webhook.Status `json:"status"`
	Reason        *string        `json:"reason"`
	ReplayOf      *string        `json:"replay_of"`
	Attempts      []attemptBody  `json:"attempts"`
	NextAttemptAt *string        `json:"next_attempt_at"`
	CreatedAt     string         `json:"created_at"`
	CompletedAt   *string        `json:"completed_at"`
}

type attemptBody struct {
	ID             string            `json:"id"`
	Number         int               `json:"number"`
	At             string            `json:"at"`
	Status         *int              `json:"status"`
	LatencyMS      int               `json:"latency_ms"`
	RequestHeaders map[string]string `json:"request_headers"`
	ResponseBody   *string           `json:"response_body"`
	Error          *Reason           `json:"error"`
	Sandbox        []string          `json:"sandbox"`
}

// RetryAfter implements httpapi.Waiting. An attempt takes as long as the receiver does,
// whatever the world's clock says.
func (deliveryBody) RetryAfter() int { return 1 }

func (a *API) deliveryBody(tx *engine.Tx, d webhook.Delivery) deliveryBody {
	w, _ := a.outbox.Endpoints.Get(tx, d.WebhookID)
	b := deliveryBody{
		ID: d.ID, WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, Status: d.Status, Reason: text(d.Reason),
		ReplayOf: text(d.ReplayOf), Attempts: []attemptBody{}, CreatedAt: resource.Stamp(d.CreatedAt),
	}
	for _, t := range d.Attempts {
		b.Attempts = append(b.Attempts, a.attemptBody(t, d, w))
	}
	if !d.Due.IsZero() {
		b.NextAttemptAt = text(resource.Stamp(d.Due.At))
	}
	if !d.CompletedAt.IsZero() {
		b.CompletedAt = text(resource.Stamp(d.CompletedAt))
	}
	return b
}

// attemptBody is an attempt on the wire, with the headers that were sent except for the
// signatures.
func (a *API) attemptBody(t webhook.Attempt, d webhook.Delivery, w webhook.Endpoint) attemptBody {
	b := attemptBody{
		ID: t.ID, Number: t.Number, At: resource.Stamp(t.At), LatencyMS: t.LatencyMS, RequestHeaders: map[string]string{}, ResponseBody: text(t.Body), Sandbox: t.Faults,
	}
	for name, values := range a.outbox.Sent(d, t, w.APIVersion).Header() {
		if lower := strings.ToLower(name); lower != "x-signature" && lower != "webhook-signature" {
			b.RequestHeaders[lower] = values[0]
		}
	}
	if t.Status != 0 {
		b.Status = &t.Status
	}
	if t.Error != "" {
		b.Error = &Reason{Code: t.Error, Message: t.Message}
	}
	if b.Sandbox == nil {
		b.Sandbox = []string{}
	}
	return b
}

type deliveryPath struct {
	webhookPath
	DeliveryID string `json:"-" path:"delivery_id"`
}

// delivery looks a delivery of an endpoint up.
func (a *API) delivery(tx *engine.Tx, at deliveryPath) (webhook.Endpoint, webhook.Delivery, error) {
	w, err := a.webhook(tx, at.webhookPath)
	d, ok := a.outbox.Deliveries.Get(tx, at.DeliveryID)
	if err != nil || !ok || d.WebhookID != w.ID {
		return w, d, fail.Newf(fail.NotFound, "delivery_not_found", "There is no delivery %q of the webhook %q.", fail.Clip(at.DeliveryID), fail.Clip(at.ID))
	}
	return w, d, nil
}

type listDeliveriesInput struct {
	paging
	webhookPath
	Status    string `json:"-" query:"status"`
	EventType string `json:"-" query:"event_type"`
}

// listDeliveries lists what was or will be delivered to an endpoint.
//
//	GET /v1/projects/{id}/webhooks/{webhook_id}/deliveries
func (a *API) listDeliveries(c *httpapi.Call, in listDeliveriesInput) (listBody[deliveryBody], error) {
	w, err := a.webhook(c.Tx, in.webhookPath)
	if err != nil {
		return listBody[deliveryBody]{}, err
	}
	a.advanceToAwaited(c, a.outbox.Due(c.Tx, func(of webhook.Endpoint, d webhook.Delivery) bool {
		return of.ID == w.ID && (in.EventType == "" || in.EventType == d.EventType)
	}))
	v := resource.List[webhook.Delivery]{Table: a.outbox.Deliveries, Nested: true, Name: strings.Join([]string{"deliveries", w.ID, in.Status, in.EventType}, "\x01")}
	v.Keep = func(d webhook.Delivery) bool {
		return d.WebhookID == w.ID && (in.Status == "" || string(d.Status) == in.Status) && (in.EventType == "" || d.EventType == in.EventType)
	}
	p, err := list(c, v, in.paging)
	return shown(p, func(d webhook.Delivery) deliveryBody { return a.deliveryBody(c.Tx, d) }), err
}

// getDelivery shows one delivery.
//
//	GET /v1/projects/{id}/webhooks/{webhook_id}/deliveries/{delivery_id}
func (a *API) getDelivery(c *httpapi.Call, in deliveryPath) (deliveryBody, error) {
	_, d, err := a.delivery(c.Tx, in)
	if err != nil {
		return deliveryBody{}, err
	}
	if a.advanceToAwaited(c, a.outbox.Due(c.Tx, func(_ webhook.Endpoint, next webhook.Delivery) bool { return next.ID == d.ID })) {
		if _, d, err = a.delivery(c.Tx, in); err != nil {
			return deliveryBody{}, err
		}
	}
	return a.deliveryBody(c.Tx, d), nil
}

// replayDelivery delivers an event once more, under its id (5.2).
//
//	POST /v1/projects/{id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay
func (a *API) replayDelivery(c *httpapi.Call, in deliveryPath) (deliveryBody, error) {
	w, d, err := a.delivery(c.Tx, in)
	if err != nil {
		return deliveryBody{}, err
	}
	if err := checkEnabled(w); err != nil {
		return deliveryBody{}, err
	}
	e, ok := a.events.Rows.Get(c.Tx, d.EventID)
	if !ok {
		return deliveryBody{}, fail.Newf(fail.Conflict, "event_gone", "The event %s is no longer kept, so it cannot be delivered again.", d.EventID)
	}
	return a.deliveryBody(c.Tx, a.outbox.Enqueue(c.Tx, w, posted(e), d.ID)), nil
}

// testWebhook delivers a test event to one endpoint, whatever it subscribes to.
//
//	POST /v1/projects/{id}/webhooks/{webhook_id}/test
func (a *API) testWebhook(c *httpapi.Call, in webhookPath) (deliveryBody, error) {
	w, err := a.webhook(c.Tx, in)
	if err != nil {
		return deliveryBody{}, err
	}
	if err := checkEnabled(w); err != nil {
		return deliveryBody{}, err
	}
	e := a.events.Record(c.Tx, event.Draft{Type: "webhook.test", Project: w.ProjectID, Object: a.webhookBody(c.Tx, w), Cause: event.CauseOf(c)})
	return a.deliveryBody(c.Tx, a.outbox.Enqueue(c.Tx, w, posted(e), "")), nil
}

// checkEnabled refuses an endpoint that nothing is delivered to.
func checkEnabled(w webhook.Endpoint) error {
	if w.Disabled == "" {
		return nil
	}
	return fail.Newf(fail.Conflict, "webhook_disabled", "The webhook is disabled (%s); enable it first with PATCH {\"status\":\"enabled\"}.", w.Disabled)
}
