package computestacks

import (
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// TestEventLog covers C125: the body of an event, and who sees it.
func TestEventLog(t *testing.T) {
	r := newRig(t)
	owner, member, invited, stranger := r.newUser(User{FirstName: "Ola", LastName: "Owner"}), r.user(2), r.newUser(User{}), r.newUser(User{})
	r.change(func(tx *engine.Tx) {
		p := r.a.newProject(tx, Project{UserID: 3, Name: "blog", RegionID: 1})
		put(tx, r.a.collaborations, 1, Collaboration{ID: 1, Kind: ofProject, ObjectID: p.ID, OwnerID: 3, UserID: 2, Active: true})
		put(tx, r.a.collaborations, 2, Collaboration{ID: 2, Kind: ofProject, ObjectID: p.ID, OwnerID: 3, UserID: 4})
		e := r.a.refuseWork(tx, work{locale: "container.restart", description: "[blog] Restarting Container x.", user: 1, ip: "203.0.113.9", projects: []int{p.ID}},
			cancelled, "Action already in progress", "65a0ac3cf9131abb", "Action already in progress, please try again later.")
		e.Code = "d611b2bbf50bd48c" // effects of other groups
		put(tx, r.a.events, e.ID, e)
		r.a.newEventOfSystem(tx, p.ID)
	})
	const body = `{"event_log":{"id":1,"locale":"container.restart","status":"cancelled","notice":false,"state_reason":"Action already in progress",` +
		`"event_code":"d611b2bbf50bd48c","description":"[blog] Restarting Container x.","created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:00.000Z",` +
		`"audit":{"id":1,"event":"updated","raw_data":null,"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:00.000Z",` +
		`"user":{"id":1,"name":"Dana Whitlock"},"ip_addr":"203.0.113.9"},"event_details":[{"id":1,"data":"Action already in progress, please try again later.",` +
		`"event_code":"65a0ac3cf9131abb","created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:00.000Z"}]}}`
	for name, by := range map[string]*rig{"performer": r, "owner": owner, "collaborator": member} {
		t.Run(name, func(*testing.T) { by.get("/api/event_logs/1").is(200, body) })
	}
	for name, by := range map[string]*rig{"stranger": stranger, "invited": invited} {
		t.Run(name, func(*testing.T) { by.get("/api/event_logs/1").refused(404, "Unknown event log") })
	}
	for _, id := range []string{"3", "0", "01", "x", "1x", "-1", "99999999999999999999"} {
		r.get("/api/event_logs/"+id).refused(404, "Unknown event log")
	}
	r.get("/api/event_logs/2").refused(404, "Unknown event log")
	if got := owner.get("/api/event_logs/2").wants(200).at("event_log.audit"); got != nil {
		t.Errorf("the audit of an event of the system is %v", got)
	}
}

// newEventOfSystem adds an event that no user performed.
func (a *API) newEventOfSystem(tx *engine.Tx, project int) {
	e := a.refuseWork(tx, work{locale: "volume.backup", projects: []int{project}}, failed, "", "", "")
	e.Audit = Audit{}
	put(tx, a.events, e.ID, e)
}
