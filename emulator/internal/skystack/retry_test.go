package skystack_test

import (
	"cmp"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"skystack.dev/sandbox/emulator"
)

// patient is go-retryablehttp as it comes, without its log.
func patient(client *http.Client) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.HTTPClient, c.Logger = client, nil
	return c
}

// sendAll makes n requests through the client and fails unless all end well.
func sendAll(t *testing.T, c *retryablehttp.Client, base, key string, n int) {
	t.Helper()
	for range n {
		r, err := retryablehttp.NewRequest(http.MethodPost, base+"/v1/instances", []byte(`{"name":"n","region":"us-east-1","size":"standard-1"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("status %d: %s", resp.StatusCode, body)
		}
	}
}

// S62: go-retryablehttp gets through by itself. Where it would sleep for the
// Retry-After, the sandbox's clock is moved by it.
func TestRetryableClientPassesS62(t *testing.T) {
	bothTransports(t, func(t *testing.T, start func(...emulator.Option) rawClient) {
		s := start(frozen12(), emulator.WithFixture("empty"), emulator.WithLimits(), emulator.WithQuota(emulator.Unlimited))
		c, slept := patient(s.client), []time.Duration{}
		c.Backoff = func(shortest, longest time.Duration, attempt int, resp *http.Response) time.Duration {
			d := retryablehttp.DefaultBackoff(shortest, longest, attempt, resp)
			slept = append(slept, d)
			if err := s.Advance(d); err != nil {
				t.Error(err)
			}
			return 0
		}
		sendAll(t, c, cmp.Or(s.base, "http://localhost"), s.Key(), 250)
		if len(slept) != 2 || slept[0] != time.Minute || slept[1] != time.Minute {
			t.Errorf("it waited %v, want a minute twice", slept)
		}
		if err := s.Advance(time.Minute); err != nil {
			t.Fatal(err)
		}
		var p rawPage
		if s.send(t, "GET", "/v1/instances", "", &p); p.Pagination.Total != 250 {
			t.Errorf("%d instances, want 250", p.Pagination.Total)
		}
	})
}

// S62: the same with nothing replaced: in a bubble of testing/synctest it sleeps
// as long as it is told to, and no more.
func TestRetryableClientSleepsS62(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, emulator.WithFixture("empty"), emulator.WithLimits(), emulator.WithQuota(emulator.Unlimited))
		begun := time.Now()
		sendAll(t, patient(e.Client()), "http://localhost", e.Key(), 121)
		if passed := time.Since(begun); passed != time.Minute {
			t.Errorf("121 requests took %v, want a minute", passed)
		}
		sendAll(t, patient(e.Client()), "http://localhost", e.Key(), 120)
		if passed := time.Since(begun); passed != 2*time.Minute {
			t.Errorf("241 requests took %v, want two minutes", passed)
		}
	})
}
