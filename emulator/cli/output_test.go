package cli

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandsBelow is a command and all that follow it, at any depth.
func commandsBelow(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, child := range c.Commands() {
		all = append(all, commandsBelow(child)...)
	}
	return all
}

// A format is chosen by --output in every command that has more than one, and
// every command that prints what the sandbox holds has text and json.
func TestOneNameForTheFormat(t *testing.T) {
	// What prints one thing, for one reader.
	fixed := []string{
		"", "serve", "test", "env", "healthcheck", "help", "reset", "webhooks flush", "token revoke",
		"snapshot save", "snapshot load", "snapshot dump", "snapshot diff", "ca",
		"completion bash", "completion zsh", "completion fish", "completion powershell",
	}
	leaves := 0
	for _, c := range commandsBelow((&process{}).program()) {
		if c.HasSubCommands() && c.HasParent() {
			continue
		}
		leaves++
		var formats []string
		look := func(f *pflag.Flag) {
			switch {
			case f.Name == "output":
				formats = f.Value.(*value).words()
				if f.DefValue != "text" {
					t.Errorf("%s: by default --output is %q; want text", pathOf(c), f.DefValue)
				}
			case slices.Contains([]string{"format", "json", "yaml", "text", "table", "pem", "csv"}, f.Name):
				t.Errorf("%s: --%s is a format: call it --output", pathOf(c), f.Name)
			}
		}
		c.LocalFlags().VisitAll(look)
		c.InheritedFlags().VisitAll(look)
		if formats != nil && formats[0] != "text" {
			t.Errorf("%s: --output is %v; want text first", pathOf(c), formats)
		}
		if !slices.Contains(fixed, pathOf(c)) && !slices.Contains(formats, "json") {
			t.Errorf("%s: --output is %v; want text and json", pathOf(c), formats)
		}
	}
	if leaves < 25 {
		t.Errorf("only %d commands were looked at", leaves)
	}
}
