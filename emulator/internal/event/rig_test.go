package event_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

const contract = `
openapi: 3.0.3
info: {title: Notes, version: "1"}
paths:
  /notes:
    post:
      operationId: writeNote
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses: {'201': {description: ok}}
  /events:
    get:
      operationId: listEvents
      parameters:
        - {name: type, in: query, schema: {type: array, items: {type: string}}}
        - {name: project, in: query, schema: {type: string}}
        - {name: after, in: query, schema: {type: string}}
        - {name: cursor, in: query, schema: {type: string}}
        - {name: limit, in: query, schema: {type: integer}}
        - {name: wait, in: query, schema: {type: string}}
      responses: {'200': {description: ok}}
  /stream:
    get:
      operationId: streamEvents
      parameters:
        - {name: type, in: query, schema: {type: array, items: {type: string}}}
        - {name: project, in: query, schema: {type: string}}
        - {name: after, in: query, schema: {type: string}}
        - {name: start, in: query, schema: {type: boolean}}
      responses: {'200': {description: ok}}
`

// notes is a small API with events: the least that a log needs of one.
type notes struct {
	t      *testing.T
	world  *engine.World
	log    *event.Log
	server *httpapi.Server

	emitted []string // the types that Emitted got
	advance func(tx *engine.Tx, types []string) bool
	refusal error  // of Authorize
	unknown string // the project that does not exist
	steps   int    // counts the runs of noteStep
}

const noteStep = "note"

