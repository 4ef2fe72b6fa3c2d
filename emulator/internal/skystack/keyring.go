package skystack

import (
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// configuration is who created the keys that belong to a workspace itself and not
// to what happens in it.
const configuration = "configuration"

// DropKeys takes the keys out of a copy of a workspace: its own, and those made by
// API, which lead to the original.
func (a *API) DropKeys(w *engine.World) {
	_ = w.Do(func(tx *engine.Tx) error {
		for _, t := range a.configured(tx) {
			a.tokens.Delete(tx, t.ID)
		}
		a.dropMinted(tx)
		return nil
	})
}

// configured lists the keys that belong to the workspace itself.
func (a *API) configured(tx *engine.Tx) []Token {
	var out []Token
	for row := range a.tokens.After(tx, 0) {
		if row.Value.CreatedBy == configuration {
			out = append(out, row.Value)
		}
	}
	return out
}

// keepKeys gives a state that takes the place of another the workspace's own keys
// that it lacks, wherever it came from, and lets all its keys lead here that lead
// nowhere else.
func (a *API) keepKeys(gone, come *engine.Tx) {
	if gone == nil { // a fork has none of its own yet
		return
	}
	known := map[engine.Digest]bool{}
	for row := range a.tokens.After(come, 0) {
		known[row.Value.Digest] = true
	}
	for _, t := range a.configured(gone) {
		if known[t.Digest] {
			continue
		}
		if a.tokens.Has(come, t.ID) {
			t.ID = a.tokens.NewID(come, "tok")
		}
		a.tokens.Put(come, t.ID, t)
	}
	for row := range a.tokens.After(come, 0) {
		_ = a.Registry.Bind(row.Value.Digest, come.World(), row.ID) // refused if it leads elsewhere: then it is no key here
	}
}

// StoreKey puts a key into a world that is not served yet: the key leads nowhere
// before its world takes the place of one that is.
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

// Allows reports whether a token opens a world now, for what needs a scope.
func (a *API) Allows(w *engine.World, token, scope string) bool {
	of, t, err := a.Identify(token)
	return err == nil && of == w && (t.Scopes == nil || grants(t.Scopes, scope))
}

// owner is the workspace of a request whose key was refused or not looked at, and
// the id of the key if the workspace knows it.
func (a *API) owner(x *httpapi.RequestContext) (*engine.World, string) {
	secret, _ := a.Bearer(x.Request, "")
	if secret == "" {
		return nil, ""
	}
	digest := engine.DigestOf(secret)
	w, id := a.Registry.Home(digest)
	if w != nil {
		w.Peek(func(tx *engine.Tx) {
			if t, ok := a.tokens.Get(tx, id); !ok || t.Digest != digest { // it is of another state
				id = ""
			}
		})
	}
	return w, id
}
