package computestacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// A registry is deployed, renamed and deleted (C90 to C93).
func TestRegistries(t *testing.T) {
	r := newRig(t)
	r.get("/api/container_registry").is(200, `{"container_registries":[]}`)
	a := r.post("/api/container_registry", `{"container_registry":{"label":"builds"}}`).wants(201)
	name, password := a.text("container_registry.name"), a.text("container_registry.password")
	body := func(label, status, updated string) string {
		return `{"id":1,"name":"` + name + `","label":"` + label + `","status":"` + status + `","created_at":"2026-01-15T12:00:00.000Z","updated_at":"` + updated +
			`","endpoint":"cr.example.test:25001","username":"admin","password":"` + password + `","images":[]}`
	}
	a.is(201, `{"container_registry":`+body("builds", "new", "2026-01-15T12:00:00.000Z")+`}`)
	r.advance(time.Second)
	r.get("/api/container_registry/1").is(200, `{"container_registry":`+body("builds", "deploying", "2026-01-15T12:00:01.000Z")+`}`)
	r.advance(time.Minute)
	r.get("/api/container_registry").is(200, `{"container_registries":[`+body("builds", "deployed", "2026-01-15T12:00:05.000Z")+`]}`)
	r.send("PUT", "/api/container_registry/1", `{"container_registry":{"label":"other"}}`).is(202, "{}")
	r.patch("/api/container_registry/1", `{"container_registry":{"label":" "}}`).refused(400, "Label can't be blank")
	r.patch("/api/container_registry/1", `{}`).refused(400, "param is missing or the value is empty: container_registry")
	if a := r.post("/api/container_registry", `{"container_registry":{}}`).wants(201); a.text("container_registry.label") != a.text("container_registry.name") {
		t.Error(a.Body)
	}
	sam := r.user(2)
	for _, a := range []response{sam.get("/api/container_registry/1"), sam.patch("/api/container_registry/1", `{"container_registry":{"label":"x"}}`), sam.delete("/api/container_registry/1")} {
		a.refused(404, "Unknown container registry")
	}
	for range 3 {
		r.post("/api/container_registry", `{"container_registry":{}}`).wants(201)
	}
	r.post("/api/container_registry", `{"container_registry":{}}`).refused(400, "You have reached the maximum number of registries.")
	r.change(func(tx *engine.Tx) {
		i := row(tx, r.a.images, 4)
		i.RegistryCustom, i.UserID = "cr.example.test:25001", 2
		put(tx, r.a.images, 4, i)
		put(tx, r.a.services, 70, Service{ID: 70, ImageID: 4})
	})
	if a := r.get("/api/container_registry/1").wants(200); a.at("container_registry.images.0") != nil {
		t.Errorf("the image of another user is shown: %s", a.Body)
	}
	r.change(func(tx *engine.Tx) {
		i := row(tx, r.a.images, 4)
		i.UserID = 1
		put(tx, r.a.images, 4, i)
	})
	if a := r.get("/api/container_registry/1").wants(200); a.text("container_registry.images.0.tags.0.tag") != "6.2" {
		t.Error(a.Body)
	}
	r.delete("/api/container_registry/1").refused(400, "Error! There are deployed containers using this registry.")
	r.delete("/api/container_registry/2").is(202, "{}")
	if a := r.get("/api/container_registry/2").wants(200); a.text("container_registry.status") != "working" {
		t.Error(a.Body)
	}
	r.delete("/api/container_registry/2").is(202, "{}")
	r.advance(time.Minute)
	r.get("/api/container_registry/2").refused(404, "Unknown container registry")
}

