package skystack

import (
	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// What tests see of a world without HTTP. None of it counts as a read: nothing
// moves on because of it.

// Instances lists the instances of a world, oldest first.
func (a *API) Instances(w *engine.World) []sandbox.Instance {
	var out []sandbox.Instance
	w.View(func(tx *engine.Tx) {
		out = make([]sandbox.Instance, 0, a.instances.Len(tx))
		for row := range a.instances.After(tx, 0) {
			seen := a.observe(tx, row.Value)
			out = append(out, seen.public())
		}
	})
	return out
}

// Instance finds an instance; false if there is none.
func (a *API) Instance(w *engine.World, id string) (sandbox.Instance, bool) {
	var row seenInstance
	var ok bool
	_ = w.Do(func(tx *engine.Tx) error {
		var i Instance
		if i, ok = a.instances.Get(tx, id); ok {
			row = a.observe(tx, i)
		}
		return nil
	})
	if !ok {
		return sandbox.Instance{}, false
	}
	return row.public(), true
}

// Projects lists the projects of a world, oldest first.
func (a *API) Projects(w *engine.World) []sandbox.Project {
	out := []sandbox.Project{}
	w.View(func(tx *engine.Tx) {
		for row := range a.projects.After(tx, 0) {
			out = append(out, sandbox.Project(row.Value))
		}
	})
	return out
}

// Project finds a project; false if there is none.
func (a *API) Project(w *engine.World, id string) (p sandbox.Project, ok bool) {
	_ = w.Do(func(tx *engine.Tx) error {
		var row Project
		row, ok = a.projects.Get(tx, id)
		p = sandbox.Project(row)
		return nil
	})
	return p, ok
}

// Settings returns the present settings of a world.
func (a *API) Settings(w *engine.World) (s Settings) {
	_ = w.Do(func(tx *engine.Tx) error {
		s = a.settingsOf(tx)
		return nil
	})
	return s
}

// seenInstance is an instance and what its action tells of it.
type seenInstance struct {
	Instance
	stuck bool
}

func (a *API) observe(tx *engine.Tx, i Instance) seenInstance {
	if i.PendingAction == "" {
		return seenInstance{Instance: i}
	}
	t, _ := a.actions.Get(tx, i.PendingAction)
	return seenInstance{i, t.Stuck && t.Status == InProgress}
}

// public shares nothing with the row.
func (i *seenInstance) public() sandbox.Instance {
	out := sandbox.Instance{
		ID: i.ID, Name: i.Name, Status: string(i.Status), Stuck: i.stuck, ProjectID: i.ProjectID, Region: i.Region, Size: i.Size, Image: i.Image,
		IP: i.PrivateIP, PublicIP: i.PublicIP, Autoscale: i.Autoscale != nil && i.Autoscale.Enabled,
		PendingAction: i.PendingAction, Version: i.Version, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
	if i.Reason != nil {
		out.Reason = &sandbox.Reason{Code: i.Reason.Code, Message: i.Reason.Message}
	}
	if len(i.Labels) > len("{}") {
		_ = json.Unmarshal(i.Labels, &out.Labels) // it was checked when it came
	}
	if len(i.Metadata) > len("{}") {
		_ = json.Unmarshal(i.Metadata, &out.Metadata)
	}
	return out
}

// CountInstances returns the number of instances of a world.
func (a *API) CountInstances(w *engine.World) (n int) {
	w.Peek(func(tx *engine.Tx) { n = a.instances.Len(tx) })
	return n
}
