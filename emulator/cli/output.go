package cli

import (
	"encoding/json"
	"io"
)

// output is the flag of commands whose output programs may parse. Commands with further
// formats declare a flag of the same name.
type output struct{ format string }

func (o *output) flags() []flag {
	return []flag{{name: "output", value: choiceFlag(&o.format, "text", "json"), help: "The format: text, or JSON with one item per line."}}
}

// asJSON reports whether the format is JSON.
func (o output) asJSON() bool { return o.format == "json" }

// printJSON prints a value as JSON on one line.
func printJSON(stdout io.Writer, v any) error {
	to := json.NewEncoder(stdout)
	to.SetEscapeHTML(false)
	return to.Encode(v)
}
