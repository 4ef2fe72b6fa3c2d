package control

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Bodies that are no JSON object are refused by every operation that takes one,
// and nothing is done.
func TestHostileBodies(t *testing.T) {
	deep := strings.Repeat(`{"metadata":`, 70) + "1" + strings.Repeat("}", 70)
	each(t, func(method, path string, _ *openapi3.PathItem, op *openapi3.Operation) {
		if op.RequestBody == nil || op.Extensions["x-raw-body"] != nil {
			return
		}
		t.Run(op.OperationID, func(t *testing.T) {
			r := newPreparedServer(t)
			path := strings.ReplaceAll(path, "{id}", "wsp_a")
			if strings.Contains(path, "/instances/") {
				path = strings.ReplaceAll(path, "wsp_a", "ins_1")
			}
			if op.RequestBody.Value.Required {
				r.send(t, method, path, admin, "").refused(t, 400, "invalid_json")
			}
			for _, body := range []string{
				"{", "}", "{}{}", "{} x", `{"a":1,"a":2}`, `{'a':1}`, `{"a":}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":1e999}`, "\x00", "nul", deep, "<a/>", "a=b",
				"\ufeff{}", "// {}", "{,}", `{"a":NaN}`, `{"a":01}`, strings.Repeat("[", 100_000),
			} {
				r.send(t, method, path, admin, body).refused(t, 400, "invalid_json")
			}
			for _, body := range []string{"null", "[]", "1", `"a"`, "true", `[{"mode":"frozen"}]`} {
				r.send(t, method, path, admin, body).refused(t, 400, "invalid_request")
			}
			for _, body := range []string{`{"unknown":1}`, `{"ID":"x","constructor":{},"unknown":[]}`} {
				got := r.send(t, method, path, admin, body)
				if got.status != 400 || !strings.Contains(got.body, `{"field":"unknown","location":"body","code":"unknown_parameter","message":"unknown is not known here."}`) {
					t.Errorf("%s: %d %s", body, got.status, got.body)
				}
			}
			for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "", "multipart/form-data"} {
				r.send(t, method, path, admin, "{}", "Content-Type", media).refused(t, 415, "unsupported_media_type")
			}
			r.send(t, method, path, admin, "{}", "Content-Encoding", "gzip").refused(t, 415, "unsupported_media_type")
			if calls := r.takeCalls(); len(calls) > 0 {
				t.Errorf("calls %q", calls)
			}
		})
	})
}

// zeros is a body of a length that is not announced.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	clear(p[:n])
	z.left -= n
	return n, nil
}

// Bodies over the limit are refused, whether they announce their length or not.
func TestOversizedBodies(t *testing.T) {
	r := newPreparedServer(t)
	for target, limit := range map[string]int{
		"POST /_sandbox/seed": 4 << 20, "POST /_sandbox/workspaces": 4 << 20, "PUT /_sandbox/clock": 1 << 20,
		"POST /_sandbox/instances": 1 << 20, "PUT /_sandbox/rate-limit": 1 << 20, "POST /_sandbox/workspaces/wsp_a/keys": 1 << 20,
	} {
		method, path, _ := strings.Cut(target, " ")
		q := request(t.Context(), method, path, admin, http.NoBody)
		q.Body, q.ContentLength = io.NopCloser(&zeros{limit + 1}), int64(limit)+1
		r.serve(t, q).refused(t, 413, "payload_too_large")
		if limit > 4<<20 {
			continue // it is read the same way, but takes long
		}
		q = request(t.Context(), method, path, admin, http.NoBody)
		q.Body, q.ContentLength = io.NopCloser(&zeros{limit + 1}), -1
		r.serve(t, q).refused(t, 413, "payload_too_large")
	}
	if calls := r.takeCalls(); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
	// Up to the limit the workspace is asked, with the bytes as they came.
	text := strings.Repeat("x", 4<<20-len(`{"data":""}`))
	r.send(t, "POST", "/_sandbox/seed", keyA, `{"data":"`+text+`"}`).wants(t, 204, "")
	r.send(t, "PUT", "/_sandbox/state", keyA, "\xff"+text).wants(t, 204, "")
	if calls := r.takeCalls(); !slices.Equal(calls, []string{"a.LoadData data " + text, "a.Import \xff" + text}) {
		t.Errorf("%d calls", len(calls))
	}
	r.send(t, "PUT", "/_sandbox/state", keyA, "").refused(t, 400, "invalid_json")
	r.send(t, "PUT", "/_sandbox/state", keyA, "{}", "Content-Type", "text/plain").refused(t, 415, "unsupported_media_type")
}

