package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
)

// CheckContract is the stage that validates query and body against the operation's
// schemas and reports all violations at once (S50).
func CheckContract(x *RequestContext) error {
	defer x.warnOfMore()
	x.checkQuery()
	if x.Op.takesBody() && !x.Op.raw && !x.lacksBody() && !x.checkBody() {
		err := fail.Of(fail.Parameters(x.detail...))
		err.Code = "invalid_request"
		return err
	}
	if len(x.detail) == 0 {
		return nil
	}
	if x.Op.handler.check != nil {
		x.detail = append(x.detail, x.furtherViolations()...)
	}
	slices.SortStableFunc(x.detail, func(a, b fail.Detail) int { return strings.Compare(string(b.Location), string(a.Location)) })
	err := fail.Of(fail.Parameters(x.detail...))
	if !slices.ContainsFunc(x.detail, func(d fail.Detail) bool { return d.Code != "unknown_parameter" }) {
		err.Code = "unknown_parameter"
	}
	return err
}

// checkBody reports false when the body is no object, so that its members cannot be
// checked.
func (x *RequestContext) checkBody() bool {
	schema := x.bodySchema()
	object, ok := x.value.(map[string]any)
	if !ok && schema.Type.Is("object") {
		x.violate(fail.Body, "", "invalid_type", "The body must be a JSON object, not %s.", kindOf(x.value))
		return false
	}
	for _, s := range unknownMembers(schema, object, "", x.knownMember) {
		x.unknown(fail.Body, s)
	}
	if x.Op.handler.present != nil {
		x.readBase()
	}
	x.checkMembers(schema, object)
	return true
}

func (x *RequestContext) knownMember(name string) bool { return x.api.Known(x, fail.Body, name) }

// checkMembers resolves nulls and defaults of a body and validates the result. It
// edits parsed object and bytes alike.
func (x *RequestContext) checkMembers(schema *openapi3.Schema, object map[string]any) {
	var fixed []fail.Detail
	if object != nil {
		var e edit
		if x.base != nil {
			fixed = x.reduce(schema, object, &e)
		}
		n := nulls{known: x.knownMember}
		n.resolve(schema, object, &e, x.Op.Method == http.MethodPatch, "")
		x.detail = append(x.detail, n.details...)
		x.checkedBody, _ = e.apply(x.document()) // it was parsed before
	}
	x.detail = append(x.detail, x.api.Contract.schemaViolations(schema, x.value, fail.Body, "")...)
	x.detail = append(x.detail, fixed...)
}

func (x *RequestContext) bodySchema() *openapi3.Schema {
	media, _, _ := strings.Cut(x.Request.Header.Get("Content-Type"), ";")
	if s := x.Op.schemas[strings.ToLower(strings.TrimSpace(media))]; s != nil {
		return s
	}
	return x.Op.schemas["application/json"]
}

// unknownMembers lists the members that the schema does not name, as sorted paths.
// known reports whether the caller's version has an outermost member.
func unknownMembers(schema *openapi3.Schema, object map[string]any, prefix string, known func(string) bool) []unknownName {
	var out []unknownName
	fixed := immutable(schema)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		ref := schema.Properties[name]
		isKnown := known == nil || known(name)
		if ref == nil && isKnown && slices.Contains(fixed, name) {
			continue
		}
		if ref == nil && schema.AdditionalProperties.Has == nil && schema.AdditionalProperties.Schema == nil || !isKnown {
			out = append(out, unknownName{prefix + name, func() []string { return nearMembers(schema, object, prefix, name, known) }})
			continue
		}
		if ref == nil {
			continue
		}
		switch v := object[name].(type) {
		case map[string]any:
			if of := objectSchema(ref.Value); of != nil && len(of.Properties) > 0 {
				out = append(out, unknownMembers(of, v, prefix+name+".", nil)...)
			}
		case []any:
			if ref.Value.Items == nil || len(ref.Value.Items.Value.Properties) == 0 {
				continue
			}
			for i, item := range v {
				if o, ok := item.(map[string]any); ok {
					out = append(out, unknownMembers(ref.Value.Items.Value, o, fmt.Sprintf("%s%s[%d].", prefix, name, i), nil)...)
				}
			}
		}
	}
	return out
}

