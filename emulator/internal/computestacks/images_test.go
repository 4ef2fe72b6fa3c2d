package computestacks

import (
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// object is a JSON object of a test.
type object = map[string]any

// newImage is the body that adds an image with the members that it must have and others.
func newImage(more object) object {
	image := object{"label": "Acme Blog", "registry_image_path": "acme/blog", "registry_image_tag": "2.4", "role": "blog", "role_class": "web"}
	for name, value := range more {
		if value == "" {
			delete(image, name)
			continue
		}
		image[name] = value
	}
	return object{"container_image": image}
}

// systemVariables are what the variables of every image can be set to.
const systemVariables = `"region.endpoint.api","build.self.name","build.self.name_short","build.self.service_name","build.self.service_name_short",` +
	`"build.self.project_id","build.self.ip","build.self.default_domain","build.self.default_domain_with_proto","build.self.ec_pub_key"`

// blogImage is the body of the image that newImage adds first, with what tests change.
func blogImage(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`{"container_image":{"id":7,"active":true,"can_scale":false,"command":null,"container_image_provider_id":1,` +
		`"description":null,"icon_url":"icons/stacks/docker.png","is_free":false,"label":"Acme Blog","min_cpu":"0.0","min_memory":0,"registry_custom":null,` +
		`"registry_image_path":"acme/blog","registry_image_tag":"2.4","registry_auth":false,"registry_username":null,"is_load_balancer":false,"role":"blog",` +
		`"role_class":"web","labels":{},"validated_tag":false,"validated_tag_updated":null,"created_at":"2026-01-15T12:00:00.000Z",` +
		`"updated_at":"2026-01-15T12:00:00.000Z","system_image":false,"available_vars":[` + systemVariables + `],"container_image_env_params":[],` +
		`"container_image_setting_params":[],"container_image_ingress_params":[],"container_image_volume_params":[],"required_containers":[],"required_by":[],` +
		`"image_url":"acme/blog:2.4","links":{"container_image_provider":"/api/container_image_providers/1"}}}`)
}

// labels lists the labels of a list of images.
func (a response) labels() string {
	a.t.Helper()
	a.wants(200)
	var all []string
	for n := 0; a.at(fmt.Sprintf("container_images.%d", n)) != nil; n++ {
		all = append(all, a.text(fmt.Sprintf("container_images.%d.label", n)))
	}
	return strings.Join(all, " ")
}

// shareImage adds a collaboration of an image.
func (r *rig) shareImage(image, user int, active bool) {
	r.change(func(tx *engine.Tx) {
		id := newID(tx, "collaboration")
		put(tx, r.a.collaborations, id, Collaboration{ID: id, Kind: ofImage, ObjectID: image, OwnerID: defaultUser, UserID: user, Active: active})
	})
}

// TestImagesListed covers C40: what each caller sees, both filters, names and pages.
func TestImagesListed(t *testing.T) {
	r := newRig(t)
	r.post("/api/container_images", newImage(object{"active": false})).wants(201)
	sam := r.user(2)
	sam.post("/api/container_images", newImage(object{"label": "Sam's own"})).wants(201)
	r.change(func(tx *engine.Tx) {
		redis := row(tx, r.a.images, 4)
		redis.Active = false
		put(tx, r.a.images, 4, redis)
	})
	const public = "MariaDB WordPress nginx Adminer HAProxy"
	application := r.token(0, "public")
	for _, at := range []struct {
		by   *rig
		path string
		want string
	}{
		{r, "", public + " Acme Blog"},
		{sam, "", public + " Sam's own"},
		{r, "?filter=owned", "Acme Blog"},
		{r, "?filter=isLoadBalancer", "HAProxy"},
		{r, "?filter=other", public + " Acme Blog"},
		{r, "?byname=Ma", "MariaDB"},
		{r, "?byname=ma", ""},
		{r, "?byname=.P*r%20e", "WordPress"},
		{r, "?byname=..*", public + " Acme Blog"},
		{r, "?filter=owned&byname=A", "Acme Blog"},
		{r, "?filter=owned&byname=M", ""},
		{application, "", "Adminer HAProxy MariaDB nginx WordPress"},
		{application, "?filter=owned", ""},
		{application, "?filter=isLoadBalancer", "HAProxy"},
		{r.token(1, "images_read"), "?filter=owned", "Acme Blog"},
		{r.token(1, "public"), "?filter=owned", "Acme Blog"},
	} {
		if got := at.by.get("/api/container_images" + at.path).labels(); got != at.want {
			t.Errorf("%q lists %q, want %q", at.path, got, at.want)
		}
	}
	r.shareImage(7, 2, false)
	if got := sam.get("/api/container_images?filter=owned").labels(); got != "Sam's own" {
		t.Errorf("an invitation shows %q", got)
	}
	r.shareImage(7, 2, true)
	if got := sam.get("/api/container_images?filter=owned").labels(); got != "Acme Blog Sam's own" {
		t.Errorf("a collaborator sees %q", got)
	}
	a := r.get("/api/container_images?per_page=2&page=2&filter=x")
	if got := a.labels(); got != "nginx Adminer" || a.Header.Get("Total") != "6" || a.Header.Get("Per-Page") != "2" || !strings.Contains(a.Header.Get("Link"), `page=3`) {
		t.Errorf("the second page is %q, its headers are %v", got, a.Header)
	}
	r.token(1, "images_write").get("/api/container_images").wants(403)
}

