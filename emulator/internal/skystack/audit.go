package skystack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/journal"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// auditSpan is the time that the audit log covers, by the world's clock (8.4, S37).
const auditSpan = 90 * 24 * time.Hour

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

// auditBodyOf returns a function that shows the calls.
func auditBodyOf() func(e credential.AuditEntry) auditBody {
	templates := map[string]string{}
	for _, op := range operations() {
		templates[op.ID] = op.Path
	}
	return func(e credential.AuditEntry) auditBody {
		return auditBody{
			ID: fmt.Sprintf("aud_%012d", e.Number), At: resource.Stamp(e.At), RequestID: e.ID, TokenID: nullIfEmpty(e.Token), Actor: nullIfEmpty(e.Actor),
			IP: nullIfEmpty(e.Address), Method: e.Method, RouteTemplate: nullIfEmpty(templates[e.Operation]), Operation: nullIfEmpty(e.Operation), Status: e.Status,
			ResourceID: nullIfEmpty(fail.Clip(e.Resource)), UserAgent: nullIfEmpty(fail.ClipAt(e.UserAgent, 256)),
		}
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

// name distinguishes the list from others.
func (in listAuditLogsInput) name() string {
	return "audit?" + url.Values{
		"token_id": {in.TokenID}, "since": {in.Since}, "until": {in.Until}, "operation": {in.Operation}, "status": {strconv.Itoa(in.Status)},
	}.Encode()
}

// query returns the query of the record at a time.
func (in listAuditLogsInput) query(now time.Time) (journal.CallMatch, error) {
	since, _ := time.Parse(time.RFC3339, in.Since) // the contract has checked both
	until, _ := time.Parse(time.RFC3339, in.Until)
	if in.Since != "" && in.Until != "" && !since.Before(until) {
		return journal.CallMatch{}, fail.Parameters(fail.Detail{
			Field: "until", Location: fail.Query, Code: "out_of_range", Message: "until must lie after since; the log from one to the other is empty.",
		})
	}
	q := journal.CallMatch{Token: in.TokenID, Status: in.Status, Since: since, Until: until}
	past := now.Add(-auditSpan)
	if since.Before(past) {
		q.Since = past
	}
	if in.Until != "" && until.Before(past) {
		q.Until = past // and not the zero time, which means no end
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

// operations lists those of the contract, which was read before anything is served.
func operations() []*httpapi.Operation {
	c, err := contract()
	if err != nil {
		return nil
	}
	return c.Operations
}

// listAuditLogs lists the requests that were sent to the workspace.
//
//	GET /v1/audit-logs
func (a *API) listAuditLogs(_ context.Context, c *httpapi.Call, in listAuditLogsInput) (listBody[credential.AuditEntry], error) {
	p, err := a.Credentials.Audit(c.Workspace(), in.position(c.Version), in.name(), in.query)
	return body(p, as(auditBodyOf())), err
}
