package emulator

import (
	"log/slog"
	"strings"
)

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(func())
}

// Start returns an emulator for a test. It ends with the test, logs warnings to
// it, and fails it at once when an option or the fixture is wrong.
func Start(t TB, opts ...Option) *Emulator {
	t.Helper()
	log := slog.New(slog.NewTextHandler(lines{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e, err := New(append([]Option{WithLogger(log)}, opts...)...)
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// lines writes log lines to a test.
type lines struct{ t TB }

// Write implements io.Writer.
func (l lines) Write(b []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
