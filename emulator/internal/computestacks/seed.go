package computestacks

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/fixtures"
)

// Seed fills an empty world from a fixture: with the catalog, and with what the section
// of the fixture has or, without one, with the users of the default world. Errors name the
// place in the fixture; after one the world must be thrown away.
func (a *API) Seed(w *engine.World, f *fixtures.Fixture) (err error) {
	_ = w.Do(func(tx *engine.Tx) error {
		s := seeding{a, tx, f, tx.Now().Add(-catalogAge)}
		a.seedPlaces(tx)
		a.seedProducts(tx)
		a.seedImages(tx)
		section := f.ComputeStacks
		if section == nil {
			section = &fixtures.ComputeStacks{}
		}
		if err = s.users(section); err != nil {
			return nil // as below
		}
		if len(section.Users) == 0 {
			a.seedUsers(tx)
		}
		err = s.section(section)
		return nil // a failed seeding has changed the world, which is thrown away
	})
	return err
}

// catalogAge is how long ago the catalog was made.
const catalogAge = 365 * 24 * time.Hour

// seedUsers adds the default user, who owns nothing but a DNS zone, and one to share with.
func (a *API) seedUsers(tx *engine.Tx) {
	at := tx.Now().Add(-catalogAge)
	for _, u := range []User{
		{FirstName: "Dana", LastName: "Whitlock", Email: "dana@example.test", ExternalID: "crm-1"},
		{FirstName: "Sam", LastName: "Okoro", Email: "sam@example.test", ExternalID: "crm-2", SecondFactor: true},
	} {
		a.addUser(tx, u, at)
	}
	a.addZone(tx, defaultUser, "example.org", at)
}

// addZone adds a DNS zone with the records that every zone has, and an address.
func (a *API) addZone(tx *engine.Tx, owner int, name string, at time.Time) {
	z := Zone{ID: newID(tx, "zone"), UserID: owner, Name: name, CreatedAt: at, UpdatedAt: at}
	z.Records = []Record{
		{Type: "SOA", Name: name, TTL: 86400, Data: map[string]any{"refresh": 43200, "retry": 7200, "expire": 1209600, "email": "hostmaster@" + name, "default": 3600}},
		{Type: "NS", Name: name, TTL: 86400, Data: map[string]any{"hostname": "ns1.dns.example.test"}},
		{Type: "A", Name: name, TTL: 3600, Data: map[string]any{"ip": balancerIP}},
	}
	put(tx, a.zones, z.ID, z)
}

// addUser adds a user with the defaults of what is not said.
func (a *API) addUser(tx *engine.Tx, u User, at time.Time) User {
	u.ID, u.CreatedAt, u.UpdatedAt = newID(tx, "user"), at, at
	u.SFTPPassword = true
	for to, value := range map[*string]string{&u.Locale: "en", &u.Country: "US", &u.Currency: "USD", &u.Timezone: "UTC"} {
		if *to == "" {
			*to = value
		}
	}
	for to, n := range map[*int]int{&u.ContainerQuota: 10, &u.RegistryQuota: 5, &u.ZoneQuota: 10} {
		if *to == 0 {
			*to = n
		}
	}
	put(tx, a.users, u.ID, u)
	return u
}

// balancerIP is the public address of the default region.
const balancerIP = "198.51.100.20"

func (a *API) seedPlaces(tx *engine.Tx) {
	at := tx.Now().Add(-catalogAge)
	l := Location{ID: newID(tx, "location"), Name: "portland", CreatedAt: at}
	r := Region{ID: newID(tx, "region"), Name: "pdx1", Active: true}
	for _, n := range []Node{
		{Label: "node101", Hostname: "node101.pdx1.example.test", PrimaryIP: "192.0.2.11", PublicIP: "198.51.100.11", Online: true},
		{Label: "node102", Hostname: "node102.pdx1.example.test", PrimaryIP: "192.0.2.12", PublicIP: "198.51.100.12", Online: true},
	} {
		n.ID = newID(tx, "node")
		r.Nodes = append(r.Nodes, n)
	}
	l.Regions = []Region{r}
	put(tx, a.locations, l.ID, l)
	lb := LoadBalancer{
		ID: newID(tx, "load_balancer"), RegionID: r.ID, Name: "lb-pdx1", Label: "pdx1", PublicIP: balancerIP, Domain: "apps.example.test", CreatedAt: at, UpdatedAt: at,
	}
	put(tx, a.balancers, lb.ID, lb)
	p := Provider{ID: newID(tx, "provider"), Name: "DockerHub", IsDefault: true, CreatedAt: at, UpdatedAt: at}
	put(tx, a.providers, p.ID, p)
}

func (a *API) seedProducts(tx *engine.Tx) {
	at := tx.Now().Add(-catalogAge)
	for _, p := range []Product{
		{Label: "Small", Price: 0.0104, CPU: 1, Memory: 1024, Storage: 10, Bandwidth: 500, LocalDisk: 5},
		{Label: "Medium", Price: 0.0208, CPU: 2, Memory: 2048, Storage: 25, Bandwidth: 1000, LocalDisk: 10},
		{Label: "Large", Price: 0.0416, CPU: 4, Memory: 4096, Storage: 50, Bandwidth: 2000, LocalDisk: 20},
	} {
		p.ID, p.Kind, p.Term, p.CreatedAt, p.UpdatedAt = newID(tx, "product"), "package", "hour", at, at
		put(tx, a.products, p.ID, p)
	}
}

