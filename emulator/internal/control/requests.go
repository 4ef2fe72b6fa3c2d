package control

import (
	"context"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// requestsHandlers lists the operations of this file.
func (a *API) requestsHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("listRequests", a.listRequests),
		handle("forgetRequests", a.forgetRequests),
		handle("listFindings", a.listFindings),
	}
}

type listRequests struct {
	Operation string `query:"operation"`
	Status    int    `query:"status"`
	Code      string `query:"code"`
	Key       string `query:"key"`
	Method    string `query:"method"`
	Path      string `query:"path"`
	Since     int64  `query:"since"`
	Before    int64  `query:"before"`
	Order     string `query:"order"`
	Cursor    string `query:"cursor"`
	Unmatched bool   `query:"unmatched"`
	Limit     int    `query:"limit"`
	waitInput
}

// newestFirst is the value of order for the latest request first.
const newestFirst = "desc"

type requestsBody struct {
	Data       []sandbox.Request `json:"data"`
	NextCursor *string           `json:"next_cursor"`
	Dropped    uint64            `json:"dropped"`
	Missing    uint64            `json:"missing"`
	Complete   bool              `json:"complete"`
}

// match returns the match of the parameters. Its limit is one more than that of the
// page, to learn whether there is another page.
func (in listRequests) match() (sandbox.Match, error) {
	m := sandbox.Match{
		Operation: in.Operation, Unmatched: in.Unmatched, Status: in.Status, Code: in.Code, Key: in.Key, Method: in.Method, Path: in.Path,
		Since: uint64(in.Since), Before: uint64(in.Before), NewestFirst: in.Order == newestFirst,
	}
	if in.Limit > 0 {
		m.Limit = in.Limit + 1
	}
	if in.Cursor == "" {
		return m, nil
	}
	order, text, _ := strings.Cut(in.Cursor, "-")
	seq, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seq == 0 || in.cursor(seq) != in.Cursor {
		return m, invalidMember(fail.Query, "cursor", "invalid_cursor", "cursor must be the next_cursor of a list of requests in the same order.")
	}
	if order == newestFirst {
		m.Before = seq
	} else {
		m.Since = max(m.Since, seq)
	}
	return m, nil
}

// cursor returns the cursor of the page after a request.
func (in listRequests) cursor(seq uint64) string {
	order := "asc"
	if in.Order == newestFirst {
		order = newestFirst
	}
	return order + "-" + strconv.FormatUint(seq, 10)
}

// listRequests lists the recorded requests that match, oldest first by default. With
// wait it waits for one.
//
//	GET /_sandbox/requests
func (a *API) listRequests(c *call, in listRequests) (requestsBody, error) {
	d, err := in.duration()
	if err != nil {
		return requestsBody{}, err
	}
	m, err := in.match()
	if err != nil {
		return requestsBody{}, err
	}
	if err := a.Names.CheckRequestMatch(m); err != nil {
		return requestsBody{}, err
	}
	found := c.workspace.Requests(m)
	if len(found) == 0 && d > 0 {
		var first sandbox.Request
		reached, err := a.wait(c, d, func(ctx context.Context) (err error) {
			first, err = c.workspace.WaitForRequest(ctx, m)
			return err
		})
		if err != nil {
			return requestsBody{}, err
		}
		if found = c.workspace.Requests(m); len(found) == 0 && reached {
			found = []sandbox.Request{first} // it was removed meanwhile
		}
	}
	b := requestsBody{Dropped: c.workspace.Dropped(), Missing: c.workspace.DroppedOf(m)}
	if in.Limit > 0 && len(found) > in.Limit {
		found = found[:in.Limit]
		next := in.cursor(found[in.Limit-1].Seq)
		b.NextCursor = &next
	}
	b.Data, b.Complete = listOf(found).Data, b.Missing == 0 && b.NextCursor == nil
	return b, nil
}

// forgetRequests empties the record.
//
//	DELETE /_sandbox/requests
func (a *API) forgetRequests(c *call, _ noInput) (httpapi.Nothing, error) {
	return httpapi.Nothing{}, a.Server.ForgetRequests(c.workspace.ID())
}

// listFindings lists the findings, oldest first.
//
//	GET /_sandbox/findings
func (a *API) listFindings(c *call, _ noInput) (list[sandbox.Finding], error) {
	return listOf(c.workspace.Findings()), nil
}
