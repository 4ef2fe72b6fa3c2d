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

// orderOf is the body of an order of containers for a new project.
func orderOf(name string, containers ...string) string {
	return fmt.Sprintf(`{"order":{"project_name":%q,"containers":[%s]}}`, name, strings.Join(containers, ","))
}

const redis = `{"image_id":4,"name":"cache","product_id":1}`

// Orders are those of the user, newest first, and show what was ordered (C60, C61, C64).
func TestOrders(t *testing.T) {
	r := newRig(t)
	r.get("/api/orders").is(200, `{"orders":[]}`)
	first := r.post("/api/orders", orderOf("one", redis)).wants(201)
	id := first.text("order.id")
	first.is(201, `{"order":{"id":"`+id+`","redirect_url":null,"load_balancer_ip":"198.51.100.20"}}`)
	r.advance(time.Second)
	second := r.post("/api/orders", orderOf("two", `{"container_image_id":5,"image_id":99}`)).wants(201).text("order.id")
	list := r.get("/api/orders").wants(200)
	if list.text("orders.0.id") != second || list.text("orders.1.id") != id || list.Header.Get("Total") != "2" {
		t.Error(list.Body)
	}
	r.advance(time.Minute)
	r.get("/api/orders/"+id).is(200, `{"order":{"id":"`+id+`","status":"completed","order_data":{"raw_order":[{"product_type":"container","container_id":4,"label":"cache",`+
		`"qty":1,"domains":[],"resources":{"product_id":1,"cpu":"1.0","memory":1024},"params":{}}],"project":{"id":null,"name":"one","skip_ssh":false},"region_id":1,`+
		`"location_id":1,"load_balancer_ip":"198.51.100.20","summary":[],"total":{"recurring":{"hourly":"$0.0104","monthly":"$7.59"}}},`+
		`"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:09.000Z","project":{"id":1,"name":"one"},"location":{"id":1,"name":"portland"}}}`)
	r.user(2).get("/api/orders/"+id).refused(404, "Unknown order")
	r.user(2).get("/api/orders").is(200, `{"orders":[]}`)
	r.get("/api/orders/1").refused(404, "Unknown order")
	r.token(0, "public").get("/api/orders").wants(403)
}

