package cli

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// A list of keys shows nothing that a terminal would obey, and hands programs what the
// API has (S36).
func TestTokenListIsPlain(t *testing.T) {
	e := emulator.Start(t)
	if code, _, message := runAgainst(t, e, "token", "create", "--name", "ci", "--owner", "a\u202eb"); code != 0 {
		t.Fatal(message)
	}
	for output, want := range map[string]string{"text": ` name=ci owner='a\u202eb'` + "\n", "json": `"owner":"a\u202eb"`} {
		code, out, message := runAgainst(t, e, "token", "list", "--output", output)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %q%s, want %q", output, code, out, message, want)
		}
	}
}
