package computestacks

import (
	"testing"
	"time"
)

// wordPress is an order of WordPress with its database.
func wordPress(name string) map[string]any {
	return map[string]any{"order": map[string]any{"project_name": name, "containers": []any{
		map[string]any{"image_id": 1, "resources": map[string]any{"product_id": 1}},
		map[string]any{"image_id": 2, "name": "blog", "resources": map[string]any{"product_id": 1}, "params": []any{map[string]any{"key": "title", "value": "Hi"}}, "domains": []string{"blog.example.org"}},
	}}}
}

// An order is pending, processing and completed; its containers start and are online (C61,
// C64, C67, C75, C86).
func TestOrderStory(t *testing.T) {
	r := newRig(t)
	placed := r.post("/api/orders", wordPress("my blog")).wants(201)
	order := "/api/orders/" + placed.text("order.id")
	if a := r.get(order); a.text("order.status") != "pending" || a.at("order.project") != nil {
		t.Fatal(a.Body)
	}
	r.advance(time.Second)
	if a := r.get(order); a.text("order.status") != "processing" || a.at("order.project") != nil {
		t.Fatal(a.Body)
	}
	if a := r.get("/api/projects"); a.text("projects.0.current_state") != "working" || a.text("projects.0.name") != "my blog" {
		t.Fatal(a.Body)
	}
	if a := r.get("/api/projects/1/containers"); a.text("containers.0.current_state") != "starting" {
		t.Fatal(a.Body)
	}
	r.advance(8 * time.Second)
	if a := r.get(order); a.text("order.status") != "completed" || a.text("order.project.id") != "1" || a.text("order.location.name") != "portland" {
		t.Fatal(a.Body)
	}
	services := r.get("/api/projects/1/services").wants(200)
	if services.text("container_services.0.label") != "blog" || services.text("container_services.0.current_state") != "online" || services.text("container_services.1.label") != "MariaDB" {
		t.Fatal(services.Body)
	}
	for _, path := range []string{
		"/api/container_services", "/api/container_services/2", "/api/container_services/2/containers", "/api/container_services/2/events", "/api/container_services/2/metadata",
		"/api/container_services/2/ingress_rules", "/api/container_services/2/bastions", "/api/container_services/2/load_balancers", "/api/container_services/2/load_balancers/9",
		"/api/container_services/2/ssl", "/api/container_services/2/logs", "/api/containers/2", "/api/containers/2?include=logs", "/api/containers/2/logs", "/api/containers/2/metrics/cpu",
		"/api/containers/2/metrics/memory", "/api/containers/2/container_processes", "/api/domains", "/api/domains/1", "/api/networks/ingress_rules/2", "/api/networks/ingress_rules/2/domains",
		"/api/volumes", "/api/volumes/2", "/api/volumes/2/backups", "/api/load_balancers", "/api/load_balancers/1", "/api/zones", "/api/zones/1", "/api/projects/1", "/api/projects/1/bastions",
		"/api/projects/1/bastions/1", "/api/projects/1/images", "/api/projects/1/events", "/api/subscriptions", "/api/subscriptions/1", "/api/products", "/api/locations", "/api/locations/1",
		"/api/container_images", "/api/container_images/2", "/api/container_images/2/env_params", "/api/container_images/2/volume_params/2", "/api/container_image_providers/1", "/api/orders",
		"/api/users", "/api/event_logs/1",
	} {
		r.get(path).wants(200)
	}
	r.patch("/api/container_services/2/power/stop", nil).is(202, "{}")
	if a := r.get("/api/containers/2"); a.text("container.current_state") != "stopping" || a.text("container.req_state") != "stopped" {
		t.Fatal(a.Body)
	}
	r.send("PUT", "/api/containers/2/power/start", nil).is(202, "{}")
	if a := r.get("/api/container_services/2/events").wants(200); a.text("events.0.status") != "cancelled" {
		t.Fatal(a.Body)
	}
	r.advance(3 * time.Second)
	if a := r.get("/api/container_services/2"); a.text("container_service.current_state") != "inactive" {
		t.Fatal(a.Body)
	}
	r.post("/api/container_services/2/scale", map[string]any{"container_service": map[string]any{"qty": 3}}).is(202, "{}")
	r.post("/api/container_services/2/resize", map[string]any{"container_service": map[string]any{"product_id": 2}}).is(202, "{}")
	r.post("/api/volumes/2/backups", map[string]any{"name": "first"}).is(201, "{}")
	r.post("/api/volumes/2/backups", map[string]any{"name": "second"}).refused(405, "Unable to perform while another operation is in progress.")
	r.advance(20 * time.Second)
	if a := r.get("/api/volumes/2/backups").wants(200); a.text("archives.0") != "first" {
		t.Fatal(a.Body)
	}
	if a := r.get("/api/container_services/2").wants(200); a.text("container_service.deployed_containers") != "3" || a.text("container_service.package.label") != "Medium" {
		t.Fatal(a.Body)
	}
	r.post("/api/volumes/2/restore", map[string]any{"name": "first"}).is(202, "{}")
	r.delete("/api/container_services/2").is(202, "{}")
	r.advance(time.Minute)
	r.get("/api/container_services/2").refused(404, "Unknown container service")
	r.delete("/api/projects/1").is(202, "{}")
	r.get("/api/projects/1").refused(404, "Unknown project")
	r.advance(time.Minute)
	if a := r.get("/api/users").wants(200); a.text("user.services.projects") != "0" || a.text("user.services.containers") != "0" {
		t.Fatal(a.Body)
	}
}
