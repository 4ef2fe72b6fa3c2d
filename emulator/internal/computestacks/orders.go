package computestacks

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// orderOperations lists the operations of orders, what can be ordered, and projects.
func (a *API) orderOperations() []operation {
	return []operation{
		{"listOrders", a.listOrders},
		{"createOrder", a.createOrder},
		{"getOrder", a.getOrder},
		{"listProducts", a.listProducts},
		{"listLocations", a.listLocations},
		{"getLocation", a.getLocation},
		{"listUserProjects", a.listProjects},
		{"getUserProject", a.getProject},
		{"updateUserProject", a.updateProject},
		{"deleteUserProject", a.deleteProject},
		{"listProjectBastions", a.listProjectBastions},
		{"getProjectBastion", a.getProjectBastion},
		{"resetBastionPassword", a.resetBastionPassword},
		{"listProjectContainers", a.listProjectContainers},
		{"listProjectEvents", a.listProjectEvents},
		{"listProjectImages", a.listProjectImages},
		{"listProjectServices", a.listProjectServices},
	}
}

// orderEffects lists the work of orders and projects.
func (a *API) orderEffects() map[string]effect {
	return map[string]effect{
		"order.provision": {code: provisionCode, fast: 8 * time.Second, realistic: 90 * time.Second, start: a.startOrder, finish: a.finishOrder},
		"deployment.trash": {code: "20cd984da4da8963", fast: 5 * time.Second, realistic: 45 * time.Second, finish: func(tx *engine.Tx, e EventLog) error {
			for _, id := range e.Projects {
				a.removeProject(tx, id, e.UserID)
			}
			return nil
		}},
		"bastion.rebuild": {code: rebuildCode, fast: 3 * time.Second, realistic: 20 * time.Second, finish: a.finishBastion},
	}
}

// The statuses of an order besides those of events (spec 7.1).
const processing = "processing"

// orderData is what an order shows of what was ordered.
type orderData struct {
	Items      []orderItem  `json:"raw_order"`
	Project    orderProject `json:"project"`
	RegionID   *int         `json:"region_id"`
	LocationID *int         `json:"location_id"`
	BalancerIP *string      `json:"load_balancer_ip"`
	Summary    []struct{}   `json:"summary"`
	Total      orderTotal   `json:"total"`
}

type orderItem struct {
	Type      string                `json:"product_type"`
	ImageID   int                   `json:"container_id"`
	Label     string                `json:"label"`
	Quantity  int                   `json:"qty"`
	Domains   []string              `json:"domains"`
	Resources orderResources        `json:"resources"`
	Params    map[string]orderParam `json:"params"`
}

type orderResources struct {
	ProductID *int   `json:"product_id"`
	CPU       string `json:"cpu"`
	Memory    int    `json:"memory"`
}

type orderParam struct {
	Value string `json:"value"`
}

type orderProject struct {
	ID      *int   `json:"id"`
	Name    string `json:"name"`
	SkipSSH bool   `json:"skip_ssh"`
}

type orderTotal struct {
	Recurring struct {
		Hourly  string `json:"hourly"`
		Monthly string `json:"monthly"`
	} `json:"recurring"`
}

type orderSummary struct {
	ID        string      `json:"id"`
	Status    string      `json:"status"`
	CreatedAt string      `json:"created_at"`
	UpdatedAt string      `json:"updated_at"`
	Project   *namedEntry `json:"project"`
}

// orderSummary renders an order in a list (C60). The project is shown when it is complete.
func (a *API) orderSummary(tx *engine.Tx, o Order) orderSummary {
	b := orderSummary{ID: o.ID, Status: o.Status, CreatedAt: stamp(o.CreatedAt), UpdatedAt: stamp(o.UpdatedAt)}
	if p, ok := get(tx, a.projects, o.ProjectID); ok && o.Status == completed {
		b.Project = &namedEntry{p.ID, p.Name}
	}
	return b
}

type orderBody struct {
	ID        string         `json:"id"`
	Status    string         `json:"status"`
	Data      jsontext.Value `json:"order_data"`
	CreatedAt string         `json:"created_at"`
	UpdatedAt string         `json:"updated_at"`
	Project   *namedEntry    `json:"project"`
	Location  *namedEntry    `json:"location"`
}

// orderBody renders an order (C64).
func (a *API) orderBody(tx *engine.Tx, o Order) orderBody {
	s := a.orderSummary(tx, o)
	b := orderBody{ID: s.ID, Status: s.Status, Data: o.Data, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Project: s.Project}
	if l, ok := get(tx, a.locations, o.LocationID); ok {
		b.Location = &namedEntry{l.ID, l.Name}
	}
	return b
}

