package suite

import (
	"context"
	"errors"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// A listener carries messages itself, and what it says of each stands in the log.
func listeners(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	l, err := s.Listen(sandbox.Listener{URL: "http://localhost:3000/hook", EventTypes: []string{"instance.created", "instance.running"}})
	must(t, err)
	if l.ID == "" || l.Project == "" || len(l.Secret) < len("whsec_")+32 || l.Secret[:6] != "whsec_" {
		t.Errorf("listener %+v", l)
	}
	again, err := s.Listen(sandbox.Listener{URL: l.URL, EventTypes: []string{"job.*"}})
	must(t, err)
	other, err := s.Listen(sandbox.Listener{URL: l.URL + "2", EventTypes: []string{"job.*"}})
	must(t, err)
	if again.Secret != l.Secret || other.Secret == l.Secret {
		t.Errorf("secrets: %s, again for the same receiver %s, for another %s", l.Secret, again.Secret, other.Secret)
	}
	own, err := s.Listen(sandbox.Listener{URL: l.URL, EventTypes: []string{"job.*"}, Secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"})
	must(t, err)
	if own.Secret != "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz" {
		t.Errorf("its own secret became %s", own.Secret)
	}
	_, err = s.Listen(sandbox.Listener{URL: l.URL, Secret: "whsec_short"})
	refused(t, err, "secret: After whsec_ a secret is standard base64 with its padding")
	for _, more := range []sandbox.Listener{again, other, own} {
		must(t, s.StopListening(more.ID))
	}
	s.Get("/v1/webhooks/"+l.ID).Wants(200).Has("url", l.URL).Has("status", "enabled")
	s.Post("/v1/instances", newInstance).Wants(201)
	s.Post("/v1/instances", newInstance).Wants(201)
	first, err := s.NextMessage(t.Context(), l.ID)
	must(t, err)
	if first.EventType != "instance.created" || first.Header["X-Skystack-Event"] != "instance.created" || first.Header["Webhook-Id"] != first.Event ||
		len(first.Header["X-Signature"]) != 64 || !contains(first.Body, `"id":"`+first.Event+`"`) {
		t.Errorf("message %+v", first)
	}
	must(t, s.AnswerMessage(l.ID, first.Attempt, sandbox.Answer{Status: 204}))
	second, err := s.NextMessage(t.Context(), l.ID)
	must(t, err)
	const long = "Nothing listens there. Start the receiver, or correct the URL that messages are carried to: it ends with the port."
	must(t, s.AnswerMessage(l.ID, second.Attempt, sandbox.Answer{Error: "connection_refused", Message: long}))
	must(t, s.FlushWebhooks(t.Context()))
	got := s.Deliveries(sandbox.DeliveryMatch{Webhook: l.ID})
	if len(got) != 2 || got[0].Status != "succeeded" || got[0].Attempts[0].Status != 204 || got[1].Status != "waiting" ||
		got[1].Attempts[0].Error != "connection_refused" || got[1].Attempts[0].Message != long {
		t.Errorf("deliveries %+v", got)
	}

	missing(t, s.AnswerMessage(l.ID, first.Attempt, sandbox.Answer{Status: 204}), "No delivery waits for the attempt")
	missing(t, s.AnswerMessage("whk_nobody", first.Attempt, sandbox.Answer{Status: 204}), `There is no listener "whk_nobody"`)
	refused(t, s.AnswerMessage(l.ID, second.Attempt, sandbox.Answer{Status: 7}), "7 is not an HTTP status")
	refused(t, s.AnswerMessage(l.ID, second.Attempt, sandbox.Answer{Error: "bad_luck"}), "Give the status of the receiver's response")
	for part, bad := range map[string]sandbox.Listener{
		"url: The URL begins with http:// or https://; no other scheme is served": {URL: "localhost:3000"},
		"url: The URL holds a user name or password":                              {URL: "http://u:hunter2@localhost:3000/"},
		// A saved world with one of these could not be loaded again.
		"url: The URL has a fragment":          {URL: "http://localhost:3000/#hook"},
		"url: The host looks like an address":  {URL: "http://127.1:3000/hook"},
		"url: The port of the URL is a number": {URL: "http://localhost:99999/hook"},
		"url: The URL has a space":             {URL: "http://localhost:3000/a hook"},
		`There is no event type "instance.up"`: {URL: l.URL, EventTypes: []string{"instance.up"}},
		`There is no project "prj_nowhere"`:    {URL: l.URL, Project: "prj_nowhere"},
	} {
		_, err := s.Listen(bad)
		refused(t, err, part)
	}
	must(t, s.StopListening(l.ID))
	missing(t, s.StopListening(l.ID), "There is no listener")
	s.Get("/v1/webhooks/"+l.ID).Refused(404, "webhook_not_found")
}

// A client that waits for a message gets an error at once when the listener ends.
func listenersThatEnd(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	for part, end := range map[string]func(id string) error{
		"it was deleted, or the workspace was reset": func(string) error { s.Reset(); return nil },
		"There is no listener":                       s.StopListening,
		"There is no listener \"whk_":                func(id string) error { s.Delete("/v1/webhooks/" + id).Wants(204); return nil },
	} {
		l, err := s.Listen(sandbox.Listener{URL: "http://localhost:3000/hook"})
		must(t, err)
		heard := make(chan error)
		go func() {
			_, err := s.NextMessage(t.Context(), l.ID)
			heard <- err
		}()
		must(t, end(l.ID))
		missing(t, <-heard, part)
	}
	l, err := s.Listen(sandbox.Listener{URL: "http://localhost:3000/hook"})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.NextMessage(ctx, l.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func missing(t *testing.T, err error, part string) {
	t.Helper()
	if !errors.Is(err, sandbox.ErrNotFound) || !contains(err.Error(), part) {
		t.Errorf("error %v, want that of something missing, with %q", err, part)
	}
}
