package engine

import "time"

// This is the only file of the sandbox that reads the wall clock. All other code
// uses the time of a world.

// wallNow returns the host's time in nanoseconds since the Unix epoch.
func wallNow() int64 { return WallNow().UnixNano() }

// alarm wakes a world when its next event falls due by the wall clock, so that a world
// without requests moves too.
type alarm struct {
	timer *time.Timer
	at    int64 // wall nanoseconds the timer is set to; 0 when it is not set
}

func (a *alarm) set(at int64, ring func()) {
	if a.at == at {
		return
	}
	a.at = at
	wait := time.Duration(at - wallNow())
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, ring)
		return
	}
	a.timer.Reset(wait)
}

// setWithin makes the alarm fire within d of the wall clock; an earlier setting stays.
func (a *alarm) setWithin(d time.Duration, ring func()) {
	if at := wallNow() + int64(d); a.at == 0 || a.at > at {
		a.set(at, ring)
	}
}

func (a *alarm) clear() {
	if a.at == 0 {
		return
	}
	a.at = 0
	a.timer.Stop()
}

// WallNow returns the wall clock's time, for data outside of all worlds, such as
// certificates.
func WallNow() time.Time { return time.Now() }

// Stopwatch measures elapsed wall time.
type Stopwatch struct{ at time.Time }

// StartStopwatch starts a stopwatch.
func StartStopwatch() Stopwatch { return Stopwatch{time.Now()} }

// Elapsed returns the time since the start.
func (w Stopwatch) Elapsed() time.Duration { return time.Since(w.at) }
