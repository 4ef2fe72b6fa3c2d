package fail

import "strings"

// Clip shortens a text that a client sent so that it fits in a sentence.
// What is not UTF-8 becomes a question mark.
func Clip(s string) string { return ClipAt(strings.ToValidUTF8(s, "?"), 80) }

// ClipAt shortens a text to n bytes and an ellipsis.
func ClipAt(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
