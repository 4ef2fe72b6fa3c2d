package webhook

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// queues are the delivery queues of an endpoint (5.2). First attempts are made in the
// order of the events; retries have a queue of their own, so that they never delay
// newer events.
type queues struct {
	First        queue     `json:"first"`
	Retries      queue     `json:"retries"`
	FailingSince time.Time `json:"failing_since"`
	// Open counts the deliveries that are not finished, queued or not.
	Open int `json:"open"`
	// NotBefore is when the last first attempt is due that a fault delays.
	NotBefore time.Time `json:"not_before"`
}

// Clone returns q.
func (q queues) Clone() queues { return q }

// queue is a linked list of deliveries, each of which names the next one.
type queue struct {
	Head     string `json:"head"`
	Tail     string `json:"tail"`
	InFlight int    `json:"in_flight"` // of this queue; they have left the list
	Queued   int    `json:"queued"`
}

// of returns the queue that a delivery belongs to.
func (q *queues) of(d Delivery) *queue {
	if d.Tries > 0 {
		return &q.Retries
	}
	return &q.First
}

// queueOf returns the queue that a delivery belongs to, to be changed in place.
func (o *Outbox) queueOf(tx *engine.Tx, d Delivery) *queue {
	return engine.Own(o.queues, tx, d.WebhookID).of(d)
}

// FailingSince returns since when all attempts at an endpoint have failed; zero when
// the last one succeeded, or none was made.
func (o *Outbox) FailingSince(tx *engine.Tx, endpoint string) time.Time {
	q, _ := o.queues.Get(tx, endpoint)
	return q.FailingSince
}

// enqueue puts a delivery at the end of its queue.
func (o *Outbox) enqueue(tx *engine.Tx, d Delivery) {
	q := o.queueOf(tx, d)
	if last, ok := o.Deliveries.Get(tx, q.Tail); ok {
		last.Next = d.ID
		o.Deliveries.Put(tx, last.ID, last)
	} else {
		q.Head = d.ID
	}
	q.Tail = d.ID
	q.Queued++
}

// requeue puts a delivery that had left its queue at the front of it.
func (o *Outbox) requeue(tx *engine.Tx, d Delivery) {
	q := o.queueOf(tx, d)
	if !o.Deliveries.Has(tx, q.Head) {
		q.Head, q.Tail = "", d.ID
	}
	d.Next, q.Head = q.Head, d.ID
	o.Deliveries.Put(tx, d.ID, d)
	q.Queued++
}

// dequeue takes the first delivery out of a queue; false if there is none.
func (o *Outbox) dequeue(tx *engine.Tx, q *queue) (Delivery, bool) {
	d, ok := o.Deliveries.Get(tx, q.Head)
	if !ok {
		q.Head, q.Tail, q.Queued = "", "", 0
		return d, false
	}
	q.Head, d.Next = d.Next, ""
	if q.Head == "" {
		q.Tail = ""
	}
	q.Queued--
	return d, true
}

// eachQueued calls f with each queued delivery of an endpoint.
func (o *Outbox) eachQueued(tx *engine.Tx, endpoint string, f func(id string)) {
	qs, _ := o.queues.Get(tx, endpoint)
	for _, q := range []queue{qs.First, qs.Retries} {
		id := q.Head
		for range q.Queued { // the list of an edited saved state may be a circle
			d, ok := o.Deliveries.Get(tx, id)
			if !ok {
				break
			}
			f(id)
			id = d.Next
		}
	}
}

// dispatch starts the attempts of an endpoint that may be in flight now. What waits
// for a disabled endpoint stays.
func (o *Outbox) dispatch(tx *engine.Tx, to Endpoint) {
	if to.Disabled != "" {
		return
	}
	o.dispatchQueue(tx, to, func(q *queues) *queue { return &q.First }, to.MaxInFlight)
	o.dispatchQueue(tx, to, func(q *queues) *queue { return &q.Retries }, maxRetries)
}

func (o *Outbox) dispatchQueue(tx *engine.Tx, to Endpoint, which func(*queues) *queue, most int) {
	for {
		q := which(engine.Own(o.queues, tx, to.ID))
		if q.InFlight >= most {
			return
		}
		d, ok := o.dequeue(tx, q)
		if !ok {
			return
		}
		if d.Status != Queued { // in an edited saved state alone
			o.Deliveries.Put(tx, d.ID, d)
			continue
		}
		q.InFlight++
		o.start(tx, to, d)
	}
}
