package skystack

import (
	"errors"
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/sandbox"
)

// maxLimit is the greatest limit that can be set, as in a fixture.
const maxLimit = 1_000_000_000

// Limits lists the limits of each key of a world, oldest key first, and what is
// left of them; nothing if requests are not limited. Keys that share theirs are
// listed as one without an id.
func (a *API) Limits(w *engine.World) []sandbox.Limit {
	out := []sandbox.Limit{}
	_ = w.Do(func(tx *engine.Tx) error {
		s := a.settingsOf(tx)
		if !s.Limited {
			return nil
		}
		for _, key := range a.limitedKeys(tx, s) {
			l, _ := a.ledgers.Get(tx, ledgerOf(s, key))
			d := l.Usage.Peek(tx.Now(), s.Limits)
			for _, m := range []struct {
				has bool
				q   limit.Quota
			}{{d.HasMinute, d.Minute}, {d.HasDay, d.Day}} {
				if m.has {
					out = append(out, sandbox.Limit{Key: key, Window: m.q.Name, Limit: m.q.Limit, Remaining: m.q.Remaining, ResetAt: m.q.Reset})
				}
			}
		}
		return nil
	})
	return out
}

// limitedKeys lists the keys with limits of their own, or one without a name that
// stands for all.
func (a *API) limitedKeys(tx *engine.Tx, s Settings) []string {
	if s.SharedLimits {
		return []string{""}
	}
	var ids []string
	for _, t := range a.keysOf(tx) {
		ids = append(ids, t.ID)
	}
	return ids
}

// ledgerOf is where the requests of a key are counted.
func ledgerOf(s Settings, key string) string {
	if s.SharedLimits {
		return workspaceLedger
	}
	return key
}

// SetRateLimit changes how many requests are served from the next one on. Limits
// of 0 stay as they are; where requests were not limited, that is none. What was
// used stays used.
func (a *API) SetRateLimit(w *engine.World, r sandbox.RateLimit) error {
	for _, m := range []struct {
		name string
		n    int
	}{{"per_minute", r.PerMinute}, {"per_day", r.PerDay}} {
		if m.n < sandbox.Unlimited || m.n > maxLimit {
			return fmt.Errorf("%s: %d is no limit; use 1 to %d, Unlimited (%d) for none, or 0 for the one there is", m.name, m.n, maxLimit, sandbox.Unlimited)
		}
	}
	if r.Shared && r.Separate {
		return errors.New("scope: limits are either shared or separate; choose one")
	}
	return w.Do(func(tx *engine.Tx) error {
		s := a.settingsOf(tx)
		if !s.Limited {
			s.Limits.PerMinute, s.Limits.PerDay = nil, nil
		}
		s.Limits.PerMinute, s.Limits.PerDay = changed(s.Limits.PerMinute, r.PerMinute), changed(s.Limits.PerDay, r.PerDay)
		s.Limits.Fixed = r.Fixed
		s.SharedLimits = (s.SharedLimits || r.Shared) && !r.Separate
		s.Limited = s.Limits.PerMinute != nil || s.Limits.PerDay != nil
		a.settings.Put(tx, settingsID, s)
		return nil
	})
}

// changed is a limit after a change: 0 leaves it, Unlimited takes it away.
func changed(old *int, n int) *int {
	switch n {
	case 0:
		return old
	case sandbox.Unlimited:
		return nil
	}
	return &n
}

// Exhaust uses up what a key, given by its token or its id, may send in the named
// windows, in the minute if none is: its next request is answered 429. It refuses a
// key that the world does not have, and a window without a limit.
func (a *API) Exhaust(w *engine.World, key string, windows ...sandbox.Window) error {
	if len(windows) == 0 {
		windows = []sandbox.Window{sandbox.MinuteWindow}
	}
	return w.Do(func(tx *engine.Tx) error {
		s := a.settingsOf(tx)
		t, known := a.keyNamed(tx, key)
		switch {
		case !known:
			return fmt.Errorf("the workspace has no such key; use the token or the id of one of %s: %w", a.keyNames(tx), sandbox.ErrNotFound)
		case !s.Limited:
			return fmt.Errorf("requests are not limited in this workspace; set a rate limit first: %w", sandbox.ErrConflict)
		}
		for _, window := range windows {
			if err := checkWindow(s.Limits, window); err != nil {
				return err
			}
		}
		usage := &engine.Own(a.ledgers, tx, ledgerOf(s, t.ID)).Usage
		for _, window := range windows {
			usage.Exhaust(tx.Now(), s.Limits, string(window))
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
	return fmt.Errorf("requests are not limited in this workspace; set a rate limit first: %w", sandbox.ErrConflict)
}

// Refill gives back everything that was used of all limits.
func (a *API) Refill(w *engine.World) error {
	return w.Do(func(tx *engine.Tx) error {
		var used []string
		for row := range a.ledgers.After(tx, 0) {
			used = append(used, row.ID)
		}
		for _, id := range used {
			engine.Own(a.ledgers, tx, id).Usage.Refill()
		}
		return nil
	})
}
