package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// screen writes text to a terminal, and lets nothing in it steer the terminal: what a
// client, a receiver or a server put into a name or a message moves no cursor, changes
// no color and reverses no line. Control characters but line feeds and tabs, and those
// that change the direction of text, are written as JSON writes them, so that JSON
// stays what it was. What is not UTF-8 becomes U+FFFD. It may be used by several
// goroutines.
type screen struct {
	mu   sync.Mutex
	to   io.Writer
	tail []byte // begins a character that has not come to its end
}

// Write implements io.Writer.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := b
	if len(s.tail) > 0 {
		text = append(s.tail, b...)
		s.tail = nil
	}
	if n := unfinished(text); n > 0 {
		s.tail = append([]byte(nil), text[len(text)-n:]...)
		text = text[:len(text)-n]
	}
	if err := s.write(text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// end writes what is left of a character that never came to its end.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.write(s.tail) // who could not read the rest does not miss it
	s.tail = nil
}

func (s *screen) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := io.WriteString(s.to, harmless(string(text), "\n\t"))
	return err
}

// unfinished is how many bytes at the end begin a character that they do not end.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// visible is a text on one line that steers no terminal, whatever is in it.
func visible(s string) string { return harmless(s, "") }

// harmless is a text in which all characters that steer a terminal are escaped, but
// for those that are allowed.
func harmless(s, allowed string) string {
	steers := func(r rune) bool { return steering(r) && !strings.ContainsRune(allowed, r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, steers) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !steers(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// steering tells whether a terminal, or what shows text as one does, obeys a character
// instead of showing it: control characters (C0, DEL, C1), those that change the
// direction of text, the separators of lines and paragraphs, and tags, which are
// shown by nothing.
func steering(r rune) bool {
	switch {
	case r < ' ', 0x7F <= r && r <= 0x9F:
		return true
	case r == 0x061C, r == 0x200E, r == 0x200F, 0x202A <= r && r <= 0x202E, 0x2066 <= r && r <= 0x2069:
		return true
	}
	return r == 0x2028 || r == 0x2029 || 0xE0000 <= r && r <= 0xE007F
}
