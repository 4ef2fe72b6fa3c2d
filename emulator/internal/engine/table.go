package engine

import (
	"iter"
	"reflect"

	"github.com/tidwall/btree"
)

// Table is the handle of one kind of rows in every world of a schema. Rows keep their
// creation order. A row is replaced, never changed.
type Table[T any] struct {
	name  string
	index int
}

// Row is a row with its id and sequence number.
type Row[T any] struct {
	Seq   uint64 // creation order within the world, never reused
	ID    string
	Value T
}

// entry is a stored row of any table. One tree type for all rows keeps the binary
// smaller than a generic one. value is a pointer to the row. owner is the state that
// may change it in place; nil if none may. size is its estimate.
type entry struct {
	id    string
	value any
	owner *ownership
	size  int
}

// ownership is compared by address. Every copy of a state gets a new one.
type ownership struct{ _ byte }

// rows holds the rows of a table in one state. It does not know their type, so that the
// binary has its code once and not for every table: only Table does.
type rows struct {
	bySeq btree.Map[uint64, entry]
	byID  btree.Map[string, uint64]
	kind  *rowKind
}

// rowKind describes the rows of a table. Rows are pointers; the hooks are nil if the Kind
// has none.
type rowKind struct {
	of          reflect.Type // what the rows point to
	width       int          // bytes of the row itself, with its entries in the trees
	more        sizer        // of the memory it refers to; nil for none
	check       func(row any, id string) error
	loaded      func(row any) any
	rescheduled func(row any, old, moved Timer) any
}

// sizeOf estimates the size of a row.
func (r *rows) sizeOf(id string, row any) int {
	n := r.kind.width + len(id)
	if r.kind.more != nil {
		n += r.kind.more(reflect.ValueOf(row).Elem())
	}
	return n
}

func (r *rows) copy() *rows {
	return &rows{bySeq: *r.bySeq.Copy(), byID: *r.byID.Copy(), kind: r.kind}
}

// each calls f with every row, a pointer that is only to be read.
func (r *rows) each(f func(id string, row any) error) (err error) {
	r.bySeq.Scan(func(_ uint64, e entry) bool {
		err = f(e.id, e.value)
		return err == nil
	})
	return err
}

// find returns a row, a pointer that is only to be read; nil if there is none.
func (r *rows) find(id string) any {
	_, e, ok := r.get(id)
	if !ok {
		return nil
	}
	return e.value
}

// get returns the row with an id and its sequence number.
func (r *rows) get(id string) (seq uint64, e entry, ok bool) {
	if seq, ok = r.byID.Get(id); ok {
		e, _ = r.bySeq.Get(seq)
	}
	return seq, e, ok
}

// reschedule returns the size of the row that it updates; 0 if there is none.
func (r *rows) reschedule(id string, old, moved Timer) int {
	seq, e, ok := r.get(id)
	if r.kind.rescheduled == nil || !ok {
		return 0
	}
	r.bySeq.Set(seq, entry{id: id, value: r.kind.rescheduled(e.value, old, moved), size: e.size})
	return e.size
}

// applyLoaded applies Kind.Loaded to every row.
func (r *rows) applyLoaded() {
	if r.kind.loaded == nil {
		return
	}
	r.bySeq.Copy().Scan(func(seq uint64, e entry) bool {
		r.bySeq.Set(seq, entry{id: e.id, value: r.kind.loaded(e.value), size: e.size})
		return true
	})
}

// put adds a row at the end, or replaces the row with the id in its place.
func (r *rows) put(tx *Tx, id string, row any) {
	tx.mustBeWritable()
	seq, ok := r.byID.Get(id)
	if !ok {
		seq = tx.s.nextSeq()
		r.byID.Set(id, seq)
	}
	size := r.sizeOf(id, row)
	old, _ := r.bySeq.Set(seq, entry{id: id, value: row, size: size})
	tx.s.account(size, old.size)
	tx.dirty = true
}

// remove removes a row and reports whether it was there.
func (r *rows) remove(tx *Tx, id string) bool {
	tx.mustBeWritable()
	seq, ok := r.byID.Delete(id)
	if ok {
		old, _ := r.bySeq.Delete(seq)
		tx.s.account(0, old.size)
		tx.dirty = true
	}
	return ok
}

// own returns the row with an id for the owner of the state to change, made by fresh if
// there is none, or cloned if a copy of the state has it too.
func (r *rows) own(tx *Tx, id string, fresh func() any, clone func(row any) any) any {
	tx.mustBeWritable()
	seq, e, ok := r.get(id)
	switch {
	case !ok:
		seq = tx.s.nextSeq()
		r.byID.Set(id, seq)
		e = entry{id: id, value: fresh(), owner: tx.s.owner}
		e.size = r.sizeOf(id, e.value)
		tx.s.account(e.size, 0)
	case e.owner != tx.s.owner:
		old := e.size
		e = entry{id: id, value: clone(e.value), owner: tx.s.owner}
		e.size = r.sizeOf(id, e.value)
		tx.s.account(e.size, old)
	default:
		return e.value
	}
	r.bySeq.Set(seq, e)
	return e.value
}

