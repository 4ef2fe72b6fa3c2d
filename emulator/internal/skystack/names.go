package skystack

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

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

// CheckRequestMatch refuses a match of requests that names an operation, a status, a
// code or a method that no request can have, or a path that is none.
func (a *API) CheckRequestMatch(m sandbox.Match) error {
	c, err := contract()
	if err != nil {
		return err
	}
	var bad misnamed
	if m.Operation != "" {
		bad.check("operation", "operation", m.Operation, operationIDs(c))
	}
	if m.Operation != "" && m.Unmatched {
		bad.add("unmatched", fmt.Sprintf("no request is both unmatched and of the operation %q; leave out one of them", fail.Clip(m.Operation)), nil)
	}
	if all := statuses(c); m.Status < 0 || m.Status > 5 && !slices.Contains(all, m.Status) {
		bad.add("status", fmt.Sprintf("unknown status %d; a response has one of %s, and 1 to 5 stand for all of a class", m.Status, numbers(all)), nil)
	}
	if m.Code != "" {
		bad.check("code", "error code", m.Code, ErrorCodes())
	}
	if m.Method != "" {
		bad.check("method", "method", strings.ToUpper(m.Method), methods(c))
	}
	switch {
	case m.Path != "" && m.Path[0] != '/':
		bad.add("path", fmt.Sprintf("the path %q does not begin with /", fail.Clip(m.Path)), []string{"/" + m.Path})
	case strings.Contains(m.Path, "?"):
		path, _, _ := strings.Cut(m.Path, "?")
		bad.add("path", fmt.Sprintf("the path %q has a query, which is not compared", fail.Clip(m.Path)), []string{path})
	}
	return bad.err()
}

// CheckEventMatch refuses a match of events that names a type that does not exist.
func (a *API) CheckEventMatch(m sandbox.EventMatch) error {
	var bad misnamed
	bad.eventType("type", m.Type)
	return bad.err()
}

// CheckDeliveryMatch refuses a match of deliveries that names a status or a type of
// events that does not exist, or a webhook that the world never had.
func (a *API) CheckDeliveryMatch(w *engine.World, m sandbox.DeliveryMatch) error {
	c, err := contract()
	if err != nil {
		return err
	}
	var bad misnamed
	if m.Status != "" {
		bad.check("status", "delivery status", m.Status, c.Choices("listDeliveries", "status"))
	}
	bad.eventType("event_type", m.EventType)
	if m.Webhook != "" && !a.hadWebhook(w, m.Webhook) {
		bad.add("webhook", fmt.Sprintf("there is no webhook %q; GET /v1/webhooks lists them", fail.Clip(m.Webhook)), nil)
	}
	return bad.err()
}

// hadWebhook reports whether a webhook exists or was deleted.
func (a *API) hadWebhook(w *engine.World, id string) (had bool) {
	w.View(func(tx *engine.Tx) { had = a.outbox.Endpoints.Has(tx, id) || a.tombstones.Has(tx, id) })
	return had
}

// CheckStatus refuses a status that no instance can have.
func (a *API) CheckStatus(status string) error {
	var bad misnamed
	bad.check("status", "instance status", status, resource.Words(Statuses()))
	return bad.err()
}

// misnamed collects names that do not exist.
type misnamed struct{ details []fail.Detail }

func (b *misnamed) err() error {
	if len(b.details) == 0 {
		return nil
	}
	err := fail.Parameters(b.details...)
	told(&err)
	return err
}

// fewNames is the largest number of names that a message lists.
const fewNames = 40

// check refuses a name that is none of those there are.
func (b *misnamed) check(field, noun, name string, names []string) {
	if slices.Contains(names, name) {
		return
	}
	message, meant := fmt.Sprintf("unknown %s %q", noun, fail.Clip(name)), near.Names(name, names...)
	switch {
	case meant != nil:
	case len(names) > fewNames:
		message += "; GET /openapi.json lists them"
	default:
		message += "; use one of " + strings.Join(names, ", ")
	}
	b.add(field, message, meant)
}

// noEventType says that a pattern covers no type of event, and which it may be.
func noEventType(pattern string) string {
	return fmt.Sprintf("There is no event type %q%s", fail.Clip(pattern), near.Hint(pattern, EventPatterns()...))
}

// eventType checks a type of events, or a family of them.
func (b *misnamed) eventType(field, pattern string) {
	if pattern != "" && !knownPattern(pattern) {
		b.check(field, "event type", pattern, EventPatterns())
	}
}

// add notes a violation, and what was probably meant.
func (b *misnamed) add(field, message string, meant []string) {
	d := fail.Detail{Field: field, Location: fail.Query, Code: "unknown_value", Message: message}
	if meant != nil {
		d.Message += near.DidYouMean(meant)
		d.Extra = []fail.Member{{Name: "did_you_mean", Value: meant[0]}}
	}
	b.details = append(b.details, d)
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

func numbers(list []int) string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}
