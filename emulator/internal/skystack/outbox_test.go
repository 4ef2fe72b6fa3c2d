package skystack_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// byHost is receivers that are told apart by the host of their URL.
type byHost map[string]http.RoundTripper

// RoundTrip implements http.RoundTripper.
func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if in, ok := b[r.URL.Hostname()]; ok {
		return in.RoundTrip(r)
	}
	return nil, errors.New("nobody is there")
}

// eventIDs are the events that arrived, in order.
func eventIDs(in *inbox) (out []string) {
	for _, a := range in.arrived() {
		out = append(out, a.Header.Get("Webhook-Id"))
	}
	return out
}

// S80: a Retry-After that is later than the delay is honored, one that is
// earlier is not.
func TestRetryAfterIsHonouredS80(t *testing.T) {
	for _, tc := range []struct {
		status int
		header string
		want   string
	}{{429, "60", "1m0s"}, {503, "60", "1m0s"}, {503, "1", "10s"}, {500, "60", "10s"}, {503, "90000", "10s"}} {
		t.Run(strconv.Itoa(tc.status)+" "+tc.header, func(t *testing.T) {
			var n atomic.Int32
			s := wire.Start(t, frozen(), emulator.WithWebhookTransport(transport(func(*http.Request) *http.Response {
				if n.Add(1) > 1 {
					return &http.Response{StatusCode: 200, Body: http.NoBody}
				}
				return &http.Response{StatusCode: tc.status, Header: http.Header{"Retry-After": {tc.header}}, Body: http.NoBody}
			})))
			id := faultyHook(s, "")
			sendTestEvents(s, id, 1)
			advance(t, s, 25*time.Hour)
			if status, got := offsets(t, s, id); status != "succeeded" || len(got) != 2 || got[1] != tc.want {
				t.Errorf("%s %v, want the second after %s", status, got, tc.want)
			}
		})
	}
}

type transport func(*http.Request) *http.Response

// RoundTrip implements http.RoundTripper.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// What disables an endpoint by itself only does so where it was asked for, and
// nothing goes there afterwards.
func TestDisabledByItself(t *testing.T) {
	for _, tc := range []struct {
		more   string
		answer int
		reason string
		sent   int
	}{
		{`,"honor_410":true`, 410, "gone", 1},
		{``, 410, "", 14},
		{`,"auto_disable_after_seconds":60`, 500, "failing", 4}, // at 70 s
	} {
		in := &inbox{answer: func(int, *http.Request) int { return tc.answer }}
		s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
		id := hook(s, "http://127.0.0.1:3000/h", `"instance.created"`, tc.more)
		sendTestEvents(s, id, 1)
		advance(t, s, 25*time.Hour)
		status, want := "enabled", "exhausted"
		var reason any
		if tc.reason != "" {
			status, reason, want = "disabled", tc.reason, "abandoned"
		}
		s.Get("/v1/webhooks/"+id).Wants(200).Has("status", status).Has("disabled_reason", reason).Has("health", "failing")
		if log := delivered(s, id); len(log) != 1 || log[0].Status != want || len(in.arrived()) != tc.sent {
			t.Errorf("%d %s: %+v after %d requests, want %s after %d", tc.answer, tc.more, log, len(in.arrived()), want, tc.sent)
		}
		if tc.reason != "" {
			s.Post("/v1/webhooks/"+id+"/test", "").Refused(409, "webhook_disabled")
		}
	}
}

// S79: while a rotation overlaps, both secrets verify; afterwards only the new one.
func TestRotationOnTheWireS79(t *testing.T) {
	in := &inbox{}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	id := faultyHook(s, "")
	fresh := s.Post("/v1/webhooks/"+id+"/rotate-secret", `{"overlap_seconds":60}`).Wants(200).Text("secret")
	sendTestEvents(s, id, 1)
	advance(t, s, time.Minute)
	sendTestEvents(s, id, 1)
	advance(t, s, 0)
	for n, want := range [][2]bool{{true, true}, {false, true}} {
		a := in.arrived()[n]
		if got := [2]bool{a.genuine(aSecret) == nil, a.genuine(fresh) == nil}; got != want {
			t.Errorf("request %d verifies with the old and the new secret: %v, want %v", n+1, got, want)
		}
	}
}

// A replay is a new delivery of the same event; a test event goes to its endpoint
// alone.
func TestReplayAndTestEvent(t *testing.T) {
	one, two := &inbox{}, &inbox{}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(byHost{"one.localhost": one, "two.localhost": two}))
	id := hook(s, "http://one.localhost/h", `"instance.created"`, "")
	hook(s, "http://two.localhost/h", `"*"`, "")
	first := sendTestEvents(s, id, 1)[0]
	advance(t, s, time.Second)
	again := s.Post("/v1/webhooks/"+id+"/deliveries/"+first+"/replay", "").Wants(202).Has("replay_of", first).Text("id")
	advance(t, s, time.Second)
	checkOrder(t, one, []string{first, again})
	if ids := eventIDs(one); ids[0] != ids[1] {
		t.Errorf("the replay has another event id: %v", ids)
	}
	if len(two.arrived()) != 0 {
		t.Error("the test event went to another endpoint too")
	}
}

