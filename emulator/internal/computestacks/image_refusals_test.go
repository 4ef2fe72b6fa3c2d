package computestacks

import (
	"strings"
	"testing"
)

// refusedInput is an input that is refused, and what the 422 says.
type refusedInput struct {
	input any
	want  []string
}

// says is a refusal with messages.
func says(input any, want ...string) refusedInput { return refusedInput{input, want} }

// TestImagesRefused covers C42 and C43: every refusal of an image, when it is added and
// when it is changed.
func TestImagesRefused(t *testing.T) {
	r := newRig(t)
	r.post("/api/container_images", newImage(nil)).wants(201)
	const path = "/api/container_images"
	for _, body := range []any{object{}, object{"label": "x"}, object{"container_image": nil}, object{"container_image": "x"}} {
		r.post(path, body).refused(400, "param is missing or the value is empty: container_image")
		r.patch(path+"/7", body).refused(400, "param is missing or the value is empty: container_image")
	}
	r.post(path, object{"container_image": object{}}).refused(422,
		"Label can't be blank", "Registry image path can't be blank", "Registry image tag can't be blank", "Role can't be blank", "Role class can't be blank")
	for _, at := range []refusedInput{
		says(object{"label": "  "}, "Label can't be blank"),
		says(object{"label": nil}, "Label can't be blank"),
		says(object{"label": strings.Repeat("x", 256)}, "Label is too long (maximum is 255 characters)"),
		says(object{"registry_image_path": " "}, "Registry image path can't be blank"),
		says(object{"registry_image_tag": " "}, "Registry image tag can't be blank"),
		says(object{"role": "\t"}, "Role can't be blank"),
		says(object{"label": " ", "role": " "}, "Label can't be blank", "Role can't be blank"),
		says(object{"role_class": "worker"}, "Role class is not included in the list"),
		says(object{"min_cpu": -0.5}, "Min cpu must be greater than or equal to 0"),
		says(object{"min_cpu": "much"}, "Min cpu is not a number"),
		says(object{"min_memory": -1}, "Min memory must be greater than or equal to 0"),
		says(object{"min_memory": "much"}, "Min memory is not a number"),
		says(object{"container_image_provider_id": 9}, "Container image provider must exist"),
		says(object{"min_memory": -1, "role_class": "x"}, "Min memory must be greater than or equal to 0", "Role class is not included in the list"),
	} {
		in, _ := at.input.(object)
		r.post(path, newImage(in)).refused(422, at.want...)
		r.patch(path+"/7", object{"container_image": in}).refused(422, at.want...)
	}
	for _, at := range []refusedInput{
		says(object{"dependency_parents": []object{{"requires_container_id": 99}}}, "You do not have permission to link this image."),
		says(object{"dependency_parents": []object{{"requires_container_id": 1}, {"requires_container_id": 1}}}, "These images are already linked."),
		says(object{"env_params_attributes": []object{{"name": " "}}}, "Name can't be blank"),
		says(object{"env_params_attributes": []object{{"label": "x"}}}, "Name can't be blank"),
		says(object{"env_params_attributes": []object{{"name": "X", "param_type": "variable", "env_value": "x"}}}, "Env value not a valid variable"),
		says(object{"setting_params_attributes": []object{{"name": "x", "param_type": "variable"}}}, "Param type is not included in the list"),
		says(object{"ingress_params_attributes": []object{{"port": 80}, {"port": 80, "proto": "udp"}}}, "Port port is already assigned to container image"),
		says(object{"volumes_attributes": []object{{"label": "a", "mount_path": "/a"}, {"label": "b", "mount_path": "/b/../a/"}}}, "Mount path already exists"),
		says(object{"volumes_attributes": []object{{"label": "a", "mount_path": "/a"}}, "volume_attributes": []object{{"label": "b", "mount_path": "a"}}}, "Mount path already exists"),
		says(object{"volumes_attributes": []object{{"label": "a", "mount_path": "/a", "borg_freq": "often"}}, "label": " "}, "Label can't be blank", "Borg freq is invalid"),
	} {
		in, _ := at.input.(object)
		r.post(path, newImage(in)).refused(422, at.want...)
	}
	if got := r.get(path + "?filter=owned").labels(); got != "Acme Blog" {
		t.Errorf("after refusals the images are %q", got)
	}
	r.get(path+"/7").is(200, blogImage())
}

