package computestacks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// A service is read by those who own or share its project, and changed (C75, C76).
func TestServices(t *testing.T) {
	r := deployed(t)
	a := r.get("/api/container_services/2").wants(200)
	name := a.text("container_service.name")
	want := `"default_domain":"` + name + `2.apps.example.test","public_ip":["198.51.100.20"],"command":null,"is_load_balancer":false,"has_domain_management":true,` +
		`"container_image_id":2,"current_state":"online","auto_scale":false,"auto_scale_horizontal":true,"auto_scale_max":"0.0","labels":{},` +
		`"created_at":"2026-01-15T12:00:01.000Z","updated_at":"2026-01-15T12:00:01.000Z","project":{"id":1,"name":"my blog"},"package":{"label":"Small","cpu":"1.0",` +
		`"memory":1024,"storage":10,"bandwidth":500,"local_disk":5,"backup":0,"memory_swap":null,"memory_swappiness":null},"has_sftp":true,"ingress_rules":[2],"product_id":1,` +
		`"bastions":[1],"domains":[1,2],"deployed_containers":1,"help":{"general":null,"ssh":null,"remote":null,"domain":null}`
	if !strings.Contains(a.Body, want) {
		t.Errorf("%s\nlacks %s", a.Body, want)
	}
	if list := r.get("/api/container_services").wants(200); list.Header.Get("Total") != "2" || list.text("container_services.1.id") != "2" {
		t.Error(list.Body)
	}
	for _, path := range []string{"/api/container_services/3", "/api/container_services/02", "/api/container_services/x"} {
		r.get(path).refused(404, "Unknown container service")
	}
	r.user(2).get("/api/container_services/2").refused(404, "Unknown container service")
	r.user(2).get("/api/container_services").is(200, `{"container_services":[]}`)
	changed := r.patch("/api/container_services/2", `{"container_service":{"label":"site","command":"run","tag_list":["a"],"master_domain_id":2,"other":1}}`).wants(202)
	if changed.text("container_service.label") != "site" || changed.text("container_service.default_domain") != "blog.example.org" || changed.text("container_image.id") != "2" {
		t.Error(changed.Body)
	}
	cleared := r.patch("/api/container_services/2", `{"container_service":{"command":null,"master_domain_id":null,"tag_list":null}}`).wants(202)
	if cleared.at("container_service.command") != nil || cleared.text("container_service.default_domain") != name+"2.apps.example.test" {
		t.Error(cleared.Body)
	}
	r.patch("/api/container_services/2", `{"container_service":{"label":""}}`).refused(422, "Label can't be blank")
	r.patch("/api/container_services/2", `{"container_service":{"master_domain_id":99}}`).refused(422, "Master domain is not a domain of this service")
	r.patch("/api/container_services/2", `{}`).refused(400, "param is missing or the value is empty: container_service")
}

// The parts of a service are pages of its objects (C81, C82, C83).
func TestServiceParts(t *testing.T) {
	r := deployed(t)
	if a := r.get("/api/container_services/2/metadata").wants(200); a.text("metadata.0.name") != "title" || a.text("metadata.0.decrypted_value") != "Hi" {
		t.Error(a.Body)
	}
	if a := r.get("/api/container_services/1/metadata/1").wants(200); a.text("metadatum.param_type") != "password" || len(a.text("metadatum.decrypted_value")) != 14 {
		t.Error(a.Body)
	}
	for path, want := range map[string]string{
		"ingress_rules": "ingress_rules.0.port", "bastions": "bastions.0.port", "containers": "containers.0.id", "events": "events.0.id", "load_balancers": "load_balancers.0.id",
	} {
		if a := r.get("/api/container_services/2/" + path).wants(200); a.at(want) == nil || a.Header.Get("Total") == "" {
			t.Error(path, a.Body)
		}
	}
	r.get("/api/container_services/1/bastions").is(200, `{"bastions":[]}`)
	r.get("/api/container_services/2/bastions/1").wants(200)
	r.get("/api/container_services/2/bastions/2").refused(404, "Unknown sftp container")
	r.get("/api/container_services/2/metadata/9").refused(404, "Unknown setting")
	r.get("/api/container_services/2/events/1").wants(200)
	r.get("/api/container_services/2/events/9").refused(404, "Unknown event log")
	if a := r.get("/api/container_services/2/load_balancers/whatever").wants(200); a.text("load_balancer.public_ip") != "198.51.100.20" {
		t.Error(a.Body)
	}
	for _, path := range []string{"", "/metadata", "/metadata/1", "/ingress_rules", "/bastions", "/bastions/1", "/containers", "/events", "/events/1", "/load_balancers", "/load_balancers/1", "/ssl", "/ssl/1", "/logs"} {
		r.get("/api/container_services/9"+path).refused(404, "Unknown container service")
	}
}

