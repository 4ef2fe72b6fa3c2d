package skystack

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// A policy is evaluated every minute of its life. What it goes by changes only
// when a load is set, a member changes or the numbers do, so code that changes one
// of these has the policy look (attend), and only an evaluation that would change
// something is ever booked: a world without load has none on its agenda.

const (
	evaluateStep    = "autoscale.evaluate"
	evaluateEvery   = time.Minute
	mostOut         = 2 // replicas made by one evaluation
	autoscaler      = "autoscale"
	policyLabel     = "autoscale_policy"
	managedByLabel  = "managed_by"
	longestName     = 63
	toleranceParts  = 10 // a tenth of the target either way changes nothing
	centi           = 100
	firstReplicaNum = 2
)

// scalingSettings returns the settings of a policy: those of its leader.
func (a *API) scalingSettings(tx *engine.Tx, p Policy) Autoscale {
	if leader, ok := a.instances.Get(tx, p.Leader); ok && leader.Policy == p.ID && leader.Autoscale != nil {
		return *leader.Autoscale
	}
	s := standardAutoscale() // of a leader that a saved world lacks
	s.Enabled = false
	return *s
}

// scalingChange is the result of evaluating a policy.
type scalingChange struct {
	Autoscale
	members, want int
	cpu           *float64 // the mean of the members that run; nil if none does
	reason        string   // why want differs from members
}

// nextChange returns the change that the policy would make now, at most one step of it.
func (a *API) nextChange(tx *engine.Tx, p Policy) scalingChange {
	d := scalingChange{Autoscale: a.scalingSettings(tx, p)}
	sum, running := int64(0), int64(0) // in hundredths of a percent, so that all is exact
	for _, id := range append([]string{p.Leader}, p.Replicas...) {
		i, ok := a.instances.Get(tx, id)
		if !ok || i.Policy != p.ID {
			continue
		}
		d.members++
		if i.Status == Running {
			sum += int64(math.Round(a.cpu(tx, i, tx.Now()) * centi))
			running++
		}
	}
	d.want = d.members
	if !d.Enabled {
		return d
	}
	if running > 0 {
		mean := math.Round(float64(sum)/float64(running)) / centi
		d.cpu = &mean
		whole := running * int64(d.TargetCPU) * centi
		if off := sum - whole; max(off, -off)*toleranceParts > whole {
			d.want = int((int64(d.members)*sum + whole - 1) / whole)
		}
	}
	switch {
	case d.members < d.Min:
		d.reason = belowMin
	case d.members > d.Max:
		d.reason = aboveMax
	case d.want > d.members:
		d.reason = aboveTarget
	default:
		d.reason = belowTarget
	}
	d.want = min(max(d.want, d.Min), d.Max)
	d.want = min(max(d.want, d.members-1), d.members+mostOut)
	return d
}

// attachToPolicy makes an instance that is to scale the leader of a policy.
func (a *API) attachToPolicy(tx *engine.Tx, i *Instance) {
	if i.Autoscale == nil || i.Policy != "" {
		return
	}
	p := Policy{ID: a.policies.NewID(tx, "asp"), Leader: i.ID, ProjectID: i.ProjectID, CreatedAt: tx.Now(), UpdatedAt: tx.Now()}
	i.Policy = p.ID
	a.policies.Put(tx, p.ID, p)
}

// scheduleEvaluation has a policy look at what has changed: it books its next evaluation if
// that would change something. No policy is none.
func (a *API) scheduleEvaluation(tx *engine.Tx, id string) {
	p, ok := a.policies.Get(tx, id)
	if !ok {
		return
	}
	d := a.nextChange(tx, p)
	was := p
	p.Blocked = p.Blocked && d.want > d.members && a.atCapacity(tx)
	needed := d.want != d.members && !p.Blocked
	switch {
	case needed && p.Due.IsZero():
		p.Due = tx.After(p.next(tx.Now()).Sub(tx.Now()), evaluateStep, id)
	case !needed && !p.Due.IsZero():
		tx.Cancel(p.Due)
		p.Due = engine.Timer{}
	}
	if p.Due != was.Due || p.Blocked != was.Blocked {
		a.policies.Put(tx, id, p)
	}
}

// updatePolicy makes the policy of an instance what a patch of the instance says.
func (a *API) updatePolicy(tx *engine.Tx, now, before Instance, by *event.Cause) {
	p, led := a.policies.Get(tx, before.Policy)
	switch {
	case led && now.Policy == "":
		a.deletePolicy(tx, p, by)
	case led && !now.Autoscale.equal(before.Autoscale):
		p.UpdatedAt = tx.Now()
		a.policies.Put(tx, p.ID, p)
	}
	a.scheduleEvaluation(tx, now.Policy)
}

// next is the first evaluation that may change something: of those of every
// minute the first after now that comes when the policy has rested.
func (p Policy) next(now time.Time) time.Time {
	least := now.Add(1)
	if p.CooldownUntil.After(least) {
		least = p.CooldownUntil
	}
	minutes := (least.Sub(p.CreatedAt) + evaluateEvery - 1) / evaluateEvery
	at := p.CreatedAt.Add(minutes * evaluateEvery)
	if at.Before(least) || at.Sub(least) >= evaluateEvery { // a saved world may have any times
		return now.Add(evaluateEvery)
	}
	return at
}

// evaluate is the step that makes a policy follow its load.
func (a *API) evaluate(tx *engine.Tx, id string) {
	p, ok := a.policies.Get(tx, id)
	if !ok {
		return
	}
	p.Due = engine.Timer{}
	d, now := a.nextChange(tx, p), tx.Now()
	switch {
	case d.want == d.members || p.CooldownUntil.After(now):
	case d.want > d.members && a.atCapacity(tx):
		p.Blocked = true
		a.addHistory(tx, &p, scaling{now, d.members, d.members, d.cpu, quotaExceeded})
	default:
		p.CooldownUntil, p.UpdatedAt = now.Add(time.Duration(d.CooldownSeconds)*time.Second), now
		a.policies.Put(tx, id, p)
		a.scale(tx, id, d)
		return
	}
	a.policies.Put(tx, id, p)
	a.scheduleEvaluation(tx, id)
}

