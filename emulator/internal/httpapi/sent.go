package httpapi

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Body tells of the members of a request body what the typed input cannot: whether the
// client sent them. Paths are those of violations, such as storage[0].size_gb. The zero
// Body has no members.
type Body struct {
	value  any
	prefix string          // of the paths in unread
	unread map[string]bool // members that the input does not have, because their type is wrong; "" is all of them
}

// DecodeBody reads a JSON object into the type of an input. If a member has the wrong
// type, it returns an error, and leaves out that member alone.
func DecodeBody(object []byte, in any) (b Body, err error) {
	if err = jsonv2.Unmarshal(object, &b.value); err != nil {
		return b, err
	}
	if err = decode(object, in); err != nil {
		b.unread = decodeReadable(object, in)
	}
	return b, err
}

// Sent reports whether any of the members was sent, with whatever value but null. It
// suppresses the violation "required" for a member that has the wrong type.
func (b Body) Sent(paths ...string) bool {
	return slices.ContainsFunc(paths, func(path string) bool { return b.at(path) != nil })
}

// Read reports whether a member was sent and the input has it: it distinguishes a zero
// value that was sent from a value of the wrong type. Other violations do not count.
func (b Body) Read(path string) bool {
	return b.Sent(path) && (b.unread == nil || !b.unread[b.prefix+path] && !b.unread[""])
}

// Text returns a member that is a string; "" otherwise.
func (b Body) Text(path string) string {
	text, _ := b.at(path).(string)
	return text
}

// In returns the object at a path as a body.
func (b Body) In(path string) Body {
	return Body{b.at(path), b.prefix + path + ".", b.unread}
}

// Decode reads a part of a body that the input has as JSON, and returns the part as a
// body. It leaves out members of the wrong type.
func (b Body) Decode(path string, part jsontext.Value, in any) Body {
	of := Body{value: b.at(path)}
	if decode(part, in) != nil {
		of.unread = decodeReadable(part, in)
	}
	return of
}

// at returns the value at a path; nil if there is none.
func (b Body) at(path string) any {
	v := b.value
	for path != "" && v != nil {
		end := strings.IndexAny(path, ".[]")
		if end < 0 {
			end = len(path)
		}
		step := path[:end]
		switch of := v.(type) {
		case map[string]any:
			v = of[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(of) {
				return nil
			}
			v = of[n]
		default:
			return nil
		}
		path = strings.TrimLeft(path[end:], ".[]")
	}
	return v
}

// readable is read for a request with violations: values of the wrong type are left
// out, and recorded for Body.Read. The others are there, whatever is wrong with them.
func (f *function) readable(x *RequestContext) (in any) {
	in = reflect.New(f.input).Interface()
	if x.value != nil && x.decode(in) != nil {
		x.unread = decodeReadable(x.decoded(), in)
	}
	known := len(x.detail)
	fill(x, reflect.ValueOf(in).Elem(), f.params)
	x.detail = x.detail[:known] // what is wrong with the query is there already
	return in
}

// decodeReadable reads a JSON value and returns the paths of what it left out. A part
// that is left out is the zero value; an item keeps its place in its list.
func decodeReadable(value []byte, in any) (unread map[string]bool) {
	unread = map[string]bool{}
	reflect.ValueOf(in).Elem().SetZero()
	err := jsonv2.Unmarshal(value, in, jsonv2.WithUnmarshalers(jsonv2.UnmarshalFromFunc(func(d *jsontext.Decoder, to any) error {
		ok, err := readOrSkip(d, to)
		if !ok {
			unread[fieldOf(string(d.StackPointer()))] = true
		}
		return err
	})))
	if err != nil { // from a type that parses itself
		reflect.ValueOf(in).Elem().SetZero()
		unread[""] = true
	}
	return unread
}

// readOrSkip skips a value that its Go type cannot hold and reports false; otherwise it
// leaves the value to the default. It cuts fractions off for whole numbers, so that
// checks can compare them.
func readOrSkip(d *jsontext.Decoder, to any) (ok bool, err error) {
	v := reflect.ValueOf(to).Elem()
	of := v.Type()
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	kind := d.PeekKind()
	switch {
	case kind == 'n', parsesItself(of):
		return true, errors.ErrUnsupported
	case v.CanInt() && kind == '0':
		number, err := d.ReadValue()
		if err != nil {
			return true, err
		}
		f, err := strconv.ParseFloat(string(number), 64)
		if err != nil || math.Abs(f) > 1<<53 || v.OverflowInt(int64(f)) {
			return false, nil
		}
		v.SetInt(int64(f))
		return true, nil
	case slices.Contains(kindsOf(of), kind):
		return true, errors.ErrUnsupported
	}
	return false, d.SkipValue()
}

// parsesItself reports whether a type has a method that reads it from JSON.
func parsesItself(t reflect.Type) bool {
	t = reflect.PointerTo(t)
	return t.Implements(reflect.TypeFor[jsonv2.UnmarshalerFrom]()) || t.Implements(reflect.TypeFor[jsonv2.Unmarshaler]()) ||
		t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// kindsOf lists the kinds of JSON values that a Go type can hold, null apart.
func kindsOf(t reflect.Type) []jsontext.Kind {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return []jsontext.Kind{'{'}
	case reflect.Slice, reflect.Array:
		return []jsontext.Kind{'['}
	case reflect.String:
		return []jsontext.Kind{'"'}
	case reflect.Bool:
		return []jsontext.Kind{'t', 'f'}
	case reflect.Interface:
		return []jsontext.Kind{'{', '[', '"', '0', 't', 'f'}
	default:
		return []jsontext.Kind{'0'}
	}
}
