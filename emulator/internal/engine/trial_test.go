package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// What is tried has not happened: no row, id, event, draw or task of it is there
// afterwards, and the world goes on as if it had never been tried.
func TestTry(t *testing.T) {
	run := func(tries int) (string, int) {
		h := newTestSchema()
		w := h.world(t)
		var sent atomic.Int32
		change := func(tx *Tx) string {
			id := tx.NewID("item")
			h.items.Put(tx, id, item{N: 1})
			tx.After(time.Second, "mark", id)
			tx.Start("", func(context.Context) func(*Tx) { sent.Add(1); return nil })
			return id + " " + tx.NewLongID("req") + " " + tx.Now().Add(time.Duration(tx.Rand("x").IntN(1000))).String()
		}
		for range tries {
			if err := w.Try(func(tx *Tx) error {
				if !tx.Trial() || tx.World() != w {
					t.Error("a trial is no trial, or of another world")
				}
				change(tx)
				return errors.New("refused")
			}); err == nil {
				t.Error("the error is lost")
			}
		}
		var got string
		do(w, func(tx *Tx) {
			if tx.Trial() {
				t.Error("a transaction is a trial")
			}
			got = change(tx)
		})
		must(t, w.Advance(2*time.Second))
		return got + saved(t, w.Snapshot()), int(sent.Load())
	}
	want, once := run(0)
	if got, sent := run(3); got != want || sent != once || once != 1 {
		t.Errorf("after trials: %s, %d sent; without: %s, %d sent", got, sent, want, once)
	}
}
