package httpapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// The meaning of null in a body:
//
//   - In a new object a nullable member that is null counts as absent. A required
//     one does too, and is then reported as missing.
//   - In a merge patch a nullable member that is null is set to the x-default of its
//     schema, or else to the default. Without either it stays null, for the handler
//     to remove the member. One that is not nullable cannot be unset.
//   - Parts that a patch replaces as a whole count as new: the items of an array, and
//     an object with x-replace.
//   - null is an ordinary value of members that the contract does not declare, and of
//     those with x-null: value.

// nulls resolves the members of an object that are null, in the parsed object and in
// the edit of its bytes.
type nulls struct {
	known   func(name string) bool // of the outermost object
	details []fail.Detail
}

func (n *nulls) resolve(s *openapi3.Schema, object map[string]any, e *edit, patch bool, prefix string) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		inner := memberSchema(s, name)
		if inner == nil || prefix == "" && !n.known(name) {
			continue
		}
		switch v := object[name].(type) {
		case nil:
			n.resolveMember(s, inner, object, name, e, patch, prefix+name)
		case map[string]any:
			if of := objectSchema(inner); of != nil {
				n.resolve(of, v, e.member(name), patch && of.Extensions["x-replace"] == nil, prefix+name+".")
			}
		case []any:
			n.resolveItems(inner, v, e.member(name), prefix+name)
		}
	}
}

func (n *nulls) resolveItems(s *openapi3.Schema, list []any, e *edit, prefix string) {
	if s.Items == nil || len(s.Items.Value.Properties) == 0 {
		return
	}
	for i, item := range list {
		if object, ok := item.(map[string]any); ok {
			n.resolve(s.Items.Value, object, e.item(i), false, prefix+"["+strconv.Itoa(i)+"].")
		}
	}
}

// resolveMember resolves a member that is null.
func (n *nulls) resolveMember(of, s *openapi3.Schema, object map[string]any, name string, e *edit, patch bool, field string) {
	standard, given := s.Extensions["x-default"]
	if !given && patch && s.Default != nil {
		standard, given = s.Default, true
	}
	required := slices.Contains(of.Required, name)
	switch {
	case s.Extensions["x-null"] == "value":
	case given:
		text, _ := json.Marshal(standard) // it came from JSON
		object[name], e.member(name).set = standard, jsontext.Value(text)
	case patch && nullable(s):
	case patch:
		delete(object, name)
		e.member(name).drop = true
		d := violation(fail.Body, field, "required", "%s cannot be unset, so it must not be null; leave it out to keep what it is.", printable(field))
		d.Keyword = "nullable"
		n.details = append(n.details, d)
	case required || nullable(s):
		delete(object, name)
		e.member(name).drop = true
	}
}

// memberSchema returns the schema of a member; nil if it is not restricted, or does
// not exist.
func memberSchema(s *openapi3.Schema, name string) *openapi3.Schema {
	if ref := s.Properties[name]; ref != nil {
		return ref.Value
	}
	if more := s.AdditionalProperties.Schema; more != nil {
		return more.Value
	}
	return nil
}

// objectSchema returns the schema of an object, or the only object schema among
// alternatives; nil if none declares members.
func objectSchema(s *openapi3.Schema) (found *openapi3.Schema) {
	for _, option := range s.OneOf {
		if option.Value.Type.Is("object") {
			if found != nil {
				return nil
			}
			found = option.Value
		}
	}
	if found == nil {
		found = s
	}
	if len(found.Properties) == 0 && found.AdditionalProperties.Schema == nil {
		return nil
	}
	return found
}

func nullable(s *openapi3.Schema) bool {
	return s.Nullable || slices.ContainsFunc(s.OneOf, func(option *openapi3.SchemaRef) bool { return option.Value.Nullable })
}

// immutable lists the members of an object that cannot be changed. A client may send
// them back unchanged.
func immutable(s *openapi3.Schema) []string {
	list, _ := s.Extensions["x-immutable"].([]any)
	out := make([]string, 0, len(list))
	for _, name := range list {
		if text, ok := name.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// quoted returns a value for a message.
func quoted(v any) string {
	text, err := EncodeJSON(v)
	if err != nil {
		return "another value"
	}
	return printable(strings.TrimSpace(string(text)))
}
