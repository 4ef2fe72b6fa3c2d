package engine

// Try runs f on a copy of the world as it is now, after what has fallen due, and
// forgets the copy: nothing of what f does has happened, no id is used up, and
// nothing is sent. It does not hold the world while f runs.
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

// Trial reports whether the transaction is one of Try: what it changes outside of
// the world would stay.
func (tx *Tx) Trial() bool { return tx.w.copyOf != nil }