// A registry goes from new over deploying to deployed, and to working when it is deleted
// (C91, C93).
func TestRegistryStates(t *testing.T) {
	next := map[string][]string{"": {"new"}, "new": {"new", "deploying", "deployed", "working"}, "deploying": {"deploying", "deployed", "working"}, "deployed": {"deployed", "working"}, "working": {"working"}}
	rapid.Check(t, func(draw *rapid.T) {
		r, last := newRig(t), map[string]string{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 99), 1, 30).Draw(draw, "steps") {
			switch {
			case n < 25:
				r.post("/api/container_registry", `{"container_registry":{}}`)
			case n < 40:
				r.delete(fmt.Sprintf("/api/container_registry/%d", 1+n%5))
			default:
				r.advance(time.Duration(n) * 50 * time.Millisecond)
			}
			list := r.get("/api/container_registry").wants(200)
			for i := range 5 {
				id, status := list.text(fmt.Sprintf("container_registries.%d.id", i)), list.text(fmt.Sprintf("container_registries.%d.status", i))
				if status == "<nil>" {
					break
				}
				if !slices.Contains(next[last[id]], status) {
					draw.Fatalf("%s became %s", last[id], status)
				}
				last[id] = status
			}
		}
	})
}

// Domains lead to ingress rules, and get a certificate that they want (C94 to C97).
func TestDomains(t *testing.T) {
	r := deployed(t)
	a := r.post("/api/domains", `{"domain":{"domain":"Shop.Example.Org","ingress_rule_id":2,"le_enabled":true,"header_hsts":true}}`)
	a.is(200, `{"domain":{"id":3,"domain":"shop.example.org","system_domain":false,"le_enabled":true,"ingress_rule_id":2,"header_hsts":true,"force_https":false,`+
		`"created_at":"2026-01-15T12:01:00.000Z","updated_at":"2026-01-15T12:01:00.000Z","container_service":2,"lets_encrypt":"pending","links":{"container_service":"/api/container_services/2"}}}`)
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.0.locale") != "lets_encrypt.validate" || a.text("events.0.event_code") != "971c02e9e85ad118" {
		t.Error(a.Body)
	}
	r.advance(time.Minute)
	if a := r.get("/api/domains/3").wants(200); a.text("domain.lets_encrypt") != "active" {
		t.Error(a.Body)
	}
	for body, want := range map[string]string{
		`{"domain":{"domain":"a.example.org"}}`:                                            "missing domain route",
		`{"domain":{"domain":"a.example.org","ingress_rule_id":99}}`:                       "missing domain route",
		`{"domain":{"domain":"shop.example.org","ingress_rule_id":2}}`:                     "Domain has already been taken",
		`{"domain":{"domain":"no_domain","ingress_rule_id":2}}`:                            "Domain is an invalid domain.",
		`{"domain":{"domain":"-a.example.org","ingress_rule_id":2}}`:                       "Domain is an invalid domain.",
		`{"domain":{"domain":"x.local","ingress_rule_id":2}}`:                              "Domain is a reserved domain name.",
		`{"domain":{"domain":"x.apps.example.test","ingress_rule_id":2}}`:                  "Domain is a reserved domain name.",
		`{"domain":{"ingress_rule_id":2}}`:                                                 "Domain can't be blank",
		`{"domain":{"domain":"` + strings.Repeat("a.", 130) + `org","ingress_rule_id":2}}`: "Domain is too long (maximum is 253 characters)",
	} {
		r.post("/api/domains", body).refused(422, want)
	}
	r.patch("/api/domains/1", `{"domain":{"le_enabled":true}}`).refused(422, "Can't update system domains.")
	r.delete("/api/domains/1").refused(422, "Can't remove system domains.")
	if a := r.patch("/api/domains/3", `{"domain":{"le_enabled":false,"domain":"store.example.org"}}`).wants(200); a.text("domain.lets_encrypt") != "inactive" || a.text("domain.domain") != "store.example.org" {
		t.Error(a.Body)
	}
	if a := r.patch("/api/domains/3", `{"domain":{"ingress_rule_id":1}}`).wants(200); a.text("domain.container_service") != "1" {
		t.Error(a.Body)
	}
	if a := r.get("/api/networks/ingress_rules/1/domains").wants(200); a.text("domains.0.id") != "3" {
		t.Error(a.Body)
	}
	r.post("/api/domains/3/verify_dns", nil).is(202, "{}")
	r.post("/api/domains/1/verify_dns", nil).is(202, "{}")
	far := r.post("/api/domains", `{"domain":{"domain":"far.example.net","ingress_rule_id":2}}`).wants(200).text("domain.id")
	r.post("/api/domains/"+far+"/verify_dns", nil).refused(422, "Error! Ensure far.example.net points to: 198.51.100.20.")
	sam := r.user(2)
	sam.get("/api/domains/3").refused(404, "Unknown Domain")
	sam.post("/api/domains", `{"domain":{"domain":"sam.example.org","ingress_rule_id":2}}`).refused(422, "missing domain route")
	r.change(func(tx *engine.Tx) {
		put(tx, r.a.collaborations, 1, Collaboration{ID: 1, Kind: ofProject, ObjectID: 1, OwnerID: 1, UserID: 2, Active: true})
	})
	sam.get("/api/domains/3").wants(200)
	sam.get("/api/domains").is(200, `{"domains":[]}`)
	r.delete("/api/domains/3").is(202, "{}")
	r.delete("/api/domains/3").refused(404, "Unknown Domain")
	if a := r.get("/api/domains").wants(200); a.Header.Get("Total") != "3" {
		t.Error(a.Body)
	}
}

