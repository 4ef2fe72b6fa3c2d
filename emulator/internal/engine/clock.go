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
	// Frozen does not move until it is advanced.
	Frozen Mode = "frozen"
	// Auto does not move by itself either. A client that has seen an object in a
	// transitional state and reads it again advances the clock to the end of that
	// state.
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

// reachable returns an error for an instant that a world cannot be advanced to.
func reachable(t time.Time) error {
	if t.Year() > LastYear {
		return fmt.Errorf("cannot advance to the year %d: the latest supported year is %d", t.Year(), LastYear)
	}
	return nil
}

// clock maps wall time to world time: base plus scale times the wall time that has
// passed since wall.
type clock struct {
	mode  Mode
	base  int64
	wall  int64
	scale float64
	// last is the world's time at its latest reading. It stays behind what the clock
	// shows while events are due, and does not go back with the wall clock.
	last int64
	// advanced is how far the clock was moved by command; start is its first instant
	// if that was chosen, else 0. AdvancedPast uses both.
	advanced int64
	start    int64
}

func newClock(c Clock, wall int64) clock {
	k := clock{base: wall, wall: wall}
	k.set(c, wall)
	return k
}

// timeAt returns what the clock shows at a wall time: at least last, and never more
// than endOfTime.
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

// set changes the mode at the world's time, which c.Now may replace. If the world is
// behind its clock, the difference is dropped.
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

// advance moves the world's time to the instant t, and the clock with it if the clock
// shows less. It reports whether t lies ahead.
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

// resume continues a stored clock at a wall time. A real clock is an offset from the
// wall clock, so it shows the time that has passed since it was stored; any other
// continues from its stored instant.
func (k *clock) resume(wall int64) {
	if k.mode != Real {
		k.base, k.wall = k.last, wall
	}
}

// wallAt returns the wall time at which a moving clock will show t; for a very slow
// clock, an earlier one.
func (k *clock) wallAt(t int64) int64 {
	ahead := minus(t, k.base)
	if k.mode != Scaled {
		return plus(k.wall, ahead)
	}
	const longest = 1 << 60 // 36 years
	passed := min(scaled(ahead, 1/k.scale), longest)
	for step := int64(1); passed < longest && plus(k.base, scaled(passed, k.scale)) < t; step *= 2 {
		passed += step // rounding: an early alarm would fire again at once
	}
	return plus(k.wall, passed)
}
