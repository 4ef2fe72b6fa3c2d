package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestRestore(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{N: 1}) })
	scheduleMark(w, 10*time.Second, "x")
	p := w.Snapshot()
	var first string
	for range 3 {
		must(t, w.Advance(time.Minute))
		do(w, func(tx *Tx) {
			h.items.Put(tx, "a", item{N: 2})
			h.items.Put(tx, "b", item{N: 3})
			id := tx.NewID("ins")
			if first == "" {
				first = id
			}
			equal(t, "the same id again", id, first)
		})
		equal(t, "what happened", h.history(w), "[x@10s]")
		must(t, w.Restore(p))
		equal(t, "the time", w.Now(), start)
		equal(t, "the agenda", len(w.Agenda()), 1)
		do(w, func(tx *Tx) {
			a, _ := h.items.Get(tx, "a")
			equal(t, "the row", a.N, 1)
			equal(t, "rows", h.items.Len(tx), 1)
		})
	}
	other := newTestSchema().world(t)
	if err := other.Restore(p); err == nil || !strings.Contains(err.Error(), "another emulator") {
		t.Errorf("a snapshot of another schema: got %v", err)
	}
}

func TestSnapshotRunsWhatIsDueFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: Real, Now: start} })
		scheduleMark(w, time.Second, "x")
		w.Close() // no alarm
		wait(time.Minute)
		p := w.Snapshot()
		f := w.ForkOf(p, "wsp_fork")
		defer f.Close()
		equal(t, "the fork", h.history(f), "[x@1s]")
	})
}

// What time it is after a snapshot of 10 s was put back 60 s later.
func TestRestoreInEachClockMode(t *testing.T) {
	for mode, want := range map[Mode]struct {
		now    time.Duration
		events string
	}{
		Real:   {70 * time.Second, "[a@5s b@30s]"}, // follows the wall: what fell due meanwhile happens at once
		Scaled: {10 * time.Second, "[a@5s]"},
		Frozen: {10 * time.Second, "[a@5s]"},
		Auto:   {10 * time.Second, "[a@5s]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newTestSchema()
			w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: mode, Now: start} })
			scheduleMark(w, 5*time.Second, "a")
			scheduleMark(w, 30*time.Second, "b")
			scheduleMark(w, 100*time.Second, "c")
			if mode == Frozen || mode == Auto {
				must(t, w.Advance(10*time.Second))
			} else {
				wait(10 * time.Second)
			}
			p := w.Snapshot()
			before := saved(t, p)
			wait(60 * time.Second)
			must(t, w.Restore(p))
			do(w, func(*Tx) {})
			equal(t, string(mode)+": the time", w.Now().Sub(start), want.now)
			equal(t, string(mode)+": what happened", h.history(w), want.events)
			f := w.ForkOf(p, "wsp_fork")
			defer f.Close()
			do(f, func(*Tx) {})
			equal(t, string(mode)+": a fork's time", f.Now().Sub(start), want.now)
			equal(t, string(mode)+": what happened in a fork", h.history(f), want.events)
			wait(time.Second)
			if w.clockMoves() {
				equal(t, string(mode)+": it moves on", w.Now().Sub(start), want.now+time.Second)
			}
			equal(t, string(mode)+": the snapshot is as it was", saved(t, p), before)
		})
	}
}

func (w *World) clockMoves() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.s.clock.moves()
}

// A world that was advanced and is put back follows the wall again.
func TestRestoreTakesAnAdvanceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestSchema().world(t, func(c *Config) { c.Clock = Clock{Mode: Real, Now: start} })
		p := w.Snapshot()
		must(t, w.Advance(time.Hour))
		wait(time.Minute)
		must(t, w.Restore(p))
		equal(t, "the time", w.Now().Sub(start), time.Minute)
	})
}

// A restored world is woken by its alarm too.
func TestRestoreSetsTheAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: Scaled, Scale: 2, Now: start} })
		scheduleMark(w, time.Minute, "x")
		p := w.Snapshot()
		f := w.Fork("wsp_fork")
		defer f.Close()
		wait(time.Hour)
		synctest.Wait()
		equal(t, "the fork", h.history(f), "[x@1m0s]")
		must(t, w.Restore(p))
		wait(30*time.Second + time.Millisecond)
		synctest.Wait()
		equal(t, "the world", h.history(w), "[x@1m0s]")
	})
}

func TestForksAreIndependent(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{N: 1}) })
	scheduleMark(w, time.Second, "x")
	f := w.Fork("wsp_fork")
	must(t, f.Advance(time.Minute))
	do(f, func(tx *Tx) { h.items.Delete(tx, "a") })
	do(w, func(tx *Tx) {
		equal(t, "the original keeps its rows", h.items.Len(tx), 1)
		equal(t, "its time", tx.Now(), start)
		h.items.Put(tx, "b", item{})
	})
	equal(t, "its agenda", len(w.Agenda()), 1)
	do(f, func(tx *Tx) { equal(t, "the fork lacks the new row", h.items.Len(tx), 0) })
	equal(t, "its name", f.ID(), "wsp_fork")
	equal(t, "its seed", f.Seed(), w.Seed())
	f.Reset()
	do(f, func(tx *Tx) { equal(t, "a fork's baseline is the snapshot it began as", h.items.Len(tx), 1) })
}

