package computestacks

import (
	"strconv"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

type subscriptionBody struct {
	ID         int                   `json:"id"`
	Label      string                `json:"label"`
	ExternalID *string               `json:"external_id"`
	Active     bool                  `json:"active"`
	RunRate    float64               `json:"run_rate"`
	CreatedAt  string                `json:"created_at"`
	UpdatedAt  string                `json:"updated_at"`
	Products   []subscribedProduct   `json:"subscription_products"`
	Container  *subscribedContainer  `json:"container"`
	User       subscriptionUserEntry `json:"user"`
}

type subscriptionUserEntry struct {
	ID         int     `json:"id"`
	FullName   string  `json:"full_name"`
	Email      string  `json:"email"`
	ExternalID *string `json:"external_id"`
}

type subscribedProduct struct {
	ID         int             `json:"id"`
	ExternalID *string         `json:"external_id"`
	StartOn    *string         `json:"start_on"`
	Active     bool            `json:"active"`
	Phase      string          `json:"phase_type"`
	CreatedAt  string          `json:"created_at"`
	UpdatedAt  string          `json:"updated_at"`
	Product    packagedProduct `json:"product"`
	Resource   billingResource `json:"billing_resource"`
}

type productEntry struct {
	ID           int     `json:"id"`
	Label        string  `json:"label"`
	Kind         string  `json:"kind"`
	ResourceKind *string `json:"resource_kind"`
	CreatedAt    string  `json:"created_at"`
	UpdatedAt    string  `json:"updated_at"`
}

type packagedProduct struct {
	productEntry
	Package *packageBody `json:"package"`
}

type packageBody struct {
	ID        int    `json:"id"`
	CPU       string `json:"cpu"`
	Memory    int    `json:"memory"`
	Storage   *int   `json:"storage"`
	Bandwidth *int   `json:"bandwidth"`
	LocalDisk int    `json:"local_disk"`
	Swap      *int   `json:"memory_swap"`
	Swappy    *int   `json:"memory_swappiness"`
}

type billingResource struct {
	ID         int     `json:"id"`
	PlanID     int     `json:"billing_plan_id"`
	ExternalID *string `json:"external_id"`
}

// subscriptionBody renders a subscription.
func (a *API) subscriptionBody(tx *engine.Tx, s Subscription) subscriptionBody {
	b := subscriptionBody{
		ID: s.ID, Label: s.Label, ExternalID: textOrNil(s.ExternalID), Active: s.Active, CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
		Products: []subscribedProduct{}, Container: a.subscribedContainer(tx, s.ContainerID), User: a.subscriptionUser(tx, s.UserID),
	}
	p, ok := get(tx, a.products, s.ProductID)
	if !ok { // a free image
		return b
	}
	if s.Active {
		b.RunRate = rounded(hourly(p)*hoursPerMonth, 4)
	}
	b.Products = append(b.Products, subscribedProduct{
		ID: s.PhaseID, Active: s.Active, Phase: "final", CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
		Product: packagedProduct{*a.productEntry(tx, p.ID), packageOf(p)}, Resource: billingResource{ID: p.ID, PlanID: billingPlan().ID},
	})
	return b
}

func (a *API) subscriptionUser(tx *engine.Tx, id int) subscriptionUserEntry {
	u := row(tx, a.users, id)
	return subscriptionUserEntry{ID: u.ID, FullName: u.FullName(), Email: u.Email, ExternalID: textOrNil(u.ExternalID)}
}

// productEntry renders a product in the body of another object; nil if there is none.
func (a *API) productEntry(tx *engine.Tx, id int) *productEntry {
	p, ok := get(tx, a.products, id)
	if !ok {
		return nil
	}
	return &productEntry{ID: p.ID, Label: p.Label, Kind: p.Kind, CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt)}
}

// packageOf returns what a product of the kind package consists of; nil for other kinds.
func packageOf(p Product) *packageBody {
	if p.Kind != "package" {
		return nil
	}
	return &packageBody{
		ID: p.ID, CPU: decimal(p.CPU), Memory: p.Memory, Storage: numberOrNil(p.Storage), Bandwidth: numberOrNil(p.Bandwidth), LocalDisk: p.LocalDisk,
		Swap: p.Swap, Swappy: p.Swappy,
	}
}

