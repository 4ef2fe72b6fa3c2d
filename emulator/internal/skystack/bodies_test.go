package skystack_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// nested is a create whose metadata makes the whole body so many levels deep.
func nested(levels int) string {
	n := levels - 2 // the body and metadata
	return `{"name":"a","region":"eu-central","size":"standard-1","metadata":{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
}

// with is a create with one more member.
func with(member string) string {
	return `{"name":"a","region":"eu-central","size":"standard-1",` + member + `}`
}

// What is not one JSON value is refused with its one violation and where it is (S43,
// S75), and nothing of it is carried out.
func TestBodiesThatAreNotJSON(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		code       string // of the detail
		field      any
		offset     int    // -1 for none
		place      string // part of the message
	}{
		{"white space alone", " \n ", "syntax", nil, 3, "line 2, column 2"},
		{"cut short", `{"name":"a"`, "syntax", nil, 11, "breaks off"},
		{"cut in a string", `{"name":"a`, "syntax", "name", -2, "breaks off"},
		{"cut after a colon", `{"name":`, "syntax", "name", -2, "breaks off"},
		{"a brace too many", `{}}`, "trailing_data", nil, 2, ""},
		{"two values", `{} {}`, "trailing_data", nil, -2, ""},
		{"a word after it", `{"name":"a"} x`, "trailing_data", nil, -2, ""},
		{"a comma too many", `{"name":"a",}`, "syntax", nil, -2, "line 1, column"},
		{"no comma", "{\n \"name\": \"a\"\n \"region\": 1}", "syntax", nil, -2, "line 3, column 2"},
		{"single quotes", `{'name':'a'}`, "syntax", nil, 1, "line 1, column 2"},
		{"no quotes", `{name:"a"}`, "syntax", nil, 2, "line 1, column 3"},
		{"a comment", "{/* no */}", "syntax", nil, 1, "line 1, column 2"},
		{"a line break in a string", "{\"name\":\"a\nb\"}", "syntax", "name", -2, "line 1, column"},
		{"a control character in a string", "{\"name\":\"a\x01\"}", "syntax", "name", -2, "line 1"},
		{"a wrong escape", `{"name":"\q"}`, "syntax", "name", -2, "line 1"},
		{"a byte order mark", "\ufeff{}", "syntax", nil, -2, "line 1, column 1"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "syntax", nil, -2, "line 1, column 1"},
		{"a form", "name=a&region=b", "syntax", nil, -2, "line 1, column"},
		{"XML", "<name>a</name>", "syntax", nil, -2, "line 1, column 1"},
		{"NaN", with(`"x":NaN`), "syntax", "x", -2, "line 1"},
		{"Infinity", with(`"x":-Infinity`), "syntax", "x", -2, "line 1"},
		{"a leading zero", with(`"x":007`), "syntax", nil, -2, "line 1"},
		{"a plus sign", with(`"x":+1`), "syntax", "x", -2, "line 1"},
		{"no digit before the point", with(`"x":.5`), "syntax", "x", -2, "line 1"},
		{"no digit after the point", with(`"x":5.`), "syntax", "x", -2, "line 1"},
		{"hexadecimal", with(`"x":0x10`), "syntax", nil, -2, "line 1"},
		{"upper case", with(`"x":TRUE`), "syntax", "x", -2, "line 1"},
		{"a name twice", `{"name":"a","region":"eu-central","name":"b"}`, "duplicate_name", "name", -2, "line 1"},
		{"a name twice, escaped", `{"name":"a","n\u0061me":"b"}`, "duplicate_name", "name", -2, "line 1"},
		{"a name twice, deep inside", with(`"metadata":{"x":[{"y":1,"y":2}]}`), "duplicate_name", "metadata.x[0].y", -2, "line 1"},
		{"not UTF-8", "{\"name\":\"a\xff\"}", "utf8", "name", -2, "line 1"},
		{"not UTF-8 in a name", "{\"\xc3\":1}", "utf8", nil, -2, "line 1"},
		{"an encoded surrogate", "{\"name\":\"\xed\xa0\x80\"}", "utf8", "name", -2, "line 1"},
		{"a lone high surrogate", `{"name":"\ud800"}`, "utf8", "name", -2, "line 1"},
		{"a lone low surrogate", `{"name":"\udc00x"}`, "utf8", "name", -2, "line 1"},
		{"a high surrogate and a letter", `{"name":"\ud800\u0041"}`, "utf8", "name", -2, "line 1"},
		{"65 levels", nested(65), "depth", nil, -2, "64 levels"},
		{"20,000 levels", strings.Repeat("[", 20_000), "depth", nil, -2, "64 levels"},
		{"20,000 objects", strings.Repeat(`{"a":`, 20_000), "depth", nil, -2, "64 levels"},
		{"a number beyond all", with(`"metadata":{"x":1e400}`), "number_range", "metadata.x", -2, "too large"},
		{"a number below all", with(`"x":-1e9999`), "number_range", "x", -2, "too large"},
		{"an endless number", with(`"x":` + strings.Repeat("9", 400)), "number_range", "x", -2, "too large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start(emulator.WithFixture("empty"))
				reply := s.Post("/v1/instances", tc.body).Refused(400, "invalid_json").
					Has("error.details.0.code", tc.code).Has("error.details.0.location", "body").Lacks("error.details.1")
				if field, _ := reply.Find("error.details.0.field"); tc.code != "depth" && field != tc.field {
					t.Errorf("field %v, want %v", field, tc.field)
				}
				if tc.offset >= 0 {
					reply.Has("error.details.0.offset", tc.offset)
				} else if at := reply.Int("error.details.0.offset"); at < 0 || at > len(tc.body) {
					t.Errorf("offset %d of %d", at, len(tc.body))
				}
				message := reply.Text("error.message")
				if message != reply.Text("error.details.0.message") || !strings.Contains(message, tc.place) || strings.Contains(message, "jsontext") {
					t.Errorf("message %q, want %q in it", message, tc.place)
				}
				s.Get("/v1/instances").Has("pagination.total", 0)
			})
		})
	}
}

