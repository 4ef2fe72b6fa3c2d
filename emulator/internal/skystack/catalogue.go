package skystack

import (
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Region is a place where instances run.
type Region struct {
	Slug      string `json:"slug"`
	Name      string `json:"name"`
	Country   string `json:"country"`
	Available bool   `json:"available"`
}

// Profile is a size of instances; the documents call it size, profile and
// machine type.
type Profile struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	VCPUs    int    `json:"vcpus"`
	MemoryMB int    `json:"memory_mb"`
	DiskGB   int    `json:"disk_gb"`
	Custom   bool   `json:"custom"`
}

// Image is what an instance boots from.
type Image struct {
	Slug         string    `json:"slug"`
	Name         string    `json:"name"`
	Distribution string    `json:"distribution"`
	Custom       bool      `json:"custom"`
	Source       string    `json:"source"` // the instance a snapshot was taken of
	CreatedAt    time.Time `json:"created_at"`
}

// imageBody is an image on the wire.
type imageBody struct {
	Slug             string  `json:"slug"`
	Name             string  `json:"name"`
	Distribution     string  `json:"distribution"`
	Custom           bool    `json:"custom"`
	SourceInstanceID *string `json:"source_instance_id"`
	CreatedAt        string  `json:"created_at"`
}

func (i Image) body() imageBody {
	return imageBody{i.Slug, i.Name, i.Distribution, i.Custom, text(i.Source), stamp(i.CreatedAt)}
}

const standardImage = "ubuntu-24.04"

// The built-in catalogue holds what the documents name, and enough around it
// (S49).
func builtinRegions() []Region {
	return []Region{
		{"us-east-1", "US East 1", "US", true}, {"us-west-2", "US West 2", "US", true}, {"eu-central", "EU Central", "DE", true},
		{"eu-west-1", "EU West 1", "IE", true}, {"ap-southeast-1", "Asia Pacific Southeast 1", "SG", true},
	}
}

func builtinProfiles() []Profile {
	return []Profile{
		{"standard-1", "Standard 1", 1, 2048, 25, false}, {"standard-2", "Standard 2", 2, 4096, 50, false},
		{"standard-4", "Standard 4", 4, 8192, 100, false}, {"standard-8", "Standard 8", 8, 16384, 200, false},
		{"c4-standard", "Compute 4", 4, 8192, 80, false}, {"c8-standard", "Compute 8", 8, 16384, 160, false},
		{"m4-highmem", "Memory 4", 4, 32768, 100, false},
	}
}

func builtinImages(at time.Time) []Image {
	return []Image{
		{"ubuntu-24.04", "Ubuntu 24.04 LTS", "ubuntu", false, "", at}, {"ubuntu-22.04", "Ubuntu 22.04 LTS", "ubuntu", false, "", at},
		{"debian-13", "Debian 13", "debian", false, "", at}, {"debian-12", "Debian 12", "debian", false, "", at},
		{"fedora-43", "Fedora 43", "fedora", false, "", at}, {"rocky-10", "Rocky Linux 10", "rocky", false, "", at},
	}
}

// checkCatalogue finds members that name what is not in the catalogue. It looks
// only at text: the contract reports other types.
func (a *API) checkCatalogue(c *edge.Call, b edge.Fields) (details []fail.Detail) {
	if a.settingsOf(c.Tx).OpenCatalog {
		return nil
	}
	for _, m := range [...]struct{ name, noun, path string }{
		{"region", "region", "/v1/regions"}, {"size", "size", "/v1/sizes"}, {"profile", "profile", "/v1/profiles"},
		{"machine_type", "machine type", "/v1/profiles"}, {"image", "image", "/v1/images"},
	} {
		slug := b.Text(m.name)
		known := slug == ""
		switch {
		case known:
		case m.name == "region":
			known = has(a.regions, c.Tx, slug)
		case m.name == "image":
			known = has(a.images, c.Tx, slug)
		default:
			known = has(a.profiles, c.Tx, slug)
		}
		if !known {
			details = append(details, fail.Detail{
				Field: m.name, Location: fail.Body, Code: "unknown_value",
				Message: fmt.Sprintf("There is no %s %q; GET %s lists them.", m.noun, clip(slug), m.path),
			})
		}
	}
	return details
}

func has[T any](t *engine.Table[T], tx *engine.Tx, id string) bool {
	_, ok := t.Get(tx, id)
	return ok
}

// distribution is that of an image, "" if the catalogue does not have it.
func (a *API) distribution(tx *engine.Tx, image string) string {
	i, _ := a.images.Get(tx, image)
	return i.Distribution
}

type slugInput struct {
	Slug string `json:"-" path:"slug"`
}

// entry looks up one entry of the catalogue.
func entry[T any](t *engine.Table[T], c *edge.Call, noun, slug string) (T, error) {
	v, ok := t.Get(c.Tx, slug)
	if !ok {
		return v, fail.Newf(fail.NotFound, noun+"_not_found", "There is no %s %q.", noun, clip(slug))
	}
	return v, nil
}

func same[T any](v T) T { return v }

// listRegions lists where instances can run.
//
//	GET /v1/regions
func (a *API) listRegions(c *edge.Call, in paging) (listBody[Region], error) {
	p, err := list(c, view[Region]{table: a.regions, name: "regions"}, in)
	return body(p, as(same[Region])), err
}

// getRegion shows one region.
//
//	GET /v1/regions/{slug}
func (a *API) getRegion(c *edge.Call, in slugInput) (Region, error) {
	return entry(a.regions, c, "region", in.Slug)
}

// listProfiles lists the sizes (S9).
//
//	GET /v1/profiles and GET /v1/sizes
func (a *API) listProfiles(c *edge.Call, in paging) (listBody[Profile], error) {
	p, err := list(c, view[Profile]{table: a.profiles, name: "profiles"}, in)
	return body(p, as(same[Profile])), err
}

// getProfile shows one size.
//
//	GET /v1/profiles/{slug} and GET /v1/sizes/{slug}
func (a *API) getProfile(c *edge.Call, in slugInput) (Profile, error) {
	return entry(a.profiles, c, "profile", in.Slug)
}

// listImages lists what instances boot from, snapshots included.
//
//	GET /v1/images
func (a *API) listImages(c *edge.Call, in paging) (listBody[Image], error) {
	p, err := list(c, view[Image]{table: a.images, name: "images"}, in)
	return body(p, as(Image.body)), err
}

// getImage shows one image.
//
//	GET /v1/images/{slug}
func (a *API) getImage(c *edge.Call, in slugInput) (imageBody, error) {
	i, err := entry(a.images, c, "image", in.Slug)
	return i.body(), err
}
