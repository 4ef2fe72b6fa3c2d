package engine

import (
	"sync/atomic"
	"time"
)

// clockView is what can be read of a world's clock without the gate. It is replaced as a
// whole when it no longer tells the time.
type clockView struct {
	clock   clock
	moves   bool // the clock tells the time, and not only its last instant
	resetAt int64
}

// publishClock makes the face tell the world's time; the gate is held. A world that is
// behind its clock shows the instant it has reached.
func (w *World) publishClock(behind bool) {
	f := clockView{clock: w.s.clock, moves: w.s.clock.moves() && !behind}
	if w.every > 0 {
		f.resetAt = w.resetAt
	}
	if f.moves {
		f.clock.last = 0 // it changes all the time
	}
	if now := w.clockView.Load(); now == nil || *now != f {
		w.clockView.Store(&f)
	}
}

// PeekTime is the world's time, which it reads without waiting for anybody and without
// running what is due.
func (w *World) PeekTime() time.Time { return w.PeekClock().Now }

// PeekClock is how the clock moves, read as Glance reads.
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

// PeekReset is when the world returns to its baseline by itself, read as Glance
// reads; the zero time if it never does.
func (w *World) PeekReset() time.Time {
	if at := w.clockView.Load().resetAt; at != 0 {
		return instant(at)
	}
	return time.Time{}
}

// IDs gives the ids of what concerns no state of a world, in the form of the ids of
// a prefix: no change of the world, and no reset, touches them.
type IDs struct {
	key uint64
	n   atomic.Uint64
}

// IDs returns a source of ids; two of the same kind give the same ones.
func (w *World) IDs(kind string) *IDs { return &IDs{key: w.chance.key(kind)} }

// NextLong is the next id, in the form of NewLongID with the prefix.
func (i *IDs) NextLong(prefix string) string { return idOf(prefix, i.key, i.n.Add(1)-1, longID) }
