package skystack

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// DeliveryStatus is how far a delivery is.
type DeliveryStatus string

// The statuses of a delivery.
const (
	Queued     DeliveryStatus = "queued"     // waits in a lane
	Delivering DeliveryStatus = "delivering" // waits for the receiver
	Waiting    DeliveryStatus = "waiting"    // waits for its time
	Succeeded  DeliveryStatus = "succeeded"
	Exhausted  DeliveryStatus = "exhausted" // failed as often as it may
	Abandoned  DeliveryStatus = "abandoned" // given up for Reason
)

func (s DeliveryStatus) over() bool { return s == Succeeded || s == Exhausted || s == Abandoned }

// Delivery is the delivery of one event to one endpoint (S80).
type Delivery struct {
	ID        string         `json:"id"`
	WebhookID string         `json:"webhook_id"`
	EventID   string         `json:"event_id"`
	EventType string         `json:"event_type"`
	Status    DeliveryStatus `json:"status"`
	Reason    string         `json:"reason"`
	ReplayOf  string         `json:"replay_of"`
	// Tries counts the attempts that count; Attempts has those too that only the
	// sandbox's weather made.
	Tries       int            `json:"tries"`
	Attempts    []Attempt      `json:"attempts"`
	FirstAt     time.Time      `json:"first_at"` // of the first attempt
	SentAt      time.Time      `json:"sent_at"`  // of the last one
	Due         engine.Booking `json:"due"`      // of the next one; zero when none is booked
	Next        string         `json:"next"`     // the delivery behind it in its lane
	CreatedAt   time.Time      `json:"created_at"`
	CompletedAt time.Time      `json:"completed_at"`
	Forecast    *forecast      `json:"forecast,omitzero"` // nil for fair weather
}

func (d Delivery) rescheduled(old, moved engine.Booking) Delivery {
	if d.Due == old {
		d.Due = moved
	}
	return d
}

// Attempt is one request to an endpoint.
type Attempt struct {
	ID        string    `json:"id"`
	Number    int       `json:"number"`
	At        time.Time `json:"at"`
	Timestamp int64     `json:"timestamp" dump:"-"` // the webhook-timestamp, by the wall clock
	Status    int       `json:"status"`             // 0 if there was no answer
	LatencyMS int       `json:"latency_ms" dump:"-"`
	Body      string    `json:"body"`
	Error     string    `json:"error"` // "" if it succeeded
	Message   string    `json:"message"`
	Weather   []string  `json:"weather,omitzero"`
}

// attemptID is unique for each attempt and names its delivery.
func attemptID(delivery string, number int) string { return delivery + "_" + strconv.Itoa(number) }

// attemptOf is an attempt as it is kept. A receiver that fails says the same again
// and again, which is kept once.
func attemptOf(before []Attempt, at time.Time, s shot) Attempt {
	m, out := s.message, s.out
	t := Attempt{
		ID: m.DeliveryID, Number: m.Attempt, At: at, Timestamp: m.Timestamp.Unix(), Status: out.Status,
		LatencyMS: int(out.Latency.Milliseconds()), Body: out.Body, Error: out.Error, Message: out.Message, Weather: s.weather,
	}
	if n := len(before); n > 0 {
		last := before[n-1]
		if last.Body == t.Body {
			t.Body = last.Body
		}
		if last.Message == t.Message {
			t.Message = last.Message
		}
	}
	return t
}

