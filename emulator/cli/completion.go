package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"skystack.dev/sandbox/fixtures"
)

type completionCommand struct {
	Shell string `arg:"" name:"bash|zsh|fish" help:"The shell that is to complete."`
}

// Help implements kong.HelpProvider.
func (completionCommand) Help() string {
	return "Prints what lets a shell complete the commands, flags and values of this program. In bash: eval \"$(" + program + " completion bash)\"; in zsh: eval \"$(" + program + " completion zsh)\"; in fish: " + program + " completion fish | source. The shell asks the program itself, so what it offers is never out of date."
}

// completeCommand is what the scripts call. It is in no help.
const completeCommand = "__complete"

// The scripts hand over the words after the program's name, the one at the
// cursor last. What comes back are the words that may stand there; when nothing
// does, the shell offers files.
var scripts = map[string]string{ //nolint:gochecknoglobals // never changed
	"bash": `_skystack_sandbox() {
	local IFS=$'\n'
	COMPREPLY=($("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _skystack_sandbox skystack-sandbox
`,
	"zsh": `#compdef skystack-sandbox
_skystack_sandbox() {
	local -a found
	found=("${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "${found[1]}" ]]; then
		_describe skystack-sandbox found
	else
		_files
	fi
}
if [[ "${funcstack[1]}" = _skystack_sandbox ]]; then
	_skystack_sandbox "$@"
else
	compdef _skystack_sandbox skystack-sandbox
fi
`,
	"fish": `function __skystack_sandbox
	set -l words (commandline -opc) (commandline -ct)
	set -l found ($words[1] __complete fish $words[2..-1] 2>/dev/null)
	if test (count $found) -gt 0
		printf '%s\n' $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c skystack-sandbox -f -a '(__skystack_sandbox)'
`,
}

// completion prints the script of a shell.
func completion(c completionCommand, stdout io.Writer) error {
	script, ok := scripts[c.Shell]
	if !ok {
		return &usageError{"completion", unknown(c.Shell, "bash", "zsh", "fish")}
	}
	_, err := io.WriteString(stdout, script)
	return err
}

// candidate is a word that may stand at the cursor.
type candidate struct{ word, help string }

// complete answers a script: the shell, then the words so far.
func complete(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return nil
	}
	shell, words := args[0], args[1:]
	from := ""
	if shell == "bash" {
		words, from = unsplit(words)
	}
	found, err := candidates(words)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, c := range found {
		help, _, _ := strings.Cut(c.help, ". ")
		help = strings.TrimSuffix(help, ".")
		switch shell {
		case "zsh":
			b.WriteString(strings.ReplaceAll(c.word, ":", `\:`))
			if help != "" {
				b.WriteString(":" + help)
			}
		case "fish":
			b.WriteString(c.word + "\t" + help)
		default:
			b.WriteString(strings.TrimPrefix(c.word, from))
		}
		b.WriteString("\n")
	}
	_, err = io.WriteString(stdout, b.String())
	return err
}

// unsplit joins what bash has taken apart: it ends words at = and :, which are
// then words of their own. from is the beginning of the last word that bash does
// not want to hear again.
func unsplit(words []string) (whole []string, from string) {
	glue := false
	for i, w := range words {
		separator := w == "=" || w == ":"
		last := i == len(words)-1
		if (separator || glue) && len(whole) > 0 && strings.HasPrefix(whole[len(whole)-1], "--") {
			end := &whole[len(whole)-1]
			if last {
				from = *end
				if separator {
					from += w
				}
			}
			*end += w
		} else {
			whole = append(whole, w)
		}
		glue = separator
	}
	return whole, from
}

// candidates is what may stand in the place of the last word.
func candidates(words []string) ([]candidate, error) {
	var g grammar
	k, err := newParser(&g)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		words = []string{""}
	}
	node, wants := k.Model.Node, (*kong.Flag)(nil) // the flag that the next word belongs to
	if len(words) > 1 && words[0] == "help" {      // of a command that is named next
		return without("help", words[1:])
	}
	positional := 0
	before, word := words[:len(words)-1], words[len(words)-1]
	for _, w := range before {
		switch {
		case wants != nil:
			wants = nil
		case w == "--":
			return nil, nil // what follows is not ours
		case strings.HasPrefix(w, "-"):
			if f := flagOf(node, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				wants = f
			}
		default:
			if child := childOf(node, w); child != nil {
				node = child
			} else if positional++; node.Name == "test" {
				return nil, nil
			}
		}
	}
	name, value, inWord := strings.Cut(word, "=")
	switch {
	case wants != nil:
		return beginning(word, "", valuesOf(wants.Name, wants.PlaceHolder)), nil
	case inWord && strings.HasPrefix(word, "--"):
		if f := flagOf(node, name); f != nil {
			return beginning(value, name+"=", valuesOf(f.Name, f.PlaceHolder)), nil
		}
		return nil, nil
	case strings.HasPrefix(word, "-"):
		var all []candidate
		for _, f := range flagsOf(node) {
			all = append(all, candidate{"--" + f.Name, meaning(f)})
		}
		return beginning(word, "", all), nil
	}
	var all []candidate
	for _, c := range node.Children {
		all = append(all, candidate{c.Name, c.Help})
	}
	if positional < len(node.Positional) {
		all = append(all, valuesOf("", node.Positional[positional].Name)...)
	}
	return beginning(word, "", all), nil
}

// without is candidates, but for one word.
func without(word string, words []string) ([]candidate, error) {
	found, err := candidates(words)
	return slices.DeleteFunc(found, func(c candidate) bool { return c.word == word }), err
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// flagsOf is what may follow a command: its own flags, those of the commands it
// belongs to, and those of the command that stands for none.
func flagsOf(node *kong.Node) []*kong.Flag {
	if node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	var all []*kong.Flag
	for _, group := range node.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// flagOf is the flag a word begins with; nil if there is none.
func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(word, "=")
	for _, f := range flagsOf(node) {
		if name == "--"+f.Name || f.Short != 0 && name == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

// meaning is what a flag is good for.
func meaning(f *kong.Flag) string {
	for _, s := range settings() {
		if s.name == f.Name && f.Help == "" {
			return s.help
		}
	}
	return f.Help
}

// valuesOf is the values a flag or an argument can have that can be listed.
func valuesOf(name, placeholder string) []candidate {
	words := strings.Split(placeholder, "|")
	if name == "fixture" {
		words = fixtures.Names()
	}
	var all []candidate
	for _, w := range words {
		// Capitals stand for something else.
		if w != "" && strings.ToLower(w) == w {
			all = append(all, candidate{w, ""})
		}
	}
	return all
}

// beginning is the candidates that begin with what is there, each behind a
// prefix.
func beginning(word, prefix string, all []candidate) []candidate {
	var found []candidate
	for _, c := range all {
		if strings.HasPrefix(c.word, word) {
			found = append(found, candidate{prefix + c.word, c.help})
		}
	}
	return found
}