// Power actions act on every container, and are refused while one is active (C78, C89).
func TestPower(t *testing.T) {
	r := deployed(t)
	r.patch("/api/containers/2/power/dance", nil).refused(422, "Unknown action.", "Available actions are: start, stop, restart, rebuild")
	r.patch("/api/container_services/2/power/dance", nil).refused(422, "Unknown action.", "Available actions are: start, stop, restart, rebuild")
	r.patch("/api/containers/9/power/stop", nil).refused(404, "Unknown container")
	for _, step := range []struct{ action, during, after, status, wanted string }{
		{"stop", "stopping", "offline", "container.stop", "stopped"}, {"start", "starting", "online", "container.start", "running"},
		{"restart", "starting", "online", "container.restart", "running"}, {"rebuild", "starting", "online", "container.rebuild", "running"},
	} {
		r.patch("/api/containers/2/power/"+step.action, nil).is(202, "{}")
		a := r.get("/api/containers/2").wants(200)
		if a.text("container.current_state") != step.during || a.text("container.req_state") != step.wanted {
			t.Error(step.action, a.Body)
		}
		r.patch("/api/containers/2/power/restart", nil).is(202, "{}")
		events := r.get("/api/container_services/2/events").wants(200)
		if events.text("events.0.status") != "cancelled" || events.text("events.1.status") != "pending" || events.text("events.1.locale") != step.status {
			t.Error(events.Body)
		}
		detail := r.get("/api/event_logs/" + events.text("events.0.id")).wants(200)
		if detail.text("event_log.event_details.0.event_code") != "65a0ac3cf9131abb" || detail.text("event_log.event_details.0.data") != "Action already in progress, please try again later." {
			t.Error(detail.Body)
		}
		r.advance(20 * time.Second)
		if a := r.get("/api/containers/2").wants(200); a.text("container.current_state") != step.after {
			t.Error(step.action, a.Body)
		}
	}
	r.change(func(tx *engine.Tx) { // its node goes offline
		l := row(tx, r.a.locations, 1)
		for n := range l.Regions[0].Nodes {
			l.Regions[0].Nodes[n].Online = false
		}
		put(tx, r.a.locations, 1, l)
	})
	r.patch("/api/containers/2/power/stop", nil).refused(422)
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.0.status") != "cancelled" || a.text("events.0.state_reason") != "Node is offline" {
		t.Error(a.Body)
	}
	r.patch("/api/container_services/2/power/stop", nil).is(202, "{}")
	r.post("/api/container_services/2/scale", `{"container_service":{"qty":2}}`).refused(422, "Invalid Region. Unable to scale containers.")
}

// A service is resized and scaled; what cannot be done is an event (C79, C80).
func TestResizeAndScale(t *testing.T) {
	r := deployed(t)
	for body, want := range map[string]string{
		`{"container_service":{"product_id":99}}`:  "Missing package id: 99",
		`{"container_service":{"product_id":0}}`:   "Missing package id: 0",
		`{"container_service":{"product_id":"2"}}`: "Product is not a number",
		`{"container_service":{}}`:                 "Product can't be blank",
	} {
		r.post("/api/container_services/2/resize", body).refused(422, want)
	}
	r.post("/api/container_services/2/resize", `{"container_service":{"product_id":1}}`).is(202, "{}")
	r.post("/api/container_services/2/resize", `{"container_service":{"product_id":3}}`).is(202, "{}")
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.0.locale") != "service.resizing" || a.text("events.1.locale") != "order.provision" {
		t.Error(a.Body)
	}
	if a := r.get("/api/event_logs/2").wants(200); a.text("event_log.event_details.0.data") != "product: Large, cpu: 4.0, memory: 4096 MB, storage: 50 GB, bandwidth: 2000 GB" {
		t.Error(a.Body)
	}
	if a := r.get("/api/container_services/2").wants(200); a.text("container_service.current_state") != "working" {
		t.Error(a.Body)
	}
	r.advance(time.Minute)
	if a := r.get("/api/subscriptions").wants(200); a.text("subscriptions.0.subscription_products.0.product.id") != "3" {
		t.Error(a.Body)
	}
	scale := func(service, qty int, status, reason string) {
		t.Helper()
		r.post(fmt.Sprintf("/api/container_services/%d/scale", service), fmt.Sprintf(`{"container_service":{"qty":%d}}`, qty)).is(202, "{}")
		a := r.get(fmt.Sprintf("/api/container_services/%d/events", service)).wants(200)
		if a.text("events.0.status") != status || a.text("events.0.state_reason") != reason || a.text("events.0.event_code") != "c2dcdabd7101caa5" {
			t.Errorf("%d: %s", qty, a.Body)
		}
		r.advance(time.Minute)
	}
	scale(2, 0, "failed", "Invalid Parameters")
	scale(2, -5, "failed", "Invalid Parameters")
	scale(2, 1, "cancelled", "No change required")
	scale(1, 2, "failed", "Scaling not allowed")
	scale(2, 10, "failed", "User over quota")
	scale(2, 3, "pending", "<nil>")
	oldest := r.get("/api/container_services/2/containers").text("containers.0.id")
	scale(2, 2, "pending", "<nil>")
	a := r.get("/api/container_services/2/containers").wants(200)
	if a.Header.Get("Total") != "2" || a.text("containers.0.id") == oldest {
		t.Error(a.Body)
	}
	r.post("/api/container_services/2/scale", `{"container_service":{"qty":"many"}}`).refused(422, "Qty is not a number")
}

