package skystack

import (
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Keys lists the keys that lead to a world, oldest first. Of tokens nothing is
// shown but the last four characters of those the sandbox made.
func (a *API) Keys(w *engine.World) []sandbox.Key {
	out := []sandbox.Key{}
	_ = w.Do(func(tx *engine.Tx) error {
		for _, t := range a.keysOf(tx) {
			out = append(out, t.public(w.ID()))
		}
		return nil
	})
	return out
}

// keysOf lists the keys that lead to the transaction's world. A copy of a world
// knows those of its original, which lead there.
func (a *API) keysOf(tx *engine.Tx) []Token {
	var out []Token
	for row := range a.tokens.After(tx, 0) {
		if home, _ := a.Registry.Home(row.Value.Digest); home == tx.World() {
			out = append(out, row.Value)
		}
	}
	return out
}

// keyWith is the key with a secret's digest, whatever its id is in the present
// state.
func (a *API) keyWith(tx *engine.Tx, digest engine.Digest) (Token, bool) {
	for row := range a.tokens.After(tx, 0) {
		if row.Value.Digest == digest {
			return row.Value, true
		}
	}
	return Token{}, false
}

// keyNamed is the key that leads to the transaction's world, given by its token
// or its id.
func (a *API) keyNamed(tx *engine.Tx, name string) (Token, bool) {
	t, ok := a.keyWith(tx, engine.DigestOf(name))
	if !ok {
		t, ok = a.tokens.Get(tx, name)
	}
	home, _ := a.Registry.Home(t.Digest)
	return t, ok && home == tx.World()
}

// keyNames lists the ids of some keys, to choose from.
func (a *API) keyNames(tx *engine.Tx) string {
	const most = 8
	var ids []string
	for _, t := range a.keysOf(tx) {
		ids = append(ids, t.ID)
	}
	if len(ids) > most {
		ids = append(ids[:most], "…")
	}
	return strings.Join(ids, ", ")
}

func (t Token) public(workspace string) sandbox.Key {
	k := sandbox.Key{
		Token: "…", Workspace: workspace, Scopes: slices.Clone(t.Scopes), Project: t.ProjectID, APIVersion: t.APIVersion,
		ID: t.ID, Name: t.Name, Environment: t.Environment, Owner: t.Owner,
	}
	if t.Last4 != "" {
		k.Token = secret.Key + "…" + t.Last4
	}
	for to, at := range map[**time.Time]time.Time{&k.CreatedAt: t.CreatedAt, &k.ExpiresAt: t.ExpiresAt, &k.RevokedAt: t.RevokedAt} {
		if !at.IsZero() {
			*to = &at
		}
	}
	return k
}

// lastOf is what is kept to tell keys apart: the last characters of one the
// sandbox made, and nothing of any other, which may be as short as that (S24).
func lastOf(token string) string {
	if !strings.HasPrefix(token, secret.Key) {
		return ""
	}
	return token[len(token)-4:]
}
