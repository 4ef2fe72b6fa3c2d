package emulator

import "context"

// Events lists what happened and matches, oldest first, as far as it is kept: for
// 30 days of the workspace's time. A type that does not exist fails the test; see
// Err.
func (w *Workspace) Events(m EventMatch) []APIEvent {
	w.helper()
	if err := w.e.sky.CheckEventMatch(m); err != nil {
		w.fail("Events", err)
		return nil
	}
	return w.e.sky.Events(w.world, m)
}

// WaitForEvent returns the first event that matches, as soon as there is one; set
// EventMatch.Since to leave out those of the past. It does not move time: with a
// frozen clock another goroutine must. An unknown type is an error.
func (w *Workspace) WaitForEvent(ctx context.Context, m EventMatch) (APIEvent, error) {
	return w.e.sky.WaitForEvent(ctx, w.world, m)
}

// Deliveries lists what is, was or will be delivered to webhooks and matches,
// oldest first, with why each attempt failed. A status, a type of events or a
// webhook that does not exist fails the test; see Err. A deleted webhook counts as one
// that exists.
func (w *Workspace) Deliveries(m DeliveryMatch) []Delivery {
	w.helper()
	if err := w.e.sky.CheckDeliveryMatch(w.world, m); err != nil {
		w.fail("Deliveries", err)
		return nil
	}
	return w.e.sky.Deliveries(w.world, m)
}

// FlushWebhooks waits until no delivery is in flight and none waits for another. It
// moves no time: a retry that is due later does not count.
func (w *Workspace) FlushWebhooks(ctx context.Context) error {
	return w.e.sky.FlushWebhooks(ctx, w.world)
}

// Trigger emits an event of any type about an object, and says which object it is
// about and which webhooks get it; nothing else changes. It refuses a type, an
// object or a project that does not exist, an object that the type is not about,
// and one of another project.
func (w *Workspace) Trigger(t Trigger) (Triggered, error) { return w.e.sky.Trigger(w.world, t) }

// Listen adds a webhook whose messages are not sent: a listener pulls them with
// NextMessage.
func (w *Workspace) Listen(l Listener) (Listener, error) { return w.e.sky.Listen(w.world, l) }

// NextMessage waits for the next message of a listener, given by its id. The attempt
// fails unless AnswerMessage reports its outcome in time.
func (w *Workspace) NextMessage(ctx context.Context, listener string) (Message, error) {
	return w.e.sky.NextMessage(ctx, w.world, listener)
}

// AnswerMessage reports the outcome of a message.
func (w *Workspace) AnswerMessage(listener, attempt string, a Answer) error {
	return w.e.sky.AnswerMessage(w.world, listener, attempt, a)
}

// StopListening removes a listener and abandons its open deliveries.
func (w *Workspace) StopListening(listener string) error {
	return w.e.sky.StopListening(w.world, listener)
}