// An endpoint from a file sends nothing before it is enabled, and its secret is in
// no file: what was left is delivered once both are there, in its order.
func TestImportedEndpointWaits(t *testing.T) {
	in := &inbox{slow: make(chan struct{})}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	id := faultyHook(s, "")
	left := sendTestEvents(s, id, 3) // the first is in flight, the others wait behind it
	var file bytes.Buffer
	shot := s.Snapshot()
	if err := shot.Save(&file); err != nil {
		t.Fatal(err)
	}
	key := strings.TrimPrefix(aSecret, "whsec_")
	if strings.Contains(file.String(), key) || strings.Contains(shot.Dump(), key) {
		t.Error("the secret is in the saved world or its dump")
	}
	close(in.slow)

	to := &inbox{}
	other := wire.Start(t, frozen(), emulator.WithWebhookTransport(to))
	if err := other.Import(&file); err != nil {
		t.Fatal(err)
	}
	advance(t, other, time.Hour)
	other.Get("/v1/webhooks/"+id).Wants(200).Has("status", "disabled").Has("disabled_reason", "imported")
	other.Patch("/v1/webhooks/"+id, `{"status":"enabled"}`).Refused(409, "webhook_secret_missing")
	fresh := other.Post("/v1/webhooks/"+id+"/rotate-secret", "{}").Wants(200).Text("secret")
	if len(to.arrived()) != 0 {
		t.Fatal("an endpoint was sent to before it was enabled")
	}
	other.Patch("/v1/webhooks/"+id, `{"status":"enabled"}`).Wants(200)
	advance(t, other, time.Second)
	checkOrder(t, to, left)
	for _, a := range to.arrived() {
		if err := a.genuine(fresh); err != nil {
			t.Error(err)
		}
	}
}

// An endpoint that hangs holds up no other, and Close waits for none; synctest
// fails if anything is left running.
func TestHangingEndpointHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, quick := &inbox{slow: make(chan struct{})}, &inbox{}
		s := wire.Start(t, frozen(), emulator.WithWebhookTransport(byHost{"a.localhost": hangs, "b.localhost": quick}))
		begun := time.Now()
		a := hook(s, "http://a.localhost/h", `"*"`, "")
		b := hook(s, "http://b.localhost/h", `"*"`, "")
		sendTestEvents(s, a, 5)
		want := sendTestEvents(s, b, 5)
		synctest.Wait()
		checkOrder(t, quick, want)
		s.Close()
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// A snapshot taken while deliveries are on their way: where it is restored they
// set out again, so that nothing is lost, and what comes twice has the same id.
func TestSnapshotInTheMiddle(t *testing.T) {
	in := &inbox{slow: make(chan struct{})}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	id := faultyHook(s, "")
	left := sendTestEvents(s, id, 4)
	shot := s.Snapshot()
	fork := wire.In(t, s.Fork(t))
	close(in.slow)
	advance(t, s, time.Second)
	advance(t, fork, time.Second)
	if err := s.Restore(shot); err != nil {
		t.Fatal(err)
	}
	advance(t, s, time.Second)
	for _, w := range []*wire.Server{s, fork} {
		log := delivered(w, id)
		if len(log) != len(left) {
			t.Fatalf("%d deliveries, want %d", len(log), len(left))
		}
		for _, d := range log {
			if d.Status != "succeeded" || len(d.Attempts) != 1 {
				t.Errorf("%+v", d)
			}
		}
	}
	seen := map[string]int{}
	for _, e := range eventIDs(in) {
		seen[e]++
	}
	if len(seen) != len(left) {
		t.Errorf("%d events arrived, want %d: %v", len(seen), len(left), seen)
	}
}

// requestSlots counts the requests in flight: first attempts and later ones.
type requestSlots struct{ flying, most [2]atomic.Int32 }

// acquire counts a request until the returned function is called.
func (l *requestSlots) acquire(r *http.Request) (leave func()) {
	n := 1
	if r.Header.Get("X-Skystack-Attempt") == "1" {
		n = 0
	}
	for now := l.flying[n].Add(1); ; {
		if most := l.most[n].Load(); now <= most || l.most[n].CompareAndSwap(most, now) {
			break
		}
	}
	runtime.Gosched()
	return func() { l.flying[n].Add(-1) }
}

// checkEnded holds the log of an endpoint to what is true of it once nothing more
// can come.
func checkEnded(rt *rapid.T, all []logged) {
	for _, d := range all {
		if !slices.Contains([]string{"succeeded", "exhausted", "abandoned"}, d.Status) {
			rt.Fatalf("%+v is not over", d)
		}
		for n, a := range d.Attempts {
			if a.Number != n+1 {
				rt.Fatalf("attempt %d of %s has number %d", n+1, d.ID, a.Number)
			}
			if n > 0 && a.At.Sub(d.Attempts[n-1].At) != 10*time.Second<<(n-1) {
				rt.Fatalf("attempt %d of %s came after %v", n+1, d.ID, a.At.Sub(d.Attempts[n-1].At))
			}
		}
		if last := len(d.Attempts) - 1; d.Status == "succeeded" && (last < 0 || d.Attempts[last].Status != 200) || d.Status == "exhausted" && last != 13 {
			rt.Fatalf("%+v has another end", d)
		}
	}
}

