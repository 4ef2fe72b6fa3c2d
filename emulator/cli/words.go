package cli

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// joined lists words in a sentence.
func joined(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// shellWord is s as a POSIX shell reads it back, whatever is in it. What would steer
// the terminal on which it is printed is spelled in ASCII.
func shellWord(s string) string {
	const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-./:@%+"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	var b strings.Builder
	for s != "" {
		safe := len(s)
		for i, r := range s {
			if r == utf8.RuneError || steering(r) && r != '\n' && r != '\t' {
				safe = i
				break
			}
		}
		if safe > 0 {
			b.WriteString("'" + strings.ReplaceAll(s[:safe], "'", `'\''`) + "'")
		}
		if s = s[safe:]; s != "" {
			_, size := utf8.DecodeRuneInString(s)
			b.WriteString(`"$(printf '`)
			for _, c := range []byte(s[:size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
			b.WriteString(`')"`)
			s = s[size:]
		}
	}
	return cmp.Or(b.String(), "''")
}
