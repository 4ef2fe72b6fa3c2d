package skystack

import (
	"math"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// maxLoads is the number of load changes that an instance keeps; what lies
// further back is forgotten.
const maxLoads = 256

// loads is the load that was set for an instance, change by change.
type loads struct {
	Changes []load `json:"changes"` // in the order of time
	// High names the metrics that are above their threshold (S15); nil for none.
	High []string `json:"high,omitempty"`
}

// load is the load from an instant on, in percent; nil is the synthetic value.
type load struct {
	At     time.Time `json:"at"`
	CPU    *float64  `json:"cpu,omitempty"`
	Memory *float64  `json:"memory,omitempty"`
}

func (l loads) checkSaved(string) error {
	var f resource.Violations
	f.Within("changes", len(l.Changes), 1, maxLoads)
	for n, c := range l.Changes {
		f.Time("changes.at", c.At)
		if c.At.IsZero() || n > 0 && !c.At.After(l.Changes[n-1].At) {
			f.Add("changes.at", "is not in the order of time")
		}
		f.Percent("changes.cpu", c.CPU)
		f.Percent("changes.memory", c.Memory)
	}
	for n, name := range l.High {
		if !slices.ContainsFunc(metrics[:], func(m metric) bool { return m.name == name && m.set != nil }) || slices.Contains(l.High[:n], name) {
			f.Add("high", "%q is no percentage that is measured, or is there twice", name)
		}
	}
	return f.First()
}

// at is the load that counts at an instant.
func (l loads) at(at time.Time) (now load) {
	for _, c := range slices.Backward(l.Changes) {
		if !c.At.After(at) {
			return c
		}
	}
	return load{}
}

// SetLoad sets the load of an instance from now on, in place of the synthetic
// values. It refuses what is no percentage, and an instance that does not exist.
func (a *API) SetLoad(w *engine.World, instance string, in sandbox.Load) error {
	var f resource.Violations
	f.Percent("cpu", in.CPU)
	f.Percent("memory", in.Memory)
	if err := f.Err("load"); err != nil {
		return err
	}
	return a.command(w, instance, func(tx *engine.Tx, i Instance) error {
		now := load{At: tx.Now(), CPU: rounded(in.CPU), Memory: rounded(in.Memory)}
		l, _ := a.loads.Get(tx, i.ID)
		before := load{}
		if n := len(l.Changes); n > 0 {
			before = l.Changes[n-1]
		}
		if samePercent(before.CPU, now.CPU) && samePercent(before.Memory, now.Memory) {
			return nil
		}
		changes := slices.Clone(l.Changes) // the row that goes keeps its own
		changes = slices.DeleteFunc(changes, func(c load) bool { return !c.At.Before(now.At) })
		if len(changes) == maxLoads {
			changes = changes[1:]
		}
		a.loads.Put(tx, i.ID, loads{append(changes, now), l.High})
		a.scheduleEvaluation(tx, i.Policy)
		a.watchMetrics(tx, i, nil)
		return nil
	})
}

// rounded is a percentage as it is shown, to two decimals.
func rounded(v *float64) *float64 {
	if v == nil {
		return nil
	}
	r := math.Round(*v*100) / 100
	return &r
}

func samePercent(a, b *float64) bool { return a == b || a != nil && b != nil && *a == *b }

// cpu returns the processor load of an instance at an instant, in percent,
// while it runs: constant unless a load is set (section 12).
func (a *API) cpu(tx *engine.Tx, i Instance, at time.Time) float64 {
	l, _ := a.loads.Get(tx, i.ID)
	if set := l.at(at).CPU; set != nil {
		return *set
	}
	return idleCPU
}