// Every violation of a body is named by its member, and nothing is done.
func TestInvalidBodies(t *testing.T) {
	r := newPreparedServer(t)
	for _, tc := range []struct {
		target, body string
		code         string
		violation    string // field and code of the detail, or a part of the message
	}{
		{"PUT /_sandbox/clock", `{"mode":"fast"}`, "invalid_parameter", "mode unknown_value"},
		{"PUT /_sandbox/clock", `{"scale":-1}`, "invalid_parameter", "scale out_of_range"},
		{"PUT /_sandbox/clock", `{"scale":1e7}`, "invalid_parameter", "scale out_of_range"},
		{"PUT /_sandbox/clock", `{"now":"yesterday"}`, "invalid_parameter", "now invalid_format"},
		{"PUT /_sandbox/clock", `{"now":"2026-02-31T00:00:00Z"}`, "invalid_parameter", "now invalid_format"},
		{"PUT /_sandbox/clock", `{"now":null}`, "invalid_parameter", "now invalid_type"},
		{"POST /_sandbox/clock/advance", `{}`, "invalid_parameter", "null too_short"},
		{"POST /_sandbox/clock/advance", `{"by":"1s","until":"idle"}`, "invalid_parameter", "null too_long"},
		{"POST /_sandbox/clock/advance", `{"by":"3"}`, "invalid_parameter", "by invalid_format"},
		{"POST /_sandbox/clock/advance", `{"by":"999999999h"}`, "invalid_parameter", "by invalid_format"},
		{"POST /_sandbox/clock/advance", `{"by":3}`, "invalid_parameter", "by invalid_type"},
		{"POST /_sandbox/clock/advance", `{"until":"tomorrow"}`, "invalid_parameter", "until unknown_value"},
		{"POST /_sandbox/clock/advance", `{"to":"12:00"}`, "invalid_parameter", "to invalid_format"},
		{"POST /_sandbox/seed", `{}`, "invalid_parameter", "fixture required"},
		{"POST /_sandbox/seed", `{"name":"x"}`, "invalid_parameter", "fixture required"},
		{"POST /_sandbox/seed", `{"fixture":"docs","data":"x"}`, "invalid_parameter", "fixture conflicting_parameters"},
		{"POST /_sandbox/seed", `{"fixture":"docs","name":"x"}`, "invalid_parameter", "fixture conflicting_parameters"},
		{"POST /_sandbox/seed", `{"fixture":"/etc/passwd"}`, "invalid_parameter", "fixture unknown_value"},
		{"POST /_sandbox/seed", `{"fixture":"../docs"}`, "invalid_parameter", "fixture unknown_value"},
		{"POST /_sandbox/seed", `{"fixture":"docs\n"}`, "invalid_parameter", "fixture unknown_value"},
		{"POST /_sandbox/seed", `{"fixture":"busy=-1"}`, "invalid_parameter", "fixture unknown_value"},
		{"POST /_sandbox/instances", `{"labels":{"a":1}}`, "invalid_parameter", "labels.a invalid_type"},
		{"POST /_sandbox/instances", `{"status_reason":{"codes":"x"}}`, "unknown_parameter", "status_reason.codes unknown_parameter"},
		{"POST /_sandbox/instances", `{"name":"` + strings.Repeat("n", 256) + `"}`, "invalid_parameter", "name too_long"},
		{"POST /_sandbox/instances", `{"autoscale":{}}`, "invalid_parameter", "autoscale invalid_type"},
		{"POST /_sandbox/instances", `{"created_at":"2026-13-01T00:00:00Z"}`, "invalid_parameter", "created_at invalid_format"},
		{"POST /_sandbox/projects", `{"version":-1}`, "invalid_parameter", "version out_of_range"},
		{"PUT /_sandbox/rate-limit", `{"per_minute":0}`, "invalid_parameter", "per_minute out_of_range"},
		{"PUT /_sandbox/rate-limit", `{"per_minute":1.5}`, "invalid_parameter", "per_minute invalid_type"},
		{"PUT /_sandbox/rate-limit", `{"per_day":1e300}`, "invalid_parameter", "per_day out_of_range"},
		{"PUT /_sandbox/rate-limit", `{"per_minute":5.0}`, "invalid_request", "per_minute: 5.0 is no limit: use a whole number from 1 on, or null for none"},
		{"PUT /_sandbox/rate-limit", `{"scope":"all"}`, "invalid_parameter", "scope unknown_value"},
		{"POST /_sandbox/workspaces", `{"snapshot":"snp_1"}`, "invalid_parameter", "snapshot conflicting_parameters"},
		{"POST /_sandbox/workspaces", `{"fixture":"./world.yaml"}`, "invalid_parameter", "fixture unknown_value"},
		{"POST /_sandbox/workspaces", `{"durations":{"create":"5x"}}`, "invalid_request", `durations: \"5x\" is not a duration: write it as 5s or 1m30s`},
		{"POST /_sandbox/workspaces", `{"durations":{"create":5}}`, "invalid_parameter", "durations.create invalid_type"},
		{"POST /_sandbox/workspaces", `{"reset_every":"daily"}`, "invalid_request", `reset_every: \"daily\" is not a duration: write it as 24h`},
		{"POST /_sandbox/workspaces", `{"seed":18446744073709551616}`, "invalid_parameter", "seed invalid_type"},
		{"POST /_sandbox/workspaces", `{"seed":1.0}`, "invalid_parameter", "seed invalid_type"},
		{"POST /_sandbox/workspaces", `{"seed":-1}`, "invalid_parameter", "seed out_of_range"},
		{"POST /_sandbox/workspaces", `{"quota":0}`, "invalid_parameter", "quota out_of_range"},
		{"POST /_sandbox/workspaces", `{"clock":{"mode":"warp"}}`, "invalid_parameter", "clock.mode unknown_value"},
		{"POST /_sandbox/workspaces", `{"clock":{"moed":"real"}}`, "unknown_parameter", "clock.moed unknown_parameter"},
		{"POST /_sandbox/workspaces", `{"fork_of":"wsp_b","seed":3}`, "invalid_parameter", "fork_of conflicting_parameters"},
		{"POST /_sandbox/workspaces/wsp_a/keys", `{"scopes":"*"}`, "invalid_parameter", "scopes invalid_type"},
		{"POST /_sandbox/workspaces/wsp_a/keys", `{"expires_at":"soon"}`, "invalid_parameter", "expires_at invalid_format"},
		{"POST /_sandbox/rate-limits/exhaust", `{"key":7}`, "invalid_parameter", "key invalid_type"},
		{"POST /_sandbox/instances/ins_1/fail", `{"code":null}`, "invalid_parameter", "code invalid_type"},
	} {
		method, path, _ := strings.Cut(tc.target, " ")
		got := r.send(t, method, path, admin, tc.body)
		got.refused(t, 400, tc.code)
		violation := tc.violation
		if field, code, ok := strings.Cut(tc.violation, " "); ok && !strings.Contains(code, " ") {
			if field != "null" {
				field = `"` + field + `"`
			}
			violation = `{"field":` + field + `,"location":"body","code":"` + code + `"`
		}
		if !strings.Contains(got.body, violation) {
			t.Errorf("%s %s: %s, want %s in it", tc.target, tc.body, got.body, violation)
		}
	}
	if calls := r.takeCalls(); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
}

