package skystack_test

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S2, S67: which versions there are is told without a key, by both addresses;
// the path has one version, v1.
func TestVersionsAreListedS2(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12()).As("")
		for _, path := range []string{"/v1/version", "/version"} {
			const want = `{"api":"v1","version":"` + emulator.Version + `","default":"2026-01-15","supported":["2025-07-01","2026-01-15","2026-10-01"],` +
				`"deprecated":["2025-07-01"],"preview":["2026-10-01"],"next_reset_at":null}`
			if got := string(s.Get(path).Wants(200).Body); got != want {
				t.Errorf("%s: got %s, want %s", path, got, want)
			}
		}
		for _, path := range []string{"/v2", "/v2/instances", "/v0/version"} {
			s.Get(path).Refused(404, "route_not_found")
		}
	})
}

// S67; 6.4: the header's version counts, else the one the key is pinned to, else
// the default. What was used is told in every response.
func TestWhichVersionCountsS67(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"), emulator.WithRateLimit(emulator.RateLimit{PerMinute: 9}), emulator.WithKey(emulator.Key{Token: "plain"}),
			emulator.WithKey(emulator.Key{Token: "pages", APIVersion: "2025-07-01"}), emulator.WithKey(emulator.Key{Token: "cursors", APIVersion: "2026-10-01"}),
			emulator.WithKey(emulator.Key{Token: "pinned", APIVersion: "2026-01-15"}))
		for _, tc := range []struct{ key, header, want string }{
			{"plain", "-", "2026-01-15"}, {"plain", "2025-07-01", "2025-07-01"}, {"plain", "2026-01-15", "2026-01-15"}, {"plain", "2026-10-01", "2026-10-01"},
			{"pages", "-", "2025-07-01"}, {"pages", "2026-01-15", "2026-01-15"}, {"pages", "2026-10-01", "2026-10-01"},
			{"cursors", "-", "2026-10-01"}, {"cursors", "2025-07-01", "2025-07-01"}, {"pinned", "-", "2026-01-15"},
		} {
			r := s.As(tc.key).Get("/v1/instances?limit=1", "SkyStack-Version", tc.header).Wants(200).
				Header("SkyStack-Version", tc.want).Header("Vary", "SkyStack-Version")
			_, cursor := r.Find("next_cursor")
			_, page := r.Find("pagination.page")
			if wantCursor, wantPage := tc.want != "2025-07-01", tc.want != "2026-10-01"; cursor != wantCursor || page != wantPage {
				t.Errorf("%s, %s: cursor %v, page %v", tc.key, tc.header, cursor, page)
			}
			s.As(tc.key).Get("/v1/instances/none", "SkyStack-Version", tc.header).Refused(404, "instance_not_found").
				Header("SkyStack-Version", tc.want).Header("Vary", "SkyStack-Version")
		}
		cursors := s.As("cursors")
		cursors.Post("/v1/instances", "{").Refused(400, "invalid_json").Header("SkyStack-Version", "2026-10-01")
		cursors.Get("/v1/instances", "Accept", "text/html").Refused(406, "not_acceptable").Header("SkyStack-Version", "2026-10-01")
		cursors.Patch("/v1/instances/ins_123", `{"name":"n"}`, "If-Match", `"1.2026-01-15"`).Refused(412, "precondition_failed").Header("SkyStack-Version", "2026-10-01")
		cursors.Get("/v1/instances/ins_123", "If-None-Match", `"1.2026-10-01"`).Wants(304).Header("SkyStack-Version", "2026-10-01").Header("Vary", "SkyStack-Version")
		for cursors.Get("/v1/regions").Status != 429 {
			continue
		}
		// What is refused before the version is settled is told in the default one.
		cursors.Get("/v1/instances").Refused(429, "rate_limited").Header("SkyStack-Version", "2026-01-15").Header("Vary", "SkyStack-Version")
		s.As("").Get("/v1/instances", "SkyStack-Version", "2025-07-01").Refused(401, "authentication_required").Header("SkyStack-Version", "2026-01-15")
		s.Get("/v1/none", "SkyStack-Version", "2025-07-01").Refused(404, "route_not_found").Header("SkyStack-Version", "2026-01-15")
		s.Send("PUT", "/v1/instances", "{}").Refused(405, "method_not_allowed").Header("SkyStack-Version", "2026-01-15").Header("Vary", "SkyStack-Version")
	})
}

