package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A frozen, scaled or auto world goes back in time with a reset; a real one keeps
// following the wall clock.
func TestResetInEachClockMode(t *testing.T) {
	for mode, want := range map[Mode]time.Duration{Real: 70 * time.Second, Scaled: 10 * time.Second, Frozen: 10 * time.Second, Auto: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := newTestSchema()
			w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: mode, Now: start} })
			do(w, func(tx *Tx) { h.items.Put(tx, "a", item{N: 1}) })
			if mode == Frozen || mode == Auto {
				must(t, w.Advance(10*time.Second))
			} else {
				wait(10 * time.Second)
			}
			w.SetBaseline() // the present instant, though nothing has asked for it
			var first, again string
			do(w, func(tx *Tx) {
				first = tx.NewID("ins")
				h.items.Put(tx, "b", item{})
			})
			wait(60 * time.Second)
			must(t, w.Advance(time.Hour))
			w.Reset()
			equal(t, string(mode)+": the time", w.Now().Sub(start), want)
			do(w, func(tx *Tx) {
				equal(t, "rows", h.items.Len(tx), 1)
				again = tx.NewID("ins")
			})
			if again <= first {
				t.Errorf("%s: %s after the reset, and %s before it", mode, again, first)
			}
			w.ResetIDs()
			equal(t, string(mode)+": the time", w.Now().Sub(start), want)
			do(w, func(tx *Tx) { again = tx.NewID("ins") })
			equal(t, "the same ids again", again, first)
		})
	}
}

func TestResetWithoutABaselineGivesTheEmptyWorld(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{}) })
	scheduleMark(w, time.Second, "x")
	w.Reset()
	equal(t, "the agenda", len(w.Agenda()), 0)
	do(w, func(tx *Tx) { equal(t, "rows", h.items.Len(tx), 0) })
	if w.Baseline() == nil {
		t.Error("there is no baseline")
	}
}

// Every reset, restore and fork begins a generation, and nothing else does (S66).
func TestGenerations(t *testing.T) {
	h := newTestSchema()
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	generation := func(w *World) (g Generation) {
		do(w, func(tx *Tx) { g = tx.Generation() })
		return g
	}
	seen := map[uint32]string{}
	began := func(what string, w *World, o Origin, at time.Time) {
		t.Helper()
		g := generation(w)
		if g.Origin != o || !g.At.Equal(at) || g.ID == 0 {
			t.Errorf("%s: %+v", what, g)
		}
		if before, again := seen[g.ID]; again {
			t.Errorf("%s: the generation of %s", what, before)
		}
		seen[g.ID] = what
		equal(t, what+", asked again", generation(w), g)
	}
	began("the start", w, Started, start)
	p := w.Snapshot()
	first := generation(w)
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{}) })
	must(t, w.Advance(time.Minute))
	w.SetBaseline()
	equal(t, "after a change, an advance, a snapshot and a baseline", generation(w), first)
	f := w.Fork("wsp_fork")
	began("a fork", f, WasRestored, start.Add(time.Minute))
	began("another fork", w.Fork("wsp_other"), WasRestored, start.Add(time.Minute))
	must(t, w.Restore(p))
	began("a restore", w, WasRestored, start)
	must(t, w.Restore(p))
	began("the same restore", w, WasRestored, start)
	w.Reset()
	began("a reset", w, WasReset, start.Add(time.Minute))
	w.ResetIDs()
	began("a reset of ids", w, WasReset, start.Add(time.Minute))
	must(t, w.Advance(time.Hour))
	began("a periodic reset", w, WasReset, start.Add(time.Hour+time.Minute))
	w.Restart()
	began("a restart", w, Started, start.Add(time.Minute))
	must(t, w.StartFrom(p))
	began("another start", w, WasRestored, start)
	again := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	equal(t, "the same world again", generation(again), first)
	began("the same world, started a second later", h.world(t, func(c *Config) { c.Clock.Now = start.Add(time.Second) }), Started, start.Add(time.Second))
	began("another world", h.world(t, func(c *Config) { c.ID = "wsp_other" }), Started, start)
}

