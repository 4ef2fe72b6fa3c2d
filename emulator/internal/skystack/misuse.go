package skystack

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/sandbox"
)

// A client that goes on with a refused credential is told nothing new, but the
// sandbox says so (S39): after so many refusals in a row within the span.
const (
	misuseCount   = 20
	misuseSpan    = time.Minute
	misuseTracked = 1024
)

// maxFindings bounds the findings of one workspace, and those of none.
const maxFindings = 1024

// misuse watches for clients that retry a refused credential.
type misuse struct {
	mu       sync.Mutex
	streaks  map[engine.Digest]streak
	findings []finding
	count    map[string]int // findings by owner
	faults   map[receiverFault]*recurrence
	// plaintext has the workspaces that have their finding about plain HTTP.
	plaintext map[string]bool
	// misspelt has the operations and members, by workspace, that have theirs.
	misspelt map[string]map[string]bool
}

// finding belongs to the workspace that the credential leads to, "" for none.
type finding struct {
	sandbox.Finding
	owner string
	again *recurrence // of what receivers do; nil of what clients do
}

type streak struct {
	since time.Time
	count int
}

// note counts a refusal and returns it. The time is that of the workspace it
// concerns.
func (m *misuse) note(a *API, d engine.Digest, token string, refusal error) error {
	owner := ""
	w, _ := a.Registry.Home(d)
	if w != nil {
		owner = w.ID()
	} else {
		w = a.Registry.World(a.Home)
	}
	now := w.Glance()
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
		f := sandbox.Finding{At: now, Level: sandbox.LevelError, Code: "retries_after_401", Message: fmt.Sprintf(
			"a client sent %d requests in %v with a token that is refused (%s): it should stop and refresh it", s.count, now.Sub(s.since), codeOf(refusal))}
		m.add(finding{Finding: f, owner: owner})
		a.Log.Warn(f.Message, "token", masked(token))
	}
	return refusal
}

// add keeps a finding while its owner has not too many; the lock is held.
func (m *misuse) add(f finding) bool {
	if m.count == nil {
		m.count = map[string]int{}
	}
	if m.count[f.owner] >= maxFindings {
		return false
	}
	m.count[f.owner]++
	m.findings = append(m.findings, f)
	return true
}

// masked is what may be shown of a token: a sandbox key's prefix and last four
// characters, and nothing of any other, which may be short or real (S41, S74).
func masked(token string) string {
	if secret.WellFormed(secret.Key, token) {
		return secret.Key + "…" + token[len(token)-4:]
	}
	return "…"
}

// notePlaintext adds a finding for a workspace whose key was accepted over plain
// HTTP: once, however often it happens.
func (a *API) notePlaintext(x *httpapi.RequestContext) {
	if x.Request.TLS != nil || x.Request.Context().Value(http.ServerContextKey) == nil {
		return // a request inside of the process goes over no wire
	}
	m, owner := &a.misuse, x.World.ID()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.plaintext[owner] {
		return
	}
	if m.plaintext == nil {
		m.plaintext = map[string]bool{}
	}
	m.plaintext[owner] = true
	m.add(finding{owner: owner, Finding: sandbox.Finding{At: x.Now, Code: "plaintext", Level: sandbox.LevelInfo, Message: "a key was sent over plain HTTP, " +
		"where anybody on the way can read it: the real API is HTTPS alone; --https serves it here as well"}})
}

// noteMisspelt adds a finding for each parameter or member of an accepted request
// that was ignored and looks misspelt: once for an operation.
func (a *API) noteMisspelt(x *httpapi.RequestContext) {
	details := x.Misspelt()
	if len(details) == 0 {
		return
	}
	m, owner := &a.misuse, x.World.ID()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range details {
		place := x.Op.ID + " " + string(d.Location) + " " + d.Field
		if m.misspelt[owner][place] {
			continue
		}
		f := sandbox.Finding{At: x.Now, Code: d.Code, Level: sandbox.LevelWarning, Message: x.Op.ID + " was sent a misspelt " + kindOfInput(d.Location) + ", which is ignored: " + d.Message}
		if !m.add(finding{owner: owner, Finding: f}) {
			return
		}
		if m.misspelt == nil {
			m.misspelt = map[string]map[string]bool{}
		}
		if m.misspelt[owner] == nil {
			m.misspelt[owner] = map[string]bool{}
		}
		m.misspelt[owner][place] = true
	}
}

func kindOfInput(l fail.Location) string {
	if l == fail.Body {
		return "member of the body"
	}
	return string(l) + " parameter"
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

// Findings lists what clients did wrong so far, oldest first.
func (a *API) Findings() []sandbox.Finding {
	return a.findings(func(string) bool { return true })
}

// FindingsOf lists what clients of a workspace did wrong so far, oldest first,
// and with unowned also clients of none.
func (a *API) FindingsOf(workspaceID string, unowned bool) []sandbox.Finding {
	return a.findings(func(owner string) bool { return owner == workspaceID || unowned && owner == "" })
}

func (a *API) findings(of func(owner string) bool) []sandbox.Finding {
	a.misuse.mu.Lock()
	defer a.misuse.mu.Unlock()
	out := []sandbox.Finding{}
	for _, f := range a.misuse.findings {
		if of(f.owner) {
			f.Message += f.again.text()
			out = append(out, f.Finding)
		}
	}
	return out
}

// ForgetFindings drops the findings of a workspace, which has ended or begins
// anew.
func (a *API) ForgetFindings(workspaceID string) {
	m := &a.misuse
	m.mu.Lock()
	defer m.mu.Unlock()
	m.findings = slices.DeleteFunc(m.findings, func(f finding) bool { return f.owner == workspaceID })
	delete(m.plaintext, workspaceID)
	delete(m.misspelt, workspaceID)
	maps.DeleteFunc(m.faults, func(f receiverFault, _ *recurrence) bool { return f.owner == workspaceID })
	delete(m.count, workspaceID)
}
