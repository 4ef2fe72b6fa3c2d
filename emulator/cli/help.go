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

Keys with scopes, an expiry or a workspace of their own stand in the file alone, as its member keys; "skystack-sandbox key new --output=yaml" prints one. Workspaces do not see each other, and each starts from the same fixture.

The exit code is 0 after SIGINT, SIGTERM or SIGHUP, which let requests in flight end for up to 5 seconds, 1 when the sandbox cannot run, and 2 when a setting is wrong.`

// The measures of the help, in columns.
const (
	helpWidth = 90
	nameWidth = 32
)

// printHelp explains the selected command; none selected is the whole program.
func printHelp(w io.Writer, ctx *kong.Context) error {
	var b strings.Builder
	node := branch(ctx)
	switch name := node.Path(); name {
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
		paragraphs(&b, "Prints the export lines for a client of a server with the same settings, and nothing else: the base URL from listen, and the key. The server need not be running. "+likeServe)
	case "ca":
		fmt.Fprintf(&b, "Usage: %s ca [settings] [flags]\n\n", program)
		paragraphs(&b, caHelp)
		for _, f := range node.Flags {
			if f.Help != "" {
				row(&b, "  --"+f.Name, f.Help)
			}
		}
	case "healthcheck":
		fmt.Fprintf(&b, "Usage: %s healthcheck [settings]\n\n", program)
		paragraphs(&b, "Asks the server of this machine that has the same settings whether it is ready, at /readyz. The exit code is 0 when it says so within 2 seconds, else 1, and then a line says why. Of the settings it needs listen alone. "+likeServe)
	case "test":
		fmt.Fprintf(&b, "Usage: %s test [settings] -- COMMAND [ARGUMENT...]\n\n", program)
		paragraphs(&b, testHelp+likeServe)
	default:
		helpOf(&b, node)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// likeServe ends the help of a command that takes settings.
const likeServe = "The settings are those of serve: see " + program + " --help."

const testHelp = `Starts a sandbox, on a free port unless listen says where, runs the command, ends the sandbox, and exits with the command's exit code: 128 and the signal's number when a signal ended it, 127 when there is no such command, 126 when it cannot be run. SIGINT, SIGTERM and other signals are handed on. Unlike a server, this sandbox limits neither requests nor instances, unless --rate-limit=on, one of the other settings of limits, or --quota asks for it.

The command's environment says where the sandbox is and what opens it: SKYSTACK_BASE_URL, SKYSTACK_API_TOKEN, SKYSTACK_SANDBOX_ADMIN_TOKEN and SKYSTACK_SANDBOX_SEED. The other commands of this program read the same variables, so that the command may use them, as in: ` + program + ` clock advance 3s. With --https=127.0.0.1:0 the URL is the secure one, and SSL_CERT_FILE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS, CURL_CA_BUNDLE and SKYSTACK_SANDBOX_CA name files that let the command trust the sandbox besides all it trusts anyway.

When the command succeeds nothing is printed. When it fails, standard error says with which seed, how to do it again, and what the sandbox saw.

`

// helpOf explains a command by its grammar.
func helpOf(b *strings.Builder, node *kong.Node) {
	flags := ofInterest(node)
	b.WriteString("Usage: " + usageOf(node))
	switch {
	case node.DefaultCmd != nil:
		b.WriteString(" [command]")
	case !node.Leaf():
		b.WriteString(" <command>")
	}
	if len(flags) > 0 {
		b.WriteString(" [flags]")
	}
	b.WriteString("\n\n")
	text := node.Detail
	if text == "" {
		text = node.Help
	}
	paragraphs(b, text)
	for _, arg := range node.Positional {
		if arg.Help != "" {
			row(b, "  "+arg.Name, arg.Help)
		}
	}
	commands(b, node)
	if !node.Leaf() && len(flags) > 0 {
		b.WriteString("\n")
	}
	for _, f := range flags {
		name := "  --" + f.Name + argument(f)
		if f.Short != 0 {
			name = "  -" + string(f.Short) + "," + name[1:]
		}
		row(b, name, f.Help)
	}
}

// usageOf is a command as it is written.
func usageOf(node *kong.Node) string {
	usage := program + " " + node.Path()
	for _, arg := range node.Positional {
		word := arg.Name
		if !arg.Required {
			word = "[" + word + "]"
		}
		usage += " " + word
	}
	return usage
}

// ofInterest is the flags of a command, its own first, but for --help.
func ofInterest(node *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	for ; node.Parent != nil; node = node.Parent {
		all = append(all, node.Flags...)
	}
	return all
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
