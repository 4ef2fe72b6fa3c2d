package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// populated returns a world with something of everything.
func populated(t testing.TB, h *testSchema, change ...func(*Config)) *World {
	w := h.world(t, change...)
	do(w, func(tx *Tx) {
		h.items.Put(tx, "a", item{Name: "A", N: 1, Tags: map[string]int{"z": 1, "b": 2, "m": 3}})
		h.items.Put(tx, "b", item{Name: "B", N: 2})
		h.items.Delete(tx, "a")
		h.items.Put(tx, "c", item{Name: "<&>\u2028", N: 3, Tags: map[string]int{}})
		own := Own(h.tallies, tx, "requests")
		own.N, own.Last = 2, []int{1, 2}
		tx.NewID("ins")
		tx.CountIDs("act", 7)
		tx.After(time.Minute, "mark", "x")
		tx.After(time.Second, "mark", "y")
	})
	return w
}

func TestSavedForm(t *testing.T) {
	got := saved(t, populated(t, newTestSchema()).Snapshot())
	want := `{
 "format": "skystack-sandbox-world",
 "version": 1,
 "clock": {
  "mode": "frozen",
  "now": "2026-03-19T10:22:44Z",
  "scale": 1,
  "offset_ns": `
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s", got)
	}
	for _, part := range []string{
		`"start": "2026-03-19T10:22:44Z"`, `"last_seq": 6`, `"counters": {
  "id/ins": 1,
  "number/act": 7
 }`, `{
   "at": "2026-03-19T10:22:45Z",
   "seq": 6,
   "step": "mark",
   "subject": "y"
  },`, `{
     "seq": 3,
     "id": "c",
     "value": {
      "name": "<&>`, `"name": "marks",
   "rows": []`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is missing in\n%s", part, got)
		}
	}
}

func TestSaveGivesTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range Modes() {
			h := newTestSchema()
			w := populated(t, h, func(c *Config) { c.Clock = Clock{Mode: mode, Now: start} })
			p := w.Snapshot()
			first := saved(t, p)
			wait(time.Minute)
			must(t, w.Advance(time.Hour))
			equal(t, "the snapshot again", saved(t, p), first)
			equal(t, "loaded and saved", saved(t, loaded(t, h, first)), first)
		}
	})
}

// A world that was loaded does what the one that was saved would have done.
func TestLoadedWorldGoesOn(t *testing.T) {
	h := newTestSchema()
	w := populated(t, h)
	must(t, w.Advance(500*time.Millisecond))
	p := w.Snapshot()
	other := newTestSchema() // another process
	again := other.world(t, func(c *Config) { c.Clock = Clock{Mode: Real} })
	must(t, again.Restore(loaded(t, other, saved(t, p))))
	equal(t, "the time", again.Now().Sub(start), 500*time.Millisecond)
	for _, x := range []struct {
		w *World
		h *testSchema
	}{{w, h}, {again, other}} {
		must(t, x.w.Advance(time.Hour))
		equal(t, "what happened", x.h.history(x.w), "[y@1s x@1m0s]")
	}
	equal(t, "ids and numbers", draw(again), draw(w))
	equal(t, "the whole state", saved(t, again.Snapshot()), saved(t, w.Snapshot()))
}

// A loaded real clock shows the time that has passed meanwhile, any other goes on
// from where it was.
func TestLoadInEachClockMode(t *testing.T) {
	for mode, want := range map[Mode]time.Duration{Real: 70 * time.Second, Scaled: 10 * time.Second, Frozen: 10 * time.Second, Auto: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := newTestSchema()
			w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: mode, Now: start, Scale: 2} })
			switch mode {
			case Scaled:
				wait(5 * time.Second)
			case Real:
				wait(10 * time.Second)
			default:
				must(t, w.Advance(10*time.Second))
			}
			text := saved(t, w.Snapshot())
			wait(60 * time.Second)
			again := h.world(t, func(c *Config) { c.ID = "wsp_again" })
			must(t, again.Restore(loaded(t, h, text)))
			equal(t, string(mode), again.Now().Sub(start), want)
			wait(time.Second)
			moved := map[Mode]time.Duration{Real: time.Second, Scaled: 2 * time.Second}[mode]
			equal(t, string(mode)+" moves on", again.Now().Sub(start), want+moved)
		})
	}
}

// Whatever a world went through, its saved form loads, and saves to the same
// bytes.
func TestSaveLoadRoundTrip(t *testing.T) {
	h := newTestSchema()
	rapid.Check(t, func(rt *rapid.T) {
		mode := rapid.SampledFrom(Modes()).Draw(rt, "mode")
		w := h.world(t, func(c *Config) {
			c.Clock = Clock{Mode: mode, Now: start, Scale: rapid.Float64Range(0.001, maxScale).Draw(rt, "scale")}
		})
		text := rapid.StringN(1, 8, -1)
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			id, n := text.Draw(rt, "id"), rapid.IntRange(0, 1<<53).Draw(rt, "n")
			do(w, func(tx *Tx) {
				switch rapid.IntRange(0, 6).Draw(rt, "step") {
				case 0, 1:
					h.items.Put(tx, id, item{id, n, map[string]int{id: n, "b": 1}})
				case 2:
					h.items.Delete(tx, id)
				case 3:
					Own(h.tallies, tx, id).N = n
				case 4:
					tx.After(time.Duration(n%1e15), "mark", id)
				case 5:
					tx.NewID(id)
				case 6:
					tx.AdvanceTo(tx.Now().Add(time.Duration(n % 1e12)))
				}
			})
		}
		first := saved(t, w.Snapshot())
		p := loaded(t, h, first)
		if again := saved(t, p); again != first {
			rt.Fatalf("saved\n%s\nloaded and saved\n%s", first, again)
		}
		f := w.ForkOf(p, "wsp_fork")
		defer f.Close()
		do(f, func(tx *Tx) {
			for row := range h.items.After(tx, 0) {
				if got, ok := h.items.Get(tx, row.ID); !ok || fmt.Sprint(got) != fmt.Sprint(row.Value) {
					rt.Fatalf("%s cannot be found", row.ID)
				}
			}
		})
	})
}

func TestSaveSaysWhatCannotBeWritten(t *testing.T) {
	h := NewSchema()
	bad := AddTable(h, Kind[func()]{Name: "functions"})
	w, err := NewWorld(h, Config{Clock: Clock{Mode: Frozen}})
	must(t, err)
	do(w, func(tx *Tx) { bad.Put(tx, "f", func() {}) })
	if err := w.Snapshot().Save(&strings.Builder{}); err == nil || !strings.HasPrefix(err.Error(), "table functions: row f: ") {
		t.Errorf("got %v", err)
	}
}
