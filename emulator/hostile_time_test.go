package emulator_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

const everyMinute = `{"name":"j","trigger":{"cron":"* * * * *"},"action":{"type":"stop","target":{"labels":{"tier":"none"}}}}`

// caller speaks to an emulator over its socket.
type caller struct {
	t *testing.T
	e *emulator.Emulator
}

func (c caller) send(ctx context.Context, method, path, key, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.e.URL()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(r)
}

// wants sends a request of the default key and returns the body of the response.
func (c caller) wants(status int, method, path, body string) string {
	c.t.Helper()
	return c.wantsAs(emulator.DefaultKey, status, method, path, body)
}

func (c caller) wantsAs(key string, status int, method, path, body string) string {
	c.t.Helper()
	resp, err := c.send(c.t.Context(), method, path, key, body)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		c.t.Errorf("%s %s: got %d, %v, want %d: %.300s", method, path, resp.StatusCode, err, status, got)
	}
	return string(got)
}

// all sends one request of each kind, none of which may wait for time to be played.
func (c caller) all() {
	c.t.Helper()
	c.wantsAs("", 200, "GET", "/healthz", "")
	c.wantsAs("", 200, "GET", "/readyz", "")
	c.wantsAs("", 401, "GET", "/v1/instances", "")
	c.wantsAs("sky_live_unknown", 401, "GET", "/v1/instances", "")
	c.wants(404, "GET", "/v1/nothing", "")
	c.wants(405, "PUT", "/v1/instances", "")
	c.wants(404, "GET", "/v1/instances/ins_nothing", "")
	c.wants(200, "GET", "/v1/instances", "")
	c.wants(201, "POST", "/v1/projects", `{"name":"p"}`)
	c.wants(200, "GET", "/_sandbox/clock", "")
	c.wantsAs(c.e.AdminToken(), 200, "GET", "/_sandbox/workspaces", "")
	c.wantsAs(c.e.AdminToken(), 200, "GET", "/_sandbox/metrics", "")
}

// An advance over centuries of jobs lets other requests run, ends with its client, and does
// not keep the server from ending.
func TestHostileCenturies(t *testing.T) {
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)}))
	c := caller{t, e}
	for range 50 {
		c.wants(201, "POST", "/v1/jobs", everyMinute)
	}
	start := e.Now()
	advance := func(ctx context.Context) chan string {
		ended := make(chan string, 1)
		go func() {
			resp, err := c.send(ctx, "POST", "/_sandbox/clock/advance", emulator.DefaultKey, `{"to":"2199-01-01T00:00:00Z"}`)
			if err != nil {
				ended <- err.Error()
				return
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			ended <- fmt.Sprint(resp.StatusCode, " ", string(body))
		}()
		for e.Now().Equal(start) { // until it has begun
		}
		return ended
	}
	ctx, leave := context.WithCancel(t.Context())
	ended := advance(ctx)
	for range 3 {
		c.all()
	}
	leave()
	if got := <-ended; !strings.Contains(got, "context canceled") {
		t.Error(got)
	}
	c.wants(200, "PUT", "/_sandbox/clock", `{"mode":"frozen"}`) // gets in, and ends what is left
	start = e.Now()
	if !e.Now().Equal(start) || start.After(time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("time goes on after the client has gone: %v", start)
	}

	ended = advance(t.Context())
	c.wants(204, "POST", "/_sandbox/reset", "")
	if got := <-ended; !strings.HasPrefix(got, "409 ") || !strings.Contains(got, "the world was reset or restored meanwhile") {
		t.Error(got)
	}

	for range 50 {
		c.wants(201, "POST", "/v1/jobs", everyMinute)
	}
	start = e.Now()
	ended = advance(t.Context())
	end, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := e.Shutdown(end); err != nil {
		t.Error(err)
	}
	if got := <-ended; !strings.HasPrefix(got, "503 ") {
		t.Error(got)
	}
}

