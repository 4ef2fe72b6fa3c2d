package httpapi

import (
	"bytes"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// FormType is the media type of HTML forms.
const FormType = "application/x-www-form-urlencoded"

// readForm reads a form strictly, as the query is read, into an object with the types
// that the schema gives to its members. From here on it is checked and decoded as the
// same body in JSON would be.
func (x *RequestContext) readForm(schema *openapi3.Schema) error {
	object, order := map[string]any{}, []string{}
	for raw := string(x.body); raw != ""; {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		plainName, err := url.QueryUnescape(name)
		plainValue, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil || !validText(plainName) || !validText(plainValue) {
			return formRefused(printable(name), "invalid_format", printable(pair)+" is not percent-encoded UTF-8.")
		}
		member := memberSchema(schema, plainName)
		if member != nil && member.Type.Is("array") {
			if _, given := object[plainName]; !given {
				object[plainName], order = []any{}, append(order, plainName)
			}
			object[plainName] = append(object[plainName].([]any), formValue(items(member), plainValue))
			continue
		}
		if slices.Contains(order, plainName) {
			return formRefused(printable(plainName), "repeated", printable(plainName)+" is given more than once; give it once.")
		}
		object[plainName], order = formValue(member, plainValue), append(order, plainName)
	}
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out)
	write := func(v any) {
		b, _ := EncodeJSON(v) // texts, numbers, true and false
		_ = enc.WriteValue(b)
	}
	_ = enc.WriteToken(jsontext.BeginObject)
	for _, name := range order {
		_ = enc.WriteToken(jsontext.String(name))
		write(object[name])
	}
	_ = enc.WriteToken(jsontext.EndObject)
	x.value, x.form = object, out.Bytes()
	return nil
}

func items(s *openapi3.Schema) *openapi3.Schema {
	if s.Items == nil {
		return nil
	}
	return s.Items.Value
}

// formValue is a text as the type of the schema. One that cannot be that stays text,
// for the schema to refuse.
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

func formRefused(field, code, message string) error {
	return fail.Parameters(fail.Detail{Location: fail.Body, Field: field, Code: code, Message: message})
}
