package suite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

func rateLimits(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	if got := s.Limits(); len(got) != 0 {
		t.Errorf("limits before there are any: %+v", got)
	}
	must(t, s.SetRateLimit(sandbox.RateLimit{PerMinute: 2, PerDay: sandbox.Unlimited}))
	s.Get("/v1/projects").Wants(200).Header("X-RateLimit-Remaining", "1")
	must(t, s.Advance(10*time.Second))
	s.Get("/v1/projects").Wants(200)
	s.Get("/v1/projects").Refused(429, "rate_limited").Header("Retry-After", "50")
	limits := s.Limits()
	if len(limits) != 1 || limits[0].Window != "minute" || limits[0].Limit != 2 || limits[0].Remaining != 0 || !limits[0].ResetAt.Equal(start().Add(time.Minute)) || limits[0].Key != s.Keys()[0].ID {
		t.Errorf("limits %+v", limits)
	}
	must(t, s.Refill())
	s.Get("/v1/projects").Wants(200)
	refused(t, s.Exhaust("", sandbox.DayWindow), "name the window minute")
	refused(t, s.Exhaust("", "hour"), "minute")
	must(t, s.SetRateLimit(sandbox.RateLimit{PerDay: 1000}))
	must(t, s.Exhaust(""))
	s.Get("/v1/projects").Refused(429, "rate_limited").Header("Retry-After", "60") // a minute, not the rest of the day
	must(t, s.Advance(time.Minute))
	s.Get("/v1/projects").Wants(200)
	must(t, s.Exhaust("", sandbox.DayWindow))
	s.Get("/v1/projects").Refused(429, "rate_limited").Header("Retry-After", "48966") // to midnight
	must(t, s.Refill())
	must(t, s.Exhaust(s.Key()))
	s.Get("/v1/projects").Refused(429, "rate_limited")
	refused(t, s.Exhaust("tok_nobody"), "no such key")
	must(t, s.SetRateLimit(sandbox.RateLimit{PerMinute: sandbox.Unlimited, PerDay: sandbox.Unlimited}))
	s.Get("/v1/projects").Wants(200).Header("X-RateLimit-Limit", "")
	refused(t, s.Exhaust(""), "set a rate limit first")
}

func sharedLimits(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	setup := frozen()
	setup.RateLimit = &sandbox.RateLimit{PerMinute: 3, PerDay: sandbox.Unlimited, Shared: true}
	s := open(setup)
	if got := s.Limits(); len(got) != 1 || got[0].Key != "" || got[0].Remaining != 3 {
		t.Errorf("limits %+v", got)
	}
	s.Get("/v1/projects").Wants(200).Header("X-RateLimit-Remaining", "2")
	must(t, s.SetRateLimit(sandbox.RateLimit{PerMinute: 5, Separate: true}))
	s.Get("/v1/projects").Wants(200).Header("X-RateLimit-Remaining", "4")
}

func keys(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	setup := frozen()
	s := open(setup)
	expiry := start().Add(time.Hour)
	reader := sandbox.Key{Token: "a-key-of-" + strings.ReplaceAll(s.ID(), "_", "-"), Name: "reader", Scopes: []string{"instances:read"}, ExpiresAt: &expiry}
	added, err := s.AddKey(reader)
	must(t, err)
	if added.Token != reader.Token || added.ID == "" || added.Workspace != s.ID() {
		t.Errorf("added %+v", added)
	}
	as := s.As(reader.Token)
	as.Get("/v1/instances").Wants(200)
	as.Post("/v1/instances", newInstance).Refused(403, "insufficient_scope")
	must(t, s.Advance(time.Hour))
	as.Get("/v1/instances").Refused(401, "token_expired")
	minted, err := s.AddKey(sandbox.Key{})
	must(t, err)
	s.As(minted.Token).Get("/v1/instances").Wants(200)
	for _, k := range s.Keys() {
		if k.ID == "" || k.Token == reader.Token || k.Token == s.Key() || k.Token == minted.Token {
			t.Errorf("a key is listed with its token: %+v", k)
		}
	}
	if n := len(s.Keys()); n != 3 {
		t.Errorf("%d keys, want 3", n)
	}
	_, err = s.AddKey(sandbox.Key{Token: "sky_live_0123456789"})
	refused(t, err, "production")
	_, err = s.AddKey(sandbox.Key{Scopes: []string{"everything"}})
	refused(t, err, "everything")
	before := s.Snapshot()
	must(t, s.Restore(before)) // the keys stay
	s.As(minted.Token).Get("/v1/instances").Wants(200)
	s.Reset() // in any state
	s.As(minted.Token).Get("/v1/instances").Wants(200)
	must(t, s.Load("empty"))
	s.As(minted.Token).Get("/v1/instances").Wants(200)
}

