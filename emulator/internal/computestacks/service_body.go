package computestacks

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
)

type serviceBody struct {
	ID                  int               `json:"id"`
	Name                string            `json:"name"`
	Label               string            `json:"label"`
	DefaultDomain       *string           `json:"default_domain"`
	PublicIP            []string          `json:"public_ip"`
	Command             *string           `json:"command"`
	IsLoadBalancer      bool              `json:"is_load_balancer"`
	HasDomains          bool              `json:"has_domain_management"`
	ImageID             int               `json:"container_image_id"`
	State               string            `json:"current_state"`
	AutoScale           bool              `json:"auto_scale"`
	AutoScaleHorizontal bool              `json:"auto_scale_horizontal"`
	AutoScaleMax        string            `json:"auto_scale_max"`
	Labels              map[string]string `json:"labels"`
	CreatedAt           string            `json:"created_at"`
	UpdatedAt           string            `json:"updated_at"`
	Project             namedEntry        `json:"project"`
	Package             any               `json:"package"`
	HasSFTP             bool              `json:"has_sftp"`
	IngressRules        []int             `json:"ingress_rules"`
	ProductID           *int              `json:"product_id"`
	Bastions            []int             `json:"bastions"`
	Domains             []int             `json:"domains"`
	Containers          int               `json:"deployed_containers"`
	Help                serviceHelp       `json:"help"`
	Links               serviceLinks      `json:"links"`
}

// serviceLinks are the paths of what belongs to a service.
type serviceLinks struct {
	Bastions     string `json:"bastions"`
	Containers   string `json:"containers"`
	Events       string `json:"events"`
	IngressRules string `json:"ingress_rules"`
	Logs         string `json:"logs"`
	Metadata     string `json:"metadata"`
	Products     string `json:"products"`
	Project      string `json:"project"`
}

// serviceHelp are texts in HTML, which no image of the sandbox has.
type serviceHelp struct {
	General *string `json:"general"`
	SSH     *string `json:"ssh"`
	Remote  *string `json:"remote"`
	Domain  *string `json:"domain"`
}

type servicePackage struct {
	Label     string `json:"label"`
	CPU       string `json:"cpu"`
	Memory    int    `json:"memory"`
	Storage   *int   `json:"storage"`
	Bandwidth *int   `json:"bandwidth"`
	LocalDisk *int   `json:"local_disk"`
	Backup    int    `json:"backup"`
	Swap      *int   `json:"memory_swap"`
	Swappy    *int   `json:"memory_swappiness"`
}

// serviceBody renders a service (C75).
func (a *API) serviceBody(tx *engine.Tx, s Service) serviceBody {
	project, image := row(tx, a.projects, s.ProjectID), row(tx, a.images, s.ImageID)
	b := serviceBody{
		ID: s.ID, Name: s.Name, Label: s.Label, PublicIP: []string{}, Command: textOrNil(s.Command), IsLoadBalancer: image.IsLoadBalancer, ImageID: s.ImageID,
		State: a.serviceState(tx, s), AutoScaleHorizontal: true, AutoScaleMax: decimal(0), Labels: map[string]string{}, CreatedAt: stamp(s.CreatedAt),
		UpdatedAt: stamp(s.UpdatedAt), Project: namedEntry{project.ID, project.Name}, Package: empty{}, HasSFTP: a.hasSFTP(tx, s), IngressRules: nonNil(s.IngressRules),
		ProductID: numberOrNil(s.ProductID), Bastions: []int{}, Domains: nonNil(s.Domains), Containers: len(s.Containers),
	}
	b.DefaultDomain = textOrNil(a.defaultDomain(tx, s))
	b.HasDomains = slices.ContainsFunc(byIDs(tx, a.rules, s.IngressRules), func(r IngressRule) bool { return r.ExternalAccess })
	if lb, ok := a.balancerOf(tx, s.RegionID); ok && b.HasDomains {
		b.PublicIP = append(b.PublicIP, lb.PublicIP)
	}
	if p, ok := get(tx, a.products, s.ProductID); ok {
		b.Package = servicePackage{p.Label, decimal(p.CPU), p.Memory, numberOrNil(p.Storage), numberOrNil(p.Bandwidth), numberOrNil(p.LocalDisk), p.Backup, p.Swap, p.Swappy}
	}
	if b.HasSFTP {
		b.Bastions = nonNil(project.Bastions)
	}
	self := link("container_services", s.ID)
	b.Links = serviceLinks{
		self + "/bastions", self + "/containers", self + "/events", self + "/ingress_rules", self + "/logs", self + "/metadata", "/api/products", link("projects", s.ProjectID),
	}
	return b
}

