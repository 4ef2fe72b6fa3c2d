package cli

import (
	"io"
	"os"
)

// itself is the writer behind a screen, for a program that writes there on its own.
func itself(w io.Writer) io.Writer {
	if s, ok := w.(*screen); ok {
		return s.to
	}
	return w
}

// isTerminal reports whether a person may be reading along.
func isTerminal(w io.Writer) bool {
	file, ok := itself(w).(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
