package engine

import (
	"strconv"
	"time"
)

// Origin says how a generation began.
type Origin int

// The origins of a generation.
const (
	Started     Origin = iota // with the world
	WasReset                  // with a reset
	WasRestored               // with a saved state: a restore, an import or a fork
)

// Generation is the time from one start, restore or reset of a world to the next.
// Within a generation the history of the world only grows. A reader that resumes after
// a position in a table compares generations to learn whether the position belongs to
// the present table.
type Generation struct {
	// ID distinguishes the generations of all worlds, also those of a world that is
	// started again under the same id. It depends on the seed, the id of the world,
	// the instant of its start and its earlier generations. It is never 0.
	ID uint32
	// Origin is how it began, and At the world's time then.
	Origin Origin
	At     time.Time

	n uint64 // counts the generations of the world
}

// begin starts a generation now. The caller holds the lock.
func (w *World) begin(o Origin) {
	w.beginAt(o, w.s.clock.timeAt(w.wall()))
}

func (w *World) beginAt(o Origin, at int64) {
	n := w.gen.n + 1
	key := w.chance.key("generation/" + strconv.FormatUint(uint64(w.gen.ID), 16) + "/" + strconv.FormatUint(n, 10))
	id := uint32(mix(key+uint64(at)) >> 32)
	w.gen = Generation{ID: max(id, 1), Origin: o, At: instant(at), n: n}
}

// Generation returns the present generation.
func (tx *Tx) Generation() Generation { return tx.w.gen }
