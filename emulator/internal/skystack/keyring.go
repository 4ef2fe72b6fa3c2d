package skystack

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
)

// configuration is who created the keys that belong to a workspace itself and not
// to what happens in it.
const configuration = "configuration"

// Configured lists the keys that belong to the workspace itself, whatever state
// it is put into.
func (a *API) Configured(w *engine.World) []Token {
	var out []Token
	_ = w.Do(func(tx *engine.Tx) error {
		for row := range a.tokens.After(tx, 0) {
			if row.Value.CreatedBy == configuration {
				out = append(out, row.Value)
			}
		}
		return nil
	})
	return out
}

// DropKeys takes the workspace's own keys out of a copy of it.
func (a *API) DropKeys(w *engine.World) {
	for _, t := range a.Configured(w) {
		_ = w.Do(func(tx *engine.Tx) error {
			a.tokens.Delete(tx, t.ID)
			return nil
		})
	}
}

// KeepKeys gives a state that came from anywhere the workspace's own keys, in
// the place of any that have the same secret, and lets those of the state lead
// here that lead nowhere else.
func (a *API) KeepKeys(tx *engine.Tx, kept []Token) {
	mine := map[engine.Digest]bool{}
	for _, t := range kept {
		mine[t.Digest] = true
	}
	var same []string
	for row := range a.tokens.After(tx, 0) {
		if mine[row.Value.Digest] {
			same = append(same, row.ID)
		}
	}
	for _, id := range same {
		a.tokens.Delete(tx, id)
	}
	for _, t := range kept {
		if _, taken := a.tokens.Get(tx, t.ID); taken {
			t.ID = a.newTokenID(tx)
		}
		a.tokens.Put(tx, t.ID, t)
	}
	for row := range a.tokens.After(tx, 0) {
		_ = a.Registry.Bind(row.Value.Digest, tx.World(), row.ID) // refused if it leads elsewhere: then it is no key here
	}
}

// StoreKey puts a key into a world that is not served yet: the key leads nowhere
// before KeepKeys.
func (a *API) StoreKey(w *engine.World, k NewKey) error {
	if err := k.Check(); err != nil {
		return err
	}
	return w.Do(func(tx *engine.Tx) error {
		t, err := a.completed(tx, k)
		if err == nil {
			a.tokens.Put(tx, t.ID, t)
		}
		return err
	})
}

// KeyID is the id of a key of the workspace, given by its secret or its id.
func (a *API) KeyID(w *engine.World, key string) (id string, ok bool) {
	_ = w.Do(func(tx *engine.Tx) error {
		var t Token
		t, ok = a.keyNamed(tx, key)
		id = t.ID
		return nil
	})
	return id, ok
}

// Identify finds the workspace and the key of a token as the API does, and leaves
// no trace of it.
func (a *API) Identify(secret string) (*engine.World, Token, error) {
	if err := credible(secret); err != nil {
		return nil, Token{}, err
	}
	digest := engine.DigestOf(secret)
	w, id := a.lead(secret, digest)
	if w == nil {
		return nil, Token{}, unauthenticated("invalid_token", "The token is unknown here.")
	}
	var t Token
	err := w.Do(func(tx *engine.Tx) (err error) {
		t, err = a.valid(tx, id, digest)
		return err
	})
	t.Scopes = slices.Clone(t.Scopes)
	return w, t, err
}

// owner is the workspace of a request that was refused before its key was looked
// at.
func (a *API) owner(x *edge.Exchange) *engine.World {
	secret, _ := a.bearer(x.Request)
	if secret == "" {
		return nil
	}
	w, _ := a.Registry.Home(engine.DigestOf(secret))
	return w
}
