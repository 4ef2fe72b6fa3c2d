package skystack

import (
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// instanceHealth is the health of an instance on the wire.
type instanceHealth struct {
	InstanceID string        `json:"instance_id"`
	Status     string        `json:"status"`
	Checks     []healthCheck `json:"checks"`
}

type healthCheck struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Since  string `json:"since"`
}

// What a check can say.
const (
	checkOK           = "ok"
	checkImpaired     = "impaired"
	checkInitializing = "initializing"
	checkNoData       = "insufficient_data"
)

// getInstanceHealth shows the health of an instance, which follows from its status alone
// (S11).
//
//	GET /v1/instances/{id}/health
func (a *API) getInstanceHealth(c *httpapi.Call, in instanceInput) (instanceHealth, error) {
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return instanceHealth{}, err
	}
	if i.PendingAction != "" && a.recordRead(c.Tx, i) {
		if i, err = a.instance(c.Tx, in.ID); err != nil {
			return instanceHealth{}, err
		}
	}
	return i.health(), nil
}

func (i *Instance) health() instanceHealth {
	b := instanceHealth{InstanceID: i.ID, Status: "unknown"}
	host, instance, network := checkOK, checkInitializing, checkInitializing
	switch i.Status {
	case Running:
		b.Status, instance, network = "healthy", checkOK, checkOK
	case Error:
		b.Status, instance, network = "unhealthy", checkImpaired, checkImpaired
		if i.Reason != nil && i.Reason.Code == "host_failure" {
			host = checkImpaired
		}
	case Provisioning:
		host = checkInitializing
	case Stopped, Stopping, Resizing, Deleting:
		instance, network = checkNoData, checkNoData
	}
	since := resource.Stamp(i.since())
	b.Checks = []healthCheck{{"host", host, since}, {"instance", instance, since}, {"network", network, since}}
	return b
}
