package skystack

import (
	"fmt"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/secret"
)

const tokenPrefix = "tok"

// newCredentials connects the keys to the API: its secrets, its projects, its limits and
// its events.
func (a *API) newCredentials(schema *engine.Schema) *credential.Store {
	return credential.New(schema, credential.Config{
		IDPrefix: tokenPrefix, SecretPrefix: secret.Key, Scopes: Scopes(), Registry: a.Registry, AddWorkspaceFor: a.AddWorkspaceFor, Audit: a.Audit,
		CheckSecret: checkTokenForm, CheckConfigured: CheckKey, Refuse: refuseKey, BusyUntil: a.busyUntil,
		CheckSaved: func(f *resource.Violations, k credential.Key) {
			f.ID("project_id", "prj", k.ProjectID)
			if err := CheckVersion(k.APIVersion); err != nil {
				f.Add("api_version", "%q is unknown", fail.Clip(k.APIVersion))
			}
		},
		ProjectExists: func(tx *engine.Tx, id string) bool { return a.projects.Has(tx, id) },
		OverlapEnded:  func(tx *engine.Tx, k credential.Key, before credential.Status) { a.emitRevoked(tx, k, before, nil) },
		Limits:        a.Limits,
	})
}

// Scopes lists the scopes of keys (8.3). A write scope includes the read scope of the
// same resource, "*" everything.
func Scopes() []string {
	return []string{
		"*", "instances:read", "instances:write", "instances:delete", "projects:read", "projects:write", "catalog:read", "catalog:write",
		"webhooks:read", "webhooks:write", "events:read", "metrics:read", "jobs:read", "jobs:write", "tokens:read", "tokens:write", "audit:read",
	}
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

// CheckKey refuses a key of the configuration that could not be used.
func CheckKey(g credential.Registration) error {
	k := g.Key
	switch {
	case g.Secret == "":
		return fmt.Errorf("the key is empty")
	case liveKey(g.Secret):
		return fmt.Errorf("the key looks like a production key: those are refused here and must never reach a sandbox; mint one with: skystack-sandbox key new")
	case !wellFormed(g.Secret):
		return fmt.Errorf("the key begins with %s but its checksum is wrong; mint one with: skystack-sandbox key new", secret.Key)
	case len(g.Secret) > 255 || strings.IndexFunc(g.Secret, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == '"' }) >= 0:
		return fmt.Errorf("the key must be at most 255 visible ASCII characters without comma and quotes")
	}
	for _, s := range k.Scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("scope %q is unknown; use some of %s", s, strings.Join(Scopes(), ", "))
		}
	}
	var f resource.Violations
	k.CheckTexts(&f)
	f.ID("project_id", "prj", k.ProjectID)
	if err := f.Err("the key"); err != nil {
		return err
	}
	if k.ID != "" && !credential.IsID(tokenPrefix, k.ID) {
		return fmt.Errorf("the key's id %q is none: write tok_ and 1 to 60 letters, digits or underscores", fail.Clip(k.ID))
	}
	return CheckVersion(k.APIVersion)
}

// checkTokenForm refuses a token that cannot be one of a sandbox (S74).
func checkTokenForm(token string) error {
	if liveKey(token) {
		return unauthenticated("live_key_in_sandbox",
			"This is a production token. It is not accepted, stored or logged here, but it was exposed to a sandbox: rotate it, and use a sandbox token.")
	}
	if !wellFormed(token) {
		return malformed("This is not a well-formed SkyStack token: its checksum is wrong, so it was mistyped or cut.")
	}
	return nil
}

// refuseKey returns the error for a key that cannot be used (S38).
func refuseKey(k credential.Key, s credential.Status) error {
	switch s {
	case credential.Revoked:
		return unauthenticated("token_revoked", "The token was revoked at "+resource.Stamp(k.RevokedAt)+".")
	case credential.Expired:
		return unauthenticated("token_expired", "The token expired at "+resource.Stamp(k.ExpiresAt)+".")
	case credential.Rebound:
		return unauthenticated("invalid_token", "The token was bound to another project meanwhile; send the request again.")
	}
	return unauthenticated("invalid_token", "The token is unknown here.")
}
