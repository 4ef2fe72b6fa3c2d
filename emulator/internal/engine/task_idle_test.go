package engine

import (
	"context"
	"errors"
	"testing"
)

// WaitIdle waits for tasks, and for those that they bring with them.
func TestWaitIdle(t *testing.T) {
	w, err := NewWorld(NewSchema(), Config{ID: "wsp_a"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	gate, done := make(chan struct{}), 0
	send := func(e Task) {
		_ = w.Do(func(tx *Tx) error { tx.Start("", e); return nil })
	}
	send(func(context.Context) func(*Tx) {
		<-gate
		return func(tx *Tx) {
			done++
			tx.Start("", func(context.Context) func(*Tx) { return func(*Tx) { done++ } })
		}
	})
	late, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := w.WaitIdle(late); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
	close(gate)
	if err := w.WaitIdle(t.Context()); err != nil || done != 2 {
		t.Errorf("%d tasks are complete, error %v", done, err)
	}
}

// Rest ends with its context while it waits, and with the world.
func TestWaitIdleEndsEarly(t *testing.T) {
	w, err := NewWorld(NewSchema(), Config{ID: "wsp_a"})
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Do(func(tx *Tx) error {
		tx.Start("", func(ctx context.Context) func(*Tx) { <-ctx.Done(); return nil })
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.WaitIdle(ctx) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	go func() { ended <- w.WaitIdle(t.Context()) }()
	w.Close()
	if err := <-ended; err != nil {
		t.Errorf("error %v", err)
	}
}
