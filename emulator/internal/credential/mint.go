package credential

import (
	"math/rand/v2"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/secret"
)

// MaxMinted bounds the keys of a workspace that were made by API and can be used.
const MaxMinted = 1000

// Mint makes a key on behalf of the key with the id by, and returns its secret. It expires
// no later than that key (S26). The secret follows from the seed and the salt: with the
// same of both the same requests give the same bytes, in this workspace and in no other.
func (s *Store) Mint(tx *engine.Tx, by string, k Key) (made Key, plain string) {
	return s.Issue(tx, by, k, func(random *rand.Rand) string {
		digits := [secret.Chars]byte{}
		for i := range digits {
			digits[i] = byte(random.IntN(62))
		}
		return secret.Complete(s.config.SecretPrefix, digits)
	})
}

// Issue is Mint with secrets in the form of the API, which draw makes of random numbers.
func (s *Store) Issue(tx *engine.Tx, by string, k Key, draw func(random *rand.Rand) string) (made Key, plain string) {
	k.ExpiresAt = sooner(k.ExpiresAt, s.EndOf(tx, by))
	k.ID, k.CreatedAt, k.CreatedBy = s.Keys.NewID(tx, s.config.IDPrefix), tx.Now(), by
	for {
		plain = draw(tx.SecretRand(s.config.Prefix + "token"))
		k.Digest, k.Last4 = engine.DigestOf(plain), s.last4(plain)
		if s.bind(tx, k) { // else another workspace with the same seed and id made it before
			break
		}
	}
	s.Keys.Put(tx, k.ID, k)
	s.minted.Put(tx, k.ID, minted{})
	if k.ExpiresAt.Year() < engine.LastYear && !k.ExpiresAt.IsZero() {
		tx.After(k.ExpiresAt.Sub(tx.Now()), s.expire, k.ID)
	}
	return k, plain
}

// bind makes a key lead to the transaction's world, unless it leads to another one. A
// trial only looks.
func (s *Store) bind(tx *engine.Tx, k Key) bool {
	if tx.Trial() {
		w, _ := s.config.Registry.Lookup(k.Digest)
		return w == nil || w == tx.World()
	}
	return s.config.Registry.Bind(k.Digest, tx.World(), k.ID) == nil
}

// Rotate makes the key that takes the place of an active one, on behalf of the key with
// the id by, and returns its secret. With a zero expiry it lives as long as the old key
// was given to live. The old key can be used until it is revoked (S33).
func (s *Store) Rotate(tx *engine.Tx, by string, old Key, expires time.Time) (next Key, plain string) {
	next = old
	next.RotatedFrom, next.ReplacedBy, next.RevokedAt, next.ExpiresAt = old.ID, "", time.Time{}, expires
	if expires.IsZero() && !old.ExpiresAt.IsZero() {
		next.ExpiresAt = tx.Now().Add(max(old.ExpiresAt.Sub(old.CreatedAt), time.Second)).Truncate(time.Second)
	}
	next, plain = s.Mint(tx, by, next)
	old.ReplacedBy = next.ID
	s.Keys.Put(tx, old.ID, old)
	return next, plain
}

// EndOf returns when the key with an id expires; the zero time is never.
func (s *Store) EndOf(tx *engine.Tx, id string) time.Time {
	k, _ := s.Keys.Get(tx, id)
	return k.ExpiresAt
}

// Full reports whether the workspace has as many keys as MaxMinted allows.
func (s *Store) Full(tx *engine.Tx) bool {
	return s.minted.Len(tx) >= MaxMinted && s.CountMinted(tx) >= MaxMinted
}

// CountMinted counts the keys made by API that can be used here. Those of another
// workspace, which came with a state of it, do not count.
func (s *Store) CountMinted(tx *engine.Tx) (n int) {
	for row := range s.minted.After(tx, 0) {
		if _, ok := s.Find(tx, row.ID); ok {
			n++
		}
	}
	return n
}