// Whatever happens to an endpoint, every event ends, attempts are numbered without
// gaps and come at their time, the first ones keep their order, no lane is wider
// than it may be, and what is disabled or deleted gets nothing (S80).
func TestOutboxPropertiesS80(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var bad atomic.Bool
		var busy requestSlots
		in := &inbox{answer: func(_ int, r *http.Request) int {
			defer busy.acquire(r)()
			if bad.Load() {
				return 500
			}
			return 200
		}}
		s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
		defer s.Close()
		wide := rapid.Int32Range(1, 3).Draw(rt, "wide")
		create := func() string {
			return hook(s, "http://127.0.0.1:3000/h", `"instance.*"`, fmt.Sprintf(`,"max_in_flight":%d`, wide))
		}
		type endpoint struct {
			id      string
			enabled bool
		}
		now := endpoint{create(), true}
		shot, kept, rewound := s.Snapshot(), now, false
		var forks []*wire.Server
		steps := map[string]func(){
			"test": func() {
				if now.enabled {
					sendTestEvents(s, now.id, 2)
				} else {
					s.Post("/v1/webhooks/"+now.id+"/test", "").Refused(409, "webhook_disabled")
				}
			},
			"create":  func() { s.Post("/v1/instances", anInstance).Wants(201) },
			"advance": func() { advance(t, s, time.Duration(rapid.IntRange(1, 5000).Draw(rt, "seconds"))*time.Second) },
			"replay": func() {
				if log := delivered(s, now.id); len(log) > 0 && now.enabled {
					d := rapid.SampledFrom(log).Draw(rt, "delivery")
					s.Post("/v1/webhooks/"+now.id+"/deliveries/"+d.ID+"/replay", "").Wants(202).Has("replay_of", d.ID)
				}
			},
			"toggle": func() {
				now.enabled = !now.enabled
				s.Patch("/v1/webhooks/"+now.id, `{"status":"`+map[bool]string{true: "enabled", false: "disabled"}[now.enabled]+`"}`).Wants(200)
			},
			"delete": func() {
				s.Delete("/v1/webhooks/" + now.id).Wants(204)
				s.Get("/v1/webhooks/"+now.id+"/deliveries").Refused(404, "webhook_not_found")
				advance(t, s, time.Hour) // nothing is left that could come
				now = endpoint{create(), true}
			},
			"health":   func() { bad.Store(!bad.Load()) },
			"rotate":   func() { s.Post("/v1/webhooks/"+now.id+"/rotate-secret", "{}").Wants(200) },
			"snapshot": func() { shot, kept = s.Snapshot(), now },
			"restore": func() {
				if err := s.Restore(shot); err != nil {
					rt.Fatal(err)
				}
				now, rewound = kept, true
			},
			"fork": func() {
				if len(forks) < 2 && now.enabled {
					forks = append(forks, wire.In(t, s.Fork(t)))
				}
			},
		}
		forked := map[int]string{} // the endpoint of each fork
		for _, step := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(steps))), 1, 25).Draw(rt, "steps") {
			before, silent := len(in.arrived()), !now.enabled || step == "delete"
			steps[step]()
			advance(t, s, 0) // everything sent is back
			if sent := len(in.arrived()) - before; silent && step != "toggle" && step != "restore" && sent > 0 {
				rt.Fatalf("%s: %d requests to an endpoint that is not there", step, sent)
			}
			if step == "fork" && len(forks) > len(forked) {
				forked[len(forks)-1] = now.id
			}
		}
		advance(t, s, 25*time.Hour)
		log := delivered(s, now.id)
		checkEnded(rt, log)
		var firsts, want []string
		for _, d := range log {
			if len(d.Attempts) > 0 {
				want = append(want, d.ID)
			}
		}
		for _, a := range in.arrived() {
			if id := strings.TrimSuffix(a.Header.Get("X-Skystack-Delivery"), "_1"); a.Header.Get("X-Skystack-Attempt") == "1" && slices.Contains(want, id) {
				firsts = append(firsts, id)
			}
		}
		if !rewound && wide == 1 && !slices.Equal(firsts, want) {
			rt.Fatalf("first attempts %v, want %v", firsts, want)
		}
		for n, fork := range forks { // each goes on by itself
			advance(t, fork, 25*time.Hour)
			checkEnded(rt, delivered(fork, forked[n]))
		}
		if first, again := busy.most[0].Load(), busy.most[1].Load(); len(forks) == 0 && (first > wide || again > 8) {
			rt.Fatalf("%d first attempts at a time, %d later ones; %d and 8 are allowed", first, again, wide)
		}
	})
}
