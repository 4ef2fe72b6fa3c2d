package computestacks

import (
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// kindOfParam is a kind of what an image has, as tests of all kinds use it: the item that
// an input makes in the image 7, and the one that a change makes of it.
type kindOfParam struct {
	list, item, noun string
	id               int // of the first item of the kind that is added to the default world
	input            object
	made             string
	change           object
	changed          string
}

const (
	atFirst = `"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:00.000Z"`
	atLast  = `"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:02.000Z"`
)

// kindsOfParams lists the kinds.
func kindsOfParams() []kindOfParam {
	const noBalancer = `"load_balancer_rule_id":null,"internal_load_balancer_id":null,"links":{}`
	return []kindOfParam{
		{
			"env_params", "env_param", "env param", 5, object{"name": "MODE", "static_value": "production", "env_value": "unused"},
			`{"id":5,"container_image_id":7,"name":"MODE","label":"MODE","param_type":"static",` + atFirst + `,"env_value":null,"static_value":"production"}`,
			object{"param_type": "variable", "env_value": "build.self.ip", "label": "Mode"},
			`{"id":5,"container_image_id":7,"name":"MODE","label":"Mode","param_type":"variable",` + atLast + `,"env_value":"build.self.ip","static_value":null}`,
		},
		{
			"setting_params", "setting_param", "setting param", 3, object{"name": "title", "label": "Title", "param_type": "password", "value": "x"},
			`{"id":3,"container_image_id":7,"name":"title","label":"Title","param_type":"password","value":"x",` + atFirst + `}`,
			object{"param_type": "static", "value": nil, "label": nil},
			`{"id":3,"container_image_id":7,"name":"title","label":"title","param_type":"static","value":null,` + atLast + `}`,
		},
		{
			"ingress_params", "ingress_param", "ingress param", 7, object{"port": 443, "proto": "https", "external_access": true, "backend_ssl": true, "tcp_proxy_opt": "send-proxy-v2"},
			`{"id":7,"port":443,"proto":"https","external_access":true,"backend_ssl":true,"tcp_proxy_opt":"send-proxy-v2","tcp_lb":true,` + atFirst + `,` + noBalancer + `}`,
			object{"port": 8443, "proto": "udp", "external_access": false, "backend_ssl": false, "tcp_proxy_opt": "none"},
			`{"id":7,"port":8443,"proto":"udp","external_access":false,"backend_ssl":false,"tcp_proxy_opt":"none","tcp_lb":true,` + atLast + `,` + noBalancer + `}`,
		},
		{
			"volume_params", "volume_param", "volume param", 4, object{"label": "data", "mount_path": "data/../srv//www/"},
			volumeJSON(4, "data", "/srv/www", true, atFirst),
			object{
				"label": "more", "mount_path": "/more", "enable_sftp": false, "borg_enabled": false, "borg_freq": "30 2 * * 1-5", "borg_strategy": "postgres", "borg_keep_hourly": 24,
				"borg_keep_daily": 7, "borg_keep_weekly": 4, "borg_keep_monthly": 24, "borg_keep_annually": 0, "borg_pre_backup": []string{"a"}, "borg_post_backup": []string{"b"},
				"borg_pre_restore": []string{"c"}, "borg_post_restore": []string{"d"}, "borg_rollback": []string{"e", "f"},
			},
			`{"id":4,"label":"more","mount_path":"/more","enable_sftp":false,"borg_enabled":false,"borg_freq":"30 2 * * 1-5","borg_strategy":"postgres","borg_keep_hourly":24,` +
				`"borg_keep_daily":7,"borg_keep_weekly":4,"borg_keep_monthly":24,"borg_keep_annually":0,"borg_pre_backup":["a"],"borg_pre_restore":["c"],"borg_post_restore":["d"],` +
				`"borg_rollback":["e","f"],` + atLast + `}`,
		},
		{
			"image_relationships", "image_relationship", "image relationship", 2, object{"requires_container_id": 1},
			`{"id":2,"container_image_id":7,"requires_container_id":1,` + atFirst + `}`,
			object{"requires_container_id": 4}, `{"id":2,"container_image_id":7,"requires_container_id":4,` + atLast + `}`,
		},
	}
}

// TestParams covers C45 to C50: the five operations on each kind, by the owner, a
// collaborator and everybody else.
func TestParams(t *testing.T) {
	for _, kind := range kindsOfParams() {
		t.Run(kind.list, func(t *testing.T) {
			r := newRig(t)
			r.post("/api/container_images", newImage(nil)).wants(201)
			path := "/api/container_images/7/" + kind.list
			item := fmt.Sprintf("%s/%d", path, kind.id)
			one := func(body string) string { return `{"` + kind.item + `":` + body + `}` }
			r.get(path).is(200, `{"`+kind.list+`":[]}`)
			r.token(1, "images_write").post(path, object{kind.item: kind.input}).is(201, one(kind.made))
			list := r.token(1, "images_read").get(path)
			list.is(200, `{"`+kind.list+`":[`+kind.made+`]}`)
			if list.Header.Get("Total") != "1" || list.Header.Get("Per-Page") != "30" {
				t.Errorf("the headers are %v", list.Header)
			}
			r.token(1, "public").get(item).is(200, one(kind.made))

			sam := r.user(2)
			unknown := func() {
				for _, a := range []response{
					sam.get(path), sam.get(item), sam.post(path, object{kind.item: kind.input}), sam.patch(item, object{kind.item: kind.change}), sam.delete(item),
				} {
					a.refused(404, "Unknown container image")
				}
			}
			unknown()
			r.shareImage(7, 2, false)
			unknown()
			r.shareImage(7, 2, true)
			sam.get(item).is(200, one(kind.made))
			r.advance(2e9)
			sam.patch(item, object{kind.item: kind.change}).is(202, one(kind.changed))
			r.send("PUT", item, object{kind.item: object{}}).is(202, one(kind.changed))
			shown := strings.TrimSuffix(strings.TrimPrefix(kind.changed, "{"), "}")
			if whole := r.get("/api/container_images/7").Body; kind.item != "image_relationship" && !strings.Contains(whole, shown) {
				t.Errorf("the image does not show %s: %s", shown, whole)
			}
			for _, id := range []string{"0", "1", "99", "x", "0" + fmt.Sprint(kind.id)} {
				for _, a := range []response{r.get(path + "/" + id), r.patch(path+"/"+id, object{kind.item: kind.change}), r.delete(path + "/" + id)} {
					a.refused(404, "Unknown "+kind.noun)
				}
			}
			sam.delete(item).is(202, `{}`)
			r.get(item).refused(404, "Unknown "+kind.noun)
			r.get(path).is(200, `{"`+kind.list+`":[]}`)
		})
	}
}

// TestParamsOfPublicImages covers C45: everybody reads what public images have, and
// nobody changes it.
func TestParamsOfPublicImages(t *testing.T) {
	r := newRig(t)
	application := r.token(0, "public")
	for _, kind := range kindsOfParams() {
		path := "/api/container_images/2/" + kind.list
		for _, by := range []*rig{r, application} {
			id := by.get(path).wants(200).text(kind.list + ".0.id")
			by.get(path + "/" + id).wants(200)
		}
		r.post(path, object{kind.item: kind.input}).refused(404, "Unknown container image")
		r.patch(path+"/1", object{kind.item: kind.change}).refused(404, "Unknown container image")
		r.delete(path+"/1").refused(404, "Unknown container image")
		application.post(path, object{kind.item: kind.input}).wants(403)
		r.token(1, "images_read").delete(path + "/1").wants(403)
		r.token(1, "images_write").get(path).wants(403)
	}
	r.change(func(tx *engine.Tx) {
		image := row(tx, r.a.images, 2)
		image.Active = false
		put(tx, r.a.images, 2, image)
	})
	r.get("/api/container_images/2/env_params").refused(404, "Unknown container image")
}

// TestParamsOrdered covers C46 and C47: variables and settings are listed by their names,
// other kinds in the order of creation.
func TestParamsOrdered(t *testing.T) {
	r := newRig(t)
	r.post("/api/container_images", newImage(nil)).wants(201)
	for _, kind := range []string{"env_param", "setting_param"} {
		path := "/api/container_images/7/" + kind + "s"
		for _, name := range []string{"b", "C", "a", "B"} {
			r.post(path, object{kind: object{"name": name}}).wants(201)
		}
		for n, want := range []string{"a", "b", "B", "C"} {
			if got := r.get(path).text(fmt.Sprintf("%ss.%d.name", kind, n)); got != want {
				t.Errorf("%s %d is %s, want %s", kind, n, got, want)
			}
		}
		if got := r.get(path + "?per_page=1&page=4").text(kind + "s.0.name"); got != "C" {
			t.Errorf("the last page has %s", got)
		}
	}
	r.post("/api/container_images/7/ingress_params", object{"ingress_param": object{"port": 81}}).wants(201)
	r.post("/api/container_images/7/ingress_params", object{"ingress_param": object{"port": 80}}).wants(201)
	if got := r.get("/api/container_images/7/ingress_params").text("ingress_params.0.proto"); got != "tcp" {
		t.Errorf("the default protocol is %s", got)
	}
	if got := r.get("/api/container_images/7/ingress_params").text("ingress_params.0.port"); got != "81" {
		t.Errorf("the first port is %s", got)
	}
}

// TestVariables covers C46: what a variable can be set to follows the settings and the
// required images.
func TestVariables(t *testing.T) {
	r := newRig(t)
	r.post("/api/container_images", newImage(nil)).wants(201)
	const path = "/api/container_images/7"
	variable := func(value string) response {
		return r.post(path+"/env_params", object{"env_param": object{"name": "X", "param_type": "variable", "env_value": value}})
	}
	const refusal = "Env value not a valid variable"
	variable("build.settings.title").refused(422, refusal)
	r.post(path+"/setting_params", object{"setting_param": object{"name": "title"}}).wants(201)
	variable("build.settings.title").wants(201)
	variable("dep.mysql.self.ip").refused(422, refusal)
	r.post(path+"/image_relationships", object{"image_relationship": object{"requires_container_id": 1}}).wants(201)
	for _, value := range []string{"dep.mysql.self.ip", "dep.mysql.self.default_domain", "dep.mysql.parameters.settings.mysql_password", "build.self.ec_pub_key"} {
		variable(value).wants(201)
	}
	for _, value := range []string{"", "build.self", "Build.self.ip", "dep.mysql.parameters.settings.x", "build.settings."} {
		variable(value).refused(422, refusal)
	}
	r.patch(path+"/env_params/5", object{"env_param": object{"env_value": nil}}).refused(422, refusal)
	r.patch(path+"/env_params/5", object{"env_param": object{"param_type": "static"}}).wants(202)
	r.patch(path+"/env_params/5", object{"env_param": object{"param_type": "variable"}}).wants(202)
}
