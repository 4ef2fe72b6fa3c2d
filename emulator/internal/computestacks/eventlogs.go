package computestacks

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

type eventBody struct {
	ID          int        `json:"id"`
	Locale      string     `json:"locale"`
	Status      string     `json:"status"`
	Notice      bool       `json:"notice"`
	Reason      *string    `json:"state_reason"`
	Code        string     `json:"event_code"`
	Description string     `json:"description"`
	CreatedAt   string     `json:"created_at"`
	UpdatedAt   string     `json:"updated_at"`
	Audit       *auditBody `json:"audit"`
}

type auditBody struct {
	ID        int         `json:"id"`
	Event     string      `json:"event"`
	Data      *string     `json:"raw_data"`
	CreatedAt string      `json:"created_at"`
	UpdatedAt string      `json:"updated_at"`
	User      *namedEntry `json:"user"`
	IP        *string     `json:"ip_addr"`
}

// namedEntry names an object in the body of another one.
type namedEntry struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

type eventDetailBody struct {
	eventBody
	Details []detailBody `json:"event_details"`
}

type detailBody struct {
	ID        int    `json:"id"`
	Data      string `json:"data"`
	Code      string `json:"event_code"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

// eventBody renders an event as lists have it.
func (a *API) eventBody(tx *engine.Tx, e EventLog) eventBody {
	b := eventBody{
		ID: e.ID, Locale: e.Locale, Status: e.Status, Notice: e.Notice, Reason: textOrNil(e.Reason), Code: e.Code, Description: e.Description,
		CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.UpdatedAt),
	}
	if e.Audit.ID == 0 {
		return b
	}
	b.Audit = &auditBody{
		ID: e.Audit.ID, Event: e.Audit.Event, Data: textOrNil(e.Audit.Data), CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.CreatedAt), IP: textOrNil(e.Audit.IP),
	}
	if u, ok := get(tx, a.users, e.Audit.UserID); ok {
		b.Audit.User = &namedEntry{u.ID, u.FullName()}
	}
	return b
}

// eventDetailBody renders an event with its details.
func (a *API) eventDetailBody(tx *engine.Tx, e EventLog) eventDetailBody {
	b := eventDetailBody{a.eventBody(tx, e), []detailBody{}}
	for _, d := range e.Details {
		b.Details = append(b.Details, detailBody{ID: d.ID, Data: d.Data, Code: d.Code, CreatedAt: stamp(d.CreatedAt), UpdatedAt: stamp(d.UpdatedAt)})
	}
	return b
}

// getEventLog returns an event with its details. The user who performed it sees it, and
// everybody who sees one of its projects (C125).
//
//	GET /api/event_logs/{id}
func (a *API) getEventLog(c *httpapi.Call) (any, error) {
	e, ok := get(c.Tx, a.events, idOf(c.Param("id")))
	if !ok || !a.seesEvent(c, e) {
		return nil, notFound("Unknown event log")
	}
	return one("event_log", a.eventDetailBody(c.Tx, e)), nil
}

func (a *API) seesEvent(c *httpapi.Call, e EventLog) bool {
	if user := a.userID(c); user != 0 && user == e.UserID {
		return true
	}
	return slices.ContainsFunc(byIDs(c.Tx, a.projects, e.Projects), func(p Project) bool { return a.uses(c, ofProject, p.ID, p.UserID) })
}
