package emulator_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// headerRig sends requests over a socket.
type headerRig struct {
	t *testing.T
	e *emulator.Emulator
}

// lines are the names of the header lines of a response, sorted.
func (h headerRig) lines(request string) (status int, names []string) {
	h.t.Helper()
	conn := raw(h.t, h.e)
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, request); err != nil {
		h.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.ContentLength >= 0 && r.StatusCode != 204 && r.StatusCode != 304 { // the reader takes the line out of the map
		r.Header.Set("Content-Length", "")
	}
	return r.StatusCode, slices.Sorted(maps.Keys(r.Header))
}

// request is one on a connection of its own, with further header lines.
func request(key, method, path, body string, header ...string) string {
	text := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\n"
	for _, line := range header {
		text += line + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

func words(groups ...string) []string {
	names := strings.Fields(strings.Join(groups, " "))
	slices.Sort(names)
	return names
}

// The lines that every response has, and those of groups that come together.
const (
	always   = "Content-Length Content-Type Date Skystack-Version Vary X-Request-Id"
	bodiless = "Date Skystack-Version Vary X-Request-Id"
	minute   = " X-Ratelimit-Limit X-Ratelimit-Remaining X-Ratelimit-Reset"
	windows  = " X-Ratelimit-Limit-Day X-Ratelimit-Remaining-Day X-Ratelimit-Reset-Day Ratelimit Ratelimit-Policy"
	scopes   = " X-Skystack-Accepted-Scopes X-Skystack-Scopes"
	onError  = " Cache-Control X-Content-Type-Options"
)

// The set of headers of each kind of response: what says something, and nothing
// else (S26, S61 to S63; 3.2, 6.4, 8.3).
func TestHeaderSet(t *testing.T) {
	instance := `{"name":"web","region":"eu-central","size":"standard-1"}`
	declared := map[string]bool{}
	for _, name := range words("Content-Length Content-Type Date Cache-Control X-Content-Type-Options Allow") { // of HTTP, not of this API
		declared[name] = true
	}
	var doc struct {
		Components struct{ Headers map[string]any }
	}
	if err := json.Unmarshal([]byte(get(t, emulator.Start(t).Client(), "/openapi.json")), &doc); err != nil {
		t.Fatal(err)
	}
	for name := range doc.Components.Headers {
		declared[http.CanonicalHeaderKey(name)] = true
	}
	key := emulator.Key{Token: "reader", Scopes: []string{"instances:read"}}
	for _, tc := range []struct {
		name    string
		options []emulator.Option
		prepare func(t *testing.T, e *emulator.Emulator)
		request string
		status  int
		want    []string
	}{
		{"get one", limited(120, 10_000), nil, request("all", "GET", "/v1/regions/eu-central", ""), 200, words(always, minute)},
		{"get an instance", limited(120, 10_000), nil, request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, "Etag")},
		{"head", limited(120, 10_000), nil, request("all", "HEAD", "/v1/instances/ins_web01", ""), 200, words(always, minute, "Etag")},
		{"unchanged", limited(120, 10_000), nil, request("all", "GET", "/v1/instances/ins_web01", "", `If-None-Match: *`), 304, words(bodiless, minute, "Etag")},
		{"list", limited(120, 10_000), nil, request("all", "GET", "/v1/regions?limit=1", ""), 200, words(always, minute, "Link")},
		{"create", limited(120, 10_000), nil, request("all", "POST", "/v1/instances", instance), 201, words(always, minute, "Etag Location")},
		{"keyed create", limited(120, 10_000), nil, request("all", "POST", "/v1/instances", instance, "Idempotency-Key: k"), 201, words(always, minute, "Etag Location Idempotency-Key")},
		{"replay", limited(120, 10_000), func(t *testing.T, e *emulator.Emulator) {
			headerRig{t, e}.lines(request("all", "POST", "/v1/instances", instance, "Idempotency-Key: k"))
		}, request("all", "POST", "/v1/instances", instance, "Idempotency-Key: k"), 201, words(always, minute, "Etag Location Idempotency-Key Idempotent-Replayed")},
		{"accepted", limited(120, 10_000), nil, request("all", "POST", "/v1/instances/ins_web01/actions", `{"type":"reboot"}`), 202, words(always, minute, "Retry-After")},
		{"deleted", limited(120, 10_000), nil, request("all", "DELETE", "/v1/instances/ins_web01", ""), 204, words(bodiless, minute)},
		{"deprecated version", limited(120, 10_000), nil, request("all", "GET", "/v1/instances/ins_web01", "", "SkyStack-Version: 2025-07-01"), 200, words(always, minute, "Etag Deprecation Sunset")},
		{"unknown parameter", limited(120, 10_000), nil, request("all", "GET", "/v1/instances/ins_web01?x=1", ""), 200, words(always, minute, "Etag Skystack-Sandbox-Warning")},
		{"a new token's secret", limited(120, 10_000), nil, request("all", "POST", "/v1/tokens", `{"name":"n"}`), 201, words(always, minute, "Location Cache-Control")},
		{"bad request", limited(120, 10_000), nil, request("all", "GET", "/v1/instances?limit=0", ""), 400, words(always, onError, minute)},
		{"not found", limited(120, 10_000), nil, request("all", "GET", "/v1/instances/ins_none", ""), 404, words(always, onError, minute)},
		{"no route", limited(120, 10_000), nil, request("all", "GET", "/v2", ""), 404, words(always, onError)},
		{"wrong method", limited(120, 10_000), nil, request("all", "PUT", "/v1/instances", ""), 405, words(always, onError, "Allow")},
		{"unauthorized", limited(120, 10_000), nil, request("nobody", "GET", "/v1/instances", ""), 401, words(always, onError, "Www-Authenticate")},
		{"without the scope", limited(120, 10_000), nil, request("reader", "GET", "/v1/projects", ""), 403, words(always, onError, minute, scopes, "Www-Authenticate")},
		{"with the scope", limited(120, 10_000), nil, request("reader", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, "Etag")},
		{"busy", limited(120, 10_000), func(t *testing.T, e *emulator.Emulator) {
			headerRig{t, e}.lines(request("all", "POST", "/v1/instances/ins_web01/actions", `{"type":"reboot"}`))
		}, request("all", "POST", "/v1/instances/ins_web01/actions", `{"type":"reboot"}`), 409, words(always, onError, minute, "Retry-After Skystack-Sandbox-Warning")},
		{"a tenth of the minute is left", limited(10, 10_000), uses(9 - 1), request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, "Etag")},
		{"less than a tenth of the minute is left", limited(10, 10_000), uses(9), request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, windows, "Etag")},
		{"less than a tenth of the day is left", limited(120, 10), uses(9), request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, windows, "Etag")},
		{"the day alone is limited", limited(emulator.Unlimited, 100), nil, request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, "Etag")},
		{"too many requests", limited(3, 10_000), uses(3), request("all", "GET", "/v1/instances/ins_web01", ""), 429, words(always, onError, minute, windows, "Retry-After Skystack-Sandbox-Warning")},
		{"no limits", nil, nil, request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, "Etag")},
		{"no token needed", limited(120, 10_000), nil, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, words(always)},
		{"a token that soon ends", limited(120, 10_000), nil, request("brief", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, "Etag Skystack-Token-Expires")},
		{"full", append(limited(120, 10_000), emulator.WithFullHeaders()), nil, request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, minute, windows, scopes, "Etag X-Content-Type-Options")},
		{"full, list", append(limited(120, 10_000), emulator.WithFullHeaders()), nil, request("all", "GET", "/v1/regions?limit=1", ""), 200, words(always, minute, windows, scopes, "Link X-Content-Type-Options")},
		{"full, no limits", []emulator.Option{emulator.WithFullHeaders()}, nil, request("all", "GET", "/v1/instances/ins_web01", ""), 200, words(always, scopes, "Etag X-Content-Type-Options")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)
			soon := now.Add(time.Hour)
			e := emulator.Start(t, append([]emulator.Option{
				emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: now}),
				emulator.WithKey(key), emulator.WithKey(emulator.Key{Token: "brief", ExpiresAt: &soon}), emulator.WithKey(emulator.Key{Token: "all"}),
			}, tc.options...)...)
			if tc.prepare != nil {
				tc.prepare(t, e)
			}
			status, names := headerRig{t, e}.lines(tc.request)
			for _, name := range names {
				if !declared[name] {
					t.Errorf("openapi.yaml declares no header %s", name)
				}
			}
			if status != tc.status || !slices.Equal(names, tc.want) {
				t.Errorf("got %d %v\nwant %d %v", status, names, tc.status, tc.want)
			}
		})
	}
}