// TestImageSeen covers C41: the whole body of a public image, and who sees which image.
func TestImageSeen(t *testing.T) {
	r := newRig(t)
	const at = `"created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z"`
	env := func(id int, name, value string) string {
		return fmt.Sprintf(`{"id":%d,"container_image_id":2,"name":"%s","label":"%[2]s","param_type":"variable",%s,"env_value":"%s","static_value":null}`, id, name, at, value)
	}
	r.get("/api/container_images/2").is(200, `{"container_image":{"id":2,"active":true,"can_scale":true,"command":null,"container_image_provider_id":1,`+
		`"description":"A blog and website builder.","icon_url":"icons/stacks/wordpress.png","is_free":false,"label":"WordPress","min_cpu":"1.0","min_memory":512,`+
		`"registry_custom":null,"registry_image_path":"library/wordpress","registry_image_tag":"5.9","registry_auth":false,"registry_username":null,`+
		`"is_load_balancer":false,"role":"wordpress","role_class":"web","labels":{},"validated_tag":true,"validated_tag_updated":"2025-01-15T12:00:00.000Z",`+at+`,`+
		`"system_image":true,"available_vars":[`+systemVariables+`,"build.settings.title","dep.mysql.parameters.settings.mysql_password","dep.mysql.self.ip",`+
		`"dep.mysql.self.default_domain"],"container_image_env_params":[`+env(2, "WORDPRESS_DB_HOST", "dep.mysql.self.ip")+`,`+
		env(3, "WORDPRESS_DB_PASSWORD", "dep.mysql.parameters.settings.mysql_password")+`,`+env(4, "WORDPRESS_TITLE", "build.settings.title")+`],`+
		`"container_image_setting_params":[{"id":2,"container_image_id":2,"name":"title","label":"Title","param_type":"static","value":"My Blog",`+at+`}],`+
		`"container_image_ingress_params":[{"id":2,"port":80,"proto":"http","external_access":true,"backend_ssl":false,"tcp_proxy_opt":"none","tcp_lb":true,`+at+`,`+
		`"load_balancer_rule_id":null,"internal_load_balancer_id":null,"links":{}}],`+
		`"container_image_volume_params":[{"id":2,"label":"webroot","mount_path":"/var/www","enable_sftp":true,"borg_enabled":true,"borg_freq":"@daily",`+
		`"borg_strategy":"file","borg_keep_hourly":0,"borg_keep_daily":5,"borg_keep_weekly":2,"borg_keep_monthly":3,"borg_keep_annually":0,"borg_pre_backup":[],`+
		`"borg_pre_restore":[],"borg_post_restore":[],"borg_rollback":[],`+at+`}],`+
		`"required_containers":[1],"required_by":[],"image_url":"library/wordpress:5.9","links":{"container_image_provider":"/api/container_image_providers/1"}}}`)
	if got := r.get("/api/container_images/1").text("container_image.required_by"); got != "[2]" {
		t.Errorf("MariaDB is required by %s", got)
	}
	r.post("/api/container_images", newImage(nil)).wants(201)
	r.token(1, "images_read").get("/api/container_images/7").is(200, blogImage())
	r.token(1, "public").get("/api/container_images/7").wants(200)
	sam := r.user(2)
	for _, by := range []*rig{sam, r.token(2, "images_read"), r.token(0, "public")} {
		by.get("/api/container_images/2").wants(200)
		by.get("/api/container_images/7").refused(404, "Unknown container image")
	}
	r.shareImage(7, 2, true)
	sam.get("/api/container_images/7").is(200, blogImage())
	for _, id := range []string{"0", "8", "-1", "07", "2.0", "x", "%20", "99999999999999999999"} {
		r.get("/api/container_images/"+id).refused(404, "Unknown container image")
	}
	r.change(func(tx *engine.Tx) {
		redis := row(tx, r.a.images, 4)
		redis.Active = false
		put(tx, r.a.images, 4, redis)
	})
	r.get("/api/container_images/4").refused(404, "Unknown container image")
}

