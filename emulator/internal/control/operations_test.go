package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

const (
	moment   = `"2026-03-19T10:22:44Z"`
	clock    = `{"mode":"frozen","now":` + moment + `}`
	instance = `{"id":"ins_1","name":"worker-a","status":"provisioning","version":1,"created_at":` + moment + `,"updated_at":` + moment + `}`
	setupB   = `{"workspace":"wsp_b","fixture":"default","seed":1}`
	recorded = `{"seq":7,"id":"req_1","at":` + moment + `,"operation":"createInstance","method":"POST","target":"/v1/instances","key":"tok_1","status":201,"stage":"handle","header":{"Accept":["*/*"]}}`
)

// testRequest is one request for an operation, and all that it must come to.
type testRequest struct {
	operation string
	request   string // method and target
	token     string // keyA if empty
	body      string
	status    int
	answer    string
	calls     []string
	// fails says that the last call can fail.
	fails bool
}

// exchanges has every operation of the contract.
var exchanges = slices.Concat(stackExchanges(), []testRequest{
	{operation: "getWorkspace", request: "GET /_sandbox/workspace", status: 200, calls: []string{"a.Keys"},
		answer: `{"id":"wsp_a","now":` + moment + `,"clock":` + clock + `,"setup":{"workspace":"wsp_a","fixture":"default","seed":1},"dropped":0,"key":{"token":"sky_test_…a","id":"tok_wsp_a"}}`},
	{operation: "getClock", request: "GET /_sandbox/clock", status: 200, answer: clock},
	{operation: "setClock", request: "PUT /_sandbox/clock", body: `{"mode":"scaled","scale":60,"now":"2026-03-20T00:00:00Z"}`, status: 200, answer: clock,
		calls: []string{`a.SetClock {"mode":"scaled","now":"2026-03-20T00:00:00Z","scale":60}`}, fails: true},
	{operation: "setClock", request: "PUT /_sandbox/clock", body: `{"mode":""}`, status: 200, answer: clock, calls: []string{`a.SetClock {}`}, fails: true},
	{operation: "advanceClock", request: "POST /_sandbox/clock/advance", body: `{"by":"1m30s"}`, status: 200, answer: `{"now":` + moment + `,"advanced":true}`,
		calls: []string{"a.Advance 1m30s"}, fails: true},
	{operation: "advanceClock", request: "POST /_sandbox/clock/advance", body: `{"to":"2026-03-19T12:22:44.5+02:00"}`, status: 200, answer: `{"now":` + moment + `,"advanced":true}`,
		calls: []string{"a.AdvanceTo 2026-03-19T12:22:44.5+02:00"}, fails: true},
	{operation: "advanceClock", request: "POST /_sandbox/clock/advance", body: `{"until":"next"}`, status: 200, answer: `{"now":` + moment + `,"advanced":true}`,
		calls: []string{"a.AdvanceToNext"}, fails: true},
	{operation: "advanceClock", request: "POST /_sandbox/clock/advance", body: `{"until":"idle"}`, status: 200, answer: `{"now":` + moment + `,"advanced":true}`,
		calls: []string{"a.AdvanceUntilIdle"}, fails: true},
	{operation: "getAgenda", request: "GET /_sandbox/agenda", status: 200, answer: `{"data":[{"at":` + moment + `,"seq":3,"step":"action.finish","subject":"act_1"}],"next_cursor":null}`,
		calls: []string{"a.Agenda"}},
	{operation: "resetWorkspace", request: "POST /_sandbox/reset", status: 204, calls: []string{"a.Reset"}},
	{operation: "resetWorkspace", request: "POST /_sandbox/reset", body: `{}`, status: 204, calls: []string{"a.Reset"}},
	{operation: "resetWorkspace", request: "POST /_sandbox/reset", body: `{"ids":"continue"}`, status: 204, calls: []string{"a.Reset"}},
	{operation: "resetWorkspace", request: "POST /_sandbox/reset", body: `{"ids":"restart"}`, status: 204, calls: []string{"a.Reset RestartIDs"}},
	{operation: "seedWorkspace", request: "POST /_sandbox/seed", body: `{"fixture":"busy=20"}`, status: 204, calls: []string{"a.Load busy=20"}, fails: true},
	{operation: "seedWorkspace", request: "POST /_sandbox/seed", body: `{"name":"x.yaml","data":"format: 1\n"}`, status: 204, calls: []string{"a.LoadData x.yaml format: 1\n"}, fails: true},
	{operation: "seedWorkspace", request: "POST /_sandbox/seed", body: `{"data":"x"}`, status: 204, calls: []string{"a.LoadData data x"}, fails: true},
	{operation: "getState", request: "GET /_sandbox/state", status: 200, answer: `{"format":"test","version":1,"text":"world wsp_a"}`, calls: []string{"a.Snapshot"}},
	{operation: "putState", request: "PUT /_sandbox/state", body: `{"any": "bytes`, status: 204, calls: []string{`a.Import {"any": "bytes`}, fails: true},
	{operation: "getDump", request: "GET /_sandbox/dump", status: 200, answer: "world wsp_a\n", calls: []string{"a.Snapshot"}},
	{operation: "listSnapshots", request: "GET /_sandbox/snapshots", status: 200, answer: `{"data":[{"id":"snp_1","at":` + moment + `}]}`},
	{operation: "createSnapshot", request: "POST /_sandbox/snapshots", status: 201, answer: `{"id":"snp_2","at":` + moment + `}`, calls: []string{"a.Snapshot"}},
	{operation: "getState", request: "GET /_sandbox/state?secrets=true", status: 200, answer: `{"format":"test","version":1,"text":"world wsp_a and its secrets"}`, calls: []string{"a.Snapshot"}},
	{operation: "getSnapshot", request: "GET /_sandbox/snapshots/snp_1?secrets=true", status: 200, answer: `{"format":"test","version":1,"text":"world wsp_a and its secrets"}`},
	{operation: "getSnapshot", request: "GET /_sandbox/snapshots/snp_1", status: 200, answer: `{"format":"test","version":1,"text":"world wsp_a"}`},
	{operation: "deleteSnapshot", request: "DELETE /_sandbox/snapshots/snp_1", status: 204},
	{operation: "restoreSnapshot", request: "POST /_sandbox/snapshots/snp_1/restore", status: 204, calls: []string{"a.Restore world wsp_a\n"}, fails: true},
	{operation: "getSnapshotDump", request: "GET /_sandbox/snapshots/snp_1/dump", status: 200, answer: "world wsp_a\n"},
	{operation: "getSnapshotDiff", request: "GET /_sandbox/snapshots/snp_1/diff", status: 200, calls: []string{"a.Snapshot"}},
	{operation: "getSnapshotDiff", request: "GET /_sandbox/snapshots/snp_1/diff?to=snp_1", status: 200},
	{operation: "listInstances", request: "GET /_sandbox/instances", status: 200, answer: `{"data":[` + instance + `],"next_cursor":null}`, calls: []string{"a.Instances"}},
	{operation: "createInstance", request: "POST /_sandbox/instances", body: `{"name":"worker-b","status":"error","status_reason":{"code":"host_failure"},"labels":{"a":"b"},"metadata":{"n":[1]}}`,
		status: 201, answer: `{"id":"ins_2","name":"worker-b","status":"running","status_reason":{"code":"host_failure","message":""},"labels":{"a":"b"},"metadata":{"n":[1]}}`,
		calls: []string{`a.CreateInstance {"name":"worker-b","status":"error","status_reason":{"code":"host_failure","message":""},"labels":{"a":"b"},"metadata":{"n":[1]}}`}, fails: true},
	{operation: "getInstance", request: "GET /_sandbox/instances/ins_1", status: 200, answer: instance},
	{operation: "getInstance", request: "GET /_sandbox/instances/ins_1?status=provisioning&wait=30s", status: 200, answer: instance},
	{operation: "advanceInstance", request: "POST /_sandbox/instances/ins_1/advance", status: 200, answer: instance, calls: []string{"a.Finish ins_1"}, fails: true},
	{operation: "failInstance", request: "POST /_sandbox/instances/ins_1/fail", body: `{"code":"host_failure"}`, status: 200, answer: instance,
		calls: []string{`a.Fail ins_1 "host_failure"`}, fails: true},
	{operation: "failInstance", request: "POST /_sandbox/instances/ins_1/fail", status: 200, answer: instance, calls: []string{`a.Fail ins_1 ""`}, fails: true},
	{operation: "setInstanceLoad", request: "PUT /_sandbox/instances/ins_1/load", body: `{"cpu":92.5,"memory":null}`, status: 204,
		calls: []string{`a.SetLoad ins_1 {"cpu":92.5}`}, fails: true},
	{operation: "listProjects", request: "GET /_sandbox/projects", status: 200, answer: `{"data":[{"id":"prj_1","name":"billing","version":1}],"next_cursor":null}`, calls: []string{"a.Projects"}},
	{operation: "createProject", request: "POST /_sandbox/projects", body: `{"name":"ops"}`, status: 201, answer: `{"id":"prj_2","name":"ops"}`,
		calls: []string{`a.CreateProject {"name":"ops"}`}, fails: true},
	{operation: "getProject", request: "GET /_sandbox/projects/prj_1", status: 200, answer: `{"id":"prj_1","name":"billing","version":1}`},
	{operation: "listRateLimits", request: "GET /_sandbox/rate-limits", status: 200, calls: []string{"a.Limits"},
		answer: `{"data":[{"key":"tok_1","window":"minute","limit":120,"remaining":119,"reset_at":` + moment + `}]}`},
	{operation: "setRateLimit", request: "PUT /_sandbox/rate-limit", body: `{"per_minute":5,"per_day":null,"scope":"workspace","algorithm":"fixed"}`, status: 204,
		calls: []string{`a.SetRateLimit {"per_minute":5,"per_day":null,"scope":"workspace","algorithm":"fixed"}`}, fails: true},
	{operation: "setWorkspaceRateLimit", request: "PUT /_sandbox/workspaces/wsp_a/rate-limit", body: `{"per_minute":5}`, status: 204,
		calls: []string{`a.SetRateLimit {"per_minute":5,"algorithm":"sliding"}`}, fails: true},
	{operation: "setWorkspaceRateLimit", request: "PUT /_sandbox/workspaces/wsp_b/rate-limit", token: admin, body: `{"per_minute":5}`, status: 204,
		calls: []string{`b.SetRateLimit {"per_minute":5,"algorithm":"sliding"}`}, fails: true},
	{operation: "exhaustRateLimits", request: "POST /_sandbox/rate-limits/exhaust", body: `{"key":"tok_narrow"}`, status: 204, calls: []string{`a.Exhaust "tok_narrow" ["minute"]`}, fails: true},
	{operation: "exhaustRateLimits", request: "POST /_sandbox/rate-limits/exhaust", status: 204, calls: []string{`a.Exhaust "tok_wsp_a" ["minute"]`}, fails: true},
	{operation: "exhaustRateLimits", request: "POST /_sandbox/rate-limits/exhaust", token: admin, body: `{"key":""}`, status: 204, calls: []string{`a.Exhaust "" ["minute"]`}, fails: true},
	{operation: "resetRateLimits", request: "POST /_sandbox/rate-limits/reset", status: 204, calls: []string{"a.Refill"}, fails: true},
	{operation: "listKeys", request: "GET /_sandbox/keys", status: 200, calls: []string{"a.Keys"},
		answer: `{"data":[{"token":"sky_test_…a","id":"tok_wsp_a"},{"token":"…","scopes":["instances:read"],"id":"tok_narrow"}]}`},
	{operation: "listRequests", request: "GET /_sandbox/requests?operation=createInstance&status=2&key=tok_1&method=post&path=/v1/instances&since=6&limit=1&wait=1s", status: 200,
		answer: `{"data":[` + recorded + `],"next_cursor":null,"dropped":0,"missing":0,"complete":true}`,
		calls:  []string{"a.Requests {Operation:createInstance Unmatched:false Status:2 Code: Key:tok_1 Method:post Path:/v1/instances Since:6 Before:0 Limit:2 NewestFirst:false}"}},
	{operation: "listRequests", request: "GET /_sandbox/requests?unmatched=true&code=route_not_found", status: 200, answer: `{"data":[],"next_cursor":null,"dropped":0,"missing":0,"complete":true}`,
		calls: []string{"a.Requests {Operation: Unmatched:true Status:0 Code:route_not_found Key: Method: Path: Since:0 Before:0 Limit:0 NewestFirst:false}"}},
	{operation: "forgetRequests", request: "DELETE /_sandbox/requests", status: 204, calls: []string{"ForgetRequests wsp_a"}, fails: true},
	{operation: "listFindings", request: "GET /_sandbox/findings", status: 200, answer: `{"data":[{"at":` + moment + `,"level":"error","code":"retries_after_401","message":"stop"}]}`,
		calls: []string{"a.Findings"}},
	{operation: "listEvents", request: "GET /_sandbox/events?type=instance.*&object_id=ins_1&since=2&limit=1&wait=1s", status: 200,
		answer: `{"data":[{"id":"evt_1","type":"instance.running","sequence":3,"at":` + moment + `,"object":{"id":"ins_1"}}],"next_cursor":"1"}`,
		calls:  []string{`a.Events {"Type":"instance.*","Object":"ins_1","Since":2}`}},
	{operation: "listEvents", request: "GET /_sandbox/events?object_id=ins_late", status: 200, answer: `{"data":[],"next_cursor":null}`,
		calls: []string{`a.Events {"Type":"","Object":"ins_late","Since":0}`}},
	{operation: "listEvents", request: "GET /_sandbox/events?object_id=ins_late&wait=1s", status: 200,
		answer: `{"data":[{"id":"evt_2","type":"instance.running","sequence":4,"at":` + moment + `,"object":{"id":"ins_late"}}],"next_cursor":null}`,
		calls: []string{`a.Events {"Type":"","Object":"ins_late","Since":0}`, `a.WaitForEvent {"Type":"","Object":"ins_late","Since":0}`,
			`a.Events {"Type":"","Object":"ins_late","Since":0}`}},
	{operation: "listDeliveries", request: "GET /_sandbox/deliveries?webhook=whk_1&status=waiting&event_type=instance.*", status: 200,
		answer: `{"data":[{"id":"dlv_1","webhook_id":"whk_1","event_id":"evt_1","event_type":"instance.running","status":"waiting","attempts":[` +
			`{"id":"dlv_1_1","at":` + moment + `,"status":500,"latency_ms":3,"error":"http_status","message":"no"}],"next_attempt_at":` + moment + `,"created_at":` + moment + `}],"next_cursor":null}`,
		calls: []string{`a.Deliveries {"Webhook":"whk_1","Status":"waiting","EventType":"instance.*"}`}},
	{operation: "flushWebhooks", request: "POST /_sandbox/webhooks/flush", status: 200, answer: `{"flushed":true}`, calls: []string{"a.FlushWebhooks"}, fails: true},
	{operation: "triggerEvent", request: "POST /_sandbox/trigger", body: `{"type":"instance.failed","object_id":"ins_1"}`, status: 200, answer: `{"event_id":"evt_9","type":"instance.failed","object_id":"ins_1","example":false,"project_id":"prj_1","webhooks":[]}`,
		calls: []string{`a.Trigger {"type":"instance.failed","object_id":"ins_1"}`}, fails: true},
	{operation: "createListener", request: "POST /_sandbox/listeners", body: `{"url":"http://localhost:3000/hook"}`, status: 201,
		answer: `{"id":"whk_1","url":"http://localhost:3000/hook","event_types":["*"],"project_id":"prj_1","secret":"whsec_c2t5"}`,
		calls:  []string{`a.Listen {"url":"http://localhost:3000/hook"}`}, fails: true},
	{operation: "nextMessage", request: "POST /_sandbox/listeners/whk_1/next?wait=1s", status: 200,
		answer: `{"data":[{"attempt_id":"dlv_1_1","event_id":"evt_1","event_type":"webhook.test","headers":{"X-Signature":"s"},"body":"{}"}]}`,
		calls:  []string{"a.NextMessage whk_1"}, fails: true},
	{operation: "answerMessage", request: "POST /_sandbox/listeners/whk_1/attempts/dlv_1_1", body: `{"status":204}`, status: 204,
		calls: []string{`a.AnswerMessage whk_1 dlv_1_1 {"status":204}`}, fails: true},
	{operation: "deleteListener", request: "DELETE /_sandbox/listeners/whk_1", status: 204, calls: []string{"a.StopListening whk_1"}, fails: true},
	{operation: "listWorkspaces", request: "GET /_sandbox/workspaces", token: admin, status: 200, calls: []string{"Workspaces"},
		answer: `{"data":[{"id":"wsp_a","now":` + moment + `,"clock":` + clock + `},{"id":"wsp_b","now":` + moment + `,"clock":` + clock + `}]}`},
	{operation: "createWorkspace", request: "POST /_sandbox/workspaces", token: admin, body: `{"workspace":"wsp_new","fixture":"x","fixture_data":"y","seed":18446744073709551614,"durations":{"create":"5s"},"quota":null}`,
		status: 201, answer: `{"id":"wsp_b","key":{"token":"key-b","id":"tok_wsp_b"},"setup":` + setupB + `}`, fails: true,
		calls: []string{"b.Keys", `AddWorkspace {"workspace":"wsp_new","fixture":"x","fixture_data":"y","seed":18446744073709551614,"durations":{"create":"5s"},"quota":null}`}},
	{operation: "createWorkspace", request: "POST /_sandbox/workspaces", token: admin, status: 201, answer: `{"id":"wsp_b","key":{"token":"key-b","id":"tok_wsp_b"},"setup":` + setupB + `}`,
		calls: []string{"b.Keys", "AddWorkspace {}"}, fails: true},
	{operation: "createWorkspace", request: "POST /_sandbox/workspaces", token: admin, body: `{"fork_of":"wsp_b"}`, status: 201,
		answer: `{"id":"wsp_b","key":{"token":"key-b","id":"tok_wsp_b"},"setup":` + setupB + `}`, calls: []string{"b.Keys", `ForkWorkspace wsp_b at now as ""`}, fails: true},
	{operation: "createWorkspace", request: "POST /_sandbox/workspaces", token: admin, body: `{"fork_of":"wsp_a","snapshot":"snp_1","workspace":"wsp_c"}`, status: 201,
		answer: `{"id":"wsp_b","key":{"token":"key-b","id":"tok_wsp_b"},"setup":` + setupB + `}`, calls: []string{"b.Keys", `ForkWorkspace wsp_a at world wsp_a as "wsp_c"`}, fails: true},
	{operation: "findWorkspace", request: "GET /_sandbox/workspaces/wsp_b", token: admin, status: 200, calls: []string{"b.Keys"},
		answer: `{"id":"wsp_b","now":` + moment + `,"clock":` + clock + `,"setup":` + setupB + `,"dropped":0,"key":{"token":"sky_test_…b","id":"tok_wsp_b"}}`},
	{operation: "deleteWorkspace", request: "DELETE /_sandbox/workspaces/wsp_b", token: admin, status: 204, calls: []string{"RemoveWorkspace wsp_b"}, fails: true},
	{operation: "createKey", request: "POST /_sandbox/workspaces/wsp_b/keys", token: admin, body: `{"name":"reader","scopes":["instances:read"]}`, status: 201,
		answer: `{"token":"sky_test_secret","scopes":["instances:read"],"id":"tok_9","name":"reader"}`,
		calls:  []string{`b.AddKey {"scopes":["instances:read"],"name":"reader"}`}, fails: true},
	{operation: "createKey", request: "POST /_sandbox/workspaces/wsp_a/keys", token: admin, status: 201, answer: `{"token":"sky_test_secret","id":"tok_9"}`,
		calls: []string{`a.AddKey {}`}, fails: true},
	{operation: "getMetrics", request: "GET /_sandbox/metrics", token: admin, status: 200, answer: "up 1\n", calls: []string{"Metrics"}},
	{operation: "getCA", request: "GET /_sandbox/ca.pem", status: 200, answer: "-----BEGIN CERTIFICATE-----\n"},
	{operation: "getOpenAPIJSON", request: "GET /_sandbox/openapi.json", status: 200, answer: served()},
	{operation: "getOpenAPIYAML", request: "GET /_sandbox/openapi.yaml", status: 200, answer: served()},
})