func newNotes(t *testing.T, mode engine.Mode) *notes {
	t.Helper()
	n := &notes{t: t}
	schema := engine.NewSchema()
	schema.AddStep(noteStep, func(tx *engine.Tx, subject string) {
		n.steps++
		n.log.Emit(tx, event.Draft{Type: subject, Object: map[string]int{"id": n.steps}})
	})
	n.log = event.New(schema, event.Config{
		Types: []string{"note.read", "note.written", "paper.bought", event.ResetEvent, event.RestoredEvent},
		Append: func(b []byte, e *event.Event, workspace, version string) []byte {
			o := resource.OpenObject(b)
			for _, m := range [...][2]string{{"id", e.ID}, {"type", e.Type}, {"workspace", workspace}, {"version", version}, {"request", e.RequestID}} {
				o.Text(m[0], m[1])
			}
			o.Raw("object", e.Object)
			return o.Close()
		},
		Emitted: func(_ *engine.Tx, e event.Event) { n.emitted = append(n.emitted, e.Type) },
		Project: func(_ *httpapi.Call, named string) (string, error) {
			if named != "" && named == n.unknown {
				return "", fail.New(fail.NotFound, "no_project", "no project")
			}
			return named, nil
		},
		Advance: func(tx *engine.Tx, types []string) bool { return n.advance != nil && n.advance(tx, types) },
		Authorize: func(_ *engine.Tx, caller httpapi.Caller) error {
			if caller.Token != "reader" {
				t.Errorf("the caller is %+v", caller)
			}
			return n.refusal
		},
		ErrorBody: func(err *fail.Error, requestID string) []byte {
			return []byte(`{"code":"` + err.Code + `","of":` + strconv.FormatBool(requestID != "") + `}`)
		},
		ObjectID: func(e *event.Event) string {
			var object struct{ ID json.Number }
			_ = json.Unmarshal(e.Object, &object)
			return object.ID.String()
		},
	})
	var err error
	n.world, err = engine.NewWorld(schema, engine.Config{ID: "w", Seed: 1, Clock: engine.Clock{Mode: mode, Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.world.Close)
	c, err := httpapi.LoadContract([]byte(contract), func() ([]byte, error) { return []byte(contract), nil })
	if err != nil {
		t.Fatal(err)
	}
	n.server, err = httpapi.NewServer(httpapi.Options{Home: n.world}, &httpapi.API{
		Contract: c,
		Handlers: []httpapi.Handler{
			httpapi.Handle("writeNote", n.write), httpapi.HandleUnlocked("listEvents", n.list), httpapi.HandleUnlocked("streamEvents", n.stream),
		},
		Pipeline: []httpapi.Stage{
			{Name: "caller", Run: caller}, {Name: "read", Run: httpapi.ReadBody}, {Name: "contract", Run: httpapi.CheckContract},
			{Name: "handle", Run: httpapi.Invoke}, {Name: "encode", Run: httpapi.Encode},
		},
		RenderError: func(_ *httpapi.RequestContext, err *fail.Error) httpapi.Response {
			return httpapi.Response{Status: 400, Body: []byte(`{"code":"` + err.Code + `"}`)}
		},
		Render: func(_ *httpapi.RequestContext, out any) any { return out },
		Known:  func(*httpapi.RequestContext, fail.Location, string) bool { return true },
		Strict: func(*httpapi.RequestContext) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func caller(x *httpapi.RequestContext) error {
	x.Caller.Token, x.Version = "reader", "v7"
	return x.World.Do(func(tx *engine.Tx) error { x.Open(tx); return nil })
}

type noteInput struct {
	Type    string         `json:"type"`
	Project string         `json:"project"`
	Before  map[string]any `json:"before"`
	Text    string         `json:"text"`
}

func (n *notes) write(c *httpapi.Call, in noteInput) (noteInput, error) {
	n.log.Emit(c.Tx, event.Draft{Type: in.Type, Project: in.Project, Object: in, Previous: in.Before, Cause: event.CauseOf(c)})
	return in, nil
}

type listInput struct {
	Types   []string `json:"-" query:"type"`
	Project string   `json:"-" query:"project"`
	After   string   `json:"-" query:"after"`
	Cursor  string   `json:"-" query:"cursor"`
	Limit   int      `json:"-" query:"limit"`
	Wait    string   `json:"-" query:"wait"`
}

type listBody struct {
	Code   string // of an error
	IDs    []string
	Types  []string
	Next   string
	Resume string
}

func (n *notes) list(ctx context.Context, c *httpapi.Call, in listInput) (out listBody, err error) {
	wait, _ := time.ParseDuration(in.Wait)
	p, err := n.log.Page(ctx, c, event.Query{
		Filter:   event.Filter{Types: in.Types, Project: in.Project},
		Position: resource.Position{Limit: max(in.Limit, 1), Cursor: in.Cursor, ByCursor: true}, After: in.After, Wait: wait,
	})
	for _, row := range p.Rows {
		out.IDs, out.Types = append(out.IDs, row.Value.ID), append(out.Types, row.Value.Type)
	}
	out.Next, out.Resume = p.Next, p.Resume
	return out, err
}

type streamInput struct {
	Types   []string `json:"-" query:"type"`
	Project string   `json:"-" query:"project"`
	After   string   `json:"-" query:"after"`
	Start   bool     `json:"-" query:"start"`
}

func (n *notes) stream(_ context.Context, c *httpapi.Call, in streamInput) (httpapi.Stream, error) {
	return n.log.Stream(c, event.Subscription{Filter: event.Filter{Types: in.Types, Project: in.Project}, After: in.After, FromStart: in.Start})
}

func (n *notes) do(f func(tx *engine.Tx)) {
	n.t.Helper()
	if err := n.world.Do(func(tx *engine.Tx) error { f(tx); return nil }); err != nil {
		n.t.Fatal(err)
	}
}

// emit emits events of the types.
func (n *notes) emit(types ...string) {
	n.t.Helper()
	n.do(func(tx *engine.Tx) {
		for _, t := range types {
			n.log.Emit(tx, event.Draft{Type: t, Object: struct{}{}})
		}
	})
}

// post writes a note as a client does.
func (n *notes) post(body string) {
	n.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://localhost/notes", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if n.server.ServeHTTP(w, r); w.Code != http.StatusCreated {
		n.t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// get asks for a list.
func (n *notes) get(query string) listBody {
	n.t.Helper()
	return n.ask("/events?" + query)
}

// ask sends a request that is answered with a list, or refused.
func (n *notes) ask(target string) (out listBody) {
	n.t.Helper()
	w := httptest.NewRecorder()
	n.server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+target, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		n.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return out
}

func (n *notes) want(what string, got []string, want ...string) {
	n.t.Helper()
	if !slices.Equal(got, want) {
		n.t.Errorf("%s %q, want %q", what, got, want)
	}
}

// client reads a stream.
type client struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

// frame is an event of a stream.
type frame struct{ id, event, data string }

// open opens a stream; lastID is the header Last-Event-ID, "" for none.
func (n *notes) open(query, lastID string) *client {
	r := httptest.NewRequest(http.MethodGet, "http://localhost/stream?"+query, nil)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	ctx, cancel := context.WithCancel(n.t.Context())
	from, to := io.Pipe()
	go func() {
		n.server.ServeHTTP(&piped{header: http.Header{}, PipeWriter: to}, r.WithContext(ctx))
		_ = to.Close()
	}()
	c := &client{n.t, bufio.NewScanner(from), func() { cancel(); _ = from.Close() }}
	n.t.Cleanup(c.close)
	if !c.lines.Scan() || c.lines.Text() != ":" {
		n.t.Fatalf("the stream begins with %q", c.lines.Text())
	}
	return c
}

// piped is a response that a pipe carries.
type piped struct {
	*io.PipeWriter
	header http.Header
}

func (p *piped) Header() http.Header { return p.header }
func (p *piped) WriteHeader(int)     {}
func (p *piped) Flush()              {}

// next returns the next event; the zero frame at the end of the stream.
func (c *client) next() (f frame) {
	for c.lines.Scan() {
		name, value, _ := strings.Cut(c.lines.Text(), ": ")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			f.data = value
		case "":
			if f.event != "" {
				return f
			}
		}
	}
	return f
}

// types reads so many events and returns their types.
func (c *client) types(count int) (out []string) {
	for range count {
		out = append(out, c.next().event)
	}
	return out
}