func journal(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	s.Post("/v1/instances", newInstance).Wants(201)
	s.Get("/v1/instances?status=running").Wants(200)
	must(t, s.Advance(time.Second))
	s.Get("/v1/instances/ins_nobody").Wants(404)
	s.Get("/v1/computers").Wants(404)
	all := s.Requests(sandbox.Match{})
	if len(all) != 4 {
		t.Fatalf("%d requests, want 4: %v", len(all), all)
	}
	r := all[0]
	if r.Operation != "createInstance" || r.Method != "POST" || r.Target != "/v1/instances" || r.Status != 201 || r.Stage != "handle" || r.Key != s.Keys()[0].ID ||
		r.RequestBody != newInstance || !strings.Contains(r.ResponseBody, `"status":"provisioning"`) || !r.At.Equal(start()) || !strings.HasPrefix(r.ID, "req_") || r.Seq != 1 {
		t.Errorf("first request %+v", r)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("header %v", r.Header)
	}
	if text := fmt.Sprint(all); strings.Contains(text, s.Key()) {
		t.Errorf("the record shows a key: %s", text)
	}
	for _, tc := range []struct {
		m    sandbox.Match
		want int
	}{
		{sandbox.Match{Operation: "listInstances"}, 1},
		{sandbox.Match{Status: 404}, 2},
		{sandbox.Match{Status: 4}, 2},
		{sandbox.Match{Status: 2}, 2},
		{sandbox.Match{Method: "GET"}, 3},
		{sandbox.Match{Path: "/v1/instances"}, 2},
		{sandbox.Match{Key: s.Key()}, 3},
		{sandbox.Match{Since: 3}, 1},
		{sandbox.Match{Before: 3}, 2},
		{sandbox.Match{Since: 1, Before: 4, Limit: 1}, 1},
		{sandbox.Match{Operation: "deleteInstance"}, 0},
	} {
		if got := s.Requests(tc.m); len(got) != tc.want {
			t.Errorf("%+v: %d requests, want %d", tc.m, len(got), tc.want)
		}
	}
	latest := s.Requests(sandbox.Match{Limit: 2, NewestFirst: true})
	if len(latest) != 2 || latest[0].Seq != 4 || latest[1].Seq != 3 || latest[0].Target != "/v1/computers" {
		t.Errorf("the latest two: %v", latest)
	}
	if got := s.DroppedOf(sandbox.Match{}); got != 0 {
		t.Errorf("dropped %d", got)
	}
	if got := s.Unmatched(); len(got) != 1 || got[0].Target != "/v1/computers" || got[0].Code != "route_not_found" || got[0].Stage != "route" {
		t.Errorf("unmatched %+v", got)
	}
	if got := s.Dropped(); got != 0 {
		t.Errorf("dropped %d", got)
	}
	s.AssertRequested(t, "createInstance", 1)
	s.AssertRequested(t, "deleteInstance", 0)
	loser := &tb{T: t}
	s.AssertRequested(loser, "createInstance", 2)
	for _, part := range []string{"createInstance was requested 1 times, want 2", "POST /v1/instances -> 201", "GET /v1/computers -> 404"} {
		if !strings.Contains(loser.failure, part) {
			t.Errorf("no %q in:\n%s", part, loser.failure)
		}
	}
}

// misnamed is matches that name what does not exist: a test that asserts that
// nothing is chosen must not pass for ever.
func misnamed(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	loser := &tb{T: t}
	s.AssertRequested(loser, "deleteInstnace", 0)
	if want := `unknown operation "deleteInstnace" (did you mean deleteInstance?)`; !strings.Contains(loser.failure, want) {
		t.Errorf("an operation that does not exist: %q, want %s", loser.failure, want)
	}
	ctx := t.Context()
	for _, tc := range []struct {
		m    sandbox.Match
		want string
	}{
		{sandbox.Match{Operation: "createinstance"}, `unknown operation "createinstance" (did you mean createInstance?)`},
		{sandbox.Match{Operation: "xyz"}, `unknown operation "xyz"; GET /openapi.json lists them`},
		{sandbox.Match{Status: 499}, "unknown status 499; a response has one of 200, 201, 202, 204, "},
		{sandbox.Match{Code: "instance_bussy"}, `unknown error code "instance_bussy" (did you mean instance_busy?)`},
		{sandbox.Match{Method: "psot"}, `unknown method "PSOT" (did you mean POST?)`},
		{sandbox.Match{Path: "v1/instances"}, `the path "v1/instances" does not begin with / (did you mean /v1/instances?)`},
		{sandbox.Match{Path: "/v1/instances?limit=1"}, `the path "/v1/instances?limit=1" has a query, which is not compared (did you mean /v1/instances?)`},
		{sandbox.Match{Unmatched: true, Operation: "getHealth"}, `no request is both unmatched and of the operation "getHealth"`},
	} {
		_, err := s.WaitForRequest(ctx, tc.m)
		refused(t, err, tc.want)
	}
	_, err := s.WaitForRequest(ctx, sandbox.Match{Operation: "xyz", Status: 499})
	refused(t, err, `unknown operation "xyz"`)
	refused(t, err, "unknown status 499")
	_, err = s.WaitForEvent(ctx, sandbox.EventMatch{Type: "instance.runing"})
	refused(t, err, `unknown event type "instance.runing" (did you mean instance.running?)`)
	_, err = s.WaitForEvent(ctx, sandbox.EventMatch{Type: "job.runs.*"})
	refused(t, err, `unknown event type "job.runs.*" (did you mean job.run.*?)`)
	id := s.Post("/v1/instances", newInstance).Wants(201).Text("id")
	_, err = s.WaitForStatus(ctx, id, "runnin")
	refused(t, err, "(did you mean running?)")
}

