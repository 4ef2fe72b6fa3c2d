package cli

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// grammar is what kong parses besides the settings.
type grammar struct {
	Help helpFlag `short:"h" help:"Show this help."`

	// Commands; kong lists them in the order of parse.
	Key keyCommand `kong:"-"`
}

type keyCommand struct {
	New keyNewCommand `cmd:"" help:"Print a fresh sandbox key."`
}

// helpFlag ends parsing, so that help is given whatever else is wrong.
type helpFlag bool

var errHelp = errors.New("help is wanted")

// BeforeReset implements kong's hook.
func (helpFlag) BeforeReset() error { return errHelp }

// input is what the arguments say.
type input struct {
	grammar
	command string              // as in "key new"; "" when not even that is clear
	given   map[string][]string // settings, by name
	help    *kong.Context       // not nil: help is wanted, for what it selected
}

// parse reads the arguments. serve and env take every setting; serve is the
// default command.
func parse(args []string) (input, error) {
	var in input
	k, err := kong.New(&in.grammar,
		kong.Name(program), kong.NoDefaultHelp(),
		kong.DynamicCommand("serve", "Serve the sandbox. This is what happens when no command is named.", "", newFlags(), `default:"withargs"`),
		kong.DynamicCommand("env", "Print export lines for a client's shell: eval \"$("+program+" env)\"", "", newFlags()),
		kong.DynamicCommand("key", "Make keys.", "", &in.Key),
		kong.DynamicCommand("version", "Print the version.", "", &struct{}{}),
	)
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
	if errors.Is(err, errHelp) {
		in.help = ctx
		return in, nil
	}
	if err != nil {
		return in, explain(ctx, err)
	}
	in.given = map[string][]string{}
	for _, at := range ctx.Path {
		if at.Flag != nil {
			in.given[at.Flag.Name] = values(at.Flag.Target)
		}
	}
	return in, nil
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
		if ctx != nil && commandOf(ctx) != "serve" && commandOf(ctx) != "" {
			return fmt.Errorf("%s takes no argument; got %s", commandOf(ctx), word)
		}
		return fmt.Errorf("there is no command %s%s; the commands are serve, env, key new and version", word, meant(word, "serve", "env", "key", "version"))
	}
	if flag, rest, ok := strings.Cut(err.Error(), ": expected "); ok && strings.Contains(rest, "value but got") {
		return fmt.Errorf("%s: there is no value; write it as %s=VALUE", flag, flag)
	}
	return err
}

// newFlags is a pointer to a struct with a field for each setting that has a
// flag: kong reads its grammar from struct tags, and one table of settings is
// enough.
func newFlags() any {
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
	return reflect.New(reflect.StructOf(fields)).Interface()
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
