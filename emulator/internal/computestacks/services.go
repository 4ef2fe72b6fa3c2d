package computestacks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// serviceOperations lists the operations of services and containers.
func (a *API) serviceOperations() []operation {
	return []operation{
		{"listContainerServices", a.listServices},
		{"getContainerService", a.getService},
		{"updateContainerService", a.updateService},
		{"deleteContainerService", a.deleteService},
		{"powerContainerService", a.powerService},
		{"resizeContainerService", a.resizeService},
		{"scaleContainerService", a.scaleService},
		{"getServiceLogs", a.getServiceLogs},
		{"listServiceMetadata", a.listSettings},
		{"getServiceMetadatum", a.getSetting},
		{"listServiceIngressRules", a.listServiceRules},
		{"listServiceBastions", a.listServiceBastions},
		{"getServiceBastion", a.getServiceBastion},
		{"listServiceContainers", a.listServiceContainers},
		{"listServiceEvents", a.listServiceEvents},
		{"getServiceEvent", a.getServiceEvent},
		{"listServiceLoadBalancers", a.listServiceBalancers},
		{"getServiceLoadBalancer", a.getServiceBalancer},
		{"listCertificates", a.listCertificates},
		{"createCertificate", a.createCertificate},
		{"getCertificate", a.getCertificate},
		{"deleteCertificate", a.deleteCertificate},
		{"getContainer", a.getContainer},
		{"listContainerProcesses", a.listProcesses},
		{"getContainerLogs", a.getContainerLogs},
		{"getContainerCPU", a.getCPU},
		{"getContainerMemory", a.getMemory},
		{"powerContainer", a.powerContainer},
	}
}

// The codes of the events of services (spec 7.2).
const (
	resizeCode = "fdfcc55ffebd0424"
	scaleCode  = "c2dcdabd7101caa5"
	trashCode  = "859369ca114615bb"
)

// serviceEffects lists the work of services and containers.
func (a *API) serviceEffects() map[string]effect {
	return map[string]effect{
		"container.start":   a.powerEffect(startCode, 2*time.Second, 12*time.Second, "", running),
		"container.stop":    a.powerEffect(stopCode, 2*time.Second, 10*time.Second, "", "stopped"),
		"container.restart": a.powerEffect(restartCode, 3*time.Second, 20*time.Second, "", running),
		"container.rebuild": a.powerEffect(rebuildCode, 5*time.Second, 60*time.Second, "rebuilding", running),
		"container.build":   a.powerEffect("3b6c028e41b0875b", 4*time.Second, 40*time.Second, "building", running),
		"service.resizing":  {code: resizeCode, fast: 4 * time.Second, realistic: 45 * time.Second, finish: a.finishResize},
		"service.scaling":   {code: scaleCode, fast: 4 * time.Second, realistic: 45 * time.Second, finish: a.finishScale},
		"service.trash": {code: trashCode, fast: 4 * time.Second, realistic: 30 * time.Second, finish: func(tx *engine.Tx, e EventLog) error {
			for _, id := range e.Services {
				a.removeService(tx, id, e.UserID)
			}
			return nil
		}},
	}
}

// listServices returns the services of the projects that the caller uses.
//
//	GET /api/container_services
func (a *API) listServices(c *httpapi.Call) (any, error) {
	sees := a.sight(c)
	l := resource.List[Service]{Table: a.services, Keep: func(s Service) bool { return sees.project(s.ProjectID, s.UserID) }}
	return pageOfTable(c, "container_services", l, func(s Service) serviceBody { return a.serviceBody(c.Tx, s) })
}

// shownService is a service and its image.
type shownService struct {
	Service serviceBody `json:"container_service"`
	Image   imageBody   `json:"container_image"`
}

func (a *API) showService(tx *engine.Tx, s Service) shownService {
	return shownService{a.serviceBody(tx, s), a.imageBody(tx, row(tx, a.images, s.ImageID))}
}

