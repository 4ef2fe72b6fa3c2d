package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Mode says how a world's clock moves.
type Mode string

// The modes of a clock. A world in any mode can be advanced; forward only.
const (
	// Real follows the wall clock, ahead of it by as much as it was advanced.
	Real Mode = "real"
	// Scaled runs a number of times as fast as the wall clock.
	Scaled Mode = "scaled"
	// Frozen stands still until it is advanced.
	Frozen Mode = "frozen"
	// Auto stands still too, but a client that has seen an object in a passing
	// state and reads it again is taken to the moment the state ends.
	Auto Mode = "auto"
)

// Modes lists the modes in the order they are documented.
func Modes() []Mode { return []Mode{Real, Scaled, Frozen, Auto} }

// Clock is a setting of a world's clock.
type Clock struct {
	// Mode is how the clock moves; "" means Real.
	Mode Mode
	// Now is the instant to start from; the zero time keeps the present one
	// (the wall clock's, for a new world).
	Now time.Time
	// Scale is how many world seconds pass in a wall second in mode Scaled,
	// more than 0 and at most 1,000,000; 0 means 1. Other modes ignore it.
	Scale float64
}

const maxScale = 1e6

func (c Clock) check() error {
	if c.Mode != "" && !slices.Contains(Modes(), c.Mode) {
		names := make([]string, 0, len(Modes()))
		for _, m := range Modes() {
			names = append(names, string(m))
		}
		return fmt.Errorf("clock mode %q is unknown: use one of %s", c.Mode, strings.Join(names, ", "))
	}
	if c.Scale < 0 || c.Scale > maxScale || math.IsNaN(c.Scale) {
		return fmt.Errorf("clock scale %v is out of range: use a number above 0 and at most %d", c.Scale, int(maxScale))
	}
	if !c.Now.IsZero() && (c.Now.Year() < 1970 || c.Now.Year() > LastYear) {
		return fmt.Errorf("clock time %s is out of range: use a year from 1970 to %d", c.Now.Format(time.RFC3339), LastYear)
	}
	return nil
}

// reachable refuses an instant a world cannot be advanced to.
func reachable(t time.Time) error {
	if t.Year() > LastYear {
		return fmt.Errorf("cannot advance to the year %d: the latest supported year is %d", t.Year(), LastYear)
	}
	return nil
}

// clock is a line through (wall, base): the world's time is base plus scale
// times the wall time that has passed since.
type clock struct {
	mode  Mode
	base  int64
	wall  int64
	scale float64
	// last is the world's time when it was last asked for. It stays behind what the
	// clock shows while something is due, and does not run back with the wall clock.
	last int64
	// advanced is how far the clock was moved by command; start is its first
	// instant if that was chosen, else 0. Together they tell a deliberate journey
	// past a date from mere ageing.
	advanced int64
	start    int64
}

func newClock(c Clock, wall int64) clock {
	k := clock{base: wall, wall: wall}
	k.set(c, wall)
	return k
}

// timeAt is what the clock shows by itself: at least the world's time, and never
// more than the end of time.
func (k *clock) timeAt(wall int64) int64 {
	t := k.base
	switch k.mode {
	case Real:
		t = plus(t, minus(wall, k.wall))
	case Scaled:
		t = plus(t, scaled(minus(wall, k.wall), k.scale))
	}
	return max(k.last, min(t, endOfTime))
}

// moves reports whether the clock follows the wall clock.
func (k *clock) moves() bool { return k.mode == Real || k.mode == Scaled }

// set changes the mode at the world's time, which c.Now may replace. What the
// clock shows beyond it, because the world is behind, is forgotten.
func (k *clock) set(c Clock, wall int64) {
	if k.mode != "" {
		k.base = k.last
	}
	if !c.Now.IsZero() {
		k.base = nanoseconds(c.Now)
		k.start = k.base
	}
	k.mode, k.scale, k.wall, k.last = c.Mode, c.Scale, wall, k.base
	if k.mode == "" {
		k.mode = Real
	}
	if k.scale == 0 {
		k.scale = 1
	}
}

// advance moves the world's time to the instant t, the clock with it if it does
// not show as much, and reports true if t lies ahead.
func (k *clock) advance(t, wall int64) bool {
	if t <= k.last {
		return false
	}
	if d := t - k.timeAt(wall); d > 0 {
		k.base += d
		k.advanced = plus(k.advanced, d)
	}
	k.last = t
	return true
}

// resume makes a stored clock run on from here. A real clock is the wall clock
// and an offset, so it shows the time that has passed meanwhile; any other
// continues from the instant it was stored at.
func (k *clock) resume(wall int64) {
	if k.mode != Real {
		k.base, k.wall = k.last, wall
	}
}

// wallAt is the wall instant at which a moving clock will show t; of a very slow
// one, an instant before that.
func (k *clock) wallAt(t int64) int64 {
	ahead := minus(t, k.base)
	if k.mode != Scaled {
		return plus(k.wall, ahead)
	}
	const longest = 1 << 60 // 36 years
	passed := min(scaled(ahead, 1/k.scale), longest)
	for step := int64(1); passed < longest && plus(k.base, scaled(passed, k.scale)) < t; step *= 2 {
		passed += step // rounding: an alarm that rings early would ring again at once
	}
	return plus(k.wall, passed)
}
