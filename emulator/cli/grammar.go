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

// process is one run of the program, and what its commands share.
type process struct {
	environ        []string
	stdout, stderr io.Writer
	given          map[string][]string // settings that flags give, by name
	started        bool                // the arguments were right; errors from here on are the command's
	failed         error               // what the help had to say instead of helping
}

// execute parses the arguments and carries out the command that they name.
func (p *process) execute(args []string) error {
	root := p.program()
	root.SetArgs(slices.Concat([]string{}, args)) // nil stands for os.Args
	c, err := root.ExecuteC()
	if err = errors.Join(err, p.failed); err != nil && !p.started {
		return &usageError{pathOf(c), err}
	}
	return err
}

// program is every command with its flags. What is not in it does not exist.
func (p *process) program() *cobra.Command {
	p.given = map[string][]string{}
	root := p.settled(program, "", "", nil, p.serve)
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
		p.settled("serve", "Serve the sandbox. This is what happens when no command is named.", "", nil, p.serve),
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

// leaf is a command that does something. The words of use behind its name are its
// arguments; one in brackets may be left out. long may be empty.
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
	// Called before cobra looks itself, which says less.
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

// takesSettings marks the commands that take every setting.
const takesSettings = "settings"

// settled is a leaf that takes every setting, and flags of its own.
func (p *process) settled(use, short, long string, flags []flag, run func(words []string) error) *cobra.Command {
	c := p.leaf(use, short, long, flags, run)
	c.Annotations = map[string]string{takesSettings: use}
	for _, g := range groups() {
		addFlags(c.Flags(), c, g.flags(p.given))
	}
	return c
}

// group is a command that others follow; the flags are for all of these.
func group(use, short string, flags []flag, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use + " <command>", Short: short, Args: followed, RunE: incomplete}
	addFlags(c.PersistentFlags(), c, flags)
	c.AddCommand(commands...)
	return c
}

// incomplete is a group without the command that is to follow it.
func incomplete(c *cobra.Command, _ []string) error {
	path := pathOf(c)
	return &usageError{path, fmt.Errorf("%s is followed by %s", path, joined(childrenOf(c), "or"))}
}

// followed are the arguments of a group: no word that is not one of its commands.
func followed(c *cobra.Command, words []string) error {
	if len(words) > 0 {
		return noCommand(c, words[0])
	}
	return nil
}

// arguments are as many as the usage of the command names.
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

// noCommand says that a command has none of a name below it.
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

// childrenOf is the names of the commands below one.
func childrenOf(c *cobra.Command) []string {
	var names []string
	for _, child := range c.Commands() {
		if !child.Hidden {
			names = append(names, child.Name())
		}
	}
	return names
}

// pathOf is the words of a command, as in "key new"; "" for the program itself.
func pathOf(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), program), " ")
}

// flagError says which flag is wrong, and what would be right.
func flagError(c *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s: %w", e.GetFlag().Name, e.Unwrap())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s: there is no value; write it as --%[1]s=VALUE", e.GetFlag().Name)
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