// seedImages adds the public images: WordPress, which requires MariaDB, and some that
// stand alone.
func (a *API) seedImages(tx *engine.Tx) {
	mariadb := a.addImage(tx, Image{
		Label: "MariaDB", Description: "A relational database.", Role: "mysql", RoleClass: "database", RegistryPath: "library/mariadb", RegistryTag: "10.6",
		Icon: "icons/stacks/mariadb.png", MinCPU: 1, MinMemory: 512,
		EnvParams:     []EnvParam{{Name: "MYSQL_ROOT_PASSWORD", Type: "variable", Variable: "build.settings.mysql_password"}},
		SettingParams: []SettingParam{{Name: "mysql_password", Label: "Database password", Type: "password"}},
		IngressParams: []IngressParam{{Port: 3306, Proto: "tcp"}},
		VolumeParams:  []VolumeParam{{Label: "mysql-data", MountPath: "/var/lib/mysql", BackupPlan: BackupPlan{Strategy: "mysql"}}},
	})
	a.addImage(tx, Image{
		Label: "WordPress", Description: "A blog and website builder.", Role: "wordpress", RoleClass: "web", RegistryPath: "library/wordpress", RegistryTag: "5.9",
		Icon: "icons/stacks/wordpress.png", CanScale: true, MinCPU: 1, MinMemory: 512,
		EnvParams: []EnvParam{
			{Name: "WORDPRESS_DB_HOST", Type: "variable", Variable: "dep.mysql.self.ip"},
			{Name: "WORDPRESS_DB_PASSWORD", Type: "variable", Variable: "dep.mysql.parameters.settings.mysql_password"},
			{Name: "WORDPRESS_TITLE", Type: "variable", Variable: "build.settings.title"},
		},
		SettingParams: []SettingParam{{Name: "title", Label: "Title", Type: "static", Value: "My Blog"}},
		IngressParams: []IngressParam{{Port: 80, Proto: "http", ExternalAccess: true}},
		VolumeParams:  []VolumeParam{{Label: "webroot", MountPath: "/var/www", EnableSFTP: true}},
		Requires:      []Relationship{{Requires: mariadb.ID}},
	})
	a.addImage(tx, Image{
		Label: "nginx", Description: "A web server for static sites.", Role: "nginx", RoleClass: "web", RegistryPath: "library/nginx", RegistryTag: "1.21",
		Icon: "icons/stacks/nginx.png", CanScale: true, MinCPU: 0.5, MinMemory: 256,
		IngressParams: []IngressParam{{Port: 80, Proto: "http", ExternalAccess: true}},
		VolumeParams:  []VolumeParam{{Label: "html", MountPath: "/usr/share/nginx/html", EnableSFTP: true}},
	})
	a.addImage(tx, Image{
		Label: "Redis", Description: "A cache.", Role: "redis", RoleClass: "cache", RegistryPath: "library/redis", RegistryTag: "6.2",
		Icon: "icons/stacks/redis.png", MinCPU: 0.5, MinMemory: 256, IngressParams: []IngressParam{{Port: 6379, Proto: "tcp"}},
	})
	a.addImage(tx, Image{
		Label: "Adminer", Description: "A database client, free of charge.", Role: "adminer", RoleClass: "dev", RegistryPath: "library/adminer", RegistryTag: "4",
		Icon: "icons/stacks/adminer.png", IsFree: true, IngressParams: []IngressParam{{Port: 8080, Proto: "http", ExternalAccess: true}},
	})
	a.addImage(tx, Image{
		Label: "HAProxy", Description: "A load balancer.", Role: "loadbalancer", RoleClass: "misc", RegistryPath: "library/haproxy", RegistryTag: "2.5",
		Icon: "icons/stacks/haproxy.png", IsLoadBalancer: true, CanScale: true, MinCPU: 0.5, MinMemory: 256, IngressParams: []IngressParam{{Port: 80, Proto: "http", ExternalAccess: true}},
	})
}

// addImage adds an active image of the system with the defaults of what is not said.
func (a *API) addImage(tx *engine.Tx, i Image) Image {
	at := tx.Now().Add(-catalogAge)
	i.ID, i.ProviderID, i.Active, i.ValidatedAt, i.CreatedAt, i.UpdatedAt = newID(tx, "image"), 1, true, at, at, at
	i.Name = i.Role
	for n := range i.EnvParams {
		p := &i.EnvParams[n]
		p.ID, p.Label, p.CreatedAt, p.UpdatedAt = newID(tx, "env_param"), p.Name, at, at
	}
	for n := range i.SettingParams {
		p := &i.SettingParams[n]
		p.ID, p.CreatedAt, p.UpdatedAt = newID(tx, "setting_param"), at, at
	}
	for n := range i.IngressParams {
		p := &i.IngressParams[n]
		p.ID, p.TCPProxyOpt, p.TCPLB, p.CreatedAt, p.UpdatedAt = newID(tx, "ingress_param"), "none", true, at, at
	}
	for n := range i.VolumeParams {
		p := &i.VolumeParams[n]
		p.ID, p.CreatedAt, p.UpdatedAt = newID(tx, "volume_param"), at, at
		p.BackupPlan = BackupPlan{Enabled: true, Freq: "@daily", Strategy: p.Strategy, KeepDaily: 5, KeepWeekly: 2, KeepMonthly: 3}
		if p.Strategy == "" {
			p.Strategy = "file"
		}
	}
	for n := range i.Requires {
		r := &i.Requires[n]
		r.ID, r.CreatedAt, r.UpdatedAt = newID(tx, "image_relationship"), at, at
	}
	put(tx, a.images, i.ID, i)
	return i
}
