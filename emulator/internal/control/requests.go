package control

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/sandbox"
)

type listRequests struct {
	Operation string `query:"operation"`
	Status    int    `query:"status"`
	Key       string `query:"key"`
	Method    string `query:"method"`
	Path      string `query:"path"`
	Since     int64  `query:"since"`
	Unmatched bool   `query:"unmatched"`
	Limit     int    `query:"limit"`
	patience
}

type requestsBody struct {
	Data     []sandbox.Request `json:"data"`
	Dropped  uint64            `json:"dropped"`
	Complete bool              `json:"complete"`
}

// listRequests lists the recorded requests that match, oldest first, and waits
// for one if it is asked to.
//
//	GET /_sandbox/requests
func (a *API) listRequests(c *call, in listRequests) (requestsBody, error) {
	d, err := in.duration()
	if err != nil {
		return requestsBody{}, err
	}
	m := sandbox.Match{
		Operation: in.Operation, Unmatched: in.Unmatched, Status: in.Status, Key: in.Key, Method: in.Method, Path: in.Path,
		Since: uint64(in.Since),
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
			found = []sandbox.Request{first} // it was forgotten meanwhile
		}
	}
	b := requestsBody{Data: listOf(found).Data, Dropped: c.workspace.Dropped()}
	b.Complete = b.Dropped == 0 || keptSince(c.workspace, m.Since)
	if in.Limit > 0 && len(b.Data) > in.Limit {
		b.Data, b.Complete = b.Data[:in.Limit], false
	}
	return b, nil
}

// keptSince tells whether every request after the one is on record. The oldest
// are dropped first, so it is enough that the one or its successor is.
func keptSince(w sandbox.Workspace, seq uint64) bool {
	rest := w.Requests(sandbox.Match{Since: max(seq, 1) - 1})
	return len(rest) > 0 && rest[0].Seq <= seq+1
}

// forgetRequests empties the record.
//
//	DELETE /_sandbox/requests
func (a *API) forgetRequests(c *call, _ none) (edge.Nothing, error) {
	return edge.Nothing{}, a.Server.ForgetRequests(c.workspace.ID())
}

// listFindings lists what clients did wrong, oldest first.
//
//	GET /_sandbox/findings
func (a *API) listFindings(c *call, _ none) (list[sandbox.Finding], error) {
	return listOf(c.workspace.Findings()), nil
}
