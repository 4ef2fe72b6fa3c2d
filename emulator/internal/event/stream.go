package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Subscription is the stream of events that a client asks for.
type Subscription struct {
	Filter
	// After is the position, or the id of the event, after which the stream begins; "" for
	// the present. The header Last-Event-ID is used instead when the client sends it.
	After string
	// FromStart begins with the oldest event that is kept, unless there is a position.
	FromStart bool
}

// Stream sends events as they happen, as server-sent events (S15). The call must have no
// transaction. The stream ends when the client, the world or the credential does.
func (l *Log) Stream(c *httpapi.Call, sub Subscription) (httpapi.Stream, error) {
	s := &stream{log: l, world: c.Workspace(), caller: c.Caller, request: c.RequestID, version: c.Version, filter: sub.Filter}
	err := c.Do(func(c *httpapi.Call) (err error) {
		s.gen = c.Generation()
		if s.filter.Project, err = l.config.Project(c, sub.Project); err != nil {
			return err
		}
		s.place, s.restart = l.beginning(c, sub)
		return nil
	})
	if err != nil {
		return httpapi.Stream{}, err
	}
	if err := l.waits.acquire(s.world, "too_many_streams"); err != nil {
		return httpapi.Stream{}, err
	}
	return httpapi.Stream{Type: "text/event-stream", Run: s.run, Done: func() { l.waits.release(s.world) }}, nil
}

// beginning is the place where a stream begins, and whether the history restarts because
// the position of the client is of another one. A client that reconnects sends the
// last id that it received in a header, while its URL stays the same: the header counts.
func (l *Log) beginning(c *httpapi.Call, sub Subscription) (at place, restart bool) {
	position := cmp.Or(c.RequestHeader("Last-Event-Id"), sub.After)
	switch {
	case position != "":
		at, known := l.placeAt(c.Tx, position)
		return at, !known
	case sub.FromStart:
		return l.oldest(c.Tx), false
	}
	return l.latest(c.Tx), false
}

const (
	// heartbeatInterval is how often a stream sends something, so that no proxy closes
	// it as idle.
	heartbeatInterval = 15 * time.Second
	// maxSelected and maxScanned bound how many events a stream takes, and looks at, in
	// one transaction.
	maxSelected = 128
	maxScanned  = 4096
)

// stream sends events to one client. It has no queue: it reads the table from its
// place, as fast as its client reads.
type stream struct {
	log     *Log
	world   *engine.World
	caller  httpapi.Caller
	request string
	version string
	filter  Filter

	place
	gen     engine.Generation
	restart bool    // the history is another one: its notice comes next, and then all of it
	begun   bool    // the first event was written
	sent    string  // the id of the notice that was sent last
	events  []Event // of one batch
	buf     []byte
	idle    context.Context // ends when a heartbeat is due
	stop    context.CancelFunc
}

// batch is the result of one read of the table, besides the events.
type batch struct {
	notice *Event // precedes the events of a history that restarts; nil for none
	end    error  // why the stream ends; nil if it goes on
	again  bool   // there is more to read at once
}

var (
	errEnded = fmt.Errorf("the workspace has ended: %w", sandbox.ErrNotFound)
	errLost  = &fail.Error{
		Kind: fail.Invalid, Code: "invalid_cursor", Message: "Events came faster than they were read, and some of them are no longer kept; begin again.",
	}
)

