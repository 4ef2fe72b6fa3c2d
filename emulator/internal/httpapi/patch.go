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

// A client may send back what it has read: members of a merge patch that equal the
// present value are removed before the patch is validated.

// Present is the present state of a resource, which a merge patch is compared with.
type Present struct {
	// Body is the output of a GET; it must be Versioned.
	Body any
	// Also has further members that a client may send, which Body has under another
	// name or no longer.
	Also map[string]any
	// Secret lists the members of Also that no error may show.
	Secret []string
}

// presence reads the resource of a merge patch; nil for other operations.
type presence func(c *Call) (Present, error)

// patchBase is the resource that a patch was compared with.
type patchBase struct {
	version int
	known   bool // false if the resource does not exist, or must not be shown
	raw     map[string]jsontext.Value
	plain   map[string]any
	secret  []string
}

// Patch is Handle for a merge patch. now reads the resource and changes nothing; if it
// does not exist, now must return the error that f would. f and the checks get
// only the members that differ from the resource.
func Patch[In, At, Out any](operation string, f func(c *Call, in In) (Out, error), now func(c *Call, at At) (Present, error), checks ...Check[In]) Handler {
	h, of := Handle(operation, f, checks...), erase(now)
	h.present = of.present
	return h
}

func (f *function) present(c *Call) (Present, error) {
	at := reflect.New(f.input)
	fill(c.x, at.Elem(), f.params)
	p, err := f.call(c, at.Interface())
	return p.(Present), err
}

// maxRereads is how often a patch is compared again, without the lock of the world,
// with a resource that changes meanwhile. Then it is compared with the lock held.
const maxRereads = 3

// readBase reads the resource of the patch.
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

// encoded returns an output as it is sent.
func encoded(out any) []byte {
	if own, ok := out.(Appender); ok {
		return own.AppendJSON(nil)
	}
	body, _ := EncodeJSON(out) // an empty result fails to parse
	return body
}

// recheck compares the patch with the changed resource.
func (x *RequestContext) recheck(m *baseChange) (err error) {
	x.setBase(m.present, m.err)
	if x.value, err = x.parser.parse(x.body); err != nil {
		return err
	}
	x.detail = x.detail[:0]
	object, _ := x.value.(map[string]any)
	if x.checkMembers(x.bodySchema(), object); len(x.detail) > 0 {
		return fail.Parameters(x.detail...)
	}
	return nil
}

// errBaseChanged ends a transaction in which the resource has changed since the patch
// was compared with it.
var errBaseChanged = errors.New("the resource has changed")

// baseChange is the new state of a resource that changed since the patch was compared
// with it.
type baseChange struct {
	present Present
	err     error
}

// baseChanged reads the resource again; nil if it still has the version of the base.
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

// reduce removes the members of a patch that equal the resource, and returns a
// violation for each immutable member that differs.
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

// unchanged reports whether a mutable member equals that of the resource. A member
// with x-read-with is compared together with the member named there.
func (x *RequestContext) unchanged(member *openapi3.SchemaRef, name string, sent map[string]jsontext.Value) bool {
	if member != nil {
		if with, ok := member.Value.Extensions["x-read-with"].(string); ok && !x.unchanged(nil, with, sent) {
			return false
		}
	}
	now, has := x.base.raw[name]
	return has && sameText(now, sent[name])
}

// checkImmutable removes immutable members that equal the resource, and returns a
// violation for each that differs. It accepts all of them if the resource does not
// exist.
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

// isEcho reports whether a value has a form that a member has only in responses.
func (x *RequestContext) isEcho(s *openapi3.Schema, v any) bool {
	return v != nil && slices.ContainsFunc(s.OneOf, func(option *openapi3.SchemaRef) bool {
		return option.Value.Extensions["x-immutable"] == true && option.Value.VisitJSON(v, x.api.Contract.requestOptions...) == nil
	})
}

// sameText reports whether two values are equal but for white space, escapes and the
// order of members. A number with other digits is another value.
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

// sameValue reports whether two parsed values are equal. 1 equals 1.0, and a time
// equals the same instant in another notation.
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
