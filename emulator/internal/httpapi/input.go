package httpapi

import (
	"errors"
	"math"
	"reflect"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// decode reads the body into the handler's type.
func (x *RequestContext) decode(in any) error { return decode(x.decoded(), in) }

// decoded returns the bytes that decode reads.
func (x *RequestContext) decoded() []byte {
	if x.checkedBody != nil {
		return x.checkedBody
	}
	return x.document()
}

// decode reads a JSON value into a type. A whole number may be written as 1.0: a second
// attempt accepts it. Raw members keep the form in which they were sent.
func decode(body []byte, in any) error {
	if jsonv2.Unmarshal(body, in) == nil {
		return nil
	}
	reflect.ValueOf(in).Elem().SetZero()
	err := jsonv2.Unmarshal(body, in, jsonv2.WithUnmarshalers(jsonv2.UnmarshalFromFunc(readWhole)))
	var semantic *jsonv2.SemanticError
	if errors.As(err, &semantic) {
		field := fieldOf(string(semantic.JSONPointer))
		return fail.Parameters(violation(fail.Body, field, "invalid_type", "%s has a value that cannot be read here.", field))
	}
	return err
}

// readWhole reads a number without a fraction, in any notation.
func readWhole(d *jsontext.Decoder, to *int) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported // use the default
	}
	number, err := d.ReadValue()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return errors.New("not a whole number")
	}
	*to = int(f)
	return nil
}

// field is an input field that is set from a parameter or the raw body.
type field struct {
	index []int
	name  string
	from  string // path, query or body
}

func parametersOf(t reflect.Type) []field {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		for _, from := range [...]string{"path", "query", "body"} {
			if name, ok := f.Tag.Lookup(from); ok {
				out = append(out, field{f.Index, name, from})
			}
		}
	}
	return out
}

func fill(x *RequestContext, in reflect.Value, params []field) {
	for _, p := range params {
		to := in.FieldByIndex(p.index)
		switch p.from {
		case "path":
			to.SetString(x.Param(p.name))
			continue
		case "body":
			if x.Op.streamed {
				to.Set(reflect.ValueOf(x.upload))
			} else {
				to.SetBytes(x.body)
			}
			continue
		}
		param := x.Op.parameter(p.name)
		if param == nil || !x.given(p.name) {
			continue
		}
		v, _ := x.argument(param) // it was checked before
		switch v := v.(type) {
		case string:
			to.SetString(v)
		case int64:
			to.SetInt(v)
		case bool:
			to.SetBool(v)
		case []any:
			list := make([]string, len(v))
			for i := range v {
				list[i], _ = v[i].(string)
			}
			to.Set(reflect.ValueOf(list))
		}
	}
}

// given reports whether a query parameter was sent and exists in the caller's version.
func (x *RequestContext) given(name string) bool {
	for _, a := range x.query {
		if a.name == name {
			return x.api.Known(x, fail.Query, name)
		}
	}
	return false
}
