package httpapi

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// A client may send back what it has read: what a merge patch says of a member
// that has this value already is taken out before anything else is looked at.

// Present is a resource as it is, for a merge patch to be held against.
type Present struct {
	// Body is what a GET would respond with; it must be Versioned.
	Body any
	// Also are values of members that a client may send and that Body has under
	// another name, or not any more.
	Also map[string]any
	// Secret names those members of Also that no error may show.
	Secret []string
}

// presence is how a resource is read for a merge patch; nil for what is none.
type presence func(c *Call) (Present, error)

// patchBase is the resource that a patch was held against.
type patchBase struct {
	version int
	known   bool // false if there is no such resource, or it must not be shown
	raw     map[string]jsontext.Value
	plain   map[string]any
	secret  []string
}

// Patch is Handle for a merge patch. now reads the resource and changes nothing;
// it fails as f would when there is none. f sees only members that differ from it.
func Patch[In, At, Out any](operation string, f func(c *Call, in In) (Out, error), now func(c *Call, at At) (Present, error)) Handler {
	h := Handle(operation, f)
	params := parametersOf(reflect.TypeFor[At]())
	h.present = func(c *Call) (Present, error) {
		var at At
		fill(c.x, reflect.ValueOf(&at).Elem(), params)
		return now(c, at)
	}
	return h
}

// maxRereads is how often a patch is held against a resource that changes
// meanwhile before it is done with the world held.
const maxRereads = 3

// readBase reads the resource that a patch is about.
func (x *RequestContext) readBase() {
	var p Present
	var err error
	_ = x.World.Do(func(tx *engine.Tx) error {
		c := x.call(tx)
		if err = x.visible(c); err == nil {
			p, err = x.Op.handler.present(c)
		}
		return nil
	})
	x.setBase(p, err)
}

func (x *RequestContext) setBase(p Present, err error) {
	x.base = &patchBase{secret: p.Secret}
	if err != nil {
		return
	}
	if v, ok := p.Body.(Versioned); ok {
		x.base.version = v.ResourceVersion()
	}
	body := encoded(x.api.Render(x, p.Body))
	var reader parser
	object, err := reader.parse(body)
	if err != nil {
		return
	}
	x.base.plain, x.base.known = object.(map[string]any)
	_ = jsonv2.Unmarshal(body, &x.base.raw)
	if len(p.Also) > 0 {
		maps.Copy(x.base.plain, p.Also)
	}
}

// encoded is output as it would be sent.
func encoded(out any) []byte {
	if own, ok := out.(Appender); ok {
		return own.AppendJSON(nil)
	}
	body, _ := EncodeJSON(out) // what cannot be encoded is read as nothing, and refused as that
	return body
}

// recheck holds the patch against the resource as it is now.
func (x *RequestContext) recheck(m *baseChange) (err error) {
	x.setBase(m.present, m.err)
	if x.value, err = x.parser.parse(x.body); err != nil {
		return err
	}
	x.detail = x.detail[:0]
	if x.checkMembers(x.bodySchema(), x.fields()); len(x.detail) > 0 {
		return fail.Parameters(x.detail...)
	}
	return nil
}

// errBaseChanged ends a transaction in which the resource is not the one any more that the
// patch was held against.
var errBaseChanged = errors.New("the resource has changed")

// baseChange is a resource that is not the one any more that a patch was held against.
type baseChange struct {
	present Present
	err     error
}

// baseChanged reads the resource again; nil if it has the version that the patch was held
// against.
func (x *RequestContext) baseChanged(c *Call) *baseChange {
	if x.base == nil {
		return nil
	}
	p, err := x.Op.handler.present(c)
	v, _ := p.Body.(Versioned)
	if (err == nil) == x.base.known && (v == nil || v.ResourceVersion() == x.base.version) {
		return nil
	}
	return &baseChange{p, err}
}