// nearMembers returns the paths of members that an unknown one may stand for, without
// those that were sent.
func nearMembers(schema *openapi3.Schema, object map[string]any, prefix, name string, known func(string) bool) []string {
	var names []string
	if schema.Properties[name] != nil {
		return nil // another version has it
	}
	for _, other := range slices.Sorted(maps.Keys(schema.Properties)) {
		if _, sent := object[other]; !sent && (known == nil || known(other)) {
			names = append(names, other)
		}
	}
	found := near.Members(name, names...)
	for n := range found {
		found[n] = prefix + found[n]
	}
	return found
}

// schemaViolations validates a value and lists each violation, in kin-openapi's order,
// which is by name. holder is the parameter or member that has the value, "" if the
// value is the body.
func (c *Contract) schemaViolations(schema *openapi3.Schema, v any, in fail.Location, holder string) []fail.Detail {
	err := schema.VisitJSON(v, c.requestOptions...)
	if err == nil {
		return nil
	}
	var out []fail.Detail
	flatten(err, func(e *openapi3.SchemaError) {
		d := describe(e, in, holder)
		if meant := branch(e); meant != nil {
			out = append(out, c.schemaViolations(meant, e.Value, in, d.Field)...)
			return
		}
		out = append(out, d)
	})
	return out
}

// branch returns the only object schema of a oneOf, for a value that is an object. Its
// violations are more precise than that of the oneOf.
func branch(e *openapi3.SchemaError) (meant *openapi3.Schema) {
	if _, object := e.Value.(map[string]any); e.SchemaField != "oneOf" || !object {
		return nil
	}
	for _, option := range e.Schema.OneOf {
		if option.Value.Type.Is("object") {
			if meant != nil {
				return nil
			}
			meant = option.Value
		}
	}
	return meant
}

// flatten visits kin-openapi's nested errors. An allOf groups the violations of its
// parts; a oneOf is one violation.
func flatten(err error, visit func(*openapi3.SchemaError)) {
	switch e := err.(type) { //nolint:errorlint // kin's MultiError has no Unwrap: errors.As would stop at the first
	case openapi3.MultiError:
		for _, inner := range e {
			flatten(inner, visit)
		}
	case *openapi3.SchemaError:
		var parts openapi3.MultiError
		if e.SchemaField == "allOf" && errors.As(errors.Unwrap(e.Origin), &parts) {
			flatten(parts, visit)
			return
		}
		visit(e)
	}
}

