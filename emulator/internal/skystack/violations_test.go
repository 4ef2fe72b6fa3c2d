package skystack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// violation is what a response says of one violation, without its sentence.
type violation struct{ location, field, code string }

// violations lists what a response complains of; every complaint must have a
// sentence that names its field.
func violations(t *testing.T, r *wire.Reply) []violation {
	t.Helper()
	var body struct {
		Error struct {
			Message string
			Details []struct {
				Field, Location, Code, Message string
			}
		}
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	var out []violation
	for _, d := range body.Error.Details {
		if d.Message == "" || !strings.HasSuffix(d.Message, ".") || strings.Contains(d.Message, "Schema") || len(d.Message) > 300 {
			t.Errorf("%s: %q is no sentence for people", d.Field, d.Message)
		}
		out = append(out, violation{d.Location, d.Field, d.Code})
	}
	if n := len(out); n == 1 && body.Error.Message != body.Error.Details[0].Message ||
		n > 1 && body.Error.Message != fmt.Sprintf("The request has %d violations; each is listed in details.", n) {
		t.Errorf("message %q for %d violations", body.Error.Message, n)
	}
	return out
}

// Every violation of a request is in one response, each with its place (S48, S50, S75),
// and a request with violations does nothing.
func TestAllViolationsAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name, method, path, body string
		want                     []violation
	}{
		{"an empty create", "POST", "/v1/instances", `{}`, []violation{
			{"body", "name", "required"}, {"body", "region", "required"}, {"body", "size", "required"},
		}},
		{"one of everything", "POST", "/v1/instances?project_id=", `{
			"name": "-", "region": 7, "profile": "standard-99", "image": 1, "project_id": [], "autoscale": "yes",
			"network": {"public_ip": "true", "firewall_ids": [1, ""], "subnet": ""},
			"storage": [{"size_gb": 0}, {"size_gb": 16385, "type": "tape"}, {}, "disk", {"size_gb": 1.5}, {"size_gb": "10"}],
			"labels": {"a": 1, "B": "x"}, "metadata": []}`, []violation{
			{"query", "project_id", "too_short"},
			{"body", "autoscale", "invalid_type"},
			{"body", "image", "invalid_type"},
			{"body", "labels.a", "invalid_type"},
			{"body", "metadata", "invalid_type"},
			{"body", "name", "invalid_format"},
			{"body", "network.firewall_ids[0]", "invalid_type"},
			{"body", "network.firewall_ids[1]", "too_short"},
			{"body", "network.public_ip", "invalid_type"},
			{"body", "network.subnet", "too_short"},
			{"body", "project_id", "invalid_type"},
			{"body", "region", "invalid_type"},
			{"body", "storage[0].size_gb", "out_of_range"},
			{"body", "storage[1].size_gb", "out_of_range"},
			{"body", "storage[1].type", "unknown_value"},
			{"body", "storage[2].size_gb", "required"},
			{"body", "storage[3]", "invalid_type"},
			{"body", "storage[4].size_gb", "invalid_type"},
			{"body", "storage[5].size_gb", "invalid_type"},
			{"body", "profile", "unknown_value"},
			{"body", "labels.B", "invalid_format"},
		}},
		{"too long and too many", "POST", "/v1/instances",
			`{"name":"` + strings.Repeat("a", 64) + `","region":"` + strings.Repeat("a", 64) + `","size":"x","storage":[` + strings.Repeat(`{"size_gb":1},`, 16) + `{"size_gb":1}],"labels":{` + members(65) + `},"metadata":{` + members(65) + `}}`,
			[]violation{
				{"body", "labels", "too_long"}, {"body", "metadata", "too_long"}, {"body", "name", "too_long"}, {"body", "region", "invalid_format"},
				{"body", "storage", "too_long"}, {"body", "region", "unknown_value"}, {"body", "size", "unknown_value"},
			}},
		{"an autoscale policy", "POST", "/v1/instances", with(`"autoscale":{"min":0,"max":5000,"target_cpu":"60"}`), []violation{
			{"body", "autoscale.max", "out_of_range"}, {"body", "autoscale.min", "out_of_range"}, {"body", "autoscale.target_cpu", "invalid_type"},
		}},
		{"an autoscale that is neither", "POST", "/v1/instances", with(`"autoscale":[true]`), []violation{{"body", "autoscale", "invalid_type"}}},
		{"nothing but null", "POST", "/v1/instances", `{"name":null,"region":null,"size":null,"labels":null,"network":null,"storage":null}`, []violation{
			{"body", "name", "required"}, {"body", "region", "required"}, {"body", "size", "required"},
		}},
		{"an action", "POST", "/v1/instances/ins_web01/actions", `{"type":"explode","force":1}`, []violation{{"body", "force", "invalid_type"}, {"body", "type", "unknown_value"}}},
		{"a resize to nowhere", "POST", "/v1/instances/ins_web01/actions", `{"type":"resize","image":"beos"}`, []violation{{"body", "image", "unknown_value"}, {"body", "size", "required"}}},
		{"a change of what cannot change", "PATCH", "/v1/instances/ins_web01", `{"id":"x","status":"rebooting","size":"standard-4","name":""}`, []violation{
			{"body", "name", "too_short"}, {"body", "name", "invalid_format"}, {"body", "id", "immutable"}, {"body", "status", "immutable"}, {"body", "size", "immutable"},
		}},
		{"a project", "POST", "/v1/projects", `{"name":"","description":"` + strings.Repeat("x", 256) + `","environment":3}`, []violation{
			{"body", "description", "too_long"}, {"body", "environment", "invalid_type"}, {"body", "name", "too_short"},
		}},
		{"a list", "GET", "/v1/instances?limit=201&page=0&status=running,melting&sort=name&region=EU", "", []violation{
			{"query", "limit", "out_of_range"}, {"query", "page", "out_of_range"}, {"query", "status", "unknown_value"}, {"query", "sort", "unknown_value"}, {"query", "region", "invalid_format"},
		}},
		{"a list, worse", "GET", "/v1/instances?limit=ten&page=1.0&page=2&name=%zz&sort=", "", []violation{
			{"query", "name", "invalid_format"}, {"query", "limit", "invalid_type"}, {"query", "page", "invalid_type"}, {"query", "page", "repeated"}, {"query", "sort", "unknown_value"},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start(frozen())
				before := string(s.Get("/v1/instances?limit=200").Body)
				reply := s.Send(tc.method, tc.path, tc.body).Refused(400, "invalid_parameter")
				got := violations(t, reply)
				for i := range max(len(got), len(tc.want)) {
					if i >= len(got) || i >= len(tc.want) || got[i] != tc.want[i] {
						t.Errorf("violation %d differs:\ngot  %v\nwant %v\n%s", i+1, got, tc.want, reply.Body)
						break
					}
				}
				if after := string(s.Get("/v1/instances?limit=200").Body); after != before {
					t.Errorf("the refused request changed something: %s", after)
				}
			})
		})
	}
}