// However worlds are forked, restored and changed, each has the rows and the
// counters that were put into it and no others.
func TestCopiesAgainstPlainMaps(t *testing.T) {
	h := newTestSchema()
	rapid.Check(t, func(rt *rapid.T) {
		type copyOf struct {
			w       *World
			rows    map[string]int
			tallies map[string]int
		}
		type photo struct {
			p             *Snapshot
			rows, tallies map[string]int
		}
		clone := func(m map[string]int) map[string]int {
			out := map[string]int{}
			for k, v := range m {
				out[k] = v
			}
			return out
		}
		worlds := []*copyOf{{h.world(t), map[string]int{}, map[string]int{}}}
		var photos []photo
		key := rapid.StringMatching(`[a-d]`)
		pick := func(rt *rapid.T) *copyOf { return worlds[rapid.IntRange(0, len(worlds)-1).Draw(rt, "world")] }
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				c, k := pick(rt), key.Draw(rt, "key")
				c.rows[k]++
				do(c.w, func(tx *Tx) { h.items.Put(tx, k, item{N: c.rows[k]}) })
			},
			"count": func(rt *rapid.T) {
				c, k := pick(rt), key.Draw(rt, "key")
				c.tallies[k]++
				do(c.w, func(tx *Tx) {
					own := Own(h.tallies, tx, k)
					own.N++
					own.Last = append(own.Last, own.N)
				})
			},
			"photo": func(rt *rapid.T) {
				c := pick(rt)
				photos = append(photos, photo{c.w.Snapshot(), clone(c.rows), clone(c.tallies)})
			},
			"restore": func(rt *rapid.T) {
				if len(photos) == 0 {
					return
				}
				c, p := pick(rt), photos[rapid.IntRange(0, len(photos)-1).Draw(rt, "photo")]
				must(t, c.w.Restore(p.p))
				c.rows, c.tallies = clone(p.rows), clone(p.tallies)
			},
			"fork": func(rt *rapid.T) {
				if len(worlds) == 5 {
					return
				}
				c := pick(rt)
				worlds = append(worlds, &copyOf{c.w.Fork(fmt.Sprint(len(worlds))), clone(c.rows), clone(c.tallies)})
			},
			"": func(rt *rapid.T) {
				for _, c := range worlds {
					rows, tallies := map[string]int{}, map[string]int{}
					do(c.w, func(tx *Tx) {
						for r := range h.items.After(tx, 0) {
							rows[r.ID] = r.Value.N
						}
						for r := range h.tallies.After(tx, 0) {
							if tallies[r.ID] = r.Value.N; len(r.Value.Last) != r.Value.N {
								rt.Fatalf("%s: %v", r.ID, r.Value)
							}
						}
					})
					if fmt.Sprint(rows) != fmt.Sprint(c.rows) || fmt.Sprint(tallies) != fmt.Sprint(c.tallies) {
						rt.Fatalf("got %v %v, want %v %v", rows, tallies, c.rows, c.tallies)
					}
				}
			},
		})
	})
}

// One snapshot is forked, restored and saved from many goroutines while the
// forks count: nothing leaks between them. Run with -race.
func TestOneSnapshotManyGoroutines(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) {
		Own(h.tallies, tx, "requests").N = 100
		for i := range 200 {
			h.items.Put(tx, fmt.Sprint(i), item{N: i})
		}
	})
	p := w.Snapshot()
	before := saved(t, p)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			f := w.ForkOf(p, fmt.Sprintf("wsp_%d", g))
			for range 50 {
				do(f, func(tx *Tx) {
					Own(h.tallies, tx, "requests").N++
					h.items.Put(tx, fmt.Sprint(g), item{N: g})
					h.items.Delete(tx, fmt.Sprint(100+g))
				})
				do(w, func(tx *Tx) { Own(h.tallies, tx, "requests").N++ })
			}
			do(f, func(tx *Tx) {
				equal(t, "a fork's own count", Own(h.tallies, tx, "requests").N, 150)
				equal(t, "a fork's own rows", h.items.Len(tx), 199)
			})
			inner := f.Fork("wsp_inner")
			do(inner, func(tx *Tx) { equal(t, "a fork of a fork", Own(h.tallies, tx, "requests").N, 150) })
			must(t, f.Restore(p))
			do(f, func(tx *Tx) { equal(t, "restored", Own(h.tallies, tx, "requests").N, 100) })
		})
	}
	wg.Wait()
	do(w, func(tx *Tx) { equal(t, "the original's count", Own(h.tallies, tx, "requests").N, 100+16*50) })
	equal(t, "the snapshot is as it was", saved(t, p), before)
}
