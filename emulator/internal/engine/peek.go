package engine

import (
	"sync/atomic"
	"time"
)

// clockView is a copy of a world's clock that can be read without the lock.
// publishClock replaces it as a whole.
type clockView struct {
	clock   clock
	moves   bool // time follows the clock; otherwise it is the last instant of the clock
	resetAt int64
}

// publishClock updates the clockView. The caller holds the lock. A world that is
// behind its clock shows the instant it has reached.
func (w *World) publishClock(behind bool) {
	f := clockView{clock: w.s.clock, moves: w.s.clock.moves() && !behind}
	if w.every > 0 {
		f.resetAt = w.resetAt
	}
	if f.moves {
		f.clock.last = 0 // it changes with every reading
	}
	if now := w.clockView.Load(); now == nil || *now != f {
		w.clockView.Store(&f)
	}
}

// PeekTime returns the world's time without the lock and without running due events.
func (w *World) PeekTime() time.Time { return w.PeekClock().Now }

// PeekClock returns the setting of the clock and its time, read as PeekTime does.
func (w *World) PeekClock() Clock {
	f := w.clockView.Load()
	c := Clock{Mode: f.clock.mode, Now: instant(f.clock.last)}
	if f.moves {
		c.Now = instant(f.clock.timeAt(wallNow()))
	}
	if c.Mode == Scaled {
		c.Scale = f.clock.scale
	}
	return c
}

// PeekReset returns the time of the next periodic reset, read as PeekTime does; the
// zero time if there is none.
func (w *World) PeekReset() time.Time {
	if at := w.clockView.Load().resetAt; at != 0 {
		return instant(at)
	}
	return time.Time{}
}

// IDs makes ids that belong to no state of a world, in the form of the ids of a
// prefix. Making one changes no world, and a reset does not restart them.
type IDs struct {
	key uint64
	n   atomic.Uint64
}

// IDs returns a source of ids. Two sources of the same kind give the same ids.
func (w *World) IDs(kind string) *IDs { return &IDs{key: w.chance.key(kind)} }

// NextLong returns the next id, in the form of NewLongID.
func (i *IDs) NextLong(prefix string) string { return idOf(prefix, i.key, i.n.Add(1)-1, longID) }
