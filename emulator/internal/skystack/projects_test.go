package skystack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

const projectFixture = `
format: skystack-sandbox/1
default_project: prj_main
projects:
  - {id: prj_main, name: main}
  - {id: prj_web, name: web, description: Behind www, environment: staging, created_at: 2025-01-02T03:04:05Z}
  - {id: prj_bound, name: bound}
instances:
  - {id: ins_main, name: a}
  - {id: ins_web, name: b, project_id: prj_web}
`

func projectServer(start func(...emulator.Option) *wire.Server) *wire.Server {
	return start(frozen(), emulator.WithFixtureData("projects.yaml", []byte(projectFixture)),
		emulator.WithKey(emulator.Key{Token: "free"}), emulator.WithKey(emulator.Key{Token: "bound", Project: "prj_bound"}),
		emulator.WithKey(emulator.Key{Token: "other", Workspace: "wsp_other"})).As("free")
}

// The project of a new instance is that of the body, the query, the header, the
// key, the workspace, in this order; those a request names must agree (S13).
func TestWaysToNameTheProject(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := projectServer(start)
		foreign := s.As("other").Post("/v1/projects", `{"name":"theirs"}`).Wants(201).Text("id")
		for _, c := range []struct{ key, body, query, header, want string }{
			{"free", "", "", "", "prj_main"},
			{"free", "prj_web", "", "", "prj_web"},
			{"free", "", "prj_web", "", "prj_web"},
			{"free", "", "", "prj_web", "prj_web"},
			{"free", "prj_web", "prj_web", "prj_web", "prj_web"},
			{"bound", "", "", "", "prj_bound"},
			{"bound", "prj_bound", "prj_bound", "prj_bound", "prj_bound"},
			{"bound", "prj_web", "", "", "403 project_forbidden"}, // the key is a boundary
			{"bound", "", "prj_web", "", "403 project_forbidden"},
			{"bound", "", "", "prj_web", "403 project_forbidden"},
			{"bound", "prj_no", "", "", "403 project_forbidden"},
			{"bound", "", "prj_no", "", "403 project_forbidden"},
			{"bound", "", "", foreign, "403 project_forbidden"},
			{"bound", "prj_bound", "prj_web", "", "403 project_forbidden"},
			{"free", "prj_web", "prj_main", "", "400 conflicting_parameters"},
			{"free", "prj_web", "", "prj_main", "400 conflicting_parameters"},
			{"free", "", "prj_web", "prj_main", "400 conflicting_parameters"},
			{"free", "prj_web", "prj_web", "prj_main", "400 conflicting_parameters"},
			{"free", "prj_no", "", "", "400 invalid_parameter body"},
			{"free", "", "prj_no", "", "404 project_not_found"},
			{"free", "", "", "prj_no", "404 project_not_found"},
			{"free", foreign, "", "", "400 invalid_parameter body"},
			{"free", "", foreign, "", "404 project_not_found"},
			{"free", "", "", foreign, "404 project_not_found"},
		} {
			body, query, headers := goodBody, "", []string{}
			if c.body != "" {
				body = strings.Replace(goodBody, "{", fmt.Sprintf(`{"project_id":%q,`, c.body), 1)
			}
			if c.query != "" {
				query = "?project_id=" + c.query
			}
			if c.header != "" {
				headers = []string{"SkyStack-Project", c.header}
			}
			for _, path := range []string{"/v1/instances", "/v1/compute/instances"} {
				r := s.As(c.key).Post(path+query, body, headers...)
				if words := strings.Fields(c.want); len(words) > 1 {
					var status int
					_, _ = fmt.Sscan(words[0], &status)
					r.Refused(status, words[1])
					if len(words) > 2 {
						r.Has("error.details.0.field", "project_id").Has("error.details.0.location", words[2]).Has("error.details.0.code", "unknown_value")
					}
					continue
				}
				r.Wants(201).Has("project_id", c.want)
			}
		}
	})
}

// A list without a project is of the whole workspace (S13, S45).
func TestListsByProject(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := projectServer(start)
		foreign := s.As("other").Post("/v1/projects", `{"name":"theirs"}`).Text("id")
		s.Get("/v1/instances").Has("pagination.total", 2)
		for _, r := range []*wire.Reply{
			s.Get("/v1/instances?project_id=prj_web"), s.Get("/v1/instances", "SkyStack-Project", "prj_web"),
			s.Get("/v1/instances?project_id=prj_web", "SkyStack-Project", "prj_web"), s.Get("/v1/compute/instances?project_id=prj_web"),
		} {
			r.Wants(200).Has("pagination.total", 1).Has("data.0.id", "ins_web")
		}
		s.As("bound").Get("/v1/instances").Has("pagination.total", 0)
		s.As("bound").Get("/v1/instances?project_id=prj_bound").Has("pagination.total", 0)
		for _, id := range []string{"prj_web", "prj_no", foreign} {
			s.As("bound").Get("/v1/instances?project_id="+id).Refused(404, "project_not_found")
			s.As("bound").Get("/v1/instances", "SkyStack-Project", id).Refused(404, "project_not_found")
		}
		s.Get("/v1/instances?project_id=prj_web", "SkyStack-Project", "prj_main").Refused(400, "conflicting_parameters")
		for _, id := range []string{"prj_no", foreign} {
			s.Get("/v1/instances?project_id="+id).Refused(404, "project_not_found")
			s.Get("/v1/instances", "SkyStack-Project", id).Refused(404, "project_not_found")
		}
	})
}

