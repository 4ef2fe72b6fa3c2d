package skystack_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

const filterFixture = `
format: skystack-sandbox/1
projects: [{id: prj_a, name: a}, {id: prj_b, name: b}]
default_project: prj_a
keys: [{token: any}, {token: bound, project_id: prj_b}]
instances:
  - {id: ins_1, name: web, region: us-east-1, labels: {role: web, env: prod}}
  - {id: ins_2, name: web, region: eu-central, labels: {role: web, env: dev}}
  - {id: ins_3, name: db, region: us-east-1, status: stopped, labels: {role: db, env: prod, note: "a:b"}}
  - {id: ins_4, name: bad, region: eu-west-1, status: error, project_id: prj_b}
  - {id: ins_5, name: job, region: us-east-1, status: stopped, project_id: prj_b, labels: {role: batch, "x/y.z": ""}}
  - {id: ins_6, name: Web, region: eu-central, project_id: prj_b, labels: {role: web, eq: "a=b:c"}}
`

// S45, S13: what is listed can be narrowed by status, region, name, project and
// labels, in any combination, in both orders and both ways of walking.
func TestListFilters(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixtureData("filters.yaml", []byte(filterFixture))).As("any")
		for query, want := range map[string]string{
			"":                                "1 2 3 4 5 6",
			"status=running":                  "1 2 6",
			"status=stopped":                  "3 5",
			"status=stopped,error":            "3 4 5",
			"status=error,stopped,running":    "1 2 3 4 5 6",
			"status=deleting":                 "",
			"status=running%2Cerror":          "1 2 4 6",
			"region=us-east-1":                "1 3 5",
			"region=nowhere-1":                "",
			"name=web":                        "1 2",
			"name=we":                         "",
			"name=W%65b":                      "6",
			"project_id=prj_b":                "4 5 6",
			"label=role":                      "1 2 3 5 6",
			"label=role:web":                  "1 2 6",
			"label=role%3Aweb":                "1 2 6",
			"label=role:":                     "",
			"label=x/y.z:":                    "5",
			"label=note:a:b":                  "3",
			"label=note=a:b":                  "3",
			"label=note:a=b":                  "",
			"label=env=prod":                  "1 3",
			"label=env%3Dprod&label=role:web": "1",
			"label=x/y.z=":                    "5",
			"label=eq=a=b:c":                  "6",
			"label=eq:a=b:c":                  "6",
			"label=eq=a:b=c":                  "",
			"label=role:web&label=env:dev":    "2",
			"label=role&label=env":            "1 2 3",
			"label=role:web&label=role:db":    "",
			"label=missing":                   "",
			"region=us-east-1&status=stopped": "3 5",
			"region=us-east-1&status=running&name=db":                                 "",
			"project_id=prj_a&label=env:prod&status=running,stopped&region=us-east-1": "1 3",
			"project_id=prj_b&name=Web&region=eu-central":                             "6",
		} {
			for _, sort := range []string{"", "sort=created_at", "sort=-created_at"} {
				ids := []string{}
				for n := range strings.FieldsSeq(want) {
					ids = append(ids, "ins_"+n)
				}
				if strings.HasPrefix(sort, "sort=-") {
					slices.Reverse(ids)
				}
				full := strings.Trim(query+"&"+sort, "&")
				r := s.Get("/v1/instances?"+full).Wants(200).Has("pagination.total", len(ids)).Has("next_cursor", nil)
				if got := r.Strings("data", "id"); !slices.Equal(got, ids) {
					t.Errorf("%s: got %v, want %v", full, got, ids)
				}
				for _, limit := range []string{"1", "2"} {
					q := strings.Trim(full+"&limit="+limit, "&")
					if got := walk(t, s, "/v1/instances", q); !slices.Equal(got, ids) {
						t.Errorf("%s by cursor: got %v, want %v", q, got, ids)
					}
					if got := paged(t, s, "/v1/compute/instances", q); !slices.Equal(got, ids) {
						t.Errorf("%s by page: got %v, want %v", q, got, ids)
					}
				}
			}
		}
		// A project is named by the query, the header or the key (S13), and the
		// header is part of what a cursor was made for.
		byHeader := s.Get("/v1/instances?limit=1", "SkyStack-Project", "prj_b").Wants(200).Has("pagination.total", 3)
		s.As("bound").Get("/v1/instances").Wants(200).Has("pagination.total", 3)
		s.As("bound").Get("/v1/instances?project_id=prj_a").Refused(404, "project_not_found")
		s.Get("/v1/instances?limit=1&project_id=prj_b&cursor=" + byHeader.Text("next_cursor")).Wants(200)
		s.Get("/v1/instances?limit=1&cursor="+byHeader.Text("next_cursor")).Refused(400, "invalid_cursor")
		s.Get("/v1/instances?project_id=prj_x").Refused(404, "project_not_found")
		s.Get("/v1/instances?project_id=prj_a", "SkyStack-Project", "prj_b").Refused(400, "conflicting_parameters")
		// Names repeat a filter only where it is a list.
		for _, query := range []string{"status=running&status=stopped", "region=us-east-1&region=eu-west-1", "name=a&name=b", "sort=created_at&sort=-created_at", "project_id=prj_a&project_id=prj_a"} {
			s.Get("/v1/instances?"+query).Refused(400, "invalid_parameter").Has("error.details.0.code", "repeated")
		}
		s.Get("/v1/instances?status=running,,stopped").Refused(400, "invalid_parameter").Has("error.details.0.field", "status")
		// A page of a filtered list follows what happens.
		s.Patch("/v1/instances/ins_1", `{"labels":{"role":"db"}}`).Wants(200)
		if got := s.Get("/v1/instances?label=role:db").Strings("data", "id"); !slices.Equal(got, []string{"ins_1", "ins_3"}) {
			t.Errorf("after a change: %v", got)
		}
	})
}

