package emulator

import (
	"context"
	"net/http"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/journal"
	"skystack.dev/sandbox/emulator/sandbox"
)

// record takes every request of the served APIs into the journal of its
// workspace.
func (e *Emulator) record(r *httpapi.Record) {
	e.meter.observe(r)
	w := e.of(r.World)
	if w == nil {
		return
	}
	if r.Status == http.StatusTooManyRequests {
		w.refused.Add(1)
	}
	entry := journal.Entry{
		Violations: violations(r), Minor: isMinor(r),
		ID: r.ID, At: r.At, Method: r.Method, Target: r.Target, Key: r.Token, Sent: r.Sent, Resource: r.Resource, Address: r.Address, Status: r.Status, Code: r.Code, Reason: r.Reason, Stage: r.Stage,
		Header: r.Header, RequestBody: r.RequestBody, ResponseBody: r.ResponseBody,
	}
	if r.Operation != nil {
		entry.Operation = r.Operation.ID
	}
	w.journal.Add(&entry)
}

// rateLimitStage is the name of the stage that the limiter is, in every API.
const rateLimitStage = "rate limit"

// isMinor reports whether a request may push out none but its like from the
// record: the limiter refused it, or it came with no credential that is known or
// good any more.
func isMinor(r *httpapi.Record) bool {
	return r.Stage == rateLimitStage || r.Token == "" && (r.Sent == "" || r.Status == http.StatusUnauthorized)
}

// violations are those of a refused request. Details of another kind are left to
// the body.
func violations(r *httpapi.Record) (out []sandbox.Violation) {
	for _, d := range r.Details {
		if d.Message != "" {
			out = append(out, sandbox.Violation{Location: string(d.Location), Field: d.Field, Code: d.Code, Message: d.Message})
		}
	}
	return out
}

// forgetWithReset empties the record of requests of a workspace that is reset, by
// command or periodically: with the past go its traces.
func (e *Emulator) forgetWithReset(tx *engine.Tx) {
	if w := e.of(tx.World()); w != nil {
		w.journal.Forget()
	}
}

// Requests lists the recorded requests that match, oldest first unless the match
// says otherwise. Requests without a key that is known belong to the default
// workspace. A match that names an operation, a status or a method that does not
// exist fails the test; see Err.
func (w *Workspace) Requests(m Match) []Request {
	w.helper()
	if err := w.e.checkMatch(m); err != nil {
		w.fail("Requests", err)
		return nil
	}
	return w.journal.Requests(w.withKeyID(m))
}

// Unmatched lists the requests that led to no operation.
func (w *Workspace) Unmatched() []Request { return w.Requests(Match{Unmatched: true}) }

// Dropped returns how many requests the record has dropped to stay within its bounds;
// see WithJournal. What is asked about them has no response.
func (w *Workspace) Dropped() uint64 { return w.journal.Dropped() }

// DroppedOf returns how many of the dropped requests may match. It refuses what
// Requests refuses.
func (w *Workspace) DroppedOf(m Match) uint64 {
	w.helper()
	if err := w.e.checkMatch(m); err != nil {
		w.fail("DroppedOf", err)
		return 0
	}
	return w.journal.DroppedOf(w.withKeyID(m))
}

// withKeyID returns a match with the key's id in place of its token.
func (w *Workspace) withKeyID(m Match) Match {
	if m.Key == "" {
		return m
	}
	for _, a := range w.e.apis {
		if id, ok := a.KeyID(w.world, m.Key); ok {
			m.Key = id
			break
		}
	}
	return m
}

// WaitForRequest returns the first request that matches, as soon as there is one;
// set Match.Since to leave out those of the past. Its error says what came
// instead. It refuses what Requests refuses.
func (w *Workspace) WaitForRequest(ctx context.Context, m Match) (Request, error) {
	if err := w.e.checkMatch(m); err != nil {
		return Request{}, err
	}
	return w.journal.Wait(ctx, w.withKeyID(m))
}

// AssertRequested fails the test unless an operation, as createInstance, was
// requested so many times, and says what was requested. It refuses an operation
// that does not exist.
func (w *Workspace) AssertRequested(t TB, operation string, times int) {
	t.Helper()
	if err := w.e.checkMatch(Match{Operation: operation}); err != nil {
		t.Fatalf("emulator: AssertRequested: %v", err)
		return
	}
	sandbox.AssertRequested(t, w, operation, times)
}

// Findings lists what clients of the workspace and the receivers of its webhooks
// did wrong so far, oldest first. Those of no workspace are with the default one.
func (w *Workspace) Findings() []Finding {
	return w.e.findings.Of(w.ID(), w == w.e.Workspace)
}
