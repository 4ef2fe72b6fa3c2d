package engine

import "errors"

// Of reports whether the snapshot is of worlds of the schema.
func (p *Snapshot) Of(schema *Schema) bool { return p.schema == schema }

// RestoreWith is Restore and a change of what was restored, in one step that
// nobody can see the middle of. When f fails, the world stays as it was.
func (w *World) RestoreWith(p *Snapshot, f func(tx *Tx) error) error {
	if p.schema != w.schema {
		return errors.New("the snapshot is of another emulator: save it there and load it here")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	before := w.s
	w.restore(p)
	if err := f(&Tx{w: w, s: w.s, now: w.s.clock.now(wallNow())}); err != nil {
		w.s = before
		return err
	}
	return nil
}
