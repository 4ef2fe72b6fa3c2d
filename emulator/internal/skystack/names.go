package skystack

import (
	"fmt"
	"net/http"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// A match that names what does not exist chooses nothing, and a test that asserts
// that nothing was chosen would pass for ever. So each name is checked, against the
// contract and the tables that the API serves from.

// RequestNames returns the names that requests to the API can have.
func (a *API) RequestNames() (resource.RequestNames, error) {
	c, err := contract()
	if err != nil {
		return resource.RequestNames{}, err
	}
	return resource.RequestNames{Operations: operationIDs(c), Statuses: statuses(c), Codes: ErrorCodes(), Methods: methods(c)}, nil
}

// CheckEventMatch refuses a match of events that names a type that does not exist.
func (a *API) CheckEventMatch(m sandbox.EventMatch) error {
	var bad resource.Misnamed
	checkEventType(&bad, "type", m.Type)
	return bad.Err()
}

// CheckDeliveryMatch refuses a match of deliveries that names a status or a type of
// events that does not exist, or a webhook that the world never had.
func (a *API) CheckDeliveryMatch(w *engine.World, m sandbox.DeliveryMatch) error {
	c, err := contract()
	if err != nil {
		return err
	}
	var bad resource.Misnamed
	if m.Status != "" {
		bad.Check("status", "delivery status", m.Status, c.Choices("listDeliveries", "status"))
	}
	checkEventType(&bad, "event_type", m.EventType)
	if m.Webhook != "" && !a.hadWebhook(w, m.Webhook) {
		bad.Add("webhook", fmt.Sprintf("there is no webhook %q; GET /v1/webhooks lists them", fail.Clip(m.Webhook)), nil)
	}
	return bad.Err()
}

// hadWebhook reports whether a webhook exists or was deleted.
func (a *API) hadWebhook(w *engine.World, id string) (had bool) {
	w.View(func(tx *engine.Tx) { had = a.outbox.Endpoints.Has(tx, id) || a.tombstones.Has(tx, id) })
	return had
}

// CheckStatus refuses a status that no instance can have.
func (a *API) CheckStatus(status string) error {
	var bad resource.Misnamed
	bad.Check("status", "instance status", status, resource.Words(Statuses()))
	return bad.Err()
}

// noEventType says that a pattern covers no type of event, and which it may be.
func noEventType(pattern string) string {
	return fmt.Sprintf("There is no event type %q%s", fail.Clip(pattern), near.Hint(pattern, EventPatterns()...))
}

// checkEventType checks a type of events, or a family of them.
func checkEventType(bad *resource.Misnamed, field, pattern string) {
	if pattern != "" && !knownPattern(pattern) {
		bad.Check(field, "event type", pattern, EventPatterns())
	}
}

// EventPatterns lists the types of events and their families.
func EventPatterns() []string { return event.Patterns(EventTypes()) }

// DeliveryStatuses lists the states of a delivery.
func DeliveryStatuses() []string { return resource.Words(webhook.Statuses()) }

// Operations lists the ids of all operations, sorted.
func Operations() ([]string, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	return operationIDs(c), nil
}

// operationIDs lists the ids of all operations, sorted.
func operationIDs(c *httpapi.Contract) []string {
	var out []string
	for _, op := range c.Operations {
		out = append(out, op.ID)
	}
	slices.Sort(out)
	return out
}

// methods lists the methods that requests can have: those of the contract, and
// those that HTTP has beside them, which a client may send to be refused.
func methods(c *httpapi.Contract) []string {
	out := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
	}
	for _, op := range c.Operations {
		out = append(out, op.Method)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// statuses lists the statuses that a response can have: those of the contract, and
// those of refusals before a request has led to an operation.
func statuses(c *httpapi.Contract) []int {
	out := c.Statuses()
	for _, kind := range fail.Kinds() {
		out = append(out, status(kind))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
