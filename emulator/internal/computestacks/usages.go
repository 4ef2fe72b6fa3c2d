package computestacks

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

type usageBody struct {
	ID          int                   `json:"id"`
	From        string                `json:"period_start"`
	To          string                `json:"period_end"`
	ExternalID  *string               `json:"external_id"`
	Rate        string                `json:"rate"`
	Quantity    string                `json:"qty"`
	Total       string                `json:"total"`
	Processed   bool                  `json:"processed"`
	ProcessedOn *string               `json:"processed_on"`
	CreatedAt   string                `json:"created_at"`
	UpdatedAt   string                `json:"updated_at"`
	Product     productEntry          `json:"product"`
	User        subscriptionUserEntry `json:"user"`
}

// usagesPerSubscription bounds the usages of a subscription, so that the id of a usage
// tells its subscription and its number.
const usagesPerSubscription = 10_000_000

// usageBody renders a usage of a subscription.
func (a *API) usageBody(tx *engine.Tx, s Subscription, u usage) usageBody {
	b := usageBody{
		ID: s.ID*usagesPerSubscription + u.number, From: stamp(u.from), To: stamp(u.to), Rate: decimal(u.rate), Quantity: decimal(u.quantity), Total: decimal(u.total()),
		CreatedAt: stamp(u.to), UpdatedAt: stamp(u.to), Product: *a.productEntry(tx, u.product), User: a.subscriptionUser(tx, s.UserID),
	}
	if at := u.billedAt(); !at.After(tx.Now()) {
		b.Processed, b.ProcessedOn, b.UpdatedAt = true, stampOrNil(at), stamp(at)
	}
	return b
}

// listBillingUsages lists what was used of a subscription of the caller (C124).
//
//	GET /api/subscriptions/{subscription_id}/billing_usages
func (a *API) listBillingUsages(c *httpapi.Call) (any, error) {
	s, err := a.findSubscription(c, "subscription_id")
	if err != nil {
		return nil, err
	}
	numbers := make([]int, usagesOf(s, c.Now()))
	for n := range numbers {
		numbers[n] = len(numbers) - n
	}
	return listOf(c, "billing_usages", numbers, func(n int) usageBody {
		u, _ := a.usageOf(c.Tx, s, n)
		return a.usageBody(c.Tx, s, u)
	}), nil
}

// getBillingUsage returns what was used of a subscription of the caller in a period
// (C124).
//
//	GET /api/subscriptions/{subscription_id}/billing_usages/{id}
func (a *API) getBillingUsage(c *httpapi.Call) (any, error) {
	s, err := a.findSubscription(c, "subscription_id")
	if err != nil {
		return nil, err
	}
	u, ok := a.usageOf(c.Tx, s, idOf(c.Param("id"))-s.ID*usagesPerSubscription)
	if !ok {
		return nil, notFound("Unknown Usage.")
	}
	return one("billing_usage", a.usageBody(c.Tx, s, u)), nil
}
