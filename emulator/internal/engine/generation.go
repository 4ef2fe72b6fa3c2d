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
	WasRestored               // with a state that was kept elsewhere: a restore, an import or a fork
)

// Generation is the time from one start, restore or reset of a world to the next.
// Within one the history of the world only grows. Whoever reads on after a position
// in a table knows by it that the table is the one where the position was taken.
type Generation struct {
	// ID tells the generations of all worlds apart, also those of a world that is
	// started again under the same name. It depends on the seed, the world's id, the
	// instant it was started at and what happened to it since. It is never 0.
	ID uint32
	// Origin is how it began, and At the world's time then.
	Origin Origin
	At     time.Time

	n uint64 // counts the generations of the world
}

// begin begins a generation with the present; the lock is held.
func (w *World) begin(o Origin) {
	w.beginAt(o, w.s.clock.timeAt(w.wall()))
}

func (w *World) beginAt(o Origin, at int64) {
	n := w.gen.n + 1
	key := w.chance.key("generation/" + strconv.FormatUint(uint64(w.gen.ID), 16) + "/" + strconv.FormatUint(n, 10))
	id := uint32(mix(key+uint64(at)) >> 32)
	w.gen = Generation{ID: max(id, 1), Origin: o, At: instant(at), n: n}
}

// Generation is the present one.
func (tx *Tx) Generation() Generation { return tx.w.gen }
