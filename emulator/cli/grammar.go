package cli

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"skystack.dev/sandbox/emulator/internal/near"
)

// grammar is what kong parses besides the settings.
type grammar struct {
	Help        helpFlag    `short:"h" help:"Show this help."`
	ShowVersion versionFlag `name:"version" help:"Print the version."`

	// Commands; kong lists them in the order of parse.
	Key        keyCommand        `kong:"-"`
	Clock      clockCommand      `kong:"-"`
	Reset      resetCommand      `kong:"-"`
	Snapshot   snapshotCommand   `kong:"-"`
	Requests   requestsCommand   `kong:"-"`
	Token      tokenCommand      `kong:"-"`
	Listen     listenCommand     `kong:"-"`
	Deliveries deliveriesCommand `kong:"-"`
	Trigger    triggerCommand    `kong:"-"`
	Webhooks   webhooksCommand   `kong:"-"`
	Completion completionCommand `kong:"-"`
	Version    versionCommand    `kong:"-"`
	AskHelp    helpCommand       `kong:"-"`
}

type keyCommand struct {
	New keyNewCommand `cmd:"" help:"Print a fresh sandbox key."`
}

// helpFlag and versionFlag end parsing, so that they are obeyed whatever else is
// wrong.
type (
	helpFlag    bool
	versionFlag bool
)

var (
	errHelp    = errors.New("help is wanted")
	errVersion = errors.New("the version is wanted")
)

// BeforeReset implements kong's hook.
func (helpFlag) BeforeReset() error { return errHelp }

// BeforeReset implements kong's hook.
func (versionFlag) BeforeReset() error { return errVersion }

// helpCommand is --help for those who write it as a command.
type helpCommand struct {
	Command []string `arg:"" optional:"" name:"COMMAND" help:"The command to explain, as clock advance. Default: the whole program."`
}

// input is what the arguments say.
type input struct {
	grammar
	command string              // as in "key new"; "" when not even that is clear
	given   map[string][]string // settings, by name
	words   []string            // what test is to run
	help    *kong.Context       // not nil: help is wanted, for what it selected
}

// newParser knows all commands. serve, test and env take every setting; serve is
// the default command.
func newParser(g *grammar) (*kong.Kong, error) {
	words := reflect.StructField{
		Name: "Words", Type: reflect.TypeFor[[]string](), Tag: `arg:"" optional:"" passthrough:"partial" name:"COMMAND"`,
	}
	return kong.New(g,
		kong.Name(program), kong.NoDefaultHelp(),
		kong.DynamicCommand("serve", "Serve the sandbox. This is what happens when no command is named.", "", newFlags(), `default:"withargs"`),
		kong.DynamicCommand("test", "Run a command beside a sandbox of its own, and end as it does.", "", newFlags(words)),
		kong.DynamicCommand("env", "Print export lines for a client's shell: eval \"$("+program+" env)\"", "", newFlags()),
		kong.DynamicCommand("ca", "Print the certificate authority to trust for https, and how to.", "", newFlags(caFlags()...)),
		kong.DynamicCommand("healthcheck", "Ask the sandbox of this machine whether it is ready; exit code 0 or 1.", "", newFlags()),
		kong.DynamicCommand("clock", "Show and move the time of a workspace.", "", &g.Clock),
		kong.DynamicCommand("reset", "Return a workspace to what it started as.", "", &g.Reset),
		kong.DynamicCommand("snapshot", "Save and load a workspace.", "", &g.Snapshot),
		kong.DynamicCommand("requests", "Show what requests a workspace has got, and what became of them.", "", &g.Requests),
		kong.DynamicCommand("listen", "Carry webhooks to a receiver that the sandbox cannot reach.", "", &g.Listen),
		kong.DynamicCommand("deliveries", "Show what was delivered to webhooks, and why not.", "", &g.Deliveries),
		kong.DynamicCommand("trigger", "Emit an event of any type.", "", &g.Trigger),
		kong.DynamicCommand("webhooks", "Wait for webhooks.", "", &g.Webhooks),
		kong.DynamicCommand("key", "Make keys.", "", &g.Key),
		kong.DynamicCommand("token", "Make, list, rotate and revoke the keys of a running sandbox.", "", &g.Token),
		kong.DynamicCommand("completion", "Print what completes commands and flags in a shell.", "", &g.Completion),
		kong.DynamicCommand("version", "Print the version.", "", &g.Version),
		kong.DynamicCommand("help", "Explain a command, as --help behind it does.", "", &g.AskHelp),
	)
}

