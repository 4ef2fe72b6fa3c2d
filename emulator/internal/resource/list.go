package resource

import (
	"fmt"
	"iter"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// Position is the part of a list that a client asks for: by page, or by cursor. The
// zero value is the first page.
type Position struct {
	Page int // counts from 1; 0 is the first
	// Limit is how many rows a page has at most. It must be positive.
	Limit  int
	Cursor string // of the page before; "" for none
	// ByCursor says that the client goes on by cursors even from the first page.
	ByCursor bool
}

// List describes a list: the rows of a table, or those that Keep selects.
type List[T any] struct {
	Table *engine.Table[T]
	// Keep selects rows; nil selects all. It looks at the row alone, unless Locked is
	// set.
	Keep func(T) bool
	// Locked holds the world's lock while rows are filtered, for a Keep that reads
	// other rows too. Without it, many rows are filtered in a copy, without the lock.
	Locked bool
	// Only, unless nil, names the rows to list, in creation order.
	Only *[]string
	// Floor leaves out the rows up to this sequence number. It does not go with Only or
	// NewestFirst.
	Floor uint64
	// Led reserves the first place of the first page for an item that is not a row.
	Led bool
	// NewestFirst lists the newest row first.
	NewestFirst bool
	// Project returns the project of a row; Shared says that the rows belong to all
	// projects, and Nested that they belong to an object that the path names, like the
	// rows of Only. One of the three must be set, so that a key that is bound to a
	// project sees the rows of its project alone.
	Project        func(T) string
	Shared, Nested bool
	// Name identifies this list, filters included: a cursor is valid for one list.
	Name string
}

// Page is a part of a list.
type Page[T any] struct {
	Rows   []engine.Row[T]
	Number int
	Limit  int
	Total  int
	// Next is the cursor of the page that follows; "" on the last page.
	Next     string
	ByCursor bool // the client goes by cursor
}

// Read returns the page at a position, cut to the project that the key of the call is
// bound to.
func (v List[T]) Read(c *httpapi.Call, p Position) (Page[T], error) {
	if err := v.Bind(c.Project); err != nil {
		return Page[T]{}, err
	}
	out, last, err := OpenPage[T](c.Tx, p, v.Name)
	if err != nil {
		return out, err
	}
	g := c.Generation() // of the rows, however long it takes to read them
	out.Rows = make([]engine.Row[T], 0, min(out.Limit, v.Table.Len(c.Tx)))
	skip := (out.Number - 1) * out.Limit
	if out.Number-1 > v.Table.Len(c.Tx)/out.Limit { // past the end, and before an overflow
		skip = v.Table.Len(c.Tx)
	}
	room := out.Limit
	if v.Led {
		if skip = max(skip-1, 0); out.Number == 1 {
			out.Limit--
		}
	}
	before := 0
	switch {
	case v.Keep == nil && v.Only == nil && v.Floor == 0:
		before = v.slice(c.Tx, &out, last, skip)
	case v.Only == nil && !v.Locked && v.Table.Len(c.Tx) >= engine.UnlockedFrom:
		c.Unlocked(func(copied *engine.Tx) { before = v.sift(copied, &out, last, skip) })
	default:
		before = v.sift(c.Tx, &out, last, skip)
	}
	out.Limit = room
	out.Complete(c.Tx, g, v.Name, before)
	if v.Led {
		out.Total++
	}
	return out, nil
}

// Bind restricts the list to the project that a key is bound to; "" for none. The rows
// of a nested list need no check: the handler has found their object in the project.
func (v *List[T]) Bind(project string) error {
	switch {
	case project == "" || v.Shared || v.Nested || v.Only != nil:
		return nil
	case v.Project == nil:
		return fmt.Errorf("the list %q does not say which project its rows belong to", v.Name)
	}
	of, keep := v.Project, v.Keep
	v.Name += "\x01bound to\x01" + project
	v.Nested = true // it is bound now
	v.Keep = func(row T) bool { return of(row) == project && (keep == nil || keep(row)) }
	return nil
}

// OpenPage returns the page at a position of the list with a name, still without rows,
// and the sequence number of the last row before it; 0 for none.
func OpenPage[T any](tx *engine.Tx, p Position, name string) (out Page[T], last uint64, err error) {
	out = Page[T]{Number: max(p.Page, 1), Limit: p.Limit, ByCursor: p.Cursor != "" || p.ByCursor}
	if p.Cursor != "" && p.Page != 0 {
		return out, 0, &fail.Error{
			Kind: fail.Invalid, Code: "conflicting_parameters", Message: "page and cursor are two ways to walk a list; send one.",
			Details: []fail.Detail{
				{Field: "page", Location: fail.Query, Code: "conflicting_parameters", Message: "page cannot be sent with cursor."},
				{Field: "cursor", Location: fail.Query, Code: "conflicting_parameters", Message: "cursor cannot be sent with page."},
			},
		}
	}
	if p.Cursor != "" {
		last, err = OpenCursor(tx, name, p.Cursor)
	}
	if last == OldestRow {
		last = 0
	}
	return out, last, err
}

// Complete sets the number and the next cursor of a page whose rows are set; before is how
// many rows of the list precede it.
func (out *Page[T]) Complete(tx *engine.Tx, g engine.Generation, name string, before int) {
	if out.ByCursor {
		out.Number = 1 + before/out.Limit
	}
	n := len(out.Rows)
	switch {
	case before+n >= out.Total:
	case n > 0:
		out.Next = NewCursor(tx, g, name, out.Rows[n-1].Seq)
	case before == 0: // the page has room for no row
		out.Next = NewCursor(tx, g, name, OldestRow)
	}
}

// slice fills the page from a whole table in O(limit + log n). It returns how
// many rows come before the page.
func (v List[T]) slice(tx *engine.Tx, out *Page[T], last uint64, skip int) int {
	out.Total = v.Table.Len(tx)
	before := skip
	switch {
	case last != 0 && v.NewestFirst:
		before = out.Total - v.Table.Rank(tx, last)
	case last != 0:
		before = v.Table.Rank(tx, last+1)
	case skip > 0:
		at := skip - 1
		if v.NewestFirst {
			at = out.Total - skip
		}
		row, ok := v.Table.At(tx, at)
		if !ok {
			return skip
		}
		last = row.Seq
	}
	for row := range v.from(tx, last) {
		if len(out.Rows) == out.Limit {
			break
		}
		out.Rows = append(out.Rows, row)
	}
	return before
}

// sift fills the page from the rows that keep accepts, in O(n): it counts them
// all for the total.
func (v List[T]) sift(tx *engine.Tx, out *Page[T], last uint64, skip int) int {
	before := 0
	for row := range v.from(tx, v.Floor) {
		if v.Keep != nil && !v.Keep(row.Value) {
			continue
		}
		past := last != 0 && (row.Seq <= last != v.NewestFirst || row.Seq == last)
		switch {
		case past || last == 0 && out.Total < skip:
			before++
		case len(out.Rows) < out.Limit:
			out.Rows = append(out.Rows, row)
		}
		out.Total++
	}
	return before
}

func (v List[T]) from(tx *engine.Tx, last uint64) iter.Seq[engine.Row[T]] {
	if v.Only != nil {
		return func(yield func(engine.Row[T]) bool) {
			for _, id := range *v.Only {
				if row, ok := v.Table.Find(tx, id); ok && !yield(row) {
					return
				}
			}
		}
	}
	if v.NewestFirst {
		return v.Table.Before(tx, last)
	}
	return v.Table.After(tx, last)
}
