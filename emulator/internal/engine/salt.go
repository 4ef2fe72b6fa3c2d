package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Salt is what the secrets of some worlds depend on besides their seed: without it
// anybody who knows the seed can compute them. It belongs to the process, and is in
// no snapshot. The zero Salt is empty, and a nil one stays so.
type Salt struct {
	set atomic.Pointer[setSalt]

	mu      sync.Mutex
	drawn   map[string]uint64 // by world and stream: the number above those drawn so far
	repeats uint64            // how often a number came that had been drawn
}

// setSalt is a salt, and whether no secret may come twice with it.
type setSalt struct {
	text string
	once bool
}

// fresh is 0 for a number of a stream that was not drawn before in this process, and
// another number each time for one that was: a world that returns to a state of before
// counts from there again. A trial shows a part of its secret, so it draws none that will
// come.
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

// Set changes the salt of secrets that are made from now on: the same seed, salt and
// history give the same ones.
func (s *Salt) Set(text string) { s.set.Store(&setSalt{text, false}) }

// SetRandom is Set of a salt that nobody has chosen, with which nothing need come again:
// a world that returns to a state of before makes other secrets from there on, so that
// going back gives nobody the secret of another.
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

// SecretRand is Rand for secrets. It depends on the world's salt too; with an empty
// one it gives what Rand does. With one, what it gave before says nothing about what
// it will give.
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

// SecretOf is a secret for a purpose, which is the same whenever it is asked for: it
// follows from seed, world and salt, and from nothing that happened.
func (tx *Tx) SecretOf(purpose string) [32]byte {
	c := tx.w.chance
	mac := hmac.New(sha256.New, []byte(c.salt.String()))
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], c.seed)
	mac.Write(seed[:])
	mac.Write([]byte(c.name + "\x00of\x00" + purpose))
	return [32]byte(mac.Sum(nil))
}