// members is the inside of an object of so many.
func members(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	return strings.Join(out, ",")
}

// What the contract does not know is let pass with a warning, and is an error
// where that is asked for (7.3).
func TestUnknownNames(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		body := `{"name":"a","region":"eu-central","size":"standard-1","colour":"red","network":{"speed":1},"storage":[{"size_gb":1,"raid":5}],"metadata":{"free":1},"labels":{"free":"x"}}`
		want := []violation{{"query", "colour", "unknown_parameter"}, {"body", "colour", "unknown_parameter"}, {"body", "network.speed", "unknown_parameter"}, {"body", "storage[0].raid", "unknown_parameter"}}
		warnings := []string{
			`unknown_parameter: query "colour" is ignored`, `unknown_parameter: body "colour" is ignored`,
			`unknown_parameter: body "network.speed" is ignored`, `unknown_parameter: body "storage[0].raid" is ignored`,
		}
		reply := start().Post("/v1/instances?colour=blue", body).Wants(201)
		for _, w := range warnings {
			if !strings.Contains(strings.Join(reply.Head.Values("SkyStack-Sandbox-Warning"), "\n"), w) {
				t.Errorf("warnings %q, want %q", reply.Head.Values("SkyStack-Sandbox-Warning"), w)
			}
		}
		strict := start(emulator.WithStrict())
		if got := violations(t, strict.Post("/v1/instances?colour=blue", body).Refused(400, "unknown_parameter")); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		// Beside other violations it is one of them.
		mixed := violations(t, strict.Post("/v1/instances", `{"colour":1,"name":"a","region":"eu-central"}`).Refused(400, "invalid_parameter"))
		if want := []violation{{"body", "colour", "unknown_parameter"}, {"body", "size", "required"}}; !reflect.DeepEqual(mixed, want) {
			t.Errorf("got  %v\nwant %v", mixed, want)
		}
		strict.Get("/v1/instances").Has("pagination.total", start().Get("/v1/instances").Int("pagination.total"))
	})
}

