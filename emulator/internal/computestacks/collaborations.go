package computestacks

import (
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// collaborationID is the id of a collaboration in paths and bodies, as "5-project".
func (s Collaboration) collaborationID() string { return strconv.Itoa(s.ID) + "-" + s.Kind }

// contactBody is a user as other users see them.
type contactBody struct {
	ID       int    `json:"id"`
	Email    string `json:"email"`
	FullName string `json:"full_name"`
}

func (a *API) contact(tx *engine.Tx, id int) contactBody {
	u := row(tx, a.users, id)
	return contactBody{ID: u.ID, Email: u.Email, FullName: u.FullName()}
}

// sharedEntry names the object of a collaboration, under the name of its kind.
type sharedEntry struct {
	Project  *namedEntry `json:"project,omitempty"`
	Image    *namedEntry `json:"image,omitempty"`
	Registry *namedEntry `json:"registry,omitempty"`
	Zone     *namedEntry `json:"zone,omitempty"`
}

type collaborationBody struct {
	ID string `json:"id"`
	sharedEntry
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

type collaborationDetail struct {
	Collaboration collaborationBody `json:"collaboration"`
	Owner         contactBody       `json:"resource_owner"`
	Collaborator  contactBody       `json:"collaborator"`
}

// sharedEntry names the object of a collaboration; false if it is gone.
func (a *API) sharedEntry(tx *engine.Tx, s Collaboration) (e sharedEntry, ok bool) {
	of, ok := a.sharedObject(tx, s.Kind, s.ObjectID)
	name := &namedEntry{s.ObjectID, of.name}
	switch s.Kind {
	case ofProject:
		e.Project = name
	case ofImage:
		e.Image = name
	case ofRegistry:
		e.Registry = name
	case ofZone:
		e.Zone = name
	}
	return e, ok
}

// collaborationDetail renders a collaboration with both users.
func (a *API) collaborationDetail(tx *engine.Tx, s Collaboration) collaborationDetail {
	e, _ := a.sharedEntry(tx, s)
	return collaborationDetail{
		Collaboration: collaborationBody{s.collaborationID(), e, stamp(s.CreatedAt), stamp(s.UpdatedAt)},
		Owner:         a.contact(tx, s.OwnerID), Collaborator: a.contact(tx, s.UserID),
	}
}

// collaborationItem is a collaboration in the list of its collaborator. A zone is there
// twice: the documentation names it domain.
type collaborationItem struct {
	ID string `json:"id"`
	sharedEntry
	Domain *namedEntry `json:"domain,omitempty"`
	Owner  contactBody `json:"owner"`
}

type collaborationsBody struct {
	Projects   []collaborationItem `json:"projects"`
	Domains    []collaborationItem `json:"domains"`
	Images     []collaborationItem `json:"images"`
	Registries []collaborationItem `json:"registries"`
}

// listCollaborations lists the invitations of the caller, accepted or not (C117).
//
//	GET /api/collaborations
func (a *API) listCollaborations(c *httpapi.Call) (any, error) {
	user := a.userID(c)
	items := map[string][]collaborationItem{}
	for _, s := range rowsOf(c.Tx, a.collaborations, func(s Collaboration) bool { return s.UserID == user }) {
		if e, ok := a.sharedEntry(c.Tx, s); ok {
			items[s.Kind] = append(items[s.Kind], collaborationItem{ID: s.collaborationID(), sharedEntry: e, Domain: e.Zone, Owner: a.contact(c.Tx, s.OwnerID)})
		}
	}
	return collaborationsBody{
		Projects: nonNil(items[ofProject]), Domains: nonNil(items[ofZone]), Images: nonNil(items[ofImage]), Registries: nonNil(items[ofRegistry]),
	}, nil
}

// findCollaboration returns the invitation of the caller that the request names.
func (a *API) findCollaboration(c *httpapi.Call) (Collaboration, error) {
	number, kind, _ := strings.Cut(c.Param("id"), "-")
	s, ok := get(c.Tx, a.collaborations, idOf(number))
	if !ok || s.Kind != kind || s.UserID != a.userID(c) {
		return s, notFound("Unknown collaboration")
	}
	return s, nil
}

// getCollaboration returns an invitation of the caller (C117).
//
//	GET /api/collaborations/{id}
func (a *API) getCollaboration(c *httpapi.Call) (any, error) {
	s, err := a.findCollaboration(c)
	if err != nil {
		return nil, err
	}
	return a.collaborationDetail(c.Tx, s), nil
}

// updateCollaboration accepts an invitation of the caller, or takes that back (C118).
//
//	PATCH /api/collaborations/{id}
func (a *API) updateCollaboration(c *httpapi.Call) (any, error) {
	var in struct {
		Collaboration struct {
			Active *bool `json:"active"`
		} `json:"collaboration"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	s, err := a.findCollaboration(c)
	if err != nil {
		return nil, err
	}
	if active := in.Collaboration.Active; active != nil && *active != s.Active {
		s.Active, s.UpdatedAt = *active, c.Now()
		put(c.Tx, a.collaborations, s.ID, s)
	}
	return a.collaborationDetail(c.Tx, s), nil
}

// deleteCollaboration ends an invitation of the caller (C118).
//
//	DELETE /api/collaborations/{id}
func (a *API) deleteCollaboration(c *httpapi.Call) (any, error) {
	s, err := a.findCollaboration(c)
	if err != nil {
		return nil, err
	}
	remove(c.Tx, a.collaborations, s.ID)
	return empty{}, nil
}

// endCollaborations removes the collaborations of an object that is deleted.
func (a *API) endCollaborations(tx *engine.Tx, kind string, id int) {
	for _, s := range rowsOf(tx, a.collaborations, func(s Collaboration) bool { return s.Kind == kind && s.ObjectID == id }) {
		remove(tx, a.collaborations, s.ID)
	}
}
