package skystack

import (
	"bytes"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// Labels and metadata are kept as the JSON they are sent as, without white
// space: that takes a fraction of the room of maps, keeps every digit, and is
// written as it is.

// maxMembers bounds labels and metadata.
const maxMembers = 64

// labelKey is the form of a label's key.
var labelKey = regexp.MustCompile(`^[a-z0-9][a-z0-9._/-]{0,62}$`)

// checkLabels finds keys that no label can have.
func checkLabels(keys iter.Seq[string]) (details []fail.Detail) {
	var wrong []string
	for key := range keys {
		if !labelKey.MatchString(key) {
			wrong = append(wrong, key)
		}
	}
	slices.Sort(wrong)
	for _, key := range wrong {
		details = append(details, fail.Detail{Field: "labels." + fail.Clip(key), Location: fail.Body, Code: "invalid_format",
			Message: "A label's key has 1 to 63 characters: lower-case letters, digits and . _ / -, beginning with a letter or digit."})
	}
	return details
}

// labelFilter reads a filter: key, or key and value with a colon or an equals sign
// between them. A key has neither, so the first of them ends it, and a value may
// have both.
func labelFilter(l string) (key, value string, exact bool) {
	n := strings.IndexAny(l, ":=")
	if n < 0 {
		return l, "", false
	}
	return l[:n], l[n+1:], true
}

// oneSpelling writes filters that mean the same alike.
func oneSpelling(labels []string) []string {
	out := make([]string, len(labels))
	for n, l := range labels {
		key, value, exact := labelFilter(l)
		if out[n] = key; exact {
			out[n] += ":" + value
		}
	}
	return out
}

// labelled reports whether the instance has every label of the filters. Labels
// hold no escapes but those JSON demands and no white space, so a label is there
// exactly if its bytes are, after a brace or a comma.
func (i *Instance) labelled(labels []string) bool {
	for _, l := range labels {
		key, value, exact := labelFilter(l)
		if !labelKey.MatchString(key) {
			return false
		}
		want := append([]byte(`,"`+key), `":`...)
		if exact {
			want, _ = jsontext.AppendQuote(want, value)
		}
		if !bytes.Contains(i.Labels, want) {
			want[0] = '{'
			if !bytes.HasPrefix(i.Labels, want) {
				return false
			}
		}
	}
	return true
}
