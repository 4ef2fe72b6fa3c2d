package skystack

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// eventFilter is which events a client wants; the zero filter is all.
type eventFilter struct {
	types   []string // patterns; empty for any type
	project string   // "" for any, and those of no project
}

func (f *eventFilter) wants(e *Event) bool {
	return (f.project == "" || f.project == e.ProjectID) &&
		(len(f.types) == 0 || slices.ContainsFunc(f.types, func(p string) bool { return selects(p, e.Type) }))
}

// unknownPatterns finds the patterns that cover no type of event.
func unknownPatterns(field string, in fail.Location, wanted []string) (details []fail.Detail) {
	for _, p := range wanted {
		if !knownPattern(p) {
			details = append(details, fail.Detail{
				Field: field, Location: in, Code: "unknown_value",
				Message: noEventType(p) + "; use a type such as instance.running, a family such as instance.*, or *.",
			})
		}
	}
	return details
}

type listEventsInput struct {
	paging
	Types     []string `json:"-" query:"type"`
	ProjectID string   `json:"-" query:"project_id"`
	After     string   `json:"-" query:"after"`
	Wait      string   `json:"-" query:"wait"`
}

const longestWait = 30 * time.Second

// waitTimeout is how long a request waits for events, and what is wrong with the text.
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

// listEvents lists what has happened, oldest first, and waits for something to
// happen if it is asked to (S15). The wait is by the wall clock; in a world whose
// clock jumps to what a client waits for, it lets actions end.
//
//	GET /v1/events
func (a *API) listEvents(ctx context.Context, c *httpapi.Call, in listEventsInput) (out eventsBody, err error) {
	d, details := waitTimeout(in.Wait)
	if details = append(unknownPatterns("type", fail.Query, in.Types), details...); len(details) > 0 {
		return out, fail.Parameters(details...)
	}
	look := func(c *httpapi.Call) (err error) {
		out, err = a.eventsPage(c, in)
		return err
	}
	if err := c.Do(look); err != nil || d == 0 || len(out.Rows) > 0 {
		return out, err
	}
	if err := a.waits.enter(c.Workspace(), "too_many_waiting"); err != nil {
		return out, err
	}
	defer a.waits.leave(c.Workspace())
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	defer context.AfterFunc(a.Closing, cancel)()
	for {
		switch err := a.awaitEvent(ctx, c, &out); {
		case errors.Is(err, errGone):
			return out, nil
		case err != nil || ctx.Err() != nil:
			return out, err
		}
		if err := c.Do(look); err != nil || len(out.Rows) > 0 {
			return out, err
		}
	}
}

