package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommittedCopiesAreUpToDate(t *testing.T) {
	for _, room := range []struct {
		path, source string
		copies       []string
	}{
		{"skystack", "../../../openapi.yaml", []string{"openapi.yaml.gz", "openapi.json.gz", "answers.json.gz", "contract.json"}},
		{"control", "../control/openapi.yaml", []string{"openapi.json.gz", "answers.json.gz", "contract.json"}},
	} {
		dir := t.TempDir()
		if err := generate(room.source, dir, room.copies...); err != nil {
			t.Fatal(err)
		}
		for _, name := range room.copies {
			read := os.ReadFile
			if strings.HasSuffix(name, packed) {
				read = unpacked // versions of Go compress differently
			}
			want, err := read(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(filepath.Join("..", room.path, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s of %s is out of date; run go generate ./emulator/internal/%s", name, room.path, room.path)
			}
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
		"a: [1":               "line 2",
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
	source := filepath.Join(t.TempDir(), "openapi.yaml")
	for _, tc := range []struct {
		text, copy, want string
	}{
		{"a: 1\na: 2\n", "openapi.yaml", source + ": line 2:"},
		{"a: 1\n", "swagger.json", `no copy is called "swagger.json"`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(source, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := generate(source, dir, "openapi.json", tc.copy); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: the error is %v; want %q in it", tc.text, err, tc.want)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 0 {
			t.Errorf("%q: it wrote %v", tc.text, entries)
		}
	}
}

// Each room takes the copies it embeds, and no others.
func TestGenerateWritesWhatIsAskedFor(t *testing.T) {
	source, dir := filepath.Join(t.TempDir(), "openapi.yaml"), t.TempDir()
	if err := os.WriteFile(source, []byte("openapi: 3.0.3 # kept\ninfo: {description: d}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"openapi.yaml":  "openapi: 3.0.3 # kept\ninfo: {description: d}\n",
		"openapi.json":  "{\n \"openapi\": \"3.0.3\",\n \"info\": {\n  \"description\": \"d\"\n }\n}\n",
		"answers.json":  "{\n \"openapi\": \"3.0.3\",\n \"info\": {}\n}\n",
		"contract.json": "{\n \"openapi\": \"3.0.3\",\n \"info\": {}\n}\n",
	} {
		if err := generate(source, dir, name); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s: it wrote %v as well", name, entries)
		}
	}
}

func convert(text string) ([]byte, error) {
	document, err := read([]byte(text))
	if err != nil {
		return nil, err
	}
	return toJSON(document)
}

// A compressed copy is replaced only when its text is another.
func TestGenerateKeepsWhatIsRight(t *testing.T) {
	source, dir := filepath.Join(t.TempDir(), "openapi.yaml"), t.TempDir()
	copied := filepath.Join(dir, "openapi.yaml.gz")
	made := func(text string) []byte {
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := generate(source, dir, "openapi.yaml.gz"); err != nil {
			t.Fatal(err)
		}
		if got, err := unpacked(copied); err != nil || string(got) != text {
			t.Fatalf("%v, got %q, want %q", err, got, text)
		}
		data, err := os.ReadFile(copied)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	made("a: 1\n")
	var other bytes.Buffer // the same text as another program compresses it
	to := gzip.NewWriter(&other)
	to.Comment = "other"
	if _, err := to.Write([]byte("a: 1\n")); err != nil || to.Close() != nil || os.WriteFile(copied, other.Bytes(), 0o600) != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made("a: 1\n"), other.Bytes()) {
		t.Error("a copy that was right was written again")
	}
	if bytes.Equal(made("a: 2\n"), other.Bytes()) {
		t.Error("a copy that was wrong stayed")
	}
}