// S48: a page beyond the end of a filtered list is empty, and knows the total.
func TestFilteredPagesPastTheEndS48(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixtureData("filters.yaml", []byte(filterFixture))).As("any")
	for page := 1; page < 12; page++ {
		for limit := 1; limit < 5; limit++ {
			for _, sort := range []string{"created_at", "-created_at"} {
				r := s.Get("/v1/instances?region=us-east-1&sort="+sort+"&limit="+strconv.Itoa(limit)+"&page="+strconv.Itoa(page)).Wants(200).
					Has("pagination.total", 3).Has("pagination.page", page).Has("pagination.has_more", page*limit < 3)
				if got, want := len(r.Strings("data", "id")), min(max(3-(page-1)*limit, 0), limit); got != want {
					t.Errorf("%s: %d rows, want %d", r.What, got, want)
				}
			}
		}
	}
}

// A filter that is no label is refused with both spellings; the spellings mean the
// same, so a cursor of one goes on with the other.
func TestLabelSpellings(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	for range 3 {
		made(s, "a", `,"labels":{"env":"prod"}`)
	}
	for _, bad := range []string{"Env=prod", "=prod", ":prod", "env prod", "%20env=prod", "-env", "e%C3%A9=x", strings.Repeat("e", 64)} {
		r := s.Get("/v1/instances?label="+bad).Refused(400, "invalid_parameter").Has("error.details.0.field", "label").
			Has("error.details.0.code", "invalid_format").Lacks("error.details.1")
		for _, spelling := range []string{"key:value", "key=value"} {
			if !strings.Contains(r.Text("error.message"), spelling) {
				t.Errorf("%s: %s does not say %s", bad, r.Text("error.message"), spelling)
			}
		}
	}
	first := s.Get("/v1/instances?limit=2&label=env=prod").Wants(200)
	s.Get("/v1/instances?limit=2&label=env:prod&cursor="+first.Text("next_cursor")).Wants(200).Has("pagination.total", 3).Lacks("data.1")
}
