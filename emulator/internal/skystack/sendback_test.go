package skystack_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// The bodies with everything in them, by the path that creates from them.
func fullBodies() map[string]string {
	return map[string]string{
		"/v1/instances": `{"name":"all","region":"us-east-1","size":"standard-4","image":"debian-13","project_id":"prj_default",
			"autoscale":{"enabled":true,"min":2,"max":5,"target_cpu":70,"cooldown_seconds":120},"network":{"subnet":"s1","public_ip":true,"firewall_ids":["f1"]},
			"storage":[{"size_gb":10,"type":"nvme"},{"size_gb":20,"type":"hdd"}],"labels":{"a":"1","b":"2"},"metadata":{"m":1.50,"n":{"o":[1,null]}}}`,
		"/v1/projects": `{"name":"p","description":"d","environment":"staging"}`,
		"/v1/webhooks": `{"url":"http://127.0.0.1:3000/h","event_types":["instance.*"],"project_id":"prj_default","description":"d","secret":"` + knownSecret + `",
			"signature_format":"timestamped","timeout_ms":5000,"max_in_flight":3,"honor_410":true,"auto_disable_after_seconds":3600,"insecure_tls":true,
			"sandbox":{"duplicates":0.5,"reorder":0.25,"delay_seconds":3,"wrong_signature":0.1,"old_timestamp":0.2,"rotation":0.3}}`,
		"/v1/jobs": `{"name":"j","project_id":"prj_default","enabled":false,"concurrency":"queue","trigger":{"every":"15m"},
			"condition":{"status_in":["running"],"labels":{"a":"1"},"older_than":"2h","metric":{"name":"cpu","op":"<","value":5,"for":"10m"}},
			"action":{"type":"stop","force":true,"max_targets":7,"target":{"labels":{"b":"2"}}}}`,
		"/v1/profiles": `{"slug":"own","name":"Own","vcpus":1,"memory_mb":1,"disk_gb":100}`,
		"/v1/tokens": `{"name":"t","scopes":["instances:read"],"environment":"ci","owner":"me","expires_at":"2027-01-01T00:00:00Z","api_version":"2026-01-15",
			"project_id":"prj_default"}`,
	}
}

const (
	knownSecret = "whsec_c2t5c3RhY2stc2FuZGJveC1leGFtcGxlLXNlY3JldA=="
	template    = `{"name":"t","project_id":"prj_default","trigger":{"cron":"*/5 * * * *"},"action":{"type":"create","instance":` +
		`{"name":"x","region":"us-east-1","size":"standard-4","image":"debian-13","project_id":"prj_default","autoscale":true,` +
		`"network":{"subnet":"s","public_ip":true,"firewall_ids":["f"]},"storage":[{"size_gb":1,"type":"ssd"}],"labels":{"a":"1"},"metadata":{"m":1}}}}`
)

// changeable are the paths of resources that can be patched, of each kind and in
// several states.
func changeable(s *wire.Server) []string {
	s.T.Helper()
	var out []string
	add := func(collection, body string) string {
		out = append(out, collection+"/"+s.Post(collection, body).Wants(201).Text("id"))
		return out[len(out)-1]
	}
	full := fullBodies()
	add("/v1/instances", `{"name":"least","region":"us-east-1","size":"standard-1"}`)
	stopped := add("/v1/instances", full["/v1/instances"])
	rebooting := add("/v1/instances", full["/v1/instances"])
	add("/v1/projects", full["/v1/projects"])
	out = append(out, "/v1/projects/prj_default")
	hook := add("/v1/webhooks", full["/v1/webhooks"])
	out = append(out, strings.Replace(hook, "/v1/", "/v1/projects/prj_default/", 1))
	disabled := add("/v1/webhooks", `{"url":"http://127.0.0.1:3000/h","event_types":["*"]}`)
	s.Patch(disabled, `{"status":"disabled"}`).Wants(200)
	s.Post(hook+"/rotate-secret", `{"overlap_seconds":60}`).Wants(200)
	add("/v1/jobs", full["/v1/jobs"])
	add("/v1/jobs", template)
	add("/v1/jobs", `{"name":"e","trigger":{"event":"instance.failed"},"action":{"type":"start"}}`)
	advanceClock(s, 10*time.Second)
	s.Post(stopped+"/actions", `{"type":"stop"}`).Wants(202)
	advanceClock(s, 10*time.Second)
	s.Post(rebooting+"/actions", `{"type":"reboot"}`).Wants(202)
	add("/v1/instances", full["/v1/instances"]) // provisioning
	for _, path := range out {
		if strings.HasPrefix(path, "/v1/instances/") {
			out = append(out, strings.Replace(path, "/v1/", "/v1/compute/", 1))
		}
	}
	return out
}

// Whatever a GET responded with may be sent back as it is, by every path and in
// every version, and changes nothing. One member that cannot be changed is one
// violation, which says what the value is.
func TestWholeBodiesSentBack(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		fixed := immutableMembers(t)
		for _, path := range changeable(s) {
			for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
				if version == "2025-07-01" && strings.HasPrefix(path, "/v1/compute/") {
					continue
				}
				checkSentBack(s, path, version, fixed[strings.Split(path, "/")[len(strings.Split(path, "/"))-2]])
			}
		}
	})
}

