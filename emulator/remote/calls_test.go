package remote

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// Every method is one request, exactly this one, and its response comes back.
func TestCalls(t *testing.T) {
	const (
		web     = `{"id":"ins_1","name":"web","status":"stopped","labels":{"a":"b"},"version":2,"created_at":"2026-03-19T12:00:00Z"}`
		billing = `{"id":"prj_1","name":"billing"}`
		request = `{"seq":4,"id":"req_4","at":"2026-03-19T12:00:00Z","operation":"createInstance","method":"POST","target":"/v1/instances","key":"tok_a","status":201,"stage":"handle","header":null}`
	)
	var (
		instance = sandbox.Instance{ID: "ins_1", Name: "web", Status: "stopped", Labels: map[string]string{"a": "b"}, Version: 2, CreatedAt: noon}
		project  = sandbox.Project{ID: "prj_1", Name: "billing"}
		recorded = sandbox.Request{Seq: 4, ID: "req_4", At: noon, Operation: "createInstance", Method: "POST", Target: "/v1/instances", Key: "tok_a", Status: 201, Stage: "handle"}
	)
	type result = any
	for _, tc := range []struct {
		name   string
		do     func(w *Workspace) (any, error)
		script exchange
		want   result
	}{
		{
			"Setup", func(w *Workspace) (any, error) { return w.Setup(), nil },
			exchange{want: "GET /_sandbox/workspace", status: 200, answer: described},
			sandbox.Setup{Workspace: "wsp_a", Fixture: "docs", Seed: 7, Durations: map[string]time.Duration{"create": 5 * time.Second}, Quota: sandbox.Unlimited},
		},
		{
			"Dropped", func(w *Workspace) (any, error) { return w.Dropped(), nil },
			exchange{want: "GET /_sandbox/workspace", status: 200, answer: described}, uint64(3),
		},
		{
			"Now", func(w *Workspace) (any, error) { return w.Now(), nil },
			exchange{want: "GET /_sandbox/clock", status: 200, answer: `{"mode":"real","now":"2026-03-19T12:00:00Z"}`}, noon,
		},
		{
			"Clock", func(w *Workspace) (any, error) { return w.Clock(), nil },
			exchange{want: "GET /_sandbox/clock", status: 200, answer: `{"mode":"scaled","now":"2026-03-19T12:00:00Z","scale":60}`},
			sandbox.Clock{Mode: sandbox.ScaledClock, Now: noon, Scale: 60},
		},
		{
			"SetClock", func(w *Workspace) (any, error) { return nil, w.SetClock(sandbox.Clock{Mode: sandbox.FrozenClock}) },
			exchange{want: `PUT /_sandbox/clock {"mode":"frozen"}`, status: 200, answer: `{"mode":"frozen","now":"2026-03-19T12:00:00Z"}`}, nil,
		},
		{
			"Advance", func(w *Workspace) (any, error) { return nil, w.Advance(90 * time.Second) },
			exchange{want: `POST /_sandbox/clock/advance {"by":"1m30s"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":true}`}, nil,
		},
		{
			"Advance by nothing", func(w *Workspace) (any, error) { return nil, w.Advance(0) },
			exchange{want: `POST /_sandbox/clock/advance {"by":"0s"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":true}`}, nil,
		},
		{
			"AdvanceTo", func(w *Workspace) (any, error) { return nil, w.AdvanceTo(noon.Add(time.Nanosecond)) },
			exchange{want: `POST /_sandbox/clock/advance {"to":"2026-03-19T12:00:00.000000001Z"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":true}`}, nil,
		},
		{
			"AdvanceTo the zero time", func(w *Workspace) (any, error) { return nil, w.AdvanceTo(time.Time{}) },
			exchange{want: `POST /_sandbox/clock/advance {"to":"0001-01-01T00:00:00Z"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":true}`}, nil,
		},
		{
			"AdvanceToNext", func(w *Workspace) (any, error) { return w.AdvanceToNext(), nil },
			exchange{want: `POST /_sandbox/clock/advance {"until":"next"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":true}`}, true,
		},
		{
			"AdvanceToNext without one", func(w *Workspace) (any, error) { return w.AdvanceToNext(), nil },
			exchange{want: `POST /_sandbox/clock/advance {"until":"next"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":false}`}, false,
		},
		{
			"AdvanceUntilIdle", func(w *Workspace) (any, error) { return nil, w.AdvanceUntilIdle() },
			exchange{want: `POST /_sandbox/clock/advance {"until":"idle"}`, status: 200, answer: `{"now":"2026-03-19T12:00:00Z","advanced":false}`}, nil,
		},
		{
			"Agenda", func(w *Workspace) (any, error) { return w.Agenda(), nil },
			exchange{want: "GET /_sandbox/agenda?limit=1000", status: 200, answer: `{"data":[{"at":"2026-03-19T12:00:00Z","seq":3,"step":"action.finish","subject":"act_1"}]}`},
			[]sandbox.Event{{At: noon, Seq: 3, Step: "action.finish", Subject: "act_1"}},
		},
		{
			"Import", func(w *Workspace) (any, error) { return nil, w.Import(strings.NewReader(`{"format":1}`)) },
			exchange{want: `PUT /_sandbox/state {"format":1}`, status: 204}, nil,
		},
		{
			"Load", func(w *Workspace) (any, error) { return nil, w.Load("busy=10") },
			exchange{want: `POST /_sandbox/seed {"fixture":"busy=10"}`, status: 204}, nil,
		},
		{
			"Load a file", func(w *Workspace) (any, error) { return nil, w.Load("testdata/world.YAML") },
			exchange{want: `POST /_sandbox/seed {"name":"testdata/world.YAML","data":"format: skystack-sandbox/1\n"}`, status: 204}, nil,
		},
		{
			"LoadData", func(w *Workspace) (any, error) { return nil, w.LoadData("w.yaml", []byte("a: ü\n")) },
			exchange{want: `POST /_sandbox/seed {"name":"w.yaml","data":"a: ü\n"}`, status: 204}, nil,
		},
		{
			"LoadData of nothing", func(w *Workspace) (any, error) { return nil, w.LoadData("w.yaml", nil) },
			exchange{want: `POST /_sandbox/seed {"name":"w.yaml","data":""}`, status: 204}, nil,
		},
		{
			"Reset", func(w *Workspace) (any, error) { w.Reset(); return nil, nil },
			exchange{want: "POST /_sandbox/reset", status: 204}, nil,
		},
		{
			"Dump", func(w *Workspace) (any, error) { return w.Dump(), nil },
			exchange{want: "GET /_sandbox/dump", status: 200, kind: "text/plain; charset=utf-8", answer: "instance ins_1\n  name web\n"}, "instance ins_1\n  name web\n",
		},
		{
			"Instances", func(w *Workspace) (any, error) { return w.Instances(), nil },
			exchange{want: "GET /_sandbox/instances?limit=1000", status: 200, answer: `{"data":[` + web + `]}`}, []sandbox.Instance{instance},
		},
		{
			"Instance", func(w *Workspace) (any, error) { return two(w.Instance("ins_1")), nil },
			exchange{want: "GET /_sandbox/instances/ins_1", status: 200, answer: web}, []any{instance, true},
		},
		{
			"Instance that is none", func(w *Workspace) (any, error) { return two(w.Instance("a/b?c=ü")), nil },
			exchange{want: "GET /_sandbox/instances/a%2Fb%3Fc=%C3%BC", status: 404, answer: refused("instance_not_found", "No.")}, []any{sandbox.Instance{}, false},
		},
		{
			"CreateInstance", func(w *Workspace) (any, error) {
				return w.CreateInstance(sandbox.Instance{Name: "web", Status: "error", Reason: &sandbox.Reason{Code: "host_failure"}})
			},
			exchange{want: `POST /_sandbox/instances {"name":"web","status":"error","status_reason":{"code":"host_failure","message":""}}`, status: 201, answer: web}, instance,
		},
		{
			"Projects", func(w *Workspace) (any, error) { return w.Projects(), nil },
			exchange{want: "GET /_sandbox/projects?limit=1000", status: 200, answer: `{"data":[` + billing + `]}`}, []sandbox.Project{project},
		},
		{
			"Project", func(w *Workspace) (any, error) { return two(w.Project("prj_1")), nil },
			exchange{want: "GET /_sandbox/projects/prj_1", status: 200, answer: billing}, []any{project, true},
		},
		{
			"Project that is none", func(w *Workspace) (any, error) { return two(w.Project("prj_1")), nil },
			exchange{want: "GET /_sandbox/projects/prj_1", status: 404, answer: refused("project_not_found", "No.")}, []any{sandbox.Project{}, false},
		},
		{
			"CreateProject", func(w *Workspace) (any, error) { return w.CreateProject(sandbox.Project{Name: "billing"}) },
			exchange{want: `POST /_sandbox/projects {"name":"billing"}`, status: 201, answer: billing}, project,
		},
		{
			"Finish", func(w *Workspace) (any, error) { return nil, w.Finish("ins_1") },
			exchange{want: "POST /_sandbox/instances/ins_1/advance", status: 200, answer: web}, nil,
		},
		{
			"Fail", func(w *Workspace) (any, error) { return nil, w.Fail("ins_1", "") },
			exchange{want: `POST /_sandbox/instances/ins_1/fail {"code":""}`, status: 200, answer: web}, nil,
		},
		{
			"SetLoad", func(w *Workspace) (any, error) { return nil, w.SetLoad("ins_1", sandbox.Busy(92.5)) },
			exchange{want: `PUT /_sandbox/instances/ins_1/load {"cpu":92.5}`, status: 204}, nil,
		},
		{
			"SetRateLimit", func(w *Workspace) (any, error) {
				return nil, w.SetRateLimit(sandbox.RateLimit{PerMinute: 5, PerDay: sandbox.Unlimited, Shared: true})
			},
			exchange{want: `PUT /_sandbox/rate-limit {"per_minute":5,"per_day":null,"scope":"workspace","algorithm":"sliding"}`, status: 204}, nil,
		},
		{
			"Exhaust", func(w *Workspace) (any, error) { return nil, w.Exhaust("") },
			exchange{want: `POST /_sandbox/rate-limits/exhaust {"key":""}`, status: 204}, nil,
		},
		{
			"Exhaust its own key", func(w *Workspace) (any, error) { return nil, w.Exhaust(w.Key()) },
			exchange{want: `POST /_sandbox/rate-limits/exhaust {"key":""}`, status: 204}, nil,
		},
		{
			"Exhaust an id", func(w *Workspace) (any, error) { return nil, w.Exhaust("tok_b") },
			exchange{want: `POST /_sandbox/rate-limits/exhaust {"key":"tok_b"}`, status: 204}, nil,
		},
		{
			"Refill", func(w *Workspace) (any, error) { return nil, w.Refill() },
			exchange{want: "POST /_sandbox/rate-limits/reset", status: 204}, nil,
		},
		{
			"Limits", func(w *Workspace) (any, error) { return w.Limits(), nil },
			exchange{want: "GET /_sandbox/rate-limits", status: 200, answer: `{"data":[{"key":"tok_a","window":"day","limit":9,"remaining":8,"reset_at":"2026-03-19T12:00:00Z"}]}`},
			[]sandbox.Limit{{Key: "tok_a", Window: "day", Limit: 9, Remaining: 8, ResetAt: noon}},
		},
		{
			"Keys", func(w *Workspace) (any, error) { return w.Keys(), nil },
			exchange{want: "GET /_sandbox/keys", status: 200, answer: `{"data":[{"id":"tok_a","token":"sky_test_…QpT0"}]}`}, []sandbox.Key{{ID: "tok_a", Token: "sky_test_…QpT0"}},
		},
		{
			"AddKey", func(w *Workspace) (any, error) { return w.AddKey(sandbox.Key{Name: "reader"}) },
			exchange{want: `POST /_sandbox/workspaces/wsp_a/keys {"name":"reader"}`, admin: true, status: 201, answer: `{"id":"tok_b","token":"t"}`}, sandbox.Key{ID: "tok_b", Token: "t"},
		},
		{
			"Requests", func(w *Workspace) (any, error) { return w.Requests(sandbox.Match{}), nil },
			exchange{want: "GET /_sandbox/requests", status: 200, answer: `{"data":[` + request + `],"dropped":0,"complete":true}`}, []sandbox.Request{recorded},
		},
		{
			"Requests, newest first", func(w *Workspace) (any, error) {
				return w.Requests(sandbox.Match{Before: 7, Limit: 5, NewestFirst: true}), nil
			},
			exchange{want: "GET /_sandbox/requests?before=7&limit=5&order=desc", status: 200, answer: `{"data":[` + request + `],"next_cursor":"desc-3"}`}, []sandbox.Request{recorded},
		},
		{
			"DroppedOf", func(w *Workspace) (any, error) { return w.DroppedOf(sandbox.Match{Status: 4}), nil },
			exchange{want: "GET /_sandbox/requests?limit=1&status=4", status: 200, answer: `{"data":[],"dropped":5,"missing":3}`}, uint64(3),
		},
		{
			"Requests that match", func(w *Workspace) (any, error) {
				return w.Requests(sandbox.Match{Operation: "createInstance", Status: 4, Key: testKey, Method: "post", Path: "/v1/a b", Since: 18446744073709551615}), nil
			},
			exchange{
				want:   "GET /_sandbox/requests?key=tok_a&method=post&operation=createInstance&path=%2Fv1%2Fa+b&since=18446744073709551615&status=4",
				status: 200, answer: `{"data":[],"dropped":0,"complete":true}`,
			}, []sandbox.Request{},
		},
		{
			"Unmatched", func(w *Workspace) (any, error) { return w.Unmatched(), nil },
			exchange{want: "GET /_sandbox/requests?unmatched=true", status: 200, answer: `{"data":[` + request + `]}`}, []sandbox.Request{recorded},
		},
		{
			"Findings", func(w *Workspace) (any, error) { return w.Findings(), nil },
			exchange{want: "GET /_sandbox/findings", status: 200, answer: `{"data":[{"at":"2026-03-19T12:00:00Z","level":"info","code":"c","message":"m"}]}`},
			[]sandbox.Finding{{At: noon, Level: sandbox.LevelInfo, Code: "c", Message: "m"}},
		},
		{
			"Events", func(w *Workspace) (any, error) {
				return w.Events(sandbox.EventMatch{Type: "instance.*", Object: "ins_1", Since: 2}), nil
			},
			exchange{want: "GET /_sandbox/events?limit=1000&object_id=ins_1&since=2&type=instance.%2A", status: 200, answer: `{"data":[{"id":"evt_1","type":"instance.running","sequence":3,"at":"2026-03-19T12:00:00Z","object":{"id":"ins_1"}}]}`},
			[]sandbox.APIEvent{{ID: "evt_1", Type: "instance.running", Sequence: 3, At: noon, Object: []byte(`{"id":"ins_1"}`)}},
		},
		{
			"WaitForEvent", func(w *Workspace) (any, error) { return w.WaitForEvent(context.Background(), sandbox.EventMatch{}) },
			exchange{want: "GET /_sandbox/events?limit=1&wait=10s", status: 200, answer: `{"data":[{"id":"evt_1","type":"instance.running","sequence":3,"at":"2026-03-19T12:00:00Z","object":{"id":"ins_1"}}]}`},
			sandbox.APIEvent{ID: "evt_1", Type: "instance.running", Sequence: 3, At: noon, Object: []byte(`{"id":"ins_1"}`)},
		},
		{
			"Deliveries", func(w *Workspace) (any, error) {
				return w.Deliveries(sandbox.DeliveryMatch{Webhook: "whk_1", Status: "waiting", EventType: "instance.*"}), nil
			},
			exchange{want: "GET /_sandbox/deliveries?event_type=instance.%2A&limit=1000&status=waiting&webhook=whk_1", status: 200, answer: `{"data":[{"id":"dlv_1","webhook_id":"whk_1",` +
				`"event_id":"evt_1","event_type":"instance.running","status":"waiting","attempts":[{"id":"dlv_1_1","at":"2026-03-19T12:00:00Z","latency_ms":3,"error":"e","message":"m"}],"created_at":"2026-03-19T12:00:00Z"}]}`},
			[]sandbox.Delivery{{
				ID: "dlv_1", Webhook: "whk_1", Event: "evt_1", EventType: "instance.running", Status: "waiting", CreatedAt: noon,
				Attempts: []sandbox.DeliveryAttempt{{ID: "dlv_1_1", At: noon, LatencyMS: 3, Error: "e", Message: "m"}},
			}},
		},
		{
			"FlushWebhooks", func(w *Workspace) (any, error) { return nil, w.FlushWebhooks(context.Background()) },
			exchange{want: "POST /_sandbox/webhooks/flush?wait=10s", status: 200, answer: `{"flushed":true}`}, nil,
		},
		{
			"Trigger", func(w *Workspace) (any, error) {
				return w.Trigger(sandbox.Trigger{Type: "instance.failed", Object: "ins_1"})
			},
			exchange{want: `POST /_sandbox/trigger {"type":"instance.failed","object_id":"ins_1"}`, status: 200, answer: `{"event_id":"evt_1","webhooks":[{"id":"whk_1","url":"u"}]}`},
			sandbox.Triggered{Event: "evt_1", Webhooks: []sandbox.TriggeredWebhook{{ID: "whk_1", URL: "u"}}},
		},
		{
			"WaitForRequest", func(w *Workspace) (any, error) {
				return w.WaitForRequest(context.Background(), sandbox.Match{Since: 3})
			},
			exchange{want: "GET /_sandbox/requests?limit=1&since=3&wait=10s", status: 200, answer: `{"data":[` + request + `]}`}, recorded,
		},
		{
			"WaitForStatus", func(w *Workspace) (any, error) {
				return w.WaitForStatus(context.Background(), "ins_1", "stopped")
			},
			exchange{want: "GET /_sandbox/instances/ins_1?status=stopped", status: 200, answer: web}, instance,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, w := connected(t, tc.script)
			got, err := tc.do(w)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func two(v any, ok bool) []any { return []any{v, ok} }

// What the workspace knows needs no request.
func TestWhatNeedsNoRequest(t *testing.T) {
	f, w := connected(t)
	if w.ID() != "wsp_a" || w.Key() != testKey || w.URL() != f.URL {
		t.Errorf("%q, %q, %q", w.ID(), w.Key(), w.URL())
	}
	if _, ok := w.Instance(""); ok {
		t.Error("an instance without an id")
	}
	if _, ok := w.Project(""); ok {
		t.Error("a project without an id")
	}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"Finish":            {w.Finish(""), "the id of the instance is empty"},
		"Fail":              {w.Fail("", "x"), "the id of the instance is empty"},
		"SetLoad":           {w.SetLoad("", sandbox.Load{}), "the id of the instance is empty"},
		"WaitForStatus":     {second(w.WaitForStatus(t.Context(), "", "running")), "the id of the instance is empty"},
		"Load":              {w.Load("testdata/none.yml"), "the fixture cannot be read: open testdata/none.yml: no such file or directory"},
		"LoadData":          {w.LoadData("w.yaml", []byte("ab\xffc")), "fixture w.yaml: byte 2 is not UTF-8 text"},
		"Import":            {w.Import(nil), "there is nothing to import: the reader is nil"},
		"Restore":           {w.Restore(nil), "there is no snapshot to restore"},
		"Restore typed nil": {w.Restore((*Snapshot)(nil)), "there is no snapshot to restore"},
		"AdvanceTo":         {w.AdvanceTo(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), "POST /_sandbox/clock/advance: json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: year outside of range [0,9999]"},
		"CreateInstance": {
			second(w.CreateInstance(sandbox.Instance{Metadata: map[string]any{"c": make(chan int)}})),
			"POST /_sandbox/instances: json: unsupported type: chan int",
		},
	} {
		if tc.err == nil || tc.err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", name, tc.err, tc.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A waiting method asks again as long as there is no response.
func TestWaitingAsksAgain(t *testing.T) {
	const (
		ask   = "GET /_sandbox/requests?limit=1&wait=10s"
		first = "GET /_sandbox/instances/ins_1?status=running"
		look  = first + "&wait=10s"
	)
	_, w := connected(t,
		exchange{want: ask, status: 200, answer: `{"data":[]}`}, exchange{want: ask, status: 200, answer: `{"data":[{"seq":1}]}`},
		exchange{want: first, status: 200, answer: `{"id":"ins_1","name":"a","status":"provisioning"}`},
		exchange{want: look, status: 200, answer: `{"id":"ins_1","name":"a","status":"provisioning"}`},
		exchange{want: look, status: 200, answer: `{"id":"ins_1","name":"a","status":"running"}`},
		exchange{want: first, status: 404, answer: refused("instance_not_found", "No instance ins_1.")},
		exchange{want: look, status: 404, answer: refused("instance_not_found", "No instance ins_1.")},
		exchange{want: look, status: 200, answer: `{"id":"ins_1","name":"a","status":"running"}`},
		exchange{want: first, status: 200, answer: `{"id":"ins_1","name":"a","status":"stopped"}`},
		exchange{want: look, status: 403, answer: refused("insufficient_scope", "The key lacks the scope *.")},
		exchange{want: "POST /_sandbox/webhooks/flush?wait=10s", status: 200, answer: `{"flushed":false}`},
		exchange{want: "POST /_sandbox/webhooks/flush?wait=10s", status: 200, answer: `{"flushed":true}`},
	)
	if r, err := w.WaitForRequest(t.Context(), sandbox.Match{}); err != nil || r.Seq != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if i, err := w.WaitForStatus(t.Context(), "ins_1", "running"); err != nil || i.Status != "running" {
		t.Errorf("%+v, %v", i, err)
	}
	// It may be created yet.
	if i, err := w.WaitForStatus(t.Context(), "ins_1", "running"); err != nil || i.Status != "running" {
		t.Errorf("%+v, %v", i, err)
	}
	_, err := w.WaitForStatus(t.Context(), "ins_1", "running")
	if want := "waiting for instance ins_1 to be running: it is stopped: The key lacks the scope * (403 insufficient_scope, request ctl_9)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := w.FlushWebhooks(t.Context()); err != nil {
		t.Error(err)
	}
}