// run sends events until the client disconnects, or the credential, the world or the
// sandbox ends.
func (s *stream) run(ctx context.Context, w *httpapi.StreamWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.log.config.Closing, cancel)()
	s.buf = s.buf[:0]
	s.heartbeat()
	if _, err := w.Write(s.buf); err != nil {
		return err
	}
	s.idle, s.stop = context.WithTimeout(ctx, heartbeatInterval)
	defer func() { s.stop() }()
	for {
		changed := s.world.Changed()
		s.buf = s.buf[:0]
		b := s.read()
		s.write(b)
		if errors.Is(s.idle.Err(), context.DeadlineExceeded) { // not when the stream itself ends
			s.stop()
			s.idle, s.stop = context.WithTimeout(ctx, heartbeatInterval)
			s.heartbeat()
		}
		if len(s.buf) > 0 {
			if _, err := w.Write(s.buf); err != nil {
				return err
			}
		}
		if b.end != nil {
			return b.end
		}
		if b.again && ctx.Err() == nil {
			continue
		}
		select {
		case <-changed:
		case <-s.idle.Done():
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// read takes the next events from the table.
func (s *stream) read() (b batch) {
	s.events = s.events[:0]
	l := s.log
	_ = s.world.Do(func(tx *engine.Tx) error {
		if tx.Closed() {
			b.end = errEnded
			return nil
		}
		if b.end = l.config.Authorize(tx, s.caller); b.end != nil {
			return nil
		}
		if now := tx.Generation(); now != s.gen {
			s.gen, s.restart = now, true
		}
		if s.restart {
			s.restart, b.notice = false, s.rewind(tx)
		}
		scanned := 0
		for row := range l.Rows.After(tx, s.row) {
			if scanned++; len(s.events) == maxSelected || scanned > maxScanned {
				b.again = true
				return nil
			}
			if row.Value.Sequence > s.sequence+1 && row.Value.Type != ResetEvent { // a reset goes on counting
				b.end = errLost
				return nil
			}
			s.place = after(row)
			if row.ID == s.sent {
				continue
			}
			if row.Value.Type == ResetEvent || s.filter.Selects(&row.Value) {
				s.events = append(s.events, row.Value)
			}
		}
		// Where time moves only when a client waits, no other change may come: read again.
		b.again = len(s.events) > 0 && tx.Mode() == engine.Auto || len(s.events) == 0 && l.config.Advance(tx, nil)
		return nil
	})
	return b
}

// rewind goes to the start of the history, and returns the notice that comes first;
// nil if an event of the history says the same.
func (s *stream) rewind(tx *engine.Tx) *Event {
	s.place, s.sent = s.log.oldest(tx), ""
	notice, needed := s.log.neededNotice(tx, &Filter{}) // whatever the client filters
	if !needed {
		return nil
	}
	s.sent = notice.ID
	return &notice
}

// write adds a batch and its events to the buffer.
func (s *stream) write(b batch) {
	if b.notice != nil { // its id is the start, so that a client that has it alone gets all events
		s.event(place{id: Start}, b.notice)
	}
	for n := range s.events {
		e := &s.events[n]
		s.event(place{id: e.ID}, e)
	}
	if b.end == nil || errors.Is(b.end, errEnded) {
		return
	}
	name := "auth"
	if errors.Is(b.end, errLost) {
		name = "gap"
	}
	s.frame("", name)
	s.buf = append(append(s.buf, s.log.config.ErrorBody(fail.Of(b.end), s.request)...), "\n\n"...)
}

// event adds an event with the place from which a client reads on.
func (s *stream) event(at place, e *Event) {
	s.frame(at.position(s.gen), e.Type)
	s.buf = append(s.log.config.Append(s.buf, e, s.world.ID(), s.version), "\n\n"...)
}

// frame begins an event of the stream, up to its data. The first one says how soon a
// client should reconnect: in a frame of its own, some clients would take that for an
// event that is empty.
func (s *stream) frame(id, name string) {
	if !s.begun {
		s.begun = true
		s.buf = append(s.buf, "retry: 1000\n"...)
	}
	if id != "" {
		s.buf = append(append(append(s.buf, "id: "...), id...), '\n')
	}
	s.buf = append(append(append(s.buf, "event: "...), name...), "\ndata: "...)
}

// heartbeat adds a comment alone, without the empty line that ends an event: several
// clients emit an event for each such line, with or without data. Some keep what
// comes before it in a buffer of 64 KiB, so the comment is short.
func (s *stream) heartbeat() { s.buf = append(s.buf, ":\n"...) }