// Each refusal of an order changes nothing (C62, C63).
func TestOrderRefused(t *testing.T) {
	r := newRig(t)
	r.change(func(tx *engine.Tx) {
		put(tx, r.a.products, 9, Product{ID: 9, Label: "Backup", Kind: "addon", CPU: 1, Memory: 1})
		put(tx, r.a.products, 8, Product{ID: 8, Label: "Tiny", Kind: "package", CPU: 0.5, Memory: 128})
		put(tx, r.a.products, 7, Product{ID: 7, Label: "Void", Kind: "package"})
		put(tx, r.a.projects, 77, Project{ID: 77, UserID: 2, Status: "ok"})
		i := row(tx, r.a.images, 4)
		i.ID, i.UserID, i.Label = 44, 2, "Private"
		put(tx, r.a.images, 44, i)
	})
	many := strings.TrimSuffix(strings.Repeat(redis+",", 11), ",")
	for body, want := range map[string][]string{
		`{"order":{"containers":[` + redis + `]}}`:                                                 {"Missing project name"},
		`{"order":{"project_name":" ","containers":[` + redis + `]}}`:                              {"Missing project name"},
		`{"order":{"project_name":null,"containers":[` + redis + `]}}`:                             {"Missing project name"},
		`{"order":{"project_name":"x"}}`:                                                           {"Missing containers"},
		`{"order":{"project_name":"x","containers":[]}}`:                                           {"Missing containers"},
		`{"order":{"project_name":"x","project_id":99,"containers":[` + redis + `]}}`:              {"Unknown project"},
		`{"order":{"project_name":"x","project_id":77,"containers":[` + redis + `]}}`:              {"Unknown project"},
		`{"order":{"project_name":"x","location_id":99,"containers":[` + redis + `]}}`:             {"Unknown Region"},
		orderOf("x", `{"image_id":99,"name":"a"}`):                                                 {"Invalid image. Image ID: 99 | a."},
		orderOf("x", `{"image_id":44,"name":"a","product_id":1}`):                                  {"Invalid image. Image ID: 44 | a."},
		orderOf("x", `{"name":"a"}`):                                                               {"Invalid image. Image ID: 0 | a."},
		orderOf("x", `{"image_id":4,"name":"cache"}`):                                              {"Missing package selection for cache"},
		orderOf("x", `{"image_id":4,"product_id":99}`):                                             {"Unknown package: 99"},
		orderOf("x", `{"image_id":4,"product_id":9}`):                                              {"Invalid package: 9"},
		orderOf("x", `{"image_id":4,"product_id":7}`):                                              {"Product is missing package config data: Void"},
		orderOf("x", `{"image_id":4,"product_id":8}`):                                              {"Package Tiny not suitable for the image Redis. CPU must be greater than 0.5, and memory must be greater than 256 MB."},
		orderOf("x", `{"image_id":4,"resources":{"product_id":99},"package_id":1,"product_id":1}`): {"Unknown package: 99"},
		orderOf("x", `{"image_id":4,"package_id":98,"product_id":1,"resources":{"package_id":1}}`): {"Unknown package: 98"},
		orderOf("x", `{"image_id":4,"resources":{"package_id":97}}`):                               {"Unknown package: 97"},
		orderOf("x", `{"image_id":2,"product_id":1}`):                                              {"Missing parameter title for WordPress (2)"},
		orderOf("x", `{"image_id":2,"product_id":1,"params":[{"key":"title","value":" "}]}`):       {"Missing parameter title for WordPress (2)"},
		orderOf("x", `{"image_id":2,"product_id":1,"params":[{"key":"title","value":"a"}]}`):       {"Missing required dependent services. Have [2], Need [1]"},
		orderOf("x", `{"image_id":3,"product_id":1,"domains":["a b"]}`):                            {"Domain is an invalid domain."},
		orderOf("x", `{"image_id":3,"product_id":1,"domains":["x.apps.example.test"]}`):            {"Domain x.apps.example.test already in use."},
		orderOf("x", `{"image_id":3,"product_id":1,"domains":["a.example.org","A.example.org"]}`):  {"Domain a.example.org already in use."},
		orderOf("x", many): {},
		`{"order":{"project_name":5,"containers":"x"}}`: {"Containers must be an array, not a string", "Project name must be a string, not a number"},
	} {
		if a := r.post("/api/orders", body); a.Status == 422 {
			a.refused(422, want...)
		} else {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	for _, body := range []string{`{}`, `{"order":null}`, `{"order":"x"}`, `{"other":{}}`} {
		r.post("/api/orders", body).refused(400, "param is missing or the value is empty: order")
	}
	r.post("/api/orders", `{"order":`).wants(400)
	r.change(func(tx *engine.Tx) {
		if r.a.orders.Len(tx) != 0 || r.a.events.Len(tx) != 0 {
			t.Error("a refused order left something")
		}
	})
	r.change(func(tx *engine.Tx) {
		l := row(tx, r.a.locations, 1)
		l.Regions = slices.Clone(l.Regions)
		l.Regions[0].Active = false
		put(tx, r.a.locations, 1, l)
	})
	r.post("/api/orders", orderOf("x", redis)).refused(422, "There are no availability zones available")
	r.get("/api/products").is(200, `{"products":[]}`)
}

// Products have a row for each package and region, locations their regions; decimals are strings (C15, C65, C66).
func TestProductsAndLocations(t *testing.T) {
	r := newRig(t)
	a := r.get("/api/products?per_page=1").wants(200)
	a.is(200, `{"products":[{"id":1,"name":"Small","price":"0.0104","term":"hour","cpu":"1.0","memory":1024,"storage":10,"bandwidth":500,"backup":0,"local_disk":5,"memory_swap":null,"memory_swappiness":null,"region":1}]}`)
	if a.Header.Get("Total") != "3" || a.Header.Get("Per-Page") != "1" {
		t.Error(a.Header)
	}
	r.get("/api/locations").is(200, `{"locations":[{"id":1,"name":"portland","regions":[{"id":1,"name":"pdx1"}]}]}`)
	r.get("/api/locations/1").is(200, `{"location":{"id":1,"name":"portland","regions":[{"id":1,"name":"pdx1"}]}}`)
	r.get("/api/locations/2").refused(404, "Unknown location")
}

// deployed returns a rig with a project of WordPress, MariaDB and their volumes, built.
func deployed(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.post("/api/orders", wordPress("my blog")).wants(201)
	r.advance(time.Minute)
	return r
}

// A project is read, renamed and deleted by those who own or share it (C67, C68, C69).
func TestProjects(t *testing.T) {
	r := deployed(t)
	body := `{"id":1,"name":"my blog","skip_ssh":false,"current_state":"ok","created_at":"2026-01-15T12:00:01.000Z","updated_at":"2026-01-15T12:00:01.000Z",` +
		`"container_image_ids":[1,2],"links":{"bastions":"/api/projects/1/bastions","container_images":"/api/projects/1/images","services":"/api/projects/1/services"},` +
		`"metadata":{"icons":["icons/stacks/mariadb.png","icons/stacks/wordpress.png"],"image_names":["MariaDB","WordPress"]}}`
	r.get("/api/projects").is(200, `{"projects":[`+body+`]}`)
	r.get("/api/projects/1").is(200, `{"project":`+body+`}`)
	sam := r.user(2)
	for _, path := range []string{"", "/bastions", "/containers", "/events", "/images", "/services"} {
		sam.get("/api/projects/1"+path).refused(404, "Unknown project")
		r.get("/api/projects/01"+path).refused(404, "Unknown project")
	}
	r.change(func(tx *engine.Tx) {
		put(tx, r.a.collaborations, 1, Collaboration{ID: 1, Kind: ofProject, ObjectID: 1, OwnerID: 1, UserID: 2, Active: true})
	})
	sam.get("/api/projects/1").wants(200)
	if a := r.send("PUT", "/api/projects/1", `{"project":{"name":"our blog"}}`).wants(200); a.text("project.name") != "our blog" {
		t.Error(a.Body)
	}
	r.patch("/api/projects/1", `{"project":{"name":""}}`).refused(422, "Name can't be blank")
	r.patch("/api/projects/1", `{"project":{"name":"  "}}`).refused(422, "Name can't be blank")
	r.patch("/api/projects/1", `{"project":{}}`).refused(422, "Name can't be blank")
	r.patch("/api/projects/1", `{}`).refused(400, "param is missing or the value is empty: project")
	r.delete("/api/projects/1").is(202, "{}")
	for _, path := range []string{"/api/projects/1", "/api/container_services/1", "/api/containers/1", "/api/volumes/1", "/api/domains/1", "/api/networks/ingress_rules/1"} {
		r.get(path).wants(404)
	}
	r.get("/api/projects").is(200, `{"projects":[]}`)
	r.get("/api/container_services").is(200, `{"container_services":[]}`)
	if a := r.get("/api/subscriptions").wants(200); a.text("subscriptions.0.active") != "true" {
		t.Error(a.Body)
	}
	r.advance(time.Minute)
	if a := r.get("/api/subscriptions").wants(200); a.text("subscriptions.0.active") != "false" {
		t.Error(a.Body)
	}
	r.delete("/api/projects/1").refused(404, "Unknown project")
	r.advance(3 * time.Hour)
	r.change(func(tx *engine.Tx) {
		if n := r.a.volumes.Len(tx); n != 0 {
			t.Errorf("%d volumes stay in the trash", n)
		}
	})
}

// A project lists its bastions, containers, images, services and events (C70 to C73).
func TestProjectParts(t *testing.T) {
	r := deployed(t)
	bastion := r.get("/api/projects/1/bastions").wants(200)
	before := bastion.text("bastions.0.password")
	if bastion.text("bastions.0.status") != "running" || bastion.text("bastions.0.username") != "sftpuser" || len(before) != 14 {
		t.Error(bastion.Body)
	}
	if a := r.get("/api/projects/1/bastions/1").wants(200); a.text("bastion.pw_auth") != "true" || a.text("bastion.password") != before {
		t.Error(a.Body)
	}
	r.get("/api/projects/1/bastions/2").refused(404, "Unknown bastion container")
	r.post("/api/projects/1/bastions/2/reset_password", nil).refused(404, "Unknown bastion container")
	if a := r.post("/api/projects/1/bastions/1/reset_password", nil).wants(202); a.text("bastion.password") == before || a.text("bastion.status") != "rebuilding" {
		t.Error(a.Body)
	}
	if a := r.get("/api/projects/1/events").wants(200); a.text("events.0.locale") != "bastion.rebuild" || a.text("events.1.locale") != "order.provision" || a.text("events.1.status") != "completed" {
		t.Error(a.Body)
	}
	r.advance(3 * time.Second)
	r.post("/api/projects/1/bastions/1/reset_password", nil).wants(202)
	r.advance(2 * time.Second) // the first rebuild is done, the second one is not
	if a := r.get("/api/projects/1/bastions/1").wants(200); a.text("bastion.status") != "rebuilding" {
		t.Error(a.Body)
	}
	r.advance(time.Minute)
	if a := r.get("/api/projects/1/bastions/1").wants(200); a.text("bastion.status") != "running" {
		t.Error(a.Body)
	}
	if a := r.get("/api/projects/1/containers").wants(200); a.Header.Get("Total") != "2" || a.text("containers.0.current_state") != "online" {
		t.Error(a.Body)
	}
	if a := r.get("/api/projects/1/images").wants(200); a.text("container_images.1.label") != "WordPress" {
		t.Error(a.Body)
	}
	r.post("/api/orders", `{"order":{"project_name":"-","project_id":1,"containers":[{"image_id":6,"name":"edge","product_id":1}]}}`).wants(201)
	r.advance(time.Minute)
	a := r.get("/api/projects/1/services").wants(200)
	if a.Header.Get("Total") != "2" || a.text("container_services.0.label") != "blog" || a.text("container_images.2.label") != "HAProxy" {
		t.Error(a.Body)
	}
	r.post("/api/orders", `{"order":{"project_name":"quiet","skip_ssh":true,"containers":[{"image_id":3,"product_id":1}]}}`).wants(201)
	r.advance(time.Minute)
	r.get("/api/projects/2/bastions").is(200, `{"bastions":[]}`)
}

// An order whose project goes while it waits fails (C64).
func TestOrderFails(t *testing.T) {
	r := deployed(t)
	late := r.post("/api/orders", `{"order":{"project_name":"-","project_id":1,"containers":[`+redis+`]}}`).wants(201).text("order.id")
	r.delete("/api/projects/1").wants(202)
	r.advance(time.Minute)
	if a := r.get("/api/orders/" + late).wants(200); a.text("order.status") != "failed" || a.at("order.project") != nil {
		t.Error(a.Body)
	}
	// The quota is counted again when the work begins.
	ids := []string{}
	for n := range 6 {
		ids = append(ids, r.post("/api/orders", orderOf(fmt.Sprint("p", n), redis, redis)).wants(201).text("order.id"))
	}
	r.advance(time.Minute)
	if a := r.get("/api/orders/" + ids[5]).wants(200); a.text("order.status") != "failed" {
		t.Error(a.Body)
	}
	if a := r.get("/api/projects").wants(200); a.Header.Get("Total") != "5" {
		t.Errorf("an order that failed left a project: %s", a.Body)
	}
}

// The statuses of an order follow each other as declared, whatever happens meanwhile, and
// the same requests give the same bytes (C64).
func TestOrderTransitions(t *testing.T) {
	next := map[string][]string{
		"": {"pending"}, "pending": {"pending", "processing", "completed", "failed"}, "processing": {"processing", "completed", "failed"}, "completed": {"completed"}, "failed": {"failed"},
	}
	rapid.Check(t, func(draw *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 99), 1, 30).Draw(draw, "steps")
		play := func() (seen string) {
			r := newRig(t)
			last := map[string]string{}
			for _, n := range steps {
				a := response{}
				switch {
				case n < 30:
					a = r.post("/api/orders", orderOf("p", redis))
				case n < 40:
					a = r.delete(fmt.Sprintf("/api/projects/%d", 1+n%3))
				case n < 50:
					a = r.post("/api/orders", fmt.Sprintf(`{"order":{"project_name":"p","project_id":%d,"containers":[%s]}}`, 1+n%3, redis))
				default:
					r.advance(time.Duration(n) * 100 * time.Millisecond)
					a = r.get("/api/orders?per_page=200")
				}
				seen += a.Body + "\n"
				list := r.get("/api/orders?per_page=200").wants(200)
				for i := range 200 {
					id, ok := list.at(fmt.Sprintf("orders.%d.id", i)).(string)
					if !ok {
						break
					}
					status := list.text(fmt.Sprintf("orders.%d.status", i))
					if !slices.Contains(next[last[id]], status) {
						draw.Fatalf("%s became %s", last[id], status)
					}
					last[id] = status
				}
			}
			return seen
		}
		if first, second := play(), play(); first != second {
			draw.Fatal("the same requests gave other bytes")
		}
	})
}
