package cli

import (
	"regexp"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/redact"
)

// replay returns the command line that repeats the run. Variables become flags, except
// for secrets, which are not shown.
func replay(seed uint64, p *plan, words []string) string {
	line := []string{program, "test", "--seed=" + strconv.FormatUint(seed, 10)}
	for _, s := range settings() {
		for _, it := range p.given[s.name] {
			fromFlag := it.origin == "--"+s.name
			switch {
			case s.name == "seed", !fromFlag && it.origin != variable(s.name):
			case !secret(s.name):
				line = append(line, "--"+s.name+"="+shellWord(it.text))
			case fromFlag:
				line = append(line, "--"+s.name+"=…")
			}
		}
	}
	return withoutSecrets(append(line, "--"), words)
}

var (
	// reference is a credential given as a variable. No bearer token begins with $.
	reference = regexp.MustCompile(`(?i)(?:authorization[ \t]*:[ \t]*)?bearer[ \t]+\$(?:[a-z_][a-z0-9_]*|\{[a-z_][a-z0-9_]*\})(["'\s]|$)`)
	// announced is the end of a word after which the next one may be a secret.
	announced = regexp.MustCompile(`(?i)(?:bearer|basic|digest|authorization|cookie|token|key|secret|passw(?:or)?d)[\s:="'\\]*$`)
)

// withoutSecrets returns a line for a shell without secrets. A word is quoted after its
// secret is removed, so that the line stays valid; the reference to a variable is not a
// secret.
func withoutSecrets(line, words []string) string {
	const around = "\x00" // no argument of a program contains it
	shown := make([]string, len(words))
	for i, w := range words {
		word := shellWord(w)
		rest := reference.ReplaceAllString(w, "$1")
		switch clean := redact.String(w); {
		case clean == w || announced.MatchString(w) || strings.Contains(w, around):
		case redact.String(rest) == rest:
			shown[i], word = word, around+strconv.Itoa(i)+around
		default:
			shown[i], word = shellWord(clean), around+strconv.Itoa(i)+around
		}
		line = append(line, word)
	}
	// Two words together may be a secret too.
	text := redact.String(strings.Join(line, " "))
	for i, word := range shown {
		if word != "" {
			text = strings.ReplaceAll(text, around+strconv.Itoa(i)+around, word)
		}
	}
	return text
}