// scale makes or removes replicas, the newest first, and tells.
func (a *API) scale(tx *engine.Tx, id string, d scalingChange) {
	to, eventType := d.members, "autoscale.scaled_out"
	for to < d.want && !a.atCapacity(tx) {
		a.createReplica(tx, id)
		to++
	}
	if to > d.want {
		eventType = "autoscale.scaled_in"
		p, _ := a.policies.Get(tx, id)
		for _, newest := range slices.Backward(p.Replicas) {
			if i, ok := a.instances.Get(tx, newest); ok && i.Policy == id {
				a.retire(tx, i, nil)
				to--
				break
			}
		}
	}
	p, _ := a.policies.Get(tx, id)
	a.addHistory(tx, &p, scaling{tx.Now(), d.members, to, d.cpu, d.reason})
	a.policies.Put(tx, id, p)
	a.events.Emit(tx, event.Draft{Type: eventType, Project: p.ProjectID, Object: a.policyBody(tx, p), Previous: map[string]any{"members": d.members}})
	a.scheduleEvaluation(tx, id)
}

// createReplica creates a replica: an instance like the leader, with a name and labels
// of its own.
func (a *API) createReplica(tx *engine.Tx, id string) {
	p, _ := a.policies.Get(tx, id)
	leader, _ := a.instances.Get(tx, p.Leader)
	i := leader
	i.ID, i.Name, i.Labels = a.instances.NewID(tx, "ins"), a.replicaName(tx, p, leader.Name), replicaLabels(leader.Labels, id)
	i.Status, i.Reason, i.StatusSince, i.Runs = "", nil, time.Time{}, nil
	i.Autoscale, i.PrivateIP, i.PublicIP = nil, "", ""
	i.PendingAction, i.Actions, i.Version, i.CreatedAt = "", nil, 0, tx.Now()
	p.Replicas = append(slices.Clip(p.Replicas), i.ID)
	a.policies.Put(tx, id, p)
	a.countMember(tx, i, 1)
	a.start(tx, &i, Action{Type: Create, RequestedBy: autoscaler})
}

// replicaName is the leader's name with the first number that no replica has.
func (a *API) replicaName(tx *engine.Tx, p Policy, leader string) string {
	taken := map[string]bool{}
	for _, id := range p.Replicas {
		i, _ := a.instances.Get(tx, id)
		taken[i.Name] = true
	}
	for n := firstReplicaNum; ; n++ {
		suffix := "-" + strconv.Itoa(n)
		if name := leader[:min(len(leader), longestName-len(suffix))] + suffix; !taken[name] {
			return name
		}
	}
}

// replicaLabels is the leader's labels, unless they leave no room, and those that
// tell a replica.
func replicaLabels(leader jsontext.Value, policy string) jsontext.Value {
	own, _ := json.Marshal(map[string]string{policyLabel: policy, managedByLabel: autoscaler}, json.Deterministic(true))
	if all := resource.Merge(leader, own); len(resource.MembersOf(all)) <= maxMembers {
		return resource.PlainText(all)
	}
	return resource.PlainText(own)
}

// leavePolicy takes an instance that is about to be deleted out of its policy. With the
// leader the policy goes, and all it has made.
func (a *API) leavePolicy(tx *engine.Tx, i *Instance, by *event.Cause) {
	id := i.Policy
	if id == "" {
		return
	}
	i.Policy, i.Autoscale = "", nil
	p, ok := a.policies.Get(tx, id)
	switch {
	case !ok:
	case p.Leader == i.ID:
		a.deletePolicy(tx, p, by)
	default:
		p.Replicas = slices.DeleteFunc(slices.Clone(p.Replicas), func(r string) bool { return r == i.ID })
		a.policies.Put(tx, id, p)
		a.scheduleEvaluation(tx, id)
	}
}

// deletePolicy ends a policy and removes its replicas, newest first.
func (a *API) deletePolicy(tx *engine.Tx, p Policy, by *event.Cause) {
	tx.Cancel(p.Due)
	a.policies.Delete(tx, p.ID)
	for _, entry := range p.History {
		a.scalings.Delete(tx, entry)
	}
	for _, id := range slices.Backward(p.Replicas) {
		if i, ok := a.instances.Get(tx, id); ok && i.Policy == p.ID {
			a.retire(tx, i, by)
		}
	}
}

// retire deletes a replica as a client would.
func (a *API) retire(tx *engine.Tx, i Instance, by *event.Cause) {
	if !a.settingsOf(tx).SlowDelete {
		a.remove(tx, i, by)
		return
	}
	t := Action{Type: Delete, RequestedBy: autoscaler}
	if by != nil {
		t.RequestID, t.IdempotencyKey = by.RequestID, by.IdempotencyKey
	}
	a.start(tx, &i, t)
}

// retryBlockedPolicies evaluates the policies that the quota stopped again, when an instance
// has made room.
func (a *API) retryBlockedPolicies(tx *engine.Tx) {
	quota := a.settingsOf(tx).Quota
	if quota == nil || a.instances.Len(tx) != *quota-1 {
		return
	}
	var blocked []string
	for row := range a.policies.After(tx, 0) {
		if row.Value.Blocked {
			blocked = append(blocked, row.ID)
		}
	}
	for _, id := range blocked {
		a.scheduleEvaluation(tx, id)
	}
}
