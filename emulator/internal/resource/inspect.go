package resource

import "skystack.dev/sandbox/emulator/internal/engine"

// Inspect returns a part of a table for an operator: at most so many objects after a place,
// oldest first, and the place where the next part begins; "" is the beginning, and the end.
// It refuses a place of another state. It is not a read of a client, and holds no lock while
// it converts rows.
func Inspect[T, B any](w *engine.World, t *engine.Table[T], after string, most int, keep func(*T) bool, convert func(*engine.Tx, *T) B) (out []B, next string, err error) {
	w.View(func(tx *engine.Tx) {
		var rows []engine.Row[T]
		rows, next, err = engine.Page(t, tx, after, most, keep)
		for n := range rows {
			out = append(out, convert(tx, &rows[n].Value))
		}
	})
	return out, next, err
}
