package computestacks

import (
	"fmt"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// shared is an object of the default user for each kind that has collaborators: the path
// of its collaborators, its kind, the key under which its invitations are listed, and its
// id and name.
type shared struct {
	path, kind, key string
	id              int
	name            string
}

// newShared adds an object of each kind to the default user.
func newShared(r *rig) (all []shared) {
	r.change(func(tx *engine.Tx) {
		p := r.a.newProject(tx, Project{UserID: defaultUser, Name: "my blog", RegionID: 1})
		i := r.a.addImage(tx, Image{Label: "Acme Blog", Role: "blog", UserID: defaultUser})
		put(tx, r.a.registries, 3, Registry{ID: 3, UserID: defaultUser, Name: "silly-turing3", Label: "builds", Status: "deployed"})
		all = []shared{
			{fmt.Sprintf("/api/projects/%d/collaborators", p.ID), ofProject, "projects", p.ID, p.Name},
			{fmt.Sprintf("/api/container_images/%d/collaborators", i.ID), ofImage, "images", i.ID, i.Name},
			{"/api/container_registry/3/collaborators", ofRegistry, "registries", 3, "silly-turing3"},
			{"/api/zones/1/collaborators", ofZone, "domains", 1, "example.org"},
		}
	})
	return all
}

const (
	danaBody = `{"id":1,"email":"dana@example.test","full_name":"Dana Whitlock"}`
	samBody  = `{"id":2,"email":"sam@example.test","full_name":"Sam Okoro"}`
)

// TestCollaborators covers C117 to C121: an invitation of each kind from its beginning to
// its end.
func TestCollaborators(t *testing.T) {
	for n := range 4 {
		r := newRig(t)
		of := newShared(r)[n]
		t.Run(of.kind, func(t *testing.T) {
			sam := r.user(2)
			r.get(of.path).is(200, `{"collaborators":[]}`)
			object := fmt.Sprintf(`"%s":{"id":%d,"name":"%s"}`, of.kind, of.id, of.name)
			detail := func(updated string) string {
				return fmt.Sprintf(`{"collaboration":{"id":"1-%s",%s,"created_at":"2026-01-15T12:00:00.000Z","updated_at":"%s"},"resource_owner":%s,"collaborator":%s}`,
					of.kind, object, updated, danaBody, samBody)
			}
			invitation := detail("2026-01-15T12:00:00.000Z")
			r.post(of.path, map[string]any{"collaborator": map[string]any{"user_email": " SAM@example.test"}}).is(201, invitation)
			list := r.get(of.path)
			list.is(200, `{"collaborators":[{"id":1,"resource_owner":`+danaBody+`,"collaborator":`+samBody+`}]}`)
			if list.Header.Get("Total") != "1" || list.Header.Get("Per-Page") != "30" {
				t.Errorf("the headers of the page are %v", list.Header)
			}
			r.get(of.path+"/1").is(200, invitation)
			r.get(of.path+"/1-"+of.kind).is(200, invitation)
			sam.get("/api/collaborations/1-"+of.kind).is(200, invitation)

			twice := ""
			if of.kind == ofZone {
				twice = fmt.Sprintf(`,"domain":{"id":%d,"name":"%s"}`, of.id, of.name)
			}
			want := map[string]string{"projects": "[]", "domains": "[]", "images": "[]", "registries": "[]"}
			want[of.key] = fmt.Sprintf(`[{"id":"1-%s",%s%s,"owner":%s}]`, of.kind, object, twice, danaBody)
			sam.get("/api/collaborations").is(200,
				fmt.Sprintf(`{"projects":%s,"domains":%s,"images":%s,"registries":%s}`, want["projects"], want["domains"], want["images"], want["registries"]))
			r.get("/api/collaborations").is(200, `{"projects":[],"domains":[],"images":[],"registries":[]}`)

			sam.get(of.path).wants(404) // not accepted yet
			r.advance(2e9)
			sam.patch("/api/collaborations/1-"+of.kind, map[string]any{"collaboration": map[string]any{"active": true}}).is(202, detail("2026-01-15T12:00:02.000Z"))
			sam.patch("/api/collaborations/1-"+of.kind, map[string]any{"collaboration": map[string]any{"active": nil}}).is(202, detail("2026-01-15T12:00:02.000Z"))
			seen := 401
			if of.kind == ofRegistry {
				seen = 404
			}
			for _, a := range []response{
				sam.get(of.path), sam.get(of.path + "/1"), sam.delete(of.path + "/1"), sam.post(of.path, map[string]any{"collaborator": map[string]any{"user_email": "x"}}),
			} {
				a.wants(seen)
			}
			sam.delete("/api/collaborations/1-"+of.kind).is(202, `{}`)
			sam.get(of.path).wants(404)
			r.get(of.path+"/1").refused(404, "Unknown collaborator")
			r.post(of.path, map[string]any{"collaborator": map[string]any{"user_email": "sam@example.test"}}).wants(201)
			r.delete(of.path+"/2").is(202, `{}`)
			r.get(of.path).is(200, `{"collaborators":[]}`)
		})
	}
}

// TestCollaboratorsRefused covers C119 to C121: who may not, and which invitations are
// refused.
func TestCollaboratorsRefused(t *testing.T) {
	r := newRig(t)
	unknown := map[string]string{
		ofProject: "Unknown project", ofImage: "Unknown container image", ofRegistry: "Unknown container registry", ofZone: "Unknown zone",
	}
	sam := r.user(2)
	invite := func(email any) map[string]any {
		return map[string]any{"collaborator": map[string]any{"user_email": email}}
	}
	for n, of := range newShared(r) {
		t.Run(of.kind, func(t *testing.T) {
			r.post(of.path, invite("sam@example.test")).wants(201)
			for name, at := range map[string]struct {
				body any
				want string
			}{
				"unknown": {invite("nobody@example.test"), "Collaborator must exist"},
				"empty":   {invite(""), "Collaborator must exist"},
				"null":    {invite(nil), "Collaborator must exist"},
				"absent":  {map[string]any{"collaborator": map[string]any{}}, "Collaborator must exist"},
				"owner":   {invite("dana@example.test"), "Collaborator is the resource owner"},
				"twice":   {invite("sam@example.test"), "Collaborator has already been taken"},
			} {
				t.Run(name, func(t *testing.T) { r.post(of.path, at.body).refused(422, at.want) })
			}
			r.post(of.path, map[string]any{}).refused(400, "param is missing or the value is empty: collaborator")
			for _, id := range []string{"99", "0", "x", "1-zebra", fmt.Sprintf("0%d", n+1)} {
				r.get(of.path+"/"+id).refused(404, "Unknown collaborator")
				r.delete(of.path+"/"+id).refused(404, "Unknown collaborator")
			}
			for _, a := range []response{sam.get(of.path), sam.get(of.path + "/1"), sam.delete(of.path + "/1"), sam.post(of.path, invite("x"))} {
				a.refused(404, unknown[of.kind])
			}
		})
	}
	r.get("/api/zones/99/collaborators").refused(404, "Unknown zone")
	r.get("/api/container_images/1/collaborators").refused(401, "Not Authorized: only the owner of the object may do this.")
	// A collaboration of another object is not found under this one.
	r.get("/api/zones/1/collaborators/1").refused(404, "Unknown collaborator")
	r.get("/api/zones/1/collaborators/4-project").refused(404, "Unknown collaborator")
}

// TestCollaborationsRefused covers C117 and C118: only the invited user finds an
// invitation, under its whole id.
func TestCollaborationsRefused(t *testing.T) {
	r := newRig(t)
	for _, of := range newShared(r) {
		r.post(of.path, map[string]any{"collaborator": map[string]any{"user_email": "sam@example.test"}}).wants(201)
	}
	sam, other := r.user(2), r.newUser(User{})
	accept := map[string]any{"collaboration": map[string]any{"active": true}}
	for _, by := range []*rig{r, other} {
		by.get("/api/collaborations/1-project").refused(404, "Unknown collaboration")
		by.patch("/api/collaborations/1-project", accept).refused(404, "Unknown collaboration")
		by.delete("/api/collaborations/1-project").refused(404, "Unknown collaboration")
	}
	for _, id := range []string{"1", "1-", "1-image", "project", "-project", "01-project", "1-projects", "9-project"} {
		sam.get("/api/collaborations/"+id).refused(404, "Unknown collaboration")
	}
	sam.patch("/api/collaborations/1-project", map[string]any{}).refused(400, "param is missing or the value is empty: collaboration")
	sam.patch("/api/collaborations/1-project", map[string]any{"collaboration": map[string]any{"active": "yes"}}).wants(422)
	sam.send("PUT", "/api/collaborations/1-project", accept).wants(202)
	// The object is gone, and so is the invitation.
	r.change(func(tx *engine.Tx) { r.a.removeProject(tx, 1, defaultUser) })
	sam.get("/api/collaborations/1-project").refused(404, "Unknown collaboration")
	if got := sam.get("/api/collaborations").wants(200).text("projects"); got != "[]" {
		t.Errorf("projects is %s", got)
	}
}
