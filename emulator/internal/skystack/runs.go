package skystack

import (
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/resource"
)

// maxRuns is the number of starts and ends of runs that an instance keeps, an even
// number: what lies further back counts as not running.
const maxRuns = 256

// become gives an instance a status and remembers from when to when it runs.
func (i *Instance) become(s Status, at time.Time) {
	if s == i.Status {
		return
	}
	if i.Status == Running || s == Running {
		runs := slices.Clip(i.Runs) // the row that goes keeps its own
		if i.Status == Running && len(runs) == 0 {
			begun := i.CreatedAt
			if begun.After(at) {
				begun = at
			}
			runs = append(runs, begun)
		}
		if n := len(runs); n > 0 && runs[n-1].After(at) { // a saved world may say so
			runs = append(runs, runs[n-1])
		} else {
			runs = append(runs, at)
		}
		if len(runs) > maxRuns {
			runs = slices.Clone(runs[2:])
		}
		i.Runs = runs
	}
	i.Status, i.StatusSince = s, at
}

// since returns when the present status began.
func (i *Instance) since() time.Time {
	if i.StatusSince.IsZero() {
		return i.CreatedAt
	}
	return i.StatusSince
}

// checkRuns checks the runs of a saved instance.
func (i *Instance) checkRuns(f *resource.Violations) {
	f.Within("runs", len(i.Runs), 0, maxRuns)
	f.Time("status_since", i.StatusSince)
	if n := len(i.Runs); n > 0 && n%2 == 1 != (i.Status == Running) {
		f.Add("runs", "has %d entries, which does not go with the status %s", n, i.Status)
	}
	for n, at := range i.Runs {
		f.Time("runs", at)
		if at.IsZero() || n > 0 && at.Before(i.Runs[n-1]) {
			f.Add("runs", "is not in the order of time")
		}
	}
}

// ranAt reports whether the instance ran at an instant that has passed.
func (i *Instance) ranAt(at time.Time) bool {
	if len(i.Runs) == 0 {
		return i.Status == Running && !at.Before(i.CreatedAt)
	}
	n, found := slices.BinarySearchFunc(i.Runs, at, time.Time.Compare)
	for found && n < len(i.Runs) && i.Runs[n].Equal(at) { // what happens at the instant counts from it on
		n++
	}
	return n%2 == 1
}