// The keys of keyed hashes are those of the world, whatever becomes of it.
func TestSecret(t *testing.T) {
	h := newTestSchema()
	secret := func(w *World, purpose string) (out string) {
		do(w, func(tx *Tx) { out = fmt.Sprintf("%x", tx.Secret(purpose)) })
		return out
	}
	w := h.world(t)
	first := secret(w, "cursor")
	w.Reset()
	equal(t, "after a reset", secret(w, "cursor"), first)
	if secret(w, "another") == first {
		t.Error("two purposes share a secret")
	}
	if secret(h.world(t, func(c *Config) { c.ID = "wsp_other" }), "cursor") == first {
		t.Error("two worlds share a secret")
	}
}

// Whatever a world goes through, short of going back to a state that was kept, no
// id comes twice, and no random draw.
func TestNothingRepeatsOverResets(t *testing.T) {
	h := newTestSchema()
	rapid.Check(t, func(rt *rapid.T) {
		w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
		fixtures := []*Snapshot{w.Snapshot()}
		do(w, func(tx *Tx) { tx.CountIDs("ins", 100) })
		w.SetBaseline()
		fixtures = append(fixtures, w.Snapshot())
		seen := map[string]bool{}
		fresh := func(what, id string) {
			if seen[id] {
				rt.Fatalf("%s %s comes again", what, id)
			}
			seen[id] = true
		}
		rt.Repeat(map[string]func(*rapid.T){
			"make": func(rt *rapid.T) {
				do(w, func(tx *Tx) {
					fresh("id", tx.NewID(rapid.SampledFrom([]string{"ins", "evt"}).Draw(rt, "prefix")))
					fresh("id", tx.NewLongID("req"))
					fresh("draw", fmt.Sprint(tx.Rand("secret").Uint64()))
				})
			},
			"reset":    func(*rapid.T) { w.Reset() },
			"periodic": func(*rapid.T) { must(t, w.Advance(time.Hour)) },
			"baseline": func(*rapid.T) { w.SetBaseline() },
			"fixture":  func(rt *rapid.T) { must(t, w.StartFrom(rapid.SampledFrom(fixtures).Draw(rt, "fixture"))) },
		})
	})
}

// A periodic reset puts the rows back and leaves the time alone (S72).
func TestPeriodicReset(t *testing.T) {
	h := newTestSchema()
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	do(w, func(tx *Tx) { h.items.Put(tx, "base", item{}) })
	w.SetBaseline()
	put := func(id string) { do(w, func(tx *Tx) { h.items.Put(tx, id, item{}) }) }
	rows := func() (n int) {
		do(w, func(tx *Tx) { n = h.items.Len(tx) })
		return n
	}
	next := func() (at time.Time) {
		do(w, func(tx *Tx) { at = tx.NextReset() })
		return at
	}
	equal(t, "the first reset", next().Sub(start), time.Hour)
	put("a")
	must(t, w.Advance(time.Hour-1))
	equal(t, "before it", rows(), 2)
	must(t, w.Advance(1))
	equal(t, "at it", rows(), 1)
	equal(t, "the time goes on", w.Now().Sub(start), time.Hour)
	equal(t, "the next one", next().Sub(start), 2*time.Hour)

	put("b")
	must(t, w.Advance(5*time.Hour+time.Minute)) // five resets on the way
	equal(t, "after several", rows(), 1)
	equal(t, "the time", w.Now().Sub(start), 6*time.Hour+time.Minute)
	equal(t, "the next one", next().Sub(start), 7*time.Hour)

	put("c")
	w.Reset() // by hand: the period begins anew
	equal(t, "by hand, a frozen world goes back", w.Now(), start)
	equal(t, "the next one", next().Sub(start), time.Hour)

	do(h.world(t), func(tx *Tx) { equal(t, "none", tx.NextReset().IsZero(), true) })
}

