package credential

import (
	"errors"
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Limits says how the requests of a world are limited (S61 to S63). The zero Limits limits
// none.
type Limits struct {
	// Limited says whether requests are limited at all.
	Limited bool
	Policy  limit.Policy
	// Shared makes all keys of the world draw on one allowance.
	Shared bool
}

// sharedLedger is the ledger of keys that share one allowance.
const sharedLedger = "workspace"

// maxLimit is the greatest limit that can be set, as in a fixture.
const maxLimit = 1_000_000_000

// ledger returns the id of the ledger in which the requests of a key are counted.
func (l Limits) ledger(id string) string {
	if l.Shared {
		return sharedLedger
	}
	return id
}

func (s *Store) limits(tx *engine.Tx) Limits {
	if s.config.Limits == nil {
		return Limits{}
	}
	return s.config.Limits(tx)
}

// count counts a request of the key with an id, unless it has to be refused (S61 to S63;
// 3.2). The waits of the decision are seconds that a client can sleep.
func (s *Store) count(tx *engine.Tx, id string) limit.Decision {
	l := s.limits(tx)
	if !l.Limited {
		return limit.Decision{Allowed: true}
	}
	d := engine.Own(s.ledgers, tx, l.ledger(id)).Usage.Take(tx.Now(), l.Policy)
	d.RetryAfter = 0
	for _, q := range [...]*limit.Quota{&d.Minute, &d.Day} {
		if q.Wait > 0 {
			q.Wait = tx.RetryAfter(q.Reset.Sub(tx.Now()))
		}
		if q.Exceeded {
			q.RetryAfter = q.Wait
		}
		d.RetryAfter = max(d.RetryAfter, q.RetryAfter)
	}
	if !d.Allowed {
		s.refuseUntil(tx, id, &d)
	}
	return d
}

// Limits lists the limits of each key of a world, oldest key first, and what is left of
// them; nothing if requests are not limited. Keys that share theirs are listed as one
// without an id.
func (s *Store) Limits(w *engine.World) []sandbox.Limit {
	out := []sandbox.Limit{}
	_ = w.Do(func(tx *engine.Tx) error {
		l := s.limits(tx)
		if !l.Limited {
			return nil
		}
		ids := []string{""}
		if !l.Shared {
			ids = nil
			for _, k := range s.List(tx) {
				ids = append(ids, k.ID)
			}
		}
		for _, id := range ids {
			row, _ := s.ledgers.Get(tx, l.ledger(id))
			d := row.Usage.Peek(tx.Now(), l.Policy)
			for _, m := range []struct {
				has bool
				q   limit.Quota
			}{{d.HasMinute, d.Minute}, {d.HasDay, d.Day}} {
				if m.has {
					out = append(out, sandbox.Limit{Key: id, Window: m.q.Name, Limit: m.q.Limit, Remaining: m.q.Remaining, ResetAt: m.q.Reset})
				}
			}
		}
		return nil
	})
	return out
}

// Changed returns the limits after a change. Limits of 0 stay as they are; where requests
// were not limited, they still are not. It refuses limits that cannot be set.
func (l Limits) Changed(r sandbox.RateLimit) (Limits, error) {
	for _, m := range []struct {
		name string
		n    int
	}{{"per_minute", r.PerMinute}, {"per_day", r.PerDay}} {
		if m.n < sandbox.Unlimited || m.n > maxLimit {
			return l, fmt.Errorf("%s: %d is no limit; use 1 to %d, Unlimited (%d) for none, or 0 for the one there is", m.name, m.n, maxLimit, sandbox.Unlimited)
		}
	}
	if r.Shared && r.Separate {
		return l, errors.New("scope: limits are either shared or separate; choose one")
	}
	if !l.Limited {
		l.Policy.PerMinute, l.Policy.PerDay = nil, nil
	}
	l.Policy.PerMinute, l.Policy.PerDay = changed(l.Policy.PerMinute, r.PerMinute), changed(l.Policy.PerDay, r.PerDay)
	l.Policy.Fixed = r.Fixed
	l.Shared = (l.Shared || r.Shared) && !r.Separate
	l.Limited = l.Policy.PerMinute != nil || l.Policy.PerDay != nil
	return l, nil
}

// changed returns a limit after a change: 0 leaves it, Unlimited removes it.
func changed(old *int, n int) *int {
	switch n {
	case 0:
		return old
	case sandbox.Unlimited:
		return nil
	}
	return &n
}

// Exhaust uses up the limits of a key, given by its secret or its id, in the named windows,
// in the minute if none is named: the limits refuse its next request. It refuses a key that
// the world does not have, and a window without a limit.
func (s *Store) Exhaust(w *engine.World, key string, windows ...sandbox.Window) error {
	if len(windows) == 0 {
		windows = []sandbox.Window{sandbox.MinuteWindow}
	}
	return w.Do(func(tx *engine.Tx) error {
		l := s.limits(tx)
		k, known := s.FindNamed(tx, key)
		switch {
		case !known:
			return fmt.Errorf("the workspace has no such key; use the token or the id of one of %s: %w", s.someIDs(tx), sandbox.ErrNotFound)
		case !l.Limited:
			return errNotLimited()
		}
		for _, window := range windows {
			if err := checkWindow(l.Policy, window); err != nil {
				return err
			}
		}
		usage := &engine.Own(s.ledgers, tx, l.ledger(k.ID)).Usage
		for _, window := range windows {
			usage.Exhaust(tx.Now(), l.Policy, string(window))
		}
		return nil
	})
}

// checkWindow refuses a window in which requests are not limited.
func checkWindow(p limit.Policy, window sandbox.Window) error {
	var set, other *int
	rest := sandbox.DayWindow
	switch window {
	case sandbox.MinuteWindow:
		set, other = p.PerMinute, p.PerDay
	case sandbox.DayWindow:
		set, other, rest = p.PerDay, p.PerMinute, sandbox.MinuteWindow
	default:
		return fmt.Errorf("window: there is no window %q; use %s or %s", fail.Clip(string(window)), sandbox.MinuteWindow, sandbox.DayWindow)
	}
	switch {
	case set != nil:
		return nil
	case other != nil:
		return fmt.Errorf("requests are not limited by the %s in this workspace; name the window %s, or set a limit for the %s first: %w", window, rest, window, sandbox.ErrConflict)
	}
	return errNotLimited()
}

func errNotLimited() error {
	return fmt.Errorf("requests are not limited in this workspace; set a rate limit first: %w", sandbox.ErrConflict)
}

// Refill gives back everything that was used of all limits.
func (s *Store) Refill(w *engine.World) error {
	return w.Do(func(tx *engine.Tx) error {
		var used []string
		for row := range s.ledgers.After(tx, 0) {
			used = append(used, row.ID)
		}
		for _, id := range used {
			engine.Own(s.ledgers, tx, id).Usage.Refill()
		}
		return nil
	})
}
