// Package event keeps the log of events of an API, and serves it as a list, as a long
// poll and as a stream of server-sent events. A Log knows which events a client has
// not seen yet, also across resets and restores of the world. The API brings its types
// of events, its bodies and what follows an event; see Config.
package event

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// Config connects a log to the API whose events it keeps. All functions but ErrorBody
// and ObjectID are called in transactions.
type Config struct {
	// Prefix distinguishes the table and the counters from those of other APIs in the same
	// worlds; "" is that of one API.
	Prefix string
	// Types are the types of events there are, ResetEvent and RestoredEvent included. It
	// is required.
	Types []string
	// Append appends an event to b, as compact JSON, as clients of an API version see
	// it; the version is the one of the call. It is required.
	Append func(b []byte, e *Event, workspace, version string) []byte
	// Emitted is called after Emit recorded an event, and after a reset recorded
	// its own: it delivers the event to webhooks, for example. Nil does nothing.
	Emitted func(tx *engine.Tx, e Event)
	// Project returns the project to which a client limits its events, "" for none,
	// when the client names one in the query, "" for none. Its error refuses the
	// request. Nil limits to the one that is named.
	Project func(c *httpapi.Call, named string) (string, error)
	// Advance moves time to the next booking that a client waits for, if the clock of
	// the world jumps there, and reports whether it did. types are the patterns that
	// the client named; nil unless nothing else is booked. Nil never moves time.
	Advance func(tx *engine.Tx, types []string) bool
	// Authorize returns why the credential of an open stream may not read on; nil
	// when it may. It is required.
	Authorize func(tx *engine.Tx, caller httpapi.Caller) error
	// ErrorBody returns the error that ends the stream of a request, as JSON on one
	// line. It is required.
	ErrorBody func(err *fail.Error, requestID string) []byte
	// ObjectID returns the id of the object that an event is about; nil knows none.
	ObjectID func(e *Event) string
	// Closing ends requests that wait, and streams; nil never does.
	Closing context.Context
}

// Log keeps the events of an API. It is made before the worlds that use its table.
type Log struct {
	// Rows are for reading; the methods change them.
	Rows *engine.Table[Event]

	config Config
	// sequence names the counter of the events of a world, and dropped that of the events
	// that are no longer kept.
	sequence, dropped string
	waits             waits
}

// How much of the past is kept: by age, and so that a world stays small.
const (
	// Lifetime is how long an event is kept.
	Lifetime = 30 * 24 * time.Hour
	// maxEvents bounds how many events of a world are kept.
	maxEvents = 100_000
	// minEvents are kept even where the budget of the world has no room.
	minEvents = 100
)

// New adds the table and the hook of a log to a schema.
func New(schema *engine.Schema, c Config) *Log {
	if c.Project == nil {
		c.Project = func(_ *httpapi.Call, named string) (string, error) { return named, nil }
	}
	if c.Emitted == nil {
		c.Emitted = func(*engine.Tx, Event) {}
	}
	if c.Advance == nil {
		c.Advance = func(*engine.Tx, []string) bool { return false }
	}
	if c.ObjectID == nil {
		c.ObjectID = func(*Event) string { return "" }
	}
	if c.Closing == nil {
		c.Closing = context.Background()
	}
	l := &Log{config: c, sequence: c.Prefix + "event", dropped: engine.OfRows + "dropped/" + c.Prefix + "events"}
	l.Rows = engine.AddTable(schema, engine.Kind[Event]{Name: c.Prefix + "events", Check: l.checkSaved, Internal: engine.Always[Event]})
	schema.OnReset(l.emitReset)
	return l
}

// Emit records an event and hands it to what follows events.
func (l *Log) Emit(tx *engine.Tx, d Draft) { l.config.Emitted(tx, l.Record(tx, d)) }

// Record records an event, and does not hand it on.
func (l *Log) Record(tx *engine.Tx, d Draft) Event {
	object, ok := d.Object.(jsontext.Value)
	if !ok {
		object = encode(d.Object)
	}
	e := Event{
		ID: l.Rows.NewID(tx, "evt"), Type: d.Type, Sequence: tx.Count(l.sequence) + 1, ProjectID: d.Project,
		Object: object, Previous: encodePrevious(d.Previous), At: tx.Now(),
	}
	if d.Cause != nil {
		e.RequestID, e.IdempotencyKey = d.Cause.RequestID, d.Cause.IdempotencyKey
	}
	e.limitSize()
	l.add(tx, e)
	return e
}

// add adds an event, and drops events that are too old, or too many.
func (l *Log) add(tx *engine.Tx, e Event) {
	l.Rows.Put(tx, e.ID, e)
	for n := 0; ; n++ {
		oldest, ok := l.Rows.At(tx, 0)
		// An event cannot be refused: where the budget has no room for it, the oldest
		// ones go sooner, two for each new one.
		overBudget := n < 2 && l.Rows.Len(tx) > minEvents && tx.CheckBudget(0) != nil
		if !ok || l.Rows.Len(tx) <= maxEvents && e.At.Sub(oldest.Value.At) < Lifetime && !overBudget {
			return
		}
		l.Rows.Delete(tx, oldest.ID)
		tx.Count(l.dropped)
	}
}

// Find finds an event by its id, or by the position that a stream gave with it.
func (l *Log) Find(tx *engine.Tx, id string) (Event, bool) {
	if e, ok := l.Rows.Get(tx, id); ok {
		return e, true
	}
	id = withoutGeneration(tx, id)
	if e, ok := l.Rows.Get(tx, id); ok {
		return e, true
	}
	notice := l.notice(tx)
	return notice, notice.ID == id && tx.Generation().Origin == engine.WasRestored
}
