package computestacks

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// shareable is a kind of objects that have collaborators: one implementation serves the
// four of them.
type shareable struct {
	kind string
	name string // in the ids of operations
	path string // the parameter with the id of the object
	text string // of the 404
}

// shareables lists the kinds of objects that have collaborators.
func shareables() []shareable {
	return []shareable{
		{ofProject, "Project", "project_id", "Unknown project"},
		{ofImage, "ContainerImage", "image_id", "Unknown container image"},
		{ofRegistry, "ContainerRegistry", "registry_id", "Unknown container registry"},
		{ofZone, "Zone", "zone_id", "Unknown zone"},
	}
}

// sharedObject is an object that has collaborators.
type sharedObject struct {
	shareable
	id    int
	owner int // 0 for an image of the system
	name  string
}

// sharedObject returns an object by its kind; false if there is none.
func (a *API) sharedObject(tx *engine.Tx, kind string, id int) (sharedObject, bool) {
	of := sharedObject{id: id}
	var ok bool
	switch kind {
	case ofProject:
		var p Project
		p, ok = get(tx, a.projects, id)
		of.owner, of.name = p.UserID, p.Name
	case ofImage:
		var i Image
		i, ok = get(tx, a.images, id)
		of.owner, of.name = i.UserID, i.Name
	case ofRegistry:
		var r Registry
		r, ok = get(tx, a.registries, id)
		of.owner, of.name = r.UserID, r.Name
	case ofZone:
		var z Zone
		z, ok = get(tx, a.zones, id)
		of.owner, of.name = z.UserID, z.Name
	}
	return of, ok
}

// collaboratorOperations lists the four operations of each kind of objects.
func (a *API) collaboratorOperations() (all []operation) {
	for _, of := range shareables() {
		all = append(all,
			operation{"list" + of.name + "Collaborators", a.owned(of, a.listCollaborators)},
			operation{"get" + of.name + "Collaborator", a.owned(of, a.getCollaborator)},
			operation{"create" + of.name + "Collaborator", a.owned(of, a.createCollaborator)},
			operation{"delete" + of.name + "Collaborator", a.owned(of, a.deleteCollaborator)},
		)
	}
	return all
}

// owned is the handler of an operation on the collaborators of an object, which only its
// owner may use. Other callers get a 401 if they see the object, but for a registry, and
// a 404 otherwise (C119).
func (a *API) owned(kind shareable, serve func(c *httpapi.Call, of sharedObject) (any, error)) func(c *httpapi.Call) (any, error) {
	return func(c *httpapi.Call) (any, error) {
		of, ok := a.sharedObject(c.Tx, kind.kind, idOf(c.Param(kind.path)))
		of.shareable = kind
		user := a.userID(c)
		switch {
		case !ok || user == 0:
			return nil, notFound(kind.text)
		case user == of.owner:
			return serve(c, of)
		case kind.kind != ofRegistry && (a.shares(c.Tx, kind.kind, of.id, user) || a.isPublic(c.Tx, of)):
			return nil, notAllowed()
		}
		return nil, notFound(kind.text)
	}
}

// isPublic reports whether an object is an image that every user sees.
func (a *API) isPublic(tx *engine.Tx, of sharedObject) bool {
	return of.kind == ofImage && of.owner == 0 && row(tx, a.images, of.id).Active
}

type collaboratorBody struct {
	ID           int         `json:"id"`
	Owner        contactBody `json:"resource_owner"`
	Collaborator contactBody `json:"collaborator"`
}

// listCollaborators lists the users who were invited to an object (C119).
//
//	GET /api/{kind}/{kind_id}/collaborators
func (a *API) listCollaborators(c *httpapi.Call, of sharedObject) (any, error) {
	rows := rowsOf(c.Tx, a.collaborations, func(s Collaboration) bool { return s.Kind == of.kind && s.ObjectID == of.id })
	return listOf(c, "collaborators", rows, func(s Collaboration) collaboratorBody {
		return collaboratorBody{s.ID, a.contact(c.Tx, s.OwnerID), a.contact(c.Tx, s.UserID)}
	}), nil
}

// findCollaborator returns the collaboration of an object that the request names, by its
// number or by its id.
func (a *API) findCollaborator(c *httpapi.Call, of sharedObject) (Collaboration, error) {
	s, ok := get(c.Tx, a.collaborations, idOf(strings.TrimSuffix(c.Param("id"), "-"+of.kind)))
	if !ok || s.Kind != of.kind || s.ObjectID != of.id {
		return s, notFound("Unknown collaborator")
	}
	return s, nil
}

// getCollaborator returns a collaboration of an object (C119).
//
//	GET /api/{kind}/{kind_id}/collaborators/{id}
func (a *API) getCollaborator(c *httpapi.Call, of sharedObject) (any, error) {
	s, err := a.findCollaborator(c, of)
	if err != nil {
		return nil, err
	}
	return a.collaborationDetail(c.Tx, s), nil
}

// createCollaborator invites a user to an object (C120).
//
//	POST /api/{kind}/{kind_id}/collaborators
func (a *API) createCollaborator(c *httpapi.Call, of sharedObject) (any, error) {
	var in struct {
		Collaborator struct {
			Email string `json:"user_email"`
		} `json:"collaborator"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	u, ok := a.userByEmail(c.Tx, strings.TrimSpace(in.Collaborator.Email))
	switch {
	case !ok:
		return nil, unprocessable("Collaborator must exist")
	case u.ID == of.owner:
		return nil, unprocessable("Collaborator is the resource owner")
	case a.invited(c.Tx, of, u.ID):
		return nil, unprocessable("Collaborator has already been taken")
	}
	s := Collaboration{
		ID: newID(c.Tx, "collaboration"), Kind: of.kind, ObjectID: of.id, OwnerID: of.owner, UserID: u.ID, CreatedAt: c.Now(), UpdatedAt: c.Now(),
	}
	put(c.Tx, a.collaborations, s.ID, s)
	return a.collaborationDetail(c.Tx, s), nil
}

// invited reports whether a user was invited to an object, whether they accepted or not.
func (a *API) invited(tx *engine.Tx, of sharedObject, user int) bool {
	for r := range a.collaborations.After(tx, 0) {
		if s := r.Value; s.Kind == of.kind && s.ObjectID == of.id && s.UserID == user {
			return true
		}
	}
	return false
}

// deleteCollaborator ends a collaboration of an object (C121).
//
//	DELETE /api/{kind}/{kind_id}/collaborators/{id}
func (a *API) deleteCollaborator(c *httpapi.Call, of sharedObject) (any, error) {
	s, err := a.findCollaborator(c, of)
	if err != nil {
		return nil, err
	}
	remove(c.Tx, a.collaborations, s.ID)
	return empty{}, nil
}