// paramsRefused lists the refusals of each kind of what an image has. The image has one
// item of the kind already, and another one can be added.
func paramsRefused() map[string][]refusedInput {
	long := strings.Repeat("x", 256)
	return map[string][]refusedInput{
		"env_param": {
			says(object{"name": ""}, "Name can't be blank"), says(object{"name": " "}, "Name can't be blank"), says(object{"name": nil}, "Name can't be blank"),
			says(object{"name": long}, "Name is too long (maximum is 255 characters)"),
			says(object{"name": "X", "param_type": "password"}, "Param type is not included in the list"),
			says(object{"name": "X", "param_type": "variable"}, "Env value not a valid variable"),
			says(object{"name": " ", "param_type": "variable", "env_value": "x"}, "Name can't be blank", "Env value not a valid variable"),
		},
		"setting_param": {
			says(object{"name": ""}, "Name can't be blank"), says(object{"name": " "}, "Name can't be blank"), says(object{"name": nil}, "Name can't be blank"),
			says(object{"name": long}, "Name is too long (maximum is 255 characters)"),
			says(object{"name": "x", "param_type": "variable"}, "Param type is not included in the list"),
		},
		"ingress_param": {
			says(object{"port": nil}, "Port can't be blank"), says(object{"port": "http"}, "Port is not a number"), says(object{"port": 80.5}, "Port is not a number"),
			says(object{"port": 0}, "Port must be greater than or equal to 1"), says(object{"port": 65536}, "Port must be less than or equal to 65535"),
			says(object{"port": 82, "proto": "icmp"}, "Proto is not included in the list"),
			says(object{"port": 82, "tcp_proxy_opt": "v3"}, "Tcp proxy opt is not included in the list"),
			says(object{"port": 83}, "Port port is already assigned to container image"),
			says(object{"port": 83, "proto": "udp"}, "Port port is already assigned to container image"),
		},
		"volume_param": {
			says(object{"label": "", "mount_path": "/x"}, "Label can't be blank"), says(object{"label": " ", "mount_path": " "}, "Label can't be blank", "Mount path can't be blank"),
			says(object{"label": nil, "mount_path": nil}, "Label can't be blank", "Mount path can't be blank"),
			says(object{"label": "x", "mount_path": "/other"}, "Mount path already exists"), says(object{"label": "x", "mount_path": "other/."}, "Mount path already exists"),
			says(object{"label": "x", "mount_path": "/x", "borg_strategy": "tar"}, "Borg strategy is not included in the list"),
			says(object{"label": "x", "mount_path": "/x", "borg_freq": "@yearly"}, "Borg freq is invalid"),
			says(object{"label": "x", "mount_path": "/x", "borg_freq": "* * *"}, "Borg freq is invalid"),
			says(object{"label": "x", "mount_path": "/x", "borg_freq": "61 * * * *"}, "Borg freq is invalid"),
			says(object{"label": "x", "mount_path": "/x", "borg_freq": "TZ=UTC 1 * * * *"}, "Borg freq is invalid"),
			says(object{"label": "x", "mount_path": "/x", "borg_keep_hourly": 25}, "Borg keep hourly must be less than or equal to 24"),
			says(object{"label": "x", "mount_path": "/x", "borg_keep_daily": 8}, "Borg keep daily must be less than or equal to 7"),
			says(object{"label": "x", "mount_path": "/x", "borg_keep_weekly": 5}, "Borg keep weekly must be less than or equal to 4"),
			says(object{"label": "x", "mount_path": "/x", "borg_keep_monthly": 25}, "Borg keep monthly must be less than or equal to 24"),
			says(object{"label": "x", "mount_path": "/x", "borg_keep_monthly": -1}, "Borg keep monthly must be greater than or equal to 0"),
			says(object{"label": "x", "mount_path": "/x", "borg_keep_annually": "x"}, "Borg keep annually is not a number"),
		},
		"image_relationship": {
			says(object{"requires_container_id": nil}, "Requires container can't be blank"), says(object{"requires_container_id": "x"}, "Requires container is not a number"),
			says(object{"requires_container_id": 3}, "These images are already linked."),
			says(object{"requires_container_id": 7}, "You do not have permission to link this image."),
			says(object{"requires_container_id": 8}, "You do not have permission to link this image."),
			says(object{"requires_container_id": 99}, "You do not have permission to link this image."),
			says(object{"requires_container_id": 0}, "You do not have permission to link this image."),
		},
	}
}

// TestParamsRefused covers C46 to C50: every refusal of each kind, when an item is added
// and when it is changed. An image of another user cannot be required.
func TestParamsRefused(t *testing.T) {
	others := map[string]object{
		"env_param": {"name": "OTHER"}, "setting_param": {"name": "other"}, "ingress_param": {"port": 83}, "volume_param": {"label": "other", "mount_path": "/other"},
		"image_relationship": {"requires_container_id": 3},
	}
	missing := map[string][]string{
		"env_param": {"Name can't be blank"}, "setting_param": {"Name can't be blank"}, "ingress_param": {"Port can't be blank"},
		"volume_param": {"Label can't be blank", "Mount path can't be blank"}, "image_relationship": {"Requires container can't be blank"},
	}
	for _, kind := range kindsOfParams() {
		t.Run(kind.list, func(t *testing.T) {
			r := newRig(t)
			r.post("/api/container_images", newImage(nil)).wants(201)
			r.user(2).post("/api/container_images", newImage(nil)).wants(201)
			path := "/api/container_images/7/" + kind.list
			item := path + "/" + r.post(path, object{kind.item: kind.input}).wants(201).text(kind.item+".id")
			r.post(path, object{kind.item: others[kind.item]}).wants(201)
			before := r.get(path).Body
			for _, body := range []any{object{}, kind.input, object{kind.item: nil}, object{kind.item: []int{}}} {
				r.post(path, body).refused(400, "param is missing or the value is empty: "+kind.item)
				r.patch(item, body).refused(400, "param is missing or the value is empty: "+kind.item)
			}
			r.post(path, object{kind.item: object{}}).refused(422, missing[kind.item]...)
			for _, at := range paramsRefused()[kind.item] {
				r.post(path, object{kind.item: at.input}).refused(422, at.want...)
				r.patch(item, object{kind.item: at.input}).refused(422, at.want...)
			}
			if after := r.get(path).Body; after != before {
				t.Errorf("after refusals there is\n%s\nwant\n%s", after, before)
			}
			r.patch(item, object{kind.item: kind.input}).wants(202) // what it has already is no clash
		})
	}
}