// S67; 6.4: what is no version is refused, after the key was found good; what needs
// no key does not look at it.
func TestVersionsThatAreNoneS67(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"))
		const invalid = "SkyStack-Version must be given once, as a date such as 2026-01-15."
		for _, lines := range [][]string{
			{""}, {"latest"}, {"v1"}, {"1"}, {"2026"}, {"2026-1-15"}, {"2026-01-32"}, {"2026-02-30"}, {"2026-13-01"}, {"20260115"}, {"2026/01/15"},
			{"15-01-2026"}, {"2026-01-15T00:00:00Z"}, {"2026-01-15, 2026-10-01"}, {`"2026-01-15"`}, {"2026-01-15x"}, {"+2026-01-15"},
			{"2026-01-15", "2026-10-01"}, {"2026-01-15", "2026-01-15"}, {"2026-01-15", ""}, {"", "2026-01-15"},
		} {
			var headers []string
			for _, line := range lines {
				headers = append(headers, "SkyStack-Version", line)
			}
			r := s.Get("/v1/instances", headers...).Refused(400, "invalid_version").Has("error.message", invalid).
				Header("SkyStack-Version", "2026-01-15").Header("Vary", "SkyStack-Version").Header("Deprecation", "")
			if got := detailsOf(r); got != `[{"field":"SkyStack-Version","location":"header","code":"invalid_version","message":"`+invalid+`"}]` {
				t.Errorf("%q: details %s", lines, got)
			}
			s.As("").Get("/v1/instances", headers...).Refused(401, "authentication_required")
			for _, path := range []string{"/v1/version", "/version", "/healthz", "/readyz", "/openapi.json"} {
				s.As("").Get(path, headers...).Wants(200).Header("SkyStack-Version", "2026-01-15")
			}
		}
		for _, name := range []string{"2026-01-16", "2026-01-14", "2024-01-01", "2030-12-31", "2025-07-02", "2026-09-30", "0001-01-01", "9999-12-31"} {
			message := "There is no version " + name + "; use one of 2025-07-01, 2026-01-15, 2026-10-01."
			r := s.Get("/v1/instances", "SkyStack-Version", name).Refused(400, "unsupported_version").Has("error.message", message).Header("SkyStack-Version", "2026-01-15")
			want := `[{"field":"SkyStack-Version","location":"header","code":"unsupported_version","message":"` + message + `","supported":["2025-07-01","2026-01-15","2026-10-01"]}]`
			if got := detailsOf(r); got != want {
				t.Errorf("%s: details %s", name, got)
			}
		}
	})
	_, err := emulator.New(emulator.WithKey(emulator.Key{Token: "any", APIVersion: "2024-01-01"}))
	if err == nil || !strings.Contains(err.Error(), "2025-07-01, 2026-01-15, 2026-10-01") {
		t.Errorf("a key pinned to no version: %v", err)
	}
}

// S68; trap T1: the default version takes both styles of lists and all names, also
// from a client that names it.
func TestDefaultVersionIsTheSupersetS68(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"))
		v := []string{"SkyStack-Version", "2026-01-15"}
		r := s.Get("/v1/instances?page=1&limit=20", v...).Wants(200).Has("pagination.total", 74).Has("data.0.id", "ins_123")
		s.Get("/v1/instances?limit=20&cursor="+r.Text("next_cursor"), v...).Wants(200).Has("pagination.page", 2)
		for _, size := range []string{"size", "profile", "machine_type"} {
			s.Post("/v1/compute/instances", `{"name":"n","region":"eu-central","`+size+`":"c4-standard","autoscale":true}`, v...).Wants(201).
				Has("size", "c4-standard").Has("profile", "c4-standard").Has("autoscale", true)
		}
		s.Get("/v1/instances?unknown=1", v...).Wants(200).Header("SkyStack-Sandbox-Warning", `unknown_parameter: query "unknown" is ignored`)
		s.Post("/v1/instances", `{"name":"n","region":"eu-central","size":"standard-1","colour":"red"}`, v...).Wants(201).
			Header("SkyStack-Sandbox-Warning", `unknown_parameter: body "colour" is ignored`)
		for _, name := range []string{"Deprecation", "Sunset"} {
			r.Header(name, "")
		}
	})
}

