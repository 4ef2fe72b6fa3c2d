package skystack

import (
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Region is a place where instances run.
type Region struct {
	Slug      string `json:"slug"`
	Name      string `json:"name"`
	Country   string `json:"country"`
	Available bool   `json:"available"`
}

// The built-in catalogue holds what the documents name, and enough around it
// (S49); builtinProfiles and builtinImages are the rest of it.
func builtinRegions() []Region {
	return []Region{
		{"us-east-1", "US East 1", "US", true}, {"us-west-2", "US West 2", "US", true}, {"eu-central", "EU Central", "DE", true},
		{"eu-west-1", "EU West 1", "IE", true}, {"ap-southeast-1", "Asia Pacific Southeast 1", "SG", true},
	}
}

// slugs are the members of a request that name entries of the catalogue; "" names none.
type slugs struct{ Region, Size, Profile, MachineType, Image string }

// sized reports whether one of the names of a size is set.
func (s slugs) sized() bool { return s.Size != "" || s.Profile != "" || s.MachineType != "" }

// checkCatalogue finds members that name what is not in the catalogue.
func (a *API) checkCatalogue(tx *engine.Tx, s slugs) (details []fail.Detail) {
	for _, m := range [...]struct{ slug, name, noun, path string }{
		{s.Region, "region", "region", "/v1/regions"}, {s.Size, "size", "size", "/v1/sizes"}, {s.Profile, "profile", "profile", "/v1/profiles"},
		{s.MachineType, "machine_type", "machine type", "/v1/profiles"}, {s.Image, "image", "image", "/v1/images"},
	} {
		known, meant := a.catalogued(tx, m.name, m.slug)
		if known {
			continue
		}
		d := fail.Detail{Field: m.name, Location: fail.Body, Code: "unknown_value"}
		if meant != nil {
			d.Extra = []fail.Member{{Name: "did_you_mean", Value: meant[0]}}
		}
		d.Message = fmt.Sprintf("There is no %s %q%s; GET %s lists them.", m.noun, fail.Clip(m.slug), near.DidYouMean(meant), m.path)
		details = append(details, d)
	}
	return details
}

// catalogued reports whether a member of an instance names an entry of the catalogue, and
// if not which entries are probably meant. An open catalogue has every slug.
func (a *API) catalogued(tx *engine.Tx, member, slug string) (known bool, meant []string) {
	switch {
	case slug == "" || a.settingsOf(tx).OpenCatalog:
		return true, nil
	case member == "region":
		return entryOrNear(a.regions, tx, slug)
	case member == "image":
		return entryOrNear(a.images, tx, slug)
	}
	return entryOrNear(a.profiles, tx, slug)
}

// Bounds of what is probably meant by a slug: of so many entries, and so many that are
// equally near.
const (
	mostCompared = 500
	mostMeant    = 4
)

// entryOrNear tells whether the catalogue has a slug, and if not which of its slugs it
// was probably meant to be; nil for none, or for too many.
func entryOrNear[T any](t *engine.Table[T], tx *engine.Tx, slug string) (known bool, meant []string) {
	if t.Has(tx, slug) {
		return true, nil
	}
	var slugs []string
	for row := range t.After(tx, 0) {
		if slugs = append(slugs, row.ID); len(slugs) == mostCompared {
			break
		}
	}
	if meant = near.Members(slug, slugs...); len(meant) > mostMeant {
		meant = nil
	}
	return false, meant
}

type slugInput struct {
	Slug string `json:"-" path:"slug"`
}

// entry looks up one entry of the catalogue.
func entry[T any](t *engine.Table[T], c *httpapi.Call, noun, slug string) (T, error) {
	v, ok := t.Get(c.Tx, slug)
	if !ok {
		return v, fail.Newf(fail.NotFound, noun+"_not_found", "There is no %s %q.", noun, fail.Clip(slug))
	}
	return v, nil
}

func same[T any](v T) T { return v }

// listRegions lists where instances can run.
//
//	GET /v1/regions
func (a *API) listRegions(c *httpapi.Call, in paging) (listBody[Region], error) {
	p, err := list(c, resource.List[Region]{Table: a.regions, Shared: true, Name: "regions"}, in)
	return body(p, as(same[Region])), err
}

// getRegion shows one region.
//
//	GET /v1/regions/{slug}
func (a *API) getRegion(c *httpapi.Call, in slugInput) (Region, error) {
	return entry(a.regions, c, "region", in.Slug)
}
