package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

const about = `The SkyStack Sandbox behaves like the SkyStack cloud API, on this machine: every request is checked against the contract, instances move through their states, keys run into their limits. It is for integration tests only, and its data does not last.`

const sources = `Every setting below can be said in three ways, and the first that says it counts: a flag (--speed=realistic), an environment variable (SKYSTACK_SANDBOX_SPEED=realistic), a member of the YAML file that --config or SKYSTACK_SANDBOX_CONFIG names (speed: realistic). What none of them says is the default. A list is repeated flags, commas in a variable, a YAML list in the file; lists are not joined. An empty variable counts as not set. Paths in the file start from the file's directory.

A fixture may bring a clock, limits and a quota: they win over the defaults, and what you set wins over them.

Keys with scopes, an expiry or a workspace of their own stand in the file alone, as its member keys; "skystack-sandbox key new --yaml" prints one. Workspaces do not see each other, and each starts from the same fixture.

The exit code is 0 after SIGINT or SIGTERM, which let requests in flight end for up to 5 seconds, 1 when the sandbox cannot run, and 2 when a setting is wrong.`

// The measures of the help, in columns.
const (
	helpWidth = 90
	nameWidth = 32
)

// printHelp explains the selected command; none selected is the whole program.
func printHelp(w io.Writer, ctx *kong.Context) error {
	var b strings.Builder
	node := ctx.Selected()
	name := commandOf(ctx)
	switch name {
	case "", "serve":
		fmt.Fprintf(&b, "Usage: %s [serve] [settings]\n       %s <command> [flags]\n\n", program, program)
		paragraphs(&b, about)
		b.WriteString("Commands\n")
		commands(&b, ctx.Model.Node)
		b.WriteString("\n")
		paragraphs(&b, sources)
		helpOfSettings(&b)
	case "env":
		fmt.Fprintf(&b, "Usage: eval \"$(%s env [settings])\"\n\n", program)
		paragraphs(&b, "Prints the export lines for a client of a server with the same settings, and nothing else: the base URL from listen, and the key. The server need not be running. The settings are those of serve: see "+program+" --help.")
	case "key new":
		fmt.Fprintf(&b, "Usage: %s key new [flags]\n\n", program)
		paragraphs(&b, "Prints a fresh sandbox key on a line of its own. Nobody knows it until a server is told, as with --key or the environment variable SKYSTACK_SANDBOX_KEY. With --yaml it is printed as the member keys of a configuration file, with whatever else the flags say of it.")
		for _, f := range node.Flags {
			row(&b, "  --"+f.Name+argument(f), f.Help)
		}
	default:
		fmt.Fprintf(&b, "Usage: %s %s\n\n", program, name)
		paragraphs(&b, node.Help)
		commands(&b, node)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func argument(f *kong.Flag) string {
	if f.IsBool() {
		return ""
	}
	return "=" + f.PlaceHolder
}

func commands(b *strings.Builder, node *kong.Node) {
	for _, leaf := range node.Leaves(true) {
		row(b, "  "+strings.TrimPrefix(leaf.FullPath(), program+" "), leaf.Help)
	}
}

func helpOfSettings(b *strings.Builder) {
	for i, g := range groups() {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(g.title + "\n")
		for _, s := range g.settings {
			if s.kind == fileOnly {
				continue
			}
			name, help := "  --"+s.name, s.help
			if s.kind != truth {
				name += "=" + s.arg
			}
			if s.std != "" {
				help += " Default: " + s.std + "."
			}
			row(b, name, help)
		}
	}
}

// row is a name and what it means; a long name has a line to itself.
func row(b *strings.Builder, name, help string) {
	lines := wrap(help, helpWidth-nameWidth)
	if len(name) > nameWidth-2 {
		b.WriteString(name + "\n")
		name = ""
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%-*s%s\n", nameWidth, name, line)
		name = ""
	}
}

func paragraphs(b *strings.Builder, text string) {
	for p := range strings.SplitSeq(text, "\n\n") {
		b.WriteString(strings.Join(wrap(p, helpWidth), "\n") + "\n\n")
	}
}

// wrap breaks text into lines of at most width bytes where words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		switch {
		case line == "":
			line = w
		case len(line)+1+len(w) <= width:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	return append(lines, line)
}
