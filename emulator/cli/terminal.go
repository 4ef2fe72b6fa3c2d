package cli

import (
	"io"
	"os"
)

// unescaped returns the writer behind a screen, for output that must not be escaped.
func unescaped(w io.Writer) io.Writer {
	if s, ok := w.(*screen); ok {
		return s.to
	}
	return w
}

// isTerminal reports whether the writer is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := unescaped(w).(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
