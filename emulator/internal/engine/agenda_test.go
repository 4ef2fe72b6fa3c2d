package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestEventsRunInOrderEachAtItsOwnInstant(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	scheduleMark(w, 3*time.Second, "c")
	scheduleMark(w, time.Second, "a")
	scheduleMark(w, 3*time.Second, "d") // scheduled after c for the same instant
	scheduleMark(w, 2*time.Second, "b")
	scheduleMark(w, 0, "now")
	scheduleMark(w, time.Hour, "later")
	must(t, w.Advance(10*time.Second))
	equal(t, "what happened", h.history(w), "[now@0s a@1s b@2s c@3s d@3s]")
	equal(t, "the time", w.Now().Sub(start), 10*time.Second)
	equal(t, "what is left", len(w.Agenda()), 1)
}

// The order is (at, seq) whatever the order of timer and however the way is
// divided into steps.
func TestAgendaAgainstASortedList(t *testing.T) {
	h := newTestSchema()
	rapid.Check(t, func(rt *rapid.T) {
		w := h.world(t)
		type due struct{ at, seq int }
		var booked []due
		for i := range rapid.IntRange(0, 40).Draw(rt, "events") {
			at := rapid.IntRange(0, 20).Draw(rt, "at")
			scheduleMark(w, time.Duration(at)*time.Second, fmt.Sprint(i))
			booked = append(booked, due{at, i})
		}
		slices.SortFunc(booked, func(a, b due) int { return (a.at-b.at)*1000 + a.seq - b.seq })
		var want []string
		for _, d := range booked {
			want = append(want, fmt.Sprintf("%d@%v", d.seq, time.Duration(d.at)*time.Second))
		}
		var listed []string
		for _, e := range w.Agenda() {
			listed = append(listed, fmt.Sprintf("%s@%v", e.Subject, e.At.Sub(start)))
		}
		if got := append(h.history(w), listed...); !slices.Equal(got, want) {
			rt.Fatalf("agenda: got %v, want %v", got, want)
		}
		for w.Now().Before(start.Add(20 * time.Second)) {
			must(t, w.Advance(time.Duration(rapid.IntRange(1, 9000).Draw(rt, "step"))*time.Millisecond))
		}
		if got := h.history(w); !slices.Equal(got, want) {
			rt.Fatalf("history: got %v, want %v", got, want)
		}
	})
}

func TestAStepMayBookMore(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) { tx.After(time.Second, "again", "x") })
	must(t, w.Advance(time.Minute))
	equal(t, "what happened", h.history(w), "[x@1s x@2s x@3s]")
}

func TestAdvanceToNext(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	if w.AdvanceToNext() {
		t.Error("an empty agenda has a next event")
	}
	equal(t, "the time", w.Now(), start)
	scheduleMark(w, 5*time.Second, "a")
	scheduleMark(w, 5*time.Second, "b")
	scheduleMark(w, 9*time.Second, "c")
	equal(t, "there is a next one", w.AdvanceToNext(), true)
	equal(t, "what happened", h.history(w), "[a@5s b@5s]")
	equal(t, "the time", w.Now().Sub(start), 5*time.Second)
	equal(t, "there is another", w.AdvanceToNext(), true)
	equal(t, "and no more", w.AdvanceToNext(), false)
	equal(t, "the time", w.Now().Sub(start), 9*time.Second)
}

func TestAgendaListsEvents(t *testing.T) {
	w := newTestSchema().world(t)
	b := scheduleMark(w, 2*time.Second, "x")
	got := w.Agenda()
	equal(t, "the agenda", got, []Event{{At: start.Add(2 * time.Second), Seq: b.Seq, Step: "mark", Subject: "x"}})
	equal(t, "the booking", b, Timer{At: start.Add(2 * time.Second), Seq: 1})
	got[0].Subject = "changed"
	equal(t, "a copy", w.Agenda()[0].Subject, "x")
}

