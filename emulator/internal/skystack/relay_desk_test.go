package skystack

import (
	"context"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

// An attempt whose state was put back sets out again under its id, and its listener
// may take the second before the first has been called off: what is said counts for
// the second.
func TestSameAttemptTwiceAtADesk(t *testing.T) {
	var r relay
	at := relayDesk{id: "whk_1"}
	r.open(at)
	m := webhook.Message{DeliveryID: "dlv_1_1"}
	send := func(ctx context.Context) <-chan webhook.Outcome {
		back := make(chan webhook.Outcome, 1)
		go func() { back <- r.send(ctx, at, m, time.Hour) }()
		if _, ok := r.next(t.Context(), at, nil); !ok {
			t.Fatal("there is no message")
		}
		return back
	}
	ctx, callOff := context.WithCancel(t.Context())
	first, second := send(ctx), send(t.Context())
	callOff()
	if out := <-first; out.Error != webhook.Canceled {
		t.Errorf("the first is %+v", out)
	}
	if !r.answer(at, m.DeliveryID, webhook.Outcome{Status: 204}) {
		t.Fatal("nobody waits for the second")
	}
	if out := <-second; out.Status != 204 {
		t.Errorf("the second is %+v", out)
	}
}
