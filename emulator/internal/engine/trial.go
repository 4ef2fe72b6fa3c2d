package engine

// Try runs due events and then f on a copy of the world, and drops the copy. f changes
// nothing in the world, uses up no id, and starts no task. The world is not locked
// while f runs.
func (w *World) Try(f func(tx *Tx) error) error {
	var copied *World
	_ = w.Do(func(*Tx) error {
		copied = w.readOnly().w
		copied.copyOf, copied.budget, copied.every = w, w.budget, 0
		return nil
	})
	tx := Tx{w: copied, s: copied.s, now: copied.s.clock.last}
	err := f(&tx)
	tx.s = nil
	return err
}

// Trial reports whether the transaction belongs to Try. f must not change anything
// outside of the world then.
func (tx *Tx) Trial() bool { return tx.w.copyOf != nil }
