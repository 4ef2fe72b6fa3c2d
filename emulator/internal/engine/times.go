package engine

import (
	"math"
	"time"
)

// Instants are nanoseconds since 1970. The functions below saturate: a time or sum
// out of range becomes the nearest one in range, so that nothing far ahead wraps
// around into the past.

const (
	// LastYear is the latest year that a world's time can reach.
	LastYear = 2200
	// lastBooking is the latest year that an event can be scheduled for, the last
	// whole one that nanoseconds represent.
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

// nanoseconds returns the instant t, saturated.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(beginOfTimes):
		return math.MinInt64
	case t.After(endOfTimes):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// plus returns a+b, saturated.
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

// minus returns a-b, saturated.
func minus(a, b int64) int64 {
	if b == math.MinInt64 {
		return plus(plus(a, math.MaxInt64), 1)
	}
	return plus(a, -b)
}

// scaled returns n times f, saturated; f is positive.
func scaled(n int64, f float64) int64 {
	const most = 1 << 62 // half of the range, so that sums do not overflow
	return int64(min(max(float64(n)*f, -most), most))
}
