package computestacks

import (
	"fmt"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/fixtures"
)

// seeding fills a world from the section of a fixture. The first problem ends it: the
// world must be thrown away then.
type seeding struct {
	a  *API
	tx *engine.Tx
	f  *fixtures.Fixture
	at time.Time // when the catalog was made
}

// section adds what the section has beside the catalog.
func (s seeding) section(c *fixtures.ComputeStacks) error {
	for _, add := range []func(*fixtures.ComputeStacks) error{s.locations, s.products, s.images, s.zones, s.applications, s.projects} {
		if err := add(c); err != nil {
			return err
		}
	}
	return nil
}

// fail returns an error about a place in the section.
func (s seeding) fail(path, format string, args ...any) error {
	return s.f.Errorf("computestacks."+path, format, args...)
}

// named returns the row of a table with a name; the error names a place in the section.
func named[T any](s seeding, t *engine.Table[T], path, noun, name string, nameOf func(T) string) (T, error) {
	var names []string
	for r := range t.After(s.tx, 0) {
		if nameOf(r.Value) == name {
			return r.Value, nil
		}
		names = append(names, nameOf(r.Value))
	}
	var none T
	return none, s.fail(path, "there is no %s %q%s; use one of %s", noun, name, near.DidYouMean(near.Names(name, names...)), strings.Join(names, ", "))
}

// owner returns the id of the user with an e-mail address; the default user's for "".
func (s seeding) owner(path, email string) (int, error) {
	if email == "" {
		return defaultUser, nil
	}
	u, err := named(s, s.a.users, path, "user", email, func(u User) string { return u.Email })
	return u.ID, err
}

// unused refuses a name that a row of a table has: an object of the catalog, or an earlier
// one of the section.
func unused[T any](s seeding, t *engine.Table[T], path, noun, name string, nameOf func(T) string) error {
	for r := range t.After(s.tx, 0) {
		if nameOf(r.Value) == name {
			return s.fail(path, "there is %s %q already, of the catalog or of this section; choose another name", noun, name)
		}
	}
	return nil
}

// users adds the users of the section.
func (s seeding) users(c *fixtures.ComputeStacks) error {
	for n, u := range c.Users {
		if u.Currency != "" && currencySymbol(u.Currency) == "" {
			return s.fail(fmt.Sprintf("users[%d].currency", n), "there is no currency %q; use a code of ISO 4217 in capital letters that the service knows, as USD, EUR or GBP", u.Currency)
		}
		s.a.addUser(s.tx, User{
			Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, Locale: u.Locale, Country: u.Country, Currency: u.Currency, Company: u.Company,
			ContainerQuota: u.ContainerQuota,
		}, s.at)
	}
	return nil
}

func (s seeding) locations(c *fixtures.ComputeStacks) error {
	for n, l := range c.Locations {
		if err := unused(s, s.a.locations, fmt.Sprintf("locations[%d].name", n), "a location", l.Name, func(l Location) string { return l.Name }); err != nil {
			return err
		}
		to := Location{ID: newID(s.tx, "location"), Name: l.Name, CreatedAt: s.at}
		for _, g := range l.Regions {
			r := Region{ID: newID(s.tx, "region"), Name: g.Name, Active: true}
			for _, label := range g.Nodes {
				id := newID(s.tx, "node")
				r.Nodes = append(r.Nodes, Node{
					ID: id, Label: label, Hostname: label + "." + g.Domain, PrimaryIP: fmt.Sprintf("192.0.2.%d", 10+id%200), PublicIP: g.IP, Online: true,
				})
			}
			to.Regions = append(to.Regions, r)
			lb := LoadBalancer{
				ID: newID(s.tx, "load_balancer"), RegionID: r.ID, Name: "lb-" + g.Name, Label: g.Name, PublicIP: g.IP, Domain: g.Domain, CreatedAt: s.at, UpdatedAt: s.at,
			}
			put(s.tx, s.a.balancers, lb.ID, lb)
		}
		put(s.tx, s.a.locations, to.ID, to)
	}
	return nil
}

func (s seeding) products(c *fixtures.ComputeStacks) error {
	for n, p := range c.Products {
		if err := unused(s, s.a.products, fmt.Sprintf("products[%d].label", n), "a product", p.Label, func(p Product) string { return p.Label }); err != nil {
			return err
		}
		to := Product{
			ID: newID(s.tx, "product"), Label: p.Label, Kind: "package", Price: p.Price, Term: p.Term, CPU: p.CPU, Memory: p.Memory, Storage: p.Storage,
			Bandwidth: p.Bandwidth, LocalDisk: p.Storage, CreatedAt: s.at, UpdatedAt: s.at,
		}
		if to.Term == "" {
			to.Term = "hour"
		}
		put(s.tx, s.a.products, to.ID, to)
	}
	return nil
}

