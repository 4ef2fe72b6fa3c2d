package skystack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
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
	Autoscale     *Autoscale     `json:"autoscale"`
	PrivateIP     string         `json:"private_ip"`
	PublicIP      string         `json:"public_ip"`
	WantsPublicIP bool           `json:"wants_public_ip"`
	Subnet        string         `json:"subnet"`
	FirewallIDs   []string       `json:"firewall_ids"`
	Storage       []Volume       `json:"storage"`
	Labels        jsontext.Value `json:"labels,omitzero"`   // an object of strings; nil is {}
	Metadata      jsontext.Value `json:"metadata,omitzero"` // an object; nil is {}
	PendingAction string         `json:"pending_action"`
	Actions       []string       `json:"actions"` // all there were, oldest first
	Version       int            `json:"version"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
}

// Reason says why an instance or an action failed.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Volume is storage that an instance asked for.
type Volume struct {
	SizeGB int    `json:"size_gb"`
	Type   string `json:"type"`
}

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
func (a *API) listInstances(c *edge.Call, in listInstancesInput) (listBody[Instance], error) {
	project, err := a.listedProject(c, in.ProjectID)
	if err != nil {
		return listBody[Instance]{}, err
	}
	v := view[Instance]{table: a.instances, latest: in.Sort == "-created_at"}
	v.name = strings.Join([]string{
		"instances", cmp.Or(in.Sort, "created_at"), project, in.Region, in.Name, strings.Join(in.Status, ","), strings.Join(in.Label, "\x00"),
	}, "\x01")
	if project != "" || in.Region != "" || in.Name != "" || len(in.Status) > 0 || len(in.Label) > 0 {
		v.keep = func(i Instance) bool {
			return (project == "" || i.ProjectID == project) && (in.Region == "" || i.Region == in.Region) &&
				(in.Name == "" || i.Name == in.Name) && (len(in.Status) == 0 || slices.Contains(in.Status, string(i.Status))) &&
				i.labelled(in.Label)
		}
	}
	p, err := list(c, v, in.paging)
	if err != nil {
		return listBody[Instance]{}, err
	}
	var passing []Instance
	for _, row := range p.rows {
		if row.Value.PendingAction != "" {
			passing = append(passing, row.Value)
		}
	}
	if len(passing) > 0 && a.look(c.Tx, passing...) {
		if p, err = list(c, v, in.paging); err != nil {
			return listBody[Instance]{}, err
		}
	}
	return body(p, writeInstance), nil
}

type createInstanceInput struct {
	QueryProject string          `json:"-" query:"project_id"`
	ProjectID    string          `json:"project_id"`
	Name         string          `json:"name"`
	Region       string          `json:"region"`
	Size         string          `json:"size"`
	Profile      string          `json:"profile"`
	MachineType  string          `json:"machine_type"`
	Image        string          `json:"image"`
	Autoscale    autoscaleChange `json:"autoscale"`
	Network      networkInput    `json:"network"`
	Storage      []Volume        `json:"storage"`
	Labels       jsontext.Value  `json:"labels"`
	Metadata     jsontext.Value  `json:"metadata"`
}

type networkInput struct {
	Subnet      string   `json:"subnet"`
	PublicIP    bool     `json:"public_ip"`
	FirewallIDs []string `json:"firewall_ids"`
}

// checkCreate finds what the contract cannot: names that are not in the
// catalogue (S49, S50).
func (a *API) checkCreate(c *edge.Call, b edge.Fields) []fail.Detail {
	details := a.checkCatalogue(c, b)
	if b["size"] == nil && b["profile"] == nil && b["machine_type"] == nil {
		message := "One of size, profile and machine_type is required."
		if c.Version == pageEra {
			message = "size is required."
		}
		details = append(details, fail.Detail{Field: "size", Location: fail.Body, Code: "required", Message: message})
	}
	labels, _ := b["labels"].(map[string]any)
	return append(append(details, checkLabels(labels)...), checkAutoscale(b)...)
}

// createInstance books an instance now and boots it later, in the world's time
// (S14, S17, S18, S49 to S52).
//
//	POST /v1/instances
func (a *API) createInstance(c *edge.Call, in createInstanceInput) (instanceBody, error) {
	size, err := oneSize(in.Size, in.Profile, in.MachineType)
	if err != nil {
		return instanceBody{}, err
	}
	project, err := a.targetProject(c, in.ProjectID, in.QueryProject)
	if err != nil {
		return instanceBody{}, err
	}
	s := a.settingsOf(c.Tx)
	if s.Quota != nil && a.instances.Len(c.Tx) >= *s.Quota {
		return instanceBody{}, &fail.Error{
			Kind: fail.Forbidden, Code: "quota_exceeded", Message: "The workspace has as many instances as its quota allows; delete one first.",
			Details: []fail.Detail{{Extra: []fail.Member{{Name: "resource", Value: "instances"}, {Name: "limit", Value: *s.Quota}, {Name: "used", Value: a.instances.Len(c.Tx)}}}},
		}
	}
	for n := range in.Storage {
		in.Storage[n].Type = cmp.Or(in.Storage[n].Type, "ssd")
	}
	i := Instance{
		ID: c.NewID("ins"), Name: in.Name, ProjectID: project, Region: in.Region, Size: size, Image: cmp.Or(in.Image, s.DefaultImage),
		Autoscale: in.Autoscale.merged(nil), WantsPublicIP: in.Network.PublicIP, Subnet: in.Network.Subnet, FirewallIDs: in.Network.FirewallIDs,
		Storage: in.Storage, Labels: plainText(in.Labels), Metadata: compact(in.Metadata), CreatedAt: c.Now(),
	}
	a.enrol(c.Tx, i, 1)
	a.start(c.Tx, &i, Action{Type: Create, RequestedBy: c.Token, RequestID: c.RequestID})
	a.shown(c.Tx, i)
	return i.body(), nil
}

// oneSize settles the three names for a size (S17).
func oneSize(size, profile, machineType string) (string, error) {
	one := cmp.Or(size, profile, machineType)
	for _, other := range []string{size, profile, machineType} {
		if other != "" && other != one {
			return "", conflicting("Size, profile and machine_type are one thing by three names; send one, or the same value.", "size", "profile", "machine_type")
		}
	}
	return one, nil
}

func conflicting(message string, fields ...string) error {
	e := &fail.Error{Kind: fail.Invalid, Code: "conflicting_parameters", Message: message}
	for _, f := range fields {
		e.Details = append(e.Details, fail.Detail{Field: f, Location: fail.Body, Code: "conflicting_parameters", Message: message})
	}
	return e
}

type instanceInput struct {
	ID string `json:"-" path:"id"`
}

// getInstance shows one instance in full (S53 to S55).
//
//	GET /v1/instances/{id}
func (a *API) getInstance(c *edge.Call, in instanceInput) (instanceBody, error) {
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return instanceBody{}, err
	}
	if i.PendingAction != "" && a.look(c.Tx, i) {
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
		return Instance{}, fail.Newf(fail.NotFound, "instance_not_found", "There is no instance %q in this workspace.", clip(id))
	}
	return i, nil
}

type updateInstanceInput struct {
	instanceInput
	Name      *string         `json:"name"`
	Labels    jsontext.Value  `json:"labels"`
	Metadata  jsontext.Value  `json:"metadata"`
	Autoscale autoscaleChange `json:"autoscale"`
}

// checkUpdate refuses members that cannot be changed, each by name (S7).
func (a *API) checkUpdate(_ *edge.Call, b edge.Fields) []fail.Detail {
	details := immutable(b, "id", "status", "region", "size", "profile", "machine_type", "image", "project_id", "network",
		"storage", "ip", "created_at", "updated_at", "version", "pending_action", "status_reason")
	labels, _ := b["labels"].(map[string]any)
	return append(details, checkLabels(labels)...)
}

// immutable finds members that only the sandbox sets.
func immutable(b edge.Fields, names ...string) (details []fail.Detail) {
	for _, name := range names {
		if _, sent := b[name]; sent {
			details = append(details, fail.Detail{Field: name, Location: fail.Body, Code: "immutable", Message: name + " cannot be changed by PATCH."})
		}
	}
	return details
}

// updateInstance merges changes into an instance; a change that changes nothing
// leaves the version as it is (S7, S10).
//
//	PATCH /v1/instances/{id}
func (a *API) updateInstance(c *edge.Call, in updateInstanceInput) (instanceBody, error) {
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
	changed := i
	if in.Name != nil {
		changed.Name = *in.Name
	}
	changed.Labels, changed.Metadata = plainText(merge(i.Labels, in.Labels)), merge(i.Metadata, in.Metadata)
	changed.Autoscale = in.Autoscale.merged(i.Autoscale)
	if details := changed.checkMerged(); len(details) > 0 {
		return instanceBody{}, fail.Parameters(details...)
	}
	same := changed.Name == i.Name && changed.Autoscale.equal(i.Autoscale) && sameValue(changed.Labels, i.Labels) && sameValue(changed.Metadata, i.Metadata)
	if same {
		return i.body(), nil
	}
	changed.touch(c.Tx)
	a.instances.Put(c.Tx, changed.ID, changed)
	return changed.body(), nil
}

// checkMerged finds what is wrong with a patch only together with what it is
// applied to.
func (i Instance) checkMerged() (details []fail.Detail) {
	for _, m := range []struct {
		field string
		size  int
	}{{"labels", len(membersOf(i.Labels))}, {"metadata", len(membersOf(i.Metadata))}} {
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

// tombstone remembers a deleted object, so that a repeated DELETE succeeds.
type tombstone struct {
	DeletedAt time.Time `json:"deleted_at"`
}

const (
	buryStep      = "tombstone.remove"
	tombstoneLife = 24 * time.Hour
)

// deleteInstance removes an instance for good, from any state (S56 to S59).
//
//	DELETE /v1/instances/{id}
func (a *API) deleteInstance(c *edge.Call, in instanceInput) (edge.Nothing, error) {
	i, err := a.instance(c.Tx, in.ID)
	s := a.settingsOf(c.Tx)
	if err != nil {
		if _, buried := a.tombstones.Get(c.Tx, in.ID); buried && !s.RepeatedDelete404 {
			err = nil
		}
		return edge.Nothing{}, err
	}
	if err := c.Precondition(i.Version); err != nil {
		return edge.Nothing{}, err
	}
	if i.Status == Deleting {
		return edge.Nothing{}, nil
	}
	if s.SlowDelete {
		a.start(c.Tx, &i, Action{Type: Delete, RequestedBy: c.Token, RequestID: c.RequestID})
		return edge.Nothing{}, nil
	}
	a.remove(c.Tx, i)
	return edge.Nothing{}, nil
}

// enrol counts an instance in its project, or takes it out of the count.
func (a *API) enrol(tx *engine.Tx, i Instance, n int) {
	engine.Own(a.members, tx, i.ProjectID).Instances += n
}

// remove takes an instance out of the world and cancels what it was doing.
func (a *API) remove(tx *engine.Tx, i Instance) {
	if t, ok := a.actions.Get(tx, i.PendingAction); ok {
		status := Cancelled
		if t.Type == Delete {
			status = Completed
		}
		a.end(tx, t, status, nil)
	}
	a.instances.Delete(tx, i.ID)
	a.watches.Delete(tx, i.ID)
	a.addresses.Delete(tx, i.PrivateIP)
	a.addresses.Delete(tx, i.PublicIP)
	a.enrol(tx, i, -1)
	a.bury(tx, i.ID)
}

func (a *API) bury(tx *engine.Tx, id string) {
	a.tombstones.Put(tx, id, tombstone{DeletedAt: tx.Now()})
	tx.After(tombstoneLife, buryStep, id)
}
