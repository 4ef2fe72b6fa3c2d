package webhook

import (
	"context"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Faults are what the sandbox does to the deliveries of an endpoint on purpose. Shares
// are between 0 and 1.
type Faults struct {
	Duplicates     float64 `json:"duplicates"`
	Reorder        float64 `json:"reorder"`
	DelaySeconds   int     `json:"delay_seconds"`
	WrongSignature float64 `json:"wrong_signature"`
	OldTimestamp   float64 `json:"old_timestamp"`
	Rotation       float64 `json:"rotation"`
}

// Delivery faults, as attempts name them.
const (
	duplicated     = "duplicate"
	reordered      = "reordered"
	delayed        = "delayed"
	wrongSignature = "wrong_signature"
	oldTimestamp   = "old_timestamp"
	inRotation     = "rotation"
)

const (
	// heldLeast and heldMost bound how long a reordered event is held back.
	heldLeast = time.Second
	heldMost  = 5 * time.Second
	// oldAge is that of an old timestamp: twice what receivers should tolerate.
	oldAge = 10 * time.Minute
)

// faultPlan holds the faults that a delivery will have. It is drawn when the delivery
// is enqueued: it follows from the order of the events and not from when receivers
// respond, and is the same when a restored state repeats an attempt.
type faultPlan struct {
	Duplicate      bool `json:"duplicate"`
	Delayed        bool `json:"delayed"`
	Reordered      bool `json:"reordered"`
	WrongSignature bool `json:"wrong_signature"`
	OldTimestamp   bool `json:"old_timestamp"`
	// Rotation has a bit for each attempt, the lowest for the first.
	Rotation uint16 `json:"rotation"`
}

// planFaults draws the faults of a delivery and how long its first attempt is held
// back; nil for none. It draws the same numbers whatever the shares are: one share
// changes nothing about the others.
func (e Endpoint) planFaults(tx *engine.Tx) (p *faultPlan, held time.Duration) {
	if e.Faults == (Faults{}) {
		return nil, 0
	}
	r := tx.Rand("webhook/weather/" + e.ID)
	draw := func(share float64) bool { return r.Float64() < share }
	p = &faultPlan{
		Duplicate: draw(e.Faults.Duplicates), Delayed: e.Faults.DelaySeconds > 0, Reordered: draw(e.Faults.Reorder),
		WrongSignature: draw(e.Faults.WrongSignature), OldTimestamp: draw(e.Faults.OldTimestamp),
	}
	for n := range Attempts {
		if draw(e.Faults.Rotation) {
			p.Rotation |= 1 << n
		}
	}
	if p.Reordered {
		held = heldLeast + time.Duration(r.Int64N(int64(heldMost-heldLeast)))
	}
	return p, held
}

// hold schedules the first attempt of a delivery for later; false if nothing holds it
// back. A delay keeps the order of the events, also when it is made shorter; others
// overtake a reordered event.
func (o *Outbox) hold(tx *engine.Tx, to Endpoint, d *Delivery, held time.Duration) bool {
	q := engine.Own(o.queues, tx, to.ID)
	at := tx.Now().Add(time.Duration(to.Faults.DelaySeconds) * time.Second)
	if at.Before(q.NotBefore) {
		at = q.NotBefore
	}
	if at.After(tx.Now()) {
		q.NotBefore = at
	}
	at = at.Add(held)
	if !at.After(tx.Now()) {
		return false
	}
	d.Status, d.Due = Waiting, tx.After(at.Sub(tx.Now()), o.AttemptStep(), d.ID)
	return true
}

// request is one request to a receiver, and its outcome once it was sent.
type request struct {
	message Message
	faults  []string
	outcome Outcome
}

// requests are all requests of one attempt: the attempt itself, and what faults add to
// it, which never counts.
type requests struct {
	request
	invalid    []request // before the attempt; a receiver should refuse them
	duplicates []request // after the attempt, if it succeeded; a receiver should accept them
}

// planRequests adds the planned faults to an attempt.
func planRequests(tx *engine.Tx, to Endpoint, d Delivery, m Message) requests {
	all := requests{request: request{message: m}}
	p := d.FaultPlan
	if p == nil {
		return all
	}
	foreign := NewSecret(tx.Secret("webhook/stranger/" + to.ID))
	extra := func(fault string) request {
		r := request{message: m, faults: []string{fault}}
		r.message.DeliveryID += "_" + fault
		return r
	}
	if p.Duplicate {
		all.duplicates = []request{extra(duplicated)}
	}
	if d.Tries == 0 {
		if p.WrongSignature {
			r := extra(wrongSignature)
			r.message.Secrets, r.message.Signer = []string{foreign}, foreign
			all.invalid = append(all.invalid, r)
		}
		if p.OldTimestamp {
			r := extra(oldTimestamp)
			r.message.Timestamp = r.message.Timestamp.Add(-oldAge)
			all.invalid = append(all.invalid, r)
		}
		if p.Delayed {
			all.faults = append(all.faults, delayed)
		}
		if p.Reordered {
			all.faults = append(all.faults, reordered)
		}
	}
	if p.Rotation>>d.Tries&1 == 1 {
		all.faults = append(all.faults, inRotation)
		all.message.Secrets = slices.Concat([]string{foreign}, m.Secrets)
	}
	return all
}

// send delivers the requests one after the other.
func (r requests) send(ctx context.Context, deliver deliverFunc) requests {
	each := func(list []request) {
		for i := range list {
			list[i].outcome = deliver(ctx, list[i].message)
		}
	}
	each(r.invalid)
	r.outcome = deliver(ctx, r.message)
	if !r.outcome.OK() {
		r.duplicates = nil
	}
	each(r.duplicates)
	return r
}

// all returns the requests in the order in which they were sent.
func (r requests) all() []request {
	return slices.Concat(r.invalid, []request{r.request}, r.duplicates)
}

// attempts returns the attempts of a delivery with these requests. A receiver that
// fails responds the same again and again, which is kept once.
func (r requests) attempts(d Delivery) []Attempt {
	kept := slices.Clip(d.Attempts)
	for _, one := range r.all() {
		m, out := one.message, one.outcome
		t := Attempt{
			ID: m.DeliveryID, Number: m.Attempt, At: d.SentAt, Timestamp: m.Timestamp.Unix(), Status: out.Status,
			LatencyMS: int(out.Latency.Milliseconds()), Body: out.Body, Error: out.Error, Message: out.Message, Faults: one.faults,
		}
		if n := len(kept); n > 0 {
			last := kept[n-1]
			if last.Body == t.Body {
				t.Body = last.Body
			}
			if last.Message == t.Message {
				t.Message = last.Message
			}
		}
		kept = append(kept, t)
	}
	return kept
}