func (e testRequest) send(t testing.TB, r *testServer) response {
	t.Helper()
	method, target, _ := strings.Cut(e.request, " ")
	token := e.token
	if token == "" {
		token = keyA
	}
	return r.send(t, method, target, token, e.body)
}

// newPreparedServer is a rig whose wsp_a has a snapshot.
func newPreparedServer(t testing.TB, change ...func(*testServer)) *testServer {
	t.Helper()
	r := newTestServer(t, change...)
	r.send(t, "POST", "/_sandbox/snapshots", keyA, "").wants(t, 201, `{"id":"snp_1","at":`+moment+`}`)
	r.takeCalls()
	return r
}

// Each operation is one method of the workspace, or of the server.
func TestEveryOperation(t *testing.T) {
	for _, o := range operations(t) {
		if !slices.ContainsFunc(exchanges, func(e testRequest) bool { return e.operation == o.ID }) {
			t.Errorf("%s is not in the table", o.ID)
		}
	}
	for _, e := range exchanges {
		t.Run(e.operation, func(t *testing.T) {
			r := newPreparedServer(t)
			e.send(t, r).wants(t, e.status, e.answer)
			want := slices.Sorted(slices.Values(e.calls))
			if got := slices.Sorted(slices.Values(r.takeCalls())); !slices.Equal(got, want) {
				t.Errorf("calls\n%q, want\n%q", got, want)
			}
			if e.token == "" { // what a key may, the admin may in its workspace
				admins := newPreparedServer(t)
				e.token = admin
				if got := e.send(t, admins).status; got != e.status {
					t.Errorf("as admin: %d, want %d", got, e.status)
				}
			}
		})
	}
}

