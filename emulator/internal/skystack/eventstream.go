package skystack

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

type streamEventsInput struct {
	Types     []string `json:"-" query:"type"`
	ProjectID string   `json:"-" query:"project_id"`
	After     string   `json:"-" query:"after"`
	From      string   `json:"-" query:"from"`
}

// streamEvents sends events as they happen, as server-sent events (S15). It
// begins after the event the client saw last, at the start, or with the present.
//
//	GET /v1/events/stream
func (a *API) streamEvents(_ context.Context, c *httpapi.Call, in streamEventsInput) (httpapi.Stream, error) {
	if details := unknownPatterns("type", fail.Query, in.Types); len(details) > 0 {
		return httpapi.Stream{}, fail.Parameters(details...)
	}
	if in.After != "" && in.From != "" {
		return httpapi.Stream{}, conflictingQuery("after and from are two places to begin at; send one.", "after", "from")
	}
	s := &feed{api: a, world: c.Workspace(), caller: c.Caller, request: c.RequestID, version: cmp.Or(c.Version, defaultVersion)}
	err := c.Do(func(c *httpapi.Call) (err error) {
		s.gen, s.filter.types = c.Generation(), in.Types
		if s.filter.project, err = a.listedProject(c, in.ProjectID); err != nil {
			return err
		}
		s.place, s.anew = a.beginning(c, in)
		return nil
	})
	if err != nil {
		return httpapi.Stream{}, err
	}
	if err := a.waits.enter(s.world, "too_many_streams"); err != nil {
		return httpapi.Stream{}, err
	}
	return httpapi.Stream{Type: "text/event-stream", Run: s.run, Done: func() { a.waits.leave(s.world) }}, nil
}

// beginning is the place a stream begins at, and whether it begins anew because the
// place that the client knows is of another history. A client that comes back says
// in a header what it has seen, while the URL stays what it was: the header counts.
func (a *API) beginning(c *httpapi.Call, in streamEventsInput) (at place, anew bool) {
	after := cmp.Or(c.RequestHeader("Last-Event-Id"), in.After)
	switch {
	case after != "":
		at, known := a.placeAt(c.Tx, after)
		return at, !known
	case in.From == theStart:
		return a.oldest(c.Tx), false
	}
	return a.latest(c.Tx), false
}

// conflictingQuery refuses parameters that exclude each other.
func conflictingQuery(message string, fields ...string) error {
	e := &fail.Error{Kind: fail.Invalid, Code: "conflicting_parameters", Message: message}
	for _, f := range fields {
		e.Details = append(e.Details, fail.Detail{Field: f, Location: fail.Query, Code: "conflicting_parameters", Message: message})
	}
	return e
}

const (
	// heartbeat is how often a stream shows that it lives, so that nothing between
	// it and the client takes it for dead.
	heartbeat = 15 * time.Second
	// maxGlance and maxPassed bound how many events a stream takes, and passes, in
	// one transaction.
	maxGlance = 128
	maxPassed = 4096
)

// feed is a stream of events. Nothing is queued for it: it reads the table from
// the place where it is, as fast as its client reads.
type feed struct {
	api     *API
	world   *engine.World
	caller  httpapi.Caller
	request string
	version string
	filter  eventFilter

	place
	gen   engine.Generation
	anew  bool    // the history is another one: a notice comes next, and then all of it
	begun bool    // the first event was written
	told  string  // the id of the notice that was sent last
	seen  []Event // of one glance
	buf   []byte
	beat  context.Context // ends when a sign of life is due
	stop  context.CancelFunc
}

// glance is what a stream finds when it looks at the world.
type glance struct {
	notice *Event // of a history that begins anew; nil if it goes on
	end    error  // why the stream ends; nil if it goes on
	again  bool   // there is more to see at once
}

var (
	errGone = fmt.Errorf("the workspace has ended: %w", sandbox.ErrNotFound)
	errLost = &fail.Error{
		Kind: fail.Invalid, Code: "invalid_cursor", Message: "Events came faster than they were read, and some of them are no longer kept; begin again.",
	}
)

