package skystack

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Instance is a machine as the world keeps it. Rows are never changed in place;
// neither are the maps and slices they hold.
type Instance struct {
	ID            string         `json:"id"`
	Name          string         `json:"name"`
	Status        Status         `json:"status"`
	Reason        *Reason        `json:"reason"`
	ProjectID     string         `json:"project_id"`
	Region        string         `json:"region"`
	Size          string         `json:"size"`
	Image         string         `json:"image"`
	Autoscale     *Autoscale     `json:"autoscale"`        // of a leader; nil is none
	Policy        string         `json:"policy,omitempty"` // that it leads or is a replica of; "" is none
	PrivateIP     string         `json:"private_ip"`
	PublicIP      string         `json:"public_ip"`
	WantsPublicIP bool           `json:"wants_public_ip"`
	Subnet        string         `json:"subnet"`
	FirewallIDs   []string       `json:"firewall_ids"`
	Storage       []Volume       `json:"storage"`
	Labels        jsontext.Value `json:"labels,omitzero"`   // an object of strings; nil is {}
	Metadata      jsontext.Value `json:"metadata,omitzero"` // an object; nil is {}
	PendingAction string         `json:"pending_action"`
	Actions       []string       `json:"actions"` // the last there were, oldest first
	Version       int            `json:"version"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	// StatusSince is when the status became what it is; zero means CreatedAt.
	StatusSince time.Time `json:"status_since,omitzero"`
	// Runs is when it began to run, ended, began again, and so on; empty for an
	// instance that never ran, or has run since CreatedAt.
	Runs []time.Time `json:"runs,omitempty"`
}

// Reason is the reason why an instance or an action failed.
type Reason = sandbox.Reason

// Volume is storage that an instance asked for.
type Volume struct {
	SizeGB int    `json:"size_gb"`
	Type   string `json:"type"`
}

// standardVolume is the type of a volume that names none.
const standardVolume = "ssd"

// touch records a visible change (S7).
func (i *Instance) touch(tx *engine.Tx) {
	i.Version++
	i.UpdatedAt = tx.Now()
}

type listInstancesInput struct {
	paging
	Status    []string `json:"-" query:"status"`
	Region    string   `json:"-" query:"region"`
	Name      string   `json:"-" query:"name"`
	ProjectID string   `json:"-" query:"project_id"`
	Label     []string `json:"-" query:"label"`
	Sort      string   `json:"-" query:"sort"`
}

// listInstances lists the workspace's instances, oldest first (S45 to S48).
//
//	GET /v1/instances
func (a *API) listInstances(c *httpapi.Call, in listInstancesInput) (listBody[Instance], error) {
	project, err := a.listedProject(c, in.ProjectID)
	if err != nil {
		return listBody[Instance]{}, err
	}
	v := resource.List[Instance]{Table: a.instances, Project: func(i Instance) string { return i.ProjectID }, NewestFirst: in.Sort == "-created_at"}
	v.Name = strings.Join([]string{
		"instances", cmp.Or(in.Sort, "created_at"), project, in.Region, in.Name, strings.Join(in.Status, ","), strings.Join(oneSpelling(in.Label), "\x00"),
	}, "\x01")
	if project != "" || in.Region != "" || in.Name != "" || len(in.Status) > 0 || len(in.Label) > 0 {
		v.Keep = func(i Instance) bool {
			return in.mayShow(&i, project) && (len(in.Status) == 0 || slices.Contains(in.Status, string(i.Status)))
		}
	}
	p, err := list(c, v, in.paging)
	if err != nil {
		return listBody[Instance]{}, err
	}
	var passing []Instance
	for _, row := range p.Rows {
		if row.Value.PendingAction != "" {
			passing = append(passing, row.Value)
		}
	}
	moved := false
	switch {
	case len(passing) > 0:
		moved = a.recordRead(c.Tx, passing...)
	case len(in.Status) > 0: // of those that are on their way to the status none is shown
		moved = a.advanceToAwaited(c, a.finishes(c.Tx, func(t Action) bool {
			i, ok := a.instances.Get(c.Tx, t.InstanceID)
			return ok && in.mayShow(&i, project)
		}))
	}
	if moved {
		if p, err = list(c, v, in.paging); err != nil {
			return listBody[Instance]{}, err
		}
	}
	return body(p, writeInstance), nil
}

// mayShow reports whether the filters, but for that by status, let an instance
// through.
func (in *listInstancesInput) mayShow(i *Instance, project string) bool {
	return (project == "" || i.ProjectID == project) && (in.Region == "" || i.Region == in.Region) &&
		(in.Name == "" || i.Name == in.Name) && i.labelled(in.Label)
}

type instanceInput struct {
	ID string `json:"-" path:"id"`
}

// getInstance shows one instance in full (S53 to S55).
//
//	GET /v1/instances/{id}
func (a *API) getInstance(c *httpapi.Call, in instanceInput) (instanceBody, error) {
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return instanceBody{}, err
	}
	if i.PendingAction != "" && a.recordRead(c.Tx, i) {
		if i, err = a.instance(c.Tx, in.ID); err != nil {
			return instanceBody{}, err
		}
	}
	return i.body(), nil
}

// instance looks an instance up; of another workspace there is none (S23).
func (a *API) instance(tx *engine.Tx, id string) (Instance, error) {
	i, ok := a.instances.Get(tx, id)
	if !ok {
		return Instance{}, noInstance(id)
	}
	return i, nil
}

func noInstance(id string) error {
	return fail.Newf(fail.NotFound, "instance_not_found", "There is no instance %q in this workspace.", fail.Clip(id))
}

type updateInstanceInput struct {
	instanceInput
	Name      *string         `json:"name"`
	Labels    jsontext.Value  `json:"labels"`
	Metadata  jsontext.Value  `json:"metadata"`
	Autoscale autoscaleChange `json:"autoscale"`
	Network   jsontext.Value  `json:"network"`
	Storage   storageChange   `json:"storage"`
}

// presentInstance is an instance as a patch finds it (S7). The three names of its
// size are one (S17).
func (a *API) presentInstance(c *httpapi.Call, in instanceInput) (httpapi.Present, error) {
	i, err := a.instance(c.Tx, in.ID)
	return httpapi.Present{Body: i.body(), Also: map[string]any{"size": i.Size, "profile": i.Size, "machine_type": i.Size}}, err
}

func checkUpdate(_ *httpapi.Call, in updateInstanceInput) []fail.Detail {
	return checkLabels(resource.Names(in.Labels))
}

// updateInstance merges changes into an instance; a change that changes nothing
// leaves the version as it is (S7, S10).
//
//	PATCH /v1/instances/{id}
func (a *API) updateInstance(c *httpapi.Call, in updateInstanceInput) (instanceBody, error) {
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return instanceBody{}, err
	}
	if err := c.Precondition(i.Version); err != nil {
		return instanceBody{}, err
	}
	if i.Status == Deleting {
		return instanceBody{}, a.refusal(c.Tx, i, "a change", wrongState)
	}
	changed, err := a.patchedInstance(c.Tx, i, in)
	if err != nil {
		return instanceBody{}, err
	}
	return a.reconfigure(c.Tx, i, changed, event.CauseOf(c)).body(), nil
}

// patchedInstance is an instance after a patch, or why it cannot be made; nothing is changed
// yet.
func (a *API) patchedInstance(tx *engine.Tx, i Instance, in updateInstanceInput) (changed Instance, _ error) {
	changed = i
	if in.Name != nil {
		changed.Name = *in.Name
	}
	changed.Labels, changed.Metadata = resource.PlainText(resource.Merge(i.Labels, in.Labels)), resource.Merge(i.Metadata, in.Metadata)
	changed.Autoscale, changed.Storage = in.Autoscale.merged(i.Autoscale), in.Storage.applied(i.Storage)
	changed.rewire(in.Network)
	if err := a.checkConfigurable(tx, i, changed.rewired(&i), !slices.Equal(changed.Storage, i.Storage)); err != nil {
		return i, err
	}
	if details := append(changed.checkMerged(), checkStorage(i.Storage, changed.Storage)...); len(details) > 0 {
		return i, fail.Parameters(details...)
	}
	if changed.Autoscale != nil && i.Autoscale == nil && i.Policy != "" {
		p, _ := a.policies.Get(tx, i.Policy)
		return i, fail.Newf(fail.Conflict, "invalid_state", "The instance is a replica of %s; change its leader %s instead.", i.Policy, p.Leader)
	}
	return changed, nil
}

// sameConfiguration reports whether a patch has changed nothing.
func (i *Instance) sameConfiguration(old *Instance) bool {
	return i.Name == old.Name && i.Autoscale.equal(old.Autoscale) && resource.SameJSON(i.Labels, old.Labels) && resource.SameJSON(i.Metadata, old.Metadata) &&
		!i.rewired(old) && slices.Equal(i.Storage, old.Storage)
}

// reconfigure makes an instance what a patch has made of it, and tells.
func (a *API) reconfigure(tx *engine.Tx, i, changed Instance, by *event.Cause) Instance {
	if changed.sameConfiguration(&i) {
		return i
	}
	if changed.rewired(&i) {
		a.updateAddress(tx, &changed)
	}
	changed.touch(tx)
	a.attachToPolicy(tx, &changed)
	if changed.Autoscale == nil && i.Autoscale != nil {
		changed.Policy = ""
	}
	a.instances.Put(tx, changed.ID, changed)
	a.events.Emit(tx, event.Draft{Type: "instance.updated", Project: changed.ProjectID, Object: changed.body(), Previous: changed.differences(i), Cause: by})
	a.updatePolicy(tx, changed, i, by)
	return changed
}

// differences is the members that a change touched, as they were.
func (i Instance) differences(old Instance) map[string]any {
	out := map[string]any{}
	now, before := resource.MembersOf(writeInstance(nil, &i, "")), resource.MembersOf(writeInstance(nil, &old, ""))
	for name, was := range before {
		if name != "version" && name != "updated_at" && !bytes.Equal(was, now[name]) {
			out[name] = was
		}
	}
	return out
}

// checkMerged finds what is wrong with a patch only together with what it is
// applied to.
func (i Instance) checkMerged() (details []fail.Detail) {
	for _, m := range []struct {
		field string
		size  int
	}{{"labels", len(resource.MembersOf(i.Labels))}, {"metadata", len(resource.MembersOf(i.Metadata))}} {
		if m.size > maxMembers {
			details = append(details, fail.Detail{Field: m.field, Location: fail.Body, Code: "too_long",
				Message: fmt.Sprintf("%s must have at most %d members; it would have %d.", m.field, maxMembers, m.size)})
		}
	}
	if i.Autoscale != nil {
		details = append(details, crossed(i.Autoscale.Min, i.Autoscale.Max)...)
	}
	return details
}

// deleteInstance removes an instance at once, from any state (S56 to S59).
//
//	DELETE /v1/instances/{id}
func (a *API) deleteInstance(c *httpapi.Call, in instanceInput) (httpapi.Nothing, error) {
	i, err := a.instance(c.Tx, in.ID)
	s := a.settingsOf(c.Tx)
	if err != nil {
		return httpapi.Nothing{}, a.unlessDeleted(c.Tx, "ins_", in.ID, err)
	}
	if err := c.Precondition(i.Version); err != nil {
		return httpapi.Nothing{}, err
	}
	if i.Status == Deleting {
		return httpapi.Nothing{}, nil
	}
	if s.SlowDelete {
		a.start(c.Tx, &i, Action{Type: Delete, RequestedBy: c.Token, RequestID: c.RequestID, IdempotencyKey: c.IdempotencyKey()})
		return httpapi.Nothing{}, nil
	}
	a.remove(c.Tx, i, event.CauseOf(c))
	return httpapi.Nothing{}, nil
}

// countMember counts an instance in its project and its profile, or takes it out of the
// counts.
func (a *API) countMember(tx *engine.Tx, i Instance, n int) {
	engine.Own(a.members, tx, i.ProjectID).Instances += n
	a.use(tx, profileUse+i.Size, n)
}

// remove takes an instance out of the world and cancels what it was doing.
func (a *API) remove(tx *engine.Tx, i Instance, by *event.Cause) {
	left := i
	a.leavePolicy(tx, &left, by)
	if t, ok := a.actions.Get(tx, i.PendingAction); ok {
		status := Cancelled
		if t.Type == Delete {
			status = Completed
		}
		a.end(tx, t, status, nil)
	}
	a.instances.Delete(tx, i.ID)
	a.watches.Delete(tx, i.ID)
	a.loads.Delete(tx, i.ID)
	a.addresses.Delete(tx, i.PrivateIP)
	a.addresses.Delete(tx, i.PublicIP)
	a.countMember(tx, i, -1)
	a.tombstones.Add(tx, i.ID, i.ProjectID)
	a.retryBlockedPolicies(tx)
	i.PendingAction = ""
	a.emitChange(tx, &i, i.Status, by, "instance.deleted")
}
