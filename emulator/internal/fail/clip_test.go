package fail_test

import (
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/fail"
)

func TestClip(t *testing.T) {
	long := strings.Repeat("é", 41) // of two bytes each
	for _, tc := range []struct{ in, want string }{
		{"", ""}, {"ins_1", "ins_1"}, {"a\xffb", "a?b"}, {strings.Repeat("x", 80), strings.Repeat("x", 80)}, {strings.Repeat("x", 81), strings.Repeat("x", 80) + "…"},
		{long, strings.Repeat("é", 40) + "…"}, {"x" + long, "x" + strings.Repeat("é", 39) + "…"},
	} {
		if got := fail.Clip(tc.in); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
	}
	if got := fail.ClipAt("abcdef", 3); got != "abc…" {
		t.Errorf("got %q", got)
	}
}