// run sends what happens until the client goes away, its key ends, or the sandbox
// does.
func (s *feed) run(ctx context.Context, w *httpapi.StreamWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.api.Closing, cancel)()
	s.buf = s.buf[:0]
	s.pulse()
	if _, err := w.Write(s.buf); err != nil {
		return err
	}
	s.beat, s.stop = context.WithTimeout(ctx, heartbeat)
	defer func() { s.stop() }()
	for {
		changed := s.world.Changed()
		s.buf = s.buf[:0]
		g := s.look()
		s.write(g)
		if errors.Is(s.beat.Err(), context.DeadlineExceeded) { // not when the stream itself ends
			s.stop()
			s.beat, s.stop = context.WithTimeout(ctx, heartbeat)
			s.pulse()
		}
		if len(s.buf) > 0 {
			if _, err := w.Write(s.buf); err != nil {
				return err
			}
		}
		if g.end != nil {
			return g.end
		}
		if g.again && ctx.Err() == nil {
			continue
		}
		select {
		case <-changed:
		case <-s.beat.Done():
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// look takes the next events from the table.
func (s *feed) look() (g glance) {
	s.seen = s.seen[:0]
	a := s.api
	_ = s.world.Do(func(tx *engine.Tx) error {
		if tx.Closed() {
			g.end = errGone
			return nil
		}
		if g.end = s.refused(tx); g.end != nil {
			return nil
		}
		if now := tx.Generation(); now != s.gen {
			s.gen, s.anew = now, true
		}
		if s.anew {
			s.anew, g.notice = false, s.begin(tx)
		}
		passed := 0
		for row := range a.events.After(tx, s.seq) {
			if passed++; len(s.seen) == maxGlance || passed > maxPassed {
				g.again = true
				return nil
			}
			if row.Value.Sequence > s.number+1 && row.Value.Type != resetEvent { // after which the count goes on
				g.end = errLost
				return nil
			}
			s.place = place{row.Seq, row.Value.Sequence, row.ID}
			if row.ID == s.told {
				continue
			}
			if row.Value.Type == resetEvent || s.filter.wants(&row.Value) {
				s.seen = append(s.seen, row.Value)
			}
		}
		// In a world that jumps nobody else may change anything: look again.
		g.again = len(s.seen) > 0 && tx.Mode() == engine.Auto || len(s.seen) == 0 && a.hurry(tx)
		return nil
	})
	return g
}

// refused is why the client may not see any more; nil if it may.
func (s *feed) refused(tx *engine.Tx) error {
	t, err := s.api.valid(tx, s.caller.Token, s.caller.Digest)
	if err == nil && (t.ProjectID != s.caller.Project || !grants(t.Scopes, "events:read")) { // another state has it with other rights
		return unauthenticated("invalid_token", "The token has other rights now; begin again.")
	}
	return err
}

// begin goes to the start of the history, and returns the notice that comes first
// unless an event of the history says the same.
func (s *feed) begin(tx *engine.Tx) *Event {
	s.place, s.told = s.api.oldest(tx), ""
	notice, needed := s.api.notified(tx, &eventFilter{}) // whatever the filter wants
	if !needed {
		return nil
	}
	s.told = notice.ID
	return &notice
}

// write adds what was found to the buffer.
func (s *feed) write(g glance) {
	if g.notice != nil { // its id is the place that follows it, unless events follow it at once
		s.event(place{id: theStart}, g.notice)
	}
	for n := range s.seen {
		e := &s.seen[n]
		s.event(place{id: e.ID}, e)
	}
	if g.end == nil || errors.Is(g.end, errGone) {
		return
	}
	name := "auth"
	if errors.Is(g.end, errLost) {
		name = "gap"
	}
	s.frame("", name)
	text, _ := errorBody(fail.Of(g.end), s.request)
	s.buf = append(append(s.buf, text...), "\n\n"...)
}

// event adds an event that a client reads on from at a place.
func (s *feed) event(at place, e *Event) {
	s.frame(at.position(s.gen), e.Type)
	s.buf = append(e.write(s.buf, s.world.ID(), s.version), "\n\n"...) // on one line: rows hold compact JSON
}

// frame begins an event of the stream, up to its data. The first one says how soon a
// client should come back: with no event behind it, some clients would take that for one
// that is empty.
func (s *feed) frame(id, name string) {
	if !s.begun {
		s.begun = true
		s.buf = append(s.buf, "retry: 1000\n"...)
	}
	if id != "" {
		s.buf = append(append(append(s.buf, "id: "...), id...), '\n')
	}
	s.buf = append(append(append(s.buf, "event: "...), name...), "\ndata: "...)
}

// pulse adds a comment alone, without the empty line that ends an event: several
// clients hand out an event for whatever that line ends, data or not. Some keep what
// comes before it in a buffer of 64 KiB, so the comment is short.
func (s *feed) pulse() { s.buf = append(s.buf, ":\n"...) }
