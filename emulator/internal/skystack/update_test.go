package skystack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// PATCH is a JSON merge patch of name, labels, metadata and autoscale (S7), and of
// network and storage (see TestNetworkPatch, TestStoragePatch): what
// it does not name stays, null takes away, objects are merged at every depth.
func TestMergePatch(t *testing.T) {
	before := `"labels":{"a":"1","b":"2"},"metadata":{"n":1,"o":{"p":1,"q":{"r":2,"s":[1,2]}},"l":[1]}`
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		for patch, want := range map[string]string{
			`{"name":"new.name_1"}`:                            `"name":"new.name_1"`,
			`{"labels":{"a":"9"}}`:                             `"labels":{"a":"9","b":"2"}`,
			`{"labels":{"a":null,"c":"3"}}`:                    `"labels":{"b":"2","c":"3"}`,
			`{"labels":null}`:                                  `"labels":{}`,
			`{"labels":{"a":null,"b":null,"x":null}}`:          `"labels":{}`,
			`{"labels":{"k/8._-":"\u00e4 <&> \"quoted\""}}`:    `"labels":{"a":"1","b":"2","k/8._-":"ä <&> \"quoted\""}`,
			`{"metadata":{"n":2}}`:                             `"metadata":{"l":[1],"n":2,"o":{"p":1,"q":{"r":2,"s":[1,2]}}}`,
			`{"metadata":{"o":{"p":null}}}`:                    `"metadata":{"l":[1],"n":1,"o":{"q":{"r":2,"s":[1,2]}}}`,
			`{"metadata":{"o":{"q":{"r":null,"t":3}}}}`:        `"metadata":{"l":[1],"n":1,"o":{"p":1,"q":{"s":[1,2],"t":3}}}`,
			`{"metadata":{"o":{"q":{"s":[3]}}}}`:               `"metadata":{"l":[1],"n":1,"o":{"p":1,"q":{"r":2,"s":[3]}}}`,
			`{"metadata":{"o":7}}`:                             `"metadata":{"l":[1],"n":1,"o":7}`,
			`{"metadata":{"n":{"deep":{"er":1,"gone":null}}}}`: `"metadata":{"l":[1],"n":{"deep":{"er":1}},"o":{"p":1,"q":{"r":2,"s":[1,2]}}}`,
			`{"metadata":{"l":[null,{"x":null}]}}`:             `"metadata":{"l":[null,{"x":null}],"n":1,"o":{"p":1,"q":{"r":2,"s":[1,2]}}}`,
			`{"metadata":null}`:                                `"metadata":{}`,
			`{"metadata":{"big":9007199254740993,"exact":0.10,"huge":123456789012345678901234567890}}`: `"big":9007199254740993,"exact":0.10,"huge":123456789012345678901234567890,"l"`,
		} {
			id := made(s, "old", ","+before)
			advanceClock(s, time.Second)
			for _, media := range []string{"application/json", "application/merge-patch+json"} {
				r := s.Patch("/v1/instances/"+id, patch, "Content-Type", media).Wants(200).Has("version", 2).
					Has("updated_at", s.Now().Format(time.RFC3339)).Header("ETag", `"2.2026-01-15"`) // the second is a no-op
				if !strings.Contains(string(r.Body), want) {
					t.Errorf("%s: got %s, want %s", patch, r.Body, want)
				}
				if got := s.Get("/v1/instances/" + id); string(got.Body) != string(r.Body) {
					t.Errorf("%s: GET gives %s, not %s", patch, got.Body, r.Body)
				}
			}
		}
	})
}