// tb is a test that may fail without harm.
type tb struct {
	*testing.T
	failure string
}

// Fatalf implements sandbox.TB. What follows must not go on as if there were an
// answer.
func (t *tb) Fatalf(format string, args ...any) { t.failure += fmt.Sprintf(format, args...) }

// Errorf implements sandbox.TB.
func (t *tb) Errorf(format string, args ...any) { t.failure += fmt.Sprintf(format, args...) }

func why(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	reader, err := s.AddKey(sandbox.Key{Scopes: []string{"instances:read"}})
	must(t, err)
	s.Get("/v1/instances?limit=0").Wants(400)
	s.As(reader.Token).Post("/v1/instances", newInstance).Wants(403)
	s.Post("/v1/instances", newInstance, "Content-Type", "text/plain").Wants(415)
	s.Get("/v1/instances", "SkyStack-Version", "1999-01-01").Wants(400)
	s.Get("/v1/instances", "Accept", "text/html").Wants(406)
	must(t, s.SetRateLimit(sandbox.RateLimit{PerMinute: 1}))
	s.Get("/v1/instances").Wants(200)
	s.Get("/v1/instances").Wants(429)
	want := []string{"contract", "scope", "read", "version", "accept", "handle", "rate limit"}
	for i, r := range s.Requests(sandbox.Match{}) {
		if i >= len(want) || r.Stage != want[i] || (r.Reason == "") != (r.Stage == "handle") {
			t.Errorf("request %d was answered by %q: %q", i, r.Stage, r.Reason)
		}
	}
}

func idempotency(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	first := s.Post("/v1/instances", newInstance, "Idempotency-Key", "k1").Wants(201)
	again := s.Post("/v1/instances", newInstance, "Idempotency-Key", "k1").Wants(201).Header("Idempotent-Replayed", "true")
	if string(first.Body) != string(again.Body) {
		t.Errorf("replayed\n%s\nfirst\n%s", again.Body, first.Body)
	}
	s.Post("/v1/instances", `{"name":"other","region":"eu-central","size":"standard-2"}`, "Idempotency-Key", "k1").Refused(422, "idempotency_key_reused")
	if n := len(s.Instances()); n != 1 {
		t.Errorf("%d instances", n)
	}
	must(t, s.Advance(24*time.Hour))
	s.Post("/v1/instances", newInstance, "Idempotency-Key", "k1").Wants(201).Header("Idempotent-Replayed", "")
}

func errorBodies(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	s.Post("/v1/instances", `{"name":"","region":"moon","size":3}`).Refused(400, "invalid_parameter").Has("error.details.0.location", "body")
	s.As("").Get("/v1/instances").Refused(401, "authentication_required").Header("WWW-Authenticate", `Bearer realm="skystack"`)
	s.As("sky_live_abcdefgh").Get("/v1/instances").Refused(401, "live_key_in_sandbox")
	s.Send("PUT", "/v1/instances", "").Refused(405, "method_not_allowed").Header("Allow", "GET, HEAD, OPTIONS, POST")
	s.Get("/v1/instances", "Host", "evil.test").Refused(403, "host_not_allowed")
}

func lists(t *testing.T, open func(sandbox.Setup) *wire.Server) {
	s := open(frozen())
	for n := range 5 {
		_, err := s.CreateInstance(sandbox.Instance{ID: fmt.Sprintf("ins_%d", n), Name: fmt.Sprintf("web-%d", n)})
		must(t, err)
	}
	var seen []string
	for cursor := ""; ; {
		page := s.Get("/v1/instances?limit=2" + cursor).Wants(200)
		seen = append(seen, page.Strings("data", "id")...)
		next, _ := page.Find("next_cursor")
		text, more := next.(string)
		if !more {
			break
		}
		cursor = "&cursor=" + text
	}
	if got := strings.Join(seen, " "); got != "ins_0 ins_1 ins_2 ins_3 ins_4" {
		t.Errorf("walked %s", got)
	}
}
