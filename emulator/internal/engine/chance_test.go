package engine

import (
	"fmt"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// draw asks a world for an id of each sort and some numbers.
func draw(w *World) (out []string) {
	do(w, func(tx *Tx) {
		out = append(out, tx.NewID("ins"), tx.NewID("ins"), tx.NewID("act"), tx.NewLongID("req"))
		for _, stream := range []string{"ip", "name", "ip"} {
			out = append(out, fmt.Sprint(tx.Rand(stream).Uint64()))
		}
	})
	return out
}

// The same seed and the same calls give the same values (S6).
func TestChanceDependsOnSeedNameAndQuestion(t *testing.T) {
	h := newTestSchema()
	first := draw(h.world(t))
	equal(t, "the same seed", draw(h.world(t)), first)
	w := h.world(t)
	do(w, func(tx *Tx) {
		tx.NewID("prj")
		tx.Rand("other")
	})
	equal(t, "after other questions", draw(w), first)

	others := [][]string{
		draw(h.world(t, func(c *Config) { c.Seed = 2 })),
		draw(h.world(t, func(c *Config) { c.ID = "wsp_other" })),
		draw(w.Fork("wsp_fork")),
		draw(w),
	}
	for _, other := range others {
		for i := range first {
			if other[i] == first[i] {
				t.Errorf("%s is given twice", first[i])
			}
		}
	}
	seen := map[string]bool{}
	for _, s := range first {
		if seen[s] {
			t.Errorf("%s appears twice", s)
		}
		seen[s] = true
	}
}

func TestIDsHaveTheirForm(t *testing.T) {
	do(newTestSchema().world(t), func(tx *Tx) {
		for range 1000 {
			if id := tx.NewID("ins"); !regexp.MustCompile(`^ins_[0-9A-Za-z]{11}$`).MatchString(id) {
				t.Fatalf("id %q", id)
			}
			if id := tx.NewLongID("req"); !regexp.MustCompile(`^req_[0-9A-Za-z]{24}$`).MatchString(id) {
				t.Fatalf("long id %q", id)
			}
		}
	})
}

// No two ids of a world are equal, and the first half a billion sort in the order
// they were made.
func TestIDsNeverRepeat(t *testing.T) {
	h := newTestSchema()
	rapid.Check(t, func(rt *rapid.T) {
		w := h.world(t, func(c *Config) { c.Seed, c.ID = rapid.Uint64().Draw(rt, "seed"), rapid.String().Draw(rt, "name") })
		nth := func(n uint64) (id string) {
			do(w, func(tx *Tx) {
				tx.s.counters.Set("id/ins", n)
				id = tx.NewID("ins")
			})
			return id
		}
		a, b := rapid.Uint64().Draw(rt, "a"), rapid.Uint64().Draw(rt, "b")
		if a != b && nth(a) == nth(b) {
			rt.Fatalf("%d and %d meet", a, b)
		}
		if a, b = a%(1<<29), b%(1<<29); a < b && nth(a) >= nth(b) {
			rt.Fatalf("%d and %d are out of order", a, b)
		}
	})
	w, seen := newTestSchema().world(t), map[string]bool{}
	do(w, func(tx *Tx) {
		for range 50_000 {
			seen[tx.NewID("ins")] = true
		}
	})
	equal(t, "different ids", len(seen), 50_000)
}

func TestCountIDs(t *testing.T) {
	w := newTestSchema().world(t)
	do(w, func(tx *Tx) {
		tx.CountIDs("ins", 987)
		equal(t, "the first", tx.NewID("ins"), "ins_987")
		equal(t, "the second", tx.NewLongID("ins"), "ins_988")
		if id := tx.NewID("act"); len(id) != len("act_")+11 {
			t.Errorf("another prefix is counted too: %s", id)
		}
	})
	f := w.Fork("wsp_fork")
	do(f, func(tx *Tx) { equal(t, "a fork goes on", tx.NewID("ins"), "ins_989") })
}

func TestCount(t *testing.T) {
	do(newTestSchema().world(t), func(tx *Tx) {
		equal(t, "a name", fmt.Sprint(tx.Count("x"), tx.Count("x"), tx.Count("y"), tx.Count("x")), "0 1 0 2")
	})
}

// A stream is even enough for what it is used for, and its n-th draw is a source
// of its own.
func TestRand(t *testing.T) {
	do(newTestSchema().world(t), func(tx *Tx) {
		sum, n := 0.0, 2000
		for range n {
			sum += tx.Rand("load").Float64()
		}
		if mean := sum / float64(n); mean < 0.45 || mean > 0.55 {
			t.Errorf("the mean of %d draws is %v", n, mean)
		}
	})
}

// Coming knows the ids that a world is about to give, and no others.
func TestWillIssueID(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Seed = rapid.Uint64().Draw(rt, "seed") })
		past := rapid.IntRange(0, 100).Draw(rt, "past")
		var given, future, counted []string
		do(w, func(tx *Tx) {
			for range past {
				given = append(given, tx.NewID("ins"))
			}
			tx.CountIDs("act", 7)
		})
		do(w.Fork("wsp_test"), func(tx *Tx) { // of the same name, so it gives the same
			for range 20 {
				future = append(future, tx.NewID("ins"))
				counted = append(counted, tx.NewID("act"))
			}
			future = append(future, tx.NewLongID("ins"))
		})
		do(w, func(tx *Tx) {
			for _, id := range future {
				if !tx.WillIssueID("ins", id) || tx.WillIssueID("ins", id+"0") || tx.WillIssueID("prj", id) {
					rt.Fatalf("%s is coming, and nothing near it", id)
				}
			}
			for _, id := range given {
				if tx.WillIssueID("ins", id) {
					rt.Fatalf("%s was given", id)
				}
			}
			for _, id := range counted {
				if !tx.WillIssueID("act", id) {
					rt.Fatalf("%s is coming", id)
				}
			}
			for _, id := range []string{"act_6", "act_07", "act_x", "act_", "ins_", "ins_123", "ins_zzzzzzzzzzz", "ins", "", "ins_00000000000000000000000000000000000000"} {
				if tx.WillIssueID("act", id) || tx.WillIssueID("ins", id) {
					rt.Fatalf("%q never comes", id)
				}
			}
		})
	})
}
