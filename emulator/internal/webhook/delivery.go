package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Status is the state of a delivery.
type Status string

// The states of a delivery.
const (
	Queued     Status = "queued"     // waits for its turn
	Delivering Status = "delivering" // waits for the receiver
	Waiting    Status = "waiting"    // waits for its time
	Succeeded  Status = "succeeded"
	Exhausted  Status = "exhausted" // failed as often as it may
	Abandoned  Status = "abandoned" // given up for Reason
)

// Statuses lists the states of a delivery.
func Statuses() []Status {
	return []Status{Queued, Delivering, Waiting, Succeeded, Exhausted, Abandoned}
}

func (s Status) finished() bool { return s == Succeeded || s == Exhausted || s == Abandoned }

// Delivery is the delivery of one event to one endpoint (S80).
type Delivery struct {
	ID        string `json:"id"`
	WebhookID string `json:"webhook_id"`
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	Status    Status `json:"status"`
	Reason    string `json:"reason"`    // why it was abandoned; "" if it was not
	ReplayOf  string `json:"replay_of"` // "" for none
	// Tries counts the attempts. Attempts has one for each, and those requests too that
	// only a fault added.
	Tries       int          `json:"tries"`
	Attempts    []Attempt    `json:"attempts"`
	FirstAt     time.Time    `json:"first_at"` // of the first attempt
	SentAt      time.Time    `json:"sent_at"`  // of the last one
	Due         engine.Timer `json:"due"`      // of the next one; zero when none is scheduled
	Next        string       `json:"next"`     // the delivery behind it in its queue
	CreatedAt   time.Time    `json:"created_at"`
	CompletedAt time.Time    `json:"completed_at"`
	FaultPlan   *faultPlan   `json:"fault_plan,omitzero"` // nil for an endpoint without faults
}

func (d Delivery) rescheduled(old, moved engine.Timer) Delivery {
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
	Status    int       `json:"status"`             // 0 if there was no response
	LatencyMS int       `json:"latency_ms" dump:"-"`
	Body      string    `json:"body"`
	Error     string    `json:"error"` // "" if it succeeded
	Message   string    `json:"message"`
	Faults    []string  `json:"faults,omitzero"` // nil for none
}

// Sent returns the message that was sent in an attempt, in an API version, without its
// body, its URL and what signed it.
func (o *Outbox) Sent(d Delivery, t Attempt, version string) Message {
	return Message{
		EventID: d.EventID, EventType: d.EventType, DeliveryID: t.ID, Attempt: t.Number, Version: version, Product: o.config.Product, Timestamp: time.Unix(t.Timestamp, 0),
	}
}

// finished says when a delivery was finished, in the order in which they were.
type finished struct {
	At time.Time `json:"at"`
}

// finish ends a delivery, and drops the oldest finished ones.
func (o *Outbox) finish(tx *engine.Tx, d Delivery, s Status, reason string) Delivery {
	tx.Cancel(d.Due)
	tx.Finish(d.ID)
	engine.Own(o.queues, tx, d.WebhookID).Open--
	d.Status, d.Reason, d.Due, d.Next, d.CompletedAt = s, reason, engine.Timer{}, "", tx.Now()
	o.Deliveries.Put(tx, d.ID, d)
	o.finished.Put(tx, d.ID, finished{tx.Now()})
	for {
		oldest, ok := o.finished.At(tx, 0)
		if !ok || o.finished.Len(tx) <= maxFinished && tx.Now().Sub(oldest.Value.At) < o.config.KeepFor {
			return d
		}
		o.finished.Delete(tx, oldest.ID)
		o.Deliveries.Delete(tx, oldest.ID)
	}
}

// abandon gives up the open deliveries of an endpoint. It reads all deliveries of the
// workspace, because it is rare.
func (o *Outbox) abandon(tx *engine.Tx, endpoint, reason string) {
	var open []Delivery
	for row := range o.Deliveries.After(tx, 0) {
		if row.Value.WebhookID == endpoint && !row.Value.Status.finished() {
			open = append(open, row.Value)
		}
	}
	for _, d := range open {
		o.inFlight.Delete(tx, d.ID)
		o.finish(tx, d, Abandoned, reason)
	}
	q := engine.Own(o.queues, tx, endpoint)
	q.First, q.Retries = queue{}, queue{}
}

// List returns the deliveries of a world that match, oldest first.
func (o *Outbox) List(w *engine.World, m sandbox.DeliveryMatch) []sandbox.Delivery {
	out := []sandbox.Delivery{}
	matches := Matching(m)
	w.View(func(tx *engine.Tx) {
		for row := range o.Deliveries.After(tx, 0) {
			if matches(&row.Value) {
				out = append(out, row.Value.Public())
			}
		}
	})
	return out
}

// Matching returns a filter that accepts the deliveries that match.
func Matching(m sandbox.DeliveryMatch) func(d *Delivery) bool {
	return func(d *Delivery) bool {
		return m.Chooses(&sandbox.Delivery{Webhook: d.WebhookID, Status: string(d.Status), EventType: d.EventType})
	}
}

// Public returns the delivery as the control API has it.
func (d Delivery) Public() sandbox.Delivery {
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

// checkSaved refuses a row of a saved state.
func (d Delivery) checkSaved(id string) error {
	switch {
	case id != d.ID:
		return fmt.Errorf("id is %q", fail.Clip(d.ID))
	case !slices.Contains(Statuses(), d.Status):
		return fmt.Errorf("status %q is unknown", fail.Clip(string(d.Status)))
	case d.Tries < 0 || d.Tries > Attempts || len(d.Attempts) > 4*Attempts:
		return fmt.Errorf("%d tries and %d attempts are more than there can be", d.Tries, len(d.Attempts))
	case d.Next == d.ID:
		return errors.New("next is the delivery itself")
	}
	for _, t := range d.Attempts {
		if t.Status != 0 && (t.Status < http.StatusContinue || t.Status > 999) {
			return fmt.Errorf("an attempt's status %d is not an HTTP status", t.Status)
		}
	}
	return nil
}