// A key that outlives its project does not fall back to another one.
func TestBoundKeyWithoutItsProject(t *testing.T) {
	s := projectServer(func(opts ...emulator.Option) *wire.Server { return wire.Start(t, opts...) })
	s.Delete("/v1/projects/prj_bound").Wants(204)
	s.As("bound").Post("/v1/instances", goodBody).Refused(404, "project_not_found")
	s.As("bound").Get("/v1/instances").Refused(404, "project_not_found")
	s.As("bound").Post("/v1/instances?project_id=prj_web", goodBody).Refused(403, "project_forbidden")
}

func TestProjects(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := projectServer(start)
		r := s.Post("/v1/projects", `{"name":"Any name at all: ü","description":"d","environment":"dev"}`).Wants(201).Header("ETag", `"1.2026-01-15"`)
		id := r.Text("id")
		r.Header("Location", "/v1/projects/"+id)
		want := `{"id":"` + id + `","name":"Any name at all: ü","description":"d","environment":"dev","is_default":false,"version":1,` +
			`"created_at":"2026-03-19T10:22:44Z","updated_at":"2026-03-19T10:22:44Z"}`
		if got := string(r.Body); got != want {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
		if got := string(s.Get("/v1/projects/" + id).Wants(200).Body); got != want {
			t.Errorf("GET gives\n%s, want\n%s", got, want)
		}
		s.Get("/v1/projects/prj_main").Has("is_default", true).Has("description", "")
		s.Get("/v1/projects/prj_web").Has("environment", "staging").Has("created_at", "2025-01-02T03:04:05Z")
		list := s.Get("/v1/projects").Wants(200).Has("pagination.total", 4)
		if got := fmt.Sprint(list.Strings("data", "id")); got != "[prj_main prj_web prj_bound "+id+"]" {
			t.Errorf("the list is %s", got)
		}

		advanceClock(s, time.Minute)
		s.Patch("/v1/projects/"+id, `{"name":"b"}`).Wants(200).Has("name", "b").Has("description", "d").Has("version", 2).Has("updated_at", "2026-03-19T10:23:44Z")
		advanceClock(s, time.Minute)
		s.Patch("/v1/projects/"+id, `{"name":"b","environment":"dev"}`).Has("version", 2).Has("updated_at", "2026-03-19T10:23:44Z")
		s.Patch("/v1/projects/"+id, `{"description":"","environment":"prod"}`, "Content-Type", "application/merge-patch+json").Has("version", 3).Has("description", "").Has("environment", "prod")
		for _, name := range []string{"id", "is_default", "created_at", "updated_at", "version"} {
			s.Patch("/v1/projects/"+id, `{"`+name+`":7}`).Refused(400, "invalid_parameter").Has("error.details.0.field", name).Has("error.details.0.code", "immutable")
		}
		for body, field := range map[string]string{
			`{}`: "name", `{"name":""}`: "name", `{"name":"` + strings.Repeat("n", 64) + `"}`: "name", `{"name":7}`: "name",
			`{"name":"a","description":"` + strings.Repeat("d", 256) + `"}`: "description", `{"name":null,"environment":null}`: "name",
		} {
			s.Post("/v1/projects", body).Refused(400, "invalid_parameter").Has("error.details.0.field", field)
		}
		s.Patch("/v1/projects/prj_no", `{"name":"x"}`).Refused(404, "project_not_found")
		s.Get("/v1/projects/prj_no").Refused(404, "project_not_found")
		s.As("other").Get("/v1/projects/"+id).Refused(404, "project_not_found")
	})
}

// A project goes only when it is empty and not the workspace's default; its
// repeated DELETE succeeds for a day.
func TestDeleteProject(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := projectServer(start)
		s.Delete("/v1/projects/prj_main").Refused(409, "project_is_default")
		s.Delete("/v1/projects/prj_web").Refused(409, "project_not_empty")
		s.Delete("/v1/instances/ins_web").Wants(204)
		s.As("other").Delete("/v1/projects/prj_no").Refused(404, "project_not_found")
		s.Delete("/v1/projects/prj_web").Wants(204)
		s.Get("/v1/projects/prj_web").Refused(404, "project_not_found")
		s.Post("/v1/instances", strings.Replace(goodBody, "{", `{"project_id":"prj_web",`, 1)).Refused(400, "invalid_parameter")
		s.Delete("/v1/projects/prj_web").Wants(204)
		advanceClock(s, 24*time.Hour)
		s.Delete("/v1/projects/prj_web").Refused(404, "project_not_found")
		s.Delete("/v1/projects/prj_no").Refused(404, "project_not_found")
	})
	// An instance that is being deleted is still there.
	s := wire.Start(t, frozen(), emulator.WithSlowDelete(), emulator.WithFixtureData("projects.yaml", []byte(projectFixture)))
	s.Delete("/v1/instances/ins_web").Wants(204)
	s.Delete("/v1/projects/prj_web").Refused(409, "project_not_empty")
	advanceClock(s, 5*time.Second)
	s.Delete("/v1/projects/prj_web").Wants(204)
}
