package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// A format is chosen by --output in every command that has more than one, and
// every command that prints what the sandbox holds has text and json.
func TestOneNameForTheFormat(t *testing.T) {
	var g grammar
	k, err := newParser(&g)
	if err != nil {
		t.Fatal(err)
	}
	// What prints one thing, for one reader.
	fixed := []string{
		"serve", "test", "env", "healthcheck", "completion", "help", "reset", "webhooks flush", "token revoke",
		"snapshot save", "snapshot load", "snapshot dump", "snapshot diff", "snapshot list", "ca",
	}
	for _, leaf := range k.Model.Leaves(false) {
		path := strings.TrimPrefix(leaf.FullPath(), program+" ")
		var formats []string
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				switch {
				case f.Name == "output":
					formats = strings.Split(f.Enum, ",")
				case slices.Contains([]string{"format", "json", "yaml", "text", "table", "pem", "csv"}, f.Name):
					t.Errorf("%s: --%s is a format: call it --output", path, f.Name)
				}
			}
		}
		if formats != nil && (formats[0] != "text" || defaultOf(leaf, "output") != "text") {
			t.Errorf("%s: --output is %v, by default %q; want text first", path, formats, defaultOf(leaf, "output"))
		}
		if !slices.Contains(fixed, path) && !slices.Contains(formats, "json") {
			t.Errorf("%s: --output is %v; want text and json", path, formats)
		}
	}
}

func defaultOf(node *kong.Node, flag string) string {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if f.Name == flag {
				return f.Default
			}
		}
	}
	return ""
}