// What is named and does not exist, or cannot be now, is refused as such.
func TestMissingAndTaken(t *testing.T) {
	r := newPreparedServer(t)
	for _, tc := range []struct {
		target, body string
		status       int
		code         string
	}{
		{"POST /_sandbox/workspaces", `{"workspace":"wsp_b"}`, 409, "workspace_exists"},
		{"POST /_sandbox/workspaces", `{"workspace":"wsp_b","fork_of":"wsp_a"}`, 409, "workspace_exists"},
		{"POST /_sandbox/workspaces", `{"fork_of":"nobody"}`, 404, "workspace_not_found"},
		{"POST /_sandbox/workspaces", `{"fork_of":"wsp_b","snapshot":"snp_1"}`, 404, "snapshot_not_found"}, // it is wsp_a's
		{"DELETE /_sandbox/workspaces/wsp_a", "", 409, "default_workspace"},
		{"GET /_sandbox/instances/ins_9", "", 404, "instance_not_found"},
		{"POST /_sandbox/instances/ins_9/advance", "", 404, "instance_not_found"},
		{"POST /_sandbox/instances/ins_9/fail", "", 404, "instance_not_found"},
		{"GET /_sandbox/projects/prj_9", "", 404, "project_not_found"},
		{"GET /_sandbox/snapshots/snp_9", "", 404, "snapshot_not_found"},
		{"GET /_sandbox/snapshots/snp_9/dump", "", 404, "snapshot_not_found"},
		{"GET /_sandbox/snapshots/snp_9/diff", "", 404, "snapshot_not_found"},
		{"GET /_sandbox/snapshots/snp_1/diff?to=snp_9", "", 404, "snapshot_not_found"},
		{"POST /_sandbox/snapshots/snp_9/restore", "", 404, "snapshot_not_found"},
		{"DELETE /_sandbox/snapshots/snp_9", "", 404, "snapshot_not_found"},
		{"GET /_sandbox/instances/%2e%2e", "", 404, "instance_not_found"},
		{"GET /_sandbox/instances/%ff%00", "", 404, "instance_not_found"},
		{"GET /_sandbox/instances/" + strings.Repeat("x", 4000), "", 404, "instance_not_found"},
		{"GET /_sandbox/instances/", "", 404, "route_not_found"},
		{"GET /_sandbox/instances/a/b", "", 404, "route_not_found"},
		{"GET /_sandbox//clock", "", 404, "route_not_found"},
		{"GET /_sandbox/openapi", "", 404, "route_not_found"},
	} {
		method, path, _ := strings.Cut(tc.target, " ")
		r.send(t, method, path, admin, tc.body).refused(t, tc.status, tc.code)
	}
	if calls := r.takeCalls(); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
	// Two requests may ask for the same id at once: one of them finds it taken.
	r.failure = errors.New("workspace \"wsp_c\" exists already")
	plain, asked := r.api.Workspace, 0
	r.api.Workspace = func(id string) (sandbox.Workspace, bool) {
		if asked++; id == "wsp_c" && asked > 2 {
			return r.b, true
		}
		return plain(id)
	}
	r.send(t, "POST", "/_sandbox/workspaces", admin, `{"workspace":"wsp_c"}`).refused(t, 409, "workspace_exists")

	r = newTestServer(t, func(r *testServer) { r.pem = nil })
	r.send(t, "GET", "/_sandbox/ca.pem", "", "").refused(t, 404, "no_https")
	r.failure = io.ErrClosedPipe
	got := r.send(t, "GET", "/_sandbox/metrics", admin, "")
	got.refused(t, 503, "unavailable")
	if strings.Contains(got.body, "pipe") {
		t.Errorf("the cause is shown: %s", got.body)
	}
}