func limited(perMinute, perDay int) []emulator.Option {
	return []emulator.Option{emulator.WithRateLimit(emulator.RateLimit{PerMinute: perMinute, PerDay: perDay})}
}

// uses sends requests that count.
func uses(n int) func(*testing.T, *emulator.Emulator) {
	return func(t *testing.T, e *emulator.Emulator) {
		t.Helper()
		for range n {
			headerRig{t, e}.lines(request("all", "GET", "/v1/instances/ins_web01", ""))
		}
	}
}

// counted counts the header lines that a handler set.
type counted struct {
	http.Handler
	set chan int
}

func (c counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.Handler.ServeHTTP(w, r)
	c.set <- len(w.Header())
}

// Go's header map grows, and costs a tenth of a small request, when it has more
// than eight entries. On the wall clock's time Date is net/http's own, and so is
// the length of a body that fits into its buffer.
func TestEightHeaderEntries(t *testing.T) {
	e := emulator.Start(t, append(limited(120, 10_000), emulator.WithClock(emulator.Clock{Mode: emulator.RealClock}),
		emulator.WithKey(emulator.Key{Token: "all"}))...)
	set := make(chan int, 1)
	server := &http.Server{Handler: counted{e.Handler(), set}, ReadHeaderTimeout: time.Minute}
	l := newPipeListener()
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	for path, want := range map[string]int{"/v1/instances/ins_web01": 8, "/v1/regions?limit=1": 8} {
		// When a second ends between the world's look at the clock and the response's,
		// Date is set after all: then another try decides.
		for try := 0; ; try++ {
			r := exchange(t, l.dial(), request("all", "GET", path, ""))
			if r.StatusCode != 200 || r.Header.Get("Date") == "" || r.ContentLength <= 0 {
				t.Fatalf("%s: %d %v", path, r.StatusCode, r.Header)
			}
			if got := <-set; got == want || try == 3 {
				if got != want {
					t.Errorf("%s: the header map has %d entries, want %d: %v", path, got, want, r.Header)
				}
				break
			}
		}
	}
}
