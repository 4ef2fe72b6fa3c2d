package httpapi

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// edit is a change to a JSON value before a handler reads it. It is applied to the
// bytes of the request, so that the rest keeps its digits and its order. The zero edit
// changes nothing.
type edit struct {
	drop    bool
	set     jsontext.Value // replaces the value, unless it is nil
	members map[string]*edit
	items   map[int]*edit
}

// member returns the edit of a member of an object.
func (e *edit) member(name string) *edit {
	if e.members == nil {
		e.members = map[string]*edit{}
	}
	if e.members[name] == nil {
		e.members[name] = &edit{}
	}
	return e.members[name]
}

// item returns the edit of an item of an array.
func (e *edit) item(n int) *edit {
	if e.items == nil {
		e.items = map[int]*edit{}
	}
	if e.items[n] == nil {
		e.items[n] = &edit{}
	}
	return e.items[n]
}

// changes reports whether the edit changes anything.
func (e *edit) changes() bool {
	if e == nil {
		return false
	}
	for _, inner := range e.members {
		if inner.changes() {
			return true
		}
	}
	for _, inner := range e.items {
		if inner.changes() {
			return true
		}
	}
	return e.drop || e.set != nil
}

// apply returns a value after the edit. The value must be valid JSON.
func (e *edit) apply(value []byte) ([]byte, error) {
	if !e.changes() {
		return value, nil
	}
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out, jsontext.PreserveRawStrings(true))
	err := e.write(enc, jsontext.NewDecoder(bytes.NewReader(value)))
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func (e *edit) write(to *jsontext.Encoder, from *jsontext.Decoder) error {
	kind := from.PeekKind()
	switch {
	case e != nil && e.set != nil:
		if err := from.SkipValue(); err != nil {
			return err
		}
		return to.WriteValue(e.set)
	case e == nil, kind == '{' && e.members == nil, kind == '[' && e.items == nil, kind != '{' && kind != '[':
		v, err := from.ReadValue()
		if err != nil {
			return err
		}
		return to.WriteValue(v)
	}
	begin, err := from.ReadToken()
	if err != nil {
		return err
	}
	if err := to.WriteToken(begin); err != nil {
		return err
	}
	for n := 0; from.PeekKind() != '}' && from.PeekKind() != ']'; n++ {
		if err := e.writeInner(to, from, kind, n); err != nil {
			return err
		}
	}
	end, err := from.ReadToken()
	if err != nil {
		return err
	}
	return to.WriteToken(end)
}

// writeInner writes a member or the n-th item, unless it is dropped.
func (e *edit) writeInner(to *jsontext.Encoder, from *jsontext.Decoder, kind jsontext.Kind, n int) error {
	if kind == '[' {
		return e.items[n].write(to, from)
	}
	token, err := from.ReadToken()
	if err != nil {
		return err
	}
	name := token.String() // the token is invalid after the next read
	inner := e.members[name]
	if inner != nil && inner.drop {
		return from.SkipValue()
	}
	if err := to.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	return inner.write(to, from)
}
