package skystack

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/resource"
)

// maxEventData bounds what an event says of its object, in bytes, so that with
// what goes around it a delivery has no more than 64 KiB (5.2).
const maxEventData = 60 << 10

// fit empties the largest members of an event's object, and leaves out those of what
// it had before, until the rest is small enough, and notes which: a client that needs
// them reads the object. Emptied and not left out, since the contract requires them.
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
	}{{inObject, e.Object}, {inPrevious, e.Previous}} {
		resource.EachMember(of.v, func(name string, value jsontext.Value) {
			if kind := value.Kind(); of.prefix == inPrevious || kind == '{' || kind == '[' {
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
	e.Object, e.Previous = emptied(e.Object, e.Omitted), resource.Without(e.Previous, inPrevious, e.Omitted)
}

// How the names of omitted members begin.
const (
	inObject   = "object."
	inPrevious = "previous_attributes."
)

// emptied is the object of an event with the named members empty.
func emptied(v jsontext.Value, paths []string) jsontext.Value {
	out := resource.OpenObject(nil)
	resource.EachMember(v, func(name string, value jsontext.Value) {
		switch {
		case !slices.Contains(paths, inObject+name):
		case value.Kind() == '[':
			value = jsontext.Value("[]")
		default:
			value = jsontext.Value("{}")
		}
		out.Raw(name, value)
	})
	return out.Close()
}
