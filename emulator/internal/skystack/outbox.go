package skystack

import (
	"context"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// Courier takes messages to their receivers. It is asked outside of any
// transaction.
type Courier interface {
	Send(ctx context.Context, m webhook.Message, o webhook.Options) webhook.Outcome
	// CheckURL refuses an address that nothing may be sent to, and says why.
	CheckURL(url string) error
}

// mailbox is where the deliveries of an endpoint wait (5.2). First attempts are
// made in the order of the events; later ones have a lane of their own, so that
// they never hold up newer events.
type mailbox struct {
	First        lane      `json:"first"`
	Again        lane      `json:"again"`
	FailingSince time.Time `json:"failing_since"`
	// Open counts the deliveries that are not over, in a lane or not.
	Open int `json:"open"`
	// NotBefore is when the last first attempt falls due that the weather delayed.
	NotBefore time.Time `json:"not_before"`
}

// Clone returns m.
func (m mailbox) Clone() mailbox { return m }

// lane is a queue of deliveries, each of which names its follower, and how many of
// it are on their way.
type lane struct {
	Head   string `json:"head"`
	Tail   string `json:"tail"`
	Flying int    `json:"flying"`
	Queued int    `json:"queued"`
}

// flight is a delivery that is on its way: if its return is lost with the state
// that sent it, it sets out again.
type flight struct{}

const (
	// attemptStep puts a delivery in line for its next attempt.
	attemptStep = "webhook.attempt"
	// maxAgain bounds how many later attempts of an endpoint run at a time.
	maxAgain = 8
	// maxOpen bounds what an endpoint has not got yet, and maxFinished how many
	// deliveries of a workspace are remembered when they are over.
	maxOpen     = 100_000
	maxFinished = 20_000
	// retryWindow is how long after its first attempt a delivery is tried (S80).
	retryWindow = 24 * time.Hour
)

// post books the deliveries of an event: one for each endpoint of its project
// that subscribes to it, or of any project there is if it concerns the workspace.
func (a *API) post(tx *engine.Tx, e Event) {
	for _, w := range a.receivers(tx, e) {
		a.enqueue(tx, w, e, "")
	}
}

// receivers is the webhooks that get an event.
func (a *API) receivers(tx *engine.Tx, e Event) (all []Webhook) {
	for row := range a.webhooks.After(tx, 0) {
		if w := row.Value; w.Disabled == "" && (e.ProjectID == w.ProjectID || e.ProjectID == "" && has(a.projects, tx, w.ProjectID)) && w.wants(e.Type) {
			all = append(all, w)
		}
	}
	return all
}

func (w Webhook) wants(eventType string) bool {
	for _, pattern := range w.EventTypes {
		if selects(pattern, eventType) {
			return true
		}
	}
	return false
}

// enqueue books one delivery; replayOf is the one it repeats, "" for none.
func (a *API) enqueue(tx *engine.Tx, w Webhook, e Event, replayOf string) Delivery {
	d := Delivery{ID: a.deliveries.NewID(tx, "dlv"), WebhookID: w.ID, EventID: e.ID, EventType: e.Type, Status: Queued, ReplayOf: replayOf, CreatedAt: tx.Now()}
	box := engine.Own(a.mailboxes, tx, w.ID)
	box.Open++
	if box.Open > maxOpen {
		return a.finishDelivery(tx, d, Abandoned, "the endpoint has too much waiting already")
	}
	var held time.Duration
	d.Forecast, held = w.forecast(tx)
	if a.hold(tx, w, &d, held) {
		a.deliveries.Put(tx, d.ID, d)
		return d
	}
	a.deliveries.Put(tx, d.ID, d)
	tx.Expect(d.ID)
	a.push(tx, d.ID, &engine.Own(a.mailboxes, tx, w.ID).First)
	a.dispatch(tx, w)
	d, _ = a.deliveries.Get(tx, d.ID)
	return d
}

// push puts a delivery at the end of a lane.
func (a *API) push(tx *engine.Tx, id string, l *lane) {
	if last, ok := a.deliveries.Get(tx, l.Tail); ok {
		last.Next = id
		a.deliveries.Put(tx, last.ID, last)
	} else {
		l.Head = id
	}
	l.Tail = id
	l.Queued++
}

// unshift puts a delivery at the front of a lane, for it had left it already.
func (a *API) unshift(tx *engine.Tx, d Delivery, l *lane) {
	if !has(a.deliveries, tx, l.Head) {
		l.Head, l.Tail = "", d.ID
	}
	d.Next, l.Head = l.Head, d.ID
	a.deliveries.Put(tx, d.ID, d)
	l.Queued++
}

// pop takes the first delivery out of a lane; false if there is none.
func (a *API) pop(tx *engine.Tx, l *lane) (Delivery, bool) {
	d, ok := a.deliveries.Get(tx, l.Head)
	if !ok {
		l.Head, l.Tail, l.Queued = "", "", 0
		return d, false
	}
	l.Head, d.Next = d.Next, ""
	if l.Head == "" {
		l.Tail = ""
	}
	l.Queued--
	return d, true
}

// inLine does something with each delivery that waits in a lane of an endpoint.
func (a *API) inLine(tx *engine.Tx, webhookID string, do func(id string)) {
	box, _ := a.mailboxes.Get(tx, webhookID)
	for _, l := range []lane{box.First, box.Again} {
		id := l.Head
		for range l.Queued { // a saved world that somebody edited may go round in circles
			d, ok := a.deliveries.Get(tx, id)
			if !ok {
				break
			}
			do(id)
			id = d.Next
		}
	}
}

// dispatch sends off what an endpoint has waiting, as far as it takes it. What waits
// for a disabled endpoint stays.
func (a *API) dispatch(tx *engine.Tx, w Webhook) {
	if w.Disabled != "" {
		return
	}
	a.pumpLane(tx, w, false, w.MaxInFlight)
	a.pumpLane(tx, w, true, maxAgain)
}

func (a *API) pumpLane(tx *engine.Tx, w Webhook, again bool, most int) {
	for {
		l := engine.Own(a.mailboxes, tx, w.ID).lane(again)
		if l.Flying >= most {
			return
		}
		d, ok := a.pop(tx, l)
		if !ok {
			return
		}
		if d.Status != Queued { // only a saved world that somebody edited has such a lane
			a.deliveries.Put(tx, d.ID, d)
			continue
		}
		l.Flying++
		a.launch(tx, w, d)
	}
}

func (m *mailbox) lane(again bool) *lane {
	if again {
		return &m.Again
	}
	return &m.First
}

// again says in which lane a delivery is.
func (d Delivery) again() bool { return d.Tries > 0 }

// launch sends a delivery off; it holds a place in its lane until it is back.
func (a *API) launch(tx *engine.Tx, w Webhook, d Delivery) {
	e, ok := a.events.Get(tx, d.EventID)
	if !ok {
		a.flights.Delete(tx, d.ID)
		a.leaveLane(tx, w, d)
		a.finishDelivery(tx, d, Abandoned, "the event is no longer kept")
		return
	}
	s, _ := a.secrets.Get(tx, w.ID)
	signer, all := s.at(tx.Now())
	m := webhook.Message{
		URL: w.URL, EventID: e.ID, EventType: e.Type, DeliveryID: attemptID(d.ID, d.Tries+1), Attempt: d.Tries + 1, Version: w.APIVersion,
		Body: e.write(nil, tx.World().ID(), w.APIVersion), Secrets: all, Signer: signer, Format: w.Format,
		Timestamp: engine.WallNow(), // receivers hold it against their own clocks (T3)
	}
	d.Status, d.SentAt, d.Due = Delivering, tx.Now(), engine.Booking{}
	a.deliveries.Put(tx, d.ID, d)
	a.flights.Put(tx, d.ID, flight{})
	o := webhook.Options{Timeout: time.Duration(w.TimeoutMS) * time.Millisecond, InsecureTLS: w.InsecureTLS}
	v, carry := a.volley(tx, w, d, m), a.carrier(tx, w, o)
	if a.CheckEvents {
		carry = checkedCarrier(carry)
	}
	tx.Start(d.ID, func(ctx context.Context) func(*engine.Tx) {
		back := v.fire(ctx, carry)
		return func(tx *engine.Tx) { a.landed(tx, d.ID, back) }
	})
}

// landed notes what became of an attempt, and books the next one if it failed.
func (a *API) landed(tx *engine.Tx, id string, v volley) {
	out := v.out
	d, ok := a.deliveries.Get(tx, id)
	w, there := a.webhooks.Get(tx, d.WebhookID)
	if !ok || !there || d.Status != Delivering { // it was given up meanwhile
		return
	}
	defer a.retireWebhook(tx, w.ID)
	a.flights.Delete(tx, id)
	a.leaveLane(tx, w, d)
	d.Tries++
	d.Attempts = v.attempts(d)
	a.auditReceiver(tx, w, v)
	if d.Tries == 1 {
		d.FirstAt = d.SentAt
	}
	box := engine.Own(a.mailboxes, tx, w.ID)
	if out.OK() {
		box.FailingSince = time.Time{}
		a.finishDelivery(tx, d, Succeeded, "")
		a.dispatch(tx, w)
		return
	}
	if box.FailingSince.IsZero() {
		box.FailingSince = tx.Now()
	}
	if why := w.endsWith(out, tx.Now().Sub(box.FailingSince)); why != "" {
		w.Disabled = why
		w.Version++
		w.UpdatedAt = tx.Now()
		a.webhooks.Put(tx, w.ID, w)
		a.finishDelivery(tx, d, Abandoned, "the webhook was disabled")
		a.abandon(tx, w.ID, "the webhook was disabled")
		return
	}
	if next, ok := a.next(tx, d, out); ok {
		d.Status = Waiting
		d.Due = tx.After(next.Sub(tx.Now()), attemptStep, d.ID)
		a.deliveries.Put(tx, d.ID, d)
	} else {
		a.finishDelivery(tx, d, Exhausted, "")
	}
	a.dispatch(tx, w)
}

// endsWith is why a failed attempt disables its endpoint; "" if it does not.
func (w Webhook) endsWith(out webhook.Outcome, failing time.Duration) string {
	switch {
	case w.HonorGone && out.Status == 410:
		return byGone
	case w.AutoDisable > 0 && failing >= time.Duration(w.AutoDisable)*time.Second:
		return byFailing
	}
	return ""
}

// next is when a delivery is tried again after a failed attempt: by the ladder, or
// later if the receiver asked for that; false when its time is over (S80).
func (a *API) next(tx *engine.Tx, d Delivery, out webhook.Outcome) (time.Time, bool) {
	delay, ok := webhook.Delay(d.Tries)
	if !ok {
		return time.Time{}, false
	}
	now, at := tx.Now(), d.SentAt.Add(delay)
	if a.WebhookJitter {
		// By delivery and retry, whoever answers first. It costs no attempt.
		at = d.SentAt.Add(webhook.Jitter(delay, tx.World().Noise("webhook/jitter/"+d.ID).At(int64(d.Tries))))
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

// attempt is the step that puts a delivery in line for its next attempt.
func (a *API) attempt(tx *engine.Tx, id string) {
	d, ok := a.deliveries.Get(tx, id)
	w, there := a.webhooks.Get(tx, d.WebhookID)
	if !ok || !there || d.Status != Waiting {
		return
	}
	d.Status, d.Due = Queued, engine.Booking{}
	a.deliveries.Put(tx, id, d)
	if w.Disabled == "" { // or it stays where it is
		tx.Expect(id)
	}
	a.push(tx, id, engine.Own(a.mailboxes, tx, w.ID).lane(d.again()))
	a.dispatch(tx, w)
}

func (a *API) leaveLane(tx *engine.Tx, w Webhook, d Delivery) {
	engine.Own(a.mailboxes, tx, w.ID).lane(d.again()).Flying--
}

// restartDeliveries is done whenever a kept state becomes the present one: what was on its
// way sets out again, so that nothing is lost; a receiver may get it twice.
func (a *API) restartDeliveries(_, tx *engine.Tx) {
	for row := range a.mailboxes.After(tx, 0) {
		box := engine.Own(a.mailboxes, tx, row.ID)
		box.First.Flying, box.Again.Flying = 0, 0
		if w, ok := a.webhooks.Get(tx, row.ID); ok && w.Disabled == "" {
			a.inLine(tx, row.ID, tx.Expect)
		}
	}
	var flying, grounded []Delivery
	for row := range a.flights.After(tx, 0) {
		d, ok := a.deliveries.Get(tx, row.ID)
		w, there := a.webhooks.Get(tx, d.WebhookID)
		switch {
		case !ok || !there || d.Status != Delivering:
			grounded = append(grounded, Delivery{ID: row.ID})
		case w.Disabled != "":
			grounded = append(grounded, d)
		default:
			flying = append(flying, d)
		}
	}
	for _, d := range flying {
		w, _ := a.webhooks.Get(tx, d.WebhookID)
		engine.Own(a.mailboxes, tx, w.ID).lane(d.again()).Flying++
		a.launch(tx, w, d)
	}
	for _, d := range slices.Backward(grounded) { // each goes in front of what followed it
		a.flights.Delete(tx, d.ID)
		if d.WebhookID != "" {
			d.Status = Queued
			a.unshift(tx, d, engine.Own(a.mailboxes, tx, d.WebhookID).lane(d.again()))
		}
	}
}
