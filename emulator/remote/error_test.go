package remote

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Errors of the server say what it said, message first.
func TestErrors(t *testing.T) {
	f, w := connected(t)
	for _, tc := range []struct {
		status           int
		kind, body, want string
		code, id         string
	}{
		{409, "", refused("conflict", "The instance rests."), "The instance rests (409 conflict, request ctl_9)", "conflict", "ctl_9"},
		{400, "", `{"error":{"code":"invalid_parameter","message":"by: no","request_id":"r1","details":[{"field":"by","location":"body","code":"c","message":"by: no"}]}}`, "by: no (400 invalid_parameter, request r1)", "invalid_parameter", "r1"},
		{
			400, "", `{"error":{"code":"invalid_parameter","message":"The request has 2 violations; each is listed in details.","request_id":"r2","details":[{"field":"by","message":"Too long."},{"field":null,"message":"Odd."}]}}`,
			"The request has 2 violations; each is listed in details; by: Too long; Odd (400 invalid_parameter, request r2)", "invalid_parameter", "r2",
		},
		{403, "", `{"error":{"code":"insufficient_scope","message":"No.","details":[{"required_scopes":["*"]}]}}`, "No (403 insufficient_scope, request ctl_9)", "insufficient_scope", "ctl_9"},
		{403, "", `{"error":{"code":"odd","message":"No.","details":"none"}}`, "No (403 odd, request ctl_9)", "odd", "ctl_9"},
		{502, "text/html", "<html>\n<b>Bad</b>\x00\t gateway", `POST /_sandbox/clock/advance returned 502 Bad Gateway with "text/html": "<html> <b>Bad</b> gateway"`, "", "ctl_9"},
		{500, "application/json", `{"message":"x"}`, `POST /_sandbox/clock/advance returned 500 Internal Server Error with "application/json": "{\"message\":\"x\"}"`, "", "ctl_9"},
		{599, "x", "", `POST /_sandbox/clock/advance returned 599 with "x"`, "", "ctl_9"},
		{204, "", "", `POST /_sandbox/clock/advance returned 204 No Content`, "", "ctl_9"},
		{200, "text/html", "<html>", `POST /_sandbox/clock/advance returned 200 OK with "text/html": "<html>"`, "", "ctl_9"},
		{200, "", refused("conflict", "A refusal in a success"), "", "", ""},
		{503, "text/plain", testKey + " " + testAdmin + strings.Repeat("ü", 1000), `POST /_sandbox/clock/advance returned 503 Service Unavailable with "text/plain": "… …` + strings.Repeat("ü", 197) + `…"`, "", "ctl_9"},
	} {
		f.then(exchange{want: `POST /_sandbox/clock/advance {"by":"1s"}`, status: tc.status, kind: tc.kind, body: tc.body})
		err := w.Advance(time.Second)
		var e *Error
		switch {
		case tc.want == "" && err == nil:
		case err == nil || err.Error() != tc.want:
			t.Errorf("%v, want %s", err, tc.want)
		case !errors.As(err, &e) || e.Status != tc.status || e.Code != tc.code || e.RequestID != tc.id:
			t.Errorf("%#v", e)
		}
	}
	for _, tc := range []struct {
		e                 Error
		missing, conflict bool
	}{
		{Error{Status: 404, Code: "instance_not_found"}, true, false},
		{Error{Status: 409, Code: "conflict"}, false, true},
		{Error{Status: 404, Code: noRoute}, false, false},
		{Error{Status: 404}, false, false},
		{Error{Status: 409}, false, false},
		{Error{Status: 400, Code: "not_found"}, false, false},
	} {
		if errors.Is(&tc.e, sandbox.ErrNotFound) != tc.missing || errors.Is(&tc.e, sandbox.ErrConflict) != tc.conflict {
			t.Errorf("%+v: not found %v, conflict %v", tc.e, !tc.missing, !tc.conflict)
		}
	}
	f.then(exchange{want: "GET /_sandbox/instances/ins_1", status: 404, body: refused("workspace_not_found", "No workspace.")})
	if _, ok := w.Instance("ins_1"); ok || w.Err() == nil || w.Err().Error() != "Instance: No workspace (404 workspace_not_found, request ctl_9)" {
		t.Error(ok, w.Err())
	}
}

