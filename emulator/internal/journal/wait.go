package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/sandbox"
)

// ErrUnknown is wrapped by the error of a query that the journal cannot answer,
// because it has dropped requests that may match.
var ErrUnknown = errors.New("unknown")

// waiter is a caller that waits for a request.
type waiter struct {
	match sandbox.Match
	got   chan []byte // a record of its own, with room for one: the journal may drop it before the waiter runs
}

// Wait returns the oldest recorded request that matches, or else the next one. If the
// context ends first, the error lists other requests received meanwhile. It wraps the
// context's cause, and also ErrUnknown if a request that may match was dropped before
// the call. The match's Key must be an id.
func (j *Journal) Wait(ctx context.Context, m sandbox.Match) (sandbox.Request, error) {
	w := &waiter{match: m, got: make(chan []byte, 1)}
	// In one step, so that no request can come in between.
	j.mu.Lock()
	m.NewestFirst = false
	kept := j.open(m)
	j.waiters = append(j.waiters, w)
	lost := j.droppedOf(m)
	j.mu.Unlock()

	r, ok := j.first(kept, m)
	j.close()
	if ok {
		j.removeWaiter(w)
		return r, nil
	}
	select {
	case record := <-w.got:
		return j.read(record), nil
	case <-ctx.Done():
	}
	j.removeWaiter(w)
	select {
	case record := <-w.got: // just in time
		return j.read(record), nil
	default:
	}
	what := j.describe(m) + j.otherRequests(m)
	if lost > 0 {
		return sandbox.Request{}, fmt.Errorf("%w: up to %d requests that may match were dropped from the record, and no other came%s: %w",
			ErrUnknown, lost, what, context.Cause(ctx))
	}
	return sandbox.Request{}, fmt.Errorf("no request came%s: %w", what, context.Cause(ctx))
}

// first is the oldest request that matches.
func (j *Journal) first(kept *reader, m sandbox.Match) (sandbox.Request, bool) {
	for record := range kept.records {
		if matches(record, m) {
			return j.read(record), true
		}
	}
	return sandbox.Request{}, false
}

// removeWaiter ends the wait of w, if a request has not ended it.
func (j *Journal) removeWaiter(w *waiter) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.Index(j.waiters, w); i >= 0 {
		j.waiters = slices.Delete(j.waiters, i, i+1)
	}
}

// notifyWaiters passes the latest request to the callers that wait for it.
func (j *Journal) notifyWaiters(e *Entry, record []byte) {
	r := sandbox.Request{Seq: j.last, Operation: e.Operation, Method: e.Method, Target: e.Target, Key: e.Key, Status: e.Status, Code: e.Code}
	j.waiters = slices.DeleteFunc(j.waiters, func(w *waiter) bool {
		if !w.match.Chooses(&r) {
			return false
		}
		w.got <- bytes.Clone(record)
		return true
	})
}

// describe returns the conditions of a match; they follow "no request came".
func (j *Journal) describe(m sandbox.Match) string {
	var b strings.Builder
	add := func(ok bool, name string, value any) {
		if ok {
			fmt.Fprintf(&b, " %s=%v", name, value)
		}
	}
	add(m.Operation != "", "operation", m.Operation)
	add(m.Unmatched, "unmatched", true)
	add(m.Status != 0, "status", m.Status)
	add(m.Code != "", "code", m.Code)
	add(m.Key != "", "key", m.Key)
	add(m.Method != "", "method", m.Method)
	add(m.Path != "", "path", m.Path)
	add(m.Since > 0, "since", m.Since)
	add(m.Before > 0, "before", m.Before)
	if b.Len() == 0 {
		return ""
	}
	return " with" + j.clean(b.String())
}

// maxOthers is the number of other requests that the error of Wait lists.
const maxOthers = 3

// otherRequests lists requests received instead of a match; it follows the text of
// describe.
func (j *Journal) otherRequests(m sandbox.Match) string {
	since := m.Since
	if m.Since, m.Limit, m.NewestFirst = 0, 0, false; m == (sandbox.Match{}) {
		return "" // anything would have matched
	}
	latest := j.Requests(sandbox.Match{Since: since, Limit: maxOthers, NewestFirst: true})
	slices.Reverse(latest)
	if len(latest) == 0 {
		return ", nor any other"
	}
	var b strings.Builder
	for i, r := range latest {
		b.WriteString([...]string{"; the latest that did: ", "; "}[min(i, 1)] + r.String())
	}
	return b.String()
}
