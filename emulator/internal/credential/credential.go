// Package credential keeps the keys of every API: API keys, passwords and tokens are
// rows of a world, found by the digest of their secret. The package says what a key is
// good for at a time, makes, rotates and revokes keys, and counts their requests.
package credential

import (
	"cmp"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Config connects the keys to the API that they are for. Functions that take a
// transaction are called in it.
type Config struct {
	// Prefix distinguishes the tables and steps from those of other APIs in the same
	// worlds; "" is that of one API.
	Prefix string
	// IDPrefix begins the ids of keys, as "tok". It is required.
	IDPrefix string
	// SecretPrefix begins the secrets that Mint makes, as "sky_test_". Keys with such a
	// secret show their last characters. An API without it issues its secrets by Issue.
	SecretPrefix string
	// Memory is how long a key is kept that can no longer be used; 0 is 90 days.
	Memory time.Duration
	// Scopes lists the scopes that a key of a saved state may have. It is required.
	Scopes []string
	// Registry finds the world of a secret by its digest. It is required.
	Registry *engine.Registry
	// AddWorkspaceFor adds a workspace for an unknown secret, so that every key is
	// accepted; nil adds none.
	AddWorkspaceFor func(secret string) error
	// CheckSecret refuses a secret that cannot be one of the API, before it is looked up;
	// nil refuses none.
	CheckSecret func(secret string) error
	// CheckConfigured refuses a key of the configuration that could not be used; nil
	// refuses none.
	CheckConfigured func(g Registration) error
	// CheckSaved adds what the API does not accept of a key of a saved state; nil accepts
	// all.
	CheckSaved func(f *resource.Violations, k Key)
	// ProjectExists reports whether there is a project with the id. It is required.
	ProjectExists func(tx *engine.Tx, id string) bool
	// Refuse returns the error for a key that cannot be used: it is Revoked, Expired or
	// Rebound or, with a zero key, Unknown. It is required.
	Refuse func(k Key, s Status) error
	// OverlapEnded is called when a key was revoked at the end of an overlap; before was
	// its status until then. nil does nothing.
	OverlapEnded func(tx *engine.Tx, k Key, before Status)
	// BusyUntil returns when an object is busy no longer with the action that a client was
	// refused for; the zero time if it is not any more. nil is as if it always returned
	// that.
	BusyUntil func(tx *engine.Tx, b Busy) time.Time
	// Limits returns how requests are limited in the world; nil limits none.
	Limits func(tx *engine.Tx) Limits
	// Audit reads the record of requests; nil has none.
	Audit AuditSource
}

// Store holds the keys of an API. It is made before the worlds that use its tables.
type Store struct {
	// Keys is for reading; the methods change it. A copy of a world has the keys of its
	// original too: see LeadsHere.
	Keys *engine.Table[Key]

	config                     Config
	minted                     *engine.Table[minted]
	ledgers                    *engine.Table[Ledger]
	expire, endOverlap, forget string // steps
}

// minted marks a key made by API that can be used, to count them.
type minted struct{}

// memory is the Config.Memory of an API that says nothing.
const memory = 90 * 24 * time.Hour

// New adds the tables, steps and hooks of the keys of an API to a schema.
func New(schema *engine.Schema, c Config) *Store {
	c.Memory = cmp.Or(c.Memory, memory)
	s := &Store{config: c, expire: c.Prefix + "token.expire", endOverlap: c.Prefix + "token.revoke", forget: c.Prefix + "token.forget"}
	s.Keys = engine.AddTable(schema, engine.Kind[Key]{Name: c.Prefix + "tokens", Check: s.checkSaved, Internal: Key.ofWorkspace})
	s.minted = engine.AddTable(schema, engine.Kind[minted]{Name: c.Prefix + "minted", Internal: engine.Always[minted]})
	s.ledgers = engine.AddTable(schema, engine.Kind[Ledger]{Name: c.Prefix + "ledgers", Check: Ledger.checkSaved, Internal: engine.Always[Ledger]})
	schema.OnLoad(s.checkReferences)
	schema.OnRestore(s.keepConfigured)
	schema.AddStep(s.expire, s.expired)
	schema.AddStep(s.endOverlap, s.overlapEnded)
	schema.AddStep(s.forget, s.forgotten)
	return s
}
