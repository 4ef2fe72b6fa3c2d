package skystack_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

const fullBody = `{"name":"web-1","region":"eu-west-1","size":"standard-4","image":"debian-13","project_id":"prj_default",
 "autoscale":{"max":5,"target_cpu":70},"network":{"subnet":"subnet-a","public_ip":true,"firewall_ids":["fw-web","fw-db"]},
 "storage":[{"size_gb":100,"type":"nvme"},{"size_gb":500}],"labels":{"tier":"web","b":"<&>"},
 "metadata":{"z":9007199254740993,"owner":{"team":"search","pager":7},"a":[1, 2.50, null]}}`

// The ids and addresses below are those of seed 1: whoever changes them breaks
// the recordings of users.
const (
	smallestMade = `{"id":"ins_00000nEGi5u","name":"worker-b","status":"provisioning","status_reason":null,"project_id":"prj_default",` +
		`"region":"us-east-1","size":"standard-2","profile":"standard-2","image":"ubuntu-24.04","ip":null,"autoscale":false,"autoscale_policy":null,` +
		`"network":{"state":"pending","private_ip":null,"public_ip":null,"subnet":null,"firewall_ids":[]},"storage":[],"labels":{},"metadata":{},` +
		`"pending_action":"act_00000MTnAbP","version":1,"created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
	largestMade = `{"id":"ins_00000nEGi5u","name":"web-1","status":"provisioning","status_reason":null,"project_id":"prj_default",` +
		`"region":"eu-west-1","size":"standard-4","profile":"standard-4","image":"debian-13","ip":null,"autoscale":true,` +
		`"autoscale_policy":{"id":"asp_00000Xl17C7","enabled":true,"min":1,"max":5,"target_cpu":70,"cooldown_seconds":300},` +
		`"network":{"state":"pending","private_ip":null,"public_ip":null,"subnet":"subnet-a","firewall_ids":["fw-web","fw-db"]},` +
		`"storage":[{"size_gb":100,"type":"nvme"},{"size_gb":500,"type":"ssd"}],"labels":{"tier":"web","b":"<&>"},` +
		`"metadata":{"z":9007199254740993,"owner":{"team":"search","pager":7},"a":[1,2.50,null]},` +
		`"pending_action":"act_00000MTnAbP","version":1,"created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
)

// TestCreatedInstanceInFull holds every byte of a 201 under a frozen clock and
// seed 1, of the smallest body and of the largest, and of the instance when it
// runs (S6, S9, S50, S51, S53, S54).
func TestCreatedInstanceInFull(t *testing.T) {
	runs := strings.NewReplacer(`"provisioning"`, `"running"`, `"ip":null`, `"ip":"10.24.8.32"`, `"pending","private_ip":null`, `"attached","private_ip":"10.24.8.32"`,
		`"act_00000MTnAbP"`, `null`, `"version":1`, `"version":2`, `"updated_at":"2026-03-19T10:22:44Z"`, `"updated_at":"2026-03-19T10:22:47Z"`)
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for body, want := range map[string]string{`{"name":"worker-b","region":"us-east-1","size":"standard-2"}`: smallestMade, fullBody: largestMade} {
			s := start(frozen(), emulator.WithFixture("empty"))
			r := s.Post("/v1/instances", body).Wants(201)
			if got := string(r.Body); got != want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
			r.Header("Location", "/v1/instances/ins_00000nEGi5u").Header("ETag", `"1.2026-01-15"`).Header("Date", "Thu, 19 Mar 2026 10:22:44 GMT").
				Header("Content-Type", "application/json; charset=utf-8").Header("SkyStack-Version", "2026-01-15")
			if got := string(s.Get("/v1/instances/ins_00000nEGi5u").Wants(200).Body); got != want {
				t.Errorf("GET gives\n%s, want\n%s", got, want)
			}
			advanceClock(s, 3e9)
			want = runs.Replace(want)
			if body == fullBody {
				want = strings.Replace(want, `"public_ip":null`, `"public_ip":"198.18.8.32"`, 1)
			}
			if got := string(s.Get("/v1/instances/ins_00000nEGi5u").Body); got != want {
				t.Errorf("when it runs it is\n%s, want\n%s", got, want)
			}
		}
	})
}

