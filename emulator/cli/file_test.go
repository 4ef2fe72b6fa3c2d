package cli

import (
	"strings"
	"testing"
)

// Whatever is wrong with a file, the message says where.
func TestFileFaults(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"- a", "f.yaml:1:1: want an object, got a list"},
		{"text", "f.yaml:1:1: want an object, got a string"},
		{"seed: 1\n---\nseed: 2", "f.yaml:2:1: a second YAML document begins here"},
		{"seed: [", "f.yaml:2:1: not readable as YAML"},
		{"seed: \xff", "f.yaml: not UTF-8 text"},
		{strings.Repeat("# filler\n", 1<<17), "f.yaml: the file is larger than 1 MiB"},
		{"seed: &a 1", "f.yaml:1:7: seed: anchors, aliases and tags are not used here"},
		{"seed: 1\nquota: *a", "unknown anchor"},
		{"seed: !!str 1", "f.yaml:1:7: seed: anchors, aliases and tags"},
		{"<<: {seed: 1}", "f.yaml:1:1: a member's name must be text"},
		{"1: 2", "f.yaml:1:1: a member's name must be text"},
		{"seed: {a: 1}", "f.yaml:1:7: seed: want a number, got an object"},
		{"listen: 8080", "f.yaml:1:9: listen: want a string, got a number; put it in quotes"},
		{"strict: 1", "f.yaml:1:9: strict: want true or false, got a number"},
		{"key: {a: 1}", "f.yaml:1:6: key: want a list, got an object"},
		{"key: [[a]]", "f.yaml:1:7: key[0]: want a string, got a list"},
		{"key: [null]", "f.yaml:1:7: key[0]: write a plain value"},
		{"durations: create=5s", "f.yaml:1:12: durations: want an object, got a string"},
		{"durations: {create: 5}", "f.yaml:1:21: durations.create: want a string, got a number"},
		{"keys: {token: a}", "f.yaml:1:7: keys: want a list, got an object"},
		{"keys: [a]", "f.yaml:1:8: keys[0]: want an object, got a string"},
		{"keys: [{token: a, scopes: [1]}]", "f.yaml:1:28: keys[0].scopes[0]: want a string, got a number"},
		{"keys: [{token: a, created_at: [1]}]", "f.yaml:1:31: keys[0].created_at: want a time"},
		{"config: other.yaml", "f.yaml:1:1: config: there is no such member"},
		{"rate_limit: on", "rate_limit: there is no such member (did you mean rate-limit?)"},
	} {
		_, err := parseConfig("f.yaml", []byte(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40q: got %v, want %s", tc.text, err, tc.want)
		}
	}
}

func TestFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}"} {
		if c, err := parseConfig("f.yaml", []byte(text)); err != nil || len(c.settings)+len(c.keys) != 0 {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
	c, err := parseConfig("dir/f.yaml", []byte(`{"seed": 7, "key": ["a", "b"], "fixture": "own.yaml", "durations": {"create": "5s"},
 "keys": [{"token": "c", "scopes": [], "workspace": "wsp_c", "project_id": "prj_c", "api_version": "2025-07-01", "expires_at": "2026-01-01T01:00:00+01:00"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]item{
		"seed":      {"7", "dir/f.yaml:1:10: seed"},
		"fixture":   {"dir/own.yaml", "dir/f.yaml:1:43: fixture"},
		"durations": {"create=5s", "dir/f.yaml:1:79: durations.create"},
	} {
		if got := c.settings[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if keys := c.settings["key"]; len(keys) != 2 || keys[1] != (item{"b", "dir/f.yaml:1:26: key[1]"}) {
		t.Errorf("key: %q", keys)
	}
	k := c.keys[0]
	if k.Token != "c" || k.Scopes == nil || len(k.Scopes) != 0 || k.Workspace != "wsp_c" || k.Project != "prj_c" || k.APIVersion != "2025-07-01" || k.ExpiresAt.Format("2006-01-02T15:04:05Z07:00") != "2026-01-01T00:00:00Z" {
		t.Errorf("keys[0]: %+v", k)
	}
}

// No text makes the reader panic, and what it refuses it can place.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{"", "seed: 1", "keys: [{token: a}]", "durations: {create: 5s}", "key: [a, b]", "a: &b [*b]", "? [a]\n: b", "{\"seed\": null}", "<<: *a", "- -"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig("f.yaml", data)
		if c == nil {
			t.Fatal("no file")
		}
		if err == nil {
			return
		}
		for line := range strings.Lines(err.Error()) {
			if !strings.HasPrefix(line, "f.yaml:") {
				t.Fatalf("a fault without a place: %q", line)
			}
		}
	})
}