// deliveryBody is a delivery on the wire.
type deliveryBody struct {
	ID            string         `json:"id"`
	WebhookID     string         `json:"webhook_id"`
	EventID       string         `json:"event_id"`
	EventType     string         `json:"event_type"`
	Status        DeliveryStatus `json:"status"`
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

func (a *API) deliveryBody(tx *engine.Tx, d Delivery) deliveryBody {
	w, _ := a.webhooks.Get(tx, d.WebhookID)
	b := deliveryBody{
		ID: d.ID, WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, Status: d.Status, Reason: text(d.Reason),
		ReplayOf: text(d.ReplayOf), Attempts: []attemptBody{}, CreatedAt: stamp(d.CreatedAt),
	}
	for _, t := range d.Attempts {
		b.Attempts = append(b.Attempts, t.body(d, w))
	}
	if !d.Due.IsZero() {
		b.NextAttemptAt = text(stamp(d.Due.At))
	}
	if !d.CompletedAt.IsZero() {
		b.CompletedAt = text(stamp(d.CompletedAt))
	}
	return b
}

// body shows an attempt with what was sent, but for the signatures.
func (t Attempt) body(d Delivery, w Webhook) attemptBody {
	b := attemptBody{
		ID: t.ID, Number: t.Number, At: stamp(t.At), LatencyMS: t.LatencyMS, RequestHeaders: map[string]string{}, ResponseBody: text(t.Body), Sandbox: t.Weather,
	}
	m := webhook.Message{EventID: d.EventID, EventType: d.EventType, DeliveryID: t.ID, Attempt: t.Number, Version: w.APIVersion, Timestamp: time.Unix(t.Timestamp, 0)}
	for name, values := range m.Header() {
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
func (a *API) delivery(tx *engine.Tx, at deliveryPath) (Webhook, Delivery, error) {
	w, err := a.webhook(tx, at.webhookPath)
	d, ok := a.deliveries.Get(tx, at.DeliveryID)
	if err != nil || !ok || d.WebhookID != w.ID {
		return w, d, fail.Newf(fail.NotFound, "delivery_not_found", "There is no delivery %q of the webhook %q.", clip(at.DeliveryID), clip(at.ID))
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
	ofWebhook := a.ofWebhooks(c.Tx, func(of Webhook) bool { return of.ID == w.ID })
	a.await(c, func(e engine.Event) bool {
		d, _ := a.deliveries.Get(c.Tx, e.Subject)
		return (in.EventType == "" || in.EventType == d.EventType) && ofWebhook(e)
	})
	v := view[Delivery]{table: a.deliveries, nested: true, name: strings.Join([]string{"deliveries", w.ID, in.Status, in.EventType}, "\x01")}
	v.keep = func(d Delivery) bool {
		return d.WebhookID == w.ID && (in.Status == "" || string(d.Status) == in.Status) && (in.EventType == "" || d.EventType == in.EventType)
	}
	p, err := list(c, v, in.paging)
	return shown(p, func(d Delivery) deliveryBody { return a.deliveryBody(c.Tx, d) }), err
}

// getDelivery shows one delivery.
//
//	GET /v1/projects/{id}/webhooks/{webhook_id}/deliveries/{delivery_id}
func (a *API) getDelivery(c *httpapi.Call, in deliveryPath) (deliveryBody, error) {
	_, d, err := a.delivery(c.Tx, in)
	if err != nil {
		return deliveryBody{}, err
	}
	if a.await(c, func(e engine.Event) bool { return e.Step == attemptStep && e.Subject == d.ID }) {
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
	if err := w.awake(); err != nil {
		return deliveryBody{}, err
	}
	e, ok := a.events.Get(c.Tx, d.EventID)
	if !ok {
		return deliveryBody{}, fail.Newf(fail.Conflict, "event_gone", "The event %s is no longer kept, so it cannot be delivered again.", d.EventID)
	}
	return a.deliveryBody(c.Tx, a.enqueue(c.Tx, w, e, d.ID)), nil
}

// testWebhook delivers a test event to one endpoint, whatever it subscribes to.
//
//	POST /v1/projects/{id}/webhooks/{webhook_id}/test
func (a *API) testWebhook(c *httpapi.Call, in webhookPath) (deliveryBody, error) {
	w, err := a.webhook(c.Tx, in)
	if err != nil {
		return deliveryBody{}, err
	}
	if err := w.awake(); err != nil {
		return deliveryBody{}, err
	}
	e := a.keep(c.Tx, "webhook.test", w.ProjectID, shownAs(a.webhookBody(c.Tx, w)), nil, causeOf(c))
	return a.deliveryBody(c.Tx, a.enqueue(c.Tx, w, e, "")), nil
}

// awake refuses an endpoint that nothing is delivered to.
func (w Webhook) awake() error {
	if w.Disabled == "" {
		return nil
	}
	return fail.Newf(fail.Conflict, "webhook_disabled", "The webhook is disabled (%s); enable it first with PATCH {\"status\":\"enabled\"}.", w.Disabled)
}

// checkSaved refuses a row of a saved world.
func (d Delivery) checkSaved(id string) error {
	switch {
	case id != d.ID:
		return fmt.Errorf("id is %q", clip(d.ID))
	case !slices.Contains([]DeliveryStatus{Queued, Delivering, Waiting, Succeeded, Exhausted, Abandoned}, d.Status):
		return fmt.Errorf("status %q is unknown", clip(string(d.Status)))
	case d.Tries < 0 || d.Tries > webhook.Attempts || len(d.Attempts) > 4*webhook.Attempts:
		return fmt.Errorf("%d tries and %d attempts are more than there can be", d.Tries, len(d.Attempts))
	case d.Next == d.ID:
		return fmt.Errorf("next is the delivery itself")
	}
	for _, t := range d.Attempts {
		if t.Status != 0 && (t.Status < http.StatusContinue || t.Status > 999) {
			return fmt.Errorf("an attempt's status %d is none", t.Status)
		}
	}
	return nil
}