// Queries are read strictly.
func TestInvalidQueries(t *testing.T) {
	r := newPreparedServer(t)
	for query, violation := range map[string]string{
		"requests?status=abc": "status invalid_type", "requests?status=0": "status out_of_range", "requests?status=600": "status out_of_range",
		"requests?since=-1": "since out_of_range", "requests?since=1e3": "since invalid_type", "requests?since=99999999999999999999": "since out_of_range",
		"requests?unmatched=yes": "unmatched invalid_type", "requests?limit=0": "limit out_of_range", "requests?wait=soon": "wait invalid_format",
		"requests?wait=31s": "wait out_of_range", "requests?wait=-1s": "wait out_of_range", "requests?wait=": "wait too_short",
		"requests?operation=a&operation=b": "operation repeated", "requests?nothing=1": "nothing unknown_parameter", "requests?path=%zz": "path=%zz",
		"instances/ins_1?status=here": "status unknown_value", "instances/ins_1?wait=1s": "status required", "instances/ins_1?status=running&wait=1h": "wait out_of_range",
		"snapshots/snp_1/diff?to=": "to too_short", "clock?mode=real": "mode unknown_parameter",
	} {
		got := r.send(t, "GET", "/_sandbox/"+query, keyA, "")
		if field, code, ok := strings.Cut(violation, " "); ok {
			violation = `{"field":"` + field + `","location":"query","code":"` + code + `"`
		}
		if got.status != 400 || !strings.Contains(got.body, violation) {
			t.Errorf("%s: %d %s, want %s in it", query, got.status, got.body, violation)
		}
	}
	if calls := r.takeCalls(); len(calls) > 0 {
		t.Errorf("calls %q", calls)
	}
	r.send(t, "GET", "/_sandbox/dump", keyA, "", "Accept", "application/json").refused(t, 406, "not_acceptable")
	r.send(t, "GET", "/_sandbox/clock", keyA, "", "Accept", "text/plain;q=0.5, application/*").wants(t, 200, clock)
}
