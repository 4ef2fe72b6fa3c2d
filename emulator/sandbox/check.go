package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// shown is how many requests a failed assertion lists.
const shown = 20

// AssertRequested is what Workspace.AssertRequested does in any workspace.
func AssertRequested(t TB, w Workspace, operation string, times int) {
	t.Helper()
	n, dropped := len(w.Requests(Match{Operation: operation})), w.DroppedOf(Match{Operation: operation})
	if n == times && dropped == 0 {
		return
	}
	var b strings.Builder
	if dropped > 0 && n <= times {
		fmt.Fprintf(&b, "%s: unknown: %d requests are on record, want %d, but %d older ones were dropped from the record", operation, n, times, dropped)
	} else {
		fmt.Fprintf(&b, "%s was requested %d times, want %d", operation, n, times)
	}
	latest := w.Requests(Match{Limit: shown + 1, NewestFirst: true})
	if len(latest) == 0 {
		b.WriteString("; nothing was requested")
	} else {
		b.WriteString("; requests received:")
	}
	if len(latest) > shown {
		latest = latest[:shown]
		fmt.Fprintf(&b, "\n  (the last %d)", shown)
	}
	for _, r := range slices.Backward(latest) {
		b.WriteString("\n  " + r.String())
	}
	t.Errorf("%s", b.String())
}

// Diff says how the text of one state differs from that of another: "" if they
// are equal, else the removed lines, with "-", and the added ones, with "+",
// each under the heading it belongs to.
func Diff(before, after Snapshot) string {
	// Snapshots of one history share most of what they hold, which need not be
	// compared.
	if p, ok := before.(apart); ok {
		if old, now, ok := p.DumpApart(after); ok {
			return diff(old, now)
		}
	}
	return diff(before.Dump(), after.Dump())
}

// apart is a snapshot that knows what it shares with another: it dumps both
// without that, or reports false.
type apart interface {
	DumpApart(other Snapshot) (mine, others string, ok bool)
}
