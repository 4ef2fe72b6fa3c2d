package engine

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAdvanceUntilIdle(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	must(t, w.AdvanceUntilIdle(0))
	equal(t, "nothing is booked, so no time passes", w.Now(), start)
	scheduleMark(w, time.Minute, "x")
	scheduleMark(w, time.Second, "y")
	do(w, func(tx *Tx) { tx.After(time.Hour, "again", "z") })
	must(t, w.AdvanceUntilIdle(4))
	equal(t, "what happened", h.history(w), "[y@1s x@1m0s z@1h0m0s]")
	equal(t, "the time is that of the last event", w.Now().Sub(start), time.Hour)
	must(t, w.AdvanceUntilIdle(1))
}

// What schedules itself for ever is given up after so many events, also when they all
// fall due at once.
func TestAdvanceUntilIdleGivesUp(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 0} {
		h := newTestSchema()
		h.AddStep("for ever", func(tx *Tx, subject string) {
			tx.Count("runs")
			tx.After(step, "for ever", subject)
		})
		w := h.world(t)
		do(w, func(tx *Tx) { tx.After(time.Second, "for ever", "x") })
		err := w.AdvanceUntilIdle(100)
		if err == nil || !strings.HasPrefix(err.Error(), "after 100 events 1 are still scheduled, the next of them for ever of x at 2026-03-19T10:2") ||
			!strings.Contains(err.Error(), "(100 of the last 100 events were for ever of x). The advance until nothing is scheduled stopped at 2026-03-19T10:2") {
			t.Errorf("every %v: got %v", step, err)
		}
		runs, _ := w.s.counters.Get("runs") // a transaction would first run what is due, for ever
		equal(t, "what was done stays done", runs, 100)
	}
}

// A world that resets itself has what its baseline scheduled again after each reset,
// and is never idle if that lies beyond the next.
func TestAdvanceUntilIdleWithResets(t *testing.T) {
	h := newTestSchema()
	w := h.world(t, func(c *Config) { c.ResetEvery = time.Hour })
	scheduleMark(w, time.Minute, "x")
	w.SetBaseline()
	must(t, w.AdvanceUntilIdle(10))
	equal(t, "the time", w.Now().Sub(start), time.Minute)
	scheduleMark(w, 2*time.Hour, "y") // a reset comes first
	must(t, w.AdvanceUntilIdle(10))
	equal(t, "what happened after the reset", h.history(w), "[x@2h1m0s]")

	scheduleMark(w, 90*time.Minute, "later")
	w.SetBaseline()
	if err := w.AdvanceUntilIdle(10); err == nil || !strings.Contains(err.Error(), "after 10 events 1 are still scheduled") {
		t.Errorf("got %v", err)
	}
}

// Events can be scheduled after the year 2200; no advance reaches them.
func TestAdvanceBeyondTheEndOfTime(t *testing.T) {
	w := newTestSchema().world(t, func(c *Config) { c.Clock = Clock{Mode: Frozen, Now: time.Date(2200, 12, 31, 0, 0, 0, 0, time.UTC)} })
	scheduleMark(w, 48*time.Hour, "x")
	equal(t, "the next event", w.AdvanceToNext(), false)
	if err := w.AdvanceUntilIdle(10); err == nil || err.Error() != "cannot advance to the year 2201: the latest supported year is 2200; mark of x is scheduled for then" {
		t.Errorf("got %v", err)
	}
	equal(t, "the time", w.Now().Year(), 2200)
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestSchema().world(t, func(c *Config) { c.Clock = Clock{Mode: Scaled, Scale: 3, Now: start} })
		wait(time.Second)
		equal(t, "scaled", w.Clock(), Clock{Mode: Scaled, Scale: 3, Now: start.Add(3 * time.Second)})
		must(t, w.SetClock(Clock{Mode: Frozen, Scale: 7}))
		wait(time.Second)
		equal(t, "frozen", w.Clock(), Clock{Mode: Frozen, Now: start.Add(3 * time.Second)})
		must(t, w.SetClock(Clock{Mode: Real}))
		wait(time.Second)
		equal(t, "real", w.Clock(), Clock{Mode: Real, Now: start.Add(4 * time.Second)})
	})
}

