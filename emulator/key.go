package emulator

import (
	"fmt"
	"regexp"
	"slices"

	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/fixtures"
)

// WithKey makes a key known. It refuses one that could not be used, and
// production keys.
func WithKey(k Key) Option {
	return func(c *config) error {
		if err := checkID(k.Workspace); err != nil {
			return err
		}
		if err := checkKey(k); err != nil {
			return err
		}
		c.keys = append(c.keys, k)
		return nil
	}
}

// checkID refuses what cannot be the id of a workspace; "" is none yet.
func checkID(workspace string) error {
	if workspace == "" || workspaceID.MatchString(workspace) {
		return nil
	}
	return fmt.Errorf("workspace %q is not an id: use wsp_ and 1 to 60 letters or digits", workspace)
}

var workspaceID = regexp.MustCompile(`^wsp_[0-9A-Za-z]{1,60}$`)

// fixtureKeys is the keys of a fixture.
func fixtureKeys(f *fixtures.Fixture) []Key {
	out := make([]Key, 0, len(f.Keys))
	for _, k := range f.Keys {
		out = append(out, Key{
			Token: k.Token, ID: k.ID, Name: k.Name, Scopes: k.Scopes, Environment: k.Environment, Owner: k.Owner, Project: k.ProjectID,
			APIVersion: k.APIVersion, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt,
		})
	}
	return out
}

// KeyFor is a key of the workspace that may do now what needs a scope, as
// instances:write: Key, or else the first of those that options and fixture brought.
// It is "" if there is none.
func (w *Workspace) KeyFor(scope string) string {
	w.mu.Lock()
	keys := []Key{{Token: w.key}}
	for _, k := range append(slices.Clone(w.config.keys), fixtureKeys(w.fixture)...) {
		if k.Workspace == "" || k.Workspace == w.ID() {
			keys = append(keys, k)
		}
	}
	w.mu.Unlock()
	for _, k := range keys {
		if w.e.sky.Credentials.Allows(w.world, k.Token, scope) {
			return k.Token
		}
	}
	return ""
}

// isPublicKey reports whether WithoutDefaultKey leaves out a key: one that comes with
// the sandbox.
func (c *config) isPublicKey(f *fixtures.Fixture, k Key) bool {
	return c.freshKey && (k.Token == DefaultKey || slices.Contains(fixtures.Names(), f.Name()))
}

// NewKey makes a sandbox key of its own kind: sky_test_, 30 random digits and a
// checksum. It is not registered until WithKey or a fixture adds it. No seed decides it.
func NewKey() string { return secret.New(secret.Key) }