// A PATCH that changes nothing leaves version, ETag and updated_at as they are,
// however the same values are written (S7, S10).
func TestPatchWithoutAChange(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	id := made(s, "same", `,"labels":{"a":"ä"},"metadata":{"o": {"z":1, "b":[1, 2]},"t":"x","e":{}},"autoscale":true`)
	before := s.Get("/v1/instances/" + id)
	advanceClock(s, time.Second)
	for _, patch := range []string{
		`{}`, `{"name":"same"}`, `{"labels":{}}`, `{"labels":{"a":"\u00e4"}}`, `{"labels":{"x":null}}`, `{"metadata":{}}`,
		`{"metadata":{"o":{"b":[1,2],"z":1}}}`, `{"metadata":{"o":{}}}`, `{"metadata":{"e":{}}}`, `{"metadata":{"t":"\u0078"}}`,
		`{"metadata":{"o":{"b":[ 1 , 2 ]}}}`, `{"autoscale":true}`, `{"autoscale":{}}`, `{"autoscale":{"max":3}}`, `{"metadata":{"gone":null}}`,
	} {
		r := s.Patch("/v1/instances/"+id, patch).Wants(200).Header("ETag", `"1.2026-01-15"`)
		if string(r.Body) != string(before.Body) {
			t.Errorf("%s changed %s to %s", patch, before.Body, r.Body)
		}
	}
	s.Patch("/v1/instances/"+id, `{"metadata":{"o":{"b":[2,1]}}}`).Has("version", 2)
	s.Patch("/v1/instances/"+id, `{"name":"other"}`).Has("version", 3)
	s.Patch("/v1/instances/"+id, `{"name":"same"}`).Has("version", 4)
}

// What cannot be changed is named, each member by itself, and nothing is changed
// with it (S7).
func TestImmutableMembers(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		id := made(s, "same", "")
		before := s.Get("/v1/instances/" + id)
		for name, value := range map[string]string{
			"id": `"ins_x"`, "status": `"stopped"`, "status_reason": `{"code":"x","message":"y"}`, "region": `"eu-central"`, "size": `"standard-2"`, "profile": `"standard-2"`,
			"machine_type": `"standard-2"`, "image": `"debian-13"`, "project_id": `"prj_other"`, "ip": `"10.0.0.9"`,
			"created_at": `"2026-03-19T10:22:45Z"`, "updated_at": `"2026-03-19T10:22:43Z"`, "version": `2`, "pending_action": `null`, "autoscale_policy": `{}`,
		} {
			s.Patch("/v1/instances/"+id, fmt.Sprintf(`{"name":"other",%q:%s}`, name, value)).Refused(400, "invalid_parameter").
				Has("error.details.0.field", name).Has("error.details.0.code", "immutable").Has("error.details.0.location", "body")
		}
		r := s.Patch("/v1/instances/"+id, `{"region":"x","size":"y","name":"a b","labels":{"Bad":"x"}}`).Refused(400, "invalid_parameter")
		if got := r.Strings("error.details", "field"); !sameWords(got, []string{"region", "size", "name", "labels.Bad"}) {
			t.Errorf("got %q", got)
		}
		for patch, field := range map[string]string{
			`{"name":null}`: "name", `{"name":""}`: "name", `{"labels":[]}`: "labels", `{"labels":{"a":7}}`: "labels.a", `{"metadata":7}`: "metadata",
			`{"autoscale":"yes"}`: "autoscale", `{"labels":{"a":"` + strings.Repeat("x", 256) + `"}}`: "labels.a",
		} {
			s.Patch("/v1/instances/"+id, patch).Refused(400, "invalid_parameter").Has("error.details.0.field", field)
		}
		s.Patch("/v1/instances/"+id, `[]`).Refused(400, "invalid_request")
		s.Patch("/v1/instances/ins_nothing", `{"name":"x"}`).Refused(404, "instance_not_found")
		if after := s.Get("/v1/instances/" + id); string(after.Body) != string(before.Body) {
			t.Errorf("a refusal changed %s to %s", before.Body, after.Body)
		}
		for _, path := range []string{"/v1/instances", "/v1/instances/" + id, "/v1/projects/prj_default"} { // S7: no PUT
			r := s.Send("PUT", path, `{"name":"x"}`).Refused(405, "method_not_allowed")
			if allow := r.Head.Get("Allow"); strings.Contains(allow, "PUT") || !strings.Contains(allow, "GET") {
				t.Errorf("%s allows %s", path, allow)
			}
		}
	})
}

