// Package redact keeps secrets out of the logs (S41, S74). Every log record
// passes [NewHandler]; nothing else has to remember to be careful.
//
// When in doubt it hides: a word after "Bearer" or
// "token=" is taken for a secret whatever it is.
package redact

import (
	"regexp"
	"strings"
)

// mark replaces a secret.
const mark = "…"

// The forms of a secret. Where there are groups, the first stays and the second
// is the secret. They are looked for one after the other, so that no form can
// swallow the beginning of another and leave its end.
var (
	// Header lines go to the end of the line: their values may hold quotes.
	headerLine = regexp.MustCompile(`(?i)((?:authorization|cookie)[\\"']*\s*[:=][\\"'\s\[]*)([^\r\n]+)`)
	// A bearer token is any string without white space or double quote.
	bearer = regexp.MustCompile(`(?i)(bearer` + gap + `)((?:[^\s"]*bearer` + gap + `)*[^\s"]+)`)
	// Members of a query, a form, a JSON object or a printed struct.
	member = regexp.MustCompile(`(?i)((?:token|api[_-]?key|secret|passw(?:or)?d)(?:=|%3d|:|[\\"']+\s*:\s*[\\"']+))([^&\s"]+)`)
	// Authorization codes and PKCE verifiers, in a query, a form, a JSON object or a page.
	// They are long; other codes, such as those of errors, are not.
	code = regexp.MustCompile(`(?i)((?:code|code_verifier)(?:=|%3d|[\\"']+(?:\s*:\s*[\\"']+|>)))([a-z0-9_.~-]{40,})`)
	// Keys with a prefix. A stop or a slash at the end of one belongs to the
	// sentence or the path around it.
	key = regexp.MustCompile(`(?i)(?:whsec_|[a-z0-9_-]*_live_|(?:sky|sk|rk|pk)_test_|sky_(?:admin|salt)_)[0-9a-z_~+/=.-]*[0-9a-z_~+=-]`)
)

// gap is what may part "Bearer" from its token in headers, addresses and JSON.
const gap = `(?:[\s:=+"'\\]|%20)+`

// String returns s without its secrets. It returns s itself, and allocates nothing,
// when there are none.
func String(s string) string {
	if !suspicious(s) {
		return s
	}
	s = replace(headerLine, s, func(string) string { return mark })
	s = replace(bearer, s, Token)
	s = replace(member, s, Token)
	s = replace(code, s, Token)
	return key.ReplaceAllStringFunc(s, Token)
}

// replace puts with(secret) in the place of the second group of each match.
func replace(form *regexp.Regexp, s string, with func(secret string) string) string {
	var b strings.Builder
	end := 0
	for _, m := range form.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[end:m[4]])
		b.WriteString(with(s[m[4]:m[5]]))
		end = m[5]
	}
	if end == 0 {
		return s
	}
	b.WriteString(s[end:])
	return b.String()
}

// Token is the form of one token that a log may show: "sky_test_…" and the
// last four characters of a sandbox key, the prefix alone of any other key that
// has one, and nothing of a string that has none. A production key shows
// nothing of its value (S74). The empty string stays empty.
func Token(s string) string {
	if s == "" {
		return ""
	}
	prefix, body := split(s)
	if strings.HasPrefix(body, mark) && len(body) <= len(mark)+4 {
		return s // is in this form already
	}
	if prefix == "sky_test_" && len(body) >= 12 && isAlphanumeric(body) {
		return prefix + mark + body[len(body)-4:]
	}
	return prefix + mark
}

// split divides a token after its prefix, which is empty if s has none that
// says nothing about the secret.
func split(s string) (prefix, body string) {
	for _, prefix := range [...]string{
		"sky_test_", "sky_live_", "sk_test_", "sk_live_", "rk_test_", "rk_live_", "pk_test_", "pk_live_", "whsec_",
	} {
		if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
			return prefix, s[len(prefix):]
		}
	}
	return "", s
}

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// suspicious reports whether s may hold a secret. The expression is slow, and
// almost no text of a log needs it.
func suspicious(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '_':
			if ends(s[:i], "_live", "_test", "_admin", "_salt", "whsec") {
				return true
			}
		case 'r', 'R':
			if ends(s[:i], "beare") {
				return true
			}
		case '=', ':', '%', '>':
			before := strings.TrimRight(s[:i], "\\\"' \t\r\n\f")
			if ends(before, "code", "code_verifier") && longWord(s[i+1:]) {
				return true
			}
			if ends(before, "token", "key", "secret", "password", "passwd", "authorization", "cookie") {
				return true
			}
		}
	}
	return false
}

// longWord reports whether s may begin with an authorization code.
func longWord(s string) bool {
	s = strings.TrimLeft(s, "\\\"' \t\r\n\f")
	for i := range min(len(s), 40) {
		if !isAlphanumeric(s[i:i+1]) && !strings.ContainsRune("_.~-", rune(s[i])) {
			return false
		}
	}
	return len(s) >= 40
}

// ends reports whether s ends in one of the words, in whatever case.
func ends(s string, words ...string) bool {
	for _, w := range words {
		if len(s) >= len(w) && strings.EqualFold(s[len(s)-len(w):], w) {
			return true
		}
	}
	return false
}
