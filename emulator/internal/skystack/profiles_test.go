package skystack_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

const buildProfile = `{"slug":"build-6","name":"Build agent","vcpus":6,"memory_mb":12288,"disk_gb":60}`

// A workspace defines profiles of its own, by either name, in every version, and
// uses them like the built-in ones (S9, S17).
func TestOwnProfiles(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		for _, family := range []string{"/v1/profiles", "/v1/sizes"} {
			for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
				s := start(frozen(), emulator.WithFixture("empty"))
				head := []string{"SkyStack-Version", version}
				r := s.Post(family, buildProfile, head...).Wants(201).Header("Location", family+"/build-6").Header("ETag", "")
				want := `{"slug":"build-6","name":"Build agent","vcpus":6,"memory_mb":12288,"disk_gb":60,"custom":true}`
				for _, got := range []*wire.Reply{r, s.Get("/v1/profiles/build-6", head...), s.Get("/v1/sizes/build-6", head...)} {
					if string(got.Wants(r.Status-201+got.Status).Body) != want {
						t.Errorf("%s: got %s, want %s", got.What, got.Body, want)
					}
				}
				if slugs := s.Get(family+"?limit=200", head...).Wants(200).Strings("data", "slug"); len(slugs) != 8 || slugs[7] != "build-6" {
					t.Errorf("%s lists %v", family, slugs)
				}
				s.Post(family, `{"slug":"plain","vcpus":1,"memory_mb":1,"disk_gb":1}`, head...).Wants(201).Has("name", "plain")
				id := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"build-6"}`, head...).Wants(201).Text("id")
				advanceClock(s, 3*time.Second)
				act(s, id, `{"type":"stop"}`)
				advanceClock(s, 2*time.Second)
				act(s, id, `{"type":"resize","size":"plain"}`)
				advanceClock(s, 4*time.Second)
				s.Get("/v1/instances/"+id).Has("size", "plain")
			}
		}
	})
}

// What is no profile is refused, every violation at once (S9, S50).
func TestProfileViolations(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	for body, want := range map[string]string{
		`{}`: "disk_gb required memory_mb required slug required vcpus required",
		`{"slug":"Build","name":"","vcpus":0,"memory_mb":"1","disk_gb":1073741825}`:                    "slug invalid_format name too_short vcpus out_of_range memory_mb invalid_type disk_gb out_of_range",
		`{"slug":"-a","name":7,"vcpus":1.5,"memory_mb":null,"disk_gb":-1}`:                             "slug invalid_format name invalid_type vcpus invalid_type memory_mb required disk_gb out_of_range",
		`{"slug":"a","name":"` + strings.Repeat("ä", 64) + `","vcpus":4097,"memory_mb":1,"disk_gb":1}`: "name too_long vcpus out_of_range",
	} {
		var got []string
		for _, v := range violations(t, s.Post("/v1/profiles", body).Refused(400, "invalid_parameter")) {
			got = append(got, v.field+" "+v.code)
		}
		if !sameWords(strings.Fields(strings.Join(got, " ")), strings.Fields(want)) {
			t.Errorf("%s: got %v, want %s", body, got, want)
		}
	}
	s.Post("/v1/profiles", `[]`).Refused(400, "invalid_request")
	s.Post("/v1/profiles", buildProfile).Wants(201)
	for _, slug := range []string{"standard-2", "build-6"} {
		body := strings.Replace(buildProfile, "build-6", slug, 1)
		s.Post("/v1/profiles", body).Refused(409, "profile_exists").Lacks("error.details")
		s.Post("/v1/sizes", body).Refused(409, "profile_exists")
	}
	s.Get("/v1/profiles/standard-2").Has("custom", false).Has("vcpus", 2)
	s.Post("/v1/profiles", `{"slug":"a","vcpus":1,"memory_mb":1,"disk_gb":1,"gpu":1}`, "SkyStack-Version", "2026-10-01").Refused(400, "unknown_parameter")
}

// POST /v1/profiles can be repeated with a key (S10); without one the second is a
// conflict.
func TestRepeatedProfile(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		key := []string{"Idempotency-Key", "build"}
		first := s.Post("/v1/sizes", buildProfile, key...).Wants(201).Header("Idempotent-Replayed", "")
		again := s.Post("/v1/sizes", buildProfile, key...).Wants(201).Header("Idempotent-Replayed", "true").Header("Location", "/v1/sizes/build-6")
		if string(first.Body) != string(again.Body) {
			t.Errorf("the replay is %s, not %s", again.Body, first.Body)
		}
		s.Post("/v1/sizes", strings.Replace(buildProfile, "6,", "7,", 1), key...).Refused(422, "idempotency_key_reused")
		s.Post("/v1/sizes", buildProfile).Refused(409, "profile_exists")
		s.Get("/v1/profiles").Has("pagination.total", 8)
		s.Delete("/v1/profiles/build-6").Wants(204)
		s.Post("/v1/sizes", buildProfile, key...).Wants(201).Header("Idempotent-Replayed", "true") // and nothing is made
		s.Get("/v1/profiles/build-6").Refused(404, "profile_not_found")
	})
}

// A profile of one's own can be deleted when nothing has it, repeatedly, and its
// slug used again (S9, S57).
func TestDeleteProfile(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		for _, family := range []string{"/v1/profiles/", "/v1/sizes/"} {
			s.Delete(family+"standard-2").Refused(409, "profile_is_builtin")
			s.Delete(family+"nothing").Refused(404, "profile_not_found")
		}
		s.Post("/v1/profiles", buildProfile).Wants(201)
		id := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"build-6"}`).Wants(201).Text("id")
		s.Delete("/v1/profiles/build-6").Refused(409, "profile_in_use")
		advanceClock(s, 3*time.Second)
		act(s, id, `{"type":"stop"}`)
		advanceClock(s, 2*time.Second)
		s.Delete("/v1/profiles/build-6").Refused(409, "profile_in_use")
		act(s, id, `{"type":"resize","size":"standard-1"}`)
		s.Delete("/v1/profiles/build-6").Refused(409, "profile_in_use")
		advanceClock(s, 4*time.Second)
		s.Delete("/v1/profiles/build-6").Wants(204)
		s.Delete("/v1/sizes/build-6").Wants(204)
		s.Get("/v1/profiles/build-6").Refused(404, "profile_not_found")
		s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"build-6"}`).Refused(400, "invalid_parameter")

		s.Post("/v1/sizes", buildProfile).Wants(201) // again, and needed by where a resize leads
		act(s, id, `{"type":"resize","size":"build-6"}`)
		s.Delete("/v1/profiles/build-6").Refused(409, "profile_in_use")
		if err := s.Fail(id, ""); err != nil {
			t.Fatal(err)
		}
		advanceClock(s, 23*time.Hour)
		s.Delete("/v1/profiles/build-6").Wants(204)
		advanceClock(s, 23*time.Hour) // a day after the first, but not after the second
		s.Delete("/v1/profiles/build-6").Wants(204)
		advanceClock(s, time.Hour)
		s.Delete("/v1/profiles/build-6").Refused(404, "profile_not_found")
		s.Delete("/v1/images/build-6").Refused(404, "image_not_found")
	})
	strict := wire.Start(t, frozen(), emulator.WithFixture("empty"), emulator.WithRepeatedDelete404())
	strict.Post("/v1/profiles", buildProfile).Wants(201)
	strict.Delete("/v1/profiles/build-6").Wants(204)
	strict.Delete("/v1/profiles/build-6").Refused(404, "profile_not_found")
}

// Every way in which an instance comes and goes counts for its profile.
func TestProfileUses(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithSlowDelete(), emulator.WithFixtureData("own.yaml", []byte(`
format: skystack-sandbox/1
profiles: [{slug: nano, name: Nano, vcpus: 1, memory_mb: 128, disk_gb: 1}]
instances: [{id: ins_a, name: a, size: nano, status: resizing}, {id: ins_b, name: b, size: nano, status: provisioning}]
`)))
	seeded, err := s.CreateInstance(emulator.Instance{Name: "c", Size: "nano"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ins_a", "ins_b", seeded.ID} {
		s.Delete("/v1/profiles/nano").Refused(409, "profile_in_use")
		s.Delete("/v1/instances/" + id).Wants(204)
		s.Delete("/v1/profiles/nano").Refused(409, "profile_in_use")
		advanceClock(s, 5*time.Second)
	}
	s.Delete("/v1/profiles/nano").Wants(204)
}

// A workspace has at most 1,000 profiles of its own.
func TestMostProfiles(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	for n := range 1000 {
		s.Post("/v1/profiles", fmt.Sprintf(`{"slug":"own-%d","vcpus":1,"memory_mb":1,"disk_gb":1}`, n)).Wants(201)
	}
	s.Post("/v1/profiles", `{"slug":"own-7","vcpus":1,"memory_mb":1,"disk_gb":1}`).Refused(409, "profile_exists")
	r := s.Post("/v1/profiles", buildProfile).Refused(403, "quota_exceeded")
	if got, want := detailsOf(r), `[{"resource":"profiles","limit":1000,"used":1000}]`; got != want {
		t.Errorf("details: got %s, want %s", got, want)
	}
	s.Get("/v1/quota").Has("profiles.used", 1000)
	s.Delete("/v1/profiles/own-0").Wants(204)
	s.Post("/v1/profiles", buildProfile).Wants(201)
}

// An open catalogue takes any size, and still keeps profiles of one's own (S49).
func TestOwnProfilesInAnOpenCatalogue(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"), emulator.WithOpenCatalog())
	made := s.Post("/v1/instances", `{"name":"a","region":"mars-1","size":"build-6","image":"beos-5"}`).Wants(201).Text("id")
	s.Post("/v1/profiles", buildProfile).Wants(201)
	s.Delete("/v1/profiles/build-6").Refused(409, "profile_in_use") // it had the size before there was a profile
	advanceClock(s, 3*time.Second)
	act(s, made, `{"type":"rebuild"}`) // from an image that the catalogue never had
	s.Delete("/v1/instances/" + made).Wants(204)
	s.Delete("/v1/profiles/build-6").Wants(204)
	s.Post("/v1/instances", `{"name":"a","region":"mars-1","size":"build-6"}`).Wants(201)
}

// What the workspace adds to the catalogue, and what needs it, survives a file
// and a fixture's world (S9).
func TestCatalogueIsSaved(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	ask := func(r *rig, want int, method, path, body string) map[string]any {
		t.Helper()
		code, v := r.ask(method, path, body)
		if code != want {
			t.Fatalf("%s %s: got %d, want %d: %v", method, path, code, want, v)
		}
		return v
	}
	ask(r, 201, http.MethodPost, "/v1/profiles", buildProfile)
	ask(r, 201, http.MethodPost, "/v1/profiles", `{"slug":"gone","vcpus":1,"memory_mb":1,"disk_gb":1}`)
	ask(r, 204, http.MethodDelete, "/v1/profiles/gone", "")
	id := ask(r, 201, http.MethodPost, "/v1/instances", `{"name":"a","region":"us-east-1","size":"build-6"}`)["id"].(string)
	_ = r.world.Advance(3 * time.Second)
	ask(r, 202, http.MethodPost, "/v1/instances/"+id+"/actions", `{"type":"snapshot","name":"kept"}`)
	_ = r.world.Advance(4 * time.Second)
	ask(r, 202, http.MethodPost, "/v1/instances/"+id+"/actions", `{"type":"rebuild","image":"snapshot-1"}`)

	other := newLook(t, "default", skystack.Settings{}, engine.Clock{Now: testTime().Add(time.Hour)})
	p, err := engine.Load(other.schema, bytes.NewReader([]byte(r.saved(t))))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.world.Restore(p); err != nil {
		t.Fatal(err)
	}
	if got, want := other.saved(t), r.saved(t); got != want {
		t.Errorf("the files differ:\n%s\n%s", got, want)
	}
	for _, r := range []*rig{r, other} {
		if v := ask(r, 200, http.MethodGet, "/v1/images/snapshot-1", ""); v["source_instance_id"] != id || v["min_disk_gb"] != 60.0 || v["size_gb"] != 60.0 || v["name"] != "kept" {
			t.Errorf("the image is %v", v)
		}
		ask(r, 409, http.MethodDelete, "/v1/profiles/build-6", "")
		ask(r, 409, http.MethodDelete, "/v1/images/snapshot-1", "")
		ask(r, 204, http.MethodDelete, "/v1/profiles/gone", "")
		ask(r, 204, http.MethodDelete, "/v1/instances/"+id, "")
		ask(r, 204, http.MethodDelete, "/v1/images/snapshot-1", "")
		ask(r, 204, http.MethodDelete, "/v1/profiles/build-6", "")
		_ = r.world.Advance(24 * time.Hour)
		ask(r, 404, http.MethodDelete, "/v1/profiles/gone", "")
		if rows := r.rows(t, "uses"); len(rows) != 0 {
			t.Errorf("uses are left over: %v", rows)
		}
	}
}
