package engine

import "slices"

// UnlockedFrom is the number of rows from which on a scan of all of them should run in
// Tx.Unlocked. Scanning fewer takes less than a tenth of a millisecond.
const UnlockedFrom = 1000

// Unlocked runs f on a copy of the world without holding the lock, for code that reads
// many rows. f gets a read-only transaction. Afterwards tx continues in the present
// state of the world, which may have changed: the caller must read again what it
// depends on. If tx has changed something already, the lock stays held.
func (tx *Tx) Unlocked(f func(copied *Tx)) {
	if tx.dirty || tx.copied {
		f(tx)
		return
	}
	w := tx.w
	copied := w.readOnly()
	tx.s = nil // it must not be read without the lock
	w.mu.Unlock()
	defer func() { // even if f panics: Do unlocks the world
		w.mu.Lock()
		w.catchUp()
		tx.s, tx.now = w.s, w.s.clock.last
	}()
	f(copied)
}

// View runs due events and then f on a copy of the world, without holding the lock.
// The transaction is read-only.
func (w *World) View(f func(tx *Tx)) {
	var copied *Tx
	_ = w.Do(func(tx *Tx) error {
		copied = tx.w.readOnly()
		return nil
	})
	f(copied)
}

// readOnly returns a read-only transaction on a copy of the world. The caller holds
// the lock. No other goroutine has a reference to the copy, so it needs no lock.
func (w *World) readOnly() *Tx {
	c := &World{
		id: w.id, schema: w.schema, chance: w.chance, s: w.s.copy(), present: w.present, gen: w.gen,
		every: w.every, resetAt: w.resetAt, closed: w.closed,
	}
	return &Tx{w: c, s: c.s, now: w.s.clock.last, copied: true}
}

// mustBeWritable panics in a read-only transaction: the change would be lost.
func (tx *Tx) mustBeWritable() {
	if tx.copied {
		panic("engine: a read-only transaction changed the world")
	}
}

// events lists the events of an agenda in the order in which they will run.
func (a agenda) events() []Event {
	out := make([]Event, 0, a.tree.Len())
	a.tree.Scan(func(e event) bool {
		out = append(out, e.public())
		return true
	})
	return slices.Clip(out)
}
