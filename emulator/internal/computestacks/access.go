package computestacks

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// The kinds of objects that can be shared with other users.
const (
	ofProject  = "project"
	ofImage    = "image"
	ofRegistry = "registry"
	ofZone     = "zone"
)

// me returns the user who sent a request; false for a token of client credentials.
func (a *API) me(c *httpapi.Call) (User, bool) { return get(c.Tx, a.users, a.userID(c)) }

// userID returns the id of the user who sent a request; 0 for a token of client
// credentials.
func (a *API) userID(c *httpapi.Call) int {
	k, _ := a.Credentials.Keys.Get(c.Tx, c.Token)
	return idOf(k.Owner)
}

// uses reports whether the caller owns an object or shares it: a collaboration counts
// when it was accepted.
func (a *API) uses(c *httpapi.Call, kind string, id, owner int) bool {
	user := a.userID(c)
	return user != 0 && (user == owner || a.shares(c.Tx, kind, id, user))
}

// shares reports whether a user has accepted to share an object.
func (a *API) shares(tx *engine.Tx, kind string, id, user int) bool {
	for r := range a.collaborations.After(tx, 0) {
		if s := r.Value; s.Active && s.Kind == kind && s.ObjectID == id && s.UserID == user {
			return true
		}
	}
	return false
}

// findProject returns the project with an id that the caller sees. The error is the 404
// of the message.
func (a *API) findProject(c *httpapi.Call, id, message string) (Project, error) {
	p, ok := get(c.Tx, a.projects, idOf(id))
	if !ok || p.Status == deleting || !a.uses(c, ofProject, p.ID, p.UserID) {
		return p, notFound(message)
	}
	return p, nil
}

// usesProject reports whether the caller owns or shares a project that is not being
// deleted.
func (a *API) usesProject(c *httpapi.Call, id, owner int) bool {
	return a.uses(c, ofProject, id, owner) && row(c.Tx, a.projects, id).Status != deleting
}

// sight is what a caller sees of projects, as a value that needs no transaction.
type sight struct {
	user           int
	shared, hidden map[int]bool // projects that are shared with the user, and that are being deleted
}

// sight returns what the caller sees.
func (a *API) sight(c *httpapi.Call) sight {
	s := sight{user: a.userID(c), shared: map[int]bool{}, hidden: map[int]bool{}}
	for r := range a.collaborations.After(c.Tx, 0) {
		if of := r.Value; of.Active && of.Kind == ofProject && of.UserID == s.user {
			s.shared[of.ObjectID] = true
		}
	}
	for r := range a.leaving.After(c.Tx, 0) {
		s.hidden[idOf(r.ID)] = true
	}
	return s
}

// project reports whether the caller owns or shares a project that is not being deleted.
func (s sight) project(id, owner int) bool {
	return s.user != 0 && (owner == s.user || s.shared[id]) && !s.hidden[id]
}

// findService returns the service with an id, of a project that the caller sees.
func (a *API) findService(c *httpapi.Call, id string) (Service, error) {
	s, ok := get(c.Tx, a.services, idOf(id))
	if !ok || !a.usesProject(c, s.ProjectID, s.UserID) {
		return s, notFound("Unknown container service")
	}
	return s, nil
}

// findContainer returns the container with an id, of a project that the caller sees.
func (a *API) findContainer(c *httpapi.Call, id string) (Container, error) {
	k, ok := get(c.Tx, a.containers, idOf(id))
	if !ok || !a.usesProject(c, k.ProjectID, k.UserID) {
		return k, notFound("Unknown container")
	}
	return k, nil
}

// region returns the region with an id and its location; false if there is none.
func (a *API) region(tx *engine.Tx, id int) (Region, Location, bool) {
	for r := range a.locations.After(tx, 0) {
		for _, of := range r.Value.Regions {
			if of.ID == id {
				return of, r.Value, true
			}
		}
	}
	return Region{}, Location{}, false
}

// balancerOf returns the load balancer of a region; false if it has none.
func (a *API) balancerOf(tx *engine.Tx, region int) (LoadBalancer, bool) {
	for r := range a.balancers.After(tx, 0) {
		if r.Value.RegionID == region {
			return r.Value, true
		}
	}
	return LoadBalancer{}, false
}
