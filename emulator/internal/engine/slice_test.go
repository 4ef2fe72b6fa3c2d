package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// endless is a test schema whose step "for ever" schedules itself again, every so much of the
// world's time, and counts how often it ran.
func endless(every time.Duration) *testSchema {
	h := newTestSchema()
	h.AddStep("for ever", func(tx *Tx, subject string) {
		Own(h.tallies, tx, "runs").N++
		tx.After(every, "for ever", subject)
	})
	return h
}

// Goroutines get the lock in the order in which they waited, and one that gives up
// with its context leaves the queue.
func TestFairMutex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFairMutex()
		var order []string
		g.Lock()
		for _, name := range []string{"a", "b", "c"} {
			go func() {
				g.Lock()
				defer g.Unlock()
				order = append(order, name)
			}()
			synctest.Wait()
		}
		if err := g.lock(canceled(t.Context())); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled one got in: %v", err)
		}
		g.Unlock()
		g.Lock()
		order = append(order, "again")
		g.Unlock()
		equal(t, "order", order, "[a b c again]")
	})
}

// canceled is a context that has ended.
func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// An advance that never ends lets requests run in between. It ends with its context at
// the instant that its error names, and the world stays usable.
func TestHostileAdvanceWithoutEnd(t *testing.T) {
	h := endless(time.Minute)
	w := h.world(t)
	do(w, func(tx *Tx) {
		for n := range 50 {
			tx.After(time.Minute, "for ever", fmt.Sprint(n))
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() {
		_, err := w.AdvanceContext(ctx, Target{To: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC), MaxEvents: 1 << 60})
		ended <- err
	}()
	seen := start
	for w.Now().Equal(start) { // until it is under way
	}
	for range 200 {
		do(w, func(tx *Tx) {
			if tx.Now().Before(seen) {
				t.Errorf("time went back from %v to %v", seen, tx.Now())
			}
			seen = tx.Now()
		})
	}
	queued, stop := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := w.AdvanceContext(queued, Target{By: time.Hour})
		second <- err
	}()
	stop()
	if err := <-second; !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "the advance by 1h0m0s ended early, at 2") {
		t.Errorf("the one that was waiting: %v", err)
	}
	enough := errors.New("enough")
	cancel(enough)
	err := <-ended
	now := w.Now()
	if want := "the advance to 2199-01-01T00:00:00Z ended early, at " + stamp(now.UnixNano()) + ": enough"; !errors.Is(err, enough) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	equal(t, "nothing moves any more", w.Now(), now)
	must(t, w.Advance(time.Hour))
}

// Everything gets in on a clock that runs faster than its world.
func TestHostileClockThatCannotBeCaughtUp(t *testing.T) {
	h := endless(time.Nanosecond)
	w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: Scaled, Scale: maxScale, Now: start} })
	w.SetBaseline()
	var first Timer
	do(w, func(tx *Tx) { first = tx.After(time.Nanosecond, "for ever", "x") })
	p := w.Snapshot()
	runs := func() (n int) {
		do(w, func(tx *Tx) {
			if row, ok := h.tallies.Get(tx, "runs"); ok {
				n = row.N
			}
		})
		return n
	}
	for before := runs(); runs() < before+3; { // it moves
	}
	must(t, w.Advance(time.Microsecond))
	must(t, w.SetClock(Clock{Mode: Frozen}))
	n, now := runs(), w.Now()
	equal(t, "a frozen clock stands where the world was, its runs", runs(), n)
	equal(t, "its time", w.Now(), now)
	equal(t, "one run each nanosecond", n, int(now.Sub(first.At))+1)
	must(t, w.Restore(p))
	w.Reset()
	equal(t, "after a reset", runs(), 0)
	must(t, w.Restore(p))
	w.Peek(func(tx *Tx) {
		if tx.Now().Before(start) {
			t.Errorf("it shows %v", tx.Now())
		}
	})
	w.Close()
	w.Close()
}

// A real clock that is far behind does not keep a change of its mode waiting, nor
// is what is due lost: it runs in the background.
func TestCatchingUpInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: Real, Now: start} })
		w.sliceEvents = 3
		for n := range 10 {
			scheduleMark(w, time.Minute, fmt.Sprint(n))
		}
		wait(time.Minute)
		do(w, func(tx *Tx) { equal(t, "a request runs one slice", h.marks.Len(tx)%3, 0) })
		wait(time.Second)
		synctest.Wait()
		equal(t, "all of it ran", len(h.history(w)), 10)
	})
}

// What requests scheduled for the very instant at which time stands runs to its end
// before the next request, in slices.
func TestWhatIsDueNowRunsBeforeTheNextRequest(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	w.sliceEvents = 2
	for n := range 5 {
		do(w, func(tx *Tx) { tx.After(0, "mark", fmt.Sprint(n)) })
	}
	do(w, func(tx *Tx) {
		for n := range 50 {
			tx.After(0, "mark", fmt.Sprint(n))
		}
	})
	do(w, func(tx *Tx) { equal(t, "marks", h.marks.Len(tx), 55) })
}

