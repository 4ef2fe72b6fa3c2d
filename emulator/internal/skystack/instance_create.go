package skystack

import (
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

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
func (a *API) checkCreate(c *httpapi.Call, in createInstanceInput) []fail.Detail {
	return a.checkNewInstance(c, in, c.Body())
}

// checkNewInstance is checkCreate for the body of a request, or a part of one. What was
// decoded before needs no body.
func (a *API) checkNewInstance(c *httpapi.Call, in createInstanceInput, body httpapi.Body) []fail.Detail {
	s := slugs{in.Region, in.Size, in.Profile, in.MachineType, in.Image}
	details := append(a.checkCatalogue(c.Tx, s), a.checkFit(c.Tx, s)...)
	if !s.sized() && !body.Sent("size", "profile", "machine_type") {
		message := "One of size, profile and machine_type is required."
		if c.Version == pageEra {
			message = "size is required."
		}
		details = append(details, fail.Detail{Field: "size", Location: fail.Body, Code: "required", Message: message})
	}
	return append(append(details, checkLabels(resource.Names(in.Labels))...), checkAutoscale(in.Autoscale)...)
}

// createInstance books an instance now and boots it later, in the world's time
// (S14, S17, S18, S49 to S52).
//
//	POST /v1/instances
func (a *API) createInstance(c *httpapi.Call, in createInstanceInput) (instanceBody, error) {
	if _, err := oneSize(in.Size, in.Profile, in.MachineType); err != nil {
		return instanceBody{}, err
	}
	project, err := a.targetProject(c, in.ProjectID, in.QueryProject)
	if err != nil {
		return instanceBody{}, err
	}
	i, err := a.provision(c.Tx, in, project, Action{RequestedBy: c.Token, RequestID: c.RequestID, IdempotencyKey: c.IdempotencyKey()})
	if err != nil {
		return instanceBody{}, err
	}
	a.recordObserved(c.Tx, i)
	return i.body(), nil
}

// provision schedules the creation of an instance. t has the actor.
func (a *API) provision(tx *engine.Tx, in createInstanceInput, project string, t Action) (Instance, error) {
	size, err := oneSize(in.Size, in.Profile, in.MachineType)
	if err != nil {
		return Instance{}, err
	}
	if err := a.checkRoom(tx); err != nil {
		return Instance{}, err
	}
	i := in.instance(a.instances.NewID(tx, "ins"), project, size, a.settingsOf(tx).DefaultImage)
	i.CreatedAt = tx.Now()
	a.countMember(tx, i, 1)
	a.attachToPolicy(tx, &i)
	t.Type = Create
	a.start(tx, &i, t)
	return i, nil
}

// instance returns the instance of a create request, before it is provisioned.
func (in createInstanceInput) instance(id, project, size, standard string) Instance {
	storage := slices.Clone(in.Storage)
	for n := range storage {
		storage[n].Type = cmp.Or(storage[n].Type, standardVolume)
	}
	return Instance{
		ID: id, Name: in.Name, ProjectID: project, Region: in.Region, Size: size, Image: cmp.Or(in.Image, standard),
		Autoscale: in.Autoscale.merged(nil), WantsPublicIP: in.Network.PublicIP, Subnet: in.Network.Subnet, FirewallIDs: in.Network.FirewallIDs,
		Storage: storage, Labels: resource.PlainText(in.Labels), Metadata: resource.Compact(in.Metadata),
	}
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
