// Package finding keeps what clients, and receivers of webhooks, do wrong: what works
// here and would hurt them in production. Findings belong to no world: a reset of the
// state does not undo what a client did.
package finding

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// maxOf bounds the findings of one workspace, and those of none.
const maxOf = 1024

// Subject is what a finding is about. There is one finding for a subject, however
// often it is seen.
type Subject struct {
	// Workspace is the id of the one that it concerns; "" for none.
	Workspace string
	Code      string
	// About tells apart what has the same code in the same workspace, such as the
	// receivers of two webhooks.
	About string
}

// Log keeps findings. The zero Log is empty. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	entries []*entry // in the order in which they were found
	known   map[Subject]*entry
	count   map[string]int // of entries by workspace
	streaks map[Credential]series
}

// entry is a finding and, of what recurs, how often it was seen and what was seen last.
type entry struct {
	sandbox.Finding
	of    Subject
	times int // 0 for what is reported once
	last  time.Time
	said  string
}

// finding is the finding as it is listed.
func (e *entry) finding() sandbox.Finding {
	f, at := e.Finding, e.last.UTC().Format(time.RFC3339)
	switch {
	case e.times == 1:
		f.Message += fmt.Sprintf(" (once, at %s: %s)", at, e.said)
	case e.times > 1:
		f.Message += fmt.Sprintf(" (%d times, the last at %s: %s)", e.times, at, e.said)
	}
	return f
}

// Report adds a finding unless there is one for the subject, or the workspace has too
// many. It reports whether the finding is new.
func (l *Log) Report(s Subject, at time.Time, level sandbox.FindingLevel, message string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[s] != nil {
		return false
	}
	return l.add(s, at, level, message) != nil
}

// Recur is Report for what is counted: said is what was seen this time.
func (l *Log) Recur(s Subject, at time.Time, level sandbox.FindingLevel, message, said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.known[s]
	if e == nil {
		if e = l.add(s, at, level, message); e == nil {
			return
		}
	}
	e.times++
	e.last, e.said = at, said
}

// add returns nil when the workspace has too many; the lock is held.
func (l *Log) add(s Subject, at time.Time, level sandbox.FindingLevel, message string) *entry {
	if l.known == nil {
		l.known, l.count = map[Subject]*entry{}, map[string]int{}
	}
	if l.count[s.Workspace] >= maxOf {
		return nil
	}
	e := &entry{of: s, Finding: sandbox.Finding{At: at, Level: level, Code: s.Code, Message: message}}
	l.count[s.Workspace]++
	l.entries = append(l.entries, e)
	l.known[s] = e
	return e
}

// All lists all findings, oldest first. It is never nil.
func (l *Log) All() []sandbox.Finding { return l.list(func(string) bool { return true }) }

// Of lists the findings of a workspace, oldest first, and with unowned also those of
// none. It is never nil.
func (l *Log) Of(workspace string, unowned bool) []sandbox.Finding {
	return l.list(func(of string) bool { return of == workspace || unowned && of == "" })
}

func (l *Log) list(accepts func(workspace string) bool) []sandbox.Finding {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []sandbox.Finding{}
	for _, e := range l.entries {
		if accepts(e.of.Workspace) {
			out = append(out, e.finding())
		}
	}
	return out
}

// Forget drops the findings of a workspace, which has ended or begins anew.
func (l *Log) Forget(workspace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(e *entry) bool { return e.of.Workspace == workspace })
	maps.DeleteFunc(l.known, func(s Subject, _ *entry) bool { return s.Workspace == workspace })
	delete(l.count, workspace)
}