// Both path families are one collection (S17), and Location stays in the family
// the client came by.
func TestPathFamilies(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		printed := `{"name": "worker-eu-01", "profile": "c4-standard", "region": "eu-central", "autoscale": true}`
		for family, other := range map[string]string{"/v1/instances": "/v1/compute/instances", "/v1/compute/instances": "/v1/instances"} {
			r := s.Post(family, printed).Wants(201).Has("size", "c4-standard").Has("profile", "c4-standard").Has("autoscale", true).
				Has("image", "ubuntu-24.04") // S18
			id := r.Text("id")
			r.Header("Location", family+"/"+id)
			if got := s.Get(other + "/" + id).Wants(200); string(got.Body) != string(r.Body) {
				t.Errorf("by the other path it is %s", got.Body)
			}
			advanceClock(s, 3e9)
			s.Patch(other+"/"+id, `{"name":"renamed"}`).Wants(200)
			s.Post(other+"/"+id+"/actions", `{"type":"stop"}`).Wants(202)
			s.Get(family+"/"+id+"/actions").Has("pagination.total", 2)
			s.Get(family+"/"+id).Has("name", "renamed").Has("status", "stopping")
			s.Get(other).Has("data.0.id", id)
			s.Delete(other + "/" + id).Wants(204)
			s.Get(family+"/"+id).Refused(404, "instance_not_found")
		}
		s.Post("/v1/instances:batch", `{}`).Refused(404, "route_not_found") // S14
		s.Post("/v1/instances/batch", `{}`).Refused(405, "method_not_allowed")
	})
}

// Size, profile and machine_type are one thing by three names (S17, S49).
func TestSizeByThreeNames(t *testing.T) {
	s := wire.Start(t, emulator.WithFixture("empty"))
	for members, want := range map[string]string{
		`"size":"standard-2"`:                        "standard-2",
		`"profile":"standard-2"`:                     "standard-2",
		`"machine_type":"standard-2"`:                "standard-2",
		`"size":"standard-2","profile":"standard-2"`: "standard-2",
		`"size":"standard-2","profile":"standard-2","machine_type":"standard-2"`: "standard-2",
		`"size":"standard-2","profile":"standard-4"`:                             "",
		`"profile":"standard-2","machine_type":"standard-4"`:                     "",
		`"size":"standard-2","machine_type":"standard-4"`:                        "",
		`"size":"standard-2","profile":"standard-2","machine_type":"m4-highmem"`: "",
	} {
		for _, path := range []string{"/v1/instances", "/v1/compute/instances"} {
			r := s.Post(path, `{"name":"a","region":"us-east-1",`+members+`}`)
			if want != "" {
				r.Wants(201).Has("size", want).Has("profile", want).Lacks("machine_type")
				continue
			}
			r.Refused(400, "conflicting_parameters").Has("error.details.0.field", "size").Has("error.details.1.field", "profile").
				Has("error.details.2.field", "machine_type").Has("error.details.0.location", "body")
		}
	}
	id := made(s, "a", "")
	advanceClock(s, 3e9)
	act(s, id, `{"type":"stop"}`)
	advanceClock(s, 2e9)
	s.Post("/v1/instances/"+id+"/actions", `{"type":"resize","size":"standard-2","profile":"standard-4"}`).Refused(400, "conflicting_parameters")
	s.Post("/v1/instances/"+id+"/actions", `{"type":"resize"}`).Refused(400, "invalid_parameter").Has("error.details.0.field", "size").Has("error.details.0.code", "required")
	s.Post("/v1/instances/"+id+"/actions", `{"type":"resize","machine_type":"nano"}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "unknown_value")
	act(s, id, `{"type":"resize","machine_type":"standard-8"}`)
	advanceClock(s, 4e9)
	s.Get("/v1/instances/"+id).Has("profile", "standard-8").Has("size", "standard-8").Has("status", "stopped")
}

// What is missing or wrong in a create is listed violation by violation, all at once
// (S49, S50).
func TestViolationsOfACreate(t *testing.T) {
	good := map[string]string{"name": `"a"`, "region": `"us-east-1"`, "size": `"standard-1"`}
	body := func(change map[string]string) string {
		var members []string
		for name, value := range good {
			if _, changed := change[name]; !changed {
				members = append(members, fmt.Sprintf("%q:%s", name, value))
			}
		}
		for name, value := range change {
			if value != "" {
				members = append(members, fmt.Sprintf("%q:%s", name, value))
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("empty"))
		for _, c := range []struct {
			change map[string]string
			want   string // field:code of each violation
		}{
			{map[string]string{"name": ""}, "name:required"},
			{map[string]string{"region": ""}, "region:required"},
			{map[string]string{"size": ""}, "size:required"},
			{map[string]string{"name": "", "region": "", "size": ""}, "name:required region:required size:required"},
			{map[string]string{"name": `""`}, "name:too_short name:invalid_format"},
			{map[string]string{"name": `"` + strings.Repeat("a", 64) + `"`}, "name:too_long"},
			{map[string]string{"name": `"<script>"`}, "name:invalid_format"},
			{map[string]string{"name": `"a b"`}, "name:invalid_format"},
			{map[string]string{"name": `null`}, "name:required"},
			{map[string]string{"name": `7`}, "name:invalid_type"},
			{map[string]string{"region": `"mars-1"`}, "region:unknown_value"},
			{map[string]string{"region": `"US-EAST-1"`}, "region:invalid_format region:unknown_value"},
			{map[string]string{"size": `"nano"`}, "size:unknown_value"},
			{map[string]string{"size": "", "profile": `"nano"`}, "profile:unknown_value"},
			{map[string]string{"size": "", "machine_type": `"nano"`}, "machine_type:unknown_value"},
			{map[string]string{"image": `"beos-5"`}, "image:unknown_value"},
			{map[string]string{"region": `"mars-1"`, "size": `"nano"`, "image": `"beos-5"`}, "region:unknown_value size:unknown_value image:unknown_value"},
			{map[string]string{"name": "", "region": `"mars-1"`, "storage": `[{"size_gb":0},{"size_gb":16385,"type":"tape"},{}]`},
				"name:required storage[0].size_gb:out_of_range storage[1].size_gb:out_of_range storage[1].type:unknown_value storage[2].size_gb:required region:unknown_value"},
			{map[string]string{"storage": `[{"size_gb":1.5}]`}, "storage[0].size_gb:invalid_type"},
			{map[string]string{"storage": `{}`}, "storage:invalid_type"},
			{map[string]string{"network": `{"public_ip":"yes"}`}, "network.public_ip:invalid_type"},
			{map[string]string{"labels": `{"Bad Key":"x"}`}, "labels.Bad Key:invalid_format"},
			{map[string]string{"labels": `{"a":7}`}, "labels.a:invalid_type"},
			{map[string]string{"metadata": `[]`}, "metadata:invalid_type"},
			{map[string]string{"autoscale": `{"min":5,"max":2}`}, "autoscale.min:out_of_range"},
			{map[string]string{"project_id": `"prj_x"`}, "project_id:unknown_value"},
		} {
			for _, path := range []string{"/v1/instances", "/v1/compute/instances"} {
				r := s.Post(path, body(c.change)).Refused(400, "invalid_parameter")
				fields, codes := r.Strings("error.details", "field"), r.Strings("error.details", "code")
				var got []string
				for i := range fields {
					got = append(got, fields[i]+":"+codes[i])
					r.Has(fmt.Sprintf("error.details.%d.location", i), "body")
				}
				if !sameWords(got, strings.Fields(strings.ReplaceAll(c.want, "Bad Key", "Bad\x00Key"))) {
					t.Errorf("%v: got %q, want %q", c.change, got, c.want)
				}
			}
		}
		s.Get("/v1/instances").Has("pagination.total", 0)
	})
}

// sameWords compares without order; a NUL in want stands for a space.
func sameWords(got, want []string) bool {
	left := map[string]int{}
	for _, w := range want {
		left[strings.ReplaceAll(w, "\x00", " ")]++
	}
	for _, g := range got {
		left[g]--
	}
	for _, n := range left {
		if n != 0 {
			return false
		}
	}
	return true
}

// A catalogue that is open takes any slug, and no text that is none (S49).
func TestOpenCatalogue(t *testing.T) {
	s := wire.Start(t, emulator.WithOpenCatalog(), emulator.WithFixture("empty"))
	id := s.Post("/v1/instances", `{"name":"a","region":"mars-1","size":"nano","image":"beos-5"}`).Wants(201).
		Has("region", "mars-1").Has("size", "nano").Has("image", "beos-5").Text("id")
	s.Post("/v1/instances", `{"name":"a","region":"Mars 1","size":"nano"}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "invalid_format")
	advanceClock(s, 3e9)
	act(s, id, `{"type":"rebuild","image":"beos-6"}`)
	s.Get("/v1/images/beos-5").Refused(404, "image_not_found")
}

