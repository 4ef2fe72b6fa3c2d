package control

import "skystack.dev/sandbox/emulator/sandbox/computestacks"

// listStackOrders lists the orders, oldest first.
//
//	GET /_sandbox/computestacks/orders
func (a *API) listStackOrders(c *call, in pageInput) (page[computestacks.Order], error) {
	return pageOf(a.Stacks.OrdersPage(c.world, in.Cursor, in.limit()))
}

type createdStackOrder struct{ computestacks.Order }

// ResourceID implements httpapi.Identified.
func (b createdStackOrder) ResourceID() string { return b.ID }

// createStackOrder orders as a user does.
//
//	POST /_sandbox/computestacks/orders
func (a *API) createStackOrder(c *call, in computestacks.NewOrder) (createdStackOrder, error) {
	o, err := c.stacks().CreateOrder(in)
	return createdStackOrder{o}, err
}

// stackOrder returns an order of the workspace.
func (c *call) stackOrder(id string) (computestacks.Order, error) {
	o, ok := c.stacks().Order(id)
	if !ok {
		return o, noStackObject("order", id)
	}
	return o, nil
}

// getStackOrder returns an order.
//
//	GET /_sandbox/computestacks/orders/{id}
func (a *API) getStackOrder(c *call, in stackID) (computestacks.Order, error) {
	return c.stackOrder(in.ID)
}

type updateStackOrder struct {
	stackID
	computestacks.OrderChange
}

// updateStackOrder sets the status of an order.
//
//	PATCH /_sandbox/computestacks/orders/{id}
func (a *API) updateStackOrder(c *call, in updateStackOrder) (computestacks.Order, error) {
	if o, err := c.stackOrder(in.ID); err != nil {
		return o, err
	}
	return c.stacks().UpdateOrder(in.ID, in.OrderChange)
}

// listStackEvents lists the events, oldest first.
//
//	GET /_sandbox/computestacks/events
func (a *API) listStackEvents(c *call, in pageInput) (page[computestacks.Event], error) {
	return pageOf(a.Stacks.EventsPage(c.world, in.Cursor, in.limit()))
}

// getStackEvent returns an event.
//
//	GET /_sandbox/computestacks/events/{id}
func (a *API) getStackEvent(c *call, in stackID) (computestacks.Event, error) {
	return find("event", in, c.stacks().Event)
}

// finishStackEvent completes the work of an event.
//
//	POST /_sandbox/computestacks/events/{id}/finish
func (a *API) finishStackEvent(c *call, in stackID) (computestacks.Event, error) {
	if e, err := find("event", in, c.stacks().Event); err != nil {
		return e, err
	}
	if err := c.stacks().Finish(in.number()); err != nil {
		return computestacks.Event{}, err
	}
	return find("event", in, c.stacks().Event)
}

type failStackEvent struct {
	stackID
	Reason string `json:"reason"`
}

// failStackEvent makes the work of an event fail.
//
//	POST /_sandbox/computestacks/events/{id}/fail
func (a *API) failStackEvent(c *call, in failStackEvent) (computestacks.Event, error) {
	if e, err := find("event", in.stackID, c.stacks().Event); err != nil {
		return e, err
	}
	if err := c.stacks().Fail(in.number(), in.Reason); err != nil {
		return computestacks.Event{}, err
	}
	return find("event", in.stackID, c.stacks().Event)
}
