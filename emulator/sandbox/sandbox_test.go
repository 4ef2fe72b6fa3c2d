package sandbox

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// The JSON of a rate limit tells no limit, one that is left as it is, and a
// number apart.
func TestRateLimitJSON(t *testing.T) {
	for _, tc := range []struct {
		r    RateLimit
		text string
	}{
		{RateLimit{}, `{"algorithm":"sliding"}`},
		{RateLimit{PerMinute: 5, PerDay: Unlimited}, `{"per_minute":5,"per_day":null,"algorithm":"sliding"}`},
		{RateLimit{PerDay: 7, Shared: true, Fixed: true}, `{"per_day":7,"scope":"workspace","algorithm":"fixed"}`},
		{RateLimit{Separate: true}, `{"scope":"key","algorithm":"sliding"}`},
	} {
		text, err := json.Marshal(tc.r)
		if err != nil || string(text) != tc.text {
			t.Errorf("%+v: %s, %v; want %s", tc.r, text, err, tc.text)
		}
		var back RateLimit
		if err := json.Unmarshal([]byte(tc.text), &back); err != nil || back != tc.r {
			t.Errorf("%s: %+v, %v", tc.text, back, err)
		}
	}
	for _, text := range []string{`{"per_minute":0}`, `{"per_day":-3}`, `{"per_day":1.5}`, `{"per_minute":"5"}`, `[]`} {
		var r RateLimit
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			t.Errorf("%s is read as %+v", text, r)
		}
	}
}

func TestSetupJSON(t *testing.T) {
	for _, s := range []Setup{
		{},
		{
			Workspace: "wsp_a", Fixture: "mine.yaml", FixtureData: []byte("format: skystack-sandbox/1\n"), Seed: 7,
			Clock: Clock{Mode: FrozenClock, Now: time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)}, Speed: "realistic",
			Durations: map[string]time.Duration{"create": 90 * time.Second}, Progression: "reads:3",
			RateLimit: &RateLimit{PerMinute: 3, PerDay: Unlimited}, Quota: Unlimited, ResetEvery: 24 * time.Hour,
		},
	} {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Setup
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
	}
	for _, text := range []string{`{"durations":{"create":"soon"}}`, `{"reset_every":"daily"}`, `{"quota":"many"}`, `{"clock":3}`} {
		var s Setup
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is read as %+v", text, s)
		}
	}
}

func TestDiff(t *testing.T) {
	const before = `clock frozen 2026-03-19T10:22:44Z
agenda 2026-03-19T10:22:47Z action.finish act_1
instances ins_1
  name "a"
  status "provisioning"
instances ins_2
  name "b"
`
	const after = `clock frozen 2026-03-19T10:22:47Z
instances ins_1
  name "a"
  ip "10.0.0.1"
  status "running"
instances ins_2
  name "b"
instances ins_3
  name "c"
`
	const want = `- clock frozen 2026-03-19T10:22:44Z
- agenda 2026-03-19T10:22:47Z action.finish act_1
  instances ins_1
-   status "provisioning"
+   ip "10.0.0.1"
+   status "running"
+ clock frozen 2026-03-19T10:22:47Z
+ instances ins_3
+   name "c"
`
	if got := diff(before, after); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := diff(before, before); got != "" {
		t.Errorf("equal states differ:\n%s", got)
	}
}

func TestMatch(t *testing.T) {
	r := Request{Seq: 5, Operation: "listInstances", Method: "GET", Target: "/v1/instances?limit=2", Key: "tok_1", Status: 404}
	for _, m := range []Match{
		{}, {Operation: "listInstances"}, {Status: 404}, {Status: 4}, {Key: "tok_1"}, {Method: "get"}, {Path: "/v1/instances"}, {Since: 4},
	} {
		if !m.Chooses(&r) {
			t.Errorf("%+v does not choose it", m)
		}
	}
	for _, m := range []Match{
		{Operation: "getInstance"}, {Unmatched: true}, {Status: 400}, {Status: 5}, {Key: "tok_2"}, {Method: "HEAD"}, {Path: "/v1"}, {Since: 5},
	} {
		if m.Chooses(&r) {
			t.Errorf("%+v chooses it", m)
		}
	}
	if got, want := r.String(), "5 GET /v1/instances?limit=2 -> 404 listInstances"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