// describe returns the violation of a schema error. The text of kin-openapi would
// print the schema and the value.
func describe(e *openapi3.SchemaError, in fail.Location, holder string) fail.Detail {
	s := e.Schema
	field := holder
	if inner := e.JSONPointer(); len(inner) > 0 && in != fail.Query {
		field = strings.TrimPrefix(field+"."+fieldOf("/"+strings.Join(inner, "/")), ".")
	}
	name := field
	if name == "" {
		name = "the " + string(in)
	}
	d := violation(in, field, "invalid_type", "%s is not as the contract wants it.", name)
	say := func(code, format string, args ...any) {
		d.Code, d.Message = code, name+" "+fmt.Sprintf(format, args...)
	}
	d.Keyword, d.Bound = e.SchemaField, boundOf(e)
	switch e.SchemaField {
	case "required":
		say("required", "is required.")
	case "type":
		say("invalid_type", "must be %s, not %s.", expectedType(s), kindOf(e.Value))
	case "nullable":
		say("invalid_type", "must be %s, not null.", expectedType(s))
	case "enum":
		var options []string
		for _, o := range s.Enum {
			if o != nil {
				options = append(options, fmt.Sprint(o))
			}
		}
		text, _ := e.Value.(string)
		meant := near.Members(text, options...)
		say("unknown_value", "must be one of %s%s.", strings.Join(options, ", "), near.DidYouMean(meant))
		if meant != nil {
			d.Extra = []fail.Member{{Name: "did_you_mean", Value: meant[0]}}
		}
	case "minimum", "exclusiveMinimum":
		say("out_of_range", "must be at least %s.", number(s.Min))
	case "maximum", "exclusiveMaximum":
		say("out_of_range", "must be at most %s.", number(s.Max))
	case "minLength":
		say("too_short", "must have at least %d %s.", s.MinLength, plural(s.MinLength, "character"))
	case "maxLength":
		say("too_long", "must have at most %d characters.", *s.MaxLength)
	case "minItems":
		say("too_short", "must have at least %d %s.", s.MinItems, plural(s.MinItems, "item"))
	case "maxItems":
		say("too_long", "must have at most %d items.", *s.MaxItems)
	case "uniqueItems":
		say("repeated", "must not have an item more than once.")
	case "maxProperties":
		say("too_long", "must have at most %d members.", *s.MaxProps)
	case "minProperties":
		say("too_short", "must have at least %d %s.", s.MinProps, plural(s.MinProps, "member"))
	case "pattern":
		if hint, ok := s.Extensions["x-hint"].(string); ok {
			say("invalid_format", "%s, not %s.", hint, quoted(e.Value))
			break
		}
		say("invalid_format", "must match %s.", s.Pattern)
	case "format":
		switch s.Format {
		case "int32":
			say("out_of_range", "must be a number of at most 32 bits.")
		case "date-time":
			say("invalid_format", "must be a date and time that exist, as 2026-03-19T10:22:44Z.")
		default:
			say("invalid_format", "must be a valid %s.", s.Format)
		}
	case "readOnly":
		say("immutable", "cannot be set.")
	case "oneOf", "anyOf":
		say("invalid_type", "must be %s.", expectedType(s))
	}
	return d
}

// boundOf returns the number that a value is compared with; "" if there is none.
func boundOf(e *openapi3.SchemaError) string {
	s := e.Schema
	switch e.SchemaField {
	case "minimum":
		return number(s.Min)
	case "maximum":
		return number(s.Max)
	case "minLength":
		return strconv.FormatUint(s.MinLength, 10)
	case "maxLength":
		return strconv.FormatUint(*s.MaxLength, 10)
	}
	return ""
}

func expectedType(s *openapi3.Schema) string {
	options := s.OneOf
	if len(options) == 0 {
		options = s.AnyOf
	}
	if len(options) > 0 {
		names := make([]string, len(options))
		for i, o := range options {
			names[i] = expectedType(o.Value)
		}
		return strings.Join(names, " or ")
	}
	switch types := s.Type.Slice(); {
	case len(types) == 0:
		return "another value"
	case types[0] == "integer":
		return "a whole number"
	case types[0] == "boolean":
		return "true or false"
	case types[0] == "array" || types[0] == "object":
		return "an " + types[0]
	default:
		return "a " + types[0]
	}
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a string"
	case float64:
		if v != float64(int64(v)) {
			return "a fraction"
		}
		return "a number"
	case int64:
		return "a number"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

func number(f *float64) string {
	if f == nil {
		return "the limit"
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// fieldOf writes a JSON pointer as a path such as storage[0].size_gb.
func fieldOf(pointer string) string {
	var b strings.Builder
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if _, err := strconv.Atoi(token); err == nil && b.Len() > 0 {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(printable(token))
	}
	return b.String()
}

func violation(in fail.Location, field, code, format string, args ...any) fail.Detail {
	return fail.Detail{Field: field, Location: in, Code: code, Message: fmt.Sprintf(format, args...)}
}
