package httpapi

import (
	"math"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// FormType is the media type of HTML forms.
const FormType = "application/x-www-form-urlencoded"

// readForm converts a form to an object with the types that the schema gives its
// members. It is then validated and decoded as the same body in JSON.
func (x *RequestContext) readForm(schema *openapi3.Schema) {
	object := map[string]any{}
	for p := range pairs(string(x.body)) {
		if p.unreadable {
			x.violateUnreadable(fail.Body, p)
			continue
		}
		before, given := object[p.name]
		switch member := memberSchema(schema, p.name); {
		case member != nil && member.Type.Is("array"):
			list, _ := before.([]any)
			object[p.name] = append(list, formValue(items(member), p.value))
		case given:
			x.violate(fail.Body, printable(p.name), "repeated", "%s is given more than once; give it once.", printable(p.name))
		default:
			object[p.name] = formValue(member, p.value)
		}
	}
	x.value = object
	x.form, _ = EncodeJSON(object) // strings, numbers, booleans and lists of them always encode
}

func items(s *openapi3.Schema) *openapi3.Schema {
	if s.Items == nil {
		return nil
	}
	return s.Items.Value
}

// formValue converts a text to the type of the schema. A text that cannot be converted
// stays a string, which the schema then rejects.
func formValue(s *openapi3.Schema, text string) any {
	if s == nil {
		return text
	}
	switch {
	case s.Type.Is("integer"):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case s.Type.Is("number"):
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	case s.Type.Is("boolean") && (text == "true" || text == "false"):
		return text == "true"
	}
	return text
}
