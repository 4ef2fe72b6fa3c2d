package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

// job is a row that keeps the timer of its end.
type job struct {
	Begun time.Time `json:"begun"`
	Due   Timer     `json:"due"`
}

func (j job) rescheduled(old, moved Timer) job {
	if j.Due == old {
		j.Begun, j.Due = j.Begun.Add(moved.At.Sub(old.At)), moved
	}
	return j
}

// jobSchema is a schema of jobs and when they ended.
type jobSchema struct {
	*Schema
	jobs *Table[job]
	ends *Table[mark]
}

func newJobSchema() *jobSchema {
	k := &jobSchema{Schema: NewSchema()}
	k.jobs = AddTable(k.Schema, Kind[job]{Name: "jobs", Rescheduled: job.rescheduled})
	k.ends = AddTable(k.Schema, Kind[mark]{Name: "ends"})
	k.AddStep("job.end", func(tx *Tx, id string) {
		k.ends.Put(tx, id, mark{tx.Now(), id})
		k.jobs.Delete(tx, id)
	})
	return k
}

func (k *jobSchema) world(t *testing.T, mode Mode, every time.Duration) *World {
	t.Helper()
	w, err := NewWorld(k.Schema, Config{ID: "wsp_works", Seed: 1, Clock: Clock{Mode: mode, Now: start}, ResetEvery: every, Strict: true})
	must(t, err)
	t.Cleanup(w.Close)
	do(w, func(tx *Tx) {
		for id, d := range map[string]time.Duration{"short": 3 * time.Second, "long": 10 * time.Minute} {
			k.jobs.Put(tx, id, job{tx.Now(), tx.After(d, "job.end", id)})
		}
		tx.After(time.Minute, "job.end", "of no job")
	})
	w.SetBaseline()
	return w
}

func (k *jobSchema) ended(w *World) map[string]time.Duration {
	out := map[string]time.Duration{}
	do(w, func(tx *Tx) {
		for row := range k.ends.After(tx, 0) {
			out[row.ID] = row.Value.At.Sub(start)
		}
	})
	return out
}

// After a periodic reset what the baseline had scheduled lies as far ahead as it lay
// at first, and the rows that keep a timer know (S72).
func TestPeriodicResetReschedules(t *testing.T) {
	k := newJobSchema()
	w := k.world(t, Frozen, time.Hour)
	must(t, w.Advance(time.Hour-1))
	equal(t, "before it", len(k.ended(w)), 3)
	must(t, w.Advance(1))
	equal(t, "at it", k.ended(w), map[string]time.Duration{})
	do(w, func(tx *Tx) {
		j, _ := k.jobs.Get(tx, "short")
		equal(t, "begun", j.Begun.Sub(start), time.Hour)
		equal(t, "due", j.Due.At.Sub(start), time.Hour+3*time.Second)
		long, _ := k.jobs.Get(tx, "long")
		equal(t, "its booking is good", tx.Cancel(long.Due), true)
	})
	must(t, w.Advance(3*time.Second))
	equal(t, "short", k.ended(w), map[string]time.Duration{"short": time.Hour + 3*time.Second})
	must(t, w.Advance(57*time.Second))
	equal(t, "then", k.ended(w)["of no job"], time.Hour+time.Minute)

	// When several resets fall due at once, it is as after the last.
	must(t, w.AdvanceTo(start.Add(5*time.Hour+2*time.Second)))
	equal(t, "after several", k.ended(w), map[string]time.Duration{})
	must(t, w.Advance(8*time.Second))
	equal(t, "after several, later", k.ended(w), map[string]time.Duration{"short": 5*time.Hour + 3*time.Second})

	// A reset by hand goes back in time, and nothing is rescheduled.
	w.Reset()
	equal(t, "the agenda", w.Agenda()[0].At.Sub(start), 3*time.Second)
}

// A reset of a real clock keeps time too.
func TestResetOfARealClockReschedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newJobSchema()
		w := k.world(t, Real, 0)
		p := w.Snapshot()
		wait(time.Hour)
		must(t, w.Advance(time.Minute)) // which the reset takes back
		w.Reset()
		equal(t, "at the reset", k.ended(w), map[string]time.Duration{})
		wait(3 * time.Second)
		equal(t, "later", k.ended(w), map[string]time.Duration{"short": time.Hour + 3*time.Second})
		w.Reset()
		wait(2 * time.Second)
		equal(t, "once more", k.ended(w), map[string]time.Duration{})
		wait(time.Second)
		equal(t, "once more, later", k.ended(w), map[string]time.Duration{"short": time.Hour + 6*time.Second})

		must(t, w.Restore(p)) // what a snapshot had scheduled meanwhile falls due
		equal(t, "restored", k.ended(w)["long"], 10*time.Minute)
	})
}

// The baseline itself is not moved, nor are those who share it.
func TestReschedulingLeavesTheBaseline(t *testing.T) {
	k := newJobSchema()
	w := k.world(t, Frozen, time.Hour)
	before := saved(t, w.Baseline())
	f := w.ForkOf(w.Baseline(), "wsp_fork")
	defer f.Close()
	must(t, w.Advance(90*time.Minute))
	equal(t, "the baseline", saved(t, w.Baseline()), before)
	must(t, f.Advance(3*time.Second))
	equal(t, "a fork", k.ended(f), map[string]time.Duration{"short": 3 * time.Second})
	w.Reset()
	equal(t, "reset", saved(t, w.Snapshot()), before)
}

// BenchmarkReset is what resets cost: the same for any number of rows, and in
// proportion to what is scheduled when that is moved.
func BenchmarkReset(b *testing.B) {
	for name, n := range map[string][2]int{"1000 rows": {1_000, 0}, "1000000 rows": {1_000_000, 0}, "100000 booked": {100_000, 100_000}} {
		k := newJobSchema()
		w, err := NewWorld(k.Schema, Config{ID: "wsp_bench", Clock: Clock{Mode: Frozen, Now: start}, ResetEvery: time.Hour})
		must(b, err)
		do(w, func(tx *Tx) {
			for i := range n[0] {
				id := tx.NewID("job")
				j := job{}
				if i < n[1] {
					j.Due = tx.After(24*time.Hour, "job.end", id)
				}
				k.jobs.Put(tx, id, j)
			}
		})
		w.SetBaseline()
		at := w.Now().UnixNano()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				at++
				w.periodicReset(at)
			}
		})
	}
}