// A certificate is for the name that a domain has when its validation begins (C95, C96).
func TestDomainRenamed(t *testing.T) {
	r := deployed(t)
	r.post("/api/domains", `{"domain":{"domain":"a.example.org","ingress_rule_id":2,"le_enabled":true}}`).wants(200)
	r.advance(4 * time.Second)
	if a := r.patch("/api/domains/3", `{"domain":{"domain":"b.example.org"}}`).wants(200); a.text("domain.lets_encrypt") != "pending" {
		t.Error(a.Body)
	}
	r.advance(4 * time.Second) // the first validation would be done
	if a := r.get("/api/domains/3").wants(200); a.text("domain.lets_encrypt") != "pending" {
		t.Error(a.Body)
	}
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.1.status") != "cancelled" || a.text("events.0.status") != "running" {
		t.Error(a.Body)
	}
	r.patch("/api/domains/3", `{"domain":{"le_enabled":false}}`).wants(200)
	r.patch("/api/domains/3", `{"domain":{"le_enabled":true}}`).wants(200)
	r.advance(4 * time.Second)
	if a := r.get("/api/domains/3").wants(200); a.text("domain.lets_encrypt") != "pending" {
		t.Error(a.Body)
	}
	r.advance(4 * time.Second)
	if a := r.get("/api/domains/3").wants(200); a.text("domain.lets_encrypt") != "active" {
		t.Error(a.Body)
	}
}

