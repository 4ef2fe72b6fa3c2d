package computestacks

import (
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// The statuses of a registry (spec 7.6).
const (
	registryNew       = "new"
	registryDeploying = "deploying"
	registryDeployed  = "deployed"
	registryWorking   = "working" // it is being deleted
)

// The steps of a registry: its work has no event.
const (
	deployStep        = prefix + "registry.deploy"
	deployedStep      = prefix + "registry.deployed"
	trashRegistryStep = prefix + "registry.trash"
)

// firstRegistryPort is the port of the first registry.
const firstRegistryPort = 25000

// findRegistry returns the registry with an id that the caller uses.
func (a *API) findRegistry(c *httpapi.Call, id string) (Registry, error) {
	r, ok := get(c.Tx, a.registries, idOf(id))
	if !ok || !a.uses(c, ofRegistry, r.ID, r.UserID) {
		return r, notFound("Unknown container registry")
	}
	return r, nil
}

// listRegistries returns the registries that the caller uses.
//
//	GET /api/container_registry
func (a *API) listRegistries(c *httpapi.Call) (any, error) {
	rows := rowsOf(c.Tx, a.registries, func(r Registry) bool { return a.uses(c, ofRegistry, r.ID, r.UserID) })
	return listOf(c, "container_registries", rows, func(r Registry) registryBody { return a.registryBody(c.Tx, r) }), nil
}

// getRegistry returns a registry.
//
//	GET /api/container_registry/{id}
func (a *API) getRegistry(c *httpapi.Call) (any, error) {
	r, err := a.findRegistry(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return one("container_registry", a.registryBody(c.Tx, r)), nil
}

type registryInput struct {
	Label string `json:"label"`
}

// createRegistry adds a registry, which is deployed then.
//
//	POST /api/container_registry
func (a *API) createRegistry(c *httpapi.Call) (any, error) {
	user, ok := a.me(c)
	if !ok {
		return nil, forbidden("The access token is of no user")
	}
	var in registryInput
	if err := c.DecodeMember("container_registry", &in); err != nil {
		return nil, err
	}
	if len(rowsOf(c.Tx, a.registries, func(r Registry) bool { return r.UserID == user.ID })) >= user.RegistryQuota {
		return nil, badRequest("You have reached the maximum number of registries.")
	}
	r := Registry{ID: newID(c.Tx, "registry"), UserID: user.ID, Status: registryNew, CreatedAt: c.Now(), UpdatedAt: c.Now()}
	r.Name, r.Label, r.Port, r.Password = inventName(c.Tx)+strconv.Itoa(r.ID), strings.TrimSpace(in.Label), firstRegistryPort+r.ID, newPassword(c.Tx)
	if r.Label == "" {
		r.Label = r.Name
	}
	put(c.Tx, a.registries, r.ID, r)
	a.after(c.Tx, time.Second, 4*time.Second, deployStep, r.ID)
	return one("container_registry", a.registryBody(c.Tx, r)), nil
}

// after schedules a step for the row with a number.
func (a *API) after(tx *engine.Tx, fast, realistic time.Duration, step string, id int) {
	tx.After(a.Pace(tx, fast, realistic), step, strconv.Itoa(id))
}

// updateRegistry changes the label of a registry.
//
//	PATCH /api/container_registry/{id}
func (a *API) updateRegistry(c *httpapi.Call) (any, error) {
	r, err := a.findRegistry(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in registryInput
	if err := c.DecodeMember("container_registry", &in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Label) == "" {
		return nil, badRequest("Label can't be blank")
	}
	r.Label, r.UpdatedAt = strings.TrimSpace(in.Label), c.Now()
	put(c.Tx, a.registries, r.ID, r)
	return empty{}, nil
}

// deleteRegistry begins to delete a registry that no service pulls from.
//
//	DELETE /api/container_registry/{id}
func (a *API) deleteRegistry(c *httpapi.Call) (any, error) {
	r, err := a.findRegistry(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	for s := range a.services.After(c.Tx, 0) {
		if i := row(c.Tx, a.images, s.Value.ImageID); i.RegistryCustom == registryEndpoint(r) && i.UserID == r.UserID {
			return nil, badRequest("Error! There are deployed containers using this registry.")
		}
	}
	if r.Status == registryWorking {
		return empty{}, nil
	}
	r.Status, r.UpdatedAt = registryWorking, c.Now()
	put(c.Tx, a.registries, r.ID, r)
	a.after(c.Tx, 3*time.Second, 20*time.Second, trashRegistryStep, r.ID)
	return empty{}, nil
}

// deployRegistry is the step at which a new registry begins to be deployed.
func (a *API) deployRegistry(tx *engine.Tx, id string) {
	if a.advanceRegistry(tx, id, registryNew, registryDeploying) {
		a.after(tx, 4*time.Second, 40*time.Second, deployedStep, idOf(id))
	}
}

// registryDeployed is the step at which a registry is deployed.
func (a *API) registryDeployed(tx *engine.Tx, id string) {
	a.advanceRegistry(tx, id, registryDeploying, registryDeployed)
}

// advanceRegistry changes the status of a registry that still has another one, and reports
// whether it did.
func (a *API) advanceRegistry(tx *engine.Tx, id, from, to string) bool {
	r, ok := a.registries.Get(tx, id)
	if !ok || r.Status != from {
		return false
	}
	r.Status, r.UpdatedAt = to, tx.Now()
	a.registries.Put(tx, id, r)
	return true
}

// trashRegistry is the step that removes a registry.
func (a *API) trashRegistry(tx *engine.Tx, id string) {
	r, ok := a.registries.Get(tx, id)
	if !ok || r.Status != registryWorking {
		return
	}
	a.registries.Delete(tx, id)
	for _, share := range rowsOf(tx, a.collaborations, func(s Collaboration) bool { return s.Kind == ofRegistry && s.ObjectID == r.ID }) {
		remove(tx, a.collaborations, share.ID)
	}
}