// changes reports whether do is seen as a change by those who wait.
func changes(w *World, do func()) bool {
	c := w.Changed()
	do()
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestChanged(t *testing.T) {
	h := newTestSchema()
	w := h.world(t, func(c *Config) { c.ResetEvery = 24 * time.Hour })
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{}) })
	p := w.Snapshot()
	b := Timer{}
	for _, c := range []struct {
		name string
		do   func()
		want bool
	}{
		{"a row", func() { do(w, func(tx *Tx) { h.items.Put(tx, "a", item{N: 1}) }) }, true},
		{"a row that goes", func() { do(w, func(tx *Tx) { h.items.Delete(tx, "a") }) }, true},
		{"a row that was not there", func() { do(w, func(tx *Tx) { h.items.Delete(tx, "a") }) }, false},
		{"a look", func() { do(w, func(tx *Tx) { h.items.Get(tx, "a"); tx.NewID("req") }) }, false},
		{"a count", func() { do(w, func(tx *Tx) { Own(h.tallies, tx, "requests").N++ }) }, false},
		{"a booking", func() { b = scheduleMark(w, time.Hour, "x") }, true},
		{"its end", func() { do(w, func(tx *Tx) { tx.Cancel(b) }) }, true},
		{"the end of none", func() { do(w, func(tx *Tx) { tx.Cancel(b) }) }, false},
		{"a step", func() { do(w, func(tx *Tx) { tx.Run("mark", "y") }) }, true},
		{"time", func() { must(t, w.Advance(time.Second)) }, true},
		{"no time", func() { must(t, w.Advance(0)) }, false},
		{"time in a transaction", func() { do(w, func(tx *Tx) { tx.AdvanceTo(tx.Now().Add(1)) }) }, true},
		{"an instant", func() { must(t, w.AdvanceTo(w.Now().Add(time.Second))) }, true},
		{"no next event", func() { w.AdvanceToNext() }, false},
		{"nothing to wait for", func() { must(t, w.AdvanceUntilIdle(1)) }, false},
		{"the clock's setting", func() { must(t, w.SetClock(Clock{Mode: Auto})) }, true},
		{"a wrong setting", func() { _ = w.SetClock(Clock{Mode: "slow"}) }, false},
		{"a snapshot", func() { w.SetBaseline() }, false},
		{"a restore", func() { must(t, w.Restore(p)) }, true},
		{"a reset", w.Reset, true},
		{"a periodic reset", func() { must(t, w.Advance(24*time.Hour)) }, true},
		{"what happens in a fork", func() { must(t, w.Fork("wsp_f").Advance(time.Hour)) }, false},
	} {
		if got := changes(w, c.do); got != c.want {
			t.Errorf("%s: a change is %v, want %v", c.name, got, c.want)
		}
	}
	if first, second := w.Changed(), w.Changed(); first != second {
		t.Error("two who wait have two channels")
	}
}

// A caller that gets the channel, reads and then waits misses no change, in real time
// and in a bubble.
func TestChangedMissesNothing(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	const many = 500
	rows := func() (n int) {
		do(w, func(tx *Tx) { n = h.items.Len(tx) })
		return n
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				changed := w.Changed()
				if rows() == many {
					return
				}
				<-changed
			}
		})
	}
	for i := range many {
		do(w, func(tx *Tx) { h.items.Put(tx, string(rune('a'+i)), item{}) })
	}
	wg.Wait()

	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: Scaled, Scale: 60, Now: start} })
		scheduleMark(w, time.Hour, "x")
		began := time.Now()
		for len(h.history(w)) == 0 {
			<-w.Changed() // the alarm rings though nobody asks
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Nobody waits, so nothing is made.
func TestChangedCostsNothing(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) { h.items.Put(tx, "a", item{}) })
	must(t, w.Advance(time.Hour))
	if w.changed != nil {
		t.Error("a channel was made")
	}
}
