package skystack

import (
	"cmp"
	stdjson "encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Objects created without HTTP have no key as actor.
const creator = "sandbox"

// maxFree bounds labels and metadata, in bytes, as a body is bounded.
const maxFree = 1 << 20

// autoAddress asks for a public address.
const autoAddress = "auto"

// CreateInstance adds an instance in any state, at once, by the rules of a
// fixture: members left out take the workspace's defaults, and no quota counts.
// It refuses what no instance can be, and says which member, why, and what would
// be right; what it refuses changes nothing.
func (a *API) CreateInstance(w *engine.World, in sandbox.Instance) (sandbox.Instance, error) {
	i, f := instanceOf(in)
	var row seenInstance
	err := w.Do(func(tx *engine.Tx) error {
		a.completeInstance(tx, &i, &f)
		if err := f.Err("instance"); err != nil {
			return err
		}
		if err := tx.CheckBudget(int64(len(i.Labels)+len(i.Metadata)) + ownGrowth); err != nil {
			return err
		}
		if i.ID == "" {
			i.ID = a.instances.NewID(tx, "ins")
		}
		a.countMember(tx, i, 1)
		a.seedStatus(tx, i, Action{RequestedBy: creator, Stuck: in.Stuck})
		i, _ = a.instances.Get(tx, i.ID)
		row = a.observe(tx, i)
		return nil
	})
	if err != nil {
		return sandbox.Instance{}, err
	}
	return row.public(), nil
}

// instanceOf is the row of a new instance as far as it can be told without the
// world, and what is wrong with it.
func instanceOf(in sandbox.Instance) (Instance, resource.Violations) {
	var f resource.Violations
	i := Instance{
		ID: in.ID, Name: in.Name, Status: cmp.Or(Status(in.Status), Running), ProjectID: in.ProjectID, Region: in.Region, Size: in.Size, Image: in.Image,
		PrivateIP: in.IP, PublicIP: in.PublicIP, WantsPublicIP: in.PublicIP != "", Version: 1, CreatedAt: in.CreatedAt.UTC().Round(0),
	}
	if i.PublicIP == autoAddress {
		i.PublicIP = ""
	}
	if in.Autoscale {
		i.Autoscale = standardAutoscale()
	}
	i.shapes(&f)
	if in.Stuck && slices.Contains(Statuses(), i.Status) && !i.Status.transitional() {
		f.Add("stuck", "an instance that is %s rests and cannot be stuck; leave it out, or choose one of %s", i.Status, passingNames())
	}
	if in.Reason != nil {
		i.Reason = &Reason{Code: in.Reason.Code, Message: cmp.Or(in.Reason.Message, reasonText(in.Reason.Code))}
		if i.Status != Error {
			f.Add("status_reason", "goes with the status error alone, and this is %s; leave it out", i.Status)
		}
		f.Text("status_reason.code", in.Reason.Code, 1, 63)
		f.Line("status_reason.code", in.Reason.Code)
		f.Text("status_reason.message", i.Reason.Message, 1, 1000)
		f.Line("status_reason.message", i.Reason.Message)
	}
	var err error
	if i.Labels, err = freeJSON(in.Labels); err != nil {
		f.Add("labels", "%v", err)
	}
	if i.Metadata, err = freeJSON(in.Metadata); err != nil {
		f.Add("metadata", "%v", err)
	}
	i.freeShapes(&f)
	f.Unsettable("pending_action", in.PendingAction != "")
	f.Unsettable("version", in.Version != 0)
	f.Unsettable("updated_at", !in.UpdatedAt.IsZero())
	return i, f
}

// completeInstance completes a new instance by what the world has, and finds what does not
// fit into it. It changes nothing.
func (a *API) completeInstance(tx *engine.Tx, i *Instance, f *resource.Violations) {
	s := a.settingsOf(tx)
	i.ProjectID, i.Image = cmp.Or(i.ProjectID, s.DefaultProject), cmp.Or(i.Image, s.DefaultImage)
	i.Region, i.Size = cmp.Or(i.Region, standardRegion), cmp.Or(i.Size, standardSize)
	f.FreeID(tx, "id", "ins", i.ID, a.instances.Has(tx, i.ID))
	f.NotFuture(tx, &i.CreatedAt)
	i.UpdatedAt = i.CreatedAt
	if !a.projects.Has(tx, i.ProjectID) {
		f.Add("project_id", "there is no project %q; add it first, or use one of %s", fail.Clip(i.ProjectID), firstIDs(a.projects, tx))
	}
	for _, m := range []struct{ name, slug, some string }{
		{"region", i.Region, firstIDs(a.regions, tx)}, {"size", i.Size, firstIDs(a.profiles, tx)}, {"image", i.Image, firstIDs(a.images, tx)},
	} {
		if known, meant := a.catalogued(tx, m.name, m.slug); !known && resource.IsSlug(m.slug) {
			f.Add(m.name, "there is no %s %q%s; use one of %s", m.name, fail.Clip(m.slug), near.DidYouMean(meant), m.some)
		}
	}
	if why := a.tooSmall(tx, i.Size, i.Image); why != "" {
		f.Add("size", "%s", why)
	}
	for _, ip := range []struct{ member, address string }{{"ip", i.PrivateIP}, {"public_ip", i.PublicIP}} {
		if held, ok := a.addresses.Get(tx, ip.address); ok {
			f.Taken(ip.member, "%s is the address of %s; choose another, or leave it out", ip.address, held.InstanceID)
		}
	}
}

// CreateProject adds a project; see CreateInstance.
func (a *API) CreateProject(w *engine.World, in sandbox.Project) (sandbox.Project, error) {
	var f resource.Violations
	p := Project{ID: in.ID, Name: in.Name, Description: in.Description, Environment: in.Environment, Version: 1, CreatedAt: in.CreatedAt.UTC().Round(0)}
	p.shapes(&f)
	f.Text("environment", p.Environment, 0, 255)
	f.Line("name", p.Name)
	f.Line("description", p.Description)
	f.Line("environment", p.Environment)
	f.Unsettable("version", in.Version != 0)
	f.Unsettable("updated_at", !in.UpdatedAt.IsZero())
	err := w.Do(func(tx *engine.Tx) error {
		f.FreeID(tx, "id", "prj", p.ID, a.projects.Has(tx, p.ID))
		f.NotFuture(tx, &p.CreatedAt)
		p.UpdatedAt = p.CreatedAt
		if err := f.Err("project"); err != nil {
			return err
		}
		if err := tx.CheckBudget(int64(len(p.Description)) + ownGrowth); err != nil {
			return err
		}
		if p.ID == "" {
			p.ID = a.projects.NewID(tx, "prj")
		}
		a.projects.Put(tx, p.ID, p)
		return nil
	})
	if err != nil {
		return sandbox.Project{}, err
	}
	return sandbox.Project(p), nil
}

// firstIDs lists some rows, to choose from.
func firstIDs[T any](t *engine.Table[T], tx *engine.Tx) string {
	const most = 8
	var ids []string
	for row := range t.After(tx, 0) {
		if len(ids) == most {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, row.ID)
	}
	return strings.Join(ids, ", ")
}

func passingNames() string {
	var names []string
	for _, s := range Statuses() {
		if s.transitional() {
			names = append(names, string(s))
		}
	}
	return strings.Join(names, ", ")
}

// freeJSON writes a map as labels and metadata are kept.
func freeJSON[V any](m map[string]V) (jsontext.Value, error) {
	if len(m) == 0 {
		return nil, nil
	}
	digits := json.MarshalToFunc(func(e *jsontext.Encoder, n stdjson.Number) error { return e.WriteValue(jsontext.Value(n)) })
	v, err := json.Marshal(m, json.Deterministic(true), json.WithMarshalers(digits))
	if err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	if len(v) > maxFree {
		return nil, fmt.Errorf("has %d bytes as JSON; at most %d are kept", len(v), maxFree)
	}
	return v, nil
}
