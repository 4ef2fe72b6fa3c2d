package computestacks

import (
	"net/http"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// await is the stage that moves an auto clock: once a client has read an object that will
// change at a due event, its next read of that moves time to the event.
func (a *API) await(x *httpapi.RequestContext) error {
	if x.Op.Public || x.Request.Method != http.MethodGet {
		return nil
	}
	_ = x.World.Do(func(tx *engine.Tx) error {
		if a.Credentials.Await(tx, x.Caller.Token, func(e engine.Event) bool { return a.changes(tx, x.Op.Path, x.Param("id"), e) }) {
			x.ObserveTime(tx.Now())
		}
		return nil
	})
	return nil
}

// changes reports whether a due event changes what a path shows of the object with an id;
// "" is all objects.
func (a *API) changes(tx *engine.Tx, path, id string, due engine.Event) bool {
	resource, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/")
	switch due.Step {
	case deployStep, deployedStep, trashRegistryStep:
		return resource == "container_registry" && (id == "" || id == due.Subject)
	case startStep, finishStep:
	default:
		return false
	}
	e, _ := a.events.Get(tx, due.Subject)
	has := func(ids []int) bool { return id == "" && len(ids) > 0 || slices.Contains(ids, idOf(id)) }
	switch resource {
	case "orders":
		return e.Code == provisionCode && (id == "" || id == e.Payload)
	case "event_logs":
		return id == due.Subject
	case "projects", "collaborations":
		return has(e.Projects)
	case "container_services", "load_balancers":
		return has(e.Services)
	case "containers":
		return has(e.Containers)
	case "volumes":
		return has(e.Volumes) || id == "" && has(e.Services)
	case "domains":
		return e.Code == validateCode && (id == "" || id == e.Payload) || id == "" && e.Code == trashCode
	case "subscriptions":
		return len(e.Services) > 0 || len(e.Projects) > 0
	}
	return false
}