func checkSentBack(s *wire.Server, path, version string, fixed []string) {
	s.T.Helper()
	in := []string{"SkyStack-Version", version}
	before := s.Get(path, in...).Wants(200)
	for _, media := range []string{"application/json", "application/merge-patch+json"} {
		r := s.Patch(path, string(before.Body), append(in, "Content-Type", media, "If-Match", before.Head.Get("ETag"))...).Wants(200).Header("ETag", before.Head.Get("ETag"))
		if string(r.Body) != string(before.Body) || len(r.Head["Skystack-Sandbox-Warning"]) > 1 {
			s.T.Errorf("%s %s: the body sent back came as\n%s, not\n%s\n%q", path, version, r.Body, before.Body, r.Head["Skystack-Sandbox-Warning"])
		}
	}
	var body map[string]any
	if err := json.Unmarshal(before.Body, &body); err != nil {
		s.T.Fatal(err)
	}
	tried := 0
	for _, name := range fixed {
		was, read := body[name]
		if !read {
			continue
		}
		tried++
		body[name] = otherValue(was)
		r := s.Patch(path, asJSON(s.T, body), in...).Refused(400, "invalid_parameter").Has("error.details.0.field", name).Has("error.details.0.code", "immutable")
		r.Has("error.details.0.location", "body").Lacks("error.details.1")
		if now, _ := r.Find("error.details.0.current"); asJSON(s.T, now) != asJSON(s.T, was) {
			s.T.Errorf("%s %s: current is %v, not %v", path, name, now, was)
		}
		body[name] = was
	}
	if tried < 5 {
		s.T.Errorf("%s: only %d members that cannot be changed were read", path, tried)
	}
	if after := s.Get(path, in...); string(after.Body) != string(before.Body) {
		s.T.Errorf("%s: what was refused has changed it:\n%s\n%s", path, before.Body, after.Body)
	}
}

// otherValue is another value of the same type, as far as there is one.
func otherValue(v any) any {
	switch v := v.(type) {
	case string:
		return v + "x"
	case bool:
		return !v
	case float64:
		return v + 1
	case map[string]any:
		return map[string]any{"enabled": "another"}
	}
	return "another"
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// immutableMembers are those of the contract, by collection.
func immutableMembers(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for path, item := range document(t).Paths.Map() {
		if item.Patch == nil {
			continue
		}
		words := strings.Split(path, "/")
		list, _ := item.Patch.RequestBody.Value.Content["application/json"].Schema.Value.Extensions["x-immutable"].([]any)
		var names []string
		for _, name := range list {
			names = append(names, name.(string))
		}
		out[words[len(words)-2]] = names
	}
	return out
}

// A member that cannot be changed may be named in any notation of its value, and a
// secret by who has kept it; no error shows one.
func TestSentBackInAnotherNotation(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	id := made(s, "a", "")
	for _, body := range []string{
		`{"version":1.0}`, `{"created_at":"2026-03-19T10:22:44.000Z"}`, `{"created_at":"2026-03-19T11:22:44+01:00"}`, `{"machine_type":"standard-1"}`,
		`{"autoscale_policy":null,"ip":null,"network":{"state":"pending","private_ip":null}}`, `{"network":{"state":"pending","subnet":null}}`,
	} {
		s.Patch("/v1/instances/"+id, body).Wants(200).Has("version", 1)
	}
	hook := s.Post("/v1/webhooks", fullBodies()["/v1/webhooks"]).Wants(201)
	path := "/v1/webhooks/" + hook.Text("id")
	s.Patch(path, string(hook.Body)).Wants(200).Has("version", 1).Lacks("secret")
	r := s.Patch(path, `{"secret":"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "immutable")
	if strings.Contains(string(r.Body), "whsec_") {
		t.Errorf("an error shows a secret: %s", r.Body)
	}
}

// The address that was leased may be sent back with other changes of the network; it
// cannot be chosen.
func TestPublicAddressSentBack(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, subnet: s1, public_ip: true", "id: ins_b"))
	address := s.Get("/v1/instances/ins_a").Text("network.public_ip")
	s.Patch("/v1/instances/ins_a", `{"network":{"subnet":"s2","public_ip":"`+address+`"}}`).Wants(200).Has("network.public_ip", address).Has("network.subnet", "s2").Has("version", 2)
	s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":"198.18.9.9"}}`).Refused(400, "invalid_parameter").
		Has("error.details.0.field", "network.public_ip").Has("error.details.0.code", "immutable").Has("error.details.0.current", address)
	s.Patch("/v1/instances/ins_b", `{"network":{"public_ip":"`+address+`"}}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "immutable").Has("error.details.0.current", nil)
	s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":"yes"}}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "invalid_type")
	s.Patch("/v1/instances/ins_a", `{"network":{"public_ip":null}}`).Wants(200).Has("network.public_ip", nil)
}

// A patch of what is not there is a 404, whatever it sends back.
func TestSentBackToNothing(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	body := string(s.Get("/v1/instances/" + made(s, "a", "")).Body)
	s.Patch("/v1/instances/ins_none", body).Refused(404, "instance_not_found")
	s.Patch("/v1/instances/ins_none", `{"id":7,"name":""}`).Refused(400, "invalid_parameter").Has("error.details.0.field", "name")
}
