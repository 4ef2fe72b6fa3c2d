package webhook

import (
	"fmt"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
)

// Config connects an outbox to the API whose events it delivers. The required
// functions are asked in transactions.
type Config struct {
	// Prefix distinguishes the tables and the step from those of other APIs in the same
	// worlds; "" is that of one API.
	Prefix string
	// Product is Message.Product of every message.
	Product string
	// Sender sends the messages; nil fails every attempt.
	Sender *Sender
	// Jitter moves each delay of a retry by up to a tenth (5.2).
	Jitter bool
	// Findings receives what receivers do wrong. It is required.
	Findings *finding.Log
	// KeepFor is how long a finished delivery is kept: as long as its event is.
	KeepFor time.Duration
	// Render returns the event with the id as an API version has it; false when the
	// event is no longer kept. It is required.
	Render func(tx *engine.Tx, event, version string) ([]byte, bool)
	// Selects reports whether a pattern of Endpoint.EventTypes covers a type of
	// event. It is required.
	Selects func(pattern, eventType string) bool
	// ProjectExists reports whether there is a project with the id. It is required.
	ProjectExists func(tx *engine.Tx, id string) bool
	// Removed is called when an endpoint was removed; nil when the API does nothing then.
	Removed func(tx *engine.Tx, e Endpoint)
	// CheckEndpoint refuses an endpoint of a saved state that the API would not accept:
	// its ids, event types, version and limits. The outbox checks the rest. nil refuses
	// none.
	CheckEndpoint func(e Endpoint, id string) error
	// CheckBody refuses a body that breaks the contract of the API; nil sends all.
	CheckBody func(body []byte) error
}

// Event names an event that can be delivered.
type Event struct {
	ID        string
	Type      string
	ProjectID string // "" for an event of the whole workspace
}

// Outbox delivers events to endpoints (5.2). It is made before the worlds that use
// its tables.
type Outbox struct {
	// Endpoints and Deliveries are for reading; the methods change them.
	Endpoints  *engine.Table[Endpoint]
	Deliveries *engine.Table[Delivery]

	config   Config
	secrets  *engine.Table[Secrets]
	queues   *engine.Table[queues]
	inFlight *engine.Table[inFlight]
	finished *engine.Table[finished]
	pulled   pullQueues
}

// inFlight marks a delivery whose attempt is under way. If the result is lost with the
// state that started the attempt, the attempt is made again.
type inFlight struct{}

// AttemptStep returns the step that queues a delivery for its next attempt. Its subject
// is the id of the delivery.
func (o *Outbox) AttemptStep() string { return o.config.Prefix + "webhook.attempt" }

const (
	// maxRetries bounds how many retries of an endpoint are in flight at a time.
	maxRetries = 8
	// maxOpen bounds the open deliveries of an endpoint, and maxFinished how many
	// finished deliveries of a workspace are kept.
	maxOpen     = 100_000
	maxFinished = 20_000
	// retryWindow is how long after its first attempt a delivery is retried (S80).
	retryWindow = 24 * time.Hour
)

// New adds the tables, steps and hooks of an outbox to a schema.
func New(schema *engine.Schema, c Config) *Outbox {
	o := &Outbox{config: c}
	o.Endpoints = engine.AddTable(schema, engine.Kind[Endpoint]{Name: c.Prefix + "webhooks", Check: o.checkEndpoint, Loaded: Endpoint.loaded})
	o.secrets = engine.AddTable(schema, engine.Kind[Secrets]{Name: c.Prefix + "webhook_secrets", Check: Secrets.checkSaved, Confidential: true})
	o.queues = engine.AddTable(schema, engine.Kind[queues]{Name: c.Prefix + "delivery_queues"})
	o.Deliveries = engine.AddTable(schema, engine.Kind[Delivery]{Name: c.Prefix + "deliveries", Check: Delivery.checkSaved, Rescheduled: Delivery.rescheduled})
	o.inFlight = engine.AddTable(schema, engine.Kind[inFlight]{Name: c.Prefix + "deliveries_in_flight"})
	o.finished = engine.AddTable(schema, engine.Kind[finished]{Name: c.Prefix + "finished_deliveries"})
	schema.OnLoad(o.checkReferences)
	schema.OnRestore(o.restart)
	schema.AddStep(o.AttemptStep(), o.queueRetry)
	return o
}

// checkReferences refuses a saved state whose endpoints name a project that is not in
// it, or whose secrets name such an endpoint. The project of an endpoint with open
// deliveries may be deleted already.
func (o *Outbox) checkReferences(tx *engine.Tx) error {
	for row := range o.Endpoints.After(tx, 0) {
		if q, _ := o.queues.Get(tx, row.ID); q.Open == 0 && !o.config.ProjectExists(tx, row.Value.ProjectID) {
			return fmt.Errorf("/tables: webhooks %q: project_id: there is no project %q in the file", fail.Clip(row.ID), fail.Clip(row.Value.ProjectID))
		}
	}
	for row := range o.secrets.After(tx, 0) {
		if !o.Endpoints.Has(tx, row.ID) {
			return fmt.Errorf("/tables: webhook_secrets %q: there is no such webhook in the file", fail.Clip(row.ID))
		}
	}
	return nil
}

