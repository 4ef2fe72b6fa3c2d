package httpapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// second is the contract of another API: its bodies are forms, or JSON.
const second = `
openapi: 3.0.3
info: {title: Second, version: "1"}
security: [{key: []}]
paths:
  /api/orders:
    post:
      operationId: createOrder
      x-source: documented
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded: {schema: &order {
            type: object, required: [product], properties: {
              product: {type: string}, quantity: {type: integer, maximum: 9}, weight: {type: number}, gift: {type: boolean},
              tags: {type: array, items: {type: string}}, codes: {type: array, items: {type: integer}}}}}
          application/json: {schema: *order}
      responses: {'201': {description: ok}}
  /api/forms:
    post:
      operationId: createForm
      x-source: documented
      requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object}}}}
      responses: {'201': {description: ok}}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
`

type order struct {
	Product  string   `json:"product"`
	Quantity int      `json:"quantity"`
	Weight   float64  `json:"weight"`
	Gift     bool     `json:"gift"`
	Tags     []string `json:"tags"`
	Codes    []int    `json:"codes"`
}

// newTwoAPIs is a server of the toy and of the second API.
func newTwoAPIs(t testing.TB) *Server {
	t.Helper()
	p := newTestAPI(t)
	contract, err := LoadContract([]byte(second), textLoader(second))
	if err != nil {
		t.Fatal(err)
	}
	other := *p.api
	other.Contract, other.Prefix, other.Hosts = contract, "/api/", []string{"console.second.test"}
	other.Handlers = []Handler{
		Handle("createOrder", func(_ *Call, in order) (order, error) { return in, nil }),
		Handle("createForm", func(_ *Call, in map[string]any) (map[string]any, error) { return in, nil }),
	}
	other.RenderError = func(_ *RequestContext, err *fail.Error) Response {
		text := err.Code
		for _, d := range err.Details {
			text += fmt.Sprintf(" %s %s", d.Field, d.Code)
		}
		return Response{Status: map[fail.Kind]int{
			fail.NotFound: 404, fail.Forbidden: 403, fail.MethodNotAllowed: 405, fail.Invalid: 422, fail.UnsupportedMedia: 415, fail.TooLarge: 413,
		}[err.Kind], Type: "text/plain", Body: []byte("second: " + text)}
	}
	p.world, err = engine.NewWorld(p.schema, engine.Config{ID: "wsp_two", Clock: engine.Clock{Mode: engine.Frozen, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Options{Home: p.world}, p.api, &other)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sendType posts a body of a media type.
func sendType(s *Server, path, media, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// Each API on a server refuses what lies below its own prefix, with its own errors.
func TestEachAPIRefusesItsOwn(t *testing.T) {
	s := newTwoAPIs(t)
	for _, tc := range []struct {
		method, path, host string
		status             int
		second             string // its body; "" for the first API's
	}{
		{"GET", "/nowhere", "", 404, ""},
		{"GET", "/apix", "", 404, ""},
		{"GET", "/ap", "", 404, ""},
		{"GET", "/api", "", 404, "route_not_found"},
		{"GET", "/api/", "", 404, "route_not_found"},
		{"GET", "/api/nowhere", "", 404, "route_not_found"},
		{"GET", "/api/orders/", "", 404, "route_not_found"},
		{"DELETE", "/things", "", 405, ""},
		{"DELETE", "/api/orders", "", 405, "method_not_allowed"},
		{"GET", "/things", "evil.test", 403, ""},
		{"POST", "/api/orders", "evil.test", 403, "host_not_allowed"},
		{"GET", "/things", "console.second.test", 403, ""},
		{"POST", "/api/orders", "api.skystack.dev", 403, "host_not_allowed"},
		{"GET", "/api/orders", "console.second.test", 405, "method_not_allowed"},
		{"GET", "/things", "api.skystack.dev", 200, ""},
	} {
		if tc.host == "" {
			tc.host = "localhost"
		}
		w := send(s, tc.method, tc.path, "", "Host", tc.host)
		if own := w.Header().Get("Content-Type") == "text/plain"; w.Code != tc.status || own != (tc.second != "") || own && w.Body.String() != "second: "+tc.second {
			t.Errorf("%s %s to %s: got %d %s, want %d %s", tc.method, tc.path, tc.host, w.Code, w.Body, tc.status, tc.second)
		}
	}
	if w := send(s, "OPTIONS", "/api/orders", ""); w.Code != http.StatusNoContent || w.Header().Get("Allow") != "OPTIONS, POST" {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
	if _, err := NewServer(Options{}); err == nil {
		t.Error("a server of no API was made")
	}
}

// A form is read by the types of its schema, and is then checked like the same body
// in JSON.
func TestForms(t *testing.T) {
	s := newTwoAPIs(t)
	for _, tc := range []struct {
		path, media, body string
		status            int
		want              string
	}{
		{"/api/orders", FormType, "product=tea&quantity=3&weight=0.5&gift=true&tags=a&tags=b+c&codes=7", 201,
			`{"product":"tea","quantity":3,"weight":0.5,"gift":true,"tags":["a","b c"],"codes":[7]}`},
		{"/api/orders", FormType + "; charset=utf-8", "&product=t%C3%A9&", 201, `{"product":"té","quantity":0,"weight":0,"gift":false,"tags":null,"codes":null}`},
		{"/api/orders", "application/json", `{"product":"tea","quantity":3}`, 201, `{"product":"tea","quantity":3,"weight":0,"gift":false,"tags":null,"codes":null}`},
		{"/api/orders", FormType, "quantity=3", 422, "second: invalid_parameter product required"},
		{"/api/orders", FormType, "product=tea&quantity=10", 422, "second: invalid_parameter quantity out_of_range"},
		{"/api/orders", FormType, "product=tea&quantity=many", 422, "second: invalid_parameter quantity invalid_type"},
		{"/api/orders", FormType, "product=tea&gift=yes", 422, "second: invalid_parameter gift invalid_type"},
		{"/api/orders", FormType, "product=tea&codes=1&codes=x", 422, "second: invalid_parameter codes[1] invalid_type"},
		{"/api/orders", FormType, "product=a&product=b", 422, "second: invalid_parameter product repeated"},
		{"/api/orders", FormType, "product=tea&quantity=%zz", 422, "second: invalid_parameter quantity invalid_format"},
		{"/api/orders", FormType, "product=a&product=b&quantity=%ff&weight=heavy", 422,
			"second: invalid_parameter product repeated quantity invalid_format weight invalid_type"},
		{"/api/orders", FormType, "product=tea&weight=NaN", 422, "second: invalid_parameter weight invalid_type"},
		{"/api/orders", FormType, "product=tea&weight=1e999", 422, "second: invalid_parameter weight invalid_type"},
		{"/api/orders", FormType, "", 422, "second: invalid_json  empty"},
		{"/api/orders", "text/plain", "product=tea", 415, "second: unsupported_media_type"},
		{"/api/forms", FormType, "b=1&a=%7B%7D", 201, `{"a":"{}","b":"1"}`},
		{"/api/forms", "application/json", `{"a":1}`, 415, "second: unsupported_media_type"},
		{"/things", FormType, "name=a", 415, ""},
	} {
		w := sendType(s, tc.path, tc.media, tc.body)
		if w.Code != tc.status || tc.want != "" && w.Body.String() != tc.want {
			t.Errorf("%s %s %s: got %d %s, want %d %s", tc.path, tc.media, tc.body, w.Code, w.Body, tc.status, tc.want)
		}
	}
}

// A form of as many members as fit in a body takes no longer than its length allows.
func TestHostileForm(t *testing.T) {
	var body strings.Builder
	body.WriteString("product=tea")
	for n := 0; body.Len() < defaultMaxBody-10; n++ {
		fmt.Fprintf(&body, "&%d", n)
	}
	if w := sendType(newTwoAPIs(t), "/api/orders", FormType, body.String()); w.Code != 201 {
		t.Errorf("got %d %.200s", w.Code, w.Body)
	}
}

// A form never panics, and what is accepted is JSON that says the same twice.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"product=tea&quantity=3", "a=%zz", "product=%ff", "codes=1&codes=x", "=", "&&", "product=a&product=b", "tags[]=1", "weight=NaN&product=x", "weight=1e999&product=x"} {
		f.Add(seed)
	}
	s := newTwoAPIs(f)
	f.Fuzz(func(t *testing.T, body string) {
		w := sendType(s, "/api/orders", FormType, body)
		if w.Code != 201 && w.Code != 422 && w.Code != 413 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if w.Code != 201 {
			return
		}
		if again := sendType(s, "/api/orders", "application/json", w.Body.String()); again.Code != 422 && again.Body.String() != w.Body.String() {
			t.Fatalf("%q: %s became %s", body, w.Body, again.Body)
		}
	})
}
