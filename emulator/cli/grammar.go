package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// process is one run of the program.
type process struct {
	environ        []string
	stdout, stderr io.Writer
	given          map[string][]string // settings that flags give, by name
	started        bool                // the arguments are valid; later errors are the command's
	failed         error               // the error of the help
}

// execute parses the arguments and runs the command.
func (p *process) execute(args []string) error {
	root := p.program()
	root.SetArgs(slices.Concat([]string{}, args)) // cobra reads os.Args when it is nil
	c, err := root.ExecuteC()
	if err = errors.Join(err, p.failed); err != nil && !p.started {
		return &usageError{pathOf(c), err}
	}
	return err
}

// program returns all commands with their flags.
func (p *process) program() *cobra.Command {
	p.given = map[string][]string{}
	root := p.withSettings(program, "", "", nil, p.serve)
	root.Args = followed
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetHelpFunc(p.help)
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(flagError)
	var version bool
	addFlags(root.Flags(), root, []flag{{name: "version", value: truthFlag(&version), help: "Print the version."}})
	serve := root.RunE
	root.RunE = func(c *cobra.Command, words []string) error {
		if version {
			return printVersion(versionCommand{}, p.stdout)
		}
		return serve(c, words)
	}
	root.AddCommand(
		p.withSettings("serve", "Serve the sandbox. This is the default command.", "", nil, p.serve),
		p.testCommand(), p.envCommand(), p.caCommand(), p.healthcheckCommand(),
		p.clockCommand(), p.resetCommand(), p.snapshotCommand(), p.requestsCommand(),
		p.listenCommand(), p.deliveriesCommand(), p.triggerCommand(), p.webhooksCommand(),
		p.keyCommand(), p.tokenCommand(), p.versionCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Run, c.RunE = nil, p.helpOn
		case "completion":
			c.RunE, c.Args = incomplete, followed
		}
	}
	return root
}

// leaf returns a command without subcommands. The words of use after its name are its
// arguments; one in brackets is optional. long may be empty.
func (p *process) leaf(use, short, long string, flags []flag, run func(words []string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: arguments,
		RunE: func(_ *cobra.Command, words []string) error {
			p.started = true
			return run(words)
		},
	}
	if !strings.Contains(use, "FILE") && !strings.Contains(use, "COMMAND") {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	addFlags(c.Flags(), c, flags)
	// This runs before the check of cobra, whose message says less.
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		for _, f := range flags {
			if f.required && !c.Flags().Changed(f.name) {
				return fmt.Errorf("--%s is missing: write --%[1]s=%s", f.name, f.value.arg)
			}
		}
		return nil
	}
	return c
}

// takesSettings marks the commands that take all settings.
const takesSettings = "settings"

// withSettings returns a leaf that takes all settings, and its own flags.
func (p *process) withSettings(use, short, long string, flags []flag, run func(words []string) error) *cobra.Command {
	c := p.leaf(use, short, long, flags, run)
	c.Annotations = map[string]string{takesSettings: use}
	for _, g := range groups() {
		addFlags(c.Flags(), c, g.flags(p.given))
	}
	return c
}

// group returns a command with subcommands; its flags apply to all of them.
func group(use, short string, flags []flag, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use + " <command>", Short: short, Args: followed, RunE: incomplete}
	addFlags(c.PersistentFlags(), c, flags)
	c.AddCommand(commands...)
	return c
}

// incomplete returns the error of a group without a subcommand.
func incomplete(c *cobra.Command, _ []string) error {
	path := pathOf(c)
	return &usageError{path, fmt.Errorf("%s is followed by %s", path, joined(childrenOf(c), "or"))}
}

// followed refuses an argument of a group that is not one of its commands.
func followed(c *cobra.Command, words []string) error {
	if len(words) > 0 {
		return noCommand(c, words[0])
	}
	return nil
}

// arguments checks the number of arguments against the usage of the command.
func arguments(c *cobra.Command, words []string) error {
	names, path := strings.Fields(c.Use)[1:], pathOf(c)
	for i, name := range names {
		if i >= len(words) && !strings.HasPrefix(name, "[") {
			return fmt.Errorf("%s is missing: write %s", name, strings.TrimSuffix(c.CommandPath(), c.Name())+c.Use)
		}
	}
	switch {
	case len(words) <= len(names):
		return nil
	case len(names) == 0:
		return fmt.Errorf("%s takes no argument; got %s", path, words[0])
	}
	return fmt.Errorf("%s takes no further argument; got %s", path, words[len(names)])
}

// noCommand returns the error of an unknown command.
func noCommand(c *cobra.Command, word string) error {
	names, path := childrenOf(c), pathOf(c)
	switch {
	case path == "":
		return fmt.Errorf("there is no command %s%s; the commands are %s", word, hint(word, names...), joined(names, "and"))
	case len(names) == 0:
		return fmt.Errorf("there is no command %s %s; %s is followed by no other", path, word, path)
	}
	return fmt.Errorf("there is no command %s %s%s; %s is followed by %s", path, word, hint(word, names...), path, joined(names, "or"))
}

// childrenOf returns the names of the subcommands of a command.
func childrenOf(c *cobra.Command) []string {
	var names []string
	for _, child := range c.Commands() {
		if !child.Hidden {
			names = append(names, child.Name())
		}
	}
	return names
}

// pathOf returns the words of a command, as "key new"; "" for the program itself.
func pathOf(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), program), " ")
}

// flagError returns an error that names the flag and what would be right.
func flagError(c *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s: %w", e.GetFlag().Name, e.Unwrap())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s: the value is missing; write --%[1]s=VALUE", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if e.GetSpecifiedShortnames() != "" {
			return fmt.Errorf("unknown flag -%s", e.GetSpecifiedName())
		}
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		name := "--" + e.GetSpecifiedName()
		if name == "--url" && c.Flags().Lookup("listen") != nil {
			return fmt.Errorf("unknown flag --url: %s finds the sandbox of this machine by --listen=HOST:PORT", pathOf(c))
		}
		return fmt.Errorf("unknown flag %s%s", name, hint(name, names...))
	}
	return err
}