// getService returns a service and its image.
//
//	GET /api/container_services/{id}
func (a *API) getService(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return a.showService(c.Tx, s), nil
}

// updateService changes a service.
//
//	PATCH /api/container_services/{id}
func (a *API) updateService(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Label   *string            `json:"label"`
		Command nullable[string]   `json:"command"`
		Tags    nullable[[]string] `json:"tag_list"`
		Master  nullable[int]      `json:"master_domain_id"`
	}
	if err := c.DecodeMember("container_service", &in); err != nil {
		return nil, err
	}
	if in.Label != nil && strings.TrimSpace(*in.Label) == "" {
		return nil, unprocessable("Label can't be blank")
	}
	if in.Master.value != 0 && !slices.Contains(s.Domains, in.Master.value) {
		return nil, unprocessable("Master domain is not a domain of this service")
	}
	set(&s.Label, in.Label)
	setNullable(&s.Command, in.Command)
	setNullable(&s.Tags, in.Tags)
	setNullable(&s.MasterDomain, in.Master)
	s.UpdatedAt = c.Now()
	put(c.Tx, a.services, s.ID, s)
	return a.showService(c.Tx, s), nil
}

// serviceWork is work on a service by the caller.
func (a *API) serviceWork(c *httpapi.Call, s Service, locale, text string) work {
	w := a.workBy(c, locale, "["+s.Label+"] "+text)
	w.projects, w.services = []int{s.ProjectID}, []int{s.ID}
	return w
}

// deleteService begins to delete a service.
//
//	DELETE /api/container_services/{id}
func (a *API) deleteService(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	w := a.serviceWork(c, s, "service.trash", "Deleting Service "+s.Name+".")
	w.containers = s.Containers
	if slices.ContainsFunc(a.activeEvents(c.Tx, "service", s.ID), func(e EventLog) bool { return e.Code == trashCode }) {
		a.refuseWork(c.Tx, w, cancelled, "Action already in progress", "65a0ac3cf9131abb", "Action already in progress, please try again later.")
		return empty{}, nil
	}
	a.begin(c.Tx, w)
	return empty{}, nil
}

// powerService begins an action on each container of a service.
//
//	PATCH /api/container_services/{id}/power/{action}
func (a *API) powerService(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if err := checkPower(c.Param("action")); err != nil {
		return nil, err
	}
	for _, k := range byIDs(c.Tx, a.containers, s.Containers) {
		a.power(c, k, c.Param("action"))
	}
	return empty{}, nil
}

// resizeService begins to give the containers of a service another package.
//
//	POST /api/container_services/{id}/resize
func (a *API) resizeService(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in struct {
		ProductID int `json:"product_id"`
	}
	if err := c.DecodeMember("container_service", &in); err != nil {
		return nil, err
	}
	p, ok := get(c.Tx, a.products, in.ProductID)
	if !ok || p.Kind != "package" {
		return nil, unprocessable("Missing package id: " + strconv.Itoa(in.ProductID))
	}
	image := row(c.Tx, a.images, s.ImageID)
	if p.CPU < image.MinCPU || p.Memory < image.MinMemory {
		return nil, unprocessable(unsuitable(p, image))
	}
	if p.ID == s.ProductID {
		return empty{}, nil
	}
	w := a.serviceWork(c, s, "service.resizing", "Resizing Service to "+p.Label+".")
	w.containers, w.payload = s.Containers, strconv.Itoa(p.ID)
	e := a.begin(c.Tx, w)
	a.addDetail(c.Tx, e.ID, resizeCode, fmt.Sprintf("product: %s, cpu: %s, memory: %d MB, storage: %d GB, bandwidth: %d GB", p.Label, decimal(p.CPU), p.Memory, p.Storage, p.Bandwidth))
	return empty{}, nil
}

