package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// heldBytes is what a world's state and its kept snapshots really hold: each row once,
// however many share it.
func heldBytes(w *World, kept []*Snapshot) (bytes int64) {
	rows := map[any]bool{}
	states := []*state{w.s, w.baseline.s}
	for _, p := range kept {
		states = append(states, p.s)
	}
	for _, s := range states {
		for _, table := range s.tables {
			table.bySeq.Scan(func(_ uint64, e entry) bool {
				if !rows[e.value] {
					rows[e.value] = true
					bytes += int64(e.size)
				}
				return true
			})
		}
	}
	return bytes
}

// The accounted size is never less than the real one, nor more than that of all states
// without sharing, whatever is put, deleted, retained, restored and released. A
// snapshot that is retained without a change in between costs nothing.
func TestSizeIsAccounted(t *testing.T) {
	h := newTestSchema()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := h.world(t)
		w.SetBudget(Budget{Bytes: 1 << 40})
		var kept []*Snapshot
		for step := range 300 {
			switch n := random.IntN(100); {
			case n < 50:
				do(w, func(tx *Tx) {
					h.items.Put(tx, fmt.Sprint(random.IntN(40)), item{Name: strings.Repeat("x", random.IntN(300)), Tags: map[string]int{"a": n}})
				})
			case n < 65:
				do(w, func(tx *Tx) { h.items.Delete(tx, fmt.Sprint(random.IntN(40))) })
			case n < 72:
				do(w, func(tx *Tx) { Own(h.tallies, tx, "all").N++ })
			case n < 82:
				p := w.Snapshot()
				must(t, w.Retain(p))
				kept = append(kept, p)
			case n < 90 && len(kept) > 0:
				must(t, w.Restore(kept[random.IntN(len(kept))]))
			case n < 92:
				w.Reset()
			case n < 94:
				w.SetBaseline()
			case len(kept) > 0:
				i := random.IntN(len(kept))
				w.Release(kept[i])
				kept = append(kept[:i], kept[i+1:]...)
			}
			accounted := w.s.size + w.nearestBytes(w.s) + w.retainedElsewhere
			most := w.s.bytes() + w.baseline.Size()
			for _, p := range kept {
				most += p.Size()
			}
			if least := heldBytes(w, kept); accounted < least || accounted > most {
				t.Fatalf("seed %d, step %d: %d accounted, %d held, %d one by one", seed, step, accounted, least, most)
			}
		}
		before := w.nearestBytes(w.s) + w.retainedElsewhere
		for range 100 {
			must(t, w.Retain(w.Snapshot()))
		}
		if after := w.nearestBytes(w.s) + w.retainedElsewhere; after != before {
			t.Errorf("seed %d: a hundred snapshots of one state cost %d bytes", seed, after-before)
		}
	}
}

func TestCheckBudget(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	room := func(need int64) error { return w.Do(func(tx *Tx) error { return tx.CheckBudget(need) }) }
	must(t, room(1<<50))
	w.SetBudget(Budget{Bytes: 10_000, Reserve: 1000})
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{Name: strings.Repeat("x", 4000)}) })
	used := w.Size()
	must(t, room(9000-used))
	err := room(9001 - used)
	var over *OverBudget
	if !errors.As(err, &over) || *over != (OverBudget{Needed: 10_001, Allowed: 10_000}) {
		t.Fatalf("got %v", err)
	}
	if want := "this takes the workspace to 10001 bytes or more, and its budget allows 10000: delete objects or snapshots, or start the sandbox with a larger --workspace-budget"; err.Error() != want {
		t.Errorf("got %s", err)
	}
	w.SetBudget(Budget{Bytes: 10_000, Reserve: 1000, Free: used})
	must(t, room(9000))
	// A kept snapshot of what is deleted afterwards still holds it.
	must(t, w.Retain(w.Snapshot()))
	do(w, func(tx *Tx) { h.items.Delete(tx, "a") })
	if err := room(9000); err != nil {
		t.Error(err)
	}
	if err := room(9000 + 1000); err == nil {
		t.Error("what a snapshot holds is not accounted")
	}
}

// A restore or retained snapshot over the budget changes nothing.
func TestRestoreAndRetainOverBudget(t *testing.T) {
	h := newTestSchema()
	big, w := h.world(t), h.world(t)
	do(big, func(tx *Tx) { h.items.Put(tx, "big", item{Name: strings.Repeat("x", 50_000)}) })
	w.SetBudget(Budget{Bytes: 20_000})
	do(w, func(tx *Tx) { h.items.Put(tx, "small", item{N: 1}) })
	before := saved(t, w.Snapshot())
	var over *OverBudget
	if err := w.Restore(big.Snapshot()); !errors.As(err, &over) || over.Allowed != 20_000 || over.Needed < 50_000 {
		t.Errorf("got %v", err)
	}
	if err := w.Retain(big.Snapshot()); !errors.As(err, &over) {
		t.Errorf("got %v", err)
	}
	if saved(t, w.Snapshot()) != before {
		t.Error("the world is another one")
	}
	if w.nearestBytes(w.s)+w.retainedElsewhere > 1000 {
		t.Error("what was refused is accounted")
	}
}

// A fork has the budget of its source.
func TestForkHasABudget(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	w.SetBudget(Budget{Bytes: 20_000})
	f := w.Fork("other")
	t.Cleanup(f.Close)
	if f.Budget() != w.Budget() {
		t.Errorf("got %v", f.Budget())
	}
}

// The estimate is of the size that rows have: a third at most too little or half
// too much.
func TestEstimateOfRows(t *testing.T) {
	h := newTestSchema()
	for name, row := range map[string]func(n int) item{
		"small":   func(n int) item { return item{N: n} },
		"text":    func(n int) item { return item{Name: strings.Repeat("x", 100+n%100)} },
		"tags":    func(n int) item { return item{Tags: map[string]int{fmt.Sprint("tag", n): 1, "b": 2, "c": 3}} },
		"a lot":   func(n int) item { return item{Name: strings.Repeat("x", 4000), N: n} },
		"nothing": func(int) item { return item{} },
	} {
		w := h.world(t)
		const rows = 20_000
		before := heap()
		do(w, func(tx *Tx) {
			for n := range rows {
				h.items.Put(tx, tx.NewID("ins"), row(n))
			}
		})
		took := heap() - before
		estimate := w.Size()
		t.Logf("%s: %d bytes a row, %d estimated", name, took/rows, estimate/rows)
		if estimate < took*2/3 || estimate > took*3/2 {
			t.Errorf("%s: %d bytes a row are taken, %d estimated", name, took/rows, estimate/rows)
		}
		runtime.KeepAlive(w)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkPut(b *testing.B) {
	h := newTestSchema()
	w := h.world(b)
	w.SetBudget(Budget{Bytes: 1 << 40})
	row := item{Name: "a name", Tags: map[string]int{"a": 1}}
	for i := 0; b.Loop(); i++ {
		do(w, func(tx *Tx) {
			_ = tx.CheckBudget(100)
			h.items.Put(tx, "one", row)
		})
	}
}
