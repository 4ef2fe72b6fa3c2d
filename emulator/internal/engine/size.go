package engine

import (
	"reflect"
	"sync"
	"time"
)

// The memory of a row besides that of its own type: two entries in trees that are
// about two thirds full, and the id.
const (
	rowBytes     = 144
	eventBytes   = 112 // of the agenda, with its entry in a tree
	counterBytes = 96
)

// sizer estimates the bytes that a value refers to: strings, lists, maps and targets
// of pointers. It does not count the value itself. Strings that several rows share
// count for each of them.
type sizer func(v reflect.Value) int

// Shared marks types that rows point to and do not own, such as the description of an
// API. Their memory is not counted.
type Shared interface{ SharedByRows() }

// sizerOf returns the sizer of a type; nil if its values refer to nothing. Each table
// makes its sizer once.
func sizerOf(t reflect.Type) sizer { return sizers{map[reflect.Type]*sizer{}, &sync.Map{}}.of(t) }

// sizers make the sizers of a table.
type sizers struct {
	begun map[reflect.Type]*sizer // those that are being made, for types that contain themselves
	held  *sync.Map               // reflect.Type to sizer, of what interfaces have held so far
}

// ofHeld is the sizer of a type that an interface holds.
func (made sizers) ofHeld(t reflect.Type) sizer {
	if known, ok := made.held.Load(t); ok {
		return known.(sizer)
	}
	s := sizers{map[reflect.Type]*sizer{}, made.held}.of(t)
	made.held.Store(t, s)
	return s
}

func (made sizers) of(t reflect.Type) sizer {
	if begun, ok := made.begun[t]; ok {
		return func(v reflect.Value) int { return (*begun)(v) }
	}
	var own sizer
	made.begun[t] = &own
	defer delete(made.begun, t)
	own = made.make(t)
	if own == nil {
		own = func(reflect.Value) int { return 0 }
		return nil
	}
	return own
}

func (made sizers) make(t reflect.Type) sizer {
	switch t.Kind() {
	case reflect.String:
		return func(v reflect.Value) int { return v.Len() }
	case reflect.Slice:
		width, each := int(t.Elem().Size()), made.of(t.Elem())
		return func(v reflect.Value) int {
			n := v.Cap() * width
			for i := 0; each != nil && i < v.Len(); i++ {
				n += each(v.Index(i))
			}
			return n
		}
	case reflect.Pointer:
		if t.Implements(reflect.TypeFor[Shared]()) {
			return nil
		}
		width, inner := int(t.Elem().Size()), made.of(t.Elem())
		return func(v reflect.Value) int {
			switch {
			case v.IsNil():
				return 0
			case inner == nil:
				return width
			}
			return width + inner(v.Elem())
		}
	case reflect.Map:
		key, value := made.of(t.Key()), made.of(t.Elem())
		width := int(t.Key().Size()+t.Elem().Size()) * 2 // half of a map is empty
		return func(v reflect.Value) int {
			n := v.Len() * width
			for i := v.MapRange(); (key != nil || value != nil) && i.Next(); {
				n += size(key, i.Key()) + size(value, i.Value())
			}
			return n
		}
	case reflect.Interface:
		return func(v reflect.Value) int {
			if v.IsNil() {
				return 0
			}
			inner := v.Elem()
			return int(inner.Type().Size()) + size(made.ofHeld(inner.Type()), inner)
		}
	case reflect.Array:
		each := made.of(t.Elem())
		if each == nil {
			return nil
		}
		return func(v reflect.Value) (n int) {
			for i := range v.Len() {
				n += each(v.Index(i))
			}
			return n
		}
	case reflect.Struct:
		return made.structOf(t)
	}
	return nil
}

func (made sizers) structOf(t reflect.Type) sizer {
	if t == reflect.TypeFor[time.Time]() { // its location is shared
		return nil
	}
	type member struct {
		index int
		size  sizer
	}
	var members []member
	for i := range t.NumField() {
		if s := made.of(t.Field(i).Type); s != nil {
			members = append(members, member{i, s})
		}
	}
	if members == nil {
		return nil
	}
	return func(v reflect.Value) (n int) {
		for _, m := range members {
			n += m.size(v.Field(m.index))
		}
		return n
	}
}

func size(s sizer, v reflect.Value) int {
	if s == nil {
		return 0
	}
	return s(v)
}

// bytes returns the estimated size of the state.
func (s *state) bytes() int64 {
	return s.size + int64(s.agenda.tree.Len())*eventBytes + int64(s.counters.Len())*counterBytes
}

// account records that rows of so many bytes were added and removed.
func (s *state) account(added, removed int) {
	s.added += int64(added)
	s.removed += int64(removed)
	s.size += int64(added - removed)
}