// rank returns how many rows were created before the sequence number.
func (r *rows) rank(seq uint64) int {
	low, high := 0, r.bySeq.Len()
	for low < high {
		middle := int(uint(low+high) >> 1)
		if at, _, _ := r.bySeq.GetAt(middle); at < seq {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// Kind describes the rows of a table. Only the name is required. Members of a row
// that are tagged `dump:"-"` are left out of dumps.
type Kind[T any] struct {
	Name string
	// Check validates a row that a saved world holds under an id; nil accepts all.
	Check func(row T, id string) error
	// Loaded returns the row that a world gets when a saved state becomes its present
	// one; nil keeps rows as they were saved. The size of the row must not grow much: it
	// is not counted again.
	Loaded func(row T) T
	// Rescheduled returns the row after an event with this subject was moved; nil for
	// rows that hold no timer.
	Rescheduled func(row T, old, moved Timer) T
	// Internal reports whether a row is about the use of a world, such as a count of
	// requests. Dumps leave such rows out. nil means none.
	Internal func(row T) bool
	// Confidential rows are not dumped, and only SaveSecrets saves them.
	Confidential bool
	// Only is the id of the single row of the table, which a saved world must have; ""
	// if the table can have any number of rows.
	Only string
}

// Always is the Internal of a table whose rows are all internal.
func Always[T any](T) bool { return true }

// AddTable adds a table to a schema that no world uses yet.
func AddTable[T any](s *Schema, k Kind[T]) *Table[T] {
	kind := rowKind{of: reflect.TypeFor[T]()}
	if k.Check != nil {
		kind.check = func(row any, id string) error { return k.Check(*row.(*T), id) }
	}
	if k.Loaded != nil {
		kind.loaded = func(row any) any { changed := k.Loaded(*row.(*T)); return &changed }
	}
	if k.Rescheduled != nil {
		kind.rescheduled = func(row any, old, moved Timer) any { changed := k.Rescheduled(*row.(*T), old, moved); return &changed }
	}
	of := tableKind{name: k.Name, confidential: k.Confidential, only: k.Only}
	if k.Internal != nil {
		of.internal = func(row any) bool { return k.Internal(*row.(*T)) }
	}
	return &Table[T]{name: k.Name, index: s.addTable(of, kind)}
}

// addTable adds a table and returns its index.
func (s *Schema) addTable(of tableKind, kind rowKind) int {
	kind.width, kind.more = rowBytes+int(kind.of.Size()), sizerOf(kind.of)
	of.row = kind.of
	of.empty = func() *rows { return &rows{kind: &kind} }
	s.tables = append(s.tables, of)
	return len(s.tables) - 1
}

func (t *Table[T]) rows(tx *Tx) *rows { return tx.s.tables[t.index] }

// Get returns the row with the id; false if there is none.
func (t *Table[T]) Get(tx *Tx, id string) (row T, ok bool) {
	if found := t.rows(tx).find(id); found != nil {
		return *found.(*T), true
	}
	return row, false
}

// Find is Get that returns the sequence number too.
func (t *Table[T]) Find(tx *Tx, id string) (Row[T], bool) {
	seq, e, ok := t.rows(tx).get(id)
	if !ok {
		return Row[T]{}, false
	}
	return Row[T]{Seq: seq, ID: id, Value: *e.value.(*T)}, true
}

// Has reports whether there is a row with the id.
func (t *Table[T]) Has(tx *Tx, id string) bool { return t.rows(tx).find(id) != nil }

// NewID is Tx.NewID for a row of the table. A loaded state may hold ids that its
// counters have not reached. NewID skips them in steps that double, so that a long run
// of them takes little time.
func (t *Table[T]) NewID(tx *Tx, prefix string) string { return t.rows(tx).newID(tx, prefix) }

func (r *rows) newID(tx *Tx, prefix string) string {
	for step := uint64(1); ; step *= 2 {
		id := tx.NewID(prefix)
		if r.find(id) == nil {
			return id
		}
		tx.skip(prefix, step-1)
	}
}

// Put adds a row at the end, or replaces the row with the id in its place.
func (t *Table[T]) Put(tx *Tx, id string, row T) { t.rows(tx).put(tx, id, &row) }

// Delete removes the row and reports whether it was there.
func (t *Table[T]) Delete(tx *Tx, id string) bool { return t.rows(tx).remove(tx, id) }

// Len returns the number of rows.
func (t *Table[T]) Len(tx *Tx) int { return t.rows(tx).bySeq.Len() }

// Own returns the row with the id, adding a zero one if there is none, for the
// caller to change in place until the transaction ends. It is for counters that
// change with every request; copies of the world keep the value they had.
// Changes made so do not count as changes of state.
func Own[T interface{ Clone() T }](t *Table[T], tx *Tx, id string) *T {
	row := t.rows(tx).own(tx, id, func() any { return new(T) }, func(row any) any { c := (*row.(*T)).Clone(); return &c })
	return row.(*T)
}

// After yields the rows created after the row with the sequence number, which
// need not exist any more, in creation order. After(tx, 0) yields all.
func (t *Table[T]) After(tx *Tx, seq uint64) iter.Seq[Row[T]] {
	return func(yield func(Row[T]) bool) {
		t.rows(tx).bySeq.Ascend(seq+1, func(seq uint64, e entry) bool {
			return yield(Row[T]{Seq: seq, ID: e.id, Value: *e.value.(*T)})
		})
	}
}

// Before yields the rows created before the row with the sequence number, last
// first. Before(tx, 0) yields all.
func (t *Table[T]) Before(tx *Tx, seq uint64) iter.Seq[Row[T]] {
	return func(yield func(Row[T]) bool) {
		t.rows(tx).bySeq.Descend(seq-1, func(seq uint64, e entry) bool {
			return yield(Row[T]{Seq: seq, ID: e.id, Value: *e.value.(*T)})
		})
	}
}

// At returns the row at a position in creation order, counted from 0.
func (t *Table[T]) At(tx *Tx, position int) (Row[T], bool) {
	seq, e, ok := t.rows(tx).bySeq.GetAt(position)
	if !ok {
		return Row[T]{}, false
	}
	return Row[T]{Seq: seq, ID: e.id, Value: *e.value.(*T)}, true
}

// Rank returns how many rows were created before the sequence number.
func (t *Table[T]) Rank(tx *Tx, seq uint64) int { return t.rows(tx).rank(seq) }