// S68; 6.2: 2025-07-01 knows pages, size and one family of paths, and nothing else.
func TestPageEraS68(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"), emulator.WithKey(emulator.Key{Token: "pages", APIVersion: "2025-07-01"})).As("pages")
		announced := func(r *wire.Reply) *wire.Reply {
			t.Helper()
			return r.Header("Deprecation", "@1768435200").Header("Sunset", "Fri, 15 Jan 2027 00:00:00 GMT").Header("SkyStack-Version", "2025-07-01")
		}
		unknown := func(r *wire.Reply, in string, fields ...string) {
			t.Helper()
			var want []string
			for _, f := range fields {
				want = append(want, `{"field":"`+f+`","location":"`+in+`","code":"unknown_parameter","message":"`+f+` is not known here."}`)
			}
			if got := detailsOf(announced(r).Refused(400, "unknown_parameter")); got != "["+strings.Join(want, ",")+"]" {
				t.Errorf("%s: details %s, want %v", r.What, got, want)
			}
		}
		r := announced(s.Get("/v1/instances?page=2&limit=20")).Wants(200).Has("pagination", map[string]any{"page": 2.0, "limit": 20.0, "total": 74.0}).Lacks("next_cursor").
			Header("Link", `</v1/instances?limit=20&page=1>; rel="first", </v1/instances?limit=20&page=1>; rel="prev", </v1/instances?limit=20&page=3>; rel="next", </v1/instances?limit=20&page=4>; rel="last"`)
		for _, member := range []string{"profile", "autoscale", "autoscale_policy"} {
			r.Lacks("data.0." + member)
			announced(s.Get("/v1/instances/ins_123")).Wants(200).Lacks(member)
		}
		announced(s.Get("/v1/projects")).Wants(200).Lacks("next_cursor").Lacks("pagination.has_more")

		unknown(s.Get("/v1/instances?cursor=x"), "query", "cursor")
		unknown(s.Get("/v1/instances?page=1&cursor=x&colour=red"), "query", "cursor", "colour")
		unknown(s.Get("/v1/regions?cursor=x"), "query", "cursor")
		unknown(s.Get("/v1/instances/ins_123?x=1"), "query", "x")
		unknown(s.Post("/v1/instances", `{"name":"n","region":"us-east-1","profile":"standard-1"}`), "body", "profile")
		unknown(s.Post("/v1/instances", `{"name":"n","region":"us-east-1","machine_type":"standard-1"}`), "body", "machine_type")
		unknown(s.Post("/v1/instances", `{"name":"n","region":"us-east-1","size":"standard-1","autoscale":true,"colour":1,"network":{"speed":1}}`), "body", "autoscale", "colour", "network.speed")
		unknown(s.Patch("/v1/instances/ins_123", `{"autoscale":true}`), "body", "autoscale")
		unknown(s.Post("/v1/instances/ins_123/actions", `{"type":"resize","profile":"standard-1"}`), "body", "profile")
		announced(s.Get("/v1/instances?limit=0&cursor=x")).Refused(400, "invalid_parameter").Has("error.details.1.field", "cursor")

		created := announced(s.Post("/v1/instances", `{"name":"n","region":"us-east-1","size":"standard-1"}`)).Wants(201).
			Has("size", "standard-1").Lacks("profile").Lacks("autoscale").Lacks("autoscale_policy").Header("Location", "/v1/instances/ins_987")
		for _, tc := range []struct{ method, path, body string }{
			{"GET", "/v1/compute/instances", ""}, {"POST", "/v1/compute/instances", bookable}, {"GET", "/v1/compute/instances/ins_123", ""},
			{"PATCH", "/v1/compute/instances/ins_123", `{"name":"n"}`}, {"DELETE", "/v1/compute/instances/ins_123", ""},
			{"POST", "/v1/compute/instances/ins_123/actions", `{"type":"stop"}`}, {"GET", "/v1/compute/instances/ins_123/actions", ""},
		} {
			announced(s.Send(tc.method, tc.path, tc.body)).Refused(404, "route_not_found").Header("Location", "")
			s.Send(tc.method, tc.path, "", "SkyStack-Version", "2026-01-15").Header("Deprecation", "").Header("Sunset", "")
		}
		announced(s.Delete("/v1/instances/" + created.Text("id"))).Wants(204)
		announced(s.Delete("/v1/instances/none")).Refused(404, "instance_not_found")
	})
}

