package skystack_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// tally counts what arrives at an endpoint, apart for each workspace, and holds up
// the request that it is told to.
type tally struct {
	home    string // the workspace in which a request is held up
	nth     int
	held    chan struct{} // closed when it has come
	release chan struct{}

	mu  sync.Mutex
	got map[string][]uint64 // sequence numbers by workspace
}

// RoundTrip implements http.RoundTripper.
func (c *tally) RoundTrip(r *http.Request) (*http.Response, error) {
	var e struct {
		Workspace string `json:"workspace_id"`
		Sequence  uint64 `json:"sequence"`
	}
	if err := json.UnmarshalRead(r.Body, &e); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.got[e.Workspace] = append(c.got[e.Workspace], e.Sequence)
	hold := e.Workspace == c.home && len(c.got[e.Workspace]) == c.nth
	c.mu.Unlock()
	if hold {
		close(c.held)
		<-c.release
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
}

func (c *tally) arrived(workspace string) []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got[workspace])
}

// S80, show 3: of ten thousand instances with three endpoints, one of them dead,
// the living ones get every event once and in order. A copy of the workspace made
// in the middle goes on where it was: it loses nothing, and sends again only what
// was on its way.
func TestTenThousandInstancesS80(t *testing.T) {
	const instances, middle = 10_000, 5000
	release := make(chan struct{})
	living := map[string]*tally{}
	hosts := byHost{}
	for _, name := range []string{"one", "two"} {
		living[name] = &tally{nth: middle, held: make(chan struct{}), release: release, got: map[string][]uint64{}}
		hosts[name+".localhost"] = living[name]
	}
	e := emulator.Start(t, frozen(), emulator.WithQuota(emulator.Unlimited), emulator.WithWebhookTransport(hosts))
	s := wire.In(t, e)
	for _, host := range []string{"one", "dead", "two"} {
		if c := living[host]; c != nil {
			c.home = e.ID()
		}
		hook(s, "http://"+host+".localhost/h", `"instance.created","instance.running"`, "")
	}
	for range instances {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/instances", strings.NewReader(anInstance))
		r.Header.Set("Authorization", "Bearer "+e.Key())
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if e.Handler().ServeHTTP(w, r); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
	}
	for _, c := range living {
		<-c.held
	}
	fork := e.Fork(t)
	close(release)
	for _, w := range []interface{ Advance(time.Duration) error }{e, fork} {
		if err := w.Advance(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range living {
		got := c.arrived(e.ID())
		if len(got) != 2*instances || !ascending(got) {
			t.Errorf("%s: %d requests, want %d of as many events in order", name, len(got), 2*instances)
		}
		if again := c.arrived(fork.ID()); !slices.Equal(again[:min(len(again), instances-middle+1)], got[middle-1:instances]) || len(again) != 2*instances-middle+1 || !ascending(again) {
			t.Errorf("%s: the copy sends %d events, from %v, want %d, from %d", name, len(again), again[:min(len(again), 1)], 2*instances-middle+1, got[middle-1])
		}
	}
	// The log stays within its bounds, and nothing of the dead endpoint is given up.
	if waiting := len(e.Deliveries(emulator.DeliveryMatch{Status: "waiting"})) + len(e.Deliveries(emulator.DeliveryMatch{Status: "queued"})); waiting != 2*instances {
		t.Errorf("%d deliveries wait, want %d", waiting, 2*instances)
	}
	if done := len(e.Deliveries(emulator.DeliveryMatch{Status: "succeeded"})); done > 20_000 {
		t.Errorf("%d deliveries of the past are kept", done)
	}
}

// ascending reports whether numbers grow, which also means that none comes twice.
func ascending(numbers []uint64) bool {
	for n := 1; n < len(numbers); n++ {
		if numbers[n] <= numbers[n-1] {
			return false
		}
	}
	return true
}
