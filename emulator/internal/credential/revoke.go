package credential

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Revoke ends a key at once, and returns it revoked (S34).
func (s *Store) Revoke(tx *engine.Tx, k Key) Key {
	k.RevokedAt = tx.Now()
	s.Keys.Put(tx, k.ID, k)
	s.ended(tx, k.ID)
	return k
}

// RevokeAfter ends a key after an overlap, unless its end is nearer already. Then
// Config.OverlapEnded is called.
func (s *Store) RevokeAfter(tx *engine.Tx, k Key, overlap time.Duration) {
	if at := tx.Now().Add(overlap); k.RevokedAt.IsZero() || at.Before(k.RevokedAt) {
		k.RevokedAt = at
		s.Keys.Put(tx, k.ID, k)
		tx.After(overlap, s.endOverlap, k.ID)
	}
}

// BoundTo lists the keys bound to a project that no revocation ends, without the
// configured ones. They are to be revoked with the project: another project of its id, as
// one that is imported, is not theirs.
func (s *Store) BoundTo(tx *engine.Tx, project string) []Key {
	return s.rows(tx, func(k Key) bool { return k.ProjectID == project && k.RevokedAt.IsZero() && !k.ofWorkspace() })
}

// ended removes a key made by API from the count, and schedules that it is forgotten.
func (s *Store) ended(tx *engine.Tx, id string) {
	if s.minted.Delete(tx, id) {
		tx.After(s.config.Memory, s.forget, id)
	}
}

// overlapEnded is the step that ends a key after an overlap. It does nothing if the end
// was moved since.
func (s *Store) overlapEnded(tx *engine.Tx, id string) {
	k, ok := s.Keys.Get(tx, id)
	if !ok || !k.RevokedAt.Equal(tx.Now()) {
		return
	}
	s.ended(tx, id)
	if s.config.OverlapEnded != nil {
		before := k
		before.RevokedAt = time.Time{} // it may have expired in the overlap
		s.config.OverlapEnded(tx, k, before.Status(tx.Now()))
	}
}

// expired is the step at the expiry of a key, from which on it cannot be used.
func (s *Store) expired(tx *engine.Tx, id string) {
	if s.Keys.Has(tx, id) {
		s.ended(tx, id)
	}
}

// forgotten is the step that removes a key that cannot be used any more.
func (s *Store) forgotten(tx *engine.Tx, id string) {
	if k, ok := s.Keys.Get(tx, id); ok && k.Status(tx.Now()) != Active {
		s.Keys.Delete(tx, id)
		s.ledgers.Delete(tx, id)
	}
}
