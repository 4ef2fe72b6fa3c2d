package sandbox

import (
	"strings"
	"time"
)

// Delivery is the delivery of one event to one webhook.
type Delivery struct {
	ID        string `json:"id"`
	Webhook   string `json:"webhook_id"`
	Event     string `json:"event_id"`
	EventType string `json:"event_type"`
	// Status is queued, delivering, waiting, succeeded, exhausted or abandoned;
	// Reason says why it was abandoned, and is "" otherwise.
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	// Attempts are those that are over, the first one first.
	Attempts []DeliveryAttempt `json:"attempts"`
	// NextAttemptAt is when it is tried again; zero when no attempt is scheduled.
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	CreatedAt     time.Time `json:"created_at"`
}

// DeliveryAttempt is one request to a receiver. Its time is the workspace's.
type DeliveryAttempt struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	// Status is that of the response; 0 when there was none.
	Status int `json:"status,omitempty"`
	// LatencyMS is how long the receiver took by the wall clock, in milliseconds.
	LatencyMS int `json:"latency_ms"`
	// Error names what was wrong, as connection_refused, and Message says it to
	// people, with what to do; both are "" after success.
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
}

// DeliveryMatch chooses deliveries; the zero DeliveryMatch chooses all.
type DeliveryMatch struct {
	// Webhook is the id of one; "" for any.
	Webhook string
	// Status is one of Delivery.Status; "" for any.
	Status string
	// EventType is a type, or a family as instance.*; "" for any.
	EventType string
}

// Chooses reports whether the delivery matches.
func (m DeliveryMatch) Chooses(d *Delivery) bool {
	family, all := strings.CutSuffix(m.EventType, "*")
	return (m.Webhook == "" || m.Webhook == d.Webhook) && (m.Status == "" || m.Status == d.Status) &&
		(m.EventType == "" || m.EventType == d.EventType || all && strings.HasPrefix(d.EventType, family))
}

// Listener is a webhook whose messages are pulled: the sandbox sends nothing, and the
// program that pulls a message with NextMessage sends it to the receiver. That works
// where the sandbox cannot reach the receiver.
type Listener struct {
	// ID is the webhook's; the sandbox chooses it.
	ID string `json:"id,omitempty"`
	// URL is where the messages are sent, for people to read; the sandbox never dials it.
	URL string `json:"url"`
	// EventTypes is as in a webhook; nil means all.
	EventTypes []string `json:"event_types,omitempty"`
	// Project is whose events are delivered; "" for the workspace's own.
	Project string `json:"project_id,omitempty"`
	// Secret is what messages are signed with: whsec_ and 24 to 64 bytes in base64. ""
	// takes the workspace's for the URL, which is the same each time.
	Secret string `json:"secret,omitempty"`
}

// Message is one attempt of a delivery, to be posted as it is.
type Message struct {
	// Attempt is its id, for AnswerMessage.
	Attempt   string `json:"attempt_id"`
	Event     string `json:"event_id"`
	EventType string `json:"event_type"`
	// Header is the header of the request, the signatures included, and Body its
	// exact body.
	Header map[string]string `json:"headers"`
	Body   string            `json:"body"`
}

// Answer is the outcome of a message.
type Answer struct {
	// Status is that of the receiver's response; 0 when there was none.
	Status int `json:"status,omitempty"`
	// RetryAfter is the header of that name, and Body the beginning of the body.
	RetryAfter string `json:"retry_after,omitempty"`
	Body       string `json:"body,omitempty"`
	// Error is the reason why there was no response: dns_error,
	// connection_refused, connection_failed, tls_error, timeout,
	// connection_closed, malformed_response, response_too_large or canceled. Message
	// is a readable sentence.
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
}
