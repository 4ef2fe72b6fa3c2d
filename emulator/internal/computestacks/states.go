package computestacks

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// The event codes of power actions: they tell starting and stopping apart (spec 7.2).
const (
	startCode     = "f59498e7717c7106"
	stopCode      = "0b264bd661e2d449"
	restartCode   = "d611b2bbf50bd48c"
	rebuildCode   = "14bbe1dc184afba0"
	provisionCode = "0a3af01a3384fa10"
)

// The usage in percent from which on an object is in the state resource_usage.
const (
	highCPU    = 85
	highMemory = 88
)

// runs reports whether a container runs now.
func (k Container) runs() bool { return k.Status == running && k.Built }

// containerState returns the state of a container: the first that applies (spec 7.3).
func (a *API) containerState(tx *engine.Tx, k Container) string {
	active := a.activeEvents(tx, "container", k.ID)
	has := func(codes ...string) bool {
		return slices.ContainsFunc(active, func(e EventLog) bool { return slices.Contains(codes, e.Code) })
	}
	newest, found := a.newestEvent(tx, "container", k.ID)
	switch {
	case k.Status == "migrating":
		return "migrating"
	case has(startCode, restartCode, rebuildCode, provisionCode):
		return "starting"
	case has(stopCode):
		return "stopping"
	case len(active) > 0:
		return "working"
	case found && newest.Status == failed:
		return "alert"
	case a.overloaded(tx, k):
		return "resource_usage"
	case !k.runs():
		return "offline"
	}
	return "online"
}

// serviceState returns the state of a service: the first that applies (spec 7.4).
func (a *API) serviceState(tx *engine.Tx, s Service) string {
	newest, found := a.newestEvent(tx, "service", s.ID)
	containers := byIDs(tx, a.containers, s.Containers)
	switch {
	case len(a.activeEvents(tx, "service", s.ID)) > 0:
		return "working"
	case found && newest.Status == failed:
		return "alert"
	case slices.ContainsFunc(containers, func(k Container) bool { return k.ReqState == running && !k.runs() }):
		return "offline_containers"
	case slices.ContainsFunc(containers, func(k Container) bool { return a.overloaded(tx, k) }):
		return "resource_usage"
	case slices.ContainsFunc(containers, func(k Container) bool { return k.ReqState == running }):
		return "online"
	}
	return "inactive"
}

// overloaded reports whether a container uses nearly all of its resources.
func (a *API) overloaded(tx *engine.Tx, k Container) bool {
	return k.runs() && (cpuAt(tx, k, tx.Now()) > highCPU || memoryAt(tx, k, tx.Now())*100 > highMemory*float64(k.Memory))
}

// nodeOnline reports whether the node of a container is online.
func (a *API) nodeOnline(tx *engine.Tx, id int) bool {
	for r := range a.locations.After(tx, 0) {
		for _, g := range r.Value.Regions {
			for _, n := range g.Nodes {
				if n.ID == id {
					return n.Online
				}
			}
		}
	}
	return false
}
