package skystack

import (
	"cmp"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

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

// ResourceID implements httpapi.Identified.
func (p Profile) ResourceID() string { return p.Slug }

// maxProfiles bounds the profiles that a workspace can create.
const maxProfiles = 1000

func builtinProfiles() []Profile {
	return []Profile{
		{"standard-1", "Standard 1", 1, 2048, 25, false}, {"standard-2", "Standard 2", 2, 4096, 50, false},
		{"standard-4", "Standard 4", 4, 8192, 100, false}, {"standard-8", "Standard 8", 8, 16384, 200, false},
		{"c4-standard", "Compute 4", 4, 8192, 80, false}, {"c8-standard", "Compute 8", 8, 16384, 160, false},
		{"m4-highmem", "Memory 4", 4, 32768, 100, false},
	}
}

// ownProfiles returns the number of profiles that the workspace created.
func (a *API) ownProfiles(tx *engine.Tx) int {
	n := a.profiles.Len(tx)
	for _, p := range builtinProfiles() {
		if row, ok := a.profiles.Get(tx, p.Slug); ok && !row.Custom {
			n--
		}
	}
	return n
}

// listProfiles lists the sizes (S9).
//
//	GET /v1/profiles and GET /v1/sizes
func (a *API) listProfiles(c *httpapi.Call, in paging) (listBody[Profile], error) {
	p, err := list(c, resource.List[Profile]{Table: a.profiles, Shared: true, Name: "profiles"}, in)
	return body(p, as(same[Profile])), err
}

// getProfile shows one size.
//
//	GET /v1/profiles/{slug} and GET /v1/sizes/{slug}
func (a *API) getProfile(c *httpapi.Call, in slugInput) (Profile, error) {
	return entry(a.profiles, c, "profile", in.Slug)
}

type createProfileInput struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	VCPUs    int    `json:"vcpus"`
	MemoryMB int    `json:"memory_mb"`
	DiskGB   int    `json:"disk_gb"`
}

// createProfile adds a size of the workspace's own (S9).
//
//	POST /v1/profiles and POST /v1/sizes
func (a *API) createProfile(c *httpapi.Call, in createProfileInput) (Profile, error) {
	if a.profiles.Has(c.Tx, in.Slug) {
		return Profile{}, fail.Newf(fail.Conflict, "profile_exists", "There is a profile %q already; choose another slug.", in.Slug)
	}
	if used := a.ownProfiles(c.Tx); used >= maxProfiles {
		return Profile{}, exceeded("profiles", maxProfiles, used, "The workspace has as many profiles of its own as it can have; delete one first.")
	}
	p := Profile{in.Slug, cmp.Or(in.Name, in.Slug), in.VCPUs, in.MemoryMB, in.DiskGB, true}
	a.profiles.Put(c.Tx, p.Slug, p)
	return p, nil
}

// deleteProfile removes a size of the workspace's own that nothing uses (S9).
//
//	DELETE /v1/profiles/{slug} and DELETE /v1/sizes/{slug}
func (a *API) deleteProfile(c *httpapi.Call, in slugInput) (httpapi.Nothing, error) {
	p, err := entry(a.profiles, c, "profile", in.Slug)
	switch {
	case err != nil:
		return httpapi.Nothing{}, a.unlessDeleted(c.Tx, profileUse, profileUse+in.Slug, err)
	case !p.Custom:
		return httpapi.Nothing{}, fail.Newf(fail.Conflict, "profile_is_builtin", "%s is built in; only profiles of your own can be deleted.", p.Slug)
	case a.used(c.Tx, profileUse+p.Slug):
		return httpapi.Nothing{}, fail.Newf(fail.Conflict, "profile_in_use", "Instances have the profile %s, or are being resized to it; resize or delete them first.", p.Slug)
	}
	a.profiles.Delete(c.Tx, p.Slug)
	a.tombstones.Add(c.Tx, profileUse+p.Slug, "")
	return httpapi.Nothing{}, nil
}
