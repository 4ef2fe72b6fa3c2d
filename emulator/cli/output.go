package cli

import (
	"encoding/json"
	"io"
)

// output is the flag of all commands that print something which programs may
// want to read. Commands with further formats declare a flag of the same name.
type output struct{ format string }

func (o *output) flags() []flag {
	return []flag{{name: "output", value: choiceFlag(&o.format, "text", "json"), help: "How to print: as text for people, or as JSON, each item on a line of its own."}}
}

// asJSON reports whether JSON is wanted.
func (o output) asJSON() bool { return o.format == "json" }

// printJSON prints a value as JSON on one line.
func printJSON(stdout io.Writer, v any) error {
	to := json.NewEncoder(stdout)
	to.SetEscapeHTML(false)
	return to.Encode(v)
}
