package skystack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// null for an optional member of a create counts as absent, at every depth and of
// every resource; null for a required one is missing (decisions: null).
func TestNullInACreate(t *testing.T) {
	doc := document(t)
	bodies := fullBodies()
	cases := map[string][]string{"/v1/jobs": {bodies["/v1/jobs"], template}}
	for path, body := range bodies {
		if cases[path] == nil {
			cases[path] = []string{body}
		}
	}
	for path, list := range cases {
		schema := doc.Paths.Value(path).Post.RequestBody.Value.Content["application/json"].Schema.Value
		for _, text := range list {
			tried := map[bool]int{}
			eachMember(t, text, schema, func(body map[string]any, holder map[string]any, name, field string, required bool) {
				tried[required]++
				var made [2]*wire.Reply
				for n := range made {
					s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
					if holder[name] = nil; n == 1 {
						delete(holder, name)
					}
					made[n] = s.Post(path, asJSON(t, body))
				}
				if string(made[0].Body) != string(made[1].Body) || made[0].Status != made[1].Status {
					t.Errorf("%s: %s null gives\n%d %s, absent\n%d %s", path, field, made[0].Status, made[0].Body, made[1].Status, made[1].Body)
				}
				if required {
					made[0].Refused(400, "invalid_parameter").Has("error.details.0.field", field).Has("error.details.0.code", "required")
				}
			})
			if tried[true] == 0 || tried[false] == 0 {
				t.Errorf("%s: %v members were tried", path, tried)
			}
		}
	}
}

// eachMember calls f with each member of a body, and gives it back what it was.
func eachMember(t *testing.T, text string, schema *openapi3.Schema, f func(body, holder map[string]any, name, field string, required bool)) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	var walk func(s *openapi3.Schema, object map[string]any, prefix string)
	walk = func(s *openapi3.Schema, object map[string]any, prefix string) {
		for _, option := range s.OneOf {
			if option.Value.Type.Is("object") {
				s = option.Value
			}
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			was, ref := object[name], s.Properties[name]
			if ref == nil && s.AdditionalProperties.Schema == nil {
				continue // free
			}
			f(body, object, name, prefix+name, slices.Contains(s.Required, name))
			object[name] = was
			if ref == nil {
				continue
			}
			switch v := was.(type) {
			case map[string]any:
				walk(ref.Value, v, prefix+name+".")
			case []any:
				for n, item := range v {
					if inner, ok := item.(map[string]any); ok {
						walk(ref.Value.Items.Value, inner, fmt.Sprintf("%s%s[%d].", prefix, name, n))
					}
				}
			}
		}
	}
	walk(schema, body, "")
}

// null in a patch makes a member what it is in a resource that was created without
// it; what cannot be created without it cannot be unset (decisions: null).
func TestNullInAPatch(t *testing.T) {
	doc := document(t)
	for path, text := range fullBodies() {
		item := doc.Paths.Value(path + "/{id}")
		if item == nil {
			item = doc.Paths.Value(path + "/{webhook_id}")
		}
		if item == nil || item.Patch == nil {
			continue
		}
		schema := item.Patch.RequestBody.Value.Content["application/json"].Schema.Value
		create := doc.Paths.Value(path).Post.RequestBody.Value.Content["application/json"].Schema.Value
		tried := 0
		eachMember(t, text, create, func(body, holder map[string]any, name, field string, required bool) {
			if strings.Contains(field, "[") || schema.Properties[strings.Split(field, ".")[0]] == nil {
				return
			}
			tried++
			s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
			whole := path + "/" + s.Post(path, text).Wants(201).Text("id")
			if path == "/v1/instances" {
				advanceClock(s, 10*time.Second)
				s.Post(whole+"/actions", `{"type":"stop"}`).Wants(202)
				advanceClock(s, 10*time.Second)
			}
			r := s.Patch(whole, nullAt(field))
			delete(holder, name)
			without := s.Post(path, asJSON(t, body))
			if without.Status >= 400 {
				r.Refused(400, "invalid_parameter")
				return
			}
			member := strings.Split(field, ".")[0]
			if member == "network" { // what was leased differs
				advanceClock(s, 10*time.Second)
				without = s.Get(path + "/" + without.Text("id"))
			}
			want, _ := without.Find(member)
			got, _ := r.Wants(200).Find(member)
			if field != "network.subnet" && field != "network.firewall_ids" && member == "network" {
				got, want = withoutAddress(got), withoutAddress(want)
			}
			if member != "network" && asJSON(t, got) != asJSON(t, want) {
				t.Errorf("%s: %s null makes %s %s, absent at creation %s", path, field, member, asJSON(t, got), asJSON(t, want))
			}
		})
		if tried < 3 {
			t.Errorf("%s: only %d members were tried", path, tried)
		}
	}
}

// nullAt is a patch that sets a member at any depth to null.
func nullAt(field string) string {
	words := strings.Split(field, ".")
	return `{"` + strings.Join(words, `":{"`) + `":null` + strings.Repeat("}", len(words))
}

func withoutAddress(v any) any {
	network, _ := v.(map[string]any)
	network = maps.Clone(network)
	delete(network, "private_ip")
	return network
}

// Every optional member of a request may be null, and the contract says so; what null
// does in a patch is what the create has as its default.
func TestContractSaysWhatMayBeNull(t *testing.T) {
	doc := document(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			schema := op.RequestBody.Value.Content["application/json"].Schema.Value
			patch := method == "PATCH"
			var create *openapi3.Schema
			if patch {
				create = doc.Paths.Value(path[:strings.LastIndex(path, "/")]).Post.RequestBody.Value.Content["application/json"].Schema.Value
			}
			checkNullable(t, method+" "+path, schema, create, patch)
		}
	}
}

func checkNullable(t *testing.T, where string, s, create *openapi3.Schema, patch bool) {
	t.Helper()
	for name, ref := range s.Properties {
		member, at := ref.Value, where+" "+name
		may := member.Nullable
		required := slices.Contains(s.Required, name)
		var counterpart *openapi3.Schema
		if create != nil && create.Properties[name] != nil {
			counterpart = create.Properties[name].Value
			required = required || slices.Contains(create.Required, name)
		}
		if may == required {
			t.Errorf("%s: nullable is %t, required %t", at, may, required)
		}
		if may && len(member.Enum) > 0 && !slices.Contains(member.Enum, nil) {
			t.Errorf("%s: null is none of its enum", at)
		}
		if may && len(member.OneOf) > 0 && !slices.ContainsFunc(member.OneOf, func(o *openapi3.SchemaRef) bool { return o.Value.Nullable }) {
			t.Errorf("%s: null is none of its oneOf", at)
		}
		if patch && counterpart != nil && counterpart != member && counterpart.Default != nil && member.Extensions["x-default"] != counterpart.Default {
			if member.Extensions["x-default"] != nil || name != "public_ip" { // null and false are handled alike
				t.Errorf("%s: x-default is %v, the default of a create %v", at, member.Extensions["x-default"], counterpart.Default)
			}
		}
		checkNullable(t, at, member, counterpart, patch && member.Extensions["x-replace"] == nil)
		if member.Items != nil {
			var items *openapi3.Schema
			if counterpart != nil && counterpart.Items != nil {
				items = counterpart.Items.Value
			}
			checkNullable(t, at+"[]", member.Items.Value, items, patch)
		}
		for _, option := range member.OneOf {
			checkNullable(t, at, option.Value, nil, patch)
		}
	}
}

func document(t *testing.T) *openapi3.T {
	t.Helper()
	data, err := os.ReadFile("../../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