// listOrders returns the orders of the user, newest first.
//
//	GET /api/orders
func (a *API) listOrders(c *httpapi.Call) (any, error) {
	user := a.userID(c)
	l := resource.List[Order]{Table: a.orders, NewestFirst: true, Keep: func(o Order) bool { return user != 0 && o.UserID == user }}
	return pageOfTable(c, "orders", l, func(o Order) orderSummary { return a.orderSummary(c.Tx, o) })
}

// getOrder returns an order of the user.
//
//	GET /api/orders/{id}
func (a *API) getOrder(c *httpapi.Call) (any, error) {
	o, ok := a.orders.Get(c.Tx, c.Param("id"))
	if user := a.userID(c); !ok || user == 0 || o.UserID != user {
		return nil, notFound("Unknown order")
	}
	return one("order", a.orderBody(c.Tx, o)), nil
}

type placedBody struct {
	ID          string  `json:"id"`
	RedirectURL *string `json:"redirect_url"`
	BalancerIP  *string `json:"load_balancer_ip"`
}

// createOrder places an order.
//
//	POST /api/orders
func (a *API) createOrder(c *httpapi.Call) (any, error) {
	user, ok := a.me(c)
	if !ok {
		return nil, forbidden("The access token is of no user")
	}
	var in OrderInput
	if err := c.DecodeMember("order", &in); err != nil {
		return nil, err
	}
	o, err := a.PlaceOrder(c.Tx, user, c.Address(), in)
	if err != nil {
		return nil, err
	}
	b := placedBody{ID: o.ID}
	if lb, ok := a.balancerOf(c.Tx, o.RegionID); ok {
		b.BalancerIP = &lb.PublicIP
	}
	return one("order", b), nil
}