// A deleted service is gone when its event is done (C77).
func TestServiceDeleted(t *testing.T) {
	r := deployed(t)
	r.delete("/api/container_services/2").is(202, "{}")
	r.delete("/api/container_services/2").is(202, "{}")
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.0.status") != "cancelled" || a.text("events.1.locale") != "service.trash" {
		t.Error(a.Body)
	}
	r.advance(time.Minute)
	for _, path := range []string{"/api/container_services/2", "/api/containers/2", "/api/networks/ingress_rules/2", "/api/domains/1", "/api/volumes/2"} {
		r.get(path).wants(404)
	}
	if a := r.get("/api/projects/1").wants(200); a.text("project.current_state") != "ok" || a.text("project.metadata.image_names.0") != "MariaDB" {
		t.Error(a.Body)
	}
}

// Logs, processes and metrics follow from seed, container and time alone (C85, C87, C88).
func TestContainerUsage(t *testing.T) {
	r := deployed(t)
	r.advance(4 * time.Hour)
	a := r.get("/api/containers/2/logs?limit=3").wants(200)
	if a.text("2.1") == "<nil>" || a.at("3") != nil || a.at("0.0").(float64) < a.at("1.0").(float64) {
		t.Error(a.Body)
	}
	if again := r.get("/api/containers/2/logs?limit=3"); again.Body != a.Body {
		t.Error("logs changed without time")
	}
	for query, lines := range map[string]bool{
		"?limit=-1": true, "?limit=x": true, "?period_start=4102444800": false, "?period_end=1": false, "?period_start=x&period_end=y": true, "?limit=1&limit=2": true, "?limit=999999": true,
	} {
		if a := r.get("/api/containers/2/logs" + query).wants(200); (a.at("0") != nil) != lines {
			t.Error(query, a.Body)
		}
	}
	if a := r.get("/api/container_services/2/logs").wants(200); a.text("0.1") != r.get("/api/containers/2").text("container.name") {
		t.Error(a.Body)
	}
	if a := r.get("/api/containers/2?include=logs").wants(200); a.at("container.logs.0") == nil {
		t.Error(a.Body)
	}
	for _, metric := range []string{"cpu", "memory"} {
		a := r.get("/api/containers/2/metrics/" + metric).wants(200)
		if a.text("stats.0.0") != "2026-01-15T13:01:00.000Z" || a.text("stats.360.0") != "2026-01-15T16:01:00.000Z" || a.at("stats.361") != nil {
			t.Errorf("%s: %.200s", metric, a.Body)
		}
	}
	if a := r.get("/api/containers/2/container_processes").wants(200); a.text("0.CMD") != "wordpress: master process" || a.text("1.PPID") != a.text("0.PID") {
		t.Error(a.Body)
	}
	r.patch("/api/containers/2/power/start", nil).wants(202)
	r.advance(time.Minute)
	if a := r.get("/api/containers/2/metrics/cpu").wants(200); a.at("stats.360") == nil {
		t.Errorf("the start of a container that runs takes its history: %.200s", a.Body)
	}
	r.patch("/api/containers/2/power/stop", nil).wants(202)
	r.advance(time.Minute)
	r.get("/api/containers/2/container_processes").is(200, "[]")
	r.get("/api/containers/2/logs").is(200, "[]")
	r.get("/api/containers/2/metrics/cpu").is(200, `{"stats":[]}`)
	for _, path := range []string{"", "/logs", "/metrics/cpu", "/metrics/memory", "/container_processes"} {
		r.get("/api/containers/9"+path).refused(404, "Unknown container")
	}
	r.get("/api/containers").refused(404, "Unknown API Call. Please check the documentation.")
}

