package computestacks

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/fixtures"
)

// seeded seeds an empty world from a fixture.
func seeded(t *testing.T, f *fixtures.Fixture) (*API, *engine.World, error) {
	t.Helper()
	schema := engine.NewSchema()
	a := New(schema, Config{Registry: engine.NewRegistry()})
	w, err := engine.NewWorld(schema, engine.Config{ID: "wsp_default", Seed: 1, Clock: engine.Clock{Mode: engine.Frozen, Now: start}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return a, w, a.Seed(w, f)
}

// A fixture has objects that were built before the first instant, and its errors name the
// place.
func TestSeedSection(t *testing.T) {
	parse := func(section string) (*fixtures.Fixture, error) {
		return fixtures.Parse("f.yaml", []byte("format: skystack-sandbox/1\ncomputestacks:\n"+section))
	}
	f, err := parse(`
  users: [{email: a@example.test, fname: A, lname: B}, {email: c@example.test, fname: C, lname: D}]
  locations: [{name: oslo, regions: [{name: osl1, domain: osl1.example.test, ip: 203.0.113.20, nodes: [node201]}]}]
  products: [{label: Huge, price: 0.5, cpu: 8, memory: 8192}]
  images: [{label: App, role: app, path: acme/app, owner: c@example.test, requires: [MariaDB], ports: [{port: 80, proto: http, external: true}], settings: [{name: mode}, {name: secret, type: password}]}]
  zones: [{name: example.net, owner: c@example.test}]
  applications: [{name: Tool, client_id: tool-client, client_secret: tool-secret-1, redirect_uris: ["https://tool.example.test/cb"], scopes: [public, project_read]}]
  projects: [{name: shop, owner: c@example.test, region: osl1, age: 48h, services: [{image: App, product: Huge, containers: 2, settings: {mode: fast}, domains: [shop.example.net]}, {image: MariaDB, state: stopped}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	a, w, err := seeded(t, f)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Do(func(tx *engine.Tx) error {
		p := row(tx, a.projects, 1)
		if p.UserID != 2 || p.RegionID != 2 || len(p.Services) != 2 || !p.CreatedAt.Equal(start.AddDate(0, 0, -2)) {
			t.Errorf("%+v", p)
		}
		app, db := row(tx, a.services, 1), row(tx, a.services, 2)
		if len(app.Containers) != 2 || app.Label != "App" || len(app.Settings) != 2 || app.Settings[0].Value != "fast" || len(app.Settings[1].Value) != 14 || len(app.Domains) != 2 {
			t.Errorf("%+v", app)
		}
		if k := row(tx, a.containers, db.Containers[0]); k.Status != "stopped" || k.ReqState != "stopped" || !k.Built {
			t.Errorf("%+v", k)
		}
		if d := row(tx, a.domains, app.Domains[0]); d.Name != app.Name+"1.osl1.example.test" || !d.System {
			t.Errorf("%+v", d)
		}
		return nil
	})
	for section, want := range map[string]string{
		"  projects: [{name: x, services: [{image: Wordpress}]}]":                                      `f.yaml:3:43: computestacks.projects[0].services[0].image: there is no image "Wordpress" (did you mean WordPress?)`,
		"  projects: [{name: x, owner: nobody@example.test, services: []}]":                            `f.yaml:3:31: computestacks.projects[0].owner: there is no user "nobody@example.test"`,
		"  projects: [{name: x, region: pdx2, services: []}]":                                          `computestacks.projects[0].region: there is no region "pdx2" (did you mean pdx1?)`,
		"  projects: [{name: x, services: [{image: Redis, product: Smal}]}]":                           `computestacks.projects[0].services[0].product: there is no product "Smal" (did you mean Small?)`,
		"  projects: [{name: x, services: [{image: Redis, settings: {a: b}}]}]":                        `computestacks.projects[0].services[0].settings: the image Redis has no setting "a"`,
		"  projects: [{name: x, services: [{image: Redis, domains: [a.example.test]}]}]":               `computestacks.projects[0].services[0].domains: the image Redis has no port with access from outside`,
		"  users: [{email: a@example.test, fname: A, lname: B, currency: XXX}]":                        `f.yaml:3:65: computestacks.users[0].currency: there is no currency "XXX"; use`,
		"  products: [{label: Small, cpu: 1, memory: 1, price: 1}]":                                    `computestacks.products[0].label: there is a product "Small" already`,
		"  images: [{label: Redis, role: a, path: a}]":                                                 `computestacks.images[0].label: there is an image "Redis" already`,
		"  zones: [{name: example.org}]":                                                               `computestacks.zones[0].name: there is a zone "example.org" already`,
		"  locations: [{name: portland, regions: []}]":                                                 `computestacks.locations[0].name: there is a location "portland" already`,
		"  projects: [{name: x, services: [{image: nginx, domains: [a.example.net, a.example.net]}]}]": `computestacks.projects[0].services[0].domains[1]: the domain "a.example.net" is in use`,
		"  images: [{label: A, role: a, path: a, requires: [B]}]":                                      `computestacks.images[0].requires[0]: there is no image "B"`,
	} {
		f, err := parse(section)
		if err != nil {
			t.Errorf("%s: %v", section, err)
			continue
		}
		if _, _, err := seeded(t, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", section, err, want)
		}
	}
}

// The built-in fixtures have a section that can be seeded.
func TestSeedBuiltIn(t *testing.T) {
	for _, name := range []string{"default", "docs", "empty", "busy=5000"} {
		f, err := fixtures.Load(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := seeded(t, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
