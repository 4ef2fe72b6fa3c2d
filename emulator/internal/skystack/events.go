package skystack

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

type listEventsInput struct {
	paging
	Types     []string `json:"-" query:"type"`
	ProjectID string   `json:"-" query:"project_id"`
	After     string   `json:"-" query:"after"`
	Wait      string   `json:"-" query:"wait"`
}

// listEvents lists what has happened, oldest first, and waits for an event if it is
// asked to (S15). The wait is by the wall clock; in a world whose clock jumps to what a
// client waits for, it lets actions end.
//
//	GET /v1/events
func (a *API) listEvents(ctx context.Context, c *httpapi.Call, in listEventsInput) (eventsBody, error) {
	wait, details := waitTimeout(in.Wait)
	if details = append(unknownPatterns(in.Types), details...); len(details) > 0 {
		return eventsBody{}, fail.Parameters(details...)
	}
	p, err := a.events.Page(ctx, c, event.Query{
		Filter: event.Filter{Types: in.Types, Project: in.ProjectID}, Position: in.position(c.Version), After: in.After, Wait: wait,
	})
	if err != nil {
		return eventsBody{}, err
	}
	workspace := c.Workspace().ID()
	return eventsBody{body(p.Page, func(b []byte, e *event.Event, version string) []byte {
		return appendEvent(b, e, workspace, version)
	}), p.Resume}, nil
}

// unknownPatterns reports the patterns in the query that cover no type of event.
func unknownPatterns(types []string) (details []fail.Detail) {
	for _, p := range types {
		if !knownPattern(p) {
			details = append(details, fail.Detail{
				Field: "type", Location: fail.Query, Code: "unknown_value",
				Message: noEventType(p) + "; use a type such as instance.running, a family such as instance.*, or *.",
			})
		}
	}
	return details
}

const longestWait = 30 * time.Second

// waitTimeout returns how long a request waits for events, and the violation of an invalid text.
func waitTimeout(wait string) (d time.Duration, details []fail.Detail) {
	if wait == "" {
		return 0, nil
	}
	violation := fail.Detail{Field: "wait", Location: fail.Query}
	d, err := time.ParseDuration(wait)
	switch {
	case err != nil:
		violation.Code, violation.Message = "invalid_format", "wait must be a duration such as 30s or 500ms."
	case d < 0 || d > longestWait:
		violation.Code, violation.Message = "out_of_range", "wait must be between 0s and 30s."
	default:
		return d, nil
	}
	return 0, []fail.Detail{violation}
}

type streamEventsInput struct {
	Types     []string `json:"-" query:"type"`
	ProjectID string   `json:"-" query:"project_id"`
	After     string   `json:"-" query:"after"`
	From      string   `json:"-" query:"from"`
}

// streamEvents sends events as they happen, as server-sent events (S15). It
// begins after the event that the client saw last, at the start, or with the present.
//
//	GET /v1/events/stream
func (a *API) streamEvents(_ context.Context, c *httpapi.Call, in streamEventsInput) (httpapi.Stream, error) {
	if details := unknownPatterns(in.Types); len(details) > 0 {
		return httpapi.Stream{}, fail.Parameters(details...)
	}
	if in.After != "" && in.From != "" {
		return httpapi.Stream{}, conflictingQuery("after and from are two places to begin at; send one.", "after", "from")
	}
	return a.events.Stream(c, event.Subscription{
		Filter: event.Filter{Types: in.Types, Project: in.ProjectID}, After: in.After, FromStart: in.From == event.Start,
	})
}

// conflictingQuery refuses parameters that exclude each other.
func conflictingQuery(message string, fields ...string) error {
	e := &fail.Error{Kind: fail.Invalid, Code: "conflicting_parameters", Message: message}
	for _, f := range fields {
		e.Details = append(e.Details, fail.Detail{Field: f, Location: fail.Query, Code: "conflicting_parameters", Message: message})
	}
	return e
}

// mayStream returns why a key may not read on in a stream that it opened; nil if it may.
func (a *API) mayStream(tx *engine.Tx, caller httpapi.Caller) error {
	t, err := a.Credentials.Valid(tx, caller.Token, caller.Digest)
	if err == nil && (t.ProjectID != caller.Project || !credential.Grants(t.Scopes, "events:read")) { // another state has it with other rights
		return unauthenticated("invalid_token", "The token has other rights now; begin again.")
	}
	return err
}

type eventInput struct {
	ID string `json:"-" path:"id"`
}

// getEvent shows an event as long as it is kept (S15).
//
//	GET /v1/events/{id}
func (a *API) getEvent(c *httpapi.Call, in eventInput) (eventBody, error) {
	e, ok := a.events.Find(c.Tx, in.ID)
	if !ok {
		return eventBody{}, noEvent(in.ID)
	}
	return eventBody{e, c.Workspace().ID(), defaultVersion}, nil
}

func noEvent(id string) error {
	return fail.Newf(fail.NotFound, "event_not_found", "There is no event %q in this workspace, or it is no longer kept.", fail.Clip(id))
}

// eventsBody is a list of events, and where it can be continued.
type eventsBody struct {
	listBody[event.Event]
	resume string
}

func (b eventsBody) in(version string) any {
	b.version = version
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b eventsBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b eventsBody) AppendJSON(to []byte) []byte {
	to = b.listBody.AppendJSON(to)
	if b.version == pageEra {
		return to
	}
	o := resource.ReopenObject(to)
	o.Text("resume_cursor", b.resume)
	return o.Close()
}

// eventBody is an event on the wire.
type eventBody struct {
	event              event.Event
	workspace, version string
}

func (b eventBody) in(version string) any {
	b.version = version
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b eventBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b eventBody) AppendJSON(to []byte) []byte {
	return appendEvent(to, &b.event, b.workspace, b.version)
}

// appendEvent appends an event as a client of a version sees it, and as it is delivered
// (5.2); "" is the default version.
func appendEvent(to []byte, e *event.Event, workspace, version string) []byte {
	version = cmp.Or(version, defaultVersion)
	o := resource.OpenObject(to)
	o.Text("id", e.ID)
	o.Text("type", e.Type)
	o.Text("api_version", version)
	o.Time("created_at", e.At)
	o.Time("timestamp", e.At)
	o.Text("workspace_id", workspace)
	o.TextOrNull("project_id", e.ProjectID)
	o.Name("sequence")
	o.B = strconv.AppendUint(o.B, e.Sequence, 10)
	o.Name("data")
	data := resource.OpenObject(o.B)
	data.Raw("object", membersIn(version, e.Type, e.Object))
	data.Raw("previous_attributes", membersIn(version, e.Type, e.Previous))
	if len(e.Omitted) > 0 {
		omitted, _ := httpapi.EncodeJSON(e.Omitted)
		data.Raw("omitted", omitted)
	}
	o.B = data.Close()
	if e.RequestID == "" {
		o.Null("request")
		return o.Close()
	}
	o.Name("request")
	request := resource.OpenObject(o.B)
	request.Text("id", e.RequestID)
	request.TextOrNull("idempotency_key", e.IdempotencyKey)
	o.B = request.Close()
	return o.Close()
}

// membersIn returns the object of an event, or what it had before, as another version
// has it: the strict ones only leave members out (6.2).
func membersIn(version, eventType string, members jsontext.Value) jsontext.Value {
	if version == defaultVersion || members == nil || !strings.HasPrefix(eventType, "instance.") {
		return members
	}
	unknown := []string{"size"}
	if version == pageEra {
		unknown = []string{"profile", "autoscale", "autoscale_policy"}
	}
	return resource.Without(members, "", unknown)
}
