package skystack

import (
	"context"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// Kinds of weather, as attempts name them.
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
	// probeAge is that of an old timestamp: twice what receivers should tolerate.
	probeAge = 10 * time.Minute
)

// forecast is the weather that a delivery will have. It is drawn when the delivery
// is booked, so that it follows from the order of the events and not from when
// receivers answer, and is the same when a kept state sets out again.
type forecast struct {
	Duplicate      bool `json:"duplicate"`
	Delayed        bool `json:"delayed"`
	Reordered      bool `json:"reordered"`
	WrongSignature bool `json:"wrong_signature"`
	OldTimestamp   bool `json:"old_timestamp"`
	// Rotation has a bit for each attempt, the lowest for the first.
	Rotation uint16 `json:"rotation"`
}

// forecast draws the weather of a delivery and how long its first attempt is held
// back; nil for none. It draws the same numbers whatever the shares are: one share
// changes nothing about the others.
func (w Webhook) forecast(tx *engine.Tx) (f *forecast, held time.Duration) {
	if w.Weather == (Weather{}) {
		return nil, 0
	}
	r := tx.Rand("webhook/weather/" + w.ID)
	falls := func(share float64) bool { return r.Float64() < share }
	f = &forecast{
		Duplicate: falls(w.Weather.Duplicates), Delayed: w.Weather.DelaySeconds > 0, Reordered: falls(w.Weather.Reorder),
		WrongSignature: falls(w.Weather.WrongSignature), OldTimestamp: falls(w.Weather.OldTimestamp),
	}
	for n := range webhook.Attempts {
		if falls(w.Weather.Rotation) {
			f.Rotation |= 1 << n
		}
	}
	if f.Reordered {
		held = heldLeast + time.Duration(r.Int64N(int64(heldMost-heldLeast)))
	}
	return f, held
}

// hold books the first attempt of a delivery for later; false if nothing holds it
// back. A delay keeps the order of the events, also when it is made shorter; a
// reordered event lets the others pass.
func (a *API) hold(tx *engine.Tx, w Webhook, d *Delivery, held time.Duration) bool {
	box := engine.Own(a.mailboxes, tx, w.ID)
	at := tx.Now().Add(time.Duration(w.Weather.DelaySeconds) * time.Second)
	if at.Before(box.NotBefore) {
		at = box.NotBefore
	}
	if at.After(tx.Now()) {
		box.NotBefore = at
	}
	at = at.Add(held)
	if !at.After(tx.Now()) {
		return false
	}
	d.Status, d.Due = Waiting, tx.After(at.Sub(tx.Now()), attemptStep, d.ID)
	return true
}

// shot is one request of an errand, and what became of it.
type shot struct {
	message webhook.Message
	weather []string
	out     webhook.Outcome
}

// volley is everything that one errand sends: an attempt, and what the weather
// adds to it, which never counts.
type volley struct {
	shot
	probes []shot // before the attempt; a receiver should refuse them
	twins  []shot // after the attempt, if it succeeded; a receiver should take them
}

// volley adds the weather to an attempt.
func (a *API) volley(tx *engine.Tx, w Webhook, d Delivery, m webhook.Message) volley {
	v := volley{shot: shot{message: m}}
	f := d.Forecast
	if f == nil {
		return v
	}
	stranger := webhook.NewSecret(tx.Secret("webhook/stranger/" + w.ID))
	extra := func(kind string) shot {
		s := shot{message: v.message, weather: []string{kind}}
		s.message.DeliveryID += "_" + kind
		return s
	}
	if f.Duplicate {
		v.twins = []shot{extra(duplicated)}
	}
	if d.Tries == 0 {
		if f.WrongSignature {
			s := extra(wrongSignature)
			s.message.Secrets, s.message.Signer = []string{stranger}, stranger
			v.probes = append(v.probes, s)
		}
		if f.OldTimestamp {
			s := extra(oldTimestamp)
			s.message.Timestamp = s.message.Timestamp.Add(-probeAge)
			v.probes = append(v.probes, s)
		}
		if f.Delayed {
			v.weather = append(v.weather, delayed)
		}
		if f.Reordered {
			v.weather = append(v.weather, reordered)
		}
	}
	if f.Rotation>>d.Tries&1 == 1 {
		v.weather = append(v.weather, inRotation)
		v.message.Secrets = slices.Concat([]string{stranger}, m.Secrets)
	}
	return v
}

// fire sends a volley, one request after the other.
func (v volley) fire(ctx context.Context, carry carrier) volley {
	each := func(shots []shot) {
		for i := range shots {
			shots[i].out = carry(ctx, shots[i].message)
		}
	}
	each(v.probes)
	v.out = carry(ctx, v.message)
	if !v.out.OK() {
		v.twins = nil
	}
	each(v.twins)
	return v
}

// attempts are those of a volley as they are kept, after those there were.
func (v volley) attempts(d Delivery) []Attempt {
	kept := slices.Clip(d.Attempts)
	for _, s := range slices.Concat(v.probes, []shot{v.shot}, v.twins) {
		t := attemptOf(kept, d.SentAt, s)
		kept = append(kept, t)
	}
	return kept
}
