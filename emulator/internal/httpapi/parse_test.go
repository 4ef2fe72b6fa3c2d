package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// FuzzParse compares the strict reading with the standard library's: what is
// accepted means the same to both, and what the library alone accepts breaks
// one of the rules that it does not know (S43).
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` {"a":[1,-2.5e3,"x",true,false,null]} `, `{"a":{"b":{"c":[[[]]]}}}`, `{"a":1,"a":2}`, `"\ud83d\ude00"`, `"\ud800"`, "\"\xff\"",
		`1e400`, `12345678901234567890`, `9007199254740993`, `-0`, `1.0`, `{} {}`, `{"a":1,}`, `nul`, "\ufeff{}", `{"\u0061":1,"a":2}`, "\"\x00\"",
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65), `{"a`, `"\u12`, `{"a":NaN}`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		used := new(parser) // a request keeps its parser, whatever it met before
		_, _ = used.parse(append([]byte(`{"a":[{"b":"c"`), data...))
		ours, err := used.parse(data)
		theirs, standard := standardReading(data)
		if err == nil {
			if standard != nil {
				t.Fatalf("%q is accepted; encoding/json says %v", data, standard)
			}
			if !sameJSON(ours, theirs) {
				t.Fatalf("%q is read as %#v; encoding/json reads %#v", data, ours, theirs)
			}
			return
		}
		var refusal *fail.Error
		if !errors.As(err, &refusal) || refusal.Kind != fail.Invalid || refusal.Code != "invalid_json" || len(refusal.Details) != 1 {
			t.Fatalf("%q is refused with %#v", data, err)
		}
		d := refusal.Details[0]
		if at := d.Extra[0].Value.(int64); at < 0 || at > int64(len(data)) {
			t.Errorf("%q: offset %d", data, at)
		}
		if !strings.Contains(d.Message, ": line ") || refusal.Message != d.Message {
			t.Errorf("%q: message %q", data, d.Message)
		}
		if standard == nil && !slices.Contains([]string{"duplicate_name", "utf8", "depth", "number_range"}, d.Code) {
			t.Errorf("%q is refused as %s, %s; encoding/json accepts it", data, d.Code, d.Message)
		}
	})
}

// standardReading is what encoding/json makes of exactly one value.
func standardReading(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// sameJSON compares our values with those of the standard library.
func sameJSON(ours, theirs any) bool {
	switch theirs := theirs.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(theirs), 10, 64); err == nil {
			return ours == n
		}
		x, err := theirs.Float64()
		return err == nil && ours == x
	case []any:
		list, ok := ours.([]any)
		if !ok || len(list) != len(theirs) {
			return false
		}
		for i := range list {
			if !sameJSON(list[i], theirs[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := ours.(map[string]any)
		if !ok || len(object) != len(theirs) {
			return false
		}
		for name := range object {
			inner, there := theirs[name]
			if !there || !sameJSON(object[name], inner) {
				return false
			}
		}
		return true
	default:
		return ours == theirs
	}
}

// Whole numbers stay exact, others are doubles.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]any{
		"0": int64(0), "-0": int64(0), "9007199254740993": int64(9007199254740993), "-9223372036854775808": int64(-9223372036854775808),
		"9223372036854775808": 9223372036854775808.0, "1.0": 1.0, "1e2": 100.0, "1E-2": 0.01, "1e-400": 0.0,
	} {
		if got, err := new(parser).parse([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %#v (%v), want %#v", text, got, err, want)
		}
	}
}

// The place of a violation is the line and the column of its first byte.
func TestPlaces(t *testing.T) {
	for body, want := range map[string]string{
		"{\n  \"a\": 1,\n  \"b\": x\n}": "line 3, column 8",
		"{\n  \"a\": 1,\n  \"a\": 2\n}": "line 3, column 3",
		"{\"a\":\n\n[1,\n 2,\n 1e999]}": "line 5, column 7",
		"{}\n{}":                        "line 1, column 3",
		"\n\n\n":                        "line 4, column 1",
		"{\"a\": \"" + "\xff" + "\"}":   "line 1, column 8",
		strings.Repeat("[", 70):         "line 1, column 66",
		"{\"a\":1}\n" + `{"b":`:         "line 1, column 8",
		"{\"a\": tru\n":                 "line 1, column",
	} {
		_, err := new(parser).parse([]byte(body))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", body, err, want)
		}
	}
}
