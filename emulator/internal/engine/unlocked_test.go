package engine

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// What runs aside sees the world as it was, and does not keep others from it.
func TestUnlockedReadsACopy(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	must(t, w.Do(func(tx *Tx) error {
		h.items.Put(tx, "a", item{N: 1})
		return nil
	}))
	must(t, w.Do(func(tx *Tx) error {
		tx.Unlocked(func(copied *Tx) {
			must(t, w.Do(func(tx *Tx) error { // would wait for ever if the world were held
				h.items.Put(tx, "a", item{N: 2})
				h.items.Put(tx, "b", item{N: 3})
				return nil
			}))
			if row, _ := h.items.Get(copied, "a"); row.N != 1 || h.items.Len(copied) != 1 {
				t.Errorf("the copy has %d rows, the first is %d", h.items.Len(copied), row.N)
			}
		})
		if row, _ := h.items.Get(tx, "a"); row.N != 2 {
			t.Errorf("afterwards the row is %d", row.N)
		}
		return nil
	}))
}

// A transaction that has changed something stays whole.
func TestUnlockedKeepsTheLockAfterAChange(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	must(t, w.Do(func(tx *Tx) error {
		h.items.Put(tx, "a", item{N: 1})
		tx.Unlocked(func(same *Tx) {
			if same != tx {
				t.Error("the world was let go between two changes")
			}
		})
		return nil
	}))
}

func TestUnlockedContinuesAfterARestore(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	p := w.Snapshot()
	must(t, w.Do(func(tx *Tx) error {
		h.items.Put(tx, "a", item{N: 1})
		return nil
	}))
	must(t, w.Do(func(tx *Tx) error {
		tx.Unlocked(func(*Tx) { must(t, w.Restore(p)) })
		if h.items.Len(tx) != 0 || tx.Generation().Origin != WasRestored {
			t.Errorf("%d rows in generation %+v", h.items.Len(tx), tx.Generation())
		}
		return nil
	}))
}

// A panic aside comes out of Do, and the world is free afterwards.
func TestUnlockedPanics(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		_ = w.Do(func(tx *Tx) error {
			tx.Unlocked(func(*Tx) { panic("aside") })
			return nil
		})
	}()
	must(t, w.Do(func(*Tx) error { return nil }))
}

func TestCopiesAreOnlyRead(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	for name, change := range map[string]func(tx *Tx){
		"Put":    func(tx *Tx) { h.items.Put(tx, "a", item{N: 1}) },
		"Delete": func(tx *Tx) { h.items.Delete(tx, "a") },
		"Own":    func(tx *Tx) { Own(h.tallies, tx, "a") },
		"Count":  func(tx *Tx) { tx.Count("a") },
		"After":  func(tx *Tx) { tx.After(time.Second, "mark", "a") },
		"NewID":  func(tx *Tx) { tx.NewID("ins") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s changes a copy, where the change is lost", name)
				}
			}()
			w.View(change)
		}()
	}
}

// Views and asides beside writers, in-place counters included: run with -race.
func TestViewsBesideWriters(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	errs := make(chan error, 8)
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			for n := range 200 {
				_ = w.Do(func(tx *Tx) error {
					h.items.Put(tx, fmt.Sprint(g, "/", n), item{N: n})
					Own(h.tallies, tx, "all").N++
					return nil
				})
			}
		})
		all.Go(func() {
			for range 100 {
				w.View(func(tx *Tx) {
					rows, tally := h.items.Len(tx), 0
					if row, ok := h.tallies.Get(tx, "all"); ok {
						tally = row.N
					}
					seen := 0
					for range h.items.After(tx, 0) {
						seen++
					}
					if seen != rows || rows != tally {
						errs <- fmt.Errorf("%d rows, %d counted, %d seen", rows, tally, seen)
					}
				})
			}
		})
	}
	all.Wait()
	close(errs)
	var faults []error
	for err := range errs {
		faults = append(faults, err)
	}
	must(t, errors.Join(faults...))
}
