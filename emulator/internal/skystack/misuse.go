package skystack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// A client that goes on with a refused credential is told nothing new, but the
// sandbox says so (S39): after so many refusals in a row within the span.
const (
	misuseCount   = 20
	misuseSpan    = time.Minute
	misuseTracked = 1024
)

// Finding is something a client does that would hurt it in production.
type Finding struct {
	At      time.Time
	Code    string
	Message string
}

// misuse watches for clients that retry a refused credential.
type misuse struct {
	mu       sync.Mutex
	streaks  map[engine.Digest]streak
	findings []Finding
}

type streak struct {
	since time.Time
	count int
}

// note counts a refusal and returns it.
func (m *misuse) note(a *API, d engine.Digest, token string, refusal error) error {
	now := a.Registry.World(a.Home).Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.streaks[d]
	if s.count == 0 || now.Sub(s.since) > misuseSpan || now.Before(s.since) {
		s = streak{since: now}
	}
	s.count++
	if m.streaks == nil || len(m.streaks) >= misuseTracked && s.count == 1 {
		m.streaks = map[engine.Digest]streak{}
	}
	m.streaks[d] = s
	if s.count == misuseCount {
		f := Finding{At: now, Code: "retries_after_401", Message: fmt.Sprintf(
			"a client sent %d requests in %v with a token that is refused (%s): it should stop and refresh it", s.count, now.Sub(s.since), codeOf(refusal))}
		if len(m.findings) < misuseTracked {
			m.findings = append(m.findings, f)
		}
		a.Log.Warn(f.Message, "token", masked(token))
	}
	return refusal
}

// masked is what may be shown of a token: a sandbox key's prefix and last four
// characters, and nothing of any other, which may be short or real (S41, S74).
func masked(token string) string {
	if strings.HasPrefix(token, testPrefix) && wellFormed(token) {
		return testPrefix + "…" + token[len(token)-4:]
	}
	return "…"
}

// forget ends a streak: the credential was accepted.
func (m *misuse) forget(d engine.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.streaks) > 0 {
		delete(m.streaks, d)
	}
}

func codeOf(err error) string {
	var e *fail.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return err.Error()
}

// Findings lists what clients did wrong so far.
func (a *API) Findings() []Finding {
	a.misuse.mu.Lock()
	defer a.misuse.mu.Unlock()
	return slices.Clone(a.misuse.findings)
}
