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
	if !c.Now.IsZero() && (c.Now.Year() < 1970 || c.Now.Year() > 2200) {
		return fmt.Errorf("clock time %s is out of range: use a year from 1970 to 2200", c.Now.Format(time.RFC3339))
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
	// last keeps time from running back when the wall clock is set back.
	last int64
	// travelled is how far the clock was moved by command; explicit says its
	// first instant was chosen. Together they tell a deliberate journey past a
	// date from mere ageing.
	travelled int64
	explicit  bool
}

func newClock(c Clock, wall int64) clock {
	k := clock{base: wall, wall: wall}
	k.set(c, wall)
	return k
}

func (k *clock) now(wall int64) int64 {
	t := k.base
	switch k.mode {
	case Real:
		t += wall - k.wall
	case Scaled:
		t += int64(float64(wall-k.wall) * k.scale)
	}
	k.last = max(k.last, t)
	return k.last
}

// moves reports whether the clock follows the wall clock.
func (k *clock) moves() bool { return k.mode == Real || k.mode == Scaled }

// set changes the mode at the present instant, which c.Now may replace.
func (k *clock) set(c Clock, wall int64) {
	if k.mode != "" {
		k.base = k.now(wall)
	}
	if !c.Now.IsZero() {
		k.base, k.explicit = c.Now.UnixNano(), true
	}
	k.mode, k.scale, k.wall, k.last = c.Mode, c.Scale, wall, k.base
	if k.mode == "" {
		k.mode = Real
	}
	if k.scale == 0 {
		k.scale = 1
	}
}

// advance moves the clock to the instant t if that lies ahead.
func (k *clock) advance(t, wall int64) {
	if d := t - k.now(wall); d > 0 {
		k.base += d
		k.last += d
		k.travelled += d
	}
}

// resume makes a stored clock run on from here. A real clock is the wall clock
// and an offset, so it shows the time that has passed meanwhile; any other
// continues from the instant it was stored at.
func (k *clock) resume(wall int64) {
	if k.mode != Real {
		k.base, k.wall = k.last, wall
	}
}

// wallAt is the wall instant at which a moving clock will show t.
func (k *clock) wallAt(t int64) int64 {
	if k.mode == Scaled {
		return k.wall + int64(math.Ceil(float64(t-k.base)/k.scale))
	}
	return k.wall + t - k.base
}

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }
