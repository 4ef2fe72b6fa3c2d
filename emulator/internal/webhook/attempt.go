package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// start makes the next attempt of a delivery, which is in flight until complete.
func (o *Outbox) start(tx *engine.Tx, to Endpoint, d Delivery) {
	body, ok := o.config.Render(tx, d.EventID, to.APIVersion)
	if !ok {
		o.inFlight.Delete(tx, d.ID)
		o.queueOf(tx, d).InFlight--
		o.finish(tx, d, Abandoned, "the event is no longer kept")
		return
	}
	number := d.Tries + 1
	s, _ := o.secrets.Get(tx, to.ID)
	signer, all := s.at(tx.Now())
	m := Message{
		URL: to.URL, EventID: d.EventID, EventType: d.EventType, DeliveryID: d.ID + "_" + strconv.Itoa(number), Attempt: number, Version: to.APIVersion, Product: o.config.Product,
		Body: body, Secrets: all, Signer: signer, Format: to.Format,
		Timestamp: engine.WallNow(), // receivers compare it with their own clocks (T3)
	}
	d.Status, d.SentAt, d.Due = Delivering, tx.Now(), engine.Timer{}
	o.Deliveries.Put(tx, d.ID, d)
	o.inFlight.Put(tx, d.ID, inFlight{})
	r, deliver := planRequests(tx, to, d, m), o.deliverer(tx, to)
	tx.Start(d.ID, func(ctx context.Context) func(*engine.Tx) {
		done := r.send(ctx, deliver)
		return func(tx *engine.Tx) { o.complete(tx, d.ID, done) }
	})
}

// deliverFunc delivers a message to its receiver and returns the outcome.
type deliverFunc func(ctx context.Context, m Message) Outcome

// deliverer returns how messages get to an endpoint: a listener pulls them, to any
// other they are sent. A body that breaks the contract is not delivered: its attempt
// fails as if no connection could be made, and the message says why.
func (o *Outbox) deliverer(tx *engine.Tx, to Endpoint) deliverFunc {
	listener := listenerKey{tx.World(), to.ID}
	options := Options{Timeout: time.Duration(to.TimeoutMS) * time.Millisecond, InsecureTLS: to.InsecureTLS}
	return func(ctx context.Context, m Message) Outcome {
		if check := o.config.CheckBody; check != nil {
			if err := check(m.Body); err != nil {
				return Outcome{Error: ConnectionFailed, Message: "The event breaks the contract: " + err.Error()}
			}
		}
		switch {
		case to.Listener:
			return o.pulled.deliver(ctx, listener, m, options.Timeout)
		case o.config.Sender == nil:
			return Outcome{Error: ConnectionFailed, Message: "This sandbox sends nothing."}
		}
		return o.config.Sender.Send(ctx, m, options)
	}
}

// complete records the outcome of an attempt, and schedules a retry if it failed.
func (o *Outbox) complete(tx *engine.Tx, id string, r requests) {
	d, ok := o.Deliveries.Get(tx, id)
	to, there := o.Endpoints.Get(tx, d.WebhookID)
	if !ok || !there || d.Status != Delivering { // it was abandoned meanwhile
		return
	}
	defer o.removeOrphan(tx, to.ID)
	o.inFlight.Delete(tx, id)
	o.queueOf(tx, d).InFlight--
	d.Tries++
	d.Attempts = r.attempts(d)
	o.checkReceiver(tx, to, r)
	if d.Tries == 1 {
		d.FirstAt = d.SentAt
	}
	q := engine.Own(o.queues, tx, to.ID)
	if r.outcome.OK() {
		q.FailingSince = time.Time{}
		o.finish(tx, d, Succeeded, "")
		o.dispatch(tx, to)
		return
	}
	if q.FailingSince.IsZero() {
		q.FailingSince = tx.Now()
	}
	if why := to.disabledBy(r.outcome, tx.Now().Sub(q.FailingSince)); why != "" {
		to.Disabled = why
		o.put(tx, to)
		o.finish(tx, d, Abandoned, disabledReason)
		o.abandon(tx, to.ID, disabledReason)
		return
	}
	if next, ok := o.retryAt(tx, d, r.outcome); ok {
		d.Status = Waiting
		d.Due = tx.After(next.Sub(tx.Now()), o.AttemptStep(), d.ID)
		o.Deliveries.Put(tx, d.ID, d)
	} else {
		o.finish(tx, d, Exhausted, "")
	}
	o.dispatch(tx, to)
}

// disabledBy returns why a failed attempt disables its endpoint; "" if it does not.
func (e Endpoint) disabledBy(out Outcome, failing time.Duration) string {
	switch {
	case e.HonorGone && out.Status == http.StatusGone:
		return DisabledGone
	case e.AutoDisable > 0 && failing >= time.Duration(e.AutoDisable)*time.Second:
		return DisabledFailing
	}
	return ""
}

// retryAt returns when a delivery is retried after a failed attempt: by Delay, or later
// if the receiver asked for that; false when its retries are over (S80).
func (o *Outbox) retryAt(tx *engine.Tx, d Delivery, out Outcome) (time.Time, bool) {
	delay, ok := Delay(d.Tries)
	if !ok {
		return time.Time{}, false
	}
	now, at := tx.Now(), d.SentAt.Add(delay)
	if o.config.Jitter {
		// By delivery and retry, so that the order of responses changes nothing. It costs
		// no attempt.
		at = d.SentAt.Add(Jitter(delay, tx.World().Noise("webhook/jitter/"+d.ID).At(int64(d.Tries))))
		if last := d.FirstAt.Add(retryWindow); at.After(last) {
			at = last
		}
	}
	if asked := now.Add(out.RetryAfter); out.RetryAfter > 0 && asked.After(at) && asked.Sub(d.FirstAt) <= retryWindow {
		at = asked
	}
	if at.Before(now) {
		at = now
	}
	return at, at.Sub(d.FirstAt) <= retryWindow
}
