package credential

import (
	"net/netip"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Ledger is what changes with every request of a key, or of a workspace whose keys share
// one allowance.
type Ledger struct {
	Usage      limit.Usage `json:"usage"`
	LastUsedAt time.Time   `json:"last_used_at"`
	LastUsedIP string      `json:"last_used_ip"`
	// RefusedUntil is when the limits accept requests of a refused key again, and Busy
	// lists the other refusals with a known end, on a clock that jumps to what a client
	// waits for. Seen lists the due events that the client knows of.
	RefusedUntil time.Time `json:"refused_until,omitzero"`
	Busy         []Busy    `json:"busy,omitempty"`
	Seen         []string  `json:"seen,omitempty"`
}

// Busy names an object that was busy, and the action that kept it busy.
type Busy struct {
	Object string `json:"instance"`
	Action string `json:"action"`
}

// How many refusals, and due events that it knows of, are kept of a key.
const (
	maxBusy = 32
	maxSeen = 32
)

// Clone returns a ledger that shares nothing with l.
func (l Ledger) Clone() Ledger {
	l.Usage = l.Usage.Clone()
	l.Busy, l.Seen = slices.Clone(l.Busy), slices.Clone(l.Seen)
	return l
}

func (l Ledger) checkSaved(string) error {
	var f resource.Violations
	f.Time("last_used_at", l.LastUsedAt)
	f.Time("refused_until", l.RefusedUntil)
	if _, err := netip.ParseAddr(l.LastUsedIP); err != nil && l.LastUsedIP != "" {
		f.Add("last_used_ip", "%q is not an IP address", fail.Clip(l.LastUsedIP))
	}
	return f.First()
}

// LastUsed returns when and from which IP address a request last came with the key with
// an id; zero values if none did.
func (s *Store) LastUsed(tx *engine.Tx, id string) (at time.Time, ip string) {
	l, _ := s.ledgers.Get(tx, id)
	return l.LastUsedAt, l.LastUsedIP
}

// What a client waits for, on a clock that jumps there. The rule: a read whose result
// would change at a due event moves time to that event when the same key repeats it; and
// after a refusal with a known end the next request of the key, to the same object unless
// the limits refused it, moves time to that end first. Each moves to one event at most.

// refuseUntil records when the limits accept requests of a key again, if they ever do.
func (s *Store) refuseUntil(tx *engine.Tx, id string, d *limit.Decision) {
	if tx.Mode() != engine.Auto {
		return
	}
	until := time.Time{}
	for _, q := range [...]limit.Quota{d.Minute, d.Day} {
		switch {
		case q.Exceeded && q.Limit == 0:
			return
		case q.Exceeded && q.Reset.After(until):
			until = q.Reset
		}
	}
	engine.Own(s.ledgers, tx, id).RefusedUntil = until
}

// RefuseBusy records that a key was refused because an object was busy. It does nothing
// unless the clock jumps to what a client waits for.
func (s *Store) RefuseBusy(tx *engine.Tx, id string, b Busy) {
	if tx.Mode() != engine.Auto {
		return
	}
	l := engine.Own(s.ledgers, tx, id)
	l.Busy = slices.DeleteFunc(l.Busy, func(other Busy) bool { return other.Object == b.Object })
	if len(l.Busy) == maxBusy {
		l.Busy = l.Busy[1:]
	}
	l.Busy = append(l.Busy, b)
}

// resume moves time to the end of what a key was refused for, and reports whether it did:
// by the limits, else because the object with the id was busy.
func (s *Store) resume(tx *engine.Tx, id, object string) bool {
	known, _ := s.ledgers.Get(tx, id)
	if tx.Mode() != engine.Auto || known.RefusedUntil.IsZero() && len(known.Busy) == 0 {
		return false
	}
	l := engine.Own(s.ledgers, tx, id)
	until := l.RefusedUntil
	l.RefusedUntil = time.Time{}
	if until.IsZero() {
		l.Busy = slices.DeleteFunc(l.Busy, func(b Busy) bool {
			if b.Object != object {
				return false
			}
			if s.config.BusyUntil != nil {
				until = s.config.BusyUntil(tx, b)
			}
			return true
		})
	}
	if !until.After(tx.Now()) {
		return false
	}
	tx.AdvanceTo(until)
	return true
}

// Await moves time to the first due event that a read waits for, if an earlier read of
// the key waited for it too, and reports whether it did. It does so only on a clock that
// jumps, and not beyond a reset.
func (s *Store) Await(tx *engine.Tx, id string, waitsFor func(e engine.Event) bool) bool {
	if tx.Mode() != engine.Auto {
		return false
	}
	next, ok := tx.Upcoming(waitsFor)
	if reset := tx.NextReset(); !ok || !reset.IsZero() && reset.Before(next.At) {
		return false
	}
	l := engine.Own(s.ledgers, tx, id)
	event := next.Step + " " + next.Subject + " " + next.At.Format(time.RFC3339Nano)
	if n := slices.Index(l.Seen, event); n >= 0 {
		l.Seen = slices.Delete(l.Seen, n, n+1)
		tx.AdvanceTo(next.At)
		return true
	}
	if len(l.Seen) == maxSeen {
		l.Seen = slices.Delete(l.Seen, 0, 1)
	}
	l.Seen = append(l.Seen, event)
	return false
}