// unsuitable says that a package has too little for an image.
func unsuitable(p Product, i Image) string {
	return fmt.Sprintf("Package %s not suitable for the image %s. CPU must be greater than %s, and memory must be greater than %d MB.", p.Label, fail.Clip(i.Label), decimal(i.MinCPU), i.MinMemory)
}

// finishResize gives the containers of a service the resources of another package.
func (a *API) finishResize(tx *engine.Tx, e EventLog) error {
	p := row(tx, a.products, idOf(e.Payload))
	for _, id := range e.Services {
		s, ok := get(tx, a.services, id)
		if !ok {
			return cancels("The service was deleted.")
		}
		s.ProductID, s.UpdatedAt = p.ID, tx.Now()
		put(tx, a.services, id, s)
		for _, k := range byIDs(tx, a.containers, s.Containers) {
			k.CPU, k.Memory, k.UpdatedAt = p.CPU, p.Memory, tx.Now()
			put(tx, a.containers, k.ID, k)
			a.changeProduct(tx, k.SubscriptionID, p.ID)
		}
	}
	return nil
}

// scaleService begins to add or remove containers.
//
//	POST /api/container_services/{id}/scale
func (a *API) scaleService(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Quantity int `json:"qty"`
	}
	if err := c.DecodeMember("container_service", &in); err != nil {
		return nil, err
	}
	region, _, _ := a.region(c.Tx, s.RegionID)
	w := a.serviceWork(c, s, "service.scaling", fmt.Sprintf("Scaling Service to %d containers.", in.Quantity))
	w.payload = strconv.Itoa(in.Quantity)
	switch {
	case !slices.ContainsFunc(region.Nodes, func(n Node) bool { return n.Online }):
		return nil, unprocessable("Invalid Region. Unable to scale containers.")
	case in.Quantity < 1:
		a.refuseWork(c.Tx, w, failed, "Invalid Parameters", scaleCode, "The number of containers must be at least 1.")
	case !row(c.Tx, a.images, s.ImageID).CanScale:
		a.refuseWork(c.Tx, w, failed, "Scaling not allowed", scaleCode, "The image of the service cannot be scaled.")
	case in.Quantity == len(s.Containers):
		a.refuseWork(c.Tx, w, cancelled, "No change required", scaleCode, "The service has this number of containers already.")
	case in.Quantity > len(s.Containers) && a.overQuota(c.Tx, s.UserID, in.Quantity-len(s.Containers)):
		a.refuseWork(c.Tx, w, failed, "User over quota", scaleCode, "The user may not have as many containers.")
	default:
		a.begin(c.Tx, w)
	}
	return empty{}, nil
}

// overQuota reports whether a user may not have so many containers more.
func (a *API) overQuota(tx *engine.Tx, user, more int) bool {
	u := row(tx, a.users, user)
	return u.Containers+more > u.ContainerQuota
}

// countContainers changes the number of containers of a user, which their quota bounds.
func (a *API) countContainers(tx *engine.Tx, user, by int) {
	if u, ok := get(tx, a.users, user); ok {
		u.Containers += by
		put(tx, a.users, user, u)
	}
}

// finishScale adds containers, or removes the oldest ones.
func (a *API) finishScale(tx *engine.Tx, e EventLog) error {
	want, _ := strconv.Atoi(e.Payload)
	for _, id := range e.Services {
		s, ok := get(tx, a.services, id)
		if !ok {
			return cancels("The service was deleted.")
		}
		if more := want - len(s.Containers); more > 0 && a.overQuota(tx, s.UserID, more) {
			return fails("User over quota")
		}
		for n := len(s.Containers); n < want; n++ {
			k := a.newContainer(tx, id)
			k.Status, k.Built, k.StartedAt = running, true, tx.Now()
			put(tx, a.containers, k.ID, k)
		}
		for n := 0; n < len(s.Containers)-want; n++ {
			a.removeContainer(tx, s.Containers[n])
		}
	}
	return nil
}
