package computestacks

import (
	"encoding/base64"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// FuzzMessages words violations of any field and keyword: a message is never empty.
func FuzzMessages(f *testing.F) {
	for _, keyword := range []string{"required", "nullable", "minLength", "maxLength", "enum", "type", "pattern", "minimum", "maximum", "other"} {
		f.Add("order.containers[0].image_id", keyword, "1")
		f.Add("", keyword, "")
	}
	f.Fuzz(func(t *testing.T, field, keyword, bound string) {
		if humanize(field) == "" {
			t.Errorf("%q has no name", field)
		}
		if got := messageOf(fail.Detail{Field: field, Keyword: keyword, Bound: bound, Message: "x"}); got == "" {
			t.Errorf("%q %q %q has no message", field, keyword, bound)
		}
	})
}

// FuzzWrongDomain accepts only names that fit a DNS name and are not reserved.
func FuzzWrongDomain(f *testing.F) {
	for _, name := range []string{"", "a", "blog.example.org", "x.local", "a..b", "-a.org", "ä.org", strings.Repeat("a.", 130) + "org"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if wrongDomain(name) == "" && (len(name) > 253 || strings.ContainsAny(name, " /:\r\n\x00") || !strings.Contains(name, ".") || strings.Contains(name, "..")) {
			t.Errorf("%q is accepted", name)
		}
	})
}

// FuzzDecodeBasic reads back what Basic credentials hold, and never accepts a text without a colon.
func FuzzDecodeBasic(f *testing.F) {
	f.Add("user", "pass:word", "dTpw")
	f.Add("", "", "=")
	f.Fuzz(func(t *testing.T, username, password, text string) {
		if !strings.Contains(username, ":") {
			u, p, ok := DecodeBasic(base64.StdEncoding.EncodeToString([]byte(username + ":" + password)))
			if !ok || u != username || p != password {
				t.Errorf("%q %q is read as %q %q %v", username, password, u, p, ok)
			}
		}
		if u, _, ok := DecodeBasic(text); ok && strings.Contains(u, ":") {
			t.Errorf("%q has the username %q", text, u)
		}
	})
}