// Labels and metadata have at most 64 members, after a patch too.
func TestMostMembers(t *testing.T) {
	members := func(from, to int) string {
		var out []string
		for i := from; i < to; i++ {
			out = append(out, fmt.Sprintf(`"k%d":"v"`, i))
		}
		return "{" + strings.Join(out, ",") + "}"
	}
	s := wire.Start(t, emulator.WithFixture("empty"))
	for _, name := range []string{"labels", "metadata"} {
		s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1","`+name+`":`+members(0, 65)+`}`).Refused(400, "invalid_parameter").
			Has("error.details.0.field", name).Has("error.details.0.code", "too_long")
		id := made(s, "a", `,"`+name+`":`+members(0, 64))
		s.Patch("/v1/instances/"+id, `{"`+name+`":`+members(60, 64)+`}`).Wants(200).Has("version", 1)
		s.Patch("/v1/instances/"+id, `{"`+name+`":`+members(60, 66)+`}`).Refused(400, "invalid_parameter").
			Has("error.details.0.field", name).Has("error.details.0.code", "too_long").Has("error.details.0.message", name+" must have at most 64 members; it would have 66.")
		s.Patch("/v1/instances/"+id, `{"`+name+`":{"k0":null,"new":"v"}}`).Wants(200).Has("version", 2)
	}
}

// If-Match guards a change, If-None-Match spares a response (S7). The tag is that
// of a version of the object as one API version shows it.
func TestEntityTags(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		for _, o := range []struct{ list, body string }{{"/v1/instances", goodBody}, {"/v1/projects", `{"name":"p"}`}} {
			made := s.Post(o.list, o.body).Wants(201).Header("ETag", `"1.2026-01-15"`)
			path := o.list + "/" + made.Text("id")
			for _, tag := range []string{`"2.2026-01-15"`, `"1.2026-10-01"`, `W/"1.2026-01-15"`, `1.2026-01-15`, `"x"`, ``} {
				r := s.Patch(path, `{"name":"late"}`, "If-Match", tag).Refused(412, "precondition_failed")
				if !strings.Contains(r.Text("error.message"), `"1.2026-01-15"`) {
					t.Errorf("the refusal does not name the tag: %s", r.Body)
				}
				s.Delete(path, "If-Match", tag).Refused(412, "precondition_failed")
			}
			s.Patch(path, `{"name":"a1"}`, "If-Match", `"x", "1.2026-01-15"`).Wants(200).Header("ETag", `"2.2026-01-15"`)
			s.Patch(path, `{"name":"a2"}`, "If-Match", `"1.2026-01-15"`).Refused(412, "precondition_failed")
			s.Patch(path, `{"name":"a2"}`, "If-Match", `*`).Wants(200).Header("ETag", `"3.2026-01-15"`)
			s.Patch(path, `{"name":"a3"}`).Wants(200).Has("version", 4)

			s.Get(path, "If-None-Match", `"4.2026-01-15"`).Wants(304).Header("ETag", `"4.2026-01-15"`).Header("Content-Type", "")
			s.Get(path, "If-None-Match", `W/"4.2026-01-15"`).Wants(304)
			s.Get(path, "If-None-Match", `"3.2026-01-15", "4.2026-01-15"`).Wants(304)
			s.Get(path, "If-None-Match", `*`).Wants(304)
			s.Get(path, "If-None-Match", `"3.2026-01-15"`).Wants(200)
			s.Get(path, "If-None-Match", `"4.2026-01-15"`, "SkyStack-Version", "2025-07-01").Wants(200).Header("ETag", `"4.2025-07-01"`)
			s.Delete(path, "If-Match", `"4.2026-01-15"`).Wants(204).Header("ETag", "")
		}
		id := made(s, "a", "")
		advanceClock(s, 3e9)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`, "If-Match", `"1.2026-01-15"`).Refused(412, "precondition_failed")
		s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`, "If-Match", `"2.2026-01-15"`).Wants(202)
		s.Get("/v1/instances/"+id).Has("status", "stopping")
	})
}

// wantsText asserts that a body has a piece of text.
func wantsText(r *wire.Reply, want string) {
	r.T.Helper()
	if !strings.Contains(string(r.Body), want) {
		r.T.Errorf("%s: got\n%s, want in it\n%s", r.What, r.Body, want)
	}
}
