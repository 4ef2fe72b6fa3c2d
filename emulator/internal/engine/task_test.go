package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// taskWorld returns a schema whose step "post" starts a task, and a world of it. The
// task leaves a mark when it is complete.
func taskWorld(t *testing.T, task func(ctx context.Context, subject string)) (*testSchema, *World) {
	h := newTestSchema()
	h.AddStep("post", func(tx *Tx, subject string) {
		tx.Start("", func(ctx context.Context) func(*Tx) {
			task(ctx, subject)
			return func(tx *Tx) {
				h.marks.Put(tx, fmt.Sprintf("m%d", tx.Count("marks")), mark{tx.Now(), subject})
			}
		})
	})
	return h, h.world(t)
}

// sleepFor lets d of a bubble's time pass.
func sleepFor(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-ctx.Done()
}

func startTask(w *World, d time.Duration, subject string) {
	do(w, func(tx *Tx) { tx.After(d, "post", subject) })
}

// An advance does not move time until the tasks of an instant are complete. Their
// results are stored at that instant.
func TestTimeStandsStillForTasks(t *testing.T) {
	for name, advance := range map[string]func(w *World) error{
		"by":         func(w *World) error { return w.Advance(time.Minute) },
		"to":         func(w *World) error { return w.AdvanceTo(start.Add(time.Minute)) },
		"until idle": func(w *World) error { return w.AdvanceUntilIdle(10) },
		"set": func(w *World) error {
			return w.SetClock(Clock{Mode: Frozen, Now: start.Add(time.Minute)})
		},
		"next": func(w *World) error {
			for w.AdvanceToNext() {
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := taskWorld(t, func(_ context.Context, subject string) {
					d, _ := time.ParseDuration(subject)
					sleepFor(d)
				})
				startTask(w, time.Second, "3s") // the second one is back first
				startTask(w, time.Second, "2s")
				startTask(w, 2*time.Second, "1s")
				must(t, advance(w))
				equal(t, "what happened", h.history(w), "[2s@1s 3s@1s 1s@2s]")
			})
		})
	}
}

// A task may send another, which the same instant waits for too.
func TestTasksThatStartTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		var send func(tx *Tx, n int)
		send = func(tx *Tx, n int) {
			tx.Start("", func(context.Context) func(*Tx) {
				sleepFor(time.Second)
				return func(tx *Tx) {
					h.marks.Put(tx, fmt.Sprintf("m%d", n), mark{tx.Now(), fmt.Sprint(n)})
					if n < 3 {
						send(tx, n+1)
					}
				}
			})
		}
		h.AddStep("post", func(tx *Tx, _ string) { send(tx, 1) })
		w := h.world(t)
		startTask(w, time.Minute, "")
		scheduleMark(w, 2*time.Minute, "later")
		must(t, w.Advance(time.Hour))
		equal(t, "what happened", h.history(w), "[1@1m0s 2@1m0s 3@1m0s later@2m0s]")
		equal(t, "the time", w.Now().Sub(start), time.Hour)
	})
}

// While an advance waits for a task, the world is usable and shows the instant of the
// advance.
func TestWorldIsUsableWhileTasksRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *World
		var seen []time.Duration
		_, w = taskWorld(t, func(context.Context, string) {
			sleepFor(time.Second)
			do(w, func(tx *Tx) { seen = append(seen, tx.Now().Sub(start)) })
		})
		startTask(w, time.Minute, "x")
		startTask(w, time.Hour, "y")
		must(t, w.Advance(24*time.Hour))
		equal(t, "the instants", fmt.Sprint(seen), "[1m0s 1h0m0s]")
	})
}

// Advances run one after the other.
func TestTwoAdvances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := taskWorld(t, func(context.Context, string) { sleepFor(time.Second) })
		startTask(w, time.Minute, "x")
		done := make(chan error)
		for range 2 {
			go func() { done <- w.Advance(2 * time.Minute) }()
		}
		must(t, <-done)
		must(t, <-done)
		equal(t, "what happened", h.history(w), "[x@1m0s]")
		equal(t, "the time", w.Now().Sub(start), 4*time.Minute)
	})
}

// A state that replaces another gets no result of its tasks, and may start them again.
// An advance ends with ErrReplaced.
func TestTasksOfAReplacedState(t *testing.T) {
	for name, replace := range map[string]func(w *World, p *Snapshot) error{
		"restore": func(w *World, p *Snapshot) error { return w.Restore(p) },
		"reset": func(w *World, _ *Snapshot) error {
			w.Reset()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended error
				h, w := taskWorld(t, func(ctx context.Context, _ string) {
					<-ctx.Done()
					ended = ctx.Err()
				})
				again := 0
				h.OnRestore(func(_, next *Tx) {
					next.Start("", func(context.Context) func(*Tx) {
						return func(*Tx) { again++ }
					})
				})
				p := w.Snapshot()
				startTask(w, time.Minute, "x")
				done := make(chan error)
				go func() { done <- w.Advance(time.Hour) }()
				synctest.Wait() // it waits for the task
				must(t, replace(w, p))
				if err := <-done; !errors.Is(err, ErrReplaced) {
					t.Errorf("the advance ended with %v", err)
				}
				synctest.Wait()
				equal(t, "the task was canceled", ended, context.Canceled)
				equal(t, "what happened", h.history(w), "[]")
				equal(t, "the time", w.Now().Sub(start), time.Duration(0))
				equal(t, "started again", again, 1)
			})
		})
	}
}

// Close cancels the tasks of a world and waits for them. A closed world starts no
// task.
func TestCloseEndsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		completed := false
		h, w := taskWorld(t, func(ctx context.Context, _ string) {
			<-ctx.Done()
			sleepFor(time.Second) // it takes its time
			completed = true
		})
		do(w, func(tx *Tx) { tx.Run("post", "x") })
		w.Close()
		equal(t, "the task is complete", completed, true)
		do(w, func(tx *Tx) { tx.Run("post", "y") })
		equal(t, "what happened", h.history(w), "[]")
	})
}

// In real time tasks start when they fall due, and time continues meanwhile.
func TestTasksInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestSchema()
		h.AddStep("post", func(tx *Tx, subject string) {
			tx.Start("", func(context.Context) func(*Tx) {
				sleepFor(5 * time.Second)
				return func(tx *Tx) { h.marks.Put(tx, subject, mark{tx.Now(), subject}) }
			})
		})
		begun := time.Now()
		w := h.world(t, func(c *Config) { c.Clock = Clock{} })
		startTask(w, time.Minute, "x")
		sleepFor(64 * time.Second)
		do(w, func(tx *Tx) { equal(t, "marks", h.marks.Len(tx), 0) })
		sleepFor(2 * time.Second)
		do(w, func(tx *Tx) {
			m, _ := h.marks.Get(tx, "x")
			equal(t, "completed after", m.At.Sub(begun), 65*time.Second)
		})
	})
}
