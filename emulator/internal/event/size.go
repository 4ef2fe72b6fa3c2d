package event

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/resource"
)

// maxData bounds Object and Previous of an event together, in bytes, so that with
// the rest of its body a delivery has no more than 64 KiB (5.2).
const maxData = 60 << 10

// How the names in Event.Omitted begin.
const (
	InObject   = "object."
	InPrevious = "previous_attributes."
)

// limitSize empties the largest members of an event's object, and leaves out those of
// what it had before, until the rest is small enough, and lists them in Omitted: a
// client that needs them reads the object. The members of the object are emptied and
// not left out, since the contract requires them.
func (e *Event) limitSize() {
	size := len(e.Object) + len(e.Previous)
	if size <= maxData {
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
	}{{InObject, e.Object}, {InPrevious, e.Previous}} {
		resource.EachMember(of.v, func(name string, value jsontext.Value) {
			if kind := value.Kind(); of.prefix == InPrevious || kind == '{' || kind == '[' {
				parts = append(parts, part{of.prefix + name, len(name) + len(value) + len(`"":,`)})
			}
		})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return b.size - a.size })
	for _, p := range parts {
		if size <= maxData {
			break
		}
		e.Omitted = append(e.Omitted, p.path)
		size -= p.size
	}
	slices.Sort(e.Omitted)
	e.Object, e.Previous = emptied(e.Object, e.Omitted), resource.Without(e.Previous, InPrevious, e.Omitted)
}

// emptied is the object of an event with the named members empty.
func emptied(v jsontext.Value, paths []string) jsontext.Value {
	out := resource.OpenObject(nil)
	resource.EachMember(v, func(name string, value jsontext.Value) {
		switch {
		case !slices.Contains(paths, InObject+name):
		case value.Kind() == '[':
			value = jsontext.Value("[]")
		default:
			value = jsontext.Value("{}")
		}
		out.Raw(name, value)
	})
	return out.Close()
}
