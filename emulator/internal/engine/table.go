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

// rows holds the rows of a table in one state.
type rows[T any] struct {
	bySeq btree.Map[uint64, entry]
	byID  btree.Map[string, uint64]
	kind  *rowKind[T]
}

// rowKind describes the rows of a table.
type rowKind[T any] struct {
	Kind[T]
	width int   // bytes of the row itself, with its entries in the trees
	more  sizer // of the memory it refers to; nil for none
}

// sizeOf estimates the size of a row.
func (r *rows[T]) sizeOf(id string, row *T) int {
	n := r.kind.width + len(id)
	if r.kind.more != nil {
		n += r.kind.more(reflect.ValueOf(row).Elem())
	}
	return n
}

// store is the rows of any table, whatever their type.
type store interface {
	copy() store
	each(f func(id string, row any) error) error // row is a pointer, only to be read
	find(id string) any                          // a pointer, only to be read; nil if there is none
	reschedule(id string, old, moved Timer) (size int)
	applyLoaded() // applies Kind.Loaded to every row
	encode(w *writer)
	decode(row savedRow) (size int, err error)
}

func (r *rows[T]) copy() store {
	return &rows[T]{bySeq: *r.bySeq.Copy(), byID: *r.byID.Copy(), kind: r.kind}
}

func (r *rows[T]) each(f func(id string, row any) error) (err error) {
	r.bySeq.Scan(func(_ uint64, e entry) bool {
		err = f(e.id, e.value)
		return err == nil
	})
	return err
}

func (r *rows[T]) find(id string) any {
	seq, ok := r.byID.Get(id)
	if !ok {
		return nil
	}
	e, _ := r.bySeq.Get(seq)
	return e.value
}

// reschedule returns the size of the row that it updates; 0 if there is none.
func (r *rows[T]) reschedule(id string, old, moved Timer) int {
	if r.kind.Rescheduled == nil {
		return 0
	}
	seq, ok := r.byID.Get(id)
	if !ok {
		return 0
	}
	e, _ := r.bySeq.Get(seq)
	row := r.kind.Rescheduled(*e.value.(*T), old, moved)
	r.bySeq.Set(seq, entry{id: id, value: &row, size: e.size})
	return e.size
}

func (r *rows[T]) applyLoaded() {
	loaded := r.kind.Loaded
	if loaded == nil {
		return
	}
	r.bySeq.Copy().Scan(func(seq uint64, e entry) bool {
		row := loaded(*e.value.(*T))
		r.bySeq.Set(seq, entry{id: e.id, value: &row, size: e.size})
		return true
	})
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
	t := &Table[T]{name: k.Name, index: len(s.tables)}
	of := reflect.TypeFor[T]()
	sized := &rowKind[T]{Kind: k, width: rowBytes + int(of.Size()), more: sizerOf(of)}
	kind := tableKind{
		name: k.Name, row: of, confidential: k.Confidential, only: k.Only,
		empty: func() store { return &rows[T]{kind: sized} },
	}
	if k.Internal != nil {
		kind.internal = func(row any) bool { return k.Internal(*row.(*T)) }
	}
	s.tables = append(s.tables, kind)
	return t
}

func (t *Table[T]) rows(tx *Tx) *rows[T] { return tx.s.tables[t.index].(*rows[T]) }

// Get returns the row with the id; false if there is none.
func (t *Table[T]) Get(tx *Tx, id string) (T, bool) {
	r := t.rows(tx)
	if seq, ok := r.byID.Get(id); ok {
		e, _ := r.bySeq.Get(seq)
		return *e.value.(*T), true
	}
	var zero T
	return zero, false
}

// Find is Get that returns the sequence number too.
func (t *Table[T]) Find(tx *Tx, id string) (Row[T], bool) {
	r := t.rows(tx)
	seq, ok := r.byID.Get(id)
	if !ok {
		return Row[T]{}, false
	}
	e, _ := r.bySeq.Get(seq)
	return Row[T]{Seq: seq, ID: id, Value: *e.value.(*T)}, true
}

// Has reports whether there is a row with the id.
func (t *Table[T]) Has(tx *Tx, id string) bool {
	_, ok := t.Get(tx, id)
	return ok
}

// NewID is Tx.NewID for a row of the table. A loaded state may hold ids that its
// counters have not reached. NewID skips them in steps that double, so that a long run
// of them takes little time.
func (t *Table[T]) NewID(tx *Tx, prefix string) string {
	for step := uint64(1); ; step *= 2 {
		id := tx.NewID(prefix)
		if _, taken := t.Get(tx, id); !taken {
			return id
		}
		tx.skip(prefix, step-1)
	}
}

// Put adds a row at the end, or replaces the row with the id in its place.
func (t *Table[T]) Put(tx *Tx, id string, row T) {
	tx.mustBeWritable()
	r := t.rows(tx)
	seq, ok := r.byID.Get(id)
	if !ok {
		seq = tx.s.nextSeq()
		r.byID.Set(id, seq)
	}
	size := r.sizeOf(id, &row)
	old, _ := r.bySeq.Set(seq, entry{id: id, value: &row, size: size})
	tx.s.account(size, old.size)
	tx.dirty = true
}

// Delete removes the row and reports whether it was there.
func (t *Table[T]) Delete(tx *Tx, id string) bool {
	tx.mustBeWritable()
	r := t.rows(tx)
	seq, ok := r.byID.Delete(id)
	if ok {
		old, _ := r.bySeq.Delete(seq)
		tx.s.account(0, old.size)
		tx.dirty = true
	}
	return ok
}

// Len returns the number of rows.
func (t *Table[T]) Len(tx *Tx) int { return t.rows(tx).bySeq.Len() }

// Own returns the row with the id, adding a zero one if there is none, for the
// caller to change in place until the transaction ends. It is for counters that
// change with every request; copies of the world keep the value they had.
// Changes made so do not count as changes of state.
func Own[T interface{ Clone() T }](t *Table[T], tx *Tx, id string) *T {
	tx.mustBeWritable()
	r := t.rows(tx)
	seq, ok := r.byID.Get(id)
	if !ok {
		seq = tx.s.nextSeq()
		r.byID.Set(id, seq)
		value := new(T)
		e := entry{id: id, value: value, owner: tx.s.owner, size: r.sizeOf(id, value)}
		r.bySeq.Set(seq, e)
		tx.s.account(e.size, 0)
		return value
	}
	e, _ := r.bySeq.Get(seq)
	if e.owner != tx.s.owner {
		value, old := (*e.value.(*T)).Clone(), e.size
		e = entry{id: id, value: &value, owner: tx.s.owner, size: r.sizeOf(id, &value)}
		r.bySeq.Set(seq, e)
		tx.s.account(e.size, old)
	}
	return e.value.(*T)
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
func (t *Table[T]) Rank(tx *Tx, seq uint64) int {
	r := t.rows(tx)
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
