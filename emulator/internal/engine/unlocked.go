package engine

import "slices"

// UnlockedFrom is the number of rows from which on looking at all of them is done
// aside: fewer take less than a tenth of a millisecond.
const UnlockedFrom = 1000

// Unlocked runs f on the world as it is now, while others go on with the world: for
// what looks at many rows. f gets a transaction that only reads. Afterwards the
// transaction goes on at the present of the world, which may be another then: what
// was read before is to be read again where that matters. A transaction that has
// changed something keeps the world to itself.
func (tx *Tx) Unlocked(f func(copied *Tx)) {
	if tx.dirty || tx.copied {
		f(tx)
		return
	}
	w := tx.w
	copied := w.readOnly()
	tx.s = nil // reading it now would be reading without the lock
	w.mu.Unlock()
	defer func() { // also if f panics: who holds the world unlocks it
		w.mu.Lock()
		w.catchUp()
		tx.s, tx.now = w.s, w.s.clock.last
	}()
	f(copied)
}

// View runs f on a copy of the world as it is now, after what has fallen due,
// without holding the world. The transaction only reads.
func (w *World) View(f func(tx *Tx)) {
	var copied *Tx
	_ = w.Do(func(tx *Tx) error {
		copied = tx.w.readOnly()
		return nil
	})
	f(copied)
}

// readOnly is a transaction on a copy of the world; the lock is held. The copy is
// a world of its own that nobody else knows, so that nothing of it needs a lock.
func (w *World) readOnly() *Tx {
	c := &World{
		id: w.id, schema: w.schema, chance: w.chance, s: w.s.copy(), present: w.present, gen: w.gen,
		every: w.every, resetAt: w.resetAt, closed: w.closed,
	}
	return &Tx{w: c, s: c.s, now: w.s.clock.last, copied: true}
}

// mustBeWritable panics in a transaction that only reads: the change would be lost.
func (tx *Tx) mustBeWritable() {
	if tx.copied {
		panic("engine: a copy of a world that is only read was changed")
	}
}

// events are those of an agenda in the order they will run.
func (a agenda) events() []Event {
	out := make([]Event, 0, a.tree.Len())
	a.tree.Scan(func(e event) bool {
		out = append(out, e.public())
		return true
	})
	return slices.Clip(out)
}
