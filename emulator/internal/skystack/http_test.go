package skystack_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Paths that lead nowhere are a 404 in JSON, never a redirect (S75; 7.4).
func TestPathsThatLeadNowhere(t *testing.T) {
	for path, hint := range map[string]string{
		"/":                                 "openapi.json",
		"/v1":                               "openapi.json",
		"/v2/instances":                     "openapi.json",
		"/V1/instances":                     "openapi.json",
		"/v1/instances/":                    "trailing slash",
		"/v1/instances/ins_web01/":          "trailing slash",
		"//v1/instances":                    "literally",
		"/v1//instances":                    "literally",
		"/v1/instances//actions":            "literally",
		"/v1/../v1/instances":               "literally",
		"/v1/./instances":                   "literally",
		"/v1/instances/..":                  "",
		"/v1/instances/a/b":                 "openapi.json",
		"/v1/instances/a%2Fb":               "openapi.json",
		"/v1/instances/a%2Fb/actions":       "openapi.json",
		"/v1/instances/ins_web01/actions/x": "openapi.json",
		"/healthz/":                         "trailing slash",
		"/v1/%69nstances/x/y":               "openapi.json",
	} {
		t.Run(path, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start()
				for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"} {
					if path == "/v1/instances/.." && method != "GET" {
						continue // an id like any other
					}
					reply := s.Send(method, path, "").Wants(404).Header("Location", "")
					if method == "OPTIONS" {
						continue
					}
					if code := reply.Text("error.code"); code != "route_not_found" && path != "/v1/instances/.." {
						t.Errorf("%s: code %s", reply.What, code)
					}
					if message := reply.Text("error.message"); !strings.Contains(message, hint) {
						t.Errorf("%s: message %q, want %q in it", reply.What, message, hint)
					}
				}
			})
		})
	}
}

// A method that a path does not offer is a 405 that lists those it does; OPTIONS
// lists them too (S7: there is no PUT; 7.4).
func TestMethods(t *testing.T) {
	for path, allow := range map[string]string{
		"/v1/instances":                   "GET, HEAD, OPTIONS, POST",
		"/v1/compute/instances":           "GET, HEAD, OPTIONS, POST",
		"/v1/instances/ins_web01":         "DELETE, GET, HEAD, OPTIONS, PATCH",
		"/v1/instances/ins_web01/actions": "GET, HEAD, OPTIONS, POST",
		"/v1/actions/act_1":               "GET, HEAD, OPTIONS",
		"/v1/projects/prj_web":            "DELETE, GET, HEAD, OPTIONS, PATCH",
		"/v1/regions":                     "GET, HEAD, OPTIONS",
		"/healthz":                        "GET, HEAD, OPTIONS",
	} {
		t.Run(path, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start()
				s.Send(http.MethodOptions, path, "").Wants(204).Header("Allow", allow).Header("Content-Type", "")
				s.As("").Send(http.MethodOptions, path, "").Wants(204).Header("Allow", allow)
				for _, method := range []string{"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "TRACE", "PROPFIND", "get", "X"} {
					if strings.Contains(", "+allow+",", ", "+method+",") {
						continue
					}
					s.As("").Send(method, path, "").Refused(405, "method_not_allowed").Header("Allow", allow)
				}
			})
		})
	}
}

// HEAD is GET without its body, errors included (7.4).
func TestHead(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for _, path := range []string{"/v1/instances", "/v1/instances/ins_web01", "/v1/instances/none", "/v1/instances?limit=0", "/openapi.yaml"} {
			get, head := start(frozen()).Get(path), start(frozen()).Send(http.MethodHead, path, "")
			head.Wants(get.Status)
			if len(head.Body) != 0 {
				t.Errorf("HEAD %s has the body %s", path, head.Body)
			}
			if want := strconv.Itoa(len(get.Body)); head.Head.Get("Content-Length") != want {
				t.Errorf("HEAD %s: Content-Length %q, want %s", path, head.Head.Get("Content-Length"), want)
			}
			for name, want := range get.Head {
				if got := head.Head[name]; strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("HEAD %s: %s is %q, GET has %q", path, name, got, want)
				}
			}
		}
		if reply := start().Send(http.MethodHead, "/nowhere", "").Wants(404); len(reply.Body) != 0 {
			t.Errorf("HEAD /nowhere has the body %s", reply.Body)
		}
	})
}

// An id may be written with escapes it does not need, and one with an escaped
// slash is no id (7.4).
func TestEscapedPaths(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start()
		s.Get("/v1/instances/ins%5Fweb01").Wants(200).Has("id", "ins_web01")
		s.Get("/v1/instances/%69ns_web01/actions").Wants(200)
		s.Get("/v1/instances/a%20b").Refused(404, "instance_not_found")
		s.Get("/v1/instances/%00").Refused(404, "instance_not_found")
		s.Get("/v1/instances/%ff").Refused(404, "instance_not_found")
		s.Get("/v1/instances/%25").Refused(404, "instance_not_found")
		s.Get("/v1/instances/%2F").Refused(404, "route_not_found")
		s.Get("/v1/instances/ins_web01%2Factions").Refused(404, "route_not_found")
	})
}