// However the way is cut into slices, and whoever advances, the world that comes
// out is the same, byte for byte.
func TestSlicesChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type booking struct {
			at   time.Duration
			step string
		}
		bookings := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) booking {
			return booking{
				time.Duration(rapid.IntRange(0, 20).Draw(rt, "at")) * time.Second,
				rapid.SampledFrom([]string{"mark", "again", "spawn", "post"}).Draw(rt, "step"),
			}
		}), 0, 30).Draw(rt, "bookings")
		way := rapid.SampledFrom([]string{"by", "until idle", "next", "transaction"}).Draw(rt, "way")
		every := time.Duration(rapid.SampledFrom([]int{0, 0, 13}).Draw(rt, "resets")) * time.Second
		result := func(slice int) string {
			h := newTestSchema()
			h.AddStep("spawn", func(tx *Tx, subject string) {
				for n := range 3 {
					tx.After(time.Duration(n)*time.Second, "mark", tx.NewID(subject))
				}
			})
			h.AddStep("post", func(tx *Tx, subject string) {
				tx.Start("", func(context.Context) func(*Tx) {
					return func(tx *Tx) { tx.After(time.Second, "mark", tx.NewID(subject)) }
				})
			})
			w, err := NewWorld(h.Schema, Config{ID: "wsp_test", Seed: 1, Clock: Clock{Mode: Frozen, Now: start}, ResetEvery: every})
			must(t, err)
			defer w.Close()
			w.sliceEvents = slice
			for n, b := range bookings {
				if way == "transaction" && b.step == "post" {
					b.step = "mark" // a transaction waits for no task
				}
				if b.step == "post" {
					// Tasks of one instant come back in any order, and one that starts at once
					// comes back between the scheduled events below.
					b.at += time.Duration(n+1) * time.Millisecond
				}
				do(w, func(tx *Tx) { tx.After(b.at, b.step, fmt.Sprint("s", n)) })
			}
			switch way {
			case "by":
				must(t, w.Advance(time.Minute))
			case "until idle":
				_ = w.AdvanceUntilIdle(1000)
			case "next":
				for n := 0; n < 100 && w.AdvanceToNext(); n++ {
				}
			default:
				do(w, func(tx *Tx) { tx.AdvanceTo(start.Add(time.Minute)) })
			}
			return saved(t, w.Snapshot())
		}
		want := result(sliceEvents)
		for _, slice := range []int{1, 2, 7} {
			if got := result(slice); got != want {
				rt.Fatalf("in slices of %d: got %s\nwant %s", slice, got, want)
			}
		}
	})
}

// A change of the clock's mode and a reset get in while an advance is under way,
// which ends with a reset and goes on with another mode.
func TestHostileChangesDuringAnAdvance(t *testing.T) {
	h := endless(time.Second)
	w := h.world(t)
	do(w, func(tx *Tx) { tx.After(time.Second, "for ever", "x") })
	ended := make(chan error)
	advance := func() {
		_, err := w.AdvanceContext(t.Context(), Target{Idle: true, MaxEvents: 1 << 60})
		ended <- err
	}
	go advance()
	for w.Now().Equal(start) {
	}
	must(t, w.SetClock(Clock{Mode: Auto}))
	must(t, w.SetClock(Clock{Mode: Real}))
	must(t, w.SetClock(Clock{Mode: Frozen}))
	equal(t, "mode", w.Clock().Mode, Frozen)
	w.Reset()
	if err := <-ended; !errors.Is(err, ErrReplaced) {
		t.Errorf("got %v", err)
	}
	do(w, func(tx *Tx) { tx.After(time.Second, "for ever", "x") })
	go advance()
	for w.Now().Equal(start) {
	}
	w.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// The error of an advance over the limit names the step that repeats.
func TestTooManyEvents(t *testing.T) {
	h := endless(time.Minute)
	w := h.world(t)
	do(w, func(tx *Tx) {
		tx.After(time.Minute, "for ever", "x")
		tx.After(time.Minute, "for ever", "y")
		tx.After(time.Minute, "mark", "z")
	})
	_, err := w.AdvanceContext(t.Context(), Target{By: 1000 * time.Hour, MaxEvents: 1000})
	want := "after 1000 events 2 are still scheduled, the next of them for ever of y at 2026-03-19T18:42:44Z: a step repeats" +
		" (999 of the last 1000 events were for ever, 500 of them of x). The advance by 1000h0m0s stopped at 2026-03-19T18:42:44Z: advance in shorter steps, or end what repeats"
	if err == nil || !errors.Is(err, ErrTooManyEvents) || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
