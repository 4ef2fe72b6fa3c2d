package cli

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"skystack.dev/sandbox/emulator/internal/near"
)

// joined lists words in a sentence.
func joined(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// hint returns " (did you mean a or b?)" for the names that nearest finds; "" for none.
func hint(written string, names ...string) string { return near.DidYouMean(nearest(written, names...)) }

// nearest returns the names that a misspelled one is near to, or else those that begin
// with it, as rate-limit with rate. In a word of up to four letters one slip is
// allowed, because most short words are near each other.
func nearest(written string, names ...string) []string {
	found := near.Members(written, names...)
	if found == nil && len(strings.TrimLeft(written, "-")) > 2 {
		for _, name := range names {
			if strings.HasPrefix(name, strings.ToLower(strings.ReplaceAll(written, "_", "-"))+"-") {
				found = append(found, name)
			}
		}
	}
	return found
}

// settingError returns an error that names a setting once: the name of the setting goes from
// the beginning of the message, for origin has it, as in --speed or f.yaml:1:8: speed.
func settingError(origin, setting string, err error) error {
	text := err.Error()
	subject := strings.ReplaceAll(setting, "-", " ")
	for _, s := range []string{subject, strings.TrimSuffix(subject, "s"), subject[strings.LastIndexByte(subject, ' ')+1:]} {
		for _, article := range []string{"the ", ""} {
			rest, found := strings.CutPrefix(text, article+s+" ")
			if !found {
				continue
			}
			return &rewordedError{origin + ": " + strings.TrimPrefix(rest, "of "), err}
		}
	}
	return fmt.Errorf("%s: %w", origin, err)
}

// rewordedError is an error in other words.
type rewordedError struct {
	text string
	err  error
}

// Error implements error.
func (e *rewordedError) Error() string { return e.text }

// Unwrap returns the error.
func (e *rewordedError) Unwrap() error { return e.err }

// shellWord quotes s for a POSIX shell. Control characters are written in ASCII.
func shellWord(s string) string {
	const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-./:@%+"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	var b strings.Builder
	for s != "" {
		safe := len(s)
		for i, r := range s {
			if r == utf8.RuneError || isControl(r) && r != '\n' && r != '\t' {
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
