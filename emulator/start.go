package emulator

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// seedVariable makes Start use another seed, to run or replay a test with it.
const seedVariable = "SKYSTACK_SANDBOX_SEED"

// Start returns an emulator for a test. It ends with the test, logs warnings to
// it, and fails it at once when an option or the fixture is wrong, or when a match
// names what does not exist. When the test fails, the seed, the command that replays
// the test and the last requests are logged. The variable SKYSTACK_SANDBOX_SEED chooses the seed of tests that do
// not.
func Start(t TB, opts ...Option) *Emulator {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testLogWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	first := []Option{WithLogger(log)}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("emulator: %s is %q: use a whole number from 0 on", seedVariable, text)
		}
		first = append(first, WithSeed(seed))
	}
	e, err := New(append(first, opts...)...)
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	e.bindToTest(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", e.replayHint(t.Name()))
		}
		_ = e.Close()
	})
	return e
}

// lastRequests is the number of requests that a failed test prints.
const lastRequests = 10

// replayHint returns how to run a failed test again, and its last requests.
func (e *Emulator) replayHint(test string) string {
	s := e.Setup()
	var b strings.Builder
	fmt.Fprintf(&b, "emulator: seed %d, fixture %s; replay: %s=%d go test -count=1 -run '%s'", s.Seed, s.Fixture, seedVariable, s.Seed, pattern(test))
	if salt := e.SecretSalt(); salt != "" {
		b.WriteString("; for the same secrets of keys and webhooks: WithSecretSalt(" + strconv.Quote(salt) + ")")
	}
	for _, r := range slices.Backward(e.Requests(Match{Limit: lastRequests, NewestFirst: true})) {
		b.WriteString("\n  " + r.String())
	}
	return b.String()
}

// pattern chooses one test for go test -run.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// testLogWriter writes log lines to a test.
type testLogWriter struct{ t TB }

// Write implements io.Writer.
func (l testLogWriter) Write(b []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
