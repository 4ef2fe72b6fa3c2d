package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommittedCopiesAreUpToDate(t *testing.T) {
	dir := t.TempDir()
	if err := generate("../../../../openapi.yaml", dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"openapi.json", "openapi.yaml", "contract.json"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date; run go generate ./emulator/internal/skystack", name)
		}
	}
}

func TestToJSON(t *testing.T) {
	for in, want := range map[string]string{
		"b: 1\na: 2\n":                      "{\n \"b\": 1,\n \"a\": 2\n}\n",
		"a: [1.50, 9007199254740993, -1e3]": "{\n \"a\": [1.50,9007199254740993,-1e3]\n}\n",
		"a: '1.50'":                         "{\n \"a\": \"1.50\"\n}\n",
		"a: '2026-01-15'":                   "{\n \"a\": \"2026-01-15\"\n}\n",
		"'200': ~":                          "{\n \"200\": null\n}\n",
		"a: True":                           "{\n \"a\": true\n}\n",
		"a: yes":                            "{\n \"a\": \"yes\"\n}\n",
		"a: |\n  <b> & \"c\"\n  d\n":        "{\n \"a\": \"<b> & \\\"c\\\"\\nd\\n\"\n}\n",
		"a: {}\nb: []":                      "{\n \"a\": {},\n \"b\": []\n}\n",
		"a: {b: {c: {d: 1, e: 2}}}":         "{\n \"a\": {\n  \"b\": {\n   \"c\": {\"d\":1,\"e\":2}\n  }\n }\n}\n",
		"a: [{b: 1, c: {d: 2}}]":            "{\n \"a\": [{\"b\":1,\"c\":{\"d\":2}}]\n}\n",
	} {
		got, err := convert(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if string(got) != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestToJSONRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"a: 1\nb: 2\na: 3":    `line 3: the member "a" is there twice`,
		"a: 2026-01-15":       "line 1: 2026-01-15 is read as !!timestamp",
		"200: ok":             "line 1: a member's name must be a string",
		"a: &x 1\nb: 2":       "line 1: anchors",
		"a: &x {b: 1}\nc: *x": "line 1: anchors",
		"a: 0x1F":             "line 1: 0x1F is not a number of JSON",
		"a: 1_000":            "line 1: 1_000 is not a number of JSON",
		"a:\n  - .inf":        "line 2: .inf is not a number of JSON",
		"a: !!binary aGk=":    "line 1: aGk= is read as !!binary",
		"a: 1\n---\nb: 2":     "one YAML document",
		"a: [1":               "line 1",
		"":                    "EOF",
		"? {a: 1}\n: 2":       "line 1: a member's name must be a string",
		"<<: {a: 1}\nb: 2":    "line 1: a member's name must be a string",
	} {
		got, err := convert(in)
		if err == nil {
			t.Errorf("%q became %s; want an error with %q", in, got, want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %q; want %q in it", in, err, want)
		}
	}
}

func TestGenerateWritesNothingWhenRefusing(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(source, []byte("a: 1\na: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := generate(source, dir)
	if err == nil || !strings.Contains(err.Error(), source+": line 2:") {
		t.Errorf("the error is %v; it must name the file and the line", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("it wrote %v", entries)
	}
}

func convert(text string) ([]byte, error) {
	document, err := read([]byte(text))
	if err != nil {
		return nil, err
	}
	return toJSON(document)
}

// What the document names itself stays, even when it is called description.
func TestStrip(t *testing.T) {
	document, err := read([]byte(`{info: {description: x, title: y}, paths: {/a: {get: {summary: s, tags: [t], responses: {'200': {description: d, headers: {H: {}}, content: {c: {schema: {properties: {description: {type: string, example: e}}}, example: 1}}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	strip(document, false)
	got, err := toJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	var flat strings.Builder
	for part := range strings.FieldsSeq(string(got)) {
		flat.WriteString(part)
	}
	const want = `{"info":{"title":"y"},"paths":{"/a":{"get":{"responses":{"200":{"content":{"c":{"schema":{"properties":{"description":{"type":"string"}}}}}}}}}}}`
	if flat.String() != want {
		t.Errorf(" got %s\nwant %s", flat.String(), want)
	}
}
