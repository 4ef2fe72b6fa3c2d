package credential

import (
	"crypto/subtle"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// LeadsHere reports whether a key leads to the transaction's world: a copy knows the
// keys of its original too.
func (s *Store) LeadsHere(tx *engine.Tx, k Key) bool {
	w, _ := s.config.Registry.Lookup(k.Digest)
	return w == tx.World()
}

// Find returns the key with an id, if it leads to the transaction's world.
func (s *Store) Find(tx *engine.Tx, id string) (k Key, ok bool) {
	k, ok = s.Keys.Get(tx, id)
	return k, ok && s.LeadsHere(tx, k)
}

// FindNamed returns the key that leads to the transaction's world, given by its secret or
// its id.
func (s *Store) FindNamed(tx *engine.Tx, name string) (Key, bool) {
	digest := engine.DigestOf(name)
	for row := range s.Keys.After(tx, 0) {
		if row.Value.Digest == digest {
			return row.Value, s.LeadsHere(tx, row.Value)
		}
	}
	return s.Find(tx, name)
}

// List returns the keys that lead to the transaction's world, oldest first.
func (s *Store) List(tx *engine.Tx) (all []Key) {
	for row := range s.Keys.After(tx, 0) {
		if s.LeadsHere(tx, row.Value) {
			all = append(all, row.Value)
		}
	}
	return all
}

// someIDs lists the ids of some keys, to choose from.
func (s *Store) someIDs(tx *engine.Tx) string {
	const most = 8
	var ids []string
	for _, k := range s.List(tx) {
		ids = append(ids, k.ID)
	}
	if len(ids) > most {
		ids = append(ids[:most], "…")
	}
	return strings.Join(ids, ", ")
}

// Public lists the keys that lead to a world, oldest first, with masked secrets.
func (s *Store) Public(w *engine.World) []sandbox.Key {
	out := []sandbox.Key{}
	_ = w.Do(func(tx *engine.Tx) error {
		for _, k := range s.List(tx) {
			out = append(out, s.public(k, w.ID()))
		}
		return nil
	})
	return out
}

// ID returns the id of a key of a world, given by its secret or its id.
func (s *Store) ID(w *engine.World, key string) (id string, ok bool) {
	_ = w.Do(func(tx *engine.Tx) error {
		var k Key
		k, ok = s.FindNamed(tx, key)
		id = k.ID
		return nil
	})
	return id, ok
}

// World returns the world that a secret leads to, and the id of its key there; nil if it
// leads nowhere. An unknown secret gets a workspace, if such secrets are adopted.
func (s *Store) World(secret string, digest engine.Digest) (*engine.World, string) {
	w, id := s.config.Registry.Lookup(digest)
	if w == nil && s.config.AddWorkspaceFor != nil && s.config.AddWorkspaceFor(secret) == nil {
		w, id = s.config.Registry.Lookup(digest)
	}
	return w, id
}

// Owner returns the world that a digest leads to, without a look at whether its key may
// be used, and the id of the key; "" if the present state has no such key.
func (s *Store) Owner(digest engine.Digest) (*engine.World, string) {
	w, id := s.config.Registry.Lookup(digest)
	if w != nil {
		w.Peek(func(tx *engine.Tx) {
			if k, ok := s.Keys.Get(tx, id); !ok || k.Digest != digest { // it is of another state
				id = ""
			}
		})
	}
	return w, id
}

// Valid returns the key with an id, unless its digest is another one or it cannot be used
// now: then the error is that of Config.Refuse.
func (s *Store) Valid(tx *engine.Tx, id string, digest engine.Digest) (Key, error) {
	k, ok := s.Keys.Get(tx, id)
	if !ok || subtle.ConstantTimeCompare(k.Digest[:], digest[:]) != 1 || !s.LeadsHere(tx, k) && !tx.Closed() {
		return k, s.config.Refuse(Key{}, Unknown)
	}
	return k, s.usable(tx, k)
}

// usable returns the error for a key that cannot be used now (S38).
func (s *Store) usable(tx *engine.Tx, k Key) error {
	if status := k.Status(tx.Now()); status != Active {
		return s.config.Refuse(k, status)
	}
	return nil
}

func (s *Store) checkSecret(secret string) error {
	if s.config.CheckSecret == nil {
		return nil
	}
	return s.config.CheckSecret(secret)
}

// Identify finds the world and the key of a secret as the API does, and leaves no trace
// of it.
func (s *Store) Identify(secret string) (*engine.World, Key, error) {
	if err := s.checkSecret(secret); err != nil {
		return nil, Key{}, err
	}
	digest := engine.DigestOf(secret)
	w, id := s.World(secret, digest)
	if w == nil {
		return nil, Key{}, s.config.Refuse(Key{}, Unknown)
	}
	var k Key
	err := w.Do(func(tx *engine.Tx) (err error) {
		k, err = s.Valid(tx, id, digest)
		return err
	})
	k.Scopes = slices.Clone(k.Scopes)
	return w, k, err
}

// Allows reports whether a secret opens a world now, for an operation that needs a scope.
func (s *Store) Allows(w *engine.World, secret, scope string) bool {
	of, k, err := s.Identify(secret)
	return err == nil && of == w && (k.Scopes == nil || Grants(k.Scopes, scope))
}