// awaitEvent waits until something has happened after an empty page that could
// fill it, or the context ends. The error is errGone when nothing will happen any
// more.
func (a *API) awaitEvent(ctx context.Context, c *httpapi.Call, empty *eventsBody) error {
	for ctx.Err() == nil {
		changed, found, hurried := c.Workspace().Changed(), false, false
		err := c.Do(func(c *httpapi.Call) error {
			if c.Closed() {
				return errGone
			}
			if found = c.Generation() != empty.gen; found {
				return nil
			}
			for row := range a.events.After(c.Tx, empty.last) {
				empty.last = row.Seq
				if found = empty.filter.wants(&row.Value); found {
					return nil
				}
			}
			if hurried = a.hurry(c.Tx); !hurried && len(empty.further) > 0 {
				hurried, empty.further = a.hurry(c.Tx, empty.further...), nil // once: what repeats never ends
			}
			return nil
		})
		if err != nil || found {
			return err
		}
		if hurried {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// hurry moves time to the next end of an action or start of a run that waits, if the
// world's clock jumps to what a client waits for, and reports whether it did. Further
// steps are waited for too. It goes no further than to the next reset, which would
// begin everything again.
func (a *API) hurry(tx *engine.Tx, further ...string) bool {
	if tx.Mode() != engine.Auto || a.settingsOf(tx).Progression.reads() > 0 {
		return false
	}
	next, ok := tx.Next(append(further, finishStep, runStep)...)
	if reset := tx.NextReset(); !ok || !reset.IsZero() && reset.Before(next.At) {
		return false
	}
	tx.AdvanceTo(next.At)
	return true
}

// eventsPage reads the page that a client asked for.
func (a *API) eventsPage(c *httpapi.Call, in listEventsInput) (out eventsBody, err error) {
	out.gen, out.filter.types, out.further = c.Generation(), in.Types, furtherSteps(in.Types)
	if out.filter.project, err = a.listedProject(c, in.ProjectID); err != nil {
		return out, err
	}
	v := resource.List[Event]{Table: a.events, Project: func(e Event) string { return e.ProjectID }, Name: strings.Join([]string{
		"events", out.filter.project, strings.Join(in.Types, ","), // a cursor goes on after what it has seen, whatever after says
	}, "\x01")}
	if len(in.Types) > 0 || out.filter.project != "" {
		v.Keep = func(e Event) bool { return out.filter.wants(&e) }
	}
	if err := v.Bind(c.Project); err != nil {
		return out, err
	}
	lost := false // the position is of another history
	if in.After != "" {
		after, ok := a.placeAt(c.Tx, in.After)
		if lost = !ok; ok {
			v.Floor = after.seq
		}
	}
	if in.Cursor != "" && in.Page == 0 { // else it is refused, as an invalid one is
		last, err := resource.OpenCursor(c.Tx, v.Name, in.Cursor)
		switch {
		case errors.Is(err, resource.ErrOtherGeneration) || err == nil && !a.isKept(c.Tx, last):
			lost, in.Cursor, v.Floor = true, "", 0
		case err == nil && (lost || last < v.Floor): // the walk began anew and goes on
			lost, v.Floor = false, 0
		}
	}
	var notice Event
	if lost {
		notice, lost = a.notified(c.Tx, &out.filter)
	}
	v.Led = lost
	latest := a.latest(c.Tx).seq // before the list is read, which may be while others go on
	p, err := list(c, v, in.paging)
	if err != nil {
		return out, err
	}
	if n := len(p.Rows); n > 0 {
		out.last = p.Rows[n-1].Seq
	} else if out.last = resource.OldestRow; !lost || p.Total == 1 {
		out.last = latest
	}
	if lost && p.Number == 1 {
		p.Rows = slices.Insert(p.Rows, 0, engine.Row[Event]{ID: notice.ID, Value: notice})
	}
	world := c.Workspace().ID()
	out.listBody = body(p, func(b []byte, e *Event, version string) []byte {
		return e.write(b, world, cmp.Or(version, defaultVersion))
	})
	out.resume = resource.NewCursor(c.Tx, out.gen, v.Name, out.last)
	return out, nil
}

// eventsBody is a list of events, and where it can be continued.
type eventsBody struct {
	listBody[Event]
	resume string
	// What a client goes on waiting with when the list is empty.
	filter eventFilter
	gen    engine.Generation
	last   uint64 // the row after which events are new
	// further is what is waited for when nothing is under way, because the client
	// asked for what comes of it by name.
	further []string
}

// furtherSteps are the steps that lead to the types of events that are asked for.
func furtherSteps(types []string) (steps []string) {
	for _, family := range [...]struct{ prefix, step string }{{"job.", tickStep}, {"webhook.", webhook.AttemptStep}, {"autoscale.", evaluateStep}} {
		if slices.ContainsFunc(types, func(t string) bool { return strings.HasPrefix(t, family.prefix) }) {
			steps = append(steps, family.step)
		}
	}
	return steps
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

type eventInput struct {
	ID string `json:"-" path:"id"`
}

// getEvent shows an event as long as it is kept (S15).
//
//	GET /v1/events/{id}
func (a *API) getEvent(c *httpapi.Call, in eventInput) (eventBody, error) {
	e, ok := a.eventNamed(c.Tx, in.ID)
	if !ok {
		return eventBody{}, noEvent(in.ID)
	}
	return eventBody{e, c.Workspace().ID(), defaultVersion}, nil
}

func noEvent(id string) error {
	return fail.Newf(fail.NotFound, "event_not_found", "There is no event %q in this workspace, or it is no longer kept.", fail.Clip(id))
}

// eventNamed finds an event by its id, or by the id that a stream gave it.
func (a *API) eventNamed(tx *engine.Tx, id string) (Event, bool) {
	if e, ok := a.events.Get(tx, id); ok {
		return e, true
	}
	id, _ = strings.CutSuffix(id, "."+generationText(tx.Generation()))
	if e, ok := a.events.Get(tx, id); ok {
		return e, true
	}
	notice := a.notice(tx)
	return notice, notice.ID == id && tx.Generation().Origin == engine.WasRestored
}

// eventBody is an event on the wire.
type eventBody struct {
	event              Event
	workspace, version string
}

func (b eventBody) in(version string) any {
	b.version = version
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b eventBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b eventBody) AppendJSON(to []byte) []byte { return b.event.write(to, b.workspace, b.version) }
