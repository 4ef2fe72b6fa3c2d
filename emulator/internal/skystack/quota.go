package skystack

import (
	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// quota bounds the objects of one kind in a workspace.
type quota struct {
	name  string // in the response
	limit *int   // nil for as many as you like
	used  func(tx *engine.Tx) int
}

// quotas is the table that GET /v1/quota shows, in its order.
func (a *API) quotas(tx *engine.Tx) []quota {
	return []quota{
		{"instances", a.settingsOf(tx).Quota, a.instances.Len},
		{"projects", nil, a.projects.Len},
		{"profiles", new(maxProfiles), a.ownProfiles},
		{"images", nil, a.ownImages},
		{"jobs", new(job.MaxJobs), a.jobs.Jobs.Len},
		{"tokens", new(credential.MaxMinted), a.Credentials.CountMinted},
		{"webhooks", new(maxWebhooks), a.outbox.Endpoints.Len},
	}
}

// exceeded refuses one object more than a quota allows.
func exceeded(resource string, limit, used int, message string) error {
	return &fail.Error{
		Kind: fail.Forbidden, Code: "quota_exceeded", Message: message,
		Details: []fail.Detail{{Extra: []fail.Member{{Name: "resource", Value: resource}, {Name: "limit", Value: limit}, {Name: "used", Value: used}}}},
	}
}

// atCapacity reports whether the quota or the budget allows no further instance.
func (a *API) atCapacity(tx *engine.Tx) bool { return a.checkRoom(tx) != nil }

// ownGrowth is the estimate for a change by the sandbox itself, of the
// budget, in bytes.
const ownGrowth = 4 << 10

// checkRoom refuses one instance more than the quota or the budget allows.
func (a *API) checkRoom(tx *engine.Tx) error {
	if err := tx.CheckBudget(ownGrowth); err != nil {
		return httpapi.ConvertOverBudget(err)
	}
	if quota := a.settingsOf(tx).Quota; quota == nil || a.instances.Len(tx) < *quota {
		return nil
	}
	return exceeded("instances", *a.settingsOf(tx).Quota, a.instances.Len(tx), "The workspace has as many instances as its quota allows; delete one first.")
}

// quotaBody is the quotas on the wire, each under its name.
type quotaBody []quotaUse

type quotaUse struct {
	quota
	now int
}

// MarshalJSON returns what AppendJSON appends.
func (b quotaBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b quotaBody) AppendJSON(to []byte) []byte {
	o := resource.OpenObject(to)
	for _, q := range b {
		o.Name(q.name)
		inner := resource.OpenObject(o.B)
		if q.limit == nil {
			inner.Null("limit")
		} else {
			inner.Number("limit", *q.limit)
		}
		inner.Number("used", q.now)
		o.B = inner.Close()
	}
	return o.Close()
}

// getQuota shows how much of everything there may be, and is.
//
//	GET /v1/quota
func (a *API) getQuota(c *httpapi.Call, _ struct{}) (quotaBody, error) {
	var out quotaBody
	for _, q := range a.quotas(c.Tx) {
		out = append(out, quotaUse{q, q.used(c.Tx)})
	}
	return out, nil
}