// findSubscription returns the subscription of the caller that the request names, by its
// external id if the request says so (C122).
func (a *API) findSubscription(c *httpapi.Call, parameter string) (Subscription, error) {
	id, user := c.Param(parameter), a.userID(c)
	if c.RawQuery("find_by_external_id") == "true" {
		for r := range a.subscriptions.After(c.Tx, 0) {
			if s := r.Value; s.UserID == user && s.ExternalID == id {
				return s, nil
			}
		}
		return Subscription{}, notFound("Unknown Subscription")
	}
	s, ok := get(c.Tx, a.subscriptions, idOf(id))
	if !ok || s.UserID != user {
		return s, notFound("Unknown Subscription")
	}
	return s, nil
}

// listSubscriptions lists the subscriptions of the caller (C122).
//
//	GET /api/subscriptions
func (a *API) listSubscriptions(c *httpapi.Call) (any, error) {
	filter, user := c.RawQuery("filter"), a.userID(c)
	l := resource.List[Subscription]{Table: a.subscriptions, NewestFirst: true, Keep: func(s Subscription) bool {
		return s.UserID == user && (filter != "active" || s.Active) && (filter != "inactive" || !s.Active)
	}}
	return pageOfTable(c, "subscriptions", l, func(s Subscription) subscriptionBody { return a.subscriptionBody(c.Tx, s) })
}

// getSubscription returns a subscription of the caller (C122).
//
//	GET /api/subscriptions/{id}
func (a *API) getSubscription(c *httpapi.Call) (any, error) {
	s, err := a.findSubscription(c, "id")
	if err != nil {
		return nil, err
	}
	return one("subscription", a.subscriptionBody(c.Tx, s)), nil
}

type billingEventBody struct {
	ID           int               `json:"id"`
	FromStatus   *bool             `json:"from_status"`
	ToStatus     *bool             `json:"to_status"`
	FromPhase    *string           `json:"from_phase"`
	ToPhase      *string           `json:"to_phase"`
	FromQuantity *string           `json:"from_resource_qty"`
	ToQuantity   *string           `json:"to_resource_qty"`
	CreatedAt    string            `json:"created_at"`
	UpdatedAt    string            `json:"updated_at"`
	Subscription subscriptionEntry `json:"subscription"`
	Source       *productEntry     `json:"source_product"`
	Destination  *productEntry     `json:"destination_product"`
}

type subscriptionEntry struct {
	ID         int     `json:"id"`
	Label      string  `json:"label"`
	ExternalID *string `json:"external_id"`
	Active     bool    `json:"active"`
	CreatedAt  string  `json:"created_at"`
	UpdatedAt  string  `json:"updated_at"`
}

// billingEventBody renders a billing event.
func (a *API) billingEventBody(tx *engine.Tx, s Subscription, e BillingEvent) billingEventBody {
	return billingEventBody{
		ID: e.ID, FromStatus: isActive(e.FromStatus), ToStatus: isActive(e.ToStatus), FromPhase: textOrNil(e.FromPhase), ToPhase: textOrNil(e.ToPhase),
		FromQuantity: quantityOrNil(e.FromQuantity), ToQuantity: quantityOrNil(e.ToQuantity), CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.CreatedAt),
		Subscription: subscriptionEntry{
			ID: s.ID, Label: s.Label, ExternalID: textOrNil(s.ExternalID), Active: s.Active, CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
		},
		Source: a.productEntry(tx, e.SourceProduct), Destination: a.productEntry(tx, e.DestProduct),
	}
}

// isActive returns whether a status is active; nil for none.
func isActive(status string) *bool {
	if status == "" {
		return nil
	}
	active := status == "active"
	return &active
}

func quantityOrNil(n int) *string {
	if n == 0 {
		return nil
	}
	text := decimal(float64(n))
	return &text
}

// listBillingEvents lists the changes of a subscription of the caller (C123).
//
//	GET /api/subscriptions/{subscription_id}/billing_events
func (a *API) listBillingEvents(c *httpapi.Call) (any, error) {
	s, err := a.findSubscription(c, "subscription_id")
	if err != nil {
		return nil, err
	}
	rows := newestFirst(append([]BillingEvent{}, s.Events...))
	return listOf(c, "billing_events", rows, func(e BillingEvent) billingEventBody { return a.billingEventBody(c.Tx, s, e) }), nil
}

// getBillingEvent returns a change of a subscription of the caller (C123).
//
//	GET /api/subscriptions/{subscription_id}/billing_events/{id}
func (a *API) getBillingEvent(c *httpapi.Call) (any, error) {
	s, err := a.findSubscription(c, "subscription_id")
	if err != nil {
		return nil, err
	}
	for _, e := range s.Events {
		if strconv.Itoa(e.ID) == c.Param("id") {
			return one("billing_event", a.billingEventBody(c.Tx, s, e)), nil
		}
	}
	return nil, notFound("Unknown Billing Event")
}
