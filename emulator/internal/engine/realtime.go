package engine

import "time"

// This is the one file of the sandbox that follows the wall clock. Everything
// else asks a world for its time.

// wallNow is the host's time in nanoseconds since the Unix epoch.
func wallNow() int64 { return WallNow().UnixNano() }

// alarm wakes a world when its next event falls due by the wall clock, so that
// a world nobody talks to still moves.
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

// setWithin makes the alarm ring within d of the wall clock, unless it does so anyway.
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

// WallNow is the present by the wall clock, for what lives outside of all worlds,
// such as certificates.
func WallNow() time.Time { return time.Now() }

// Stopwatch is a moment of the wall clock, to tell how long something takes.
type Stopwatch struct{ at time.Time }

// StartStopwatch is the present moment.
func StartStopwatch() Stopwatch { return Stopwatch{time.Now()} }

// Elapsed is the time since w.
func (w Stopwatch) Elapsed() time.Duration { return time.Since(w.at) }
