package engine

import (
	"math"
	"time"
)

// Instants are nanoseconds since 1970. Those that come from outside, and sums
// with durations that do, are made here: what no number of nanoseconds can say
// becomes the nearest one that can, so that nothing far ahead turns out past.

const (
	// LastYear is the last year of the time of a world.
	LastYear = 2200
	// lastBooking is the last year that something can be booked for, which is the
	// last whole one that nanoseconds reach.
	lastBooking = 2261
)

//nolint:gochecknoglobals // constants that Go cannot express as such
var (
	endOfTime    = time.Date(LastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano() - 1
	endOfAgenda  = time.Date(lastBooking+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano() - 1
	beginOfTimes = time.Unix(0, math.MinInt64)
	endOfTimes   = time.Unix(0, math.MaxInt64)
)

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// nanoseconds is the instant t, or the nearest that nanoseconds can say.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(beginOfTimes):
		return math.MinInt64
	case t.After(endOfTimes):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// plus is a+b, or the nearest number there is.
func plus(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

// minus is a-b, or the nearest number there is.
func minus(a, b int64) int64 {
	if b == math.MinInt64 {
		return plus(plus(a, math.MaxInt64), 1)
	}
	return plus(a, -b)
}

// scaled is n times f, or the nearest number there is; f is positive.
func scaled(n int64, f float64) int64 {
	const most = 1 << 62 // half of what there is, so that sums of it have room
	return int64(min(max(float64(n)*f, -most), most))
}
