package credential

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Key is a key as the world knows it: never the secret, only its hash (S24, S36). Times
// are the world's; a zero time means never or unknown.
type Key struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Digest      engine.Digest `json:"digest" dump:"-"`
	Last4       string        `json:"last4"` // "" of a key that the sandbox did not make
	Scopes      []string      `json:"scopes"`
	Environment string        `json:"environment"`
	Owner       string        `json:"owner"`
	ProjectID   string        `json:"project_id"` // to which it is bound; "" for none
	APIVersion  string        `json:"api_version"`
	CreatedAt   time.Time     `json:"created_at"`
	CreatedBy   string        `json:"created_by"` // the id of the key that made it, Configuration, or "" if that is unknown
	ExpiresAt   time.Time     `json:"expires_at"`
	RevokedAt   time.Time     `json:"revoked_at"` // can be in the future (S34)
	// RotatedFrom and ReplacedBy are the ids of the keys before and after it.
	RotatedFrom string `json:"rotated_from"`
	ReplacedBy  string `json:"replaced_by"`
}

// Configuration is Key.CreatedBy of the keys that belong to a workspace itself. They
// stay when another state takes the place of the present one.
const Configuration = "configuration"

// Status is the status of a key at a time.
type Status string

// The statuses.
const (
	Active  Status = "active"
	Expired Status = "expired"
	Revoked Status = "revoked"

	// For Config.Refuse alone: no key has the secret, or it is bound to another project
	// since the request was admitted.
	Unknown Status = "unknown"
	Rebound Status = "rebound"
)

// Status returns the status of the key at a time: revoked outweighs expired.
func (k Key) Status(now time.Time) Status {
	switch {
	case !k.RevokedAt.IsZero() && !now.Before(k.RevokedAt):
		return Revoked
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return Expired
	}
	return Active
}

// end returns the time from which on the key cannot be used; the zero time is never.
func (k Key) end() time.Time { return sooner(k.ExpiresAt, k.RevokedAt) }

// sooner returns the earlier of two ends; the zero time is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Caller returns the caller who sends a request with the key.
func (k Key) Caller() httpapi.Caller {
	return httpapi.Caller{Token: k.ID, Digest: k.Digest, Project: k.ProjectID, Scopes: k.Scopes, Version: k.APIVersion}
}

// ofWorkspace reports whether a key belongs to the workspace itself: it stays when the
// state is replaced, so it is not part of that.
func (k Key) ofWorkspace() bool { return k.CreatedBy == Configuration }

// checkSaved refuses a key of a saved state that the sandbox would not have made.
func (s *Store) checkSaved(k Key, id string) error {
	var f resource.Violations
	f.Same(k.ID, id)
	if !IsID(s.config.IDPrefix, k.ID) {
		f.Add("id", "%q is not an id for this place", fail.Clip(k.ID))
	}
	k.CheckTexts(&f)
	for _, scope := range k.Scopes {
		if !slices.Contains(s.config.Scopes, scope) {
			f.Add("scopes", "%q is unknown; use some of %s", fail.Clip(scope), strings.Join(s.config.Scopes, ", "))
		}
	}
	if s.config.CheckSaved != nil {
		s.config.CheckSaved(&f, k)
	}
	f.Time("created_at", k.CreatedAt)
	f.Time("expires_at", k.ExpiresAt)
	f.Time("revoked_at", k.RevokedAt)
	return f.First()
}

var idTail = regexp.MustCompile(`^_[0-9A-Za-z_]{1,60}$`)

// IsID reports whether a text has the form of the id of a key with a prefix, as "tok".
func IsID(prefix, id string) bool {
	tail, ok := strings.CutPrefix(id, prefix)
	return ok && idTail.MatchString(tail)
}

// CheckTexts adds what is wrong with the free texts of a key.
func (k Key) CheckTexts(f *resource.Violations) {
	f.Text("name", k.Name, 0, 63)
	f.Text("environment", k.Environment, 0, 63)
	f.Text("owner", k.Owner, 0, 255)
}

// checkReferences refuses a saved state in which two keys have the same secret, or a key
// is bound to a project that is not in it. A configured key may be: it stays, whatever
// state takes the place of the present one.
func (s *Store) checkReferences(tx *engine.Tx) error {
	at := func(id, format string, args ...any) error {
		return fmt.Errorf("/tables: %stokens %q: %s", s.config.Prefix, fail.Clip(id), fmt.Sprintf(format, args...))
	}
	digests := map[engine.Digest]string{}
	for row := range s.Keys.After(tx, 0) {
		k := row.Value
		if other, held := digests[k.Digest]; held {
			return at(row.ID, "digest: it is that of %q too", fail.Clip(other))
		}
		digests[k.Digest] = row.ID
		if k.ProjectID != "" && k.RevokedAt.IsZero() && !k.ofWorkspace() && !s.config.ProjectExists(tx, k.ProjectID) {
			return at(row.ID, "project_id: there is no project %q in the file", fail.Clip(k.ProjectID))
		}
	}
	return nil
}

// Registration is a key and its secret, to be registered with a world.
type Registration struct {
	// Secret is what the client sends.
	Secret string
	// Key is what is kept; Digest and Last4 are filled in, and ID and CreatedAt if they
	// are empty. nil Scopes mean full access (S26).
	Key Key
}

// Configured returns the registration of a key that belongs to a workspace itself.
func Configured(k sandbox.Key) Registration {
	out := Key{
		ID: k.ID, Name: k.Name, Scopes: k.Scopes, Environment: k.Environment, Owner: k.Owner, ProjectID: k.Project, APIVersion: k.APIVersion,
		CreatedBy: Configuration,
	}
	for to, from := range map[*time.Time]*time.Time{&out.CreatedAt: k.CreatedAt, &out.ExpiresAt: k.ExpiresAt, &out.RevokedAt: k.RevokedAt} {
		if from != nil {
			*to = *from
		}
	}
	return Registration{Secret: k.Token, Key: out}
}

// public returns the key as users see it. Of its secret only the last four characters
// are shown, and only if the sandbox made it.
func (s *Store) public(k Key, workspace string) sandbox.Key {
	out := sandbox.Key{
		Token: "…", Workspace: workspace, Scopes: slices.Clone(k.Scopes), Project: k.ProjectID, APIVersion: k.APIVersion,
		ID: k.ID, Name: k.Name, Environment: k.Environment, Owner: k.Owner,
	}
	if k.Last4 != "" {
		out.Token = s.config.SecretPrefix + "…" + k.Last4
	}
	for to, at := range map[**time.Time]time.Time{&out.CreatedAt: k.CreatedAt, &out.ExpiresAt: k.ExpiresAt, &out.RevokedAt: k.RevokedAt} {
		if !at.IsZero() {
			*to = &at
		}
	}
	return out
}

// last4 returns the last characters of a secret that the sandbox made, to tell keys
// apart; "" for any other, which may be as short as that (S24).
func (s *Store) last4(secret string) string {
	if s.config.SecretPrefix == "" || !strings.HasPrefix(secret, s.config.SecretPrefix) {
		return ""
	}
	return secret[len(secret)-4:]
}