// The one response outside 2xx without a body (S75): nothing has changed.
func TestNotModified(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen())
		for _, path := range []string{"/v1/instances/ins_web01", "/v1/projects/prj_web"} {
			tag := s.Get(path).Wants(200).Head.Get("ETag")
			if !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) {
				t.Fatalf("%s: ETag %s", path, tag)
			}
			for _, sent := range []string{tag, "W/" + tag, "*", `"other", ` + tag, tag + `,"other"`} {
				reply := s.Get(path, "If-None-Match", sent).Wants(304).Header("ETag", tag).Header("Content-Type", "").Header("Content-Length", "")
				if len(reply.Body) != 0 {
					t.Errorf("%s: the 304 has the body %s", path, reply.Body)
				}
				s.Send(http.MethodHead, path, "", "If-None-Match", sent).Wants(304)
			}
			for _, sent := range []string{`"other"`, strings.Trim(tag, `"`), "", `W/"other"`} {
				s.Get(path, "If-None-Match", sent).Wants(200)
			}
			s.Get(path, "If-None-Match", `"other"`, "If-None-Match", tag).Wants(304)
			s.Patch(path, `{"name":"new"}`).Wants(200)
			s.Get(path, "If-None-Match", tag).Wants(200)
		}
		s.Get("/v1/instances/none", "If-None-Match", "*").Refused(404, "instance_not_found")
		s.Post("/v1/instances", goodBody, "If-None-Match", "*").Wants(201)
	})
}

// What an Accept header lets in (7.3).
func TestAccept(t *testing.T) {
	for accept, ok := range map[string]bool{
		"application/json": true, "APPLICATION/JSON": true, "*/*": true, "application/*": true, "application/json; charset=utf-8": true,
		"text/html, application/json;q=0.1": true, "text/html,*/*;q=0.8": true, "application/json;indent=2": true, "*/*;q=0.001": true,
		"text/html,, application/json": true, "": true, " , ": true, "application/json;q=1.0, */*;q=0": true,
		"text/html": false, "application/xml": false, "application/jsonp": false, "text/*": false, "application/json;q=0": false,
		"application/json;q=0, */*": false, "application/*;q=0, */*": false, "*/*;q=0": false, "application/json; q=0.000": false,
		"json": false, "/": false, "application/vnd.api+json": false,
	} {
		t.Run(accept, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start()
				for _, reply := range []*wire.Reply{s.Get("/v1/projects", "Accept", accept), s.Get("/healthz", "Accept", accept), s.Get("/v1/instances/none", "Accept", accept)} {
					if ok == (reply.Status == 406) {
						t.Errorf("%s: got %d", reply.What, reply.Status)
					}
				}
			})
		})
	}
	s := wire.Start(t)
	s.Get("/v1/projects", "Accept", "text/html", "Accept", "application/json").Wants(200)
	s.Get("/v1/projects", "Accept", "text/html", "Accept", "text/plain").Refused(406, "not_acceptable").Header("Content-Type", "application/json; charset=utf-8")
	s.Get("/openapi.yaml", "Accept", "application/yaml").Wants(200).Header("Content-Type", "application/yaml")
	s.Get("/openapi.yaml", "Accept", "application/json").Refused(406, "not_acceptable")
	// A refused creation creates nothing.
	s.Post("/v1/projects", `{"name":"nobody"}`, "Accept", "text/html").Wants(406)
	for _, name := range s.Get("/v1/projects").Strings("data", "name") {
		if name == "nobody" {
			t.Error("the refused request made a project")
		}
	}
}

// Targets and headers that are too long to be meant (7.3, 7.4).
func TestSizes(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start()
		const fixed = len("/v1/instances?word=")
		s.Get("/v1/instances?word=" + strings.Repeat("a", 8<<10-fixed)).Wants(200)
		s.Get("/v1/instances?word="+strings.Repeat("a", 8<<10-fixed+1)).Refused(414, "uri_too_long")
		s.Get("/"+strings.Repeat("a", 8<<10)).Refused(414, "uri_too_long")
		s.Get("/v1/instances", "X-Padding", strings.Repeat("a", 15<<10)).Wants(200)
		s.Get("/v1/instances", "X-Padding", strings.Repeat("a", 16<<10)).Refused(431, "headers_too_large")
		many := []string{}
		for n := range 1000 {
			many = append(many, "X-"+strconv.Itoa(n), "0123456789")
		}
		s.Get("/v1/instances", many...).Refused(431, "headers_too_large")
		s.Get("/v1/instances", "Host", "evil.test", "X-Padding", strings.Repeat("a", 16<<10)).Refused(403, "host_not_allowed")
		s.Get("/v1/instances").Wants(200)
	})
}
