package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Salt is mixed into the secrets of some worlds: without it, anyone who knows the seed
// can compute them. It belongs to the process, and no snapshot contains it. The zero
// Salt and a nil one are empty.
type Salt struct {
	set atomic.Pointer[setSalt]

	mu      sync.Mutex
	drawn   map[string]uint64 // by world and stream: the next number that was not drawn yet
	repeats uint64            // how often a number was drawn again
}

// setSalt is a salt, and whether each secret must be made only once with it.
type setSalt struct {
	text string
	once bool
}

// fresh returns 0 for a number of a stream that is drawn for the first time in this
// process, and a new number each time for one that was drawn before: a world that
// returns to an earlier state draws the same numbers again. A dry run shows a part of
// its secret, so it must not draw a number that will be used.
func (s *Salt) fresh(stream string, n uint64, trial bool) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if trial || n < s.drawn[stream] {
		s.repeats++
		return s.repeats
	}
	if s.drawn == nil {
		s.drawn = map[string]uint64{}
	}
	s.drawn[stream] = n + 1
	return 0
}

// Set changes the salt of secrets that are made from now on. The same seed, salt and
// history give the same secrets.
func (s *Salt) Set(text string) { s.set.Store(&setSalt{text, false}) }

// SetRandom is Set for a salt that was not configured. A world that returns to an
// earlier state then makes other secrets, so that a restore cannot reveal the secret
// of another client.
func (s *Salt) SetRandom(text string) { s.set.Store(&setSalt{text, true}) }

// String returns the salt; "" if it is empty.
func (s *Salt) String() string { return s.get().text }

func (s *Salt) get() setSalt {
	if s == nil {
		return setSalt{}
	}
	if set := s.set.Load(); set != nil {
		return *set
	}
	return setSalt{}
}

// SecretRand is Rand for secrets. It depends on the salt of the world too. Without a
// salt it equals Rand; with one, earlier output does not reveal later output.
func (tx *Tx) SecretRand(stream string) *rand.Rand {
	c := tx.w.chance
	salt := c.salt.get()
	if salt.text == "" {
		return tx.Rand(stream)
	}
	mac := hmac.New(sha256.New, []byte(salt.text))
	var numbers [24]byte
	binary.LittleEndian.PutUint64(numbers[:8], c.seed)
	n := tx.Count("rand/" + stream)
	binary.LittleEndian.PutUint64(numbers[8:16], n)
	if salt.once {
		binary.LittleEndian.PutUint64(numbers[16:], c.salt.fresh(c.name+"\x00"+stream, n, tx.Trial()))
	}
	mac.Write(numbers[:])
	mac.Write([]byte(c.name + "\x00" + stream))
	return rand.New(rand.NewChaCha8([32]byte(mac.Sum(nil))))
}

// SecretOf returns the secret of a purpose. It is a function of seed, world and salt,
// and is always the same.
func (tx *Tx) SecretOf(purpose string) [32]byte {
	c := tx.w.chance
	mac := hmac.New(sha256.New, []byte(c.salt.String()))
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], c.seed)
	mac.Write(seed[:])
	mac.Write([]byte(c.name + "\x00of\x00" + purpose))
	return [32]byte(mac.Sum(nil))
}