// certificate makes a certificate and its key in PEM, signed by a parent, or by itself.
func certificate(t *testing.T, serial int64, parent *x509.Certificate, by *ecdsa.PrivateKey) (crt, key string, made *x509.Certificate, own *ecdsa.PrivateKey) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "blog.example.org"}, NotBefore: start, NotAfter: start.AddDate(1, 0, 0), IsCA: parent == nil,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if parent == nil {
		parent, by = template, own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &own.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	if made, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), made, own
}

// Certificates are checked for real; their keys are not kept (C84).
func TestCertificates(t *testing.T) {
	r := deployed(t)
	ca, _, authority, caKey := certificate(t, 1, nil, nil)
	crt, key, _, _ := certificate(t, 255, authority, caKey)
	_, otherKey, _, _ := certificate(t, 3, nil, nil)
	stranger, _, _, _ := certificate(t, 4, nil, nil)
	send := func(crt, key, ca string) response {
		return r.post("/api/container_services/2/ssl", map[string]any{"certificate": map[string]any{"crt": crt, "pkey": key, "ca": ca}})
	}
	r.post("/api/container_services/2/ssl", `{"certificate":{}}`).refused(422, "Crt can't be blank", "Pkey can't be blank")
	send("x", key, "").refused(400, "Not a valid certificate")
	send(key, key, "").refused(400, "Not a valid certificate")
	send(strings.Replace(crt, "MII", "MIJ", 1), key, "").refused(400, "Not a valid certificate")
	send(crt, otherKey, "").refused(400, "Private key does not match supplied certificate.")
	send(crt, "x", "").refused(400, "Private key does not match supplied certificate.")
	send(crt, key, stranger).refused(400, "Certificate is not signed by the supplied CA certificate")
	send(crt, key, "x").refused(400, "Certificate is not signed by the supplied CA certificate")
	send(crt, key, stranger+ca).is(201, "{}")
	send(crt, key, "").refused(400, "Cert serial has already been taken")
	r.get("/api/container_services/2/ssl/1").is(200, `{"certificate":{"id":1,"cert_serial":"ff","issuer":"CN=blog.example.org","subject":"CN=blog.example.org",`+
		`"not_before":"2026-01-15T12:00:00.000Z","not_after":"2027-01-15T12:00:00.000Z","created_at":"2026-01-15T12:01:00.000Z","updated_at":"2026-01-15T12:01:00.000Z"}}`)
	if a := r.get("/api/container_services/2/ssl").wants(200); a.Header.Get("Total") != "1" {
		t.Error(a.Body)
	}
	r.delete("/api/container_services/2/ssl/1").is(202, "{}")
	r.delete("/api/container_services/2/ssl/1").refused(404, "Unknown certificate")
}

// A container is only ever in a declared state, and every event ends (C86, C89).
func TestContainerStates(t *testing.T) {
	states := []string{"migrating", "starting", "stopping", "working", "alert", "resource_usage", "offline", "online"}
	rapid.Check(t, func(draw *rapid.T) {
		r := deployed(t)
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 99), 1, 25).Draw(draw, "steps") {
			switch {
			case n < 40:
				if a := r.patch(fmt.Sprintf("/api/containers/%d/power/%s", 1+n%2, powerActions()[n%4]), nil); a.Status != 202 && a.Status != 404 { // scaled away
					draw.Fatal(a.Body)
				}
			case n < 50:
				r.post("/api/container_services/2/scale", fmt.Sprintf(`{"container_service":{"qty":%d}}`, n%5)).wants(202)
			case n < 55:
				r.post("/api/container_services/2/resize", fmt.Sprintf(`{"container_service":{"product_id":%d}}`, 1+n%3)).wants(202)
			default:
				r.advance(time.Duration(n) * 50 * time.Millisecond)
			}
			list := r.get("/api/projects/1/containers").wants(200)
			for i := range 20 {
				state, ok := list.at(fmt.Sprintf("containers.%d.current_state", i)).(string)
				if ok && !slices.Contains(states, state) {
					draw.Fatal(state)
				}
			}
		}
		r.advance(time.Hour)
		r.change(func(tx *engine.Tx) {
			for e := range r.a.events.After(tx, 0) {
				if e.Value.active() {
					draw.Errorf("event %d is %s after an hour", e.Value.ID, e.Value.Status)
				}
			}
		})
	})
}