// Ingress rules open ports, with a port or a domain for access from outside (C98 to C101).
func TestIngressRules(t *testing.T) {
	r := deployed(t)
	post := func(body string) response {
		return r.post("/api/networks/ingress_rules", `{"ingress_rule":`+body+`}`)
	}
	a := post(`{"container_service_id":1,"port":3307,"proto":"tcp","external_access":true,"tcp_proxy_opt":"send-proxy","restrict_cf":true}`).wants(201)
	nat := a.at("ingress_rule.port_nat").(float64)
	if nat < 10000 || nat > 30000 {
		t.Error(a.Body)
	}
	a.is(201, fmt.Sprintf(`{"ingress_rule":{"id":3,"port":3307,"port_nat":%v,"proto":"tcp","external_access":true,"backend_ssl":false,"tcp_proxy_opt":"send-proxy","restrict_cf":true,`+
		`"tcp_lb":true,"created_at":"2026-01-15T12:01:00.000Z","container_service_id":1,"updated_at":"2026-01-15T12:01:00.000Z","load_balancer_rule_id":null,`+
		`"internal_load_balancer_id":null,"load_balanced_rules":[],"links":{"domains":"/api/network/ingress_rules/3/domains"}}}`, nat))
	if a := r.get("/api/networks/ingress_rules/3/domains").wants(200); !strings.HasSuffix(a.text("domains.0.domain"), "3.apps.example.test") {
		t.Error(a.Body)
	}
	post(`{"container_service_id":1,"port":3307,"proto":"tcp"}`).refused(422, "Port has already been taken")
	post(`{"container_service_id":1,"port":3307,"proto":"udp","external_access":true}`).wants(201)
	r.get("/api/networks/ingress_rules/4/domains").is(200, `{"domains":[]}`)
	for body, want := range map[string]string{
		`{"container_service_id":1}`:                              "Port can't be blank",
		`{"container_service_id":1,"port":0}`:                     "Port must be greater than or equal to 1",
		`{"container_service_id":1,"port":70000}`:                 "Port must be less than or equal to 65535",
		`{"container_service_id":1,"port":"http"}`:                "Port is not a number",
		`{"container_service_id":1,"port":81,"proto":"ftp"}`:      "Proto is not included in the list",
		`{"container_service_id":1,"port":81,"tcp_proxy_opt":""}`: "Tcp proxy opt is not included in the list",
		`{"port":81}`: "Container service can't be blank",
	} {
		post(body).refused(422, want)
	}
	post(`{"container_service_id":99,"port":81}`).refused(404, "Unknown container service")
	if a := r.patch("/api/networks/ingress_rules/3", `{"ingress_rule":{"external_access":false}}`).wants(202); a.text("ingress_rule.port_nat") != "0" {
		t.Error(a.Body)
	}
	r.patch("/api/networks/ingress_rules/3", `{"ingress_rule":{"port":3307,"proto":"udp"}}`).refused(422, "Port has already been taken")
	on := r.post("/api/networks/ingress_rules/3/toggle_nat", nil).wants(202)
	if on.text("ingress_rule.external_access") != "true" || on.text("ingress_rule.port_nat") == "0" {
		t.Error(on.Body)
	}
	if off := r.post("/api/networks/ingress_rules/3/toggle_nat", nil).wants(202); off.text("ingress_rule.external_access") != "false" || off.text("ingress_rule.port_nat") != "0" {
		t.Error(off.Body)
	}
	r.post("/api/networks/ingress_rules/2/toggle_nat", nil).refused(422)
	const foreign = "Your account does not have the required permissions to access this resource."
	for _, path := range []string{"/9", "/9/domains"} {
		r.get("/api/networks/ingress_rules"+path).refused(404, foreign)
		r.user(2).get("/api/networks/ingress_rules/3"+strings.TrimPrefix(path, "/9")).refused(404, foreign)
	}
	r.post("/api/networks/ingress_rules/9/toggle_nat", nil).refused(404, foreign)
	r.delete("/api/networks/ingress_rules/2").is(200, "{}")
	r.get("/api/domains").is(200, `{"domains":[`+strings.TrimSuffix(strings.TrimPrefix(r.get("/api/networks/ingress_rules/3/domains").Body, `{"domains":[`), `]}`)+`]}`)
	r.get("/api/networks/ingress_rules").refused(404, "Unknown API Call. Please check the documentation.")
}

