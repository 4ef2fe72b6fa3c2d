package cli

import (
	"net"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Flush does not wait for retries that are scheduled for later. It says how many there
// are, and how to make them due.
func TestFlushSaysWhatStillWaits(t *testing.T) {
	e := frozen(t)
	if code, out, message := runAgainst(t, e, "webhooks", "flush"); code != exitOK || out+message != "" {
		t.Errorf("exit code %d, %q, %q", code, out, message)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close() // a receiver that refuses connections
	wire.In(t, e).Post("/v1/webhooks", `{"url":"http://`+closed.Addr().String()+`/hook","event_types":["instance.created"]}`).Wants(201)
	waiting := emulator.DeliveryMatch{Status: "waiting"}
	for _, number := range []string{"1 delivery waits", "2 deliveries wait"} {
		wire.In(t, e).Post("/v1/instances", newInstance).Wants(201)
		code, out, message := runAgainst(t, e, "webhooks", "flush")
		next := instant(e.Deliveries(waiting)[0].NextAttemptAt)
		want := program + ": " + number + " for a later attempt, the next one at " + next + `: to make it due, run "` + program + " clock advance --to=" + next + `" and flush again` + "\n"
		if code != exitOK || out != "" || message != want {
			t.Errorf("exit code %d, %q, %q, want %q", code, out, message, want)
		}
	}
	next := e.Deliveries(waiting)[0].NextAttemptAt
	if code, _, message := runAgainst(t, e, "clock", "advance", "--to="+instant(next)); code != exitOK {
		t.Error(message)
	}
	for _, d := range e.Deliveries(waiting) {
		if len(d.Attempts) != 2 {
			t.Errorf("the clock made no retry due: %+v", d)
		}
	}
}
