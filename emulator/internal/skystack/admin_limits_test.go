package skystack_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
)

// formatLimits writes limits as "key window remaining/limit reset".
func formatLimits(limits []sandbox.Limit) string {
	var out []string
	for _, l := range limits {
		out = append(out, fmt.Sprintf("%s %s %d/%d %s", l.Key, l.Window, l.Remaining, l.Limit, l.ResetAt.Format("15:04:05")))
	}
	return strings.Join(out, ", ")
}

func (r *rig) status() int {
	code, _ := r.ask(http.MethodGet, "/v1/regions", "")
	return code
}

// Limits can be changed, used up and given back while the world runs (S61 to S63).
func TestRateLimitsOfARunningWorld(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	r.addKey(t, "second", credential.Key{ID: "tok_second", Scopes: []string{"catalog:read"}})
	set := func(limit sandbox.RateLimit, want string) {
		t.Helper()
		if err := r.api.SetRateLimit(r.world, limit); err != nil {
			t.Fatal(err)
		}
		if got := formatLimits(r.api.Credentials.Limits(r.world)); got != want {
			t.Errorf("%+v: got %s, want %s", limit, got, want)
		}
	}
	refused := func(key, want string, is error) {
		t.Helper()
		if err := r.api.Credentials.Exhaust(r.world, key); err == nil || err.Error() != want || !errors.Is(err, is) {
			t.Errorf("%q: got %v, want %s", key, err, want)
		}
	}
	if got := r.api.Credentials.Limits(r.world); len(got) != 0 || got == nil {
		t.Errorf("got %v", got)
	}
	refused("tok_second", "requests are not limited in this workspace; set a rate limit first: conflict", sandbox.ErrConflict)
	set(sandbox.RateLimit{}, "")
	set(sandbox.RateLimit{PerMinute: 3}, "tok_default minute 3/3 10:22:44, tok_second minute 3/3 10:22:44")
	set(sandbox.RateLimit{PerDay: 5}, "tok_default minute 3/3 10:22:44, tok_default day 5/5 10:22:44, tok_second minute 3/3 10:22:44, tok_second day 5/5 10:22:44")
	set(sandbox.RateLimit{PerMinute: sandbox.Unlimited}, "tok_default day 5/5 10:22:44, tok_second day 5/5 10:22:44")
	if code := r.status(); code != 200 {
		t.Fatal(code)
	}
	set(sandbox.RateLimit{PerMinute: 2, PerDay: 9}, "tok_default minute 2/2 10:22:44, tok_default day 8/9 00:00:00, tok_second minute 2/2 10:22:44, tok_second day 9/9 10:22:44")
	for n, want := range []int{200, 200, 429, 429} {
		if code := r.status(); code != want {
			t.Errorf("request %d: %d, want %d", n, code, want)
		}
	}
	set(sandbox.RateLimit{PerMinute: 4, PerDay: sandbox.Unlimited}, "tok_default minute 2/4 10:23:44, tok_second minute 4/4 10:22:44")
	if err := r.api.Credentials.Exhaust(r.world, r.key); err != nil { // by its token
		t.Fatal(err)
	}
	if code := r.status(); code != 429 {
		t.Errorf("exhausted: %d", code)
	}
	if err := r.world.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if code := r.status(); code != 200 {
		t.Errorf("a minute later: %d", code)
	}
	for _, key := range []string{"tok_default", "tok_second"} {
		if err := r.api.Credentials.Exhaust(r.world, key); err != nil {
			t.Fatal(err)
		}
	}
	if got := formatLimits(r.api.Credentials.Limits(r.world)); got != "tok_default minute 0/4 10:24:44, tok_second minute 0/4 10:24:44" {
		t.Errorf("both exhausted: %s", got)
	}
	if err := r.api.Credentials.Refill(r.world); err != nil {
		t.Fatal(err)
	}
	if code := r.status(); code != 200 {
		t.Errorf("refilled: %d", code)
	}

	// Together, the keys have one allowance.
	set(sandbox.RateLimit{PerMinute: 3, Shared: true, Fixed: true}, " minute 3/3 10:23:44")
	r.status()
	r.status()
	set(sandbox.RateLimit{Fixed: true}, " minute 1/3 10:24:00")
	if err := r.api.Credentials.Exhaust(r.world, "tok_second"); err != nil {
		t.Fatal(err)
	}
	if code := r.status(); code != 429 {
		t.Errorf("the shared allowance is used up: %d", code)
	}
	set(sandbox.RateLimit{Separate: true}, "tok_default minute 2/3 10:24:44, tok_second minute 3/3 10:23:44")
	set(sandbox.RateLimit{PerMinute: sandbox.Unlimited, PerDay: sandbox.Unlimited}, "")
	if s := r.api.Settings(r.world); s.Limited || r.status() != 200 {
		t.Errorf("no limit is left: %+v", s)
	}
	set(sandbox.RateLimit{PerDay: 7}, "tok_default day 7/7 10:23:44, tok_second day 7/7 10:23:44")

	const unknown = "the workspace has no such key; use the token or the id of one of tok_default, tok_second: not found"
	refused("tok_third", unknown, sandbox.ErrNotFound)
	refused("sky_test_0000000000000000000000000000001vWQpT", unknown, sandbox.ErrNotFound)
	refused("", unknown, sandbox.ErrNotFound)
}

func TestSetRateLimitRefuses(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	before := r.saved(t)
	for _, c := range []struct {
		limit sandbox.RateLimit
		want  string
	}{
		{sandbox.RateLimit{PerMinute: -2}, "per_minute: -2 is no limit; use 1 to 1000000000, Unlimited (-1) for none, or 0 for the one there is"},
		{sandbox.RateLimit{PerDay: 1_000_000_001}, "per_day: 1000000001 is no limit; use 1 to 1000000000, Unlimited (-1) for none, or 0 for the one there is"},
		{sandbox.RateLimit{Shared: true, Separate: true}, "scope: limits are either shared or separate; choose one"},
	} {
		if err := r.api.SetRateLimit(r.world, c.limit); err == nil || err.Error() != c.want || r.saved(t) != before {
			t.Errorf("%+v: got %v, want %s", c.limit, err, c.want)
		}
	}
}