// reduce takes out of a patch what the resource is already, and refuses what it
// cannot become.
func (x *RequestContext) reduce(s *openapi3.Schema, object map[string]any, e *edit) (details []fail.Detail) {
	var sent map[string]jsontext.Value
	_ = jsonv2.Unmarshal(x.document(), &sent) // it was parsed before
	fixed := immutable(s)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(fixed, name) && x.unchanged(s.Properties[name], name, sent) {
			delete(object, name)
			e.member(name).drop = true
		}
	}
	return x.checkImmutable(s, object, x.base.plain, e, "")
}

// unchanged tells whether a member that can be changed has the value that the resource
// has. One with x-read-with says the whole only together with the member named there.
func (x *RequestContext) unchanged(member *openapi3.SchemaRef, name string, sent map[string]jsontext.Value) bool {
	if member != nil {
		if with, ok := member.Value.Extensions["x-read-with"].(string); ok && !x.unchanged(nil, with, sent) {
			return false
		}
	}
	now, has := x.base.raw[name]
	return has && sameText(now, sent[name])
}

// checkImmutable takes out members that cannot be changed and have the value that the
// resource has; the others are refused. Of a resource that is not there nothing
// can be said.
func (x *RequestContext) checkImmutable(s *openapi3.Schema, object, now map[string]any, e *edit, prefix string) (details []fail.Detail) {
	names := immutable(s)
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(object)), func(name string) bool { return slices.Contains(names, name) })
	for _, name := range slices.Concat(names, rest) {
		value, sent := object[name]
		if !sent {
			continue
		}
		member := s.Properties[name]
		switch {
		case slices.Contains(names, name), member != nil && x.isEcho(member.Value, value):
			present, has := now[name]
			if x.base.known && (!has || !sameValue(present, value)) {
				details = append(details, x.cannotChange(prefix+name, present, has))
			}
			delete(object, name)
			e.member(name).drop = true
		case member != nil:
			inner, isObject := value.(map[string]any)
			if of := objectSchema(member.Value); isObject && of != nil && !of.Type.Is("array") {
				present, _ := now[name].(map[string]any)
				details = append(details, x.checkImmutable(of, inner, present, e.member(name), prefix+name+".")...)
			}
		}
	}
	return details
}

func (x *RequestContext) cannotChange(field string, present any, has bool) fail.Detail {
	d := violation(fail.Body, field, "immutable", "%s cannot be changed; leave it out, or send it back as it was read.", field)
	if has && !slices.Contains(x.base.secret, field) {
		d.Message = field + " cannot be changed; it is " + quoted(present) + "."
		d.Extra = []fail.Member{{Name: "current", Value: present}}
	}
	return d
}

// isEcho tells whether a value is of the form that a member only has when it is
// read.
func (x *RequestContext) isEcho(s *openapi3.Schema, v any) bool {
	return v != nil && slices.ContainsFunc(s.OneOf, func(option *openapi3.SchemaRef) bool {
		return option.Value.Extensions["x-immutable"] == true && option.Value.VisitJSON(v, x.api.Contract.requestOptions...) == nil
	})
}

// sameText tells whether two values are the same but for white space, escapes and
// the order of members: a number with other digits is another value.
func sameText(a, b jsontext.Value) bool {
	if bytes.Equal(a, b) {
		return true
	}
	a, b = a.Clone(), b.Clone()
	for _, v := range []*jsontext.Value{&a, &b} {
		if v.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(false)) != nil {
			return false
		}
	}
	return bytes.Equal(a, b)
}

// sameValue tells whether two parsed values mean the same, whole numbers with a
// fraction of zero and times in another notation included.
func sameValue(a, b any) bool {
	if x, ok := asNumber(a); ok {
		y, ok := asNumber(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case string:
		text, ok := b.(string)
		return ok && (a == text || sameInstant(a, text))
	case []any:
		list, ok := b.([]any)
		return ok && slices.EqualFunc(a, list, sameValue)
	case map[string]any:
		object, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, object, sameValue)
	}
	return a == b
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v)
	}
	return 0, false
}

func sameInstant(a, b string) bool {
	x, err := time.Parse(time.RFC3339, a)
	y, err2 := time.Parse(time.RFC3339, b)
	return err == nil && err2 == nil && x.Equal(y)
}
