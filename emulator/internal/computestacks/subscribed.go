package computestacks

import "skystack.dev/sandbox/emulator/internal/engine"

// subscribedContainer is a container in the body of its subscription.
type subscribedContainer struct {
	ID        int               `json:"id"`
	Name      string            `json:"name"`
	Label     string            `json:"label"`
	Status    string            `json:"status"`
	CPU       string            `json:"cpu"`
	Memory    int               `json:"memory"`
	CreatedAt string            `json:"created_at"`
	UpdatedAt string            `json:"updated_at"`
	Image     subscribedImage   `json:"container_image"`
	Project   subscribedProject `json:"deployment"`
	Service   subscribedService `json:"container_service"`
	Region    *namedEntry       `json:"region"`
	Node      *subscribedNode   `json:"node"`
}

type subscribedImage struct {
	ID          int     `json:"id"`
	Label       string  `json:"label"`
	Description *string `json:"description"`
	URL         string  `json:"image_url"`
}

type subscribedProject struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

type subscribedService struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Label     string `json:"label"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

type subscribedNode struct {
	ID        int    `json:"id"`
	Label     string `json:"label"`
	Hostname  string `json:"hostname"`
	PrimaryIP string `json:"primary_ip"`
	PublicIP  string `json:"public_ip"`
}

// subscribedContainer renders the container with an id; nil if it is gone.
func (a *API) subscribedContainer(tx *engine.Tx, id int) *subscribedContainer {
	k, ok := get(tx, a.containers, id)
	if !ok {
		return nil
	}
	s, p := row(tx, a.services, k.ServiceID), row(tx, a.projects, k.ProjectID)
	i := row(tx, a.images, s.ImageID)
	b := &subscribedContainer{
		ID: k.ID, Name: k.Name, Label: s.Label, Status: k.Status, CPU: decimal(k.CPU), Memory: k.Memory, CreatedAt: stamp(k.CreatedAt), UpdatedAt: stamp(k.UpdatedAt),
		Image:   subscribedImage{ID: i.ID, Label: i.Label, Description: textOrNil(i.Description), URL: a.pullPath(tx, i)},
		Project: subscribedProject{ID: p.ID, Name: p.Name, Status: p.Status, CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt)},
		Service: subscribedService{ID: s.ID, Name: s.Name, Label: s.Label, CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt)},
	}
	region, _, ok := a.region(tx, s.RegionID)
	if !ok {
		return b
	}
	b.Region = &namedEntry{region.ID, region.Name}
	for _, n := range region.Nodes {
		if n.ID == k.NodeID {
			b.Node = &subscribedNode{ID: n.ID, Label: n.Label, Hostname: n.Hostname, PrimaryIP: n.PrimaryIP, PublicIP: n.PublicIP}
		}
	}
	return b
}

// pullPath returns the full path from which an image is pulled.
func (a *API) pullPath(tx *engine.Tx, i Image) string {
	host := i.RegistryCustom
	if p, ok := get(tx, a.providers, i.ProviderID); ok && host == "" {
		host = p.Hostname
	}
	if host != "" { // the default registry of Docker has none
		host += "/"
	}
	return host + i.RegistryPath + ":" + i.RegistryTag
}
