package computestacks

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// getContainer returns a container, with its logs if they are asked for.
//
//	GET /api/containers/{id}
func (a *API) getContainer(c *httpapi.Call) (any, error) {
	k, err := a.findContainer(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	b := a.containerBody(c.Tx, k)
	if slices.Contains(strings.Split(c.RawQuery("include"), ","), "logs") {
		b.Logs = logsOf(c, []Container{k})
	}
	return one("container", b), nil
}

// getContainerLogs returns lines of a container.
//
//	GET /api/containers/{id}/logs
func (a *API) getContainerLogs(c *httpapi.Call) (any, error) {
	k, err := a.findContainer(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return logsOf(c, []Container{k}), nil
}

// powerActions lists the actions on containers.
func powerActions() []string { return []string{"start", "stop", "restart", "rebuild"} }

// checkPower returns the 422 for an action that does not exist.
func checkPower(action string) error {
	if slices.Contains(powerActions(), action) {
		return nil
	}
	return unprocessable("Unknown action.", "Available actions are: "+strings.Join(powerActions(), ", "))
}

// powerContainer begins an action on a container (C89).
//
//	PATCH /api/containers/{id}/power/{action}
func (a *API) powerContainer(c *httpapi.Call) (any, error) {
	k, err := a.findContainer(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	action := c.Param("action")
	if err := checkPower(action); err != nil {
		return nil, err
	}
	if !a.nodeOnline(c.Tx, k.NodeID) {
		// The request is refused and the event tells why: both are the outcome.
		a.power(c, k, action)
		return httpapi.Raw{Type: httpapi.JSONType, Body: []byte(`{"errors":[]}`), Status: http.StatusUnprocessableEntity}, nil
	}
	a.power(c, k, action)
	return empty{}, nil
}

// power begins an action on a container, or adds the event that says why it does not
// (correction 16).
func (a *API) power(c *httpapi.Call, k Container, action string) {
	if (action == "start" || action == "restart") && !k.Built {
		action = "rebuild"
	}
	s := row(c.Tx, a.services, k.ServiceID)
	verb := map[string]string{"start": "Starting", "stop": "Stopping", "restart": "Restarting", "rebuild": "Rebuilding"}[action]
	w := a.workBy(c, "container."+action, "["+s.Label+"] "+verb+" Container "+k.Name+".")
	w.projects, w.services, w.containers = []int{k.ProjectID}, []int{k.ServiceID}, []int{k.ID}
	switch {
	case !a.nodeOnline(c.Tx, k.NodeID):
		a.refuseWork(c.Tx, w, cancelled, "Node is offline", "7f55ffc42c0dac14", "The node of the container is offline.")
		return
	case slices.ContainsFunc(a.activeEvents(c.Tx, "container", k.ID), func(e EventLog) bool { return blocksPower(e.Code) }):
		a.refuseWork(c.Tx, w, cancelled, "Action already in progress", "65a0ac3cf9131abb", "Action already in progress, please try again later.")
		return
	}
	k.ReqState, k.UpdatedAt = running, c.Now()
	if action == "stop" {
		k.ReqState = "stopped"
	}
	put(c.Tx, a.containers, k.ID, k)
	a.begin(c.Tx, w)
}

// blocksPower reports whether a power action waits for work with an event code.
func blocksPower(code string) bool {
	return slices.Contains([]string{startCode, stopCode, restartCode, rebuildCode, provisionCode, "c2dcdabd7101caa5", "859369ca114615bb"}, code)
}

// powerEffect is the effect of an action that ends with a status, unless the container is
// gone by then.
func (a *API) powerEffect(code string, fast, realistic time.Duration, during, after string) effect {
	each := func(tx *engine.Tx, e EventLog, change func(k *Container)) error {
		for _, id := range e.Containers {
			k, ok := get(tx, a.containers, id)
			if !ok {
				return cancels("The container was deleted.")
			}
			if !a.nodeOnline(tx, k.NodeID) {
				return cancels("Node is offline")
			}
			change(&k)
			k.UpdatedAt = tx.Now()
			put(tx, a.containers, id, k)
		}
		return nil
	}
	return effect{
		code: code, fast: fast, realistic: realistic,
		start: func(tx *engine.Tx, e EventLog) error {
			return each(tx, e, func(k *Container) {
				if during != "" {
					k.Status, k.StartedAt = during, time.Time{}
				}
			})
		},
		finish: func(tx *engine.Tx, e EventLog) error {
			return each(tx, e, func(k *Container) {
				if code == startCode && k.runs() {
					return // it goes on as it did
				}
				k.Status, k.Built, k.StartedAt = after, true, time.Time{}
				if after == running {
					k.StartedAt = tx.Now()
				}
			})
		},
	}
}