// defaultDomain returns the name under which a service is reached: the main domain, else
// that of the system; "" if it has none.
func (a *API) defaultDomain(tx *engine.Tx, s Service) string {
	if d, ok := get(tx, a.domains, s.MasterDomain); ok {
		return d.Name
	}
	for _, d := range byIDs(tx, a.domains, s.Domains) {
		if d.System {
			return d.Name
		}
	}
	return ""
}

// hasSFTP reports whether a service has a volume that a bastion gives access to.
func (a *API) hasSFTP(tx *engine.Tx, s Service) bool {
	return slices.ContainsFunc(byIDs(tx, a.volumes, s.Volumes), func(v Volume) bool { return v.EnableSFTP })
}

type containerBody struct {
	ID           int                 `json:"id"`
	Name         string              `json:"name"`
	ReqState     string              `json:"req_state"`
	Stats        containerStats      `json:"stats"`
	State        string              `json:"current_state"`
	LocalIP      *string             `json:"local_ip"`
	PublicIP     *string             `json:"public_ip"`
	CreatedAt    string              `json:"created_at"`
	UpdatedAt    string              `json:"updated_at"`
	IngressRules []containerRuleBody `json:"ingress_rules"`
	Links        map[string]string   `json:"links"`
	Logs         []logLine           `json:"logs,omitempty"`
}

type containerStats struct {
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"mem"`
}

type containerRuleBody struct {
	ID             int     `json:"id"`
	Port           int     `json:"port"`
	PortNAT        int     `json:"port_nat"`
	Proto          string  `json:"proto"`
	ExternalAccess bool    `json:"external_access"`
	PublicIP       *string `json:"public_ip"`
}

// containerBody renders a container (C86).
func (a *API) containerBody(tx *engine.Tx, k Container) containerBody {
	s := row(tx, a.services, k.ServiceID)
	b := containerBody{
		ID: k.ID, Name: k.Name, ReqState: k.ReqState, State: a.containerState(tx, k), LocalIP: textOrNil(k.LocalIP), PublicIP: textOrNil(k.PublicIP),
		CreatedAt: stamp(k.CreatedAt), UpdatedAt: stamp(k.UpdatedAt), IngressRules: []containerRuleBody{},
		Links: map[string]string{"container_service": link("container_services", k.ServiceID), "logs": link("containers", k.ID, "logs"), "project": link("projects", k.ProjectID)},
	}
	if k.runs() {
		b.Stats = containerStats{cpuAt(tx, k, tx.Now()), memoryAt(tx, k, tx.Now()) * 100 / float64(max(k.Memory, 1))}
	}
	for _, r := range byIDs(tx, a.rules, s.IngressRules) {
		rule := containerRuleBody{r.ID, r.Port, r.PortNAT, r.Proto, r.ExternalAccess, nil}
		if r.ExternalAccess {
			rule.PublicIP = textOrNil(k.PublicIP)
		}
		b.IngressRules = append(b.IngressRules, rule)
	}
	return b
}

type bastionBody struct {
	ID        int     `json:"id"`
	Name      string  `json:"name"`
	Status    string  `json:"status"`
	NodeID    *int    `json:"node_id"`
	IP        *string `json:"ip_addr"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
	Port      int     `json:"port"`
	Username  string  `json:"username"`
	Password  string  `json:"password"`
}

// bastionBody renders a bastion.
func (a *API) bastionBody(b Bastion) bastionBody {
	return bastionBody{
		ID: b.ID, Name: b.Name, Status: b.Status, NodeID: numberOrNil(b.NodeID), IP: textOrNil(b.IP), CreatedAt: stamp(b.CreatedAt), UpdatedAt: stamp(b.UpdatedAt),
		Port: b.Port, Username: "sftpuser", Password: b.Password,
	}
}

type bastionDetailBody struct {
	bastionBody
	PasswordAuth bool `json:"pw_auth"`
}

// bastionDetail renders a bastion by itself: whether it accepts passwords is its owner's
// choice.
func (a *API) bastionDetail(tx *engine.Tx, b Bastion) map[string]any {
	return one("bastion", bastionDetailBody{a.bastionBody(b), row(tx, a.users, b.UserID).SFTPPassword})
}

// findBastion returns the bastion of a project with an id.
func (a *API) findBastion(tx *engine.Tx, project int, id, message string) (Bastion, error) {
	b, ok := get(tx, a.bastions, idOf(id))
	if !ok || b.ProjectID != project {
		return b, notFound(message)
	}
	return b, nil
}

type settingBody struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Label     string `json:"label"`
	Type      string `json:"param_type"`
	Value     string `json:"decrypted_value"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func showSetting(s Setting) settingBody {
	return settingBody{s.ID, s.Name, s.Label, s.Type, s.Value, stamp(s.CreatedAt), stamp(s.UpdatedAt)}
}
