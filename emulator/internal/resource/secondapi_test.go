package resource_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// A second API made of the shared rooms: notes that are written as forms, listed in pages
// of its own style, recorded as events and delivered to webhooks, for its own keys and
// with its own limits and errors. It shares a server and a world with the SkyStack API.

const notesDocument = `
openapi: 3.0.3
info: {title: Notes, version: "1"}
security: [{key: []}]
paths:
  /notes:
    get: &list
      operationId: listNotes
      x-scope: notes:read
      parameters: [{name: p, in: query, schema: {type: integer, minimum: 1}}]
      responses: {'200': {description: ok}}
    post:
      operationId: writeNote
      x-scope: notes:write
      requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {
        type: object, required: [text], properties: {text: {type: string, minLength: 1}}}}}}
      responses: {'201': {description: written}}
  /notes/history: {get: {<<: *list, operationId: listHistory}}
components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
`

type note struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

type notesAPI struct {
	notes  *engine.Table[note]
	keys   *credential.Store
	events *event.Log
	hooks  *webhook.Outbox
}

func newNotesAPI(schema *engine.Schema, registry *engine.Registry, receiver http.RoundTripper) *notesAPI {
	a := &notesAPI{notes: engine.AddTable(schema, engine.Kind[note]{Name: "notes"})}
	exists := func(*engine.Tx, string) bool { return true }
	a.keys = credential.New(schema, credential.Config{
		Prefix: "notes_", IDPrefix: "key", SecretPrefix: "note_", Scopes: []string{"*"}, Registry: registry, ProjectExists: exists,
		Refuse: func(_ credential.Key, s credential.Status) error {
			return fail.New(fail.Unauthenticated, "key_"+string(s), "")
		},
		Limits: func(*engine.Tx) credential.Limits {
			return credential.Limits{Limited: true, Policy: limit.Policy{PerMinute: new(6)}}
		},
	})
	a.events = event.New(schema, event.Config{
		Prefix: "notes_", Types: []string{"note.written", event.ResetEvent, event.RestoredEvent}, Append: appendNoteEvent,
		Emitted:   func(tx *engine.Tx, e event.Event) { a.hooks.Post(tx, webhook.Event{ID: e.ID, Type: e.Type}) },
		Authorize: func(*engine.Tx, httpapi.Caller) error { return nil },
		ErrorBody: func(err *fail.Error, _ string) []byte { return []byte(err.Code) },
	})
	a.hooks = webhook.New(schema, webhook.Config{
		Prefix: "notes_", Product: "Notes", Sender: &webhook.Sender{Transport: receiver}, Findings: &finding.Log{}, KeepFor: time.Hour,
		Selects: event.Selects, ProjectExists: exists,
		Render: func(tx *engine.Tx, id, version string) ([]byte, bool) {
			e, ok := a.events.Find(tx, id)
			return appendNoteEvent(nil, &e, "", version), ok
		},
	})
	return a
}

func appendNoteEvent(b []byte, e *event.Event, _, _ string) []byte {
	return fmt.Appendf(b, `{"what":%q,"note":%s}`, e.Type, e.Object)
}

// pages lists a table in pages of two, with how many pages there are.
func pages[T any](l resource.List[T], show func(T) any) httpapi.Handler {
	return httpapi.Handle(l.Name, func(c *httpapi.Call, in struct {
		P int `json:"-" query:"p"`
	}) (map[string]any, error) {
		var items []any
		p, err := l.Read(c, resource.Position{Page: in.P, Limit: 2})
		for _, row := range p.Rows {
			items = append(items, show(row.Value))
		}
		return map[string]any{"items": items, "pages": (p.Total + 1) / 2}, err
	})
}

func (a *notesAPI) write(c *httpapi.Call, in note) (note, error) {
	in.ID = fmt.Sprintf("note_%d", a.notes.Len(c.Tx)+1)
	a.notes.Put(c.Tx, in.ID, in)
	a.events.Emit(c.Tx, event.Draft{Type: "note.written", Object: in, Cause: event.CauseOf(c)})
	return in, nil
}

func (a *notesAPI) http(t *testing.T) *httpapi.API {
	contract, err := httpapi.LoadContract([]byte(notesDocument), func() ([]byte, error) { return []byte(notesDocument), nil })
	if err != nil {
		t.Fatal(err)
	}
	return &httpapi.API{
		Contract: contract, Prefix: "/notes", Admitted: a.keys.Readmit,
		Handlers: []httpapi.Handler{
			httpapi.Handle("writeNote", a.write),
			pages(resource.List[note]{Name: "listNotes", Table: a.notes, Shared: true}, func(n note) any { return n }),
			pages(resource.List[event.Event]{Name: "listHistory", Table: a.events.Rows, Shared: true, NewestFirst: true}, func(e event.Event) any {
				return fmt.Sprint(e.Sequence, " ", e.Type)
			}),
		},
		Pipeline: []httpapi.Stage{
			{Name: "authenticate", Run: func(x *httpapi.RequestContext) error {
				_, err := a.keys.Admit(x, x.Request.Header.Get("X-Key"), "")
				return err
			}},
			{Name: "allow", Run: func(x *httpapi.RequestContext) error {
				if d, _ := x.Admission.(*limit.Decision); !d.Allowed {
					return &fail.Error{Kind: fail.RateLimited, Code: "slow_down", RetryAfter: time.Duration(d.RetryAfter) * time.Second}
				}
				if !credential.Grants(x.Caller.Scopes, x.Op.Scope) {
					return fail.New(fail.Forbidden, "not_yours", "")
				}
				return nil
			}},
			{Name: "read", Run: httpapi.ReadBody}, {Name: "contract", Run: httpapi.CheckContract},
			{Name: "handle", Run: httpapi.Invoke}, {Name: "encode", Run: httpapi.Encode},
		},
		RenderError: func(_ *httpapi.RequestContext, err *fail.Error) httpapi.Response {
			status := map[fail.Kind]int{fail.Unauthenticated: 401, fail.Forbidden: 403, fail.NotFound: 404, fail.MethodNotAllowed: 405, fail.Invalid: 422, fail.RateLimited: 420}[err.Kind]
			return httpapi.Response{Status: status, Type: "text/plain", Body: []byte("notes: " + err.Code)}
		},
	}
}