func (s seeding) images(c *fixtures.ComputeStacks) error {
	for n, i := range c.Images {
		if err := unused(s, s.a.images, fmt.Sprintf("images[%d].label", n), "an image", i.Label, func(i Image) string { return i.Label }); err != nil {
			return err
		}
		to := Image{
			Label: i.Label, Description: i.Description, Role: i.Role, RoleClass: i.RoleClass, RegistryPath: i.Path, RegistryTag: i.Tag,
			Icon: "icons/stacks/docker.png", CanScale: i.CanScale, IsFree: i.Free, IsLoadBalancer: i.LoadBalancer, MinCPU: i.MinCPU, MinMemory: i.MinMemory,
		}
		if to.RoleClass == "" {
			to.RoleClass = "misc"
		}
		if to.RegistryTag == "" {
			to.RegistryTag = "latest"
		}
		for _, p := range i.Settings {
			kind, label := p.Type, p.Label
			if kind == "" {
				kind = "static"
			}
			if label == "" {
				label = p.Name
			}
			to.SettingParams = append(to.SettingParams, SettingParam{Name: p.Name, Label: label, Type: kind, Value: p.Value})
		}
		for _, p := range i.Env {
			kind := "static"
			if p.Variable != "" {
				kind = "variable"
			}
			to.EnvParams = append(to.EnvParams, EnvParam{Name: p.Name, Type: kind, Static: p.Value, Variable: p.Variable})
		}
		for _, p := range i.Ports {
			proto := p.Proto
			if proto == "" {
				proto = "tcp"
			}
			to.IngressParams = append(to.IngressParams, IngressParam{Port: p.Port, Proto: proto, ExternalAccess: p.External})
		}
		for _, p := range i.Volumes {
			to.VolumeParams = append(to.VolumeParams, VolumeParam{Label: p.Label, MountPath: p.Path, EnableSFTP: p.SFTP})
		}
		for k, label := range i.Requires {
			path := fmt.Sprintf("images[%d].requires[%d]", n, k)
			needed, err := named(s, s.a.images, path, "image", label, func(i Image) string { return i.Label })
			if err != nil {
				return err
			}
			to.Requires = append(to.Requires, Relationship{Requires: needed.ID})
		}
		if i.Owner != "" {
			var err error
			if to.UserID, err = s.owner(fmt.Sprintf("images[%d].owner", n), i.Owner); err != nil {
				return err
			}
		}
		s.a.addImage(s.tx, to)
	}
	return nil
}

func (s seeding) zones(c *fixtures.ComputeStacks) error {
	for n, z := range c.Zones {
		if err := unused(s, s.a.zones, fmt.Sprintf("zones[%d].name", n), "a zone", z.Name, func(z Zone) string { return z.Name }); err != nil {
			return err
		}
		owner, err := s.owner(fmt.Sprintf("zones[%d].owner", n), z.Owner)
		if err != nil {
			return err
		}
		s.a.addZone(s.tx, owner, z.Name, s.at)
	}
	return nil
}

func (s seeding) applications(c *fixtures.ComputeStacks) error {
	for n, app := range c.Applications {
		if err := checkApplication(app.RedirectURIs, app.Scopes); err != nil {
			return s.fail(fmt.Sprintf("applications[%d]", n), "%v", err)
		}
		s.a.applications.Put(s.tx, app.ClientID, Application{
			ClientID: app.ClientID, Name: app.Name, RedirectURIs: app.RedirectURIs, Scopes: app.Scopes, Confidential: !app.Public, SecretDigest: clientDigest(app.ClientSecret),
			CreatedAt: s.tx.Now(),
		})
	}
	return nil
}

// projects adds projects with services that were built before the first instant.
func (s seeding) projects(c *fixtures.ComputeStacks) error {
	for n, p := range c.Projects {
		at := fmt.Sprintf("projects[%d]", n)
		owner, err := s.owner(at+".owner", p.Owner)
		if err != nil {
			return err
		}
		region, location, err := s.region(at+".region", p.Region)
		if err != nil {
			return err
		}
		made := s.a.newProject(s.tx, Project{UserID: owner, Name: p.Name, LocationID: location, RegionID: region})
		for k, of := range p.Services {
			if err := s.service(fmt.Sprintf("%s.services[%d]", at, k), made.ID, of); err != nil {
				return err
			}
		}
		s.backdate(made.ID, s.tx.Now().Add(-p.Age))
	}
	return nil
}

