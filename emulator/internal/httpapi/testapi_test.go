package httpapi

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// tiny is a contract of three operations, one of them an alias.
const tiny = `
openapi: 3.0.3
info: {title: Tiny, version: "1"}
security: [{key: []}]
paths:
  /things:
    get:
      operationId: listThings
      x-source: documented
      parameters: [{name: limit, in: query, schema: {type: integer, minimum: 1}}]
      responses: {'200': {description: ok}}
    post:
      operationId: createThing
      x-source: inferred
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string}}}}}}
      responses: {'201': {description: ok}}
  /objects:
    get:
      operationId: listObjects
      x-alias-of: listThings
      x-source: inferred
      responses: {'200': {description: ok}}
  /health:
    get:
      operationId: getHealth
      security: []
      x-source: inferred
      responses: {'200': {description: ok}}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
`

type nothing struct{}

type thing struct {
	Name string `json:"name"`
}

// testAPI is a server of the tiny contract, and what it may be told to do.
type testAPI struct {
	api    *API
	schema *engine.Schema
	world  *engine.World
	log    bytes.Buffer
	// create is the handler of createThing.
	create func(c *Call, in thing) (thing, error)
}

func newTestAPI(t testing.TB) *testAPI {
	t.Helper()
	contract, err := LoadContract([]byte(tiny), textLoader(tiny))
	if err != nil {
		t.Fatal(err)
	}
	p := &testAPI{schema: engine.NewSchema(), create: func(_ *Call, in thing) (thing, error) { return in, nil }}
	p.api = &API{
		Contract: contract, Hosts: []string{"sandbox.api.skystack.dev", ".skystack.dev"}, Headers: Headers{Warning: "Toy-Warning"},
		Handlers: []Handler{
			Handle("listThings", func(*Call, nothing) ([]string, error) { return []string{}, nil }),
			Handle("createThing", func(c *Call, in thing) (thing, error) { return p.create(c, in) }),
			Handle("getHealth", func(*Call, nothing) (thing, error) { return thing{"ok"}, nil }),
		},
		Pipeline: []Stage{{"read", ReadBody}, {"contract", CheckContract}, {"handle", Invoke}, {"encode", Encode}},
		RenderError: func(x *RequestContext, err *fail.Error) Response {
			status := map[fail.Kind]int{
				fail.NotFound: 404, fail.Forbidden: 403, fail.MethodNotAllowed: 405, fail.Invalid: 400, fail.Conflict: 409, fail.TooLarge: 413,
				fail.UnsupportedMedia: 415, fail.URITooLong: 414, fail.HeadersTooLarge: 431,
			}[err.Kind]
			if status == 0 {
				status = 500
			}
			return Response{Status: status, Body: []byte(`{"code":"` + err.Code + `","id":"` + x.ID + `"}`)}
		},
		Render: func(_ *RequestContext, out any) any { return out },
		Known:  func(*RequestContext, fail.Location, string) bool { return true },
		Strict: func(*RequestContext) bool { return false },
	}
	p.api.Headers.Pages.Request, p.api.Headers.Pages.Response = []string{"Authorization", "Toy-Version"}, []string{"X-Request-Id", "Toy-Place"}
	return p
}

// serve makes the server; it must be called last.
func (p *testAPI) serve(t testing.TB, o Options) *Server {
	t.Helper()
	var err error
	p.world, err = engine.NewWorld(p.schema, engine.Config{ID: "wsp_toy", Clock: engine.Clock{Mode: engine.Frozen, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}})
	if err != nil {
		t.Fatal(err)
	}
	o.Home, o.Log = p.world, slog.New(slog.NewTextHandler(&p.log, nil))
	s, err := NewServer(o, p.api)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send sends a request to the server; headers are names and values in turn.
func send(s *Server, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// A handler that panics costs its own request a 500 with a request id (S75,
// S76), and nobody else anything.
func TestPanicsBecomeErrors(t *testing.T) {
	for name, value := range map[string]any{"text": "out of order", "error": errors.New("out of order"), "nil pointer": nil} {
		t.Run(name, func(t *testing.T) {
			p := newTestAPI(t)
			p.create = func(_ *Call, in thing) (thing, error) {
				if in.Name == "bad" {
					if value == nil {
						var missing *thing
						in.Name = missing.Name
					}
					panic(value)
				}
				return in, nil
			}
			s := p.serve(t, Options{})
			for range 3 {
				w := send(s, "POST", "/things", `{"name":"bad"}`)
				if w.Code != 500 || !strings.HasPrefix(w.Body.String(), `{"code":"internal_error","id":"req_`) || strings.Contains(w.Body.String(), "out of order") {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
				if w := send(s, "POST", "/things", `{"name":"good"}`); w.Code != 201 || w.Body.String() != `{"name":"good"}` {
					t.Errorf("after it: got %d %s", w.Code, w.Body)
				}
			}
			if log := p.log.String(); !strings.Contains(log, "a request panicked") || !strings.Contains(log, "testapi_test.go") {
				t.Errorf("the log does not say where: %s", log)
			}
		})
	}
}

// http.ErrAbortHandler is the way to end a connection, not a failure.
func TestAbortedHandler(t *testing.T) {
	p := newTestAPI(t)
	p.create = func(*Call, thing) (thing, error) { panic(http.ErrAbortHandler) }
	s := p.serve(t, Options{})
	func() {
		defer func() {
			if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // a panic's value
				t.Errorf("got %v", got)
			}
		}()
		send(s, "POST", "/things", `{"name":"a"}`)
	}()
	if w := send(s, "GET", "/things", ""); w.Code != 200 {
		t.Errorf("after it: got %d", w.Code)
	}
}

// A pipeline that answers nothing is a failure of ours, not a silent 200.
func TestPipelineWithoutAResponse(t *testing.T) {
	p := newTestAPI(t)
	p.api.Pipeline = nil
	if w := send(p.serve(t, Options{}), "GET", "/things", ""); w.Code != 500 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// A second request with the key of one that is still running is refused at once
// (S10), and replayed when that one is done.
func TestKeyOfARunningRequest(t *testing.T) {
	p := newTestAPI(t)
	keeper := NewIdempotency(p.schema)
	held, goOn := make(chan struct{}), make(chan struct{})
	p.api.Pipeline = []Stage{
		{"idempotency", keeper.LookUp},
		{"wait", func(x *RequestContext) error {
			if x.Request.Header.Get("X-First") != "" {
				close(held)
				<-goOn
			}
			return nil
		}},
		{"read", ReadBody}, {"contract", CheckContract}, {"handle", Invoke}, {"encode", Encode},
	}
	s := p.serve(t, Options{})
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- send(s, "POST", "/things", `{"name":"a"}`, "Idempotency-Key", "k", "X-First", "1") }()
	<-held
	if w := send(s, "POST", "/things", `{"name":"a"}`, "Idempotency-Key", "k"); w.Code != 409 || !strings.Contains(w.Body.String(), "idempotency_in_progress") {
		t.Errorf("meanwhile: got %d %s", w.Code, w.Body)
	}
	if w := send(s, "POST", "/things", `{"name":"a"}`, "Idempotency-Key", "other"); w.Code != 201 {
		t.Errorf("another key: got %d %s", w.Code, w.Body)
	}
	close(goOn)
	if w := <-first; w.Code != 201 {
		t.Errorf("the first: got %d %s", w.Code, w.Body)
	}
	w := send(s, "POST", "/things", `{"name":"a"}`, "Idempotency-Key", "k")
	if w.Code != 201 || w.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repetition: got %d %s", w.Code, w.Body)
	}
}

// textLoader is a document that is not compressed.
func textLoader(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}
