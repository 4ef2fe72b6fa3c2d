package limit

import (
	"slices"
	"time"
)

// Usage is what one key has used. The zero Usage has used nothing. It is not
// safe for concurrent use, and a plain copy shares memory with its original:
// use [Usage.Clone].
//
// Only admitted requests count, so rejected ones cost a caller nothing. Requests
// outside of the present window are dropped: a change from fixed windows to the
// sliding log starts with the requests of the present window.
//
// When the clock is set back, the minute drops the requests of the undone time. The
// day keeps its count over a step of up to a minute. After a longer step it restarts,
// because it is unknown how much of the count was undone.
type Usage struct {
	ring  []hit     // a ring buffer
	head  int       // index of the oldest hit
	size  int       // number of hits, from head on
	total int       // requests in these hits
	today int       // requests of the UTC day of last
	last  time.Time // the instant of the last request counted in today; zero if none
}

// hit is n requests admitted at one instant. Under a frozen clock many share
// an instant, and all of them together cost one hit.
type hit struct {
	At time.Time `json:"at"`
	N  int       `json:"n"`
}

// Refill resets the usage of every limit to 0.
func (u *Usage) Refill() {
	*u = Usage{ring: u.ring}
}

// Clone is a copy that shares nothing with u.
func (u Usage) Clone() Usage {
	u.ring = slices.Clone(u.ring)
	return u
}

// at is the i-th hit of the ring, the oldest being 0.
func (u *Usage) at(i int) *hit {
	return &u.ring[(u.head+i)%len(u.ring)]
}

// forget drops requests that no longer count at now, and those after now because the
// clock was set back.
func (u *Usage) forget(now time.Time, fixed bool) {
	start := now.Truncate(minute)
	if !fixed {
		// A request exactly 60 s old no longer counts.
		start = now.Add(-minute + 1)
	}
	for u.size > 0 && u.at(0).At.Before(start) {
		u.total -= u.at(0).N
		u.head = (u.head + 1) % len(u.ring)
		u.size--
	}
	for u.size > 0 && u.at(u.size-1).At.After(now) {
		u.total -= u.at(u.size - 1).N
		u.size--
	}
	if u.today > 0 && (!u.last.Truncate(day).Equal(now.Truncate(day)) || u.last.Sub(now) > minute) {
		u.today, u.last = 0, time.Time{}
	}
}

// addMinute counts n requests at now under the given limit.
func (u *Usage) addMinute(now time.Time, n, limit int) {
	if n <= 0 {
		return
	}
	u.total += n
	if u.size > 0 && u.at(u.size-1).At.Equal(now) {
		u.at(u.size - 1).N += n
		return
	}
	if u.size == len(u.ring) {
		u.grow(limit)
	}
	*u.at(u.size) = hit{At: now, N: n}
	u.size++
}

// grow makes room for at least one more hit, and for no more than limit: there
// are never more hits than admitted requests.
func (u *Usage) grow(limit int) {
	ring := make([]hit, max(min(max(2*u.size, 8), limit), u.size+1))
	for i := range u.size {
		ring[i] = *u.at(i)
	}
	u.ring, u.head = ring, 0
}

// addDay counts n requests at now.
func (u *Usage) addDay(now time.Time, n int) {
	if n <= 0 {
		return
	}
	u.today += n
	u.last = now
}

// minuteReset is the instant at which the minute frees its next unit: when the
// oldest request leaves the window or, above a lowered limit, when so many have
// left that one is admitted again.
func (u *Usage) minuteReset(now time.Time, limit int, fixed bool) time.Time {
	if fixed {
		return now.Truncate(minute).Add(minute)
	}
	if limit == 0 || u.size == 0 {
		return now.Add(minute)
	}
	i := 0
	for gone := u.at(0).N; gone <= u.total-limit; gone += u.at(i).N {
		i++
	}
	return u.at(i).At.Add(minute)
}