// An advance ends at a million events, and says what repeats.
func TestHostileEventsAreBounded(t *testing.T) {
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	c := caller{t, e}
	c.wants(201, "POST", "/v1/jobs", everyMinute)
	body := c.wants(409, "POST", "/_sandbox/clock/advance", `{"until":"idle"}`)
	for _, want := range []string{`"code":"`, "100000 events", "job.tick", "advance in shorter steps, or end what repeats"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
}

// A clock that is faster than its jobs does not block requests.
func TestHostileScale(t *testing.T) {
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)),
		emulator.WithClock(emulator.Clock{Mode: emulator.ScaledClock, Scale: 1e6, Now: time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)}))
	c := caller{t, e}
	for range 4 {
		c.wants(201, "POST", "/v1/jobs", everyMinute)
	}
	for range 5 {
		c.all()
	}
	c.wants(200, "PUT", "/_sandbox/clock", `{"mode":"frozen"}`)
	now := e.Now()
	c.all()
	if !e.Now().Equal(now) {
		t.Errorf("time went on from %v to %v", now, e.Now())
	}
	c.wants(204, "POST", "/_sandbox/reset", "")
}

// A saved job whose every counts from nowhere is refused, and the world stays.
func TestHostileAnchors(t *testing.T) {
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)}))
	c := caller{t, e}
	c.wants(201, "POST", "/v1/jobs", `{"name":"kept","trigger":{"every":"1m"},"action":{"type":"stop","target":{"labels":{"tier":"none"}}}}`)
	saved := c.wants(200, "GET", "/_sandbox/state", "")
	const anchor = `"anchor":"2026-03-19T12:00:00Z"`
	if strings.Count(strings.ReplaceAll(saved, `": "`, `":"`), anchor) != 1 {
		t.Fatalf("the state has no %s", anchor)
	}
	saved = strings.ReplaceAll(saved, `": "`, `":"`)
	for _, to := range []string{``, `"anchor":null`, `"anchor":"0001-01-01T00:00:00Z"`, `"anchor":"2500-01-01T00:00:00Z"`, `"anchor":"9999-12-31T23:59:59Z"`, `"anchor":"1969-12-31T23:59:59Z"`} {
		broken := strings.Replace(saved, anchor, to, 1)
		if to == "" {
			broken = strings.Replace(saved, anchor+",", "", 1)
		}
		if body := c.wants(400, "PUT", "/_sandbox/state", broken); !strings.Contains(body, "anchor") {
			t.Errorf("%s: %s", to, body)
		}
		c.wants(200, "POST", "/_sandbox/clock/advance", `{"by":"3m"}`)
	}
	if body := c.wants(200, "GET", "/v1/jobs", ""); !strings.Contains(body, `"name":"kept"`) {
		t.Error(body)
	}
	for _, anchored := range []string{"1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"} {
		c.wants(204, "PUT", "/_sandbox/state", strings.Replace(saved, anchor, `"anchor":"`+anchored+`"`, 1))
		c.wants(200, "POST", "/_sandbox/clock/advance", `{"by":"3m"}`)
	}
}

// A webhook that does not respond keeps no advance: what others ask for meanwhile is
// not waited for.
func TestHostileSlowReceiver(t *testing.T) {
	release := make(chan struct{})
	slow := roundTrip(func(r *http.Request) (*http.Response, error) {
		select {
		case <-release:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)), emulator.WithWebhookTransport(slow),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)}))
	c := caller{t, e}
	c.wants(201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:3000/h","event_types":["instance.created"],"timeout_ms":30000,"max_in_flight":1}`)
	c.wants(201, "POST", "/v1/instances", create)
	ended := make(chan error, 1)
	go func() { ended <- e.Advance(time.Second) }()
	c.wants(201, "POST", "/v1/instances", create)
	c.wants(200, "GET", "/v1/instances", "")
	select {
	case err := <-ended:
		t.Fatalf("the advance did not wait for what had begun before: %v", err)
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.AdvanceContext(ctx, emulator.Advance{By: time.Second}); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("an advance whose client has gone: %v", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// However many periodic resets an advance leads over, it ends at once.
func TestHostileResets(t *testing.T) {
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)), emulator.WithResetEvery(time.Second),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)}))
	c := caller{t, e}
	c.wants(201, "POST", "/v1/jobs", everyMinute)
	if body := c.wants(200, "POST", "/_sandbox/clock/advance", `{"by":"876000h"}`); !strings.Contains(body, `"now":"2126-02-23T12:00:00Z"`) {
		t.Error(body)
	}
	c.all()
	for _, far := range []string{`{"by":"2562047h47m16s"}`, `{"to":"2201-01-01T00:00:00Z"}`, `{"to":"9999-12-31T23:59:59Z"}`, `{"to":"0001-01-01T00:00:00Z"}`, `{"by":"-1ns"}`} {
		if body := c.wants(400, "POST", "/_sandbox/clock/advance", far); !strings.Contains(body, `"code":"invalid_`) {
			t.Errorf("%s: %s", far, body)
		}
	}
}
