package skystack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// inbox is a receiver of webhooks in the test's process.
type inbox struct {
	mu     sync.Mutex
	got    []arrival
	answer func(n int, r *http.Request) int // the status of the n-th request, from 1; nil always answers 200
	slow   chan struct{}                    // unless nil, answers wait for it
}

type arrival struct {
	Path   string
	Header http.Header
	Body   string
}

// RoundTrip implements http.RoundTripper.
func (i *inbox) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	i.got = append(i.got, arrival{r.URL.Path, r.Header.Clone(), string(body)})
	n := len(i.got)
	i.mu.Unlock()
	if i.slow != nil {
		select {
		case <-i.slow:
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
	status := http.StatusOK
	if i.answer != nil {
		status = i.answer(n, r)
	}
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	return w.Result(), nil
}

func (i *inbox) arrived() []arrival {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

// events is what arrived, as types and ids.
func (i *inbox) events(t *testing.T) (types, ids []string) {
	t.Helper()
	for _, a := range i.arrived() {
		var e struct{ ID, Type string }
		if err := json.Unmarshal([]byte(a.Body), &e); err != nil {
			t.Fatalf("%v in %s", err, a.Body)
		}
		types, ids = append(types, e.Type), append(ids, e.ID)
	}
	return types, ids
}

// hook creates an endpoint of the default project.
func hook(s *wire.Server, url, types, more string) (id string) {
	s.T.Helper()
	body := fmt.Sprintf(`{"url":%q,"event_types":[%s]%s}`, url, types, more)
	return s.Post("/v1/webhooks", body).Wants(201).Text("id")
}

const anInstance = `{"name":"web","region":"us-east-1","size":"standard-2"}`

// offsets is how long after the first the attempts of a delivery were made.
func offsets(t *testing.T, s *wire.Server, webhook string) (status string, out []string) {
	t.Helper()
	reply := s.Get("/v1/webhooks/" + webhook + "/deliveries").Wants(200)
	var list struct {
		Data []struct {
			Status   string
			Attempts []struct {
				Number int
				At     time.Time
			}
		}
	}
	if err := json.Unmarshal(reply.Body, &list); err != nil || len(list.Data) != 1 {
		t.Fatalf("%v in %s", err, reply.Body)
	}
	for n, a := range list.Data[0].Attempts {
		if a.Number != n+1 {
			t.Errorf("attempt %d has number %d", n+1, a.Number)
		}
		out = append(out, a.At.Sub(list.Data[0].Attempts[0].At).String())
	}
	return list.Data[0].Status, out
}

// S80: 14 attempts, 10 s doubling, each at its instant of the world's clock.
func TestDelaysS80(t *testing.T) {
	delays := []string{"0s", "10s", "30s", "1m10s", "2m30s", "5m10s", "10m30s", "21m10s", "42m30s", "1h25m10s", "2h50m30s", "5h41m10s", "11h22m30s", "22h45m10s"}
	for _, tc := range []struct {
		name   string
		good   int // the attempt that succeeds; 0 for none
		status string
		want   []string
	}{
		{"never", 0, "exhausted", delays},
		{"the last", 14, "succeeded", delays},
		{"the third", 3, "succeeded", delays[:3]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := &inbox{answer: func(n int, _ *http.Request) int {
				if n == tc.good {
					return 204
				}
				return 503
			}}
			s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
			id := hook(s, "http://127.0.0.1:3000/h", `"instance.created"`, "")
			s.Post("/v1/instances", anInstance).Wants(201)
			if err := s.Advance(24 * time.Hour); err != nil {
				t.Fatal(err)
			}
			status, got := offsets(t, s, id)
			if status != tc.status || !slices.Equal(got, tc.want) {
				t.Errorf("%s %v, want %s %v", status, got, tc.status, tc.want)
			}
			if got := len(in.arrived()); got != len(tc.want) {
				t.Errorf("%d requests, want %d", got, len(tc.want))
			}
		})
	}
}

// With jitter each delay is within a tenth of the exact one, the same for a seed,
// another for each delivery, and no attempt is lost to the end of the 24 hours
// (5.2, S80).
func TestJitterS80(t *testing.T) {
	all := map[string]int{}
	for seed := range uint64(40) {
		var before []string
		for range 2 {
			in := &inbox{answer: func(int, *http.Request) int { return 503 }}
			s := wire.Start(t, frozen(), emulator.WithSeed(seed), emulator.WithWebhookTransport(in), emulator.WithWebhookJitter())
			id := hook(s, "http://127.0.0.1:3000/h", `"instance.created"`, "")
			s.Post("/v1/instances", anInstance).Wants(201)
			if err := s.Advance(24 * time.Hour); err != nil {
				t.Fatal(err)
			}
			status, got := offsets(t, s, id)
			if status != "exhausted" || len(got) != webhook.Attempts || before != nil && !slices.Equal(got, before) {
				t.Fatalf("seed %d: %s %v, before %v", seed, status, got, before)
			}
			before = got
		}
		last := time.Duration(0)
		for n := range webhook.Attempts - 1 {
			delay, _ := webhook.Delay(n + 1)
			at, err := time.ParseDuration(before[n+1])
			if off := (at - last - delay).Abs(); err != nil || off > delay/10 || at > 24*time.Hour {
				t.Errorf("seed %d: attempt %d at %v, %v after the one before: %v", seed, n+2, at, at-last, err)
			}
			last = at
		}
		all[fmt.Sprint(before)]++
	}
	if len(all) != 40 {
		t.Errorf("40 seeds have %d lists of delays", len(all))
	}
}

// S77, S78: events of the project and of the chosen types, in their order.
func TestSubscriptionsS77S78(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for _, tc := range []struct{ types, want string }{
			{`"instance.created","instance.running"`, "instance.created instance.running"},
			{`"instance.*"`, "instance.created instance.running instance.status_changed"},
			{`"*"`, "instance.created instance.running instance.status_changed action.completed"},
			{`"instance.deleted"`, ""},
		} {
			in := &inbox{}
			s := start(frozen(), emulator.WithWebhookTransport(in))
			hook(s, "http://127.0.0.1:3000/h", tc.types, "")
			s.Post("/v1/instances", anInstance).Wants(201)
			if err := s.Advance(time.Minute); err != nil {
				t.Fatal(err)
			}
			types, _ := in.events(t)
			if got := strings.Join(types, " "); got != tc.want {
				t.Errorf("%s: %q, want %q", tc.types, got, tc.want)
			}
		}
		s := start()
		s.Post("/v1/webhooks", `{"url":"http://127.0.0.1:3000/h","event_types":["instance.*","instances.*","disk.full"]}`).
			Refused(400, "invalid_parameter").Has("error.details.0.field", "event_types[1]").Has("error.details.1.field", "event_types[2]")
	})
}
