package engine

import (
	"math"
	"time"
)

// RetryAfter returns how many seconds a client should sleep until d of the world's
// time has passed, rounded up and at least 1. A scaled clock makes that more or less
// than d. A frozen clock does not get there by itself: the result is then in seconds
// of the world's time. A world with an auto clock advances with the next request: the
// result is 1.
func (tx *Tx) RetryAfter(d time.Duration) int {
	seconds := d.Seconds()
	switch tx.s.clock.mode {
	case Auto:
		return 1
	case Scaled:
		seconds /= tx.s.clock.scale
	}
	return int(min(max(math.Ceil(seconds), 1), math.MaxInt32))
}

// maxAhead bounds how many events Upcoming reads.
const maxAhead = 4096

// Upcoming returns the first event that f accepts, among the first few thousand.
func (tx *Tx) Upcoming(f func(e Event) bool) (found Event, ok bool) {
	left := maxAhead
	tx.s.agenda.tree.Scan(func(e event) bool {
		left--
		if ok = f(e.public()); ok {
			found = e.public()
		}
		return !ok && left > 0
	})
	return found, ok
}
