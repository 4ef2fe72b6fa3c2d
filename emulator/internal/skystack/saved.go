package skystack

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// What a row must be like that comes from a saved world, so that no such world makes
// the API answer what its contract does not allow; and how rows follow an event that
// is moved. The table of kinds is in New.

// maxNumber bounds what is written as a number of 32 bits.
const maxNumber = 1 << 30

// ofWorkspace tells whether a key belongs to the workspace itself: it stays when the
// state is replaced, so it is no part of that.
func (t Token) ofWorkspace() bool { return t.CreatedBy == configuration }

// rescheduled has the action begin as much later as it ends, so that its progress
// stays.
func (t Action) rescheduled(old, moved engine.Booking) Action {
	if t.Due == old {
		t.StartedAt = t.StartedAt.Add(moved.At.Sub(old.At))
		t.Due = moved
	}
	return t
}

func (t tombstone) rescheduled(old, moved engine.Booking) tombstone {
	if t.Due == old {
		t.DeletedAt, t.Due = t.DeletedAt.Add(moved.At.Sub(old.At)), moved
	}
	return t
}

func (s Settings) checkSaved(string) error {
	if err := s.Check(); err != nil {
		return err
	}
	var f violations
	f.id("default_project", "prj", cmp.Or(s.DefaultProject, "?"))
	f.slug("default_image", cmp.Or(s.DefaultImage, "?"))
	return f.first()
}

func (i Instance) checkSaved(id string) error {
	var f violations
	f.same(i.ID, id)
	if i.Status.passing() && i.PendingAction == "" {
		f.add("status", "is %s without a pending action", i.Status)
	}
	return f.orElse(i.check())
}

// check refuses an instance that is wrong by itself, also where it is one that a job
// will create.
func (i Instance) check() error {
	var f violations
	i.shapes(&f)
	i.freeShapes(&f)
	for _, m := range [][2]string{{"id", i.ID}, {"project_id", i.ProjectID}, {"region", i.Region}, {"size", i.Size}, {"image", i.Image}} {
		if m[1] == "" {
			f.add(m[0], "is missing")
		}
	}
	f.within("version", i.Version, 1, maxNumber)
	i.checkRuns(&f)
	for _, v := range i.Storage {
		f.within("storage.size_gb", v.SizeGB, 1, 16384)
		if !slices.Contains([]string{"ssd", "nvme", "hdd"}, v.Type) {
			f.add("storage.type", "%q is unknown", clip(v.Type))
		}
	}
	f.id("policy", "asp", i.Policy)
	if s := i.Autoscale; s != nil {
		if i.Policy == "" {
			f.add("policy", "is missing")
		}
		if s.Min > s.Max {
			f.add("autoscale.min", "is above autoscale.max")
		}
		f.within("autoscale.min", s.Min, 1, 500)
		f.within("autoscale.max", s.Max, 1, 1000)
		f.within("autoscale.target_cpu", s.TargetCPU, 1, 100)
		f.within("autoscale.cooldown_seconds", s.CooldownSeconds, 60, 3600)
	}
	return f.first()
}

func (p Project) checkSaved(id string) error {
	var f violations
	p.shapes(&f)
	f.same(p.ID, id)
	f.within("version", p.Version, 1, maxNumber)
	return f.first()
}

func (t Action) checkSaved(id string) error {
	var f violations
	f.same(t.ID, id)
	if _, ok := transitions[t.Type]; !ok {
		f.add("type", "%q is unknown", clip(string(t.Type)))
	}
	if !slices.Contains([]ActionStatus{InProgress, Completed, Failed, Cancelled}, t.Status) {
		f.add("status", "%q is unknown", clip(string(t.Status)))
	}
	f.within("progress", t.Progress, 0, 100)
	f.time("started_at", t.StartedAt)
	f.time("completed_at", t.CompletedAt)
	return f.first()
}

var tokenID = regexp.MustCompile(`^tok_[0-9A-Za-z_]{1,60}$`)

func (t Token) checkSaved(id string) error {
	var f violations
	f.same(t.ID, id)
	if !tokenID.MatchString(t.ID) {
		f.add("id", "%q is not an id for this place", clip(t.ID))
	}
	t.shapes(&f)
	f.time("created_at", t.CreatedAt)
	f.time("expires_at", t.ExpiresAt)
	f.time("revoked_at", t.RevokedAt)
	return f.first()
}

func (r Region) checkSaved(id string) error { return checkEntry(id, r.Slug) }

func (p Profile) checkSaved(id string) error {
	var f violations
	f.within("vcpus", p.VCPUs, 0, maxNumber)
	f.within("memory_mb", p.MemoryMB, 0, maxNumber)
	f.within("disk_gb", p.DiskGB, 0, maxNumber)
	return f.orElse(checkEntry(id, p.Slug))
}

func (i Image) checkSaved(id string) error {
	var f violations
	f.within("size_gb", i.SizeGB, 0, maxNumber)
	f.within("min_disk_gb", i.MinDiskGB, 0, maxNumber)
	f.time("created_at", i.CreatedAt)
	return f.orElse(checkEntry(id, i.Slug))
}

// checkEntry refuses a row of the catalogue that no slug leads to.
func checkEntry(id, slug string) error {
	var f violations
	f.same(slug, id)
	f.slug("slug", slug)
	return f.first()
}

func (a address) checkSaved(id string) error {
	if addr, err := netip.ParseAddr(id); err != nil || !addr.Is4() {
		return fmt.Errorf("id: %q is not an IPv4 address", clip(id))
	}
	return nil
}

func (w watch) checkSaved(string) error {
	var f violations
	f.within("reads", w.Reads, 0, maxNumber)
	return f.first()
}

func (m members) checkSaved(string) error {
	var f violations
	f.within("instances", m.Instances, 0, maxNumber)
	return f.first()
}

// same refuses a row that has another id than its place.
func (f *violations) same(id, place string) {
	if id != place {
		f.add("id", "is %q", clip(id))
	}
}
