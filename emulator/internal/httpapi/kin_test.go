package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// The document that both readings are held against.
const document = "../../../openapi.yaml"

// pair reads a request of an operation twice: as we do, and as kin-openapi's own
// filter does.
type pair struct {
	server *Server
	api    *API
	ops    map[string]*Operation
	routes map[string]*routers.Route
}

func newPair(t testing.TB) *pair {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	contract, err := LoadContract(data, textLoader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{server: &Server{Options: Options{MaxBody: defaultMaxBody}}, ops: map[string]*Operation{}, routes: map[string]*routers.Route{}}
	p.api = &API{Contract: contract, Known: func(*RequestContext, fail.Location, string) bool { return true }, Strict: func(*RequestContext) bool { return false }}
	for _, o := range contract.Operations {
		p.ops[o.ID] = o.bind(&Handler{})
		item := doc.Paths.Value(o.Path)
		p.routes[o.ID] = &routers.Route{Spec: doc, Path: o.Path, PathItem: item, Method: o.Method, Operation: item.GetOperation(o.Method)}
	}
	return p
}

func request(o *Operation, query, body string) *http.Request {
	r := httptest.NewRequest(o.Method, "http://localhost/", strings.NewReader(body))
	r.URL.RawQuery = query
	if o.takesBody() {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// ours is what our reading says of a request, nil if nothing is wrong.
func (p *pair) ours(id, query, body string) *fail.Error {
	o := p.ops[id]
	x := &RequestContext{server: p.server, api: p.api, Op: o, Request: request(o, query, body), w: httptest.NewRecorder(), header: http.Header{}}
	x.readQuery()
	for _, stage := range []func(*RequestContext) error{ReadBody, CheckContract} {
		if err := stage(x); err != nil {
			return fail.Of(err)
		}
	}
	return nil
}

// theirs is what kin-openapi says of the same request.
func (p *pair) theirs(id, query, body string) error {
	return openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{
		Request: request(p.ops[id], query, body), Route: p.routes[id], PathParams: map[string]string{"id": "x", "slug": "x", "run": "x", "webhook_id": "x", "delivery_id": "x"},
		Options: &openapi3filter.Options{
			MultiError: true, SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails(), formats()},
		},
	})
}

// stricter lists the ways in which our reading of a body refuses what kin's
// accepts, by the code of the detail. kin reads with encoding/json, which looks
// at the first value of the body, keeps the last of two members, mends text that
// is not UTF-8, and has no limit of depth that a test would reach.
func stricter() []string {
	return []string{"trailing_data", "duplicate_name", "utf8", "depth", "number_range"}
}

// compareBody holds the two readings of a body against each other.
func (p *pair) compareBody(t interface{ Fatalf(string, ...any) }, id, body string) (accepted bool) {
	ours, theirs := p.ours(id, "", body), p.theirs(id, "", body)
	switch {
	case ours == nil && theirs != nil:
		t.Fatalf("%s: %q is accepted; kin-openapi refuses it: %v", id, body, theirs)
	case ours != nil && ours.Kind != fail.Invalid:
		t.Fatalf("%s: %q: kind %d, %v", id, body, ours.Kind, ours)
	case ours != nil && len(ours.Details) == 0:
		t.Fatalf("%s: %q is refused without a detail: %v", id, body, ours)
	case ours != nil && theirs == nil && !slices.Contains(stricter(), ours.Details[0].Code):
		t.Fatalf("%s: %q is refused with %+v; kin-openapi accepts it", id, body, ours.Details)
	}
	return ours == nil
}

// withBody lists the operations that read a body.
func (p *pair) withBody() []string {
	var out []string
	for id, o := range p.ops {
		if o.takesBody() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// FuzzBodyAgainstKin: whatever bytes arrive as a body, our reading accepts what
// kin-openapi's accepts, but for the ways listed in stricter.
func FuzzBodyAgainstKin(f *testing.F) {
	p := newPair(f)
	ids := p.withBody()
	for n := range ids {
		for _, seed := range []string{
			`{}`, `null`, `[]`, `{"name":"a","region":"eu-central","size":"standard-1"}`, `{"name":"a"} x`, `{"name":"a","name":"b"}`, "{\"name\":\"\xff\"}",
			`{"name":"a","region":"b","autoscale":{"min":1,"max":2,"target_cpu":1.0},"storage":[{"size_gb":10,"type":"ssd"}],"network":{"public_ip":true,"firewall_ids":["x"]}}`,
			`{"type":"stop","force":true}`, `{"labels":{"a":null},"metadata":null,"autoscale":false}`, `{"name":1e400}`, `{"storage":[{"size_gb":4294967296}]}`,
			`{"metadata":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, `{"name":"a","unknown":{"deep":[1]}}`, "\ufeff{}", `{"description":"x","environment":"y","name":"z"}`, `{"name":"a","expires_at":"2026-02-30T00:00:00Z"}`,
		} {
			f.Add(uint8(n), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, op uint8, body []byte) {
		p.compareBody(t, ids[int(op)%len(ids)], string(body))
	})
}

// Bodies made of the contract's own members with values right and wrong are read
// alike; some thousands of them, with every run.
func TestBodiesAgainstKin(t *testing.T) {
	p := newPair(t)
	accepted := map[string]int{}
	for _, id := range p.withBody() {
		schema := p.ops[id].schemas["application/json"]
		rapid.Check(t, func(t *rapid.T) {
			body, err := json.Marshal(drawValue(t, schema, 0, rapid.Bool().Draw(t, "wild")))
			if err != nil {
				t.Fatal(err)
			}
			text := string(body)
			if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
				text = text[:rapid.IntRange(0, len(text)).Draw(t, "at")]
			}
			if text != "" && p.compareBody(t, id, text) {
				accepted[id]++
			}
		})
	}
	for _, id := range p.withBody() {
		if accepted[id] < 3 { // the average is 21 at least: chance alone never comes down here
			t.Errorf("%s: only %d bodies were accepted: the test shows little", id, accepted[id])
		}
	}
}

// drawValue is a value that fits a schema, or, if it is wild, mostly does.
func drawValue(t *rapid.T, s *openapi3.Schema, depth int, wild bool) any {
	wild = wild && rapid.IntRange(0, 3).Draw(t, "here") > 0
	if wild && (rapid.IntRange(0, 9).Draw(t, "odds") == 0 || depth > 4) {
		return rapid.SampledFrom([]any{nil, true, "", "x", -1, 0, 1.5, 1 << 40, []any{}, map[string]any{}, strings.Repeat("y", 300)}).Draw(t, "any")
	}
	if len(s.OneOf) > 0 {
		return drawValue(t, rapid.SampledFrom(s.OneOf).Draw(t, "branch").Value, depth, wild)
	}
	if len(s.Enum) > 0 {
		return rapid.SampledFrom(s.Enum).Draw(t, "enum")
	}
	pick := func(name string, tame, wilder []any) any {
		if wild {
			tame = append(slices.Clone(tame), wilder...)
		}
		return rapid.SampledFrom(tame).Draw(t, name)
	}
	switch {
	case s.Type.Is("object"):
		return drawObject(t, s, depth, wild)
	case s.Type.Is("array"):
		list := make([]any, pick("items", []any{0, 1, 2, 16}, []any{17}).(int))
		for i := range list {
			list[i] = drawValue(t, s.Items.Value, depth+1, wild)
		}
		return list
	case s.Type.Is("integer"):
		low := 1.0
		if s.Min != nil {
			low = *s.Min
		}
		return pick("integer", []any{low, low + 1}, []any{0, 101, 501, 1001, 3600, 16385, -1, 2.5, 1 << 31, int64(1) << 53})
	case s.Type.Is("boolean"):
		return rapid.Bool().Draw(t, "boolean")
	default:
		return pick("string", []any{"a", "worker-a", "standard-1", strings.Repeat("a", 63)}, []any{"", "-", "ü", "a b", strings.Repeat("a", 64), strings.Repeat("ü", 63), strings.Repeat("b", 256)})
	}
}

func drawObject(t *rapid.T, s *openapi3.Schema, depth int, wild bool) map[string]any {
	object := map[string]any{}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !wild && slices.Contains(s.Required, name) || rapid.Bool().Draw(t, name) {
			object[name] = drawValue(t, s.Properties[name].Value, depth+1, wild)
		}
	}
	if more := s.AdditionalProperties.Schema; more != nil {
		counts := []int{0, 1, 2, 64}
		if wild {
			counts = append(counts, 65)
		}
		for n := range rapid.SampledFrom(counts).Draw(t, "members") {
			object[strings.Repeat("k", n+1)] = drawValue(t, more.Value, depth+1, wild)
		}
	}
	if wild && rapid.Bool().Draw(t, "more") {
		object["unknown"] = 1
	}
	return object
}

// An empty body is refused by both where one is required, and by neither elsewhere.
func TestEmptyBodyAgainstKin(t *testing.T) {
	p := newPair(t)
	for _, id := range p.withBody() {
		if ours, theirs := p.ours(id, "", ""), p.theirs(id, "", ""); p.ops[id].body.Required != (ours != nil) || (ours == nil) != (theirs == nil) {
			t.Errorf("%s: %v and %v", id, ours, theirs)
		}
	}
}

// queryStricter tells whether our reading of a query may refuse what kin's
// accepts: kin drops pairs that are not percent-encoded or have a semicolon, looks
// at the first of two values alone, and takes numbers in any spelling that Go
// does.
func queryStricter(query string, err *fail.Error) bool {
	return strings.Contains(query, ";") || !slices.ContainsFunc(err.Details, func(d fail.Detail) bool {
		switch d.Code {
		case "repeated": // ?page=1&page=2
			return false
		case "invalid_format": // ?page=%zz, and bytes that are not UTF-8
			return !strings.Contains(d.Message, "percent-encoded")
		case "invalid_type": // ?page=+5, ?page=007
			return !strings.Contains(d.Message, "whole number") && !strings.Contains(d.Message, "true or false")
		}
		return true
	})
}

// FuzzQuery compares the readings of a query; both let names pass that they do
// not know.
func FuzzQuery(f *testing.F) {
	p := newPair(f)
	var ids []string
	for id, o := range p.ops {
		if len(o.query) > 0 && !o.takesBody() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for n := range ids {
		for _, seed := range []string{
			"", "page=1&limit=20", "page=0", "limit=201", "limit=200", "page=+5", "page=007", "page=1.0", "page=1e2", "page=", "page", "limit=20&limit=30", "page=%zz", "%zz=1",
			"cursor=abc", "cursor=", "status=running", "status=running,stopped", "status=running,", "status=", "status=melting", "region=eu-central", "region=EU", "name=a%20b",
			"label=a:b&label=c", "label=", "sort=-created_at", "sort=name", "unknown=1", "&&", "=", "=1", "a=b=c", "page=1;limit=2", "name=%ff", "page=9223372036854775808", "page=99999999999",
			"status=running&status=stopped", "label=a,b", "page=%31", "%70age=1", "project_id=prj_web", "name=+",
		} {
			f.Add(uint8(n), seed)
		}
	}
	f.Fuzz(func(t *testing.T, op uint8, query string) {
		id := ids[int(op)%len(ids)]
		ours, theirs := p.ours(id, query, ""), p.theirs(id, query, "")
		var unread *openapi3filter.ParseError
		switch {
		case ours == nil && theirs != nil && !errors.As(theirs, &unread):
			t.Fatalf("%s?%s is accepted; kin-openapi refuses it: %v", id, query, theirs)
		case ours != nil && ours.Kind != fail.Invalid:
			t.Fatalf("%s?%s: %v", id, query, ours)
		case ours != nil && theirs == nil && !queryStricter(query, ours):
			t.Fatalf("%s?%s is refused with %+v; kin-openapi accepts it", id, query, ours.Details)
		}
	})
}