// TestImageAdded covers C42: the least and the most that an image is added with.
func TestImageAdded(t *testing.T) {
	r := newRig(t)
	r.post("/api/container_images", newImage(nil)).is(201, blogImage())
	r.advance(5e9)
	r.get("/api/container_images/7").is(200, blogImage(`"validated_tag":false,"validated_tag_updated":null`, `"validated_tag":true,"validated_tag_updated":"2026-01-15T12:00:05.000Z"`))
	const at = `"created_at":"2026-01-15T12:00:05.000Z","updated_at":"2026-01-15T12:00:05.000Z"`
	r.token(1, "images_write").post("/api/container_images", newImage(object{
		"active": false, "can_scale": true, "command": "serve", "container_image_provider_id": 1, "description": "Text", "min_cpu": 0.25, "min_memory": 256,
		"registry_auth": true, "registry_custom": "registry.example.test/", "registry_username": "acme", "tag_list": []string{"blog"},
		"is_free": true, "is_load_balancer": true, "name": "mine", "id": 3, "user_id": 2,
		"dependency_parents":        []object{{"requires_container_id": 1}},
		"setting_params_attributes": []object{{"name": "title", "label": "Title", "value": "My Blog"}, {"name": "key", "param_type": "password"}},
		"env_params_attributes": []object{
			{"name": "TITLE", "param_type": "variable", "env_value": "build.settings.title"}, {"name": "DB", "param_type": "variable", "env_value": "dep.mysql.self.ip"},
			{"name": "MODE", "static_value": "production"},
		},
		"ingress_params_attributes": []object{{"port": 80, "proto": "http", "external_access": true}},
		"volumes_attributes":        []object{{"label": "data", "mount_path": "data//x/"}},
		"volume_attributes":         []object{{"label": "more", "mount_path": "/more", "enable_sftp": false}},
	})).is(201, blogImage(`"id":7`, `"id":8`, `"active":true`, `"active":false`, `"can_scale":false`, `"can_scale":true`, `"command":null`, `"command":"serve"`,
		`"description":null`, `"description":"Text"`, `"min_cpu":"0.0","min_memory":0,"registry_custom":null`, `"min_cpu":"0.25","min_memory":256,"registry_custom":"registry.example.test/"`,
		`"registry_auth":false,"registry_username":null`, `"registry_auth":true,"registry_username":"acme"`, `"created_at":"2026-01-15T12:00:00.000Z"`, `"created_at":"2026-01-15T12:00:05.000Z"`,
		`"updated_at":"2026-01-15T12:00:00.000Z"`, `"updated_at":"2026-01-15T12:00:05.000Z"`,
		`"build.self.ec_pub_key"`, `"build.self.ec_pub_key","build.settings.title","build.settings.key","dep.mysql.parameters.settings.mysql_password","dep.mysql.self.ip","dep.mysql.self.default_domain"`,
		`"container_image_env_params":[]`, `"container_image_env_params":[`+
			`{"id":5,"container_image_id":8,"name":"TITLE","label":"TITLE","param_type":"variable",`+at+`,"env_value":"build.settings.title","static_value":null},`+
			`{"id":6,"container_image_id":8,"name":"DB","label":"DB","param_type":"variable",`+at+`,"env_value":"dep.mysql.self.ip","static_value":null},`+
			`{"id":7,"container_image_id":8,"name":"MODE","label":"MODE","param_type":"static",`+at+`,"env_value":null,"static_value":"production"}]`,
		`"container_image_setting_params":[]`, `"container_image_setting_params":[`+
			`{"id":3,"container_image_id":8,"name":"title","label":"Title","param_type":"static","value":"My Blog",`+at+`},`+
			`{"id":4,"container_image_id":8,"name":"key","label":"key","param_type":"password","value":null,`+at+`}]`,
		`"container_image_ingress_params":[]`, `"container_image_ingress_params":[{"id":7,"port":80,"proto":"http","external_access":true,"backend_ssl":false,`+
			`"tcp_proxy_opt":"none","tcp_lb":true,`+at+`,"load_balancer_rule_id":null,"internal_load_balancer_id":null,"links":{}}]`,
		`"container_image_volume_params":[]`, `"container_image_volume_params":[`+volumeJSON(4, "data", "/data/x", true, at)+`,`+volumeJSON(5, "more", "/more", false, at)+`]`,
		`"required_containers":[]`, `"required_containers":[1]`, `"image_url":"acme/blog:2.4"`, `"image_url":"registry.example.test/acme/blog:2.4"`))
	if got := r.get("/api/container_images/1").text("container_image.required_by"); got != "[2 8]" {
		t.Errorf("MariaDB is required by %s", got)
	}
	r.get("/api/container_images/8/image_relationships").is(200, `{"image_relationships":[{"id":2,"container_image_id":8,"requires_container_id":1,`+at+`}]}`)
	r.change(func(tx *engine.Tx) {
		for id, want := range map[int]string{7: "acme-blog-1", 8: "acme-blog-1"} {
			if name := row(tx, r.a.images, id).Name; !strings.HasPrefix(name, want) || (id == 7) != (name == want) {
				t.Errorf("the name of image %d is %q", id, name)
			}
		}
	})
}