// PlaceOrder places an order of a user, who sent it from an address. A refusal has changed
// nothing.
func (a *API) PlaceOrder(tx *engine.Tx, user User, address string, in OrderInput) (Order, error) {
	p, err := a.planOf(tx, user, in)
	if err != nil {
		return Order{}, err
	}
	o := Order{
		ID: newUUID(tx.Rand(prefix + "order")), UserID: user.ID, Status: pending, LocationID: p.LocationID, RegionID: p.RegionID, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	if o.Data, err = json.Marshal(a.dataOf(tx, p)); err != nil {
		return o, err
	}
	if o.Plan, err = json.Marshal(p); err != nil {
		return o, err
	}
	w := work{locale: "order.provision", description: "Provisioning order for " + p.Name + ".", payload: o.ID, user: user.ID, ip: address}
	if p.ProjectID != 0 {
		w.projects = []int{p.ProjectID}
	}
	o.EventID = a.begin(tx, w).ID
	a.orders.Put(tx, o.ID, o)
	return o, nil
}

// dataOf returns what an order shows of a plan.
func (a *API) dataOf(tx *engine.Tx, p plan) orderData {
	d := orderData{
		Items: []orderItem{}, Project: orderProject{numberOrNil(p.ProjectID), p.Name, p.SkipSSH}, RegionID: numberOrNil(p.RegionID), LocationID: numberOrNil(p.LocationID),
		Summary: []struct{}{},
	}
	if lb, ok := a.balancerOf(tx, p.RegionID); ok {
		d.BalancerIP = &lb.PublicIP
	}
	price := 0.0
	for _, s := range p.Services {
		product := row(tx, a.products, s.ProductID)
		price += hourly(product)
		item := orderItem{
			Type: "container", ImageID: s.ImageID, Label: s.Label, Quantity: 1, Domains: nonNil(s.Domains),
			Resources: orderResources{numberOrNil(s.ProductID), decimal(product.CPU), product.Memory}, Params: map[string]orderParam{},
		}
		for _, v := range s.Settings {
			if v.Type == "static" {
				item.Params[v.Name] = orderParam{v.Value}
			}
		}
		d.Items = append(d.Items, item)
	}
	d.Total.Recurring.Hourly, d.Total.Recurring.Monthly = fmt.Sprintf("$%.4f", price), fmt.Sprintf("$%.2f", price*hoursPerMonth)
	return d
}

// startOrder is the start of provisioning: the project appears, with services whose
// containers are being built.
func (a *API) startOrder(tx *engine.Tx, e EventLog) error {
	o, p, err := a.planned(tx, e)
	if err != nil {
		return err
	}
	for _, s := range p.Services { // an owner can delete an image that has no service yet
		if _, ok := get(tx, a.images, s.ImageID); !ok {
			return a.failOrder(tx, o, fmt.Sprintf("Invalid image. Image ID: %d | %s.", s.ImageID, fail.Clip(s.Label)))
		}
	}
	project, ok := get(tx, a.projects, p.ProjectID)
	if p.ProjectID == 0 {
		project = Project{UserID: o.UserID, Name: p.Name, SkipSSH: p.SkipSSH, LocationID: p.LocationID, RegionID: p.RegionID}
	} else if !ok || project.Status == deleting {
		return a.failOrder(tx, o, "Unknown project")
	}
	if a.overQuota(tx, project.UserID, len(p.Services)) {
		return a.failOrder(tx, o, "User over quota")
	}
	if p.ProjectID == 0 {
		project = a.newProject(tx, project)
	}
	to := work{projects: []int{project.ID}}
	for _, s := range p.Services {
		service := a.build(tx, project, s)
		to.services, to.containers = append(to.services, service.ID), append(to.containers, service.Containers...)
	}
	a.attachTo(tx, e.ID, to)
	o.Status, o.ProjectID, o.UpdatedAt = processing, project.ID, tx.Now()
	a.orders.Put(tx, o.ID, o)
	return nil
}

// build adds a service of an order with all that belongs to it.
func (a *API) build(tx *engine.Tx, project Project, s plannedService) Service {
	service := a.newService(tx, Service{ProjectID: project.ID, ImageID: s.ImageID, ProductID: s.ProductID, Label: s.Label, Settings: slices.Clone(s.Settings)})
	for n := range service.Settings {
		if v := &service.Settings[n]; v.Type == "password" {
			v.Value = newPassword(tx)
		}
	}
	put(tx, a.services, service.ID, service)
	k := a.newContainer(tx, service.ID)
	k.Status = "building"
	put(tx, a.containers, k.ID, k)
	image, outside := row(tx, a.images, s.ImageID), 0
	for _, p := range image.IngressParams {
		r := a.newRule(tx, IngressRule{
			ServiceID: service.ID, Port: p.Port, Proto: p.Proto, ExternalAccess: p.ExternalAccess, BackendSSL: p.BackendSSL, TCPProxyOpt: p.TCPProxyOpt, TCPLB: p.TCPLB,
		})
		if outside == 0 && p.ExternalAccess {
			outside = r.ID
		}
	}
	for _, name := range s.Domains {
		if outside != 0 {
			a.newDomain(tx, Domain{RuleID: outside, Name: name, LetsEncrypt: "inactive"})
		}
	}
	for _, p := range image.VolumeParams {
		a.newVolume(tx, service.ID, p)
		if owner := row(tx, a.projects, project.ID); p.EnableSFTP && !owner.SkipSSH && len(owner.Bastions) == 0 {
			a.newBastion(tx, project.ID)
		}
	}
	return row(tx, a.services, service.ID)
}

// finishOrder is the end of provisioning: the containers run and the order is completed.
func (a *API) finishOrder(tx *engine.Tx, e EventLog) error {
	o, _, err := a.planned(tx, e)
	if err != nil {
		return err
	}
	project, ok := get(tx, a.projects, o.ProjectID)
	if !ok || project.Status == deleting {
		return a.failOrder(tx, o, "The project was deleted.")
	}
	for _, k := range byIDs(tx, a.containers, e.Containers) {
		if k.Status == "building" {
			k.Status, k.Built, k.StartedAt, k.UpdatedAt = running, true, tx.Now(), tx.Now()
			put(tx, a.containers, k.ID, k)
		}
	}
	for _, b := range byIDs(tx, a.bastions, project.Bastions) {
		if b.Status == pending {
			b.Status, b.UpdatedAt = running, tx.Now()
			put(tx, a.bastions, b.ID, b)
		}
	}
	o.Status, o.UpdatedAt = completed, tx.Now()
	a.orders.Put(tx, o.ID, o)
	return nil
}

// planned returns the order of an event and its plan.
func (a *API) planned(tx *engine.Tx, e EventLog) (o Order, p plan, err error) {
	o, ok := a.orders.Get(tx, e.Payload)
	if !ok {
		return o, p, cancels("The order does not exist any more.")
	}
	return o, p, json.Unmarshal(o.Plan, &p)
}

// failOrder makes an order failed and returns the error that fails its event.
func (a *API) failOrder(tx *engine.Tx, o Order, reason string) error {
	o.Status, o.UpdatedAt = failed, tx.Now()
	a.orders.Put(tx, o.ID, o)
	return fails(reason)
}

// finishBastion is the end of the rebuild of a bastion.
func (a *API) finishBastion(tx *engine.Tx, e EventLog) error {
	b, ok := get(tx, a.bastions, idOf(e.Payload))
	if !ok {
		return cancels("The bastion was deleted.")
	}
	for _, other := range a.activeEvents(tx, "project", b.ProjectID) {
		if other.ID != e.ID && other.Locale == e.Locale && other.Payload == e.Payload {
			return nil // a later reset is not done yet
		}
	}
	b.Status, b.UpdatedAt = running, tx.Now()
	put(tx, a.bastions, b.ID, b)
	return nil
}
