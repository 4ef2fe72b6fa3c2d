package skystack

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// What a row must be like that comes from a saved world, so that no such world makes
// the API answer what its contract does not allow; and how rows follow an event that
// is moved. The table of kinds is in New.

// maxNumber bounds what is written as a number of 32 bits.
const maxNumber = 1 << 30

// rescheduled has the action begin as much later as it ends, so that its progress
// stays.
func (t Action) rescheduled(old, moved engine.Timer) Action {
	if t.Due == old {
		t.StartedAt = t.StartedAt.Add(moved.At.Sub(old.At))
		t.Due = moved
	}
	return t
}

func (s Settings) checkSaved(string) error {
	if err := s.Check(); err != nil {
		return err
	}
	var f resource.Violations
	f.ID("default_project", "prj", cmp.Or(s.DefaultProject, "?"))
	f.Slug("default_image", cmp.Or(s.DefaultImage, "?"))
	return f.First()
}

func (i Instance) checkSaved(id string) error {
	var f resource.Violations
	f.Same(i.ID, id)
	if i.Status.transitional() && i.PendingAction == "" {
		f.Add("status", "is %s without a pending action", i.Status)
	}
	return f.OrElse(i.check())
}

// check refuses an instance that is wrong by itself, also where it is one that a job
// will create.
func (i Instance) check() error {
	var f resource.Violations
	i.shapes(&f)
	i.freeShapes(&f)
	for _, m := range [][2]string{{"id", i.ID}, {"project_id", i.ProjectID}, {"region", i.Region}, {"size", i.Size}, {"image", i.Image}} {
		if m[1] == "" {
			f.Add(m[0], "is missing")
		}
	}
	f.Within("version", i.Version, 1, maxNumber)
	i.checkRuns(&f)
	for _, v := range i.Storage {
		f.Within("storage.size_gb", v.SizeGB, 1, 16384)
		if !slices.Contains([]string{"ssd", "nvme", "hdd"}, v.Type) {
			f.Add("storage.type", "%q is unknown", fail.Clip(v.Type))
		}
	}
	f.ID("policy", "asp", i.Policy)
	if s := i.Autoscale; s != nil {
		if i.Policy == "" {
			f.Add("policy", "is missing")
		}
		if s.Min > s.Max {
			f.Add("autoscale.min", "is above autoscale.max")
		}
		f.Within("autoscale.min", s.Min, 1, 500)
		f.Within("autoscale.max", s.Max, 1, 1000)
		f.Within("autoscale.target_cpu", s.TargetCPU, 1, 100)
		f.Within("autoscale.cooldown_seconds", s.CooldownSeconds, 60, 3600)
	}
	return f.First()
}

func (p Project) checkSaved(id string) error {
	var f resource.Violations
	p.shapes(&f)
	f.Same(p.ID, id)
	f.Within("version", p.Version, 1, maxNumber)
	return f.First()
}

func (t Action) checkSaved(id string) error {
	var f resource.Violations
	f.Same(t.ID, id)
	if _, ok := transitions[t.Type]; !ok {
		f.Add("type", "%q is unknown", fail.Clip(string(t.Type)))
	}
	if !slices.Contains([]ActionStatus{InProgress, Completed, Failed, Cancelled}, t.Status) {
		f.Add("status", "%q is unknown", fail.Clip(string(t.Status)))
	}
	f.Within("progress", t.Progress, 0, 100)
	f.Time("started_at", t.StartedAt)
	f.Time("completed_at", t.CompletedAt)
	return f.First()
}

func (r Region) checkSaved(id string) error { return checkEntry(id, r.Slug) }

func (p Profile) checkSaved(id string) error {
	var f resource.Violations
	f.Within("vcpus", p.VCPUs, 0, maxNumber)
	f.Within("memory_mb", p.MemoryMB, 0, maxNumber)
	f.Within("disk_gb", p.DiskGB, 0, maxNumber)
	return f.OrElse(checkEntry(id, p.Slug))
}

func (i Image) checkSaved(id string) error {
	var f resource.Violations
	f.Within("size_gb", i.SizeGB, 0, maxNumber)
	f.Within("min_disk_gb", i.MinDiskGB, 0, maxNumber)
	f.Time("created_at", i.CreatedAt)
	return f.OrElse(checkEntry(id, i.Slug))
}

// checkEntry refuses a row of the catalogue that no slug leads to.
func checkEntry(id, slug string) error {
	var f resource.Violations
	f.Same(slug, id)
	f.Slug("slug", slug)
	return f.First()
}

func (a address) checkSaved(id string) error {
	if addr, err := netip.ParseAddr(id); err != nil || !addr.Is4() {
		return fmt.Errorf("id: %q is not an IPv4 address", fail.Clip(id))
	}
	return nil
}

func (w watch) checkSaved(string) error {
	var f resource.Violations
	f.Within("reads", w.Reads, 0, maxNumber)
	return f.First()
}

func (m members) checkSaved(string) error {
	var f resource.Violations
	f.Within("instances", m.Instances, 0, maxNumber)
	return f.First()
}
