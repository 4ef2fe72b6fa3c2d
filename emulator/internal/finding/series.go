package finding

import (
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// A client that goes on with a refused credential gets the same response, but the
// sandbox reports it (S39): after so many refusals in a row within the span.
const (
	streakCount   = 20
	streakSpan    = time.Minute
	streakTracked = 1024
)

// Credential is the digest of one.
type Credential [32]byte

type series struct {
	since time.Time
	count int
}

// Refused counts a request with a credential that was refused, for the workspace that
// the credential leads to, "" for none. It returns the message of a new finding; "" if
// this refusal makes none.
func (l *Log) Refused(c Credential, workspace string, at time.Time, code string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streaks[c]
	if s.count == 0 || at.Sub(s.since) > streakSpan || at.Before(s.since) {
		s = series{since: at}
	}
	s.count++
	if l.streaks == nil || len(l.streaks) >= streakTracked && s.count == 1 {
		l.streaks = map[Credential]series{}
	}
	defer func() { l.streaks[c] = s }()
	if s.count != streakCount {
		return ""
	}
	message := fmt.Sprintf("a client sent %d requests in %v with a token that is refused (%s): it should stop and refresh it", s.count, at.Sub(s.since), code)
	// Each streak is a finding of its own.
	l.add(Subject{workspace, "retries_after_401", fmt.Sprintf("%x", c)}, at, sandbox.LevelError, message)
	return message
}

// Accepted ends a streak of refusals of the credential.
func (l *Log) Accepted(c Credential) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.streaks) > 0 {
		delete(l.streaks, c)
	}
}
