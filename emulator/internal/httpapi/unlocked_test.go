package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// actors is a contract of operations that must not hold the world.
const actors = `
openapi: 3.0.3
info: {title: Actors, version: "1"}
security: [{key: []}]
paths:
  /files/{name}:
    put:
      operationId: putFile
      x-raw-body: true
      x-max-body: 40
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses: {'201': {description: ok}}
  /pokes:
    post:
      operationId: poke
      requestBody: {content: {application/json: {schema: {type: object, properties: {hard: {type: boolean}}}}}}
      responses: {'200': {description: ok}}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
`

type fileInput struct {
	Name string `json:"-" path:"name"`
	Body []byte `json:"-" body:"raw"`
}

type pokeInput struct {
	Hard bool `json:"hard"`
}

func newUnlockedAPI(t *testing.T) (*testAPI, *[]string) {
	t.Helper()
	p := newTestAPI(t)
	contract, err := LoadContract([]byte(actors), textLoader(actors))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	p.api.Contract = contract
	p.api.Handlers = []Handler{
		HandleUnlocked("putFile", func(_ context.Context, c *Call, in fileInput) (thing, error) {
			// Nobody holds the world: it can be moved.
			if err := p.world.Advance(1); err != nil || c.Tx != nil {
				t.Errorf("Tx %v, advance: %v", c.Tx, err)
			}
			seen = append(seen, in.Name+"="+string(in.Body))
			return thing{in.Name}, nil
		}),
		HandleUnlocked("poke", func(ctx context.Context, _ *Call, in pokeInput) (thing, error) {
			if in.Hard {
				seen = append(seen, "hard")
			}
			return thing{"poked"}, ctx.Err()
		}),
	}
	return p, &seen
}

// A handler made by Act gets the body as it was sent, where the contract says so,
// and runs while nobody holds the world.
func TestActGetsTheRawBody(t *testing.T) {
	p, seen := newUnlockedAPI(t)
	s := p.serve(t, Options{MaxBody: 10})
	for _, tc := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"a":1,"a":2, broken`, 201, ""},
		{strings.Repeat("x", 40), 201, ""},
		{strings.Repeat("x", 41), 413, "payload_too_large"},
		{"", 400, "invalid_json"},
	} {
		w := send(s, http.MethodPut, "/files/f1", tc.body)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.code) {
			t.Errorf("%.20q: %d %s", tc.body, w.Code, w.Body)
		}
	}
	if w := send(s, http.MethodPut, "/files/f1", "{}", "Content-Type", "text/plain"); w.Code != 415 {
		t.Errorf("text: %d", w.Code)
	}
	if want := []string{`f1={"a":1,"a":2, broken`, "f1=" + strings.Repeat("x", 40)}; !slices.Equal(*seen, want) {
		t.Errorf("seen %q", *seen)
	}
}

// A body that is not required may be left out; null is no body, and the server's
// limit holds where the operation has none.
func TestActWithoutABody(t *testing.T) {
	p, seen := newUnlockedAPI(t)
	s := p.serve(t, Options{MaxBody: 14})
	for _, tc := range []struct {
		body   string
		status int
	}{{"", 200}, {`{}`, 200}, {`{"hard":true}`, 200}, {`null`, 400}, {`[]`, 400}, {`{"hard":true  }`, 413}} {
		if w := send(s, http.MethodPost, "/pokes", tc.body); w.Code != tc.status {
			t.Errorf("%q: %d %s", tc.body, w.Code, w.Body)
		}
	}
	if !slices.Equal(*seen, []string{"hard"}) {
		t.Errorf("seen %q", *seen)
	}
}

// The record says what answered and why, and names whose it is.
func TestRecord(t *testing.T) {
	p := newTestAPI(t)
	other, err := engine.NewWorld(p.schema, engine.Config{ID: "wsp_other", Clock: engine.Clock{Mode: engine.Frozen}})
	if err != nil {
		t.Fatal(err)
	}
	p.api.Owner = func(x *RequestContext) (*engine.World, string) {
		if x.Request.Header.Get("Owner") != "" {
			return other, "tok_sent"
		}
		return nil, ""
	}
	type line struct {
		world, operation, target, stage, code, request, response string
		status                                                   int
	}
	var got []line
	s := p.serve(t, Options{Record: func(r *Record) {
		l := line{target: r.Method + " " + r.Target, stage: r.Stage, code: r.Code, request: string(r.RequestBody), response: string(r.ResponseBody), status: r.Status}
		if r.World != nil {
			l.world = r.World.ID()
		}
		if r.Operation != nil {
			l.operation = r.Operation.ID
		}
		if l.world == "wsp_other" != (r.Sent == "tok_sent") {
			t.Errorf("%s: credential %q in %s", l.target, r.Sent, l.world)
		}
		if r.ID == "" || r.At.IsZero() {
			t.Errorf("without id or time: %+v", r)
		}
		got = append(got, l)
	}})
	send(s, "POST", "/things?colour=red&x=%zz", `{"name":"a"}`)
	send(s, "POST", "/things", `{"name":1}`)
	send(s, "GET", "/things?limit=3&secret=s%26", "")
	send(s, "GET", "/nothing%20here?token=t", "")
	send(s, "PUT", "/things", "", "Owner", "other")
	send(s, "GET", "/health", "")
	send(s, "GET", "/health", "", "Owner", "other")
	send(s, "GET", "/things", "", "Host", "evil.test", "Owner", "other")
	want := []line{
		{"wsp_toy", "createThing", "POST /things?colour=…", "contract", "invalid_parameter", `{"name":"a"}`, "", 400},
		{"wsp_toy", "createThing", "POST /things", "contract", "invalid_parameter", `{"name":1}`, "", 400},
		{"wsp_toy", "listThings", "GET /things?limit=3&secret=…", "handle", "", "", `[]`, 200},
		{"wsp_toy", "", "GET /nothing%20here?…", "route", "route_not_found", "", "", 404},
		{"wsp_other", "", "PUT /things", "route", "method_not_allowed", "", "", 405},
		{"", "getHealth", "GET /health", "handle", "", "", `{"name":"ok"}`, 200},
		{"wsp_other", "getHealth", "GET /health", "handle", "", "", `{"name":"ok"}`, 200},
		{"wsp_other", "", "GET /things", "host", "host_not_allowed", "", "", 403},
	}
	for i := range want {
		if i < len(got) && want[i].response == "" {
			got[i].response = ""
		}
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("record %d:\n got %+v\nwant %+v", i, got[min(i, len(got)-1)], want[i])
		}
	}
}

// An API of its own kind may give what it refuses its own request ids.
func TestOpen(t *testing.T) {
	p := newTestAPI(t)
	p.api.Open = func(x *RequestContext) { x.ID, x.Now = "ctl_1", p.world.Now() }
	s := p.serve(t, Options{})
	before := p.world.Snapshot()
	if w := send(s, "GET", "/nowhere", ""); !strings.Contains(w.Body.String(), `"id":"ctl_1"`) {
		t.Errorf("%s", w.Body)
	}
	var a, b strings.Builder
	if err := before.Save(&a); err != nil {
		t.Fatal(err)
	}
	if err := p.world.Snapshot().Save(&b); err != nil || a.String() != b.String() {
		t.Errorf("the world changed: %v", err)
	}
}
