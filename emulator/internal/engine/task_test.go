package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// taskWorld is a house whose step "post" sends an errand that takes a while, and
// whose errands leave a mark when they are back.
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

// sleepFor lets the time of a bubble pass.
func sleepFor(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-ctx.Done()
}

func startTask(w *World, d time.Duration, subject string) {
	do(w, func(tx *Tx) { tx.After(d, "post", subject) })
}

// Time that is moved stands still until the errands of an instant are back, and
// what they leave behind happens at that instant.
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

// An errand may send another, which the same instant waits for too.
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

// While time stands still for an errand, the world answers, and it shows the
// instant that it stands at.
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

// Journeys are made one after the other.
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

// What takes the place of the state that sent an errand hears nothing of it, and
// may send it again; a journey ends there.
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
				h.OnRestore(func(_, come *Tx) {
					come.Start("", func(context.Context) func(*Tx) {
						return func(*Tx) { again++ }
					})
				})
				p := w.Snapshot()
				startTask(w, time.Minute, "x")
				done := make(chan error)
				go func() { done <- w.Advance(time.Hour) }()
				synctest.Wait() // it waits for the errand
				must(t, replace(w, p))
				if err := <-done; !errors.Is(err, ErrReplaced) {
					t.Errorf("the advance ended with %v", err)
				}
				synctest.Wait()
				equal(t, "the errand was called back", ended, context.Canceled)
				equal(t, "what happened", h.history(w), "[]")
				equal(t, "the time", w.Now().Sub(start), time.Duration(0))
				equal(t, "sent again", again, 1)
			})
		})
	}
}

// A world that is closed calls its errands back, waits for them, and sends no more.
func TestCloseEndsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := false
		h, w := taskWorld(t, func(ctx context.Context, _ string) {
			<-ctx.Done()
			sleepFor(time.Second) // it takes its time
			back = true
		})
		do(w, func(tx *Tx) { tx.Run("post", "x") })
		w.Close()
		equal(t, "it is back", back, true)
		do(w, func(tx *Tx) { tx.Run("post", "y") })
		equal(t, "what happened", h.history(w), "[]")
	})
}

// In real time errands are sent when they fall due, and time goes on meanwhile.
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
			equal(t, "it came back", m.At.Sub(begun), 65*time.Second)
		})
	})
}
