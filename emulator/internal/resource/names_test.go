package resource_test

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/resource"
)

func FuzzNames(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, ` { "a" : "b,c" , "d":{"e":"f","g":[{"h":1},2]} , "i" : [ "j", "k" ] }`, `{"a\"b":"\\","\\":"\"","\u0063":"d"}`, `["a","b"]`, `"a"`, `null`, `{"{":"}","[":",","":""}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := jsontext.Value(text)
		if !v.IsValid() {
			return
		}
		var want []string
		if v.Kind() == '{' {
			resource.EachMember(v, func(name string, _ jsontext.Value) { want = append(want, name) })
		}
		if got := slices.Collect(resource.Names(v)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		for range resource.Names(v) {
			break
		}
	})
}
