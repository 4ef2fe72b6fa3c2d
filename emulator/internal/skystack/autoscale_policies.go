package skystack

import (
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Policy is the scaling of an instance, its leader, which has the numbers (S17;
// section 12).
type Policy struct {
	ID        string `json:"id"`
	Leader    string `json:"leader"`
	ProjectID string `json:"project_id"`
	// Replicas is the instances it has made and that are left, oldest first.
	Replicas []string `json:"replicas"`
	// CooldownUntil is until when it changes nothing; zero before the first change.
	CooldownUntil time.Time `json:"cooldown_until,omitzero"`
	// Due is the next evaluation that would change something; zero for none.
	Due engine.Timer `json:"due"`
	// Blocked says that the quota forbade the last change.
	Blocked bool `json:"blocked,omitzero"`
	// History names the rows of what it did, oldest first, and Noted counts all
	// there were.
	History   []string  `json:"history"`
	Noted     int       `json:"noted"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// rescheduled moves the end of the cooldown as much.
func (p Policy) rescheduled(old, moved engine.Timer) Policy {
	if p.Due == old {
		if !p.CooldownUntil.IsZero() {
			p.CooldownUntil = p.CooldownUntil.Add(moved.At.Sub(old.At))
		}
		p.Due = moved
	}
	return p
}

// Bounds of a policy.
const (
	maxMembersOfPolicy = 1000
	maxHistory         = 200
)

func (p Policy) checkSaved(id string) error {
	var f resource.Violations
	f.Same(p.ID, id)
	for _, m := range [][3]string{{"id", "asp", p.ID}, {"leader", "ins", p.Leader}, {"project_id", "prj", p.ProjectID}} {
		f.ID(m[0], m[1], m[2])
		if m[2] == "" {
			f.Add(m[0], "is missing")
		}
	}
	f.Within("replicas", len(p.Replicas), 0, maxMembersOfPolicy)
	f.Within("history", len(p.History), 0, maxHistory)
	f.Within("noted", p.Noted, len(p.History), maxNumber)
	for n, replica := range p.Replicas {
		if replica == p.Leader || slices.Contains(p.Replicas[:n], replica) {
			f.Add("replicas", "has %s twice", fail.Clip(replica))
		}
	}
	f.Time("cooldown_until", p.CooldownUntil)
	f.Time("created_at", p.CreatedAt)
	f.Time("updated_at", p.UpdatedAt)
	return f.First()
}

// scaling is an entry of a policy's history.
type scaling struct {
	At   time.Time `json:"at"`
	From int       `json:"from"`
	To   int       `json:"to"`
	// CPU is the mean of the members that ran, in percent; nil if none did.
	CPU    *float64 `json:"cpu"`
	Reason string   `json:"reason"`
}

// The reasons of an entry.
const (
	aboveTarget   = "cpu_above_target"
	belowTarget   = "cpu_below_target"
	belowMin      = "below_min"
	aboveMax      = "above_max"
	quotaExceeded = "quota_exceeded"
)

func (s scaling) checkSaved(string) error {
	var f resource.Violations
	f.Within("from", s.From, 0, maxNumber)
	f.Within("to", s.To, 0, maxNumber)
	f.Percent("cpu", s.CPU)
	f.Time("at", s.At)
	if !slices.Contains([]string{aboveTarget, belowTarget, belowMin, aboveMax, quotaExceeded}, s.Reason) {
		f.Add("reason", "%q is unknown", fail.Clip(s.Reason))
	}
	return f.First()
}

// addHistory adds an entry to the history of a policy, whose row the caller puts.
func (a *API) addHistory(tx *engine.Tx, p *Policy, s scaling) {
	p.Noted++
	id := p.ID + "/" + strconv.Itoa(p.Noted)
	a.scalings.Put(tx, id, s)
	history := append(slices.Clip(p.History), id)
	if len(history) > maxHistory {
		a.scalings.Delete(tx, history[0])
		history = history[1:]
	}
	p.History = history
}

// policyBody is a policy on the wire.
type policyBody struct {
	ID              string   `json:"id"`
	LeaderID        string   `json:"leader_id"`
	ProjectID       string   `json:"project_id"`
	Enabled         bool     `json:"enabled"`
	Min             int      `json:"min"`
	Max             int      `json:"max"`
	TargetCPU       int      `json:"target_cpu"`
	CooldownSeconds int      `json:"cooldown_seconds"`
	Members         int      `json:"members"`
	ReplicaIDs      []string `json:"replica_ids"`
	CooldownUntil   *string  `json:"cooldown_until"`
	CreatedAt       string   `json:"created_at"`
	UpdatedAt       string   `json:"updated_at"`
}

func (a *API) policyBody(tx *engine.Tx, p Policy) policyBody {
	s := a.scalingSettings(tx, p)
	b := policyBody{
		ID: p.ID, LeaderID: p.Leader, ProjectID: p.ProjectID, Enabled: s.Enabled, Min: s.Min, Max: s.Max, TargetCPU: s.TargetCPU,
		CooldownSeconds: s.CooldownSeconds, Members: 1, ReplicaIDs: []string{}, CreatedAt: resource.Stamp(p.CreatedAt), UpdatedAt: resource.Stamp(p.UpdatedAt),
	}
	for _, id := range p.Replicas {
		if i, ok := a.instances.Get(tx, id); ok && i.Policy == p.ID {
			b.ReplicaIDs = append(b.ReplicaIDs, id)
			b.Members++
		}
	}
	if p.CooldownUntil.After(tx.Now()) {
		b.CooldownUntil = text(resource.Stamp(p.CooldownUntil))
	}
	return b
}

type listPoliciesInput struct {
	paging
	ProjectID string `json:"-" query:"project_id"`
}

// listPolicies lists the workspace's autoscale policies, oldest first.
//
//	GET /v1/autoscale-policies
func (a *API) listPolicies(c *httpapi.Call, in listPoliciesInput) (listBody[policyBody], error) {
	project, err := a.listedProject(c, in.ProjectID)
	if err != nil {
		return listBody[policyBody]{}, err
	}
	a.advanceToAwaited(c, a.ofPolicies(c.Tx, func(p Policy) bool { return project == "" || p.ProjectID == project }))
	v := resource.List[Policy]{Table: a.policies, Project: func(p Policy) string { return p.ProjectID }, Name: "autoscale-policies\x01" + project}
	if project != "" {
		v.Keep = func(p Policy) bool { return p.ProjectID == project }
	}
	p, err := list(c, v, in.paging)
	if err != nil {
		return listBody[policyBody]{}, err
	}
	return shown(p, func(p Policy) policyBody { return a.policyBody(c.Tx, p) }), nil
}

type policyInput struct {
	ID string `json:"-" path:"id"`
}

func (a *API) policy(tx *engine.Tx, id string) (Policy, error) {
	p, ok := a.policies.Get(tx, id)
	if !ok {
		return Policy{}, noPolicy(id)
	}
	return p, nil
}

func noPolicy(id string) error {
	return fail.Newf(fail.NotFound, "autoscale_policy_not_found", "There is no autoscale policy %q in this workspace.", fail.Clip(id))
}

// getPolicy shows one policy.
//
//	GET /v1/autoscale-policies/{id}
func (a *API) getPolicy(c *httpapi.Call, in policyInput) (policyBody, error) {
	a.advanceToAwaited(c, a.ofPolicies(c.Tx, func(p Policy) bool { return p.ID == in.ID }))
	p, err := a.policy(c.Tx, in.ID)
	if err != nil {
		return policyBody{}, err
	}
	return a.policyBody(c.Tx, p), nil
}

type listHistoryInput struct {
	paging
	policyInput
}

// scalingBody is an entry of a history on the wire.
type scalingBody struct {
	At     string   `json:"at"`
	From   int      `json:"from"`
	To     int      `json:"to"`
	CPU    *float64 `json:"cpu"`
	Reason string   `json:"reason"`
}

// listHistory lists what a policy did, oldest first.
//
//	GET /v1/autoscale-policies/{id}/history
func (a *API) listHistory(c *httpapi.Call, in listHistoryInput) (listBody[scaling], error) {
	a.advanceToAwaited(c, a.ofPolicies(c.Tx, func(p Policy) bool { return p.ID == in.ID }))
	p, err := a.policy(c.Tx, in.ID)
	if err != nil {
		return listBody[scaling]{}, err
	}
	page, err := list(c, resource.List[scaling]{Table: a.scalings, Only: &p.History, Name: "autoscale-history\x01" + in.ID}, in.paging)
	if err != nil {
		return listBody[scaling]{}, err
	}
	return body(page, as(func(s scaling) scalingBody { return scalingBody{resource.Stamp(s.At), s.From, s.To, s.CPU, s.Reason} })), nil
}
