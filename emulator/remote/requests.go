package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"skystack.dev/sandbox/emulator/sandbox"
)

const requests = "/_sandbox/requests"

// Requests lists the recorded requests that match, oldest first unless the match
// says otherwise.
func (w *Workspace) Requests(m sandbox.Match) []sandbox.Request {
	w.t.Helper()
	out, err := w.requests(w.life, m, nil)
	if err != nil {
		w.fail("Requests", err)
	}
	return out.Data
}

// Unmatched lists the requests that led to no operation.
func (w *Workspace) Unmatched() []sandbox.Request {
	w.t.Helper()
	out, err := w.requests(w.life, sandbox.Match{Unmatched: true}, nil)
	if err != nil {
		w.fail("Unmatched", err)
	}
	return out.Data
}

// Dropped returns how many requests were dropped from the record.
func (w *Workspace) Dropped() uint64 {
	w.t.Helper()
	n, err := w.dropped()
	if err != nil {
		w.fail("Dropped", err)
	}
	return n
}

func (w *Workspace) dropped() (uint64, error) {
	var in info
	err := w.do(w.life, get("/_sandbox/workspace", &in))
	return in.Dropped, err
}

// DroppedOf returns how many of the dropped requests may have matched.
func (w *Workspace) DroppedOf(m sandbox.Match) uint64 {
	w.t.Helper()
	n, err := w.droppedOf(m)
	if err != nil {
		w.fail("DroppedOf", err)
	}
	return n
}

func (w *Workspace) droppedOf(m sandbox.Match) (uint64, error) {
	m.Limit = 1
	out, err := w.requests(w.life, m, nil)
	return out.Missing, err
}

// recorded is a list of requests.
type recorded struct {
	Data    []sandbox.Request `json:"data"`
	Missing uint64            `json:"missing"` // dropped ones that may have matched
}

// requests gets the requests that match, with more parameters.
func (w *Workspace) requests(ctx context.Context, m sandbox.Match, more url.Values) (out recorded, err error) {
	key, err := w.idOf(m.Key)
	if err != nil {
		return out, err
	}
	q := url.Values{}
	for name, value := range map[string]string{"operation": m.Operation, "code": m.Code, "key": key, "method": m.Method, "path": m.Path} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if m.Status != 0 {
		q.Set("status", strconv.Itoa(m.Status))
	}
	for name, seq := range map[string]uint64{"since": m.Since, "before": m.Before} {
		if seq != 0 {
			q.Set(name, strconv.FormatUint(seq, 10))
		}
	}
	if m.Limit > 0 {
		q.Set("limit", strconv.Itoa(m.Limit))
	}
	if m.NewestFirst {
		q.Set("order", "desc")
	}
	if m.Unmatched {
		q.Set("unmatched", "true")
	}
	for name, values := range more {
		q[name] = values
	}
	c := get(requests, &out)
	c.query = q
	return out, w.do(ctx, c)
}

// WaitForRequest returns the first request that matches, as soon as there is
// one.
func (w *Workspace) WaitForRequest(ctx context.Context, m sandbox.Match) (sandbox.Request, error) {
	m.Limit, m.NewestFirst = 1, false
	for {
		found, err := w.requests(ctx, m, url.Values{"wait": {round.String()}})
		if err != nil {
			return sandbox.Request{}, fmt.Errorf("no matching request was received: %w", err)
		}
		if len(found.Data) > 0 {
			return found.Data[0], nil
		}
		if err := context.Cause(ctx); err != nil {
			return sandbox.Request{}, fmt.Errorf("no matching request was received: %w", err)
		}
	}
}

// WaitForStatus returns an instance as soon as it has the status. It does not
// move time: with a frozen clock another caller must.
func (w *Workspace) WaitForStatus(ctx context.Context, instance, status string) (sandbox.Instance, error) {
	path, err := item(instances, "instance", instance)
	if err != nil {
		return sandbox.Instance{}, err
	}
	poll := get(path, nil) // the first without waiting, so that an error says the status
	poll.query = url.Values{"status": {status}}
	for seen := ""; ; {
		var i sandbox.Instance
		poll.out = &i
		err := w.do(ctx, poll)
		if err == nil && i.Status == status {
			return i, nil
		}
		if err == nil {
			seen, err = fmt.Sprintf("it is %s: ", i.Status), context.Cause(ctx)
		} else if errors.Is(err, sandbox.ErrNotFound) { // it may be created later
			seen, err = "there is no such instance: ", context.Cause(ctx)
		}
		if err != nil {
			return sandbox.Instance{}, fmt.Errorf("waiting for instance %s to be %s: %s%w", instance, status, seen, err)
		}
		poll.query = url.Values{"status": {status}, "wait": {round.String()}}
	}
}

// AssertRequested fails the test unless an operation, as createInstance, was
// requested so many times, and lists the requests. A failed call fails the test too.
func (w *Workspace) AssertRequested(t sandbox.TB, operation string, times int) {
	t.Helper()
	sandbox.AssertRequested(t, strict{w, t}, operation, times)
}

// strict is a workspace whose failed calls end the test of the caller, so that they do
// not count as "no requests".
type strict struct {
	*Workspace
	t sandbox.TB
}

// Requests implements sandbox.Workspace.
func (w strict) Requests(m sandbox.Match) []sandbox.Request {
	w.t.Helper()
	out, err := w.requests(w.life, m, nil)
	if err != nil {
		w.t.Fatalf("remote: AssertRequested: %v", err)
	}
	return out.Data
}

// DroppedOf implements sandbox.Workspace.
func (w strict) DroppedOf(m sandbox.Match) uint64 {
	w.t.Helper()
	n, err := w.droppedOf(m)
	if err != nil {
		w.t.Fatalf("remote: AssertRequested: %v", err)
	}
	return n
}

// Findings lists what clients did wrong so far, oldest first.
func (w *Workspace) Findings() []sandbox.Finding {
	w.t.Helper()
	return fetch[list[sandbox.Finding]](w, "Findings", "/_sandbox/findings").Data
}