// volumeJSON is a volume of an image with the defaults of its backups.
func volumeJSON(id int, label, path string, sftp bool, at string) string {
	return fmt.Sprintf(`{"id":%d,"label":"%s","mount_path":"%s","enable_sftp":%t,"borg_enabled":true,"borg_freq":"@daily","borg_strategy":"file","borg_keep_hourly":1,`+
		`"borg_keep_daily":5,"borg_keep_weekly":2,"borg_keep_monthly":3,"borg_keep_annually":1,"borg_pre_backup":[],"borg_pre_restore":[],"borg_post_restore":[],"borg_rollback":[],%s}`,
		id, label, path, sftp, at)
}

// TestImageChanged covers C43: members that are sent change, null clears texts, and a
// collaborator may do it as well.
func TestImageChanged(t *testing.T) {
	r := newRig(t)
	r.post("/api/container_images", newImage(object{"command": "serve", "description": "Text", "registry_custom": "r.example.test", "registry_username": "acme"})).wants(201)
	r.advance(6e9)
	const validated = `"validated_tag":true,"validated_tag_updated":"2026-01-15T12:00:05.000Z"`
	const pending = `"validated_tag":false,"validated_tag_updated":null`
	const before, now = `"updated_at":"2026-01-15T12:00:00.000Z"`, `"updated_at":"2026-01-15T12:00:06.000Z"`
	r.patch("/api/container_images/7", object{"container_image": object{
		"label": "Blog", "command": nil, "description": nil, "registry_custom": nil, "registry_username": nil, "container_image_provider_id": nil, "tag_list": nil,
		"env_params_attributes": []object{{"name": "X"}}, "is_free": true, "unknown": 1,
	}}).is(202, blogImage(pending, validated, before, now, "Acme Blog", "Blog"))
	r.patch("/api/container_images/7", object{"container_image": object{"registry_image_tag": "2.5", "min_cpu": 2, "min_memory": 1, "active": false, "role": "b", "role_class": "dev"}}).
		is(202, blogImage(before, now, "Acme Blog", "Blog", `"2.4"`, `"2.5"`, "blog:2.4", "blog:2.5", `"min_cpu":"0.0","min_memory":0`, `"min_cpu":"2.0","min_memory":1`,
			`"active":true`, `"active":false`, `"role":"blog","role_class":"web"`, `"role":"b","role_class":"dev"`))
	sam := r.user(2)
	change := object{"container_image": object{"label": "Sam's"}}
	sam.patch("/api/container_images/7", change).refused(404, "Unknown container image")
	r.shareImage(7, 2, false)
	sam.patch("/api/container_images/7", change).refused(404, "Unknown container image")
	r.shareImage(7, 2, true)
	if got := sam.send("PUT", "/api/container_images/7", change).wants(202).text("container_image.label"); got != "Sam's" {
		t.Errorf("the label is %q", got)
	}
	for _, id := range []string{"2", "9", "x"} {
		r.patch("/api/container_images/"+id, change).refused(404, "Unknown container image")
	}
	r.patch("/api/container_images/7", object{"container_image": object{}}).wants(202)
}