// region returns the ids of the region with a name and of its location; those of the
// first one for "".
func (s seeding) region(path, name string) (region, location int, err error) {
	var names []string
	for r := range s.a.locations.After(s.tx, 0) {
		for _, g := range r.Value.Regions {
			if name == "" || g.Name == name {
				return g.ID, r.Value.ID, nil
			}
			names = append(names, g.Name)
		}
	}
	return 0, 0, s.fail(path, "there is no region %q%s; use one of %s", name, near.DidYouMean(near.Names(name, names...)), strings.Join(names, ", "))
}

// service adds a service with its containers, all built.
func (s seeding) service(path string, project int, of fixtures.StackService) error {
	image, err := named(s, s.a.images, path+".image", "image", of.Image, func(i Image) string { return i.Label })
	if err != nil {
		return err
	}
	to := Service{ProjectID: project, ImageID: image.ID, Label: of.Label}
	if to.Label == "" {
		to.Label = image.Label
	}
	if of.Product != "" || !image.IsFree {
		name := of.Product
		if name == "" {
			first, _ := s.a.products.At(s.tx, 0)
			name = first.Value.Label
		}
		product, err := named(s, s.a.products, path+".product", "product", name, func(p Product) string { return p.Label })
		if err != nil {
			return err
		}
		to.ProductID = product.ID
	}
	for name := range of.Settings {
		if !hasSetting(image, name) {
			return s.fail(path+".settings", "the image %s has no setting %q", image.Label, name)
		}
	}
	for _, p := range image.SettingParams {
		value, given := of.Settings[p.Name]
		switch {
		case given:
		case p.Type == "password":
			value = newPassword(s.tx)
		default:
			value = p.Value
		}
		to.Settings = append(to.Settings, Setting{Name: p.Name, Label: p.Label, Type: p.Type, Value: value})
	}
	to = s.a.newService(s.tx, to)
	for range max(of.Containers, 1) {
		s.build(s.a.newContainer(s.tx, to.ID), of.Stopped)
	}
	return s.open(path, image, to.ID, of.Domains)
}

// build makes a container what it is after its first start, or a later stop.
func (s seeding) build(k Container, stopped bool) {
	k.Built, k.Status, k.StartedAt = true, running, s.tx.Now()
	if stopped {
		k.Status, k.ReqState, k.StartedAt = "stopped", "stopped", time.Time{}
	}
	put(s.tx, s.a.containers, k.ID, k)
}

// open adds the ingress rules, domains and volumes of a service, as its image has them.
func (s seeding) open(path string, image Image, service int, domains []string) error {
	first := 0
	for _, p := range image.IngressParams {
		r := s.a.newRule(s.tx, IngressRule{
			ServiceID: service, Port: p.Port, Proto: p.Proto, ExternalAccess: p.ExternalAccess, BackendSSL: p.BackendSSL, TCPProxyOpt: p.TCPProxyOpt, TCPLB: p.TCPLB,
		})
		if first == 0 && p.ExternalAccess {
			first = r.ID
		}
	}
	if first == 0 && len(domains) > 0 {
		return s.fail(path+".domains", "the image %s has no port with access from outside", image.Label)
	}
	for n, name := range domains {
		if s.a.domainTaken(s.tx, name, 0) {
			return s.fail(fmt.Sprintf("%s.domains[%d]", path, n), "the domain %q is in use, or lies below the domain of a load balancer; choose another", name)
		}
		s.a.newDomain(s.tx, Domain{RuleID: first, Name: name, LetsEncrypt: "inactive"})
	}
	for _, p := range image.VolumeParams {
		v := s.a.newVolume(s.tx, service, p)
		if project := row(s.tx, s.a.projects, v.ProjectID); p.EnableSFTP && len(project.Bastions) == 0 {
			b := s.a.newBastion(s.tx, project.ID)
			b.Status = running
			put(s.tx, s.a.bastions, b.ID, b)
		}
	}
	return nil
}

// backdate sets when a project and its services were created.
func (s seeding) backdate(project int, at time.Time) {
	p := row(s.tx, s.a.projects, project)
	p.CreatedAt, p.UpdatedAt = at, at
	put(s.tx, s.a.projects, p.ID, p)
	for _, of := range byIDs(s.tx, s.a.services, p.Services) {
		of.CreatedAt, of.UpdatedAt = at, at
		put(s.tx, s.a.services, of.ID, of)
		for _, k := range byIDs(s.tx, s.a.containers, of.Containers) {
			k.CreatedAt, k.UpdatedAt = at, at
			put(s.tx, s.a.containers, k.ID, k)
		}
	}
}

func hasSetting(i Image, name string) bool {
	for _, p := range i.SettingParams {
		if p.Name == name {
			return true
		}
	}
	return false
}
