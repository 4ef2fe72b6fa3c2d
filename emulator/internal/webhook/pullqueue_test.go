package webhook

import (
	"context"
	"testing"
	"time"
)

// An attempt of a restored state is made again under its id, and its listener may take
// the second before the first was canceled: what is reported counts for the second.
func TestSameAttemptTwiceInAPullQueue(t *testing.T) {
	var p pullQueues
	at := listenerKey{id: "whk_1"}
	p.open(at)
	m := Message{DeliveryID: "dlv_1_1"}
	deliver := func(ctx context.Context) <-chan Outcome {
		done := make(chan Outcome, 1)
		go func() { done <- p.deliver(ctx, at, m, time.Hour) }()
		if _, ok := p.pull(t.Context(), at, nil); !ok {
			t.Fatal("there is no message")
		}
		return done
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, second := deliver(ctx), deliver(t.Context())
	cancel()
	if out := <-first; out.Error != Canceled {
		t.Errorf("the first is %+v", out)
	}
	if !p.report(at, m.DeliveryID, Outcome{Status: 204}) {
		t.Fatal("no attempt waits for the second")
	}
	if out := <-second; out.Status != 204 {
		t.Errorf("the second is %+v", out)
	}
}
