package engine

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

func TestTable(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) {
		for i, id := range []string{"c", "a", "b"} {
			h.items.Put(tx, id, item{Name: id, N: i})
		}
		h.items.Put(tx, "c", item{Name: "changed"})
		got, ok := h.items.Get(tx, "c")
		equal(t, "replaced", fmt.Sprintln(got.Name, ok), "changed true\n")
		row, ok := h.items.Find(tx, "c")
		equal(t, "in its place", fmt.Sprintln(row.Seq, row.ID, row.Value.Name, ok), "1 c changed true\n")
		if got, ok := h.items.Get(tx, "x"); ok || got.Name != "" {
			t.Errorf("a row that is not there: %v", got)
		}
		if _, ok := h.items.Find(tx, "x"); ok {
			t.Error("found a row that is not there")
		}
		equal(t, "delete", h.items.Delete(tx, "c"), true)
		equal(t, "delete again", h.items.Delete(tx, "c"), false)
		h.items.Put(tx, "c", item{})
		row, _ = h.items.Find(tx, "c")
		equal(t, "put anew goes to the end, with a new number", row.Seq, 4)
		equal(t, "length", h.items.Len(tx), 3)
	})
}

// model is a table as a slice.
type model struct {
	seq  uint64
	rows []Row[item]
}

func (m *model) find(id string) int {
	return slices.IndexFunc(m.rows, func(r Row[item]) bool { return r.ID == id })
}

func ids(rows []Row[item]) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%d:%s:%d", r.Seq, r.ID, r.Value.N))
	}
	return out
}

// What a table says is what a slice in creation order would say.
func TestTableAgainstASlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newTestSchema()
		w := h.world(t)
		var m model
		id := rapid.StringMatching(`[a-h]`)
		same := func(what string, got, want []string) {
			if !slices.Equal(got, want) {
				rt.Fatalf("%s: got %v, want %v", what, got, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				id, n := id.Draw(rt, "id"), rapid.IntRange(0, 99).Draw(rt, "n")
				if i := m.find(id); i >= 0 {
					m.rows[i].Value.N = n
				} else {
					m.seq++
					m.rows = append(m.rows, Row[item]{m.seq, id, item{N: n}})
				}
				do(w, func(tx *Tx) { h.items.Put(tx, id, item{N: n}) })
			},
			"delete": func(rt *rapid.T) {
				id := id.Draw(rt, "id")
				i := m.find(id)
				do(w, func(tx *Tx) {
					if got := h.items.Delete(tx, id); got != (i >= 0) {
						rt.Fatalf("delete %s: got %v", id, got)
					}
				})
				if i >= 0 {
					m.rows = slices.Delete(m.rows, i, i+1)
				}
			},
			"restore": func(*rapid.T) {
				must(t, w.Restore(w.Snapshot()))
			},
			"": func(rt *rapid.T) {
				at := rapid.Uint64Range(0, m.seq+2).Draw(rt, "seq")
				rank := sort.Search(len(m.rows), func(i int) bool { return m.rows[i].Seq >= at })
				above := sort.Search(len(m.rows), func(i int) bool { return m.rows[i].Seq > at })
				before := slices.Clone(m.rows[:rank])
				if at == 0 {
					before = slices.Clone(m.rows)
				}
				slices.Reverse(before)
				do(w, func(tx *Tx) {
					same("after", ids(slices.Collect(h.items.After(tx, at))), ids(m.rows[above:]))
					same("before", ids(slices.Collect(h.items.Before(tx, at))), ids(before))
					if got := h.items.Rank(tx, at); got != rank {
						rt.Fatalf("rank of %d: got %d, want %d", at, got, rank)
					}
					if got := h.items.Len(tx); got != len(m.rows) {
						rt.Fatalf("length: got %d, want %d", got, len(m.rows))
					}
					position := rapid.IntRange(-1, len(m.rows)).Draw(rt, "position")
					row, ok := h.items.At(tx, position)
					inside := position >= 0 && position < len(m.rows)
					if ok != inside || ok && fmt.Sprint(row) != fmt.Sprint(m.rows[position]) {
						rt.Fatalf("at %d: got %v, %v", position, row, ok)
					}
				})
			},
		})
	})
}

func TestScansStopWhenTold(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) {
		for i := range 9 {
			h.items.Put(tx, fmt.Sprint(i), item{N: i})
		}
		seen := 0
		for range h.items.After(tx, 0) {
			if seen++; seen == 3 {
				break
			}
		}
		for range h.items.Before(tx, 0) {
			if seen++; seen == 6 {
				break
			}
		}
		equal(t, "rows seen", seen, 6)
	})
}

// A state from outside may have rows whose ids its counters have not reached: no new
// row takes the place of one of them, and a long row of them costs a few steps.
func TestNewIDsAreNotTaken(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		h := newTestSchema()
		w := h.world(t)
		do(w, func(tx *Tx) {
			if numbers {
				tx.CountIDs("itm", 1)
			}
			for range 1000 {
				h.items.Put(tx, h.items.NewID(tx, "itm"), item{})
			}
			equal(t, "rows", h.items.Len(tx), 1000)
			tx.s.counters = newState(h.Schema).counters // as in a file that a hand has edited
			if numbers {
				tx.CountIDs("itm", 1)
			}
			for range 50 {
				id := h.items.NewID(tx, "itm")
				if _, taken := h.items.Get(tx, id); taken {
					t.Fatalf("%s is taken", id)
				}
				h.items.Put(tx, id, item{})
			}
			equal(t, "rows", h.items.Len(tx), 1050)
		})
	}
}