// A body that is JSON but no object is one violation (7.3: invalid_request).
func TestBodiesThatAreNoObject(t *testing.T) {
	s := wire.Start(t)
	for _, body := range []string{"[]", `"name"`, "7", "1.5", "true", "null", `[{"name":"a"}]`} {
		for _, r := range routes(t) {
			if !r.body {
				continue
			}
			reply := s.Send(r.method, r.path, body).Refused(400, "invalid_request")
			if got := violations(t, reply); !reflect.DeepEqual(got, []violation{{"body", "", "invalid_type"}}) {
				t.Errorf("%s with %s: %v", r, body, got)
			}
		}
	}
}

// No response is anything a browser would run, whatever a client called things
// (10.2 row 7).
func TestNamesAreInert(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		const script = "<script>alert(1)</script>"
		s := start()
		project := s.Post("/v1/projects", `{"name":"`+script+`","description":"`+script+`"}`).Wants(201).Has("name", script)
		for _, reply := range []*wire.Reply{
			project, s.Get("/v1/projects"), s.Get("/v1/projects/" + project.Text("id")),
			s.Post("/v1/instances", `{"name":"`+script+`","region":"eu-central","size":"standard-1"}`).Refused(400, "invalid_parameter"),
			s.Post("/v1/instances", with(`"metadata":{"x":"`+script+`"}`)).Wants(201), s.Post("/v1/instances", with(`"`+script+`":1`)).Wants(201),
			s.Get("/v1/instances/%3Cscript%3Ealert(1)%3C%2Fscript%3E").Wants(404), s.Get("/%3Cscript%3E").Wants(404), s.Get("/v1/instances?%3Cscript%3E=1").Wants(200),
			s.Get("/v1/instances?limit=%3Cscript%3E").Wants(400), s.Get("/v1/instances", "Host", "a.<script>").Wants(403), s.Get("/v1/instances", "Accept", script).Wants(406),
			s.As(script).Get("/v1/instances").Wants(401), s.Send("SCRIPT", "/v1/instances", "").Wants(405), s.Get("/healthz"), s.Get("/openapi.json"), s.Get("/openapi.yaml"),
			s.Delete("/v1/instances/ins_web02"), s.Send(http.MethodOptions, "/v1/instances", ""), s.Send(http.MethodHead, "/v1/instances", ""),
		} {
			if reply.Status >= 400 {
				reply.Header("X-Content-Type-Options", "nosniff")
			}
			if media := reply.Head.Get("Content-Type"); media != "application/json; charset=utf-8" && media != "application/yaml" && len(reply.Body) > 0 {
				t.Errorf("%s: Content-Type %q", reply.What, media)
			}
		}
	})
}
