package job

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// scheduled is a run as the model expects it.
type scheduled struct {
	due, start time.Time // start is zero for a run that was skipped or has not begun
}

// model computes the runs of a job with every: one at each tick, which begins when the
// one before has ended, and is skipped or waits until then.
func model(begin time.Time, every, takes, total time.Duration, concurrency string) (want []scheduled) {
	end := begin.Add(total)
	var free time.Time   // when the last run ends
	var open []time.Time // the ends of the runs that have not ended, in order
	for due := begin.Add(every); !due.After(end); due = due.Add(every) {
		open = slices.DeleteFunc(open, func(at time.Time) bool { return !at.After(due) })
		switch {
		case len(open) == 0:
			free = due
		case concurrency == skipOverlap || len(open) > maxWaitingRuns:
			want = append(want, scheduled{due: due})
			continue
		}
		start := free
		free = start.Add(takes)
		open = append(open, free)
		if start.After(end) {
			start = time.Time{}
		}
		want = append(want, scheduled{due, start})
	}
	return want
}

// However a world is advanced, a job runs as the model says: at each tick once, and never
// during another run of it.
func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		every := time.Duration(rapid.IntRange(1, 9).Draw(rt, "every")) * time.Minute
		r.takes = time.Duration(rapid.IntRange(0, 80).Draw(rt, "takes")) * time.Minute
		if r.takes > 0 { // so no run ends at a tick, and the order within an instant does not matter
			r.takes += time.Millisecond
		}
		concurrency := rapid.SampledFrom([]string{skipOverlap, queueOverlap}).Draw(rt, "concurrency")
		begin := r.now()
		id := r.add(Trigger{Every: every.String()}, concurrency)
		total := time.Duration(0)
		for range rapid.IntRange(1, 10).Draw(rt, "steps") {
			d := time.Duration(rapid.IntRange(1, 40).Draw(rt, "step")) * time.Minute
			r.advance(d)
			total += d
		}
		want := model(begin, every, r.takes, total, concurrency)
		got := r.runs(id)
		if len(got) != len(want) {
			rt.Fatalf("%d runs, want %d", len(got), len(want))
		}
		for n, run := range got {
			if !run.ScheduledFor.Equal(want[n].due) || !run.StartedAt.Equal(want[n].start) {
				rt.Fatalf("run %d is for %s and began %s, want %+v", n, run.ScheduledFor, run.StartedAt, want[n])
			}
		}
		if j := r.job(id); !j.Due.Equal(begin.Add(total - total%every + every)) {
			rt.Fatalf("the next tick is %s", j.Due)
		}
	})
}

// Of the runs that wait the oldest begins first, and a full queue skips the next.
func TestQueueOfRuns(t *testing.T) {
	r := newRig(t)
	r.takes = time.Hour
	id := r.add(Trigger{At: "2026-03-20T00:00:00Z"}, queueOverlap)
	j := r.job(id)
	for range maxWaitingRuns + 2 {
		r.do(func(tx *engine.Tx) {
			j, _ = r.store.Jobs.Get(tx, id)
			r.store.RunNow(tx, j, "req_1")
		})
	}
	runs := r.runs(id)
	for n, want := range append(append([]Status{Running}, slices.Repeat([]Status{Queued}, maxWaitingRuns)...), Skipped) {
		if runs[n].Status != want {
			t.Errorf("run %d is %s, want %s", n, runs[n].Status, want)
		}
	}
	if last := runs[len(runs)-1]; last.Reason == nil || last.Reason.Code != "queue_full" {
		t.Errorf("the last run is skipped for %v", last.Reason)
	}
	r.advance(90 * time.Minute)
	if runs = r.runs(id); runs[0].Status != Succeeded || runs[1].Status != Running || len(r.ended) != 1 || r.ended[0].ID != runs[0].ID {
		t.Errorf("after the first: %s, %s; ended: %v", runs[0].Status, runs[1].Status, r.ended)
	}
	// A job that is disabled drops what it was not asked to run; what was asked for runs.
	r.do(func(tx *engine.Tx) {
		j, _ = r.store.Jobs.Get(tx, id)
		disabled := j
		disabled.Enabled = false
		r.store.Replace(tx, j, disabled, "tok_2")
	})
	r.advance(24 * time.Hour)
	if runs = r.runs(id); len(r.ended) != maxWaitingRuns+1 || len(runs) != maxWaitingRuns+2 {
		t.Errorf("%d runs have ended, and %d are kept", len(r.ended), len(runs))
	}
}

// A job whose key is gone is disabled by its next run, which fails.
func TestJobWithoutItsKey(t *testing.T) {
	r := newRig(t)
	id := r.add(Trigger{Every: "1h"}, "")
	r.revoked = true
	r.advance(3 * time.Hour)
	runs := r.runs(id)
	if len(runs) != 1 || runs[0].Status != Failed || runs[0].Reason.Code != "token_revoked" || r.acted != 0 {
		t.Fatalf("%+v after %d actions", runs, r.acted)
	}
	if j := r.job(id); j.Enabled || j.Disabled.Code != "token_revoked" || !j.Due.IsZero() {
		t.Errorf("%+v", j)
	}
	// Enabled again it acts with the key of the client that enabled it.
	r.revoked = false
	r.do(func(tx *engine.Tx) {
		j, _ := r.store.Jobs.Get(tx, id)
		enabled := j
		enabled.Enabled = true
		if j = r.store.Replace(tx, j, enabled, "tok_2"); j.TokenID != "tok_2" || j.Disabled != nil {
			t.Errorf("%+v", j)
		}
	})
	r.advance(time.Hour)
	if runs = r.runs(id); len(runs) != 2 || runs[1].Status != Succeeded {
		t.Errorf("%+v", runs)
	}
}

// The last runs of a job are kept; removing the job removes all that belongs to it.
func TestSlots(t *testing.T) {
	r := newRig(t)
	id := r.add(Trigger{Every: "1m"}, "")
	r.advance((KeptRuns + 5) * time.Minute)
	if runs := r.runs(id); len(runs) != KeptRuns || !runs[0].ScheduledFor.Equal(at("2026-03-19T10:36:00Z")) {
		t.Errorf("%d runs, the oldest for %s", len(runs), runs[0].ScheduledFor)
	}
	r.do(func(tx *engine.Tx) {
		if n := r.store.Runs.Len(tx); n != KeptRuns {
			t.Errorf("the world holds %d runs", n)
		}
		j, _ := r.store.Jobs.Get(tx, id)
		r.store.Remove(tx, j)
		if n := r.store.Jobs.Len(tx) + r.store.Runs.Len(tx) + r.store.slots.Len(tx); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		if next, ok := tx.Next(TickStep, RunStep); ok {
			t.Errorf("%+v is still booked", next)
		}
	})
}