// Post enqueues an event for each of its receivers.
func (o *Outbox) Post(tx *engine.Tx, e Event) {
	for _, to := range o.Receivers(tx, e) {
		o.Enqueue(tx, to, e, "")
	}
}

// Receivers lists the enabled endpoints that select an event: those of its project,
// or of every existing project for an event of the workspace.
func (o *Outbox) Receivers(tx *engine.Tx, e Event) (all []Endpoint) {
	for row := range o.Endpoints.After(tx, 0) {
		to := row.Value
		ofProject := e.ProjectID == to.ProjectID || e.ProjectID == "" && o.config.ProjectExists(tx, to.ProjectID)
		selects := func(pattern string) bool { return o.config.Selects(pattern, e.Type) }
		if to.Disabled == "" && ofProject && slices.ContainsFunc(to.EventTypes, selects) {
			all = append(all, to)
		}
	}
	return all
}

// Enqueue adds the delivery of an event to an endpoint, whatever the endpoint selects.
// replayOf is the id of the delivery that it repeats, "" for none.
func (o *Outbox) Enqueue(tx *engine.Tx, to Endpoint, e Event, replayOf string) Delivery {
	d := Delivery{ID: o.Deliveries.NewID(tx, "dlv"), WebhookID: to.ID, EventID: e.ID, EventType: e.Type, Status: Queued, ReplayOf: replayOf, CreatedAt: tx.Now()}
	q := engine.Own(o.queues, tx, to.ID)
	q.Open++
	if q.Open > maxOpen {
		return o.finish(tx, d, Abandoned, "the endpoint has too many open deliveries")
	}
	var held time.Duration
	d.FaultPlan, held = to.planFaults(tx)
	if o.hold(tx, to, &d, held) {
		o.Deliveries.Put(tx, d.ID, d)
		return d
	}
	o.Deliveries.Put(tx, d.ID, d)
	tx.Expect(d.ID)
	o.enqueue(tx, d)
	o.dispatch(tx, to)
	d, _ = o.Deliveries.Get(tx, d.ID)
	return d
}

// queueRetry is the step that queues a delivery for its next attempt.
func (o *Outbox) queueRetry(tx *engine.Tx, id string) {
	d, ok := o.Deliveries.Get(tx, id)
	to, there := o.Endpoints.Get(tx, d.WebhookID)
	if !ok || !there || d.Status != Waiting {
		return
	}
	d.Status, d.Due = Queued, engine.Timer{}
	o.Deliveries.Put(tx, id, d)
	if to.Disabled == "" { // what waits for a disabled endpoint stays in the queue
		tx.Expect(id)
	}
	o.enqueue(tx, d)
	o.dispatch(tx, to)
}

// Due returns a filter that accepts the next attempts of the deliveries that f accepts.
// Their outcome decides whether an endpoint is healthy, and enabled.
func (o *Outbox) Due(tx *engine.Tx, f func(to Endpoint, d Delivery) bool) func(engine.Event) bool {
	return func(e engine.Event) bool {
		if e.Step != o.AttemptStep() {
			return false
		}
		d, _ := o.Deliveries.Get(tx, e.Subject)
		to, ok := o.Endpoints.Get(tx, d.WebhookID)
		return ok && f(to, d)
	}
}

// restart runs whenever a kept state becomes the present one. It repeats the attempts
// that were in flight, so that nothing is lost; a receiver may get an event twice.
func (o *Outbox) restart(_, tx *engine.Tx) {
	for row := range o.queues.After(tx, 0) {
		q := engine.Own(o.queues, tx, row.ID)
		q.First.InFlight, q.Retries.InFlight = 0, 0
		if to, ok := o.Endpoints.Get(tx, row.ID); ok && to.Disabled == "" {
			o.eachQueued(tx, row.ID, tx.Expect)
		}
	}
	var again, back []Delivery
	for row := range o.inFlight.After(tx, 0) {
		d, ok := o.Deliveries.Get(tx, row.ID)
		to, there := o.Endpoints.Get(tx, d.WebhookID)
		switch {
		case !ok || !there || d.Status != Delivering:
			back = append(back, Delivery{ID: row.ID})
		case to.Disabled != "":
			back = append(back, d)
		default:
			again = append(again, d)
		}
	}
	for _, d := range again {
		to, _ := o.Endpoints.Get(tx, d.WebhookID)
		o.queueOf(tx, d).InFlight++
		o.start(tx, to, d)
	}
	for _, d := range slices.Backward(back) { // each goes in front of what followed it
		o.inFlight.Delete(tx, d.ID)
		if d.WebhookID != "" {
			d.Status = Queued
			o.requeue(tx, d)
		}
	}
}
