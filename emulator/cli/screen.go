package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// screen writes text to a terminal and escapes control characters, so that a name or a
// message from a client, a receiver or a server cannot move the cursor, change colors or
// reverse a line. Control characters except line feeds and tabs, and those that change
// the direction of text, are written as JSON writes them, so that JSON stays equal. What is not UTF-8 becomes U+FFFD. It may be used by several
// goroutines.
type screen struct {
	mu   sync.Mutex
	to   io.Writer
	tail []byte // the beginning of an incomplete character
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

// end writes the rest of an incomplete character.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.write(s.tail) // earlier errors were reported
	s.tail = nil
}

func (s *screen) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := io.WriteString(s.to, harmless(string(text), "\n\t"))
	return err
}

// unfinished returns the number of bytes at the end that belong to an incomplete character.
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

// visible returns a text on one line with all control characters escaped.
func visible(s string) string { return harmless(s, "") }

// harmless escapes all characters that control a terminal, except the allowed ones.
func harmless(s, allowed string) string {
	escaped := func(r rune) bool { return isControl(r) && !strings.ContainsRune(allowed, r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, escaped) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !escaped(r):
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

// isControl reports whether a character controls a terminal instead of being shown:
// control characters (C0, DEL, C1), those that change the direction of text, separators of
// lines and paragraphs, and invisible tags.
func isControl(r rune) bool {
	switch {
	case r < ' ', 0x7F <= r && r <= 0x9F:
		return true
	case r == 0x061C, r == 0x200E, r == 0x200F, 0x202A <= r && r <= 0x202E, 0x2066 <= r && r <= 0x2069:
		return true
	}
	return r == 0x2028 || r == 0x2029 || 0xE0000 <= r && r <= 0xE007F
}
