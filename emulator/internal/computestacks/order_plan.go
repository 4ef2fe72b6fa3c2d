package computestacks

import (
	"fmt"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// OrderInput is what is ordered. Members that the API does not have are ignored.
type OrderInput struct {
	ProjectName string           `json:"project_name"`
	SkipSSH     bool             `json:"skip_ssh"`
	LocationID  int              `json:"location_id"`
	ProjectID   int              `json:"project_id"`
	Containers  []OrderContainer `json:"containers"`
}

// OrderContainer is a service of an order.
type OrderContainer struct {
	ImageID          int      `json:"image_id"`
	ContainerImageID int      `json:"container_image_id"` // replaces ImageID
	Name             string   `json:"name"`
	PackageID        int      `json:"package_id"` // replaces ProductID
	ProductID        int      `json:"product_id"`
	Domains          []string `json:"domains"`
	Resources        struct {
		ProductID int `json:"product_id"` // replaces all other packages
		PackageID int `json:"package_id"`
	} `json:"resources"`
	Params []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"params"`
}

// plan is a checked order.
type plan struct {
	ProjectID  int              `json:"project_id"` // 0 for a new project
	Name       string           `json:"name"`
	SkipSSH    bool             `json:"skip_ssh"`
	LocationID int              `json:"location_id"`
	RegionID   int              `json:"region_id"`
	Services   []plannedService `json:"services"`
}

// plannedService is a service of a plan. Passwords are made when it is built.
type plannedService struct {
	ImageID   int       `json:"image_id"`
	ProductID int       `json:"product_id"` // 0 for a free image without a package
	Label     string    `json:"label"`
	Settings  []Setting `json:"settings"`
	Domains   []string  `json:"domains"`
}

// planOf checks an order, in the order of the documentation (C62, C63).
func (a *API) planOf(tx *engine.Tx, user User, in OrderInput) (plan, error) {
	p := plan{Name: strings.TrimSpace(in.ProjectName), SkipSSH: in.SkipSSH}
	switch {
	case p.Name == "":
		return p, unprocessable("Missing project name")
	case len(in.Containers) == 0:
		return p, unprocessable("Missing containers")
	}
	if err := a.place(tx, user, in, &p); err != nil {
		return p, err
	}
	for _, of := range in.Containers {
		s, err := a.planService(tx, user, of)
		if err != nil {
			return p, err
		}
		p.Services = append(p.Services, s)
	}
	if err := a.checkRequired(tx, p); err != nil {
		return p, err
	}
	if err := a.checkDomains(tx, p); err != nil {
		return p, err
	}
	owner := user.ID
	if project, ok := get(tx, a.projects, p.ProjectID); ok {
		owner = project.UserID
	}
	if a.overQuota(tx, owner, len(p.Services)) {
		return p, unprocessable()
	}
	return p, nil
}

// place chooses the project, the location and the region of an order.
func (a *API) place(tx *engine.Tx, user User, in OrderInput, p *plan) error {
	if in.ProjectID != 0 {
		project, ok := get(tx, a.projects, in.ProjectID)
		if !ok || project.Status == deleting || project.UserID != user.ID && !a.shares(tx, ofProject, project.ID, user.ID) {
			return unprocessable("Unknown project")
		}
		p.ProjectID, p.Name, p.SkipSSH, p.LocationID, p.RegionID = project.ID, project.Name, project.SkipSSH, project.LocationID, project.RegionID
		return nil
	}
	locations := rowsOf(tx, a.locations, func(l Location) bool { return in.LocationID == 0 || l.ID == in.LocationID })
	if len(locations) == 0 {
		return unprocessable("Unknown Region")
	}
	for _, l := range locations {
		for _, r := range l.Regions {
			if r.Active && slices.ContainsFunc(r.Nodes, func(n Node) bool { return n.Online }) {
				p.LocationID, p.RegionID = l.ID, r.ID
				return nil
			}
		}
	}
	return unprocessable("There are no availability zones available")
}

// planService checks a service of an order: its image, its package and its settings.
func (a *API) planService(tx *engine.Tx, user User, in OrderContainer) (plannedService, error) {
	id := in.ImageID
	if in.ContainerImageID != 0 {
		id = in.ContainerImageID
	}
	image, ok := get(tx, a.images, id)
	if !ok || !image.Active || image.UserID != 0 && image.UserID != user.ID && !a.shares(tx, ofImage, image.ID, user.ID) {
		return plannedService{}, unprocessable(fmt.Sprintf("Invalid image. Image ID: %d | %s.", id, fail.Clip(in.Name)))
	}
	s := plannedService{ImageID: image.ID, Label: strings.TrimSpace(in.Name)}
	if s.Label == "" {
		s.Label = image.Label
	}
	for _, name := range in.Domains {
		s.Domains = append(s.Domains, strings.ToLower(strings.TrimSpace(name)))
	}
	var err error
	if s.ProductID, err = a.packageOf(tx, in, image, s.Label); err != nil {
		return s, err
	}
	given := map[string]string{}
	for _, p := range in.Params {
		given[p.Key] = p.Value
	}
	for _, p := range image.SettingParams {
		value, sent := given[p.Name]
		if p.Type == "static" && (!sent || strings.TrimSpace(value) == "") {
			return s, unprocessable(fmt.Sprintf("Missing parameter %s for %s (%d)", p.Name, image.Label, image.ID))
		}
		if p.Type == "password" {
			value = ""
		}
		s.Settings = append(s.Settings, Setting{Name: p.Name, Label: p.Label, Type: p.Type, Value: value})
	}
	return s, nil
}

// packageOf returns the package of a service of an order; 0 for a free image without one.
func (a *API) packageOf(tx *engine.Tx, in OrderContainer, image Image, label string) (int, error) {
	id := 0
	for _, n := range []int{in.Resources.ProductID, in.PackageID, in.ProductID, in.Resources.PackageID} {
		if id == 0 {
			id = n
		}
	}
	product, ok := get(tx, a.products, id)
	switch {
	case id == 0 && image.IsFree:
		return 0, nil
	case id == 0:
		return 0, unprocessable("Missing package selection for " + fail.Clip(label))
	case !ok:
		return 0, unprocessable(fmt.Sprintf("Unknown package: %d", id))
	case product.Kind != "package":
		return 0, unprocessable(fmt.Sprintf("Invalid package: %d", id))
	case product.CPU == 0 || product.Memory == 0:
		return 0, unprocessable("Product is missing package config data: " + product.Label)
	case product.CPU < image.MinCPU || product.Memory < image.MinMemory:
		return 0, unprocessable(unsuitable(product, image))
	}
	return id, nil
}

// checkRequired refuses a plan without the images that its images require. Those of the
// services that the project has already count.
func (a *API) checkRequired(tx *engine.Tx, p plan) error {
	var have, need []int
	for _, s := range byIDs(tx, a.services, row(tx, a.projects, p.ProjectID).Services) {
		have = append(have, s.ImageID)
	}
	for _, s := range p.Services {
		have = append(have, s.ImageID)
	}
	for _, s := range p.Services {
		for _, r := range row(tx, a.images, s.ImageID).Requires {
			need = append(need, r.Requires)
		}
	}
	for _, list := range []*[]int{&have, &need} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if slices.ContainsFunc(need, func(id int) bool { return !slices.Contains(have, id) }) {
		return unprocessable(fmt.Sprintf("Missing required dependent services. Have [%s], Need [%s]", listed(have), listed(need)))
	}
	return nil
}

func listed(ids []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]")
}

// checkDomains refuses domains that are no domains, or lead elsewhere.
func (a *API) checkDomains(tx *engine.Tx, p plan) error {
	seen := map[string]bool{}
	for _, s := range p.Services {
		for _, name := range s.Domains {
			if wrong := wrongDomain(name); wrong != "" {
				return unprocessable(wrong)
			}
			if seen[name] || a.domainTaken(tx, name, 0) {
				return unprocessable("Domain " + name + " already in use.")
			}
			seen[name] = true
		}
	}
	return nil
}
