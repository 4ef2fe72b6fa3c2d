package skystack

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/fixtures"
)

// Seed fills an empty world from a fixture, keys excluded. s is how the
// workspace behaves where the fixture does not say. Errors name the place in the
// fixture; after one the world must be thrown away.
func (a *API) Seed(w *engine.World, f *fixtures.Fixture, s Settings) error {
	var err error
	_ = w.Do(func(tx *engine.Tx) error {
		err = a.seed(tx, f, s)
		return nil
	})
	return err
}

func (a *API) seed(tx *engine.Tx, f *fixtures.Fixture, s Settings) error {
	s.Name = cmp.Or(s.Name, f.Workspace.Name)
	s.DefaultProject = cmp.Or(f.DefaultProject, "prj_default")
	s.DefaultImage = standardImage
	if err := s.Check(); err != nil {
		return err
	}
	a.settings.Put(tx, settingsID, s)
	for prefix, next := range f.NextIDs {
		tx.CountIDs(prefix, next)
	}
	a.seedCatalogue(tx, f)
	for _, p := range f.Projects {
		at := since(tx, p.CreatedAt, p.Age)
		a.projects.Put(tx, p.ID, Project{ID: p.ID, Name: p.Name, Description: p.Description, Environment: p.Environment, Version: 1, CreatedAt: at, UpdatedAt: at})
	}
	if _, ok := a.projects.Get(tx, s.DefaultProject); !ok {
		a.projects.Put(tx, s.DefaultProject, Project{ID: s.DefaultProject, Name: "default", Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
	}
	for n := range f.Instances {
		if ip := f.Instances[n].IP; ip != "" { // before any is leased
			a.addresses.Put(tx, ip, address{f.Instances[n].ID})
		}
	}
	order := make([]int, len(f.Instances))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { // lists are by created_at (S45)
		return since(tx, f.Instances[a].CreatedAt, f.Instances[a].Age).Compare(since(tx, f.Instances[b].CreatedAt, f.Instances[b].Age))
	})
	var wrong []error
	for done, n := range order {
		if done%seedCheck == 0 { // what is to come is taken to be as large as what is there
			each := int64(0)
			if done > 0 {
				each = tx.Size() / int64(done)
			}
			if err := tx.CheckBudget(each * int64(len(order)-done)); err != nil {
				return err
			}
		}
		if err := a.seedInstance(tx, f, s, n, f.Instances[n]); err != nil {
			if wrong = append(wrong, err); len(wrong) == mostWrong {
				break
			}
		}
	}
	return cmp.Or(errors.Join(wrong...), tx.CheckBudget(0))
}

// mostWrong is the number of invalid instances of a fixture that one error lists.
const mostWrong = 20

// seedCheck is the number of instances that are seeded between two checks of the budget.
const seedCheck = 100

func (a *API) seedCatalogue(tx *engine.Tx, f *fixtures.Fixture) {
	for _, r := range builtinRegions() {
		a.regions.Put(tx, r.Slug, r)
	}
	for _, r := range f.Regions {
		a.regions.Put(tx, r.Slug, Region{r.Slug, r.Name, r.Country, true})
	}
	for _, p := range builtinProfiles() {
		a.profiles.Put(tx, p.Slug, p)
	}
	for _, p := range f.Profiles {
		a.profiles.Put(tx, p.Slug, Profile{p.Slug, p.Name, p.VCPUs, p.MemoryMB, p.DiskGB, true})
	}
	for _, i := range builtinImages(tx.Now()) {
		a.images.Put(tx, i.Slug, i)
	}
	for _, i := range f.Images {
		a.images.Put(tx, i.Slug, Image{
			Slug: i.Slug, Name: i.Name, Distribution: i.Distribution, Custom: true, SizeGB: plainImage, MinDiskGB: plainImage, CreatedAt: tx.Now(),
		})
	}
}

// What an instance has that is seeded or created without saying so.
const (
	standardRegion = "us-east-1"
	standardSize   = "standard-1"
)

func (a *API) seedInstance(tx *engine.Tx, f *fixtures.Fixture, s Settings, n int, in fixtures.Instance) error {
	i := Instance{
		ID: in.ID, Name: in.Name, Status: Status(cmp.Or(in.Status, string(Running))), ProjectID: cmp.Or(in.ProjectID, s.DefaultProject),
		Region: cmp.Or(in.Region, standardRegion), Size: cmp.Or(in.Size, standardSize), Image: cmp.Or(in.Image, s.DefaultImage),
		PrivateIP: in.IP, WantsPublicIP: in.PublicIP, Subnet: in.Subnet, FirewallIDs: in.FirewallIDs,
		Version: 1, CreatedAt: since(tx, in.CreatedAt, in.Age),
	}
	i.UpdatedAt = i.CreatedAt
	if i.ID == "" {
		i.ID = a.instances.NewID(tx, "ins")
	}
	if in.StatusReason != nil {
		i.Reason = &Reason{Code: in.StatusReason.Code, Message: in.StatusReason.Message}
	}
	if in.Autoscale {
		i.Autoscale = standardAutoscale()
	}
	for _, v := range in.Storage {
		i.Storage = append(i.Storage, Volume{v.SizeGB, v.Type})
	}
	var wrong []error
	refuse := func(member, format string, args ...any) {
		wrong = append(wrong, f.Errorf(fmt.Sprintf("instances[%d].%s", n, member), format, args...))
	}
	for _, m := range []struct{ name, list, slug string }{{"region", "regions", i.Region}, {"size", "profiles", i.Size}, {"image", "images", i.Image}} {
		if known, meant := a.catalogued(tx, m.name, m.slug); !known {
			refuse(m.name, "there is no %s %q in the catalogue%s; add it to the fixture's %s or choose another", m.name, m.slug, near.DidYouMean(meant), m.list)
		}
	}
	if i.PrivateIP != "" {
		if why := wrongAddress(i.PrivateIP, privatePools()); why != "" {
			refuse("ip", "%s", why)
		}
	}
	var err error
	if i.Labels, err = objectOf(in.Labels); err != nil {
		refuse("labels", "cannot be written as JSON: %v", err)
	}
	if i.Metadata, err = objectOf(in.Metadata); err != nil {
		refuse("metadata", "cannot be written as JSON: %v", err)
	}
	if wrong != nil {
		return errors.Join(wrong...)
	}
	a.countMember(tx, i, 1)
	a.seedStatus(tx, i, Action{RequestedBy: "fixture"})
	return nil
}

// seedStatus stores an instance with what belongs to its status: addresses, or
// an action that will end it, which t says more about.
func (a *API) seedStatus(tx *engine.Tx, i Instance, t Action) {
	for _, ip := range []string{i.PrivateIP, i.PublicIP} {
		if ip != "" {
			a.addresses.Put(tx, ip, address{i.ID})
		}
	}
	if i.Status != Provisioning && i.Status != Error {
		a.assignAddresses(tx, &i)
	}
	a.attachToPolicy(tx, &i)
	for action, way := range transitions {
		if way.via == i.Status && way.via != "" {
			i.Status = Stopped
			if len(way.from) > 0 {
				i.Status = way.from[0]
			}
			t.Type, t.Size, t.Image = action, i.Size, i.Image
			a.begin(tx, &i, t)
			return
		}
	}
	a.instances.Put(tx, i.ID, i)
	a.scheduleEvaluation(tx, i.Policy)
}

// since is the creation time of an object of a fixture: at a time, or an age before
// the world's first instant.
func since(tx *engine.Tx, at *time.Time, age time.Duration) time.Time {
	if at != nil {
		return *at
	}
	return tx.Now().Add(-age)
}

// objectOf writes a map as labels and metadata are kept.
func objectOf[V any](m map[string]V) (jsontext.Value, error) {
	if len(m) == 0 {
		return nil, nil
	}
	return json.Marshal(m, json.Deterministic(true))
}
