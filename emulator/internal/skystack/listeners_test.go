package skystack_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// attempts are the attempts of the listener's only delivery.
func attempts(t *testing.T, s *wire.Server, listener string) []sandbox.DeliveryAttempt {
	t.Helper()
	got := s.Deliveries(sandbox.DeliveryMatch{Webhook: listener})
	if len(got) == 0 {
		t.Fatal("there is no delivery")
	}
	return got[len(got)-1].Attempts
}

// Messages that no listener pulls, or whose outcome none reports, are failed attempts
// once their time is over; as long as no listener pulls, later ones fail at once.
func TestListenersHaveTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, frozen())
		l, err := s.Listen(sandbox.Listener{URL: "http://localhost:3000/hook"})
		if err != nil {
			t.Fatal(err)
		}
		// flushed is how long the attempts on their way take.
		flushed := func() time.Duration {
			begun := time.Now()
			if err := s.FlushWebhooks(t.Context()); err != nil {
				t.Fatal(err)
			}
			return time.Since(begun)
		}
		failed := func(code, message string) {
			t.Helper()
			if a := attempts(t, s, l.ID)[0]; a.Status != 0 || a.Error != code || !strings.Contains(a.Message, message) {
				t.Errorf("attempt %+v, want %s with %q", a, code, message)
			}
		}
		sendTestEvents(s, l.ID, 1)
		if took := flushed(); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
		failed("no_listener", `The messages of this endpoint are pulled, and no listener did so within 10s. Run "skystack-sandbox listen --forward-to http://localhost:3000/hook"`)
		sendTestEvents(s, l.ID, 1)
		if took := flushed(); took != 0 {
			t.Errorf("it took %v", took)
		}
		failed("no_listener", "are pulled, and no listener runs.")

		// A listener pulls again, takes a message and reports nothing.
		pull := func() (m sandbox.Message) {
			t.Helper()
			got := make(chan sandbox.Message)
			go func() {
				m, err := s.NextMessage(t.Context(), l.ID)
				if err != nil {
					t.Error(err)
				}
				got <- m
			}()
			synctest.Wait()
			sendTestEvents(s, l.ID, 1)
			return <-got
		}
		late := pull()
		if took := flushed(); took != 11*time.Second {
			t.Errorf("it took %v", took)
		}
		failed("timeout", "The listener took the message, but did not report the outcome within 11s.")
		if got := attempts(t, s, l.ID)[0].LatencyMS; got != 11_000 {
			t.Errorf("latency %d ms", got)
		}
		if err := s.AnswerMessage(l.ID, late.Attempt, sandbox.Answer{Status: 204}); !errors.Is(err, sandbox.ErrNotFound) {
			t.Errorf("a late answer: %v", err)
		}

		// The receiver's 10 s begin when the message is taken, and the report of a listener
		// that waited for all of them counts.
		sendTestEvents(s, l.ID, 1)
		sleepFor(9 * time.Second)
		slow, err := s.NextMessage(t.Context(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		sleepFor(10 * time.Second)
		if err := s.AnswerMessage(l.ID, slow.Attempt, sandbox.Answer{Error: "timeout", Message: "The receiver did not answer."}); err != nil {
			t.Error(err)
		}
		flushed()
		failed("timeout", "The receiver did not answer.")

		// What a listener reports is in the log, with the time it took.
		m := pull()
		sent := arrival{Header: http.Header{}, Body: m.Body}
		for name, value := range m.Header {
			sent.Header.Set(name, value)
		}
		if err := sent.genuine(l.Secret); err != nil {
			t.Error(err)
		}
		sleepFor(7 * time.Millisecond)
		if err := s.AnswerMessage(l.ID, m.Attempt, sandbox.Answer{Status: 503, RetryAfter: "60", Body: "busy"}); err != nil {
			t.Fatal(err)
		}
		flushed()
		failed503 := s.Deliveries(sandbox.DeliveryMatch{Webhook: l.ID})[4]
		if a := failed503.Attempts[0]; a.Status != 503 || a.LatencyMS != 7 || !failed503.NextAttemptAt.Equal(testTime().Add(time.Minute)) {
			t.Errorf("delivery %+v", failed503)
		}
	})
}

// A listener that ends cancels its messages, and a world that ends does not wait for
// one.
func TestListenersThatGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wire.Start(t, frozen())
		begun := time.Now()
		for _, end := range []func(id string){
			func(id string) { _ = s.StopListening(id) },
			func(string) { s.Reset() },
			nil, // it is there to the end
		} {
			l, err := s.Listen(sandbox.Listener{URL: "http://localhost:3000/hook"})
			if err != nil {
				t.Fatal(err)
			}
			sendTestEvents(s, l.ID, 2) // one is taken, one waits
			if _, err := s.NextMessage(t.Context(), l.ID); err != nil {
				t.Fatal(err)
			}
			if end == nil {
				s.Close()
				break
			}
			end(l.ID)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			if _, err := s.NextMessage(ctx, l.ID); err == nil || ctx.Err() != nil {
				t.Errorf("the next message of what is gone: %v", err)
			}
			cancel()
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}
