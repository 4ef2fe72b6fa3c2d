package skystack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Token is a key as the world knows it: never the secret, only its hash (S24,
// S36). Times are the world's; a zero time means never or unknown.
type Token struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Digest      engine.Digest `json:"digest" dump:"-"`
	Last4       string        `json:"last4"` // "" of a key that the sandbox did not make
	Scopes      []string      `json:"scopes"`
	Environment string        `json:"environment"`
	Owner       string        `json:"owner"`
	ProjectID   string        `json:"project_id"`
	APIVersion  string        `json:"api_version"`
	CreatedAt   time.Time     `json:"created_at"`
	CreatedBy   string        `json:"created_by"` // the key that made it; see configuration
	ExpiresAt   time.Time     `json:"expires_at"`
	RevokedAt   time.Time     `json:"revoked_at"` // may lie ahead (S34)
	// RotatedFrom and ReplacedBy are the ids of the keys before and after it.
	RotatedFrom string `json:"rotated_from"`
	ReplacedBy  string `json:"replaced_by"`
}

// ledger is what changes with every request of a key, or of a workspace whose
// keys share one allowance.
type ledger struct {
	Usage      limit.Usage `json:"usage"`
	LastUsedAt time.Time   `json:"last_used_at"`
	LastUsedIP string      `json:"last_used_ip"`
	// RefusedUntil is when the limits serve again a key that they refused, and Busy
	// what other refusals with a known end told it, on a clock that jumps to what a
	// client waits for. Seen is what it was shown on its way.
	RefusedUntil time.Time    `json:"refused_until,omitzero"`
	Busy         []busyObject `json:"busy,omitempty"`
	Seen         []string     `json:"seen,omitempty"`
}

// Clone returns a ledger that shares nothing with l.
func (l ledger) Clone() ledger {
	l.Usage = l.Usage.Clone()
	l.Busy, l.Seen = slices.Clone(l.Busy), slices.Clone(l.Seen)
	return l
}

// Scopes lists what a key may be allowed (8.3). A write scope includes the read
// scope of the same resource, "*" everything.
func Scopes() []string {
	return []string{
		"*", "instances:read", "instances:write", "instances:delete", "projects:read", "projects:write", "catalog:read", "catalog:write",
		"webhooks:read", "webhooks:write", "events:read", "metrics:read", "jobs:read", "jobs:write", "tokens:read", "tokens:write", "audit:read",
	}
}

// grants reports whether scopes cover a needed one.
func grants(scopes []string, needed string) bool {
	if needed == "" {
		return true
	}
	resource, read := strings.CutSuffix(needed, ":read")
	for _, s := range scopes {
		if s == "*" || s == needed || read && s == resource+":write" {
			return true
		}
	}
	return false
}

// wellFormed reports whether a token that begins as a sandbox key does is one. A
// token of any other beginning may have been imported and counts as well formed.
func wellFormed(token string) bool {
	return !strings.HasPrefix(token, secret.Key) || secret.WellFormed(secret.Key, token)
}

// liveKey reports whether a token looks like one for production (S74).
func liveKey(token string) bool {
	return slices.ContainsFunc([]string{"sky_live_", "sk_live_", "rk_live_", "pk_live_"}, func(p string) bool {
		return len(token) >= len(p) && strings.EqualFold(token[:len(p)], p)
	})
}

// NewKey is a key to be known to a workspace.
type NewKey struct {
	// Secret is what the client sends.
	Secret string
	// Token is what is kept; Digest and Last4 are filled in, and ID and
	// CreatedAt if they are empty. Nil Scopes mean full access (S26).
	Token Token
}

// Check refuses a key that could not be used.
func (k NewKey) Check() error {
	switch {
	case k.Secret == "":
		return fmt.Errorf("the key is empty")
	case liveKey(k.Secret):
		return fmt.Errorf("the key looks like a production key: those are refused here and must never reach a sandbox; mint one with: skystack-sandbox key new")
	case !wellFormed(k.Secret):
		return fmt.Errorf("the key begins with %s but its checksum is wrong; mint one with: skystack-sandbox key new", secret.Key)
	case len(k.Secret) > 255 || strings.IndexFunc(k.Secret, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == '"' }) >= 0:
		return fmt.Errorf("the key must be at most 255 visible ASCII characters without comma and quotes")
	}
	for _, s := range k.Token.Scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("scope %q is unknown; use some of %s", s, strings.Join(Scopes(), ", "))
		}
	}
	var f resource.Violations
	k.Token.texts(&f)
	if err := f.Err("the key"); err != nil {
		return err
	}
	if k.Token.ID != "" && !tokenID.MatchString(k.Token.ID) {
		return fmt.Errorf("the key's id %q is none: write tok_ and 1 to 60 letters, digits or underscores", fail.Clip(k.Token.ID))
	}
	return CheckVersion(k.Token.APIVersion)
}

// AddKey makes a key known to a world. It refuses a wrong one, and one that
// belongs to another world.
func (a *API) AddKey(w *engine.World, k NewKey) error {
	if err := k.Check(); err != nil {
		return err
	}
	return w.Do(func(tx *engine.Tx) error {
		t, err := a.completed(tx, k)
		if err != nil {
			return err
		}
		if err := a.Registry.Bind(t.Digest, w, t.ID); err != nil {
			return err
		}
		a.tokens.Put(tx, t.ID, t)
		return nil
	})
}

// completed is a key as it is kept. Its id and time are the next ones of the
// world if it has none.
func (a *API) completed(tx *engine.Tx, k NewKey) (Token, error) {
	t := k.Token
	t.Digest, t.Last4 = engine.DigestOf(k.Secret), lastOf(k.Secret)
	if t.Scopes == nil {
		t.Scopes = []string{"*"}
	}
	if t.ProjectID != "" {
		if _, ok := a.projects.Get(tx, t.ProjectID); !ok {
			return t, fmt.Errorf("the key is bound to project %q, which does not exist", t.ProjectID)
		}
	}
	if old, taken := a.tokens.Get(tx, t.ID); taken && old.Digest != t.Digest {
		return t, fmt.Errorf("the key's id %q is that of another key; choose another, or leave it out: %w", t.ID, sandbox.ErrConflict)
	}
	if t.ID == "" {
		t.ID = a.tokens.NewID(tx, "tok")
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = tx.Now()
	}
	return t, nil
}
