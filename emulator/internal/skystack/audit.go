package skystack

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// The audit log is a second view of the record of requests and no record of its
// own (S37): what nobody asks for costs nothing. It reaches back as far as that
// record does, begins anew when that is forgotten, and is in no saved world.

// auditSpan is how far back the audit log goes, by the world's clock (8.4).
const auditSpan = 90 * 24 * time.Hour

// AuditCall is a request as the record of requests has it.
type AuditCall struct {
	// Seq is its number in the record, Number that since the record began.
	Seq, Number uint64
	ID          string
	At          time.Time
	// Token is the id of the key that came with it, accepted or refused; "" if it
	// is of none that is known.
	Token                      string
	Operation, Resource        string
	Method, Address, UserAgent string
	Status                     int
}

// AuditQuestion chooses calls by all of its members that are not zero.
type AuditQuestion struct {
	Token        string
	Operations   []string
	Status       int
	Since, Until time.Time // from Since on, before Until
}

// auditEntry is a call with the name of who made it.
type auditEntry struct {
	AuditCall
	actor, template string
}

// auditBody is an entry of the audit log on the wire.
type auditBody struct {
	ID            string  `json:"id"`
	At            string  `json:"at"`
	RequestID     string  `json:"request_id"`
	TokenID       *string `json:"token_id"`
	Actor         *string `json:"actor"`
	IP            *string `json:"ip"`
	Method        string  `json:"method"`
	RouteTemplate *string `json:"route_template"`
	Operation     *string `json:"operation"`
	Status        int     `json:"status"`
	ResourceID    *string `json:"resource_id"`
	UserAgent     *string `json:"user_agent"`
}

func (e auditEntry) body() auditBody {
	return auditBody{
		ID: fmt.Sprintf("aud_%012d", e.Number), At: resource.Stamp(e.At), RequestID: e.ID, TokenID: orNull(e.Token), Actor: orNull(e.actor),
		IP: orNull(e.Address), Method: e.Method, RouteTemplate: orNull(e.template), Operation: orNull(e.Operation), Status: e.Status,
		ResourceID: orNull(fail.Clip(e.Resource)), UserAgent: orNull(fail.ClipAt(e.UserAgent, 256)),
	}
}

type listAuditLogsInput struct {
	paging
	TokenID   string `json:"-" query:"token_id"`
	Since     string `json:"-" query:"since"`
	Until     string `json:"-" query:"until"`
	Operation string `json:"-" query:"operation"`
	Status    int    `json:"-" query:"status"`
}

// name tells the list from others.
func (in listAuditLogsInput) name() string {
	return "audit?" + url.Values{
		"token_id": {in.TokenID}, "since": {in.Since}, "until": {in.Until}, "operation": {in.Operation}, "status": {strconv.Itoa(in.Status)},
	}.Encode()
}

// question is what is asked of the record, at a time.
func (in listAuditLogsInput) question(now time.Time) (AuditQuestion, error) {
	since, _ := time.Parse(time.RFC3339, in.Since) // the contract has checked both
	until, _ := time.Parse(time.RFC3339, in.Until)
	if in.Since != "" && in.Until != "" && !since.Before(until) {
		return AuditQuestion{}, fail.Parameters(fail.Detail{
			Field: "until", Location: fail.Query, Code: "out_of_range", Message: "until must lie after since; the log from one to the other is empty.",
		})
	}
	q := AuditQuestion{Token: in.TokenID, Status: in.Status, Since: since, Until: until}
	past := now.Add(-auditSpan)
	if since.Before(past) {
		q.Since = past
	}
	if in.Until != "" && until.Before(past) {
		q.Until = past // and not what may be the zero time, which means no end
	}
	if in.Operation == "" {
		return q, nil
	}
	q.Operations = []string{in.Operation}
	for _, op := range operations() {
		if op.Canonical == in.Operation && op.ID != in.Operation {
			q.Operations = append(q.Operations, op.ID)
		}
	}
	return q, nil
}

// operations are those of the contract, which was read before anything is served.
func operations() []*httpapi.Operation {
	c, err := contract()
	if err != nil {
		return nil
	}
	return c.Operations
}

// listAuditLogs lists the requests that were made of the workspace. The record is
// read without the world: others go on meanwhile.
//
//	GET /v1/audit-logs
func (a *API) listAuditLogs(_ context.Context, c *httpapi.Call, in listAuditLogsInput) (listBody[auditEntry], error) {
	var p resource.Page[auditEntry]
	var last uint64
	var q AuditQuestion
	var g engine.Generation
	err := c.Workspace().Do(func(tx *engine.Tx) (err error) {
		g = tx.Generation()
		if p, last, err = resource.OpenPage[auditEntry](tx, in.position(c.Version), in.name()); err == nil {
			q, err = in.question(tx.Now())
		}
		return err
	})
	if err != nil {
		return listBody[auditEntry]{}, err
	}
	skip := 0
	if last == 0 {
		skip = min(p.Number-1, 1<<40/p.Limit) * p.Limit // the record is smaller
	}
	var calls []AuditCall
	var before, total int
	if a.Audit != nil {
		calls, before, total = a.Audit(c.Workspace(), q, last, skip, p.Limit)
	}
	p.Total, p.Rows = total, make([]engine.Row[auditEntry], len(calls))
	templates := map[string]string{}
	for _, op := range operations() {
		templates[op.ID] = op.Path
	}
	_ = c.Workspace().Do(func(tx *engine.Tx) error {
		for i, call := range calls {
			t, _ := a.tokens.Get(tx, call.Token)
			e := auditEntry{call, cmp.Or(t.Owner, t.Name), templates[call.Operation]}
			p.Rows[i] = engine.Row[auditEntry]{Seq: call.Seq, ID: call.ID, Value: e}
		}
		p.Complete(tx, g, in.name(), before)
		return nil
	})
	return body(p, as(auditEntry.body)), nil
}