// The first failure of a method without an error result is kept, and the method
// returns its zero value.
func TestErrKeepsTheFirstFailure(t *testing.T) {
	f, w := connected(t)
	for name, call := range map[string]func() any{
		"Setup": func() any { return w.Setup() }, "Now": func() any { return w.Now() }, "Clock": func() any { return w.Clock() },
		"AdvanceToNext": func() any { return w.AdvanceToNext() }, "Agenda": func() any { return w.Agenda() }, "Dump": func() any { return w.Dump() },
		"Reset": func() any { w.Reset(); return false }, "Instances": func() any { return w.Instances() }, "Projects": func() any { return w.Projects() },
		"Instance": func() any { i, _ := w.Instance("i"); return i }, "Project": func() any { p, _ := w.Project("p"); return p },
		"Keys": func() any { return w.Keys() }, "Limits": func() any { return w.Limits() }, "Findings": func() any { return w.Findings() },
		"Requests": func() any { return w.Requests(sandbox.Match{}) }, "Unmatched": func() any { return w.Unmatched() }, "Dropped": func() any { return w.Dropped() },
		"DroppedOf": func() any { return w.DroppedOf(sandbox.Match{}) },
	} {
		w.err = nil
		f.mu.Lock()
		f.left = []exchange{{status: 500, body: refused("internal_error", "Oh."), want: map[string]string{
			"Setup": "GET /_sandbox/workspace", "Now": "GET /_sandbox/clock", "Clock": "GET /_sandbox/clock", "AdvanceToNext": `POST /_sandbox/clock/advance {"until":"next"}`,
			"Agenda": "GET /_sandbox/agenda?limit=1000", "Dump": "GET /_sandbox/dump", "Reset": "POST /_sandbox/reset", "Instances": "GET /_sandbox/instances?limit=1000", "Projects": "GET /_sandbox/projects?limit=1000",
			"Instance": "GET /_sandbox/instances/i", "Project": "GET /_sandbox/projects/p", "Keys": "GET /_sandbox/keys", "Limits": "GET /_sandbox/rate-limits",
			"Findings": "GET /_sandbox/findings", "Requests": "GET /_sandbox/requests", "Unmatched": "GET /_sandbox/requests?unmatched=true", "Dropped": "GET /_sandbox/workspace",
			"DroppedOf": "GET /_sandbox/requests?limit=1",
		}[name]}}
		f.mu.Unlock()
		if got := call(); !reflect.ValueOf(got).IsZero() {
			t.Errorf("%s returned %v", name, got)
		}
		if want := name + ": Oh (500 internal_error, request ctl_9)"; w.Err() == nil || w.Err().Error() != want {
			t.Errorf("%v, want %s", w.Err(), want)
		}
		first := w.Err()
		f.then(exchange{want: "POST /_sandbox/reset", status: 500, body: refused("later", "Later.")})
		if w.Reset(); !errors.Is(w.Err(), first) {
			t.Errorf("the first failure is forgotten: %v", w.Err())
		}
		f.then()
	}
}

// What is no list is not taken for an empty one.
func TestListsHaveData(t *testing.T) {
	f, w := connected(t)
	const prefix = "Agenda: GET /_sandbox/agenda at "
	for answer, want := range map[string]string{
		`{}`:            `it has no data: "{}"`,
		`{"data":null}`: `it has no data: "{\"data\":null}"`,
		`{"data":{}}`:   `json: cannot unmarshal object into Go struct field .data of type []sandbox.Event: "{\"data\":{}}"`,
		`{"data":[`:     `unexpected end of JSON input: "{\"data\":["`,
	} {
		w.err = nil
		f.then(exchange{want: "GET /_sandbox/agenda?limit=1000", status: 200, body: answer})
		got, want := w.Agenda(), prefix+f.URL+": the response is not one of the control API: "+want
		if err := w.Err(); got != nil || !errors.Is(err, errForm) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