// TestImageDeleted covers C44: images in use stay, others take what belongs to them along.
func TestImageDeleted(t *testing.T) {
	r := newRig(t)
	for range 2 {
		r.post("/api/container_images", newImage(nil)).wants(201)
	}
	r.post("/api/container_images/8/image_relationships", object{"image_relationship": object{"requires_container_id": 7}}).wants(201)
	sam := r.user(2)
	sam.delete("/api/container_images/7").refused(404, "Unknown container image")
	r.shareImage(7, 2, true)
	var project Project
	r.change(func(tx *engine.Tx) {
		project = r.a.newProject(tx, Project{UserID: 1, Name: "blog", RegionID: 1})
		r.a.newService(tx, Service{ProjectID: project.ID, ImageID: 7, ProductID: 1})
	})
	for _, by := range []*rig{r, sam} {
		by.delete("/api/container_images/7").refused(422, "Unable to delete container image. There are services that use it.")
	}
	r.change(func(tx *engine.Tx) { r.a.removeProject(tx, project.ID, project.UserID) })
	sam.delete("/api/container_images/7").is(202, `{}`)
	r.get("/api/container_images/7").wants(404)
	r.delete("/api/container_images/7").refused(404, "Unknown container image")
	sam.get("/api/collaborations").is(200, `{"projects":[],"domains":[],"images":[],"registries":[]}`)
	r.get("/api/container_images/8/image_relationships").is(200, `{"image_relationships":[]}`)
	r.token(1, "images_read").delete("/api/container_images/8").wants(403)
	r.token(1, "images_write").delete("/api/container_images/8").is(202, `{}`)
	for _, id := range []string{"1", "9", "x"} {
		r.delete("/api/container_images/"+id).refused(404, "Unknown container image")
	}
}

// TestImageOfPendingOrder covers C44: an image can be deleted while an order of it waits;
// the order fails then. While its service is being built the image is in use.
func TestImageOfPendingOrder(t *testing.T) {
	r := newRig(t)
	place := func(image string) string {
		return r.post("/api/orders", orderOf("blog"+image, `{"image_id":`+image+`,"name":"blog","product_id":1}`)).wants(201).text("order.id")
	}
	for range 2 {
		r.post("/api/container_images", newImage(nil)).wants(201)
	}
	lost := place("7")
	r.delete("/api/container_images/7").is(202, `{}`)
	built := place("8")
	r.advance(2e9)
	r.delete("/api/container_images/8").refused(422, "Unable to delete container image. There are services that use it.")
	r.advance(60e9)
	for id, want := range map[string]string{lost: "failed", built: "completed"} {
		if got := r.get("/api/orders/" + id).text("order.status"); got != want {
			t.Errorf("order %s is %s, want %s", id, got, want)
		}
	}
	if a := r.get("/api/projects"); a.text("projects.0.name") != "blog8" || a.at("projects.1") != nil {
		t.Errorf("the projects are %s", a.Body)
	}
}

// TestProviders covers C51.
func TestProviders(t *testing.T) {
	r := newRig(t)
	const body = `{"id":1,"name":"DockerHub","hostname":"","is_default":true,"updated_at":"2025-01-15T12:00:00.000Z","created_at":"2025-01-15T12:00:00.000Z"}`
	a := r.token(2, "images_read").get("/api/container_image_providers")
	a.is(200, `{"container_image_providers":[`+body+`]}`)
	if a.Header.Get("Total") != "1" || a.Header.Get("Per-Page") != "30" {
		t.Errorf("the headers are %v", a.Header)
	}
	r.get("/api/container_image_providers/1").is(200, `{"container_image_provider":`+body+`}`)
	for _, id := range []string{"2", "0", "x"} {
		r.get("/api/container_image_providers/"+id).refused(404, "Unknown container image provider")
	}
	r.token(1, "public").get("/api/container_image_providers").wants(403)
}
