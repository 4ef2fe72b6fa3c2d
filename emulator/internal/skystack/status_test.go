package skystack

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/redact"
)

// Every kind of refusal has a status of its own, and only the sandbox's own
// failures are a 500 (S75).
func TestEveryKindHasItsStatus(t *testing.T) {
	seen := map[int]fail.Kind{}
	for _, kind := range fail.Kinds() {
		got := status(kind)
		if other, taken := seen[got]; taken {
			t.Errorf("kinds %d and %d are both %d", other, kind, got)
		}
		seen[got] = kind
		if got < 400 || http.StatusText(got) == "" {
			t.Errorf("kind %d is %d", kind, got)
		}
		if (got == http.StatusInternalServerError) != (kind == fail.Internal) {
			t.Errorf("kind %d is %d", kind, got)
		}
	}
}

// refused is how an error looks on the wire.
func refused(t *testing.T, err error) *httptest.ResponseRecorder {
	t.Helper()
	return staged(t, slog.New(slog.DiscardHandler), func(*httpapi.RequestContext) error { return err })
}

// staged is the response of a pipeline of one stage.
func staged(t *testing.T, log *slog.Logger, stage func(*httpapi.RequestContext) error) *httptest.ResponseRecorder {
	t.Helper()
	w, err := engine.NewWorld(engine.NewSchema(), engine.Config{ID: "wsp_a", Clock: engine.Clock{Mode: engine.Frozen}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	a := New(engine.NewSchema(), Config{})
	server, err := httpapi.NewServer(httpapi.Options{Home: w, Log: log}, &httpapi.API{
		Contract: c, Handlers: a.handlers(), RenderError: Refuse, Render: render, Complete: a.complete,
		Pipeline: []httpapi.Stage{{Name: "the only one", Run: stage}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	server.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://localhost/healthz", nil))
	return rec
}

// The envelope's members, in order, and the headers that go with them (S75,
// S76).
func TestEnvelope(t *testing.T) {
	rec := refused(t, &fail.Error{
		Kind: fail.RateLimited, Code: "some_code", Message: `A "sentence" <with> marks & more.`, RetryAfter: 1500 * time.Millisecond, Challenge: "Bearer",
		Allow: []string{"GET", "HEAD"},
		Details: []fail.Detail{
			{Field: "storage[0].size_gb", Location: fail.Body, Code: "out_of_range", Message: "Too much.", Extra: []fail.Member{{Name: "limit", Value: 3}}},
			{Location: fail.Query, Code: "c", Message: "m"},
			{Extra: []fail.Member{{Name: "facts", Value: []string{"alone"}}}},
		},
	})
	id := rec.Header().Get("X-Request-Id")
	want := `{"error":{"code":"some_code","message":"A \"sentence\" <with> marks & more.","request_id":"` + id + `","details":[` +
		`{"field":"storage[0].size_gb","location":"body","code":"out_of_range","message":"Too much.","limit":3},` +
		`{"field":null,"location":"query","code":"c","message":"m"},{"facts":["alone"]}]}}`
	if got := rec.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Retry-After": "2", "Www-Authenticate": "Bearer",
		"Allow": "GET, HEAD", "X-Content-Type-Options": "nosniff",
	} {
		if got := rec.Header().Get(name); got != want || rec.Code != 429 {
			t.Errorf("%d, %s: %q, want %q", rec.Code, name, got, want)
		}
	}
}

// An error that nobody named is a 500 that keeps its text to itself, and so is
// one that cannot be written down (S75).
func TestInternalErrors(t *testing.T) {
	for name, err := range map[string]error{
		"foreign":    http.ErrBodyNotAllowed,
		"unwritable": &fail.Error{Kind: fail.Invalid, Code: "x", Details: []fail.Detail{{Extra: []fail.Member{{Name: "n", Value: math.Inf(1)}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			rec := refused(t, err)
			var e envelope
			if violation := json.Unmarshal(rec.Body.Bytes(), &e); violation != nil || rec.Code != 500 {
				t.Fatalf("%d %s: %v", rec.Code, rec.Body, violation)
			}
			if e.Error.Code != "internal_error" || e.Error.RequestID != rec.Header().Get("X-Request-Id") || strings.Contains(e.Error.Message, "body") {
				t.Errorf("%s", rec.Body)
			}
		})
	}
}

// A panic is a 500 like any other, and what it says is redacted like all that is
// logged (S24, S41, S74, S75).
func TestPanicsKeepSecrets(t *testing.T) {
	var log bytes.Buffer
	handler := redact.NewHandler(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, value := range []any{
		"lost sky_live_PLANTED", errors.New("Authorization: Bearer PLANTED"), struct{ Token string }{"PLANTED"},
		fail.Of(errors.New("whsec_PLANTED")), []byte("access_token=PLANTED"),
	} {
		rec := staged(t, slog.New(handler), func(*httpapi.RequestContext) error { panic(value) })
		if rec.Code != 500 || !strings.HasPrefix(rec.Body.String(), `{"error":{"code":"internal_error",`) || strings.Contains(rec.Body.String(), "PLANTED") {
			t.Errorf("%T: %d %s", value, rec.Code, rec.Body)
		}
	}
	if text := log.String(); strings.Contains(text, "PLANTED") || !strings.Contains(text, "a request panicked") {
		t.Errorf("the log:\n%s", text)
	}
}