// S68; 6.2: 2026-10-01 walks by cursor and speaks of profiles; size is understood.
func TestCursorEraS68(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"), emulator.WithKey(emulator.Key{Token: "cursors", APIVersion: "2026-10-01"})).As("cursors")
		first := s.Get("/v1/instances?limit=40").Wants(200).Lacks("pagination").Lacks("data.0.size").Has("data.0.profile", "standard-2").
			Header("Deprecation", "").Header("Sunset", "")
		cursor := first.Text("next_cursor")
		first.Header("Link", `</v1/instances?limit=40>; rel="first", </v1/instances?cursor=`+cursor+`&limit=40>; rel="next"`)
		last := s.Get("/v1/compute/instances?limit=40&cursor="+cursor).Wants(200).Lacks("pagination").Has("next_cursor", nil).
			Header("Link", `</v1/compute/instances?limit=40>; rel="first"`)
		if n := len(last.Strings("data", "id")); n != 34 {
			t.Errorf("%d on the last page, want 34", n)
		}
		for _, path := range []string{"/v1/projects", "/v1/regions", "/v1/profiles", "/v1/sizes", "/v1/images", "/v1/instances/ins_123/actions"} {
			s.Get(path).Wants(200).Has("next_cursor", nil).Lacks("pagination")
			if got := detailsOf(s.Get(path+"?page=1").Refused(400, "unknown_parameter")); got != `[{"field":"page","location":"query","code":"unknown_parameter","message":"page is not known here."}]` {
				t.Errorf("%s: details %s", path, got)
			}
		}
		s.Get("/v1/instances?page=1&cursor="+cursor).Refused(400, "unknown_parameter")
		s.Get("/v1/instances?cursor="+cursor+"x").Refused(400, "invalid_cursor")
		for _, size := range []string{"size", "profile", "machine_type"} {
			s.Post("/v1/instances", `{"name":"n","region":"us-east-1","`+size+`":"standard-1","autoscale":true}`).Wants(201).
				Has("profile", "standard-1").Lacks("size").Has("autoscale", true).Has("autoscale_policy.max", 3)
		}
		s.Post("/v1/instances", `{"name":"n","region":"us-east-1","size":"standard-1","colour":1}`).Refused(400, "unknown_parameter")
		// A cursor does not depend on the version.
		s.Get("/v1/instances?limit=40&cursor="+cursor, "SkyStack-Version", "2026-01-15").Wants(200).Has("pagination.page", 2)
	})
}

// S7, S68: a version shows an object in its own way, so its tag is its own too.
func TestTagsOfVersionsS68(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("docs"))
	for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
		s.Get("/v1/instances/ins_123", "SkyStack-Version", version).Wants(200).Header("ETag", `"1.`+version+`"`)
		for _, other := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
			r := s.Get("/v1/instances/ins_123", "SkyStack-Version", version, "If-None-Match", `"1.`+other+`"`)
			if want := map[bool]int{true: 304, false: 200}[version == other]; r.Status != want {
				t.Errorf("version %s, tag of %s: %d, want %d", version, other, r.Status, want)
			}
		}
	}
}
