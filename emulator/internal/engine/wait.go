package engine

import (
	"math"
	"time"
)

// RetryAfter is how many seconds a client can sleep until d of the world's time has
// passed, rounded up and at least 1. On a scaled clock that is less or more than d.
// A frozen clock does not get there by itself: then it is what is missing of the
// world's time. A world with an auto clock is taken there by the next request.
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

// maxAhead bounds how many booked events Upcoming looks at.
const maxAhead = 4096

// Upcoming is the first booked event that f accepts, of the first few thousand.
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