func TestCancel(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	a, b := scheduleMark(w, time.Second, "a"), scheduleMark(w, time.Second, "b")
	do(w, func(tx *Tx) {
		equal(t, "an open booking", tx.Cancel(a), true)
		equal(t, "twice", tx.Cancel(a), false)
		equal(t, "no booking", tx.Cancel(Timer{}), false)
		equal(t, "zero", Timer{}.IsZero(), true)
		equal(t, "a booking", b.IsZero(), false)
	})
	must(t, w.Advance(time.Minute))
	equal(t, "what happened", h.history(w), "[b@1s]")
	do(w, func(tx *Tx) { equal(t, "one that has run", tx.Cancel(b), false) })
}

// A transaction that moves time sees what happened on the way, and the new time.
func TestTransactionAdvances(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	scheduleMark(w, 2*time.Second, "a")
	do(w, func(tx *Tx) {
		tx.AdvanceTo(start.Add(2 * time.Second))
		equal(t, "now", tx.Now().Sub(start), 2*time.Second)
		equal(t, "marks", h.marks.Len(tx), 1)
		tx.After(time.Second, "mark", "b")
		equal(t, "the world", tx.World().ID(), "wsp_test")
	})
	must(t, w.Advance(time.Minute))
	equal(t, "what happened", h.history(w), "[a@2s b@3s]")
}

func TestUnknownStepsPanic(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	panics(t, "no step is registered as nothing", func() { do(w, func(tx *Tx) { tx.After(0, "nothing", "") }) })
	panics(t, "step mark is registered twice", func() { h.AddStep("mark", nil) })
	do(w, func(tx *Tx) { equal(t, "the world goes on", tx.Now(), start) })
}

// panics fails the test unless f panics with a text that ends so.
func panics(t *testing.T, end string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); len(got) < len(end) || got[len(got)-len(end):] != end {
			t.Errorf("got panic %q, want %q", got, end)
		}
	}()
	f()
}

// A strict world does not let an operation fail after it has changed rows: the
// client would be told that nothing happened.
func TestStrictWorldPanicsWhenAnOperationChangedAndFailed(t *testing.T) {
	refusal := errors.New("refused")
	changes := map[string]func(h *testSchema, tx *Tx){
		"put":    func(h *testSchema, tx *Tx) { h.items.Put(tx, "new", item{}) },
		"delete": func(h *testSchema, tx *Tx) { h.items.Delete(tx, "old") },
		"book":   func(_ *testSchema, tx *Tx) { tx.After(time.Second, "mark", "x") },
		"cancel": func(_ *testSchema, tx *Tx) { tx.Cancel(Timer{At: start.Add(time.Hour), Seq: 2}) },
	}
	harmless := map[string]func(h *testSchema, tx *Tx){
		"nothing":        func(*testSchema, *Tx) {},
		"delete nothing": func(h *testSchema, tx *Tx) { h.items.Delete(tx, "new") },
		"cancel nothing": func(_ *testSchema, tx *Tx) { tx.Cancel(Timer{}) },
		"count":          func(h *testSchema, tx *Tx) { Own(h.tallies, tx, "x").N++; tx.NewID("req") },
	}
	for _, strict := range []bool{true, false} {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Strict = strict })
		do(w, func(tx *Tx) { h.items.Put(tx, "old", item{}) })
		scheduleMark(w, time.Hour, "x")
		p := w.Snapshot()
		for name, change := range changes {
			must(t, w.Restore(p))
			try := func() {
				if err := w.Do(func(tx *Tx) error { change(h, tx); return refusal }); !errors.Is(err, refusal) {
					t.Errorf("%s: got %v", name, err)
				}
			}
			if strict {
				panics(t, "an operation changed the world and failed: refused", try)
			} else {
				try()
			}
		}
		for name, f := range harmless {
			must(t, w.Restore(p))
			if err := w.Do(func(tx *Tx) error { f(h, tx); return refusal }); !errors.Is(err, refusal) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		equal(t, "fork is as strict", w.Fork("wsp_fork").strict, strict)
	}
}

