package skystack_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// frozenNow is where the frozen clocks of the tests of lists, limits and versions
// stand: 43,200 s before the next UTC day, and the start of a UTC minute.
func frozenNow() time.Time { return time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC) }

func frozen12() emulator.Option {
	return emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: frozenNow()})
}

// detailsOf is error.details as it stands on the wire.
func detailsOf(r *wire.Reply) string {
	var body struct {
		Error struct {
			Details json.RawMessage `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal(r.Body, &body)
	return string(body.Error.Details)
}

// made creates an instance and returns its id; members are added to the body.
func made(s *wire.Server, name, members string) string {
	s.T.Helper()
	return s.Post("/v1/instances", `{"name":"`+name+`","region":"us-east-1","size":"standard-1"`+members+`}`).Wants(201).Text("id")
}

// S45: instances come by created_at, then in the order of their creation, oldest
// first; what happens to them later does not move them.
func TestListOrderS45(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixtureData("order.yaml", []byte(`
format: skystack-sandbox/1
instances:
  - {id: ins_young, name: young, created_at: 2026-03-01T00:00:00Z}
  - {id: ins_old, name: old, created_at: 2025-03-01T00:00:00Z}
  - {id: ins_twin, name: twin, created_at: 2025-03-01T00:00:00Z}
`)))
		want := []string{"ins_old", "ins_twin", "ins_young"}
		for _, name := range []string{"c", "a", "b"} { // one instant
			want = append(want, made(s, name, ""))
		}
		if err := s.Advance(time.Hour); err != nil {
			t.Fatal(err)
		}
		want = append(want, made(s, "d", ""))
		s.Patch("/v1/instances/ins_old", `{"name":"renamed"}`).Wants(200)
		s.Delete("/v1/instances/" + want[4]).Wants(204)
		want = slices.Delete(want, 4, 5)

		for _, path := range []string{"/v1/instances", "/v1/compute/instances", "/v1/instances?sort=created_at"} {
			if got := s.Get(path).Wants(200).Strings("data", "id"); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", path, got, want)
			}
		}
		slices.Reverse(want)
		if got := s.Get("/v1/instances?sort=-created_at").Wants(200).Strings("data", "id"); !slices.Equal(got, want) {
			t.Errorf("newest first: got %v, want %v", got, want)
		}
	})
}

// S46, S47, S65, S66: the first page, its defaults, and both styles in one body.
func TestListShapeS46S47(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"))
		first := s.Get("/v1/instances").Wants(200).
			Has("data.0.id", "ins_123").Has("data.0.name", "worker-a").Has("data.0.metadata", map[string]any{}).
			Has("pagination.page", 1).Has("pagination.limit", 20).Has("pagination.total", 74).Has("pagination.has_more", true)
		cursor := first.Text("next_cursor")
		first.Has("pagination.next_cursor", cursor)
		if n := len(first.Strings("data", "id")); n != 20 {
			t.Errorf("%d instances, want 20 by default", n)
		}
		same := s.Get("/v1/instances?page=1&limit=20").Wants(200)
		if string(same.Body) != string(first.Body) {
			t.Errorf("page=1&limit=20 is not the default:\n%s\n%s", same.Body, first.Body)
		}
		s.Get("/v1/instances?limit=200").Wants(200).Has("pagination.limit", 200).Has("pagination.has_more", false)
		s.Get("/v1/instances?page=4").Wants(200).Has("pagination.page", 4).Has("data.13.name", s.Get("/v1/instances?limit=1&page=74").Text("data.0.name")).Lacks("data.14")
		// A cursor knows where it is, whatever the limit.
		s.Get("/v1/instances?cursor="+cursor).Wants(200).Has("pagination.page", 2).Has("data.0.id", s.Get("/v1/instances?page=2").Text("data.0.id"))
		s.Get("/v1/instances?limit=3&cursor="+cursor).Wants(200).Has("pagination.page", 7).Has("pagination.limit", 3).Has("data.0.id", s.Get("/v1/instances?page=2").Text("data.0.id"))
		s.Get("/v1/instances?limit=50&cursor="+cursor).Wants(200).Has("pagination.page", 1)
	})
}

// S66, S48: at the end, and past it, the cursor is an explicit null in both
// places.
func TestListEndS66(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"))
		for query, want := range map[string]string{
			"page=4":                      `"pagination":{"page":4,"limit":20,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"limit=37&page=2":             `"pagination":{"page":2,"limit":37,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"page=5":                      `{"data":[],"pagination":{"page":5,"limit":20,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"limit=37&page=3":             `{"data":[],"pagination":{"page":3,"limit":37,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"limit=200&page=2":            `{"data":[],"pagination":{"page":2,"limit":200,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"page=2147483647":             `{"data":[],"pagination":{"page":2147483647,"limit":20,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"limit=200&page=2147483647":   `{"data":[],"pagination":{"page":2147483647,"limit":200,"total":74,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"region=us-east-1&page=99999": `"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"name=nobody":                 `{"data":[],"pagination":{"page":1,"limit":20,"total":0,"has_more":false,"next_cursor":null},"next_cursor":null}`,
			"name=nobody&page=7":          `{"data":[],"pagination":{"page":7,"limit":20,"total":0,"has_more":false,"next_cursor":null},"next_cursor":null}`,
		} {
			if got := string(s.Get("/v1/instances?" + query).Wants(200).Body); !strings.HasSuffix(got, want) {
				t.Errorf("%s: got %s, want …%s", query, got, want)
			}
		}
		// A cursor outlives what it pointed at, and what came after it.
		s = start(frozen12(), emulator.WithFixture("empty"))
		ids := []string{made(s, "a", ""), made(s, "b", ""), made(s, "c", "")}
		cursor := s.Get("/v1/instances?limit=1").Text("next_cursor")
		s.Delete("/v1/instances/" + ids[0]).Wants(204)
		s.Get("/v1/instances?limit=1&cursor="+cursor).Wants(200).Has("data.0.id", ids[1]).Has("pagination.page", 1)
		s.Delete("/v1/instances/" + ids[1]).Wants(204)
		s.Delete("/v1/instances/" + ids[2]).Wants(204)
		s.Get("/v1/instances?limit=1&cursor="+cursor).Wants(200).Has("data", []any{}).Has("next_cursor", nil).Has("pagination.next_cursor", nil)
		last := made(s, "d", "")
		s.Get("/v1/instances?limit=1&cursor="+cursor).Wants(200).Has("data.0.id", last)
	})
}

// S48, S65: a wrong limit or page is refused, not bent, and every violation is named.
func TestListViolationsS48(t *testing.T) {
	const (
		low     = `{"field":"limit","location":"query","code":"out_of_range","message":"limit must be at least 1."}`
		high    = `{"field":"limit","location":"query","code":"out_of_range","message":"limit must be at most 200."}`
		odd     = `{"field":"limit","location":"query","code":"invalid_type","message":"limit must be a whole number such as 20."}`
		lowPage = `{"field":"page","location":"query","code":"out_of_range","message":"page must be at least 1."}`
		oddPage = `{"field":"page","location":"query","code":"invalid_type","message":"page must be a whole number such as 20."}`
		farPage = `{"field":"page","location":"query","code":"out_of_range","message":"page must be a number of at most 32 bits."}`
	)
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"))
		for _, tc := range []struct{ query, want string }{
			{"limit=0", low}, {"limit=-1", low}, {"limit=-200", low},
			{"limit=201", high}, {"limit=2147483647", high},
			{"limit=", odd}, {"limit", odd}, {"limit=abc", odd}, {"limit=1.5", odd}, {"limit=2e1", odd}, {"limit=%2B20", odd}, {"limit=+20", odd},
			{"limit=020", odd}, {"limit=20%20", odd}, {"limit=0x14", odd}, {"limit=null", odd}, {"limit=%D9%A2", odd}, {"limit=20,30", odd},
			{"page=0", lowPage}, {"page=-1", lowPage}, {"page=one", oddPage}, {"page=", oddPage}, {"page=1.0", oddPage},
			{"page=2147483648", farPage}, {"page=9223372036854775807", farPage}, {"page=9223372036854775808", farPage}, {"page=99999999999999999999", farPage},
			{"page=0&limit=201", lowPage + "," + high},
			{"limit=5&limit=6", `{"field":"limit","location":"query","code":"repeated","message":"limit is given more than once; give it once."}`},
			{"limit=5&limit=5", `{"field":"limit","location":"query","code":"repeated","message":"limit is given more than once; give it once."}`},
			{"limit=%zz", `{"field":"limit","location":"query","code":"invalid_format","message":"limit=%zz is not percent-encoded UTF-8."}`},
			{"limit=5%", `{"field":"limit","location":"query","code":"invalid_format","message":"limit=5% is not percent-encoded UTF-8."}`},
			{"name=%ff", `{"field":"name","location":"query","code":"invalid_format","message":"name=%ff is not percent-encoded UTF-8."}`},
			{"%zz=1", `{"field":"%zz","location":"query","code":"invalid_format","message":"%zz=1 is not percent-encoded UTF-8."}`},
			{"sort=name", `{"field":"sort","location":"query","code":"unknown_value","message":"sort must be one of created_at, -created_at."}`},
			{"status=on", `{"field":"status","location":"query","code":"unknown_value","message":"status must be one of provisioning, running, stopping, stopped, starting, rebooting, resizing, rebuilding, deleting, error."}`},
			{"label=", `{"field":"label","location":"query","code":"too_short","message":"label must have at least 1 character."}`},
			{"region=EU", `{"field":"region","location":"query","code":"invalid_format","message":"region must match ^[a-z0-9][a-z0-9.-]{0,62}$."}`},
			{"cursor=", `{"field":"cursor","location":"query","code":"too_short","message":"cursor must have at least 1 character."}`},
		} {
			for _, path := range []string{"/v1/instances", "/v1/compute/instances"} {
				r := s.Get(path+"?"+tc.query).Refused(400, "invalid_parameter").Header("Cache-Control", "no-store").Header("Link", "")
				if got := detailsOf(r); got != "["+tc.want+"]" {
					t.Errorf("%s: got %s, want [%s]", tc.query, got, tc.want)
				}
			}
		}
		for _, path := range []string{"/v1/projects", "/v1/regions", "/v1/profiles", "/v1/sizes", "/v1/images", "/v1/instances/ins_123/actions"} {
			if got := detailsOf(s.Get(path+"?limit=201&page=0").Refused(400, "invalid_parameter")); got != "["+high+","+lowPage+"]" {
				t.Errorf("%s: %s", path, got)
			}
		}
	})
}

// Unknown parameters are told about, and are errors where that was asked for.
func TestListUnknownParameters(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		const path = "/v1/instances?limit=1&colour=red&per_page=5&Limit=2"
		s := start(emulator.WithFixture("docs"))
		s.Get(path).Wants(200).Has("pagination.limit", 1).Header("SkyStack-Sandbox-Warning",
			`unknown_parameter: query "colour" is ignored | unknown_parameter: query "per_page" is ignored | unknown_parameter: query "Limit" is ignored (did you mean limit?)`)
		// The pages named in Link keep them, as a client may mean something by them.
		s.Get("/v1/instances?limit=50&colour=a%26b").Wants(200).Header("Link",
			`</v1/instances?colour=a%26b&limit=50&page=1>; rel="first", </v1/instances?colour=a%26b&limit=50&page=2>; rel="next", </v1/instances?colour=a%26b&limit=50&page=2>; rel="last"`)

		s = start(emulator.WithFixture("docs"), emulator.WithStrict())
		want := ""
		for _, name := range []string{"colour", "per_page"} {
			want += `,{"field":"` + name + `","location":"query","code":"unknown_parameter","message":"` + name + ` is not known here."}`
		}
		want += `,{"field":"Limit","location":"query","code":"unknown_parameter","message":"Limit is not known here (did you mean limit?).","did_you_mean":"limit"}`
		r := s.Get(path).Refused(400, "unknown_parameter").Header("SkyStack-Sandbox-Warning", "")
		if got := detailsOf(r); got != "["+want[1:]+"]" {
			t.Errorf("got %s, want [%s]", got, want[1:])
		}
		s.Get(path+"&page=0").Refused(400, "invalid_parameter").Has("error.details.3.code", "out_of_range")
	})
}

// S46, S64, S66; 6.3: Link names the neighbours in the style the caller came in.
func TestListLinks(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("docs"))
		for _, tc := range []struct{ path, want string }{
			{"/v1/instances", "first=page:1 next=page:2 last=page:4"},
			{"/v1/compute/instances?page=2", "first=page:1 prev=page:1 next=page:3 last=page:4"},
			{"/v1/instances?page=4", "first=page:1 prev=page:3 last=page:4"},
			{"/v1/instances?page=5", "first=page:1 prev=page:4 last=page:4"},
			{"/v1/instances?page=2147483647", "first=page:1 prev=page:4 last=page:4"},
			{"/v1/instances?name=nobody", "first=page:1 last=page:1"},
			{"/v1/instances?limit=200", "first=page:1 last=page:1"},
			{"/v1/regions", "first=page:1 last=page:1"},
			{"/v1/images?limit=5&page=2", "first=page:1 prev=page:1 last=page:2"},
			{"/v1/instances/ins_123/actions", "first=page:1 last=page:1"},
		} {
			path, query, _ := strings.Cut(tc.path, "?")
			var kept []string
			for pair := range strings.SplitSeq(query, "&") {
				if pair != "" && !strings.HasPrefix(pair, "page=") {
					kept = append(kept, pair)
				}
			}
			var want []string
			for link := range strings.FieldsSeq(tc.want) {
				rel, page, _ := strings.Cut(link, "=page:")
				want = append(want, "<"+path+"?"+strings.Join(append(slices.Clone(kept), "page="+page), "&")+`>; rel="`+rel+`"`)
			}
			s.Get(tc.path).Wants(200).Header("Link", strings.Join(want, ", "))
		}
		cursor := s.Get("/v1/instances?limit=40").Text("next_cursor")
		s.Get("/v1/instances?limit=20&cursor="+cursor).Wants(200).Header("Link", `</v1/instances?limit=20>; rel="first", </v1/instances?cursor=`+
			s.Get("/v1/instances?limit=20&page=3").Text("next_cursor")+`&limit=20>; rel="next"`)
		s.Get("/v1/instances?cursor="+s.Get("/v1/instances?limit=60").Text("next_cursor")).Wants(200).Header("Link", `</v1/instances>; rel="first"`)
		head := s.Send("HEAD", "/v1/instances?limit=1", "").Wants(200).
			Header("Link", `</v1/instances?limit=1&page=1>; rel="first", </v1/instances?limit=1&page=2>; rel="next", </v1/instances?limit=1&page=74>; rel="last"`)
		if want := strconv.Itoa(len(s.Get("/v1/instances?limit=1").Body)); head.Head.Get("Content-Length") != want {
			t.Errorf("HEAD: Content-Length %q, want %s", head.Head.Get("Content-Length"), want)
		}
	})
}
