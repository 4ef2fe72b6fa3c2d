package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/fixtures"
)

// flag is a flag of a command.
type flag struct {
	name, short string // short is a letter, or ""
	value       *value
	help        string
	required    bool
	known       func(emulator.Names) []string // completes the value; nil when nothing can be listed, or the words of value.arg
}

// value is the value of a flag. It implements pflag.Value.
type value struct {
	arg  string // the form of the value, for the help; alternatives are separated by |
	std  string // the default, for the help
	take func(text string) error
}

// noValue is the arg of a flag without a value.
const noValue = "bool"

// Set implements pflag.Value.
func (v *value) Set(text string) error { return v.take(text) }

// String implements pflag.Value. pflag calls it only for the default.
func (v *value) String() string { return v.std }

// Type implements pflag.Value.
func (v *value) Type() string { return v.arg }

// words returns the possible values, if they can be listed.
func (v *value) words() []string {
	if v.arg == noValue {
		return nil
	}
	return literal(strings.Split(v.arg, "|"))
}

// literal removes words with capitals, which are placeholders.
func literal(words []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return strings.ToLower(w) != w })
}

// addFlags adds flags to those of a command, and to what shells complete.
func addFlags(to *pflag.FlagSet, c *cobra.Command, flags []flag) {
	to.SortFlags = false
	c.Flags().SortFlags, c.PersistentFlags().SortFlags = false, false
	for _, f := range flags {
		added := to.VarPF(f.value, f.name, f.short, f.help)
		if f.value.arg == noValue {
			added.NoOptDefVal = "true"
		}
		if f.required {
			_ = cobra.MarkFlagRequired(to, f.name) // no error: the flag exists
		}
		if complete := f.completion(); complete != nil {
			_ = c.RegisterFlagCompletionFunc(f.name, complete) // no error: there is no other function yet
		}
	}
}

// completion offers the values of a flag. It is nil where a file may be named, or
// nothing follows.
func (f flag) completion() cobra.CompletionFunc {
	words := f.value.words()
	switch {
	case f.known != nil:
		return completeNames(f.known)
	case f.name == "fixture":
		words = literal(fixtures.Names())
	case len(words) > 0:
	case f.value.arg == noValue, f.value.arg == "FILE", f.value.arg == "DIR":
		return nil
	}
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completeNames offers names that the API knows. They are read when a shell asks, from
// this program and not from a server.
func completeNames(list func(emulator.Names) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names, err := emulator.SkyStackNames()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return list(names), cobra.ShellCompDirectiveNoFileComp
	}
}

// flags returns the flags of the settings of a group. They store their values by name; of
// a setting with one value the last flag wins.
func (g settingGroup) flags(given map[string][]string) []flag {
	var all []flag
	for _, s := range g.settings {
		v := &value{arg: s.arg, std: s.std}
		v.take = func(text string) error {
			given[s.name] = []string{text}
			return nil
		}
		switch s.kind {
		case fileOnly:
			continue
		case truth:
			v.arg = noValue
		case list, pairs:
			v.take = func(text string) error {
				given[s.name] = append(given[s.name], listed(text)...)
				return nil
			}
		}
		all = append(all, flag{name: s.name, value: v, help: s.help})
	}
	return all
}

// listed splits a list on one line.
func listed(text string) []string {
	all := strings.Split(text, ",")
	for i, s := range all {
		all[i] = strings.TrimSpace(s)
	}
	return all
}

// textFlag accepts any text; arg describes it.
func textFlag(to *string, arg string) *value {
	return &value{arg: arg, take: func(text string) error {
		*to = text
		return nil
	}}
}

// listFlag accepts several texts, repeated or separated by commas.
func listFlag(to *[]string, arg string) *value {
	return &value{arg: arg, take: func(text string) error {
		*to = append(*to, listed(text)...)
		return nil
	}}
}

// oneOfFlag accepts one of some words; without the flag to stays unchanged.
func oneOfFlag(to *string, words ...string) *value {
	return &value{arg: strings.Join(words, "|"), take: func(text string) error {
		if !slices.Contains(words, text) {
			return unknown(text, words...)
		}
		*to = text
		return nil
	}}
}

// choiceFlag accepts one of some words, of which the first is the default.
func choiceFlag(to *string, words ...string) *value {
	*to = words[0]
	v := oneOfFlag(to, words...)
	v.std = words[0]
	return v
}

// truthFlag is a flag without a value.
func truthFlag(to *bool) *value {
	return &value{arg: noValue, take: func(text string) (err error) {
		*to, err = parseBool(text)
		return err
	}}
}

// countFlag accepts a whole number from 0 on. Without the flag to stays unchanged.
func countFlag(to *int) *value {
	return &value{arg: "N", take: func(text string) (err error) {
		*to, err = whole(text, 0)
		return err
	}}
}

// serialFlag accepts the number of a request, from least on.
func serialFlag(to *uint64, least uint64) *value {
	return &value{arg: "N", take: func(text string) (err error) {
		if *to, err = strconv.ParseUint(text, 10, 64); err != nil || *to < least {
			return fmt.Errorf("%q is not a whole number from %d on", text, least)
		}
		return nil
	}}
}

// durationFlag accepts a duration from 0 on in whole seconds. It makes to not nil.
func durationFlag(to **time.Duration) *value {
	return &value{arg: "DURATION", take: func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration: write it as 5s or 1m30s", text)
		}
		if d < 0 || d%time.Second != 0 {
			return fmt.Errorf("%v is not a duration from 0 on in whole seconds", d)
		}
		*to = &d
		return nil
	}}
}