// parse reads the arguments.
func parse(args []string) (input, error) {
	var in input
	k, err := newParser(&in.grammar)
	if err != nil {
		return in, err
	}
	ctx, err := k.Parse(args)
	if p, failed := errors.AsType[*kong.ParseError](err); failed {
		ctx = p.Context
	}
	if ctx != nil {
		in.command = commandOf(ctx)
	}
	switch {
	case errors.Is(err, errHelp):
		in.help = ctx
		return in, nil
	case errors.Is(err, errVersion):
		in.command, in.Version.Output = "version", "text"
		return in, nil
	case err == nil && in.command == "help":
		return helpOn(in.AskHelp.Command)
	}
	if err != nil {
		return in, explain(ctx, err)
	}
	in.given = map[string][]string{}
	for _, at := range ctx.Path {
		if at.Flag != nil {
			in.given[at.Flag.Name] = values(at.Flag.Target)
		}
		if at.Positional != nil && in.command == "test" {
			in.words = values(at.Positional.Target)
		}
	}
	return in, nil
}

// helpOn is what "help COMMAND" asks for: the command followed by --help, provided
// that there is one.
func helpOn(words []string) (input, error) {
	var g grammar
	k, err := newParser(&g)
	if err != nil {
		return input{command: "help"}, err
	}
	node := k.Model.Node
	for _, word := range words {
		i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == word })
		if i < 0 {
			return input{command: "help"}, noCommand(node, word)
		}
		node = node.Children[i]
	}
	return parse(append(slices.Clone(words), "--help"))
}

// noCommand says that a command has none of a name below it.
func noCommand(node *kong.Node, word string) error {
	names := childrenOf(node)
	switch {
	case node == nil || node.Type == kong.ApplicationNode:
		return fmt.Errorf("there is no command %s%s; the commands are %s", word, near.Hint(word, names...), joined(names, "and"))
	case node.Leaf():
		return fmt.Errorf("there is no command %s %s; %s is followed by no other", node.Path(), word, node.Path())
	}
	return fmt.Errorf("there is no command %s %s%s; %s is followed by %s", node.Path(), word, near.Hint(word, names...), node.Path(), joined(names, "or"))
}

// commandOf is the words of the selected command.
func commandOf(ctx *kong.Context) string {
	var words []string
	for _, at := range ctx.Path {
		if at.Command != nil {
			words = append(words, at.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// explain says more where kong says too little.
func explain(ctx *kong.Context, err error) error {
	if word, ok := strings.CutPrefix(err.Error(), "unexpected argument "); ok {
		word, _, _ = strings.Cut(word, ",")
		node := branch(ctx)
		if node != nil && node.Leaf() {
			if len(node.Positional) > 0 {
				return fmt.Errorf("%s takes no further argument; got %s", node.Path(), word)
			}
			return fmt.Errorf("%s takes no argument; got %s", node.Path(), word)
		}
		return noCommand(node, word)
	}
	if word, ok := strings.CutPrefix(err.Error(), "expected \"<"); ok {
		word, _, _ = strings.Cut(word, ">")
		return fmt.Errorf("%s is missing: write %s", word, usageOf(branch(ctx)))
	}
	if flag, rest, ok := strings.Cut(err.Error(), ": expected "); ok && strings.Contains(rest, "value but got") {
		return fmt.Errorf("%s: there is no value; write it as %s=VALUE", flag, flag)
	}
	return err
}

// branch is the command whose words come next: what was named, not what stands
// for nothing being named.
func branch(ctx *kong.Context) *kong.Node {
	if ctx == nil {
		return nil
	}
	node := ctx.Model.Node
	for _, at := range ctx.Path {
		if at.Command != nil && at.Command != node.DefaultCmd {
			node = at.Command
		}
	}
	return node
}

// childrenOf is the names of the commands below one.
func childrenOf(node *kong.Node) []string {
	var names []string
	if node != nil {
		for _, c := range node.Children {
			names = append(names, c.Name)
		}
	}
	return names
}

// newFlags is a pointer to a struct with a field for each setting that has a
// flag, and further ones: kong reads its grammar from struct tags, and one table
// of settings is enough.
func newFlags(more ...reflect.StructField) any {
	var fields []reflect.StructField
	for _, s := range settings() {
		t := reflect.TypeFor[string]()
		switch s.kind {
		case fileOnly:
			continue
		case truth:
			t = reflect.TypeFor[bool]()
		case list, pairs:
			t = reflect.TypeFor[[]string]()
		}
		fields = append(fields, reflect.StructField{
			Name: "S" + strconv.Itoa(len(fields)), Type: t, Tag: reflect.StructTag(`name:"` + s.name + `" placeholder:"` + s.arg + `"`),
		})
	}
	return reflect.New(reflect.StructOf(append(fields, more...))).Interface()
}

// values is what a flag was given.
func values(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.Slice:
		all, _ := v.Interface().([]string)
		return slices.Clone(all)
	case reflect.Bool:
		return []string{strconv.FormatBool(v.Bool())}
	}
	return []string{v.String()}
}