// Events before the reset happen, those scheduled for later are gone with it; one
// due at the same instant comes first.
func TestPeriodicResetAndTheAgenda(t *testing.T) {
	h := newTestSchema()
	seen := map[string]time.Duration{}
	h.AddStep("note", func(tx *Tx, subject string) { seen[subject] = tx.Now().Sub(start) })
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	do(w, func(tx *Tx) {
		tx.After(time.Minute, "note", "before")
		tx.After(time.Hour, "note", "with")
		tx.After(time.Hour+1, "note", "after")
	})
	must(t, w.Advance(5*time.Hour))
	equal(t, "what happened", seen, map[string]time.Duration{"before": time.Minute, "with": time.Hour})
	equal(t, "the agenda", len(w.Agenda()), 0)
	equal(t, "a reset is no event to advance to", w.AdvanceToNext(), false)
}

// A transaction that moves time across a reset goes on in the world put back.
func TestTransactionAcrossAPeriodicReset(t *testing.T) {
	h := newTestSchema()
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	do(w, func(tx *Tx) {
		h.items.Put(tx, "a", item{})
		tx.AdvanceTo(start.Add(2 * time.Hour))
		equal(t, "rows", h.items.Len(tx), 0)
		equal(t, "the time", tx.Now().Sub(start), 2*time.Hour)
		h.items.Put(tx, "b", item{})
	})
	do(w, func(tx *Tx) { equal(t, "what it put afterwards", h.items.Len(tx), 1) })
}

// A world into which another time is restored is reset one period later at most, and
// never at once: at the snapshot's own instant if that lies within.
func TestRestoreSchedulesTheNextReset(t *testing.T) {
	h := newTestSchema()
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	next := func(what string, want time.Duration) {
		t.Helper()
		do(w, func(tx *Tx) { equal(t, what, tx.NextReset().Sub(tx.Now()), want) })
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Advance(20 * time.Minute))
	kept := w.Snapshot()
	must(w.Advance(3 * time.Hour))
	next("before", 40*time.Minute)
	must(w.Restore(kept))
	next("after a restore", 40*time.Minute)

	later := h.world(t, func(c *Config) { c.Clock.Now = start.AddDate(5, 0, 0) })
	must(w.Restore(later.Snapshot()))
	next("a world from the future", time.Hour)
	must(w.StartFrom(kept))
	next("a start from a snapshot", 40*time.Minute)
}

func TestPeriodicResetRingsTheAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Clock, c.ResetEvery = Clock{Mode: Real, Now: start}, time.Hour })
		do(w, func(tx *Tx) { h.items.Put(tx, "a", item{}) })
		f := w.Fork("wsp_fork")
		defer f.Close()
		wait(30 * time.Minute)
		late := w.Fork("wsp_late")
		defer late.Close()
		wait(30*time.Minute + time.Millisecond)
		synctest.Wait()
		rows := func(w *World) int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return h.items.Len(&Tx{w: w, s: w.s})
		}
		equal(t, "the world", rows(w), 0)
		equal(t, "a fork returns to what it began as", rows(f), 1)
		do(late, func(tx *Tx) { equal(t, "and counts from then", tx.NextReset().Sub(start), 90*time.Minute) })
	})
}

// However often a world should have been reset, it is reset once: a year of
// resets every second costs no more than one.
func TestManyResetsAtOnce(t *testing.T) {
	h := newTestSchema()
	if _, err := NewWorld(NewSchema(), Config{ResetEvery: time.Millisecond}); err == nil || err.Error() != "reset period 1ms is too short: use at least 1s, or 0 for none" {
		t.Errorf("a reset every millisecond: %v", err)
	}
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Second })
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{}) })
	must(t, w.Advance(365*24*time.Hour+time.Millisecond))
	do(w, func(tx *Tx) {
		equal(t, "rows", h.items.Len(tx), 0)
		equal(t, "the time", tx.Now().Sub(start), 365*24*time.Hour+time.Millisecond)
		equal(t, "the next one", tx.NextReset().Sub(start), 365*24*time.Hour+time.Second)
	})
	equal(t, "resets, after the start", w.gen.n, 3) // a reset begins two: it restores, and then says that it was one
}