// Volumes are backed up and restored, one operation at a time (C102 to C105).
func TestVolumes(t *testing.T) {
	r := deployed(t)
	a := r.get("/api/volumes/2").wants(200)
	if a.text("volume.container_path") != "/var/www" || a.text("volume.enable_sftp") != "true" || len(a.text("volume.name")) != 36 || !strings.Contains(a.text("volume.usage"), ".") {
		t.Error(a.Body)
	}
	if a := r.get("/api/volumes").wants(200); a.Header.Get("Total") != "2" {
		t.Error(a.Body)
	}
	r.get("/api/volumes/2/backups").is(200, "{}")
	for _, body := range []string{`{}`, `{"name":""}`, `{"name":"ab"}`, `{"name":null}`, `{"name":"  a  "}`} {
		r.post("/api/volumes/2/backups", body).refused(422, "Name too short, must be at least 3 characters.")
		r.post("/api/volumes/2/restore", body).refused(422, "Name too short, must be at least 3 characters.")
	}
	r.post("/api/volumes/2/restore", `{"name":"none"}`).refused(422, "Failed to restore backup. Check volume event logs.")
	r.post("/api/volumes/2/backups", `{"name":"monday"}`).is(201, "{}")
	const inProgress = "Unable to perform while another operation is in progress."
	r.post("/api/volumes/2/backups", `{"name":"tuesday"}`).refused(405, inProgress)
	r.post("/api/volumes/2/restore", `{"name":"monday"}`).refused(405, inProgress)
	r.post("/api/volumes/1/backups", `{"name":"monday"}`).is(201, "{}")
	r.advance(time.Minute)
	if a := r.get("/api/volumes/2/backups").wants(200); a.text("archives.0") != "monday" || a.at("archives.1") != nil || a.text("name") != r.get("/api/volumes/2").text("volume.name") {
		t.Error(a.Body)
	}
	r.post("/api/volumes/2/backups", `{"name":"monday"}`).refused(422, "Name has already been taken")
	r.post("/api/volumes/2/restore", `{"name":"monday"}`).is(202, "{}")
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.0.locale") != "volume.restore" || a.text("events.0.status") != "pending" {
		t.Error(a.Body)
	}
	r.advance(time.Minute)
	for _, path := range []string{"/api/volumes/9", "/api/volumes/9/backups"} {
		r.get(path).refused(404, "Unknown volume")
		r.user(2).get(strings.Replace(path, "9", "2", 1)).refused(404, "Unknown volume")
	}
	r.post("/api/volumes/9/backups", `{"name":"abc"}`).refused(404, "Unknown volume")
}

// Zones show their records, balancers those whose services use them (C106, C107).
func TestZonesAndBalancers(t *testing.T) {
	r := newRig(t)
	r.get("/api/zones").is(200, `{"zones":[{"id":1,"name":"example.org","created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z"}]}`)
	a := r.get("/api/zones/1").wants(200)
	if a.text("zone.records.A.0.ip") != "198.51.100.20" || a.text("zone.records.SOA.0.email") != "hostmaster@example.org" || a.text("zone.records.NS.0.zone_id") != "example.org" || a.at("zone.records.TXT") == nil {
		t.Error(a.Body)
	}
	r.get("/api/zones/2").refused(404, "Unknown zone")
	r.user(2).get("/api/zones/1").refused(404, "Unknown zone")
	r.post("/api/zones", `{"zone":{}}`).refused(404, "Unknown API Call. Please check the documentation.")
	r.get("/api/load_balancers").is(200, `{"load_balancers":[]}`)
	r.get("/api/load_balancers/1").refused(404, "Unknown load balancer")
	r.post("/api/orders", orderOf("p", redis)).wants(201)
	r.advance(time.Minute)
	r.get("/api/load_balancers").is(200, `{"load_balancers":[{"id":1,"name":"lb-pdx1","label":"pdx1","public_ip":"198.51.100.20","created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z"}]}`)
	r.get("/api/load_balancers/1").wants(200)
	r.user(2).get("/api/load_balancers").is(200, `{"load_balancers":[]}`)
}

// Whatever is done to volumes at random, one operation runs at a time and every archive
// was asked for (C104, C105).
func TestVolumeStates(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		r, asked := deployed(t), map[string]bool{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 99), 1, 30).Draw(draw, "steps") {
			name := fmt.Sprintf("name-%d", n%4)
			switch {
			case n < 35:
				if a := r.post("/api/volumes/2/backups", map[string]any{"name": name}); a.Status == 201 {
					asked[name] = true
				}
			case n < 60:
				if a := r.post("/api/volumes/2/restore", map[string]any{"name": name}); a.Status == 202 && !asked[name] {
					draw.Fatalf("%s was restored", name)
				}
			default:
				r.advance(time.Duration(n) * 50 * time.Millisecond)
			}
			r.change(func(tx *engine.Tx) {
				if n := len(r.a.activeEvents(tx, "volume", 2)); n > 1 {
					draw.Fatalf("%d operations at a time", n)
				}
				for _, b := range row(tx, r.a.volumes, 2).Backups {
					if !asked[b.Name] {
						draw.Fatalf("archive %s", b.Name)
					}
				}
			})
		}
	})
}
