package engine

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// chance makes ids and random streams. Its output depends on its seed, its name and
// the number of earlier calls for the same stream alone.
type chance struct {
	seed uint64
	name string
	salt *Salt // only SecretRand uses it
}

// key returns the 64-bit key of a named stream.
func (c chance) key(stream string) uint64 {
	h := fnv.New64a()
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], c.seed)
	h.Write(seed[:])
	h.Write([]byte(c.name))
	h.Write([]byte{0})
	h.Write([]byte(stream))
	return mix(h.Sum64())
}

// idKind is what a world needs to make the ids of one prefix.
type idKind struct {
	numbered, drawn string // names of the counters
	key             uint64
}

// numbered is the prefix of the counter names of ids that are numbers.
const numbered = "number/"

// idKind caches the idKind of a prefix, because every request has an id.
func (w *World) idKind(prefix string) idKind {
	kind, ok := w.kinds[prefix]
	if !ok {
		kind = idKind{numbered: numbered + prefix, drawn: "id/" + prefix, key: w.chance.key(prefix)}
		if w.kinds == nil {
			w.kinds = map[string]idKind{}
		}
		w.kinds[prefix] = kind
	}
	return kind
}

// sequenceDigits is the least number of digits in the part of an id that counts.
const sequenceDigits = 5

// shortID and longID are the numbers of digits of the two sorts of ids.
const (
	shortID = 11
	longID  = 24
)

// idOf returns the n-th id with the prefix. It begins with n, so that the ids of a
// world never repeat and sort in the order in which they were made. Digits drawn from
// the seed follow, so that ids of two worlds hardly ever collide.
func idOf(prefix string, key, n uint64, digits int) string {
	out := make([]byte, 0, 32)
	out = append(append(out, prefix...), '_')
	var sequence [11]byte
	at := len(sequence)
	for rest := n; rest > 0 || len(sequence)-at < sequenceDigits; rest /= 62 {
		at--
		sequence[at] = base62[rest%62]
	}
	out = append(out, sequence[at:]...)
	for word := uint64(0); digits > sequenceDigits; word++ {
		bits := mix(n + key + word*0xd1342543de82ef95)
		for range min(digits-sequenceDigits, 10) {
			out = append(out, base62[bits%62])
			bits /= 62
			digits--
		}
	}
	return string(out)
}

func (c chance) rand(stream string, n uint64) *rand.Rand {
	key := c.key(stream)
	return rand.New(rand.NewPCG(key, mix(key+n)))
}

// mix is the finalizer of SplitMix64: a bijection on 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Noise is a source of random bits that are addressed by number. Its output depends on
// the seed, its name and the number alone, not on the world or on earlier calls.
type Noise struct{ key uint64 }

// Noise returns the source of the name.
func (w *World) Noise(name string) Noise { return Noise{chance{seed: w.chance.seed}.key(name)} }

// At returns 64 bits for a number.
func (n Noise) At(i int64) uint64 { return mix(n.key + uint64(i)) }

// secret derives 32 bytes for keyed hashes (cursors) from the seed. It protects
// against mistakes, not against a client that knows the seed.
func (c chance) secret(purpose string) [32]byte {
	var out [32]byte
	key := c.key(purpose)
	for i := range 4 {
		binary.LittleEndian.PutUint64(out[i*8:], mix(key+uint64(i)))
	}
	return out
}

// WillIssueID reports whether NewID or NewLongID will return the id in the future.
func (tx *Tx) WillIssueID(prefix, id string) bool {
	kind := tx.w.idKind(prefix)
	tail, ok := strings.CutPrefix(id, prefix+"_")
	if !ok {
		return false
	}
	if next, counted := tx.s.counters.Get(kind.numbered); counted {
		n, err := strconv.ParseUint(tail, 10, 64)
		return err == nil && n >= next && strconv.FormatUint(n, 10) == tail
	}
	for _, digits := range []int{shortID, longID} {
		if cut := len(tail) - (digits - sequenceDigits); cut >= sequenceDigits && cut <= 10 {
			n := uint64(0)
			for _, c := range []byte(tail[:cut]) {
				n = n*62 + uint64(max(0, strings.IndexByte(base62, c)))
			}
			if n >= tx.Peek(kind.drawn) && idOf(prefix, kind.key, n, digits) == id {
				return true
			}
		}
	}
	return false
}
