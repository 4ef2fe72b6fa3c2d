package credential

import (
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Add registers a key with a world. It refuses a wrong one, and one that leads to another
// world.
func (s *Store) Add(w *engine.World, g Registration) error { return s.add(w, g, true) }

// Prepare stores a key in a world that is not served yet: the key leads nowhere before
// its world takes the place of one that is.
func (s *Store) Prepare(w *engine.World, g Registration) error { return s.add(w, g, false) }

func (s *Store) add(w *engine.World, g Registration, bind bool) error {
	if s.config.CheckConfigured != nil {
		if err := s.config.CheckConfigured(g); err != nil {
			return err
		}
	}
	return w.Do(func(tx *engine.Tx) error {
		k, err := s.completed(tx, g)
		if err == nil && bind {
			err = s.config.Registry.Bind(k.Digest, w, k.ID)
		}
		if err != nil {
			return err
		}
		s.Keys.Put(tx, k.ID, k)
		return nil
	})
}

// completed returns a key as it is kept. Its id and time are the next ones of the world
// if it has none.
func (s *Store) completed(tx *engine.Tx, g Registration) (Key, error) {
	k := g.Key
	k.Digest, k.Last4 = engine.DigestOf(g.Secret), s.last4(g.Secret)
	if k.Scopes == nil {
		k.Scopes = []string{"*"}
	}
	if k.ProjectID != "" && !s.config.ProjectExists(tx, k.ProjectID) {
		return k, fmt.Errorf("the key is bound to project %q, which does not exist", k.ProjectID)
	}
	if old, taken := s.Keys.Get(tx, k.ID); taken && old.Digest != k.Digest {
		return k, fmt.Errorf("the key's id %q is that of another key; choose another, or leave it out: %w", k.ID, sandbox.ErrConflict)
	}
	if k.ID == "" {
		k.ID = s.Keys.NewID(tx, s.config.IDPrefix)
	}
	if k.CreatedAt.IsZero() {
		k.CreatedAt = tx.Now()
	}
	return k, nil
}

// rows lists the keys that a function selects.
func (s *Store) rows(tx *engine.Tx, selects func(Key) bool) (all []Key) {
	for row := range s.Keys.After(tx, 0) {
		if selects(row.Value) {
			all = append(all, row.Value)
		}
	}
	return all
}

// Drop removes the keys from a copy of a world: the configured ones, and those made by
// API, which lead to the original.
func (s *Store) Drop(w *engine.World) {
	_ = w.Do(func(tx *engine.Tx) error {
		for _, k := range s.rows(tx, func(k Key) bool { return k.CreatedBy != "" }) {
			s.Keys.Delete(tx, k.ID)
			s.minted.Delete(tx, k.ID)
		}
		return nil
	})
}

// keepConfigured gives a state that takes the place of another one the configured keys
// that it lacks, wherever it came from, and lets all its keys lead here that lead nowhere
// else.
func (s *Store) keepConfigured(gone, come *engine.Tx) {
	if gone == nil { // a fork has none of its own yet
		return
	}
	known := map[engine.Digest]bool{}
	for row := range s.Keys.After(come, 0) {
		known[row.Value.Digest] = true
	}
	for _, k := range s.rows(gone, Key.ofWorkspace) {
		if known[k.Digest] {
			continue
		}
		if s.Keys.Has(come, k.ID) {
			k.ID = s.Keys.NewID(come, s.config.IDPrefix)
		}
		s.Keys.Put(come, k.ID, k)
	}
	for row := range s.Keys.After(come, 0) {
		_ = s.config.Registry.Bind(row.Value.Digest, come.World(), row.ID) // refused if it leads elsewhere: then it is not a key of this world
	}
}
