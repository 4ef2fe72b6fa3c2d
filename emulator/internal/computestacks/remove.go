package computestacks

import (
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// removeContainer removes a container from its service and ends its subscription.
func (a *API) removeContainer(tx *engine.Tx, id int) {
	k, ok := get(tx, a.containers, id)
	if !ok {
		return
	}
	a.endSubscription(tx, k.SubscriptionID)
	a.countContainers(tx, k.UserID, -1)
	a.forgetEvents(tx, "container", id)
	remove(tx, a.containers, id)
	if s, ok := get(tx, a.services, k.ServiceID); ok {
		s.Containers = without(s.Containers, id)
		put(tx, a.services, s.ID, s)
	}
}

// removeDomain removes a domain from its rule and service.
func (a *API) removeDomain(tx *engine.Tx, id int) {
	d, ok := get(tx, a.domains, id)
	if !ok {
		return
	}
	remove(tx, a.domains, id)
	if r, ok := get(tx, a.rules, d.RuleID); ok {
		r.Domains = without(r.Domains, id)
		put(tx, a.rules, r.ID, r)
	}
	if s, ok := get(tx, a.services, d.ServiceID); ok {
		s.Domains = without(s.Domains, id)
		if s.MasterDomain == id {
			s.MasterDomain = 0
		}
		put(tx, a.services, s.ID, s)
	}
}

// removeRule removes an ingress rule with its domains.
func (a *API) removeRule(tx *engine.Tx, id int) {
	r, ok := get(tx, a.rules, id)
	if !ok {
		return
	}
	for _, d := range r.Domains {
		a.removeDomain(tx, d)
	}
	remove(tx, a.rules, id)
	if s, ok := get(tx, a.services, r.ServiceID); ok {
		s.IngressRules = without(s.IngressRules, id)
		put(tx, a.services, s.ID, s)
	}
}

// trashAfter is how long the volume of a deleted service is kept.
const trashAfter = 2 * time.Hour

// trashStep is the step that removes a volume after that.
const trashStep = prefix + "volume.trash"

// emptyTrash is the step trashStep.
func (a *API) emptyTrash(tx *engine.Tx, id string) {
	if v, ok := a.volumes.Get(tx, id); ok && v.Trash {
		a.forgetEvents(tx, "volume", v.ID)
		a.volumes.Delete(tx, id)
	}
}

// trashVolume detaches a volume from its service. It stays for a while, without being
// listed.
func (a *API) trashVolume(tx *engine.Tx, id, user int) {
	v, ok := get(tx, a.volumes, id)
	if !ok || v.Trash {
		return
	}
	v.Trash, v.TrashedBy, v.DetachedAt, v.TrashAfter, v.UpdatedAt = true, user, tx.Now(), tx.Now().Add(trashAfter), tx.Now()
	put(tx, a.volumes, id, v)
	tx.After(trashAfter, trashStep, strconv.Itoa(id))
	if s, ok := get(tx, a.services, v.ServiceID); ok {
		s.Volumes = without(s.Volumes, id)
		put(tx, a.services, s.ID, s)
	}
	if p, ok := get(tx, a.projects, v.ProjectID); ok {
		p.Volumes = without(p.Volumes, id)
		put(tx, a.projects, p.ID, p)
	}
}

// removeService removes a service with all that belongs to it, on behalf of a user.
func (a *API) removeService(tx *engine.Tx, id, user int) {
	s, ok := get(tx, a.services, id)
	if !ok {
		return
	}
	for _, k := range s.Containers {
		a.removeContainer(tx, k)
	}
	for _, r := range s.IngressRules {
		a.removeRule(tx, r)
	}
	for _, v := range s.Volumes {
		a.trashVolume(tx, v, user)
	}
	a.forgetEvents(tx, "service", id)
	remove(tx, a.services, id)
	if p, ok := get(tx, a.projects, s.ProjectID); ok {
		p.Services = without(p.Services, id)
		put(tx, a.projects, p.ID, p)
	}
}

// removeProject removes a project with all that belongs to it, on behalf of a user.
func (a *API) removeProject(tx *engine.Tx, id, user int) {
	p, ok := get(tx, a.projects, id)
	if !ok {
		return
	}
	for _, s := range p.Services {
		a.removeService(tx, s, user)
	}
	for _, b := range p.Bastions {
		remove(tx, a.bastions, b)
	}
	a.endCollaborations(tx, ofProject, id)
	a.forgetEvents(tx, "project", id)
	remove(tx, a.projects, id)
	remove(tx, a.leaving, id)
}