// With the admin token every operation reaches the workspace that is named.
func TestAdminNamesAWorkspace(t *testing.T) {
	for _, e := range exchanges {
		if len(e.calls) == 0 || !strings.HasPrefix(e.calls[0], "a.") || strings.Contains(e.request, "/workspaces/") || strings.Contains(e.request, "snp_") {
			continue
		}
		t.Run(e.operation, func(t *testing.T) {
			r := newTestServer(t)
			mark := "?"
			if strings.Contains(e.request, "?") {
				mark = "&"
			}
			e.token, e.request = admin, e.request+mark+"workspace=wsp_b"
			if got := e.send(t, r); got.status != e.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			calls := r.takeCalls()
			if !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "b.") }) ||
				slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "a.") }) {
				t.Errorf("calls %q", calls)
			}
		})
	}
}

// What a workspace refuses is the client's mistake, never the sandbox's.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		violation error
		status    int
		code      string
		message   string
	}{
		{errors.New("cannot advance: time only goes forward"), 400, "invalid_request", "cannot advance: time only goes forward"},
		{fmt.Errorf(`there is no key "tok_9": %w`, sandbox.ErrNotFound), 404, "not_found", `there is no key \"tok_9\"`},
		{fmt.Errorf("instance ins_1 rests: %w", sandbox.ErrConflict), 409, "conflict", "instance ins_1 rests"},
		{fail.New(fail.Conflict, "quota_exceeded", "The workspace is full."), 409, "quota_exceeded", "The workspace is full."},
		{fail.New(fail.Internal, "internal_error", "It broke."), 400, "invalid_request", "internal_error: It broke."},
	} {
		for _, e := range exchanges {
			if !e.fails {
				continue
			}
			t.Run(fmt.Sprintf("%d/%s", tc.status, e.operation), func(t *testing.T) {
				r := newPreparedServer(t)
				r.failure, r.a.failure, r.b.failure = tc.violation, tc.violation, tc.violation
				got := e.send(t, r)
				got.refused(t, tc.status, tc.code)
				if !strings.Contains(got.body, `"message":"`+tc.message+`"`) {
					t.Errorf("message %s, want %s", got.body, tc.message)
				}
			})
		}
	}
}

// Lists are never null.
func TestEmptyLists(t *testing.T) {
	r := newTestServer(t, func(r *testServer) { r.a.empty, r.a.requests = true, nil })
	for _, path := range []string{"snapshots", "rate-limits", "keys", "findings"} {
		r.send(t, "GET", "/_sandbox/"+path, keyA, "").wants(t, 200, `{"data":[]}`)
	}
	for _, path := range []string{"agenda", "instances", "projects", "events", "deliveries", "computestacks/users", "computestacks/orders", "computestacks/events"} {
		r.send(t, "GET", "/_sandbox/"+path, keyA, "").wants(t, 200, `{"data":[],"next_cursor":null}`)
	}
	r.send(t, "GET", "/_sandbox/requests", keyA, "").wants(t, 200, `{"data":[],"next_cursor":null,"dropped":0,"missing":0,"complete":true}`)
}
