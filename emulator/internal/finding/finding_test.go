package finding

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

func messages(list []sandbox.Finding) (out []string) {
	for _, f := range list {
		out = append(out, f.Message)
	}
	return out
}

// What is seen again is one finding; what recurs says how often, and what was last.
func TestOneFindingForASubject(t *testing.T) {
	var l Log
	if all := l.All(); all == nil || len(all) != 0 {
		t.Errorf("an empty log lists %v", all)
	}
	plain := Subject{Workspace: "wsp_a", Code: "plaintext"}
	if !l.Report(plain, noon, sandbox.LevelInfo, "first") || l.Report(plain, noon, sandbox.LevelInfo, "second") {
		t.Error("a subject is reported once")
	}
	slow := Subject{"wsp_a", "receiver_slow", "whk_1"}
	l.Recur(slow, noon, sandbox.LevelError, "whk_1 is slow", "timeout")
	l.Recur(Subject{"wsp_a", "receiver_slow", "whk_2"}, noon, sandbox.LevelError, "whk_2 is slow", "status 200")
	l.Recur(slow, noon.Add(time.Hour), sandbox.LevelError, "whk_1 is slow", "status 503")
	l.Report(Subject{"wsp_b", "plaintext", ""}, noon, sandbox.LevelInfo, "b")
	l.Report(Subject{"", "plaintext", ""}, noon, sandbox.LevelInfo, "nobody's")
	a := []string{"first", "whk_1 is slow (2 times, the last at 2026-03-19T13:00:00Z: status 503)", "whk_2 is slow (once, at 2026-03-19T12:00:00Z: status 200)"}
	for _, tc := range []struct {
		got  []sandbox.Finding
		want []string
	}{
		{l.Of("wsp_a", false), a},
		{l.Of("wsp_a", true), append(slices.Clone(a), "nobody's")},
		{l.Of("wsp_c", false), nil},
		{l.All(), append(slices.Clone(a), "b", "nobody's")},
	} {
		if got := messages(tc.got); !slices.Equal(got, tc.want) {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
	if f := l.Of("wsp_a", false)[1]; f.At != noon || f.Level != sandbox.LevelError || f.Code != "receiver_slow" {
		t.Errorf("got %+v", f)
	}
	l.Forget("wsp_a")
	if got := messages(l.All()); !slices.Equal(got, []string{"b", "nobody's"}) {
		t.Errorf("after wsp_a was forgotten: %q", got)
	}
	if !l.Report(plain, noon, sandbox.LevelInfo, "again") {
		t.Error("what was forgotten is not reported again")
	}
}

// A workspace fills only its own share.
func TestFindingsAreBounded(t *testing.T) {
	var l Log
	for n := range 2 * maxOf {
		if l.Report(Subject{"wsp_a", "unknown_parameter", fmt.Sprint(n)}, noon, sandbox.LevelInfo, "a") != (n < maxOf) {
			t.Fatalf("finding %d", n)
		}
	}
	l.Recur(Subject{"wsp_a", "receiver_slow", "whk_1"}, noon, sandbox.LevelError, "slow", "timeout")
	if !l.Report(Subject{"wsp_b", "plaintext", ""}, noon, sandbox.LevelInfo, "b") || len(l.All()) != maxOf+1 {
		t.Errorf("%d findings", len(l.All()))
	}
	l.Forget("wsp_a")
	if !l.Report(Subject{"wsp_a", "plaintext", ""}, noon, sandbox.LevelInfo, "a") {
		t.Error("a workspace that begins anew has no room")
	}
}

// Twenty refusals of a credential within a minute are a finding, once for each streak
// (S39).
func TestStreaksOfRefusals(t *testing.T) {
	c, other := Credential{1}, Credential{2}
	const message = "a client sent 20 requests in 19s with a token that is refused (token_revoked): it should stop and refresh it"
	refuse := func(l *Log, c Credential, from time.Time, n int, every time.Duration) (found []string) {
		for i := range n {
			if m := l.Refused(c, "wsp_a", from.Add(time.Duration(i)*every), "token_revoked"); m != "" {
				found = append(found, m)
			}
		}
		return found
	}
	for name, tc := range map[string]struct {
		play func(l *Log) []string
		want int
	}{
		"19 in a row":                 {func(l *Log) []string { return refuse(l, c, noon, 19, time.Second) }, 0},
		"20 in a row":                 {func(l *Log) []string { return refuse(l, c, noon, 20, time.Second) }, 1},
		"one streak is reported once": {func(l *Log) []string { return refuse(l, c, noon, 50, time.Second) }, 1},
		"too slow":                    {func(l *Log) []string { return refuse(l, c, noon, 100, 4*time.Second) }, 0},
		"of two credentials": {func(l *Log) []string {
			return append(refuse(l, c, noon, 10, time.Second), refuse(l, other, noon, 10, time.Second)...)
		}, 0},
		"time that went back": {func(l *Log) []string {
			return append(refuse(l, c, noon, 10, time.Second), refuse(l, c, noon.Add(-time.Hour), 10, time.Second)...)
		}, 0},
		"an accepted request between": {func(l *Log) []string {
			x := refuse(l, c, noon, 19, time.Second)
			l.Accepted(c)
			return append(x, refuse(l, c, noon, 19, time.Second)...)
		}, 0},
		"another streak an hour later": {func(l *Log) []string {
			return append(refuse(l, c, noon, 20, time.Second), refuse(l, c, noon.Add(time.Hour), 20, time.Second)...)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var l Log
			found := tc.play(&l)
			if len(found) != tc.want || len(l.All()) != tc.want || tc.want > 0 && found[0] != message {
				t.Errorf("got %q, listed %q", found, messages(l.All()))
			}
		})
	}
}

// What clients make up does not fill the memory.
func TestStreaksAreBounded(t *testing.T) {
	var l Log
	for n := range 3 * streakTracked {
		l.Refused(Credential{byte(n), byte(n >> 8)}, "", noon, "invalid_token")
		if len(l.streaks) > streakTracked {
			t.Fatalf("%d streaks are kept", len(l.streaks))
		}
	}
}

func TestLogIsSafeForConcurrentUse(t *testing.T) {
	var l Log
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 100 {
				l.Refused(Credential{byte(n)}, "wsp_a", noon, "invalid_token")
				l.Accepted(Credential{byte(n)})
				l.Recur(Subject{"wsp_a", "receiver_slow", "whk"}, noon, sandbox.LevelError, "slow", "timeout")
				l.All()
			}
		})
	}
	wg.Wait()
	if got := messages(l.All()); len(got) != 1 || !strings.HasPrefix(got[0], "slow (800 times") {
		t.Errorf("got %q", got)
	}
}