// A world without requests still moves: its alarm wakes it.
func TestAlarmWakesAnUntouchedWorld(t *testing.T) {
	for _, c := range []struct {
		clock Clock
		wall  time.Duration // until an event that is 60 s ahead
	}{
		{Clock{Mode: Real, Now: start}, time.Minute},
		{Clock{Mode: Scaled, Scale: 60, Now: start}, time.Second},
		{Clock{Mode: Scaled, Scale: 0.1, Now: start}, 10 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newTestSchema()
			w := h.world(t, func(k *Config) { k.Clock = c.clock })
			scheduleMark(w, time.Minute, "a")
			scheduleMark(w, 2*time.Minute, "b")
			wait(c.wall - time.Millisecond)
			synctest.Wait()
			equal(t, "too early", h.history(w), "[]")
			wait(time.Millisecond)
			synctest.Wait()
			equal(t, "by itself", h.history(w), "[a@1m0s]")
			wait(c.wall)
			synctest.Wait()
			equal(t, "and again", h.history(w), "[a@1m0s b@2m0s]")
		})
	}
}

func TestAlarmFollowsWhatIsDueFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(k *Config) { k.Clock = Clock{Mode: Real, Now: start} })
		late := scheduleMark(w, time.Hour, "late")
		scheduleMark(w, time.Minute, "early")
		do(w, func(tx *Tx) { tx.Cancel(late) })
		wait(time.Minute)
		synctest.Wait()
		equal(t, "the earlier one", h.history(w), "[early@1m0s]")

		scheduleMark(w, time.Minute, "frozen over")
		must(t, w.SetClock(Clock{Mode: Frozen}))
		wait(time.Hour)
		synctest.Wait()
		equal(t, "nothing moves", len(h.history(w)), 1)
		must(t, w.SetClock(Clock{Mode: Scaled, Scale: 2}))
		wait(30 * time.Second)
		synctest.Wait()
		equal(t, "twice as fast", h.history(w), "[early@1m0s frozen over@2m0s]")
	})
}

func TestCloseStopsTheAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(k *Config) { k.Clock = Clock{Mode: Real, Now: start} })
		scheduleMark(w, time.Minute, "a")
		w.Close()
		w.Close()
		wait(time.Hour)
		synctest.Wait()
		equal(t, "closed", h.history(w), "[]")
		do(w, func(tx *Tx) { equal(t, "readable, and up to date", h.marks.Len(tx), 1) })
		scheduleMark(w, time.Minute, "b")
		wait(time.Hour)
		synctest.Wait()
		equal(t, "still closed", h.history(w), "[a@1m0s]")
	})
}

// The actor set by ActAs applies until its end. Steps, due or run by Run, have no
// actor.
func TestActor(t *testing.T) {
	h := newTestSchema()
	var seen []string
	h.AddStep("look", func(tx *Tx, subject string) { seen = append(seen, subject+":"+tx.Actor()) })
	w := h.world(t)
	do(w, func(tx *Tx) {
		equal(t, "at first", tx.Actor(), "")
		outer := tx.ActAs("run_1")
		inner := tx.ActAs("run_2")
		nobody := tx.ActAs("")
		equal(t, "within both", tx.Actor(), "run_2")
		tx.Run("look", "now")
		tx.After(time.Second, "look", "later")
		nobody()
		inner()
		equal(t, "within the outer", tx.Actor(), "run_1")
		outer()
		equal(t, "after both", tx.Actor(), "")
		tx.ActAs("run_3") // never ended: it does not outlive the transaction
	})
	do(w, func(tx *Tx) { equal(t, "in the next transaction", tx.Actor(), "") })
	must(t, w.Advance(time.Second))
	equal(t, "steps", strings.Join(seen, " "), "now: later:")
}

// A transaction that was kept panics when it is used, because it would read without
// the lock.
func TestKeptTransaction(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	var kept *Tx
	do(w, func(tx *Tx) { kept = tx })
	defer func() {
		if recover() == nil {
			t.Error("it was read after its end")
		}
	}()
	h.items.Len(kept)
}