// No body is a violation of its own; what is nearly wrong is right (S43).
func TestBodiesAtTheEdge(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen())
		for _, send := range []func() *wire.Reply{
			func() *wire.Reply { return s.Post("/v1/instances", "") },
			func() *wire.Reply { return s.Patch("/v1/instances/ins_web01", "") },
			func() *wire.Reply { return s.Post("/v1/instances/ins_web01/actions", "") },
			func() *wire.Reply { return s.Post("/v1/instances", "", "Content-Type", "text/html") },
		} {
			send().Refused(400, "invalid_json").Has("error.details", []any{map[string]any{
				"field": nil, "location": "body", "code": "empty", "message": "The body is empty; send a JSON object.",
			}})
		}
		for name, body := range map[string]string{
			"64 levels": nested(64), "white space around": "\r\n\t " + goodBody + " \n", "escapes": strings.Replace(goodBody, `"name"`, `"n\u0061me"`, 1),
			"a pair of surrogates": with(`"metadata":{"x":"\ud83d\ude00"}`), "a small number": with(`"metadata":{"x":1e-999}`),
			"a precise number": with(`"metadata":{"x":9007199254740993}`), "a number at the limit": with(`"metadata":{"x":1.7976931348623157e308}`),
			"null where it is free": with(`"metadata":{"x":null}`), "a whole number with a point": with(`"storage":[{"size_gb":10.0}]`), "an exponent": with(`"storage":[{"size_gb":1e2}]`),
			"an empty name": with(`"metadata":{"":1}`), "a NUL": with(`"metadata":{"x":"\u0000"}`),
		} {
			if reply := s.Post("/v1/instances", body); reply.Status != 201 {
				t.Errorf("%s: got %d %s", name, reply.Status, reply.Body)
			}
		}
		// Numbers that a double cannot hold come back as they were sent.
		id := s.Post("/v1/instances", with(`"metadata":{"x":9007199254740993}`)).Wants(201).Text("id")
		if got := string(s.Get("/v1/instances/" + id).Body); !strings.Contains(got, `"metadata":{"x":9007199254740993}`) {
			t.Errorf("got %s", got)
		}
		// What is kept of a body outlives it.
		first := s.Post("/v1/instances", with(`"metadata":{"x":["first"]},"labels":{"l":"first"}`)).Wants(201).Text("id")
		s.Post("/v1/instances", with(`"metadata":{"x":["after"]},"labels":{"l":"after"}`)).Wants(201)
		s.Get("/v1/instances/"+first).Has("metadata.x.0", "first").Has("labels.l", "first")
		// Bodies of GET and DELETE are not looked at.
		s.Send(http.MethodGet, "/v1/instances", "{", "Content-Type", "text/html").Wants(200)
		s.Send(http.MethodDelete, "/v1/instances/"+id, "\xff", "Content-Type", "-", "Content-Encoding", "gzip").Wants(204)
	})
}

