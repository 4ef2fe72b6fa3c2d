package skystack

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEventData bounds what an event says of its object, in bytes, so that with
// what goes around it a delivery has no more than 64 KiB (5.2).
const maxEventData = 60 << 10

// fit leaves out of an event the largest members of its object, and of what that
// had before, until the rest is small enough, and notes which: who needs them asks
// for the object.
func (e *Event) fit() {
	size := len(e.Object) + len(e.Previous)
	if size <= maxEventData {
		return
	}
	type part struct {
		path string
		size int
	}
	var parts []part
	for _, of := range []struct {
		prefix string
		v      jsontext.Value
	}{{"object.", e.Object}, {"previous_attributes.", e.Previous}} {
		eachMember(of.v, func(name string, value jsontext.Value) {
			if name != "id" {
				parts = append(parts, part{of.prefix + name, len(name) + len(value) + len(`"":,`)})
			}
		})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return b.size - a.size })
	for _, p := range parts {
		if size <= maxEventData {
			break
		}
		e.Omitted = append(e.Omitted, p.path)
		size -= p.size
	}
	slices.Sort(e.Omitted)
	e.Object, e.Previous = without(e.Object, "object.", e.Omitted), without(e.Previous, "previous_attributes.", e.Omitted)
}

// without is the object but for the members that are named, behind a prefix.
func without(v jsontext.Value, prefix string, paths []string) jsontext.Value {
	if v == nil {
		return nil
	}
	out := object{[]byte{'{'}}
	eachMember(v, func(name string, value jsontext.Value) {
		if !slices.Contains(paths, prefix+name) {
			out.raw(name, value)
		}
	})
	return append(out.b, '}')
}

// eachMember goes through the members of an object that is known to be one, as
// they stand there; nil has none.
func eachMember(v jsontext.Value, f func(name string, value jsontext.Value)) {
	d := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := d.ReadToken(); err != nil {
		return
	}
	for d.PeekKind() == '"' {
		token, _ := d.ReadToken()
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return
		}
		f(name, value)
	}
}
