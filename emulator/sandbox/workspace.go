package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// Workspace is an isolated world of a sandbox: with its own instances, keys,
// limits, clock and record of requests. Nothing done to one can be seen in
// another. All methods may be called by several goroutines.
//
// In the test's process nothing can get lost on the way, and methods without an
// error fail for a match alone that names what does not exist. Package remote says what they do when the connection does.
type Workspace interface {
	// ID is the workspace's id, as wsp_default.
	ID() string
	// URL is where clients reach the sandbox, as http://127.0.0.1:41234. In the
	// test's process the first call opens the socket.
	URL() string
	// Key is the key that clients of this workspace send after Bearer.
	Key() string
	// Client is an HTTP client that reaches the sandbox. Requests may name a path
	// alone, as /v1/instances; they still need the key.
	Client() *http.Client
	// Setup is what the workspace started with.
	Setup() Setup

	// NewWorkspace returns another workspace of the same sandbox. It starts as
	// the default one did, where the setup (at most one) says nothing else, and
	// ends with the test.
	NewWorkspace(t TB, setup ...Setup) Workspace
	// Fork returns a copy of this workspace as it is now, clock and agenda
	// included, with a key of its own. It costs the same for any number of
	// instances and ends with the test.
	Fork(t TB) Workspace
	// AddKey makes a further key known. An empty Token is minted; the key that
	// is returned has it.
	AddKey(k Key) (Key, error)
	// Keys lists the workspace's keys, oldest first, with masked tokens.
	Keys() []Key

	// Now is the workspace's time, and Clock how it moves.
	Now() time.Time
	Clock() Clock
	// SetClock changes how time moves and, with a Now, moves it ahead first.
	SetClock(c Clock) error
	// SetClockContext is SetClock that gives up when the context ends: the clock
	// keeps its setting then, and time stays at the instant it reached.
	SetClockContext(ctx context.Context, c Clock) error
	// Advance moves time ahead, in any clock mode, and returns when everything
	// that falls due on the way has happened and what it caused was delivered. Time
	// never goes back. An advance that has run 1,000,000 events gives up with an
	// error that names what repeats.
	Advance(d time.Duration) error
	// AdvanceContext is Advance, AdvanceTo, AdvanceToNext or AdvanceUntilIdle that
	// gives up when the context ends: time stays at the instant it reached, which
	// the error names. It reports false when there is no event to move to.
	AdvanceContext(ctx context.Context, a Advance) (moved bool, err error)
	// AdvanceTo is Advance to an instant.
	AdvanceTo(t time.Time) error
	// AdvanceToNext moves to the next event of the agenda; false when none is
	// booked.
	AdvanceToNext() bool
	// AdvanceUntilIdle moves on until nothing is booked any more. It gives up
	// with an error after 100,000 events.
	AdvanceUntilIdle() error
	// Agenda lists what will happen, in order.
	Agenda() []Event

	// Snapshot is the workspace as it is now, clock and agenda included.
	Snapshot() Snapshot
	// Restore makes the workspace exactly what the snapshot holds, its time, its
	// counters of ids and the keys made by API included, revoked or not.
	// The workspace keeps its own keys. A snapshot may come from another
	// workspace or another sandbox. A refused one changes nothing.
	Restore(s Snapshot) error
	// Import is Restore from what Snapshot.Save wrote.
	Import(r io.Reader) error
	// Load starts the workspace again with a fixture: "default", "docs",
	// "empty", "busy=N", or the path of a YAML or JSON file. It becomes what
	// Reset returns to. Ids go on as after a Reset. A faulty fixture changes
	// nothing.
	Load(fixture string) error
	// LoadData is Load with the text of a fixture; name appears in messages.
	LoadData(name string, data []byte) error
	// Reset returns the workspace to what it started as, its time included, and
	// forgets its requests; a real clock goes on. Ids, event ids and secrets go on:
	// none of before the reset comes again, unless RestartIDs asks for it.
	Reset(opts ...ResetOption)
	// Dump is everything the workspace holds as text that is the same for the
	// same state.
	Dump() string

	// Instances lists the instances, oldest first, and Instance finds one;
	// unlike a GET, neither counts as a read.
	Instances() []Instance
	Instance(id string) (Instance, bool)
	// CreateInstance adds an instance in any state, at once. Members left out
	// take the sandbox's defaults.
	CreateInstance(i Instance) (Instance, error)
	// Projects lists the projects, oldest first, and Project finds one.
	Projects() []Project
	Project(id string) (Project, bool)
	// CreateProject adds a project.
	CreateProject(p Project) (Project, error)
	// Finish completes the running action of an instance now. It refuses an
	// instance that does not exist or that rests.
	Finish(instance string) error
	// Fail makes the running action of an instance fail, or crashes an instance
	// that runs; code is the reason shown, "" takes the usual one. It refuses an
	// instance that does not exist or that rests.
	Fail(instance, code string) error
	// SetLoad says how busy an instance is from now on, in place of the synthetic
	// values of its metrics. It refuses what is no percentage, and an instance
	// that does not exist.
	SetLoad(instance string, l Load) error

	// ComputeStacks is typed access to the ComputeStacks API of the workspace.
	ComputeStacks() computestacks.API

	// SetRateLimit changes how many requests are served from the next one on;
	// limits of 0 stay as they are.
	SetRateLimit(r RateLimit) error
	// Exhaust uses up what a key may send in a window: in the minute unless others
	// are named. The key is given by its token or its id; "" is Key. The next request
	// is refused with 429, with a Retry-After of at most 60 seconds for the minute, and
	// of the rest of the UTC day for the day. It refuses a window that is not limited.
	Exhaust(key string, window ...Window) error
	// Refill gives back everything that was used of all limits.
	Refill() error
	// Limits lists the limits of each key that is limited and what is left of
	// them.
	Limits() []Limit

	// Requests lists the recorded requests that match, oldest first unless the
	// match says otherwise. A match that names an operation, a status or a method
	// that does not exist is refused: it fails the test that the workspace belongs
	// to, with the name that was probably meant.
	Requests(m Match) []Request
	// Unmatched lists the requests that led to no operation.
	Unmatched() []Request
	// Dropped is how many requests the record has given up to stay within its
	// bounds, and DroppedOf how many of those may have matched. What is asked about
	// them has no response. Requests that the limiter refused, and those without a
	// known key, are dropped by themselves, and never push out others.
	Dropped() uint64
	DroppedOf(m Match) uint64
	// WaitForRequest returns the first request that matches, as soon as there is
	// one; set Match.Since to leave out those of the past.
	WaitForRequest(ctx context.Context, m Match) (Request, error)
	// WaitForStatus returns an instance as soon as it has the status. It does not
	// move time: with a frozen clock another caller must. It refuses a status that
	// does not exist.
	WaitForStatus(ctx context.Context, instance, status string) (Instance, error)
	// AssertRequested fails the test unless an operation, as createInstance, was
	// requested so many times, and says what was requested. It refuses an operation
	// that does not exist.
	AssertRequested(t TB, operation string, times int)
	// Findings lists what clients and receivers of webhooks did wrong so far, oldest
	// first.
	Findings() []Finding

	// Events lists what happened and matches, oldest first, as far as it is kept:
	// for 30 days of the workspace's time. It refuses, as Requests, a type that does
	// not exist.
	Events(m EventMatch) []APIEvent
	// WaitForEvent returns the first event that matches, as soon as there is one;
	// set EventMatch.Since to leave out those of the past. It does not move time:
	// with a frozen clock another caller must. It refuses a type that does not exist.
	WaitForEvent(ctx context.Context, m EventMatch) (APIEvent, error)
	// Deliveries lists what is, was or will be delivered to webhooks and matches,
	// oldest first, with why each attempt failed. It refuses, as Requests, a status,
	// a type of events or a webhook that does not exist. A deleted webhook counts as
	// one that exists.
	Deliveries(m DeliveryMatch) []Delivery
	// FlushWebhooks waits until no delivery is in flight or queued. It does not move
	// time: a delivery that waits for a later attempt does not count.
	FlushWebhooks(ctx context.Context) error
	// Trigger emits an event of any type about an object, and says which object it
	// is about and which webhooks get it; nothing else changes. Streams and lists
	// get it as any other. It refuses a type, an object or a project that does not
	// exist, an object that the type is not about, and one of another project.
	Trigger(t Trigger) (Triggered, error)
	// Listen adds a webhook whose messages are not sent: a listener pulls them with
	// NextMessage. The listener that is returned has id and secret.
	Listen(l Listener) (Listener, error)
	// NextMessage waits for the next message of a listener, given by its id. An
	// attempt fails unless AnswerMessage reports its outcome in time. It refuses
	// a listener that is no longer there, as after a reset.
	NextMessage(ctx context.Context, listener string) (Message, error)
	// AnswerMessage reports the outcome of a message.
	AnswerMessage(listener, attempt string, a Answer) error
	// StopListening removes a listener and abandons its open deliveries.
	StopListening(listener string) error
}

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Name() string
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Snapshot is a workspace as it was at one moment. It never changes and can be
// restored any number of times.
type Snapshot interface {
	// Save writes it as JSON, which Import reads; the same state gives the same
	// bytes. Of keys it has hashes, and of webhooks no secrets: they are disabled
	// where they are imported, until they have one again.
	Save(w io.Writer) error
	// SaveSecrets is Save with the secrets of webhooks, in plain text. Webhooks that
	// are imported from it wait to be enabled, and need no more.
	SaveSecrets(w io.Writer) error
	// Dump is everything it holds as text that is the same for the same state.
	Dump() string
	// WriteDump writes what Dump returns, piece by piece: it need not fit in memory.
	WriteDump(w io.Writer) error
}

// WorkspaceID is the id that NewWorkspace and Fork choose for the n-th workspace
// of a test, counted from 1. It follows from the test's name alone, so that the
// same test gets the same ids in its workspace.
func WorkspaceID(test string, n int) string {
	sum := sha256.Sum256([]byte(test))
	id := "wsp_" + hex.EncodeToString(sum[:6])
	if n > 1 {
		id += "x" + strconv.Itoa(n)
	}
	return id
}
