package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
)

// FuzzEdit: whatever a body and the places in it that are dropped or replaced, what
// comes of it is what a program gets that decodes the body, changes it and encodes it
// again; without a change not a byte differs.
func FuzzEdit(f *testing.F) {
	for _, seed := range []string{`{"labels":{"a":null,"b":"c"},"name":"n"}`, `{"storage":[{"size_gb":10},null,[]]}`, `[1,2.50,{"a":[null]}]`, `null`, `{"a":1e400,"\u0000":"\ud83d\ude00"}`, `{}`} {
		for n := range 3 {
			f.Add([]byte(seed), uint8(n))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, pick uint8) {
		if len(body) > 4096 || !json.Valid(body) || hasDuplicateNames(body) {
			return
		}
		if same, err := (&edit{}).apply(body); err != nil || !bytes.Equal(same, body) {
			t.Fatalf("no edit: %q became %q: %v", body, same, err)
		}
		from := json.NewDecoder(bytes.NewReader(body))
		from.UseNumber()
		var value any
		if err := from.Decode(&value); err != nil {
			return
		}
		e := &edit{}
		want := edited(value, e, int(pick))
		got, err := e.apply(body)
		if err != nil {
			return // what jsontext refuses, as a name that is not UTF-8, no handler reads
		}
		to := json.NewDecoder(bytes.NewReader(got))
		to.UseNumber()
		var is any
		if err := to.Decode(&is); err != nil {
			t.Fatalf("%q became %q: %v", body, got, err)
		}
		if !reflect.DeepEqual(is, want) {
			t.Fatalf("%q became %q, want %v", body, got, want)
		}
	})
}

// edited notes edits of some places of a value, and returns what comes of them: of the
// members that pick chooses some are dropped, some replaced, and of the items some are
// replaced.
func edited(value any, e *edit, pick int) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			switch (pick + 2*len(name)) % 5 { // the order of a map is not that of the body
			case 1:
				e.member(name).drop = true
			case 2:
				e.member(name).set = []byte(strconv.Quote("set"))
				out[name] = "set"
			default:
				out[name] = edited(inner, e.member(name), pick)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for n, inner := range v {
			if (n+pick)%4 == 1 {
				e.item(n).set = []byte("null")
				continue
			}
			out[n] = edited(inner, e.item(n), pick)
		}
		return out
	}
	return value
}

// hasDuplicateNames tells whether an object of the body has a name twice: of such a body an edit
// changes both.
func hasDuplicateNames(body []byte) bool {
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		return true
	}
	var value any
	from := json.NewDecoder(bytes.NewReader(body))
	from.UseNumber()
	if from.Decode(&value) != nil {
		return true
	}
	return members(body) != countNames(value)
}

// members counts the names in a body as it is written.
func members(body []byte) int {
	n := 0
	inString, escaped := false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case c == ':' && !inString:
			n++
		}
	}
	return n
}

// countNames counts the members of a decoded value.
func countNames(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		n = len(v)
		for _, inner := range v {
			n += countNames(inner)
		}
	case []any:
		for _, inner := range v {
			n += countNames(inner)
		}
	}
	return n
}