// Which types of body are read (S43).
func TestContentTypes(t *testing.T) {
	for _, tc := range []struct {
		header string // "-" for none
		ok     bool
	}{
		{"application/json", true}, {"Application/JSON", true}, {"application/json; charset=utf-8", true}, {"application/json;charset=UTF-8", true},
		{`application/json; charset="utf-8"`, true}, {"application/json; charset=utf8", true}, {"application/json;charset=UTF8", true}, {`application/json; charset="Utf8"`, true}, {"application/json; version=2; profile=x", true}, {"application/json;", true}, {" application/json ", true},
		{"-", false}, {"", false}, {"text/plain", false}, {"text/json", false}, {"application/x-www-form-urlencoded", false}, {"multipart/form-data; boundary=x", false},
		{"application/problem+json", false}, {"application/merge-patch+json", false}, {"application/jsonp", false}, {"json", false}, {"*/*", false},
		{"application/json; charset=latin1", false}, {"application/json; charset=utf-16", false}, {"application/json; charset=", false},
		{"application/json, text/plain", false}, {"application/json; charset=utf-8; charset=latin1", false}, {"application/json; =", false},
	} {
		t.Run(tc.header, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				s := start(emulator.WithFixture("empty"))
				reply := s.Post("/v1/instances", goodBody, "Content-Type", tc.header)
				if tc.ok {
					reply.Wants(201)
					return
				}
				message := reply.Refused(415, "unsupported_media_type").Lacks("error.details").Text("error.message")
				if !strings.Contains(message, "application/json") || strings.Contains(message, "curl") != strings.Contains(tc.header, "form-urlencoded") {
					t.Errorf("message %q", message)
				}
				s.Get("/v1/instances").Has("pagination.total", 0)
			})
		})
	}
	s := wire.Start(t)
	s.Post("/v1/instances", goodBody, "Content-Type", "application/json", "Content-Type", "application/json").Refused(415, "unsupported_media_type")
	s.Patch("/v1/instances/ins_web01", `{"name":"b"}`, "Content-Type", "application/merge-patch+json").Wants(200)
	s.Patch("/v1/instances/ins_web01", `{"name":"c"}`, "Content-Type", "application/json-patch+json").Refused(415, "unsupported_media_type")
	for encoding, want := range map[string]int{"identity": 201, "Identity": 201, "gzip": 415, "br": 415, "identity, gzip": 415, "deflate": 415} {
		s.Post("/v1/instances", goodBody, "Content-Encoding", encoding).Wants(want)
	}
	s.Post("/v1/instances", goodBody, "Content-Encoding", "identity", "Content-Encoding", "gzip").Wants(415)
}

// A page a developer has open can send forms and plain text anywhere; neither
// does anything (10.2 row 4; S28, S43).
func TestPostsFromAPage(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("empty"))
		for _, media := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"} {
			for _, body := range []string{goodBody, "name=a&region=eu-central&size=standard-1"} {
				s.As("").Post("/v1/instances", body, "Content-Type", media, "Origin", "https://evil.test", "Cookie", "a=b", "Sec-Fetch-Site", "cross-site").Refused(401, "authentication_required")
				s.Post("/v1/instances", body, "Content-Type", media, "Origin", "https://evil.test").Refused(415, "unsupported_media_type").Header("Access-Control-Allow-Origin", "")
			}
		}
		s.Get("/v1/instances").Has("pagination.total", 0)
	})
}

// A body over the limit is refused whether it says so first or not, and leaves
// the server serving (S75; 10.2 row 9).
func TestBodiesThatAreTooLarge(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(emulator.WithFixture("empty"), emulator.WithMaxBody(1000))
		fill := func(size int) string {
			return with(`"metadata":{"x":"` + strings.Repeat("a", size-len(with(`"metadata":{"x":""}`))) + `"}`)
		}
		chunked := func(body string, headers ...string) *wire.Reply {
			r, err := http.NewRequest(http.MethodPost, s.Path("/v1/instances"), io.MultiReader(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Authorization": {"Bearer " + s.Key()}, "Content-Type": {"application/json"}}
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			return s.Do(r)
		}
		s.Post("/v1/instances", fill(1000)).Wants(201)
		chunked(fill(1000)).Wants(201)
		for _, size := range []int{1001, 5000, 3 << 20} {
			for _, reply := range []*wire.Reply{
				s.Post("/v1/instances", fill(size)), chunked(fill(size)), chunked(fill(size), "Idempotency-Key", fmt.Sprint(size)),
				s.Post("/v1/instances", fill(size), "Idempotency-Key", "k", "Content-Type", "text/plain"),
			} {
				reply.Refused(413, "payload_too_large").Header("Retry-After", "").Lacks("error.details")
				if message := reply.Text("error.message"); !strings.Contains(message, "1000 bytes") {
					t.Errorf("message %q does not say how much is allowed", message)
				}
			}
		}
		s.Get("/v1/instances").Has("pagination.total", 2)
	})
}
