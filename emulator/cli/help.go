package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const about = `The SkyStack Sandbox behaves like the SkyStack cloud API, on this machine: every request is checked against the contract, instances move through their states, and requests are rate limited. It also serves the end-user API of ComputeStacks. It is for integration tests only, and its data does not last.`

const sources = `Every setting below can be given in three ways, and the first one set wins: a flag (--speed=realistic), an environment variable (SKYSTACK_SANDBOX_SPEED=realistic), a member of the YAML file that --config or SKYSTACK_SANDBOX_CONFIG names (speed: realistic). Otherwise the default applies. A list is repeated flags, commas in a variable, a YAML list in the file; lists are not joined. An empty variable counts as not set. Paths in the file start from the file's directory.

A fixture may set a clock, limits and a quota. They override the defaults, and settings override them.

Keys with scopes, an expiry or a workspace of their own can be configured only in the file, in its list keys; "skystack-sandbox key new --output=yaml" prints such a list. Workspaces do not see each other, and each starts from the same fixture.

The exit code is 0 after SIGINT, SIGTERM or SIGHUP, 1 when the sandbox cannot run, and 2 when a setting is wrong. After a signal, requests in flight have up to 5 seconds to end.`

// The widths of the help, in columns.
const (
	helpWidth = 90
	nameWidth = 26
)

// help prints the help of a command, unless an unknown command follows it.
func (p *process) help(c *cobra.Command, _ []string) {
	if words := c.Flags().Args(); len(words) > 0 && c.HasSubCommands() {
		p.failed = noCommand(c, words[0])
		return
	}
	if pathOf(c) == "serve" {
		c = c.Root()
	}
	var b strings.Builder
	if c == c.Root() {
		paragraphs(&b, about)
	} else if builtIn(c) {
		b.WriteString(strings.TrimSpace(c.Long) + "\n\n")
	} else if c.Long != "" {
		paragraphs(&b, c.Long)
	} else {
		paragraphs(&b, c.Short)
	}
	b.WriteString(c.UsageString())
	_, p.failed = io.WriteString(p.stdout, b.String())
}

// builtIn reports whether a command is one of cobra's, whose texts are already wrapped.
func builtIn(c *cobra.Command) bool {
	for ; c.HasParent(); c = c.Parent() {
		if c.Name() == "completion" {
			return true
		}
	}
	return false
}

// helpOn implements "help COMMAND", which is COMMAND --help for an existing command.
func (p *process) helpOn(c *cobra.Command, words []string) error {
	found, rest, _ := c.Root().Find(words)
	if len(rest) > 0 {
		return noCommand(found, rest[0])
	}
	return found.Help()
}

// usage prints the usage line of a command, its commands and flags.
func usage(c *cobra.Command) error {
	root := c == c.Root()
	own := ownFlags(c)
	var b strings.Builder
	b.WriteString("Usage: " + c.CommandPath())
	if root {
		b.WriteString(" [serve] [settings]\n       " + program + " <command>")
	} else if c.Annotations[takesSettings] != "" {
		b.WriteString(" [settings]")
	}
	b.WriteString(strings.TrimPrefix(c.Use, c.Name()))
	if root || own.HasAvailableFlags() {
		b.WriteString(" [flags]")
	}
	b.WriteString("\n")
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands\n")
		leaves(&b, c)
	}
	if own.HasAvailableFlags() {
		b.WriteString("\nFlags\n" + own.FlagUsagesWrapped(helpWidth))
	}
	if root {
		b.WriteString("\n")
		paragraphs(&b, sources)
		for _, g := range groups() {
			to := pflag.NewFlagSet("", pflag.ContinueOnError)
			addFlags(to, &cobra.Command{}, g.flags(nil))
			b.WriteString(g.title + "\n" + to.FlagUsagesWrapped(helpWidth) + "\n")
		}
	}
	c.Print(strings.TrimSuffix(b.String(), "\n") + "\n")
	return nil
}

// ownFlags returns the flags of a command and its parents, without the settings and
// --help.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = false
	add := func(f *pflag.Flag) {
		isSetting := c.Annotations[takesSettings] != "" && slices.ContainsFunc(settings(), func(s setting) bool { return s.name == f.Name })
		if f.Name != "help" && !isSetting {
			own.AddFlag(f)
		}
	}
	c.LocalFlags().VisitAll(add)
	c.InheritedFlags().VisitAll(add)
	return own
}

// leaves writes a row for each command below one.
func leaves(b *strings.Builder, c *cobra.Command) {
	for _, child := range c.Commands() {
		switch {
		case !child.IsAvailableCommand() && child.Name() != "help":
		case child.HasAvailableSubCommands():
			leaves(b, child)
		default:
			row(b, "  "+pathOf(child), child.Short)
		}
	}
}

// row writes a name and its explanation.
func row(b *strings.Builder, name, help string) {
	for _, line := range wrap(help, helpWidth-nameWidth) {
		fmt.Fprintf(b, "%-*s%s\n", nameWidth, name, line)
		name = ""
	}
}

// likeServe ends the help of a command that takes settings.
const likeServe = "It takes the settings of serve: see " + program + " --help."

const testHelp = `Starts a sandbox, on a free port unless --listen is given, runs the command, stops the sandbox, and exits with the command's exit code: 128 plus the signal's number when a signal ended it, 127 when the command does not exist, 126 when it cannot be run. SIGINT, SIGTERM and other signals are forwarded to the command. Unlike a server, this sandbox limits neither requests nor instances, unless --rate-limit=on, another rate limit setting or --quota is given.

The command's environment contains the URL of the sandbox and its credentials: SKYSTACK_BASE_URL, SKYSTACK_API_TOKEN, SKYSTACK_SANDBOX_ADMIN_TOKEN and SKYSTACK_SANDBOX_SEED, and for ComputeStacks COMPUTESTACKS_BASE_URL, COMPUTESTACKS_API_KEY, COMPUTESTACKS_API_SECRET, COMPUTESTACKS_CLIENT_ID, COMPUTESTACKS_CLIENT_SECRET and COMPUTESTACKS_REDIRECT_URI; --apis chooses which. The other commands of this program read the same variables, so the command can call them, as in: ` + program + ` clock advance 3s. With --https=127.0.0.1:0 the URL is that of HTTPS, and SSL_CERT_FILE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS, CURL_CA_BUNDLE and SKYSTACK_SANDBOX_CA name files with which the command trusts the sandbox, in addition to the certificates it already trusts.

When the command succeeds, nothing is printed. When it fails, standard error shows the seed, the command line that repeats the run, and the requests that the sandbox received.

`

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
