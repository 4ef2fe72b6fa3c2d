package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An advance waits for the tasks that it caused and for those that ran before it, and
// not for those that requests start meanwhile.
func TestAdvanceWaitsForWhatItCaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := taskWorld(t, func(_ context.Context, subject string) {
			d, _ := time.ParseDuration(subject)
			sleepFor(d)
		})
		begun := time.Now()
		do(w, func(tx *Tx) { tx.Run("post", "3s") }) // before it
		startTask(w, time.Minute, "1s")
		var group sync.WaitGroup
		group.Go(func() { must(t, w.Advance(time.Hour)) })
		synctest.Wait()
		do(w, func(tx *Tx) { tx.Run("post", "1000h") }) // meanwhile
		group.Wait()
		equal(t, "it took", time.Since(begun), 4*time.Second)
		equal(t, "what happened", h.history(w), "[3s@0s 1s@1m0s]")
		equal(t, "the time", w.Now().Sub(start), time.Hour)
	})
}

// Traffic that never ends, with a task each time, does not keep time from moving;
// neither does work that was expected before and does not begin.
func TestHostileSteadyTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := taskWorld(t, func(context.Context, string) { sleepFor(2 * time.Second) })
		do(w, func(tx *Tx) { tx.Expect("work") })
		stop := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					do(w, func(tx *Tx) { tx.Run("post", "traffic") })
				}
			}
		})
		sleepFor(time.Second)
		startTask(w, time.Minute, "caused")
		must(t, w.Advance(time.Hour))
		close(stop)
		group.Wait()
		equal(t, "the time", w.Now().Sub(start), time.Hour)
		got := strings.Join(h.history(w), " ")
		if !strings.Contains(got, " caused@1m0s") {
			t.Errorf("what it caused came at another instant: %.100s", got)
		}
	})
}

// Work that an advance causes is waited for at its instant, though its task is
// started by others, after other work.
func TestAdvanceWaitsForItsTurnInAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		queue, busy := []string{}, false
		var next func(tx *Tx)
		next = func(tx *Tx) {
			if busy = len(queue) > 0; !busy {
				return
			}
			id := queue[0]
			queue = queue[1:]
			tx.Start(id, func(context.Context) func(*Tx) {
				sleepFor(time.Second)
				return func(tx *Tx) {
					h.marks.Put(tx, id, mark{tx.Now(), id})
					next(tx)
				}
			})
		}
		enqueue := func(tx *Tx, id string) {
			tx.Expect(id)
			queue = append(queue, id)
			if !busy {
				next(tx)
			}
		}
		h.AddStep("enqueue", enqueue)
		w := h.world(t)
		do(w, func(tx *Tx) {
			enqueue(tx, "before 1")
			enqueue(tx, "before 2")
			tx.After(time.Minute, "enqueue", "caused 1")
			tx.After(time.Minute, "enqueue", "caused 2")
			tx.After(2*time.Minute, "enqueue", "caused 3")
		})
		ended := make(chan error)
		go func() { ended <- w.Advance(time.Hour) }()
		sleepFor(2500 * time.Millisecond) // it waits for "caused 1"
		for n := range 100 {
			do(w, func(tx *Tx) { enqueue(tx, fmt.Sprint("meanwhile ", n)) })
		}
		must(t, <-ended)
		got := strings.Join(h.history(w), " ")
		const want = "before 1@0s before 2@0s caused 1@1m0s caused 2@1m0s meanwhile 0@2m0s"
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "caused 3@2m0s") {
			t.Errorf("what happened: %s", got)
		}
		equal(t, "the time", w.Now().Sub(start), time.Hour)
		w.Close()
	})
}

// Work that will not be done is waited for no longer.
func TestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		h.AddStep("expect", func(tx *Tx, subject string) { tx.Expect(subject) })
		w := h.world(t)
		do(w, func(tx *Tx) { tx.After(time.Minute, "expect", "x") })
		ended := make(chan error)
		go func() { ended <- w.Advance(time.Hour) }()
		synctest.Wait()
		do(w, func(tx *Tx) {
			equal(t, "time stands", tx.Now().Sub(start), time.Minute)
			tx.Finish("y")
			tx.Finish("x")
			tx.Finish("x")
		})
		must(t, <-ended)
	})
}