// The quota is of instances in the workspace, deleted ones not counted (S52).
func TestQuota(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"), emulator.WithQuota(2))
		first := made(s, "a", "")
		made(s, "b", "")
		r := s.Post("/v1/instances", goodBody).Refused(403, "quota_exceeded")
		want := `^{"error":{"code":"quota_exceeded","message":"The workspace has as many instances as its quota allows; delete one first.",` +
			`"request_id":"req_[0-9A-Za-z]{24}","details":\[{"resource":"instances","limit":2,"used":2}\]}}$`
		if !regexp.MustCompile(want).Match(r.Body) {
			t.Errorf("got %s", r.Body)
		}
		s.Post("/v1/instances", `{"name":"a"}`).Refused(400, "invalid_parameter") // a wrong request is wrong first
		s.Get("/v1/instances").Has("pagination.total", 2)
		s.Delete("/v1/instances/" + first).Wants(204)
		made(s, "c", "")
		s.Post("/v1/instances", goodBody).Refused(403, "quota_exceeded")
	})
	s := wire.Start(t, emulator.WithFixture("empty"), emulator.WithQuota(0))
	s.Post("/v1/instances", goodBody).Refused(403, "quota_exceeded").Has("error.details.0.used", 0)
	s = wire.Start(t, emulator.WithFixture("empty"), emulator.WithLimits(), emulator.WithQuota(emulator.Unlimited))
	made(s, "a", "")
	if _, err := emulator.New(emulator.WithQuota(-2)); err != nil {
		t.Errorf("any negative number is no quota: %v", err)
	}
}
