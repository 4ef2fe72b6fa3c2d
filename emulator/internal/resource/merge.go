package resource

import (
	"bytes"
	"iter"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Compact removes the white space of a value, in place.
func Compact(v jsontext.Value) jsontext.Value {
	_ = v.Compact() // it was parsed before
	return v
}

// PlainText removes the white space of a value and every escape that JSON does not
// require, in place.
func PlainText(v jsontext.Value) jsontext.Value {
	_ = v.Format(jsontext.PreserveRawStrings(false))
	return v
}

// Merge applies a JSON merge patch (RFC 7396) to an object; nil patches nothing. The
// result shares nothing with old; it is nil if the patch is null.
func Merge(old, patch jsontext.Value) jsontext.Value {
	if patch == nil {
		return old.Clone()
	}
	if patch.Kind() == 'n' {
		return nil
	}
	merged := MembersOf(old)
	for name, value := range MembersOf(patch) {
		switch value.Kind() {
		case 'n':
			delete(merged, name)
		case '{':
			inner := merged[name]
			if inner.Kind() != '{' {
				inner = nil
			}
			merged[name] = Merge(inner, value)
		default:
			merged[name] = value
		}
	}
	out, _ := json.Marshal(merged, json.Deterministic(true)) // its parts were parsed before
	return Compact(out)
}

// MembersOf returns the members of an object; none for nil.
func MembersOf(object jsontext.Value) map[string]jsontext.Value {
	out := map[string]jsontext.Value{}
	if object != nil {
		_ = json.Unmarshal(object, &out) // the contract has checked that it is one
	}
	return out
}

// SameJSON reports whether two objects are equal; order, white space and escapes do not
// count, and nil is an empty object.
func SameJSON(a, b jsontext.Value) bool {
	plain := func(v jsontext.Value) string {
		if v == nil {
			return "{}"
		}
		v = v.Clone()
		_ = v.Format(jsontext.ReorderRawObjects(true))
		return string(v)
	}
	return bytes.Equal(a, b) || plain(a) == plain(b)
}

// Without returns an object without the members whose names, behind a prefix, are among
// the paths; nil for nil.
func Without(v jsontext.Value, prefix string, paths []string) jsontext.Value {
	if v == nil {
		return nil
	}
	out := OpenObject(nil)
	EachMember(v, func(name string, value jsontext.Value) {
		if !slices.Contains(paths, prefix+name) {
			out.Raw(name, value)
		}
	})
	return out.Close()
}

// EachMember calls f with the members of an object in their order; nil has none.
func EachMember(v jsontext.Value, f func(name string, value jsontext.Value)) {
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

// Names returns the names of the members of an object in their order; none for another
// value. The value must be valid JSON. It is faster than EachMember, because it copies
// the object once and does not read the values.
func Names(object jsontext.Value) iter.Seq[string] {
	return func(yield func(string) bool) {
		if object.Kind() != '{' {
			return
		}
		text, depth, expected := string(object), 0, true
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			case ',':
				expected = depth == 1
			case '"':
				end, escaped := endOfString(text, i)
				if depth == 1 && expected {
					name := text[i+1 : end]
					if escaped {
						plain, _ := jsontext.AppendUnquote(nil, text[i:end+1])
						name = string(plain)
					}
					if !yield(name) {
						return
					}
					expected = false
				}
				i = end
			}
		}
	}
}

// endOfString returns the position of the quote that ends a string, and whether the
// string has escapes.
func endOfString(text string, begin int) (end int, escaped bool) {
	for end = begin + 1; text[end] != '"'; end++ {
		if text[end] == '\\' {
			escaped = true
			end++
		}
	}
	return end, escaped
}
