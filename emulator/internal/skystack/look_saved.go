package skystack

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// What rows say of themselves to the engine: which are bookkeeping, which keep a
// booking, and what one must be like that comes from a saved world, so that no
// such world makes the API answer what its contract does not allow.

// Bookkeeping implements engine.Bookkeeping.
func (ledger) Bookkeeping() {}

// Bookkeeping implements engine.Bookkeeping.
func (watch) Bookkeeping() {}

// Bookkeeping implements engine.Bookkeeping.
func (members) Bookkeeping() {}

// Rebooked implements engine.Keeper. The action began as much later as it ends,
// so that it is as far as it was.
func (t Action) Rebooked(old, moved engine.Booking) Action {
	if t.Due == old {
		t.StartedAt = t.StartedAt.Add(moved.At.Sub(old.At))
		t.Due = moved
	}
	return t
}

// LoneID implements engine.Lone.
func (Settings) LoneID() string { return settingsID }

// CheckSaved implements engine.Checker.
func (s Settings) CheckSaved(string) error {
	var f faults
	f.id("default_project", "prj", cmp.Or(s.DefaultProject, "?"))
	f.slug("default_image", cmp.Or(s.DefaultImage, "?"))
	return f.first()
}

// CheckSaved implements engine.Checker.
func (i Instance) CheckSaved(string) error {
	var f faults
	i.shapes(&f)
	i.freeShapes(&f)
	for _, m := range [][2]string{{"id", i.ID}, {"project_id", i.ProjectID}, {"region", i.Region}, {"size", i.Size}, {"image", i.Image}} {
		if m[1] == "" {
			f.add(m[0], "is missing")
		}
	}
	return f.first()
}

// CheckSaved implements engine.Checker.
func (p Project) CheckSaved(id string) error {
	var f faults
	p.shapes(&f)
	f.same(p.ID, id)
	if p.Version < 1 {
		f.add("version", "is %d, not at least 1", p.Version)
	}
	return f.first()
}

// CheckSaved implements engine.Checker.
func (t Action) CheckSaved(string) error {
	var f faults
	if !slices.Contains([]ActionStatus{InProgress, Completed, Failed, Cancelled}, t.Status) {
		f.add("status", "%q is unknown", clip(string(t.Status)))
	}
	if t.Progress < 0 || t.Progress > 100 {
		f.add("progress", "is %d, not within 0 to 100", t.Progress)
	}
	f.time("started_at", t.StartedAt)
	f.time("completed_at", t.CompletedAt)
	return f.first()
}

var tokenID = regexp.MustCompile(`^tok_[0-9A-Za-z_]{1,60}$`)

// CheckSaved implements engine.Checker.
func (t Token) CheckSaved(id string) error {
	var f faults
	f.same(t.ID, id)
	if !tokenID.MatchString(t.ID) {
		f.add("id", "%q is not an id for this place", clip(t.ID))
	}
	for _, s := range t.Scopes {
		if !slices.Contains(Scopes(), s) {
			f.add("scopes", "%q is unknown", clip(s))
		}
	}
	if err := CheckVersion(t.APIVersion); err != nil {
		f.add("api_version", "%q is unknown", clip(t.APIVersion))
	}
	f.time("created_at", t.CreatedAt)
	f.time("expires_at", t.ExpiresAt)
	f.time("revoked_at", t.RevokedAt)
	return f.first()
}

// CheckSaved implements engine.Checker.
func (r Region) CheckSaved(id string) error { return checkEntry(id, r.Slug) }

// CheckSaved implements engine.Checker.
func (p Profile) CheckSaved(id string) error { return checkEntry(id, p.Slug) }

// CheckSaved implements engine.Checker.
func (i Image) CheckSaved(id string) error {
	var f faults
	f.time("created_at", i.CreatedAt)
	if err := f.first(); err != nil {
		return err
	}
	return checkEntry(id, i.Slug)
}

// checkEntry refuses a row of the catalogue that no slug leads to.
func checkEntry(id, slug string) error {
	var f faults
	f.same(slug, id)
	f.slug("slug", slug)
	return f.first()
}

// CheckSaved implements engine.Checker.
func (a address) CheckSaved(id string) error {
	if addr, err := netip.ParseAddr(id); err != nil || !addr.Is4() {
		return fmt.Errorf("id: %q is not an IPv4 address", clip(id))
	}
	return nil
}

// CheckSaved implements engine.Checker.
func (w watch) CheckSaved(string) error { return notNegative("reads", w.Reads) }

// CheckSaved implements engine.Checker.
func (m members) CheckSaved(string) error { return notNegative("instances", m.Instances) }

func notNegative(member string, n int) error {
	if n < 0 {
		return fmt.Errorf("%s: is %d, not at least 0", member, n)
	}
	return nil
}

// same finds fault with a row that has another id than its place.
func (f *faults) same(id, place string) {
	if id != place {
		f.add("id", "is %q", clip(id))
	}
}
