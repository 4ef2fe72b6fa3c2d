package skystack

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"net/url"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

const (
	defaultLimit = 20
	cursorFormat = 2
)

// paging is how a caller walks a list: by page or by cursor, not both (S46,
// S64, S65). It is embedded in the input of every list.
type paging struct {
	Page   int    `json:"-" query:"page"`
	Limit  int    `json:"-" query:"limit"`
	Cursor string `json:"-" query:"cursor"`
}

// view is what is listed: a table, or those of its rows that keep accepts.
type view[T any] struct {
	table *engine.Table[T]
	// keep is nil for all rows. It looks at the row alone, unless inside is set.
	keep func(T) bool
	// inside keeps the world while many rows are sifted, for a keep that asks the
	// world about more than the row.
	inside bool
	// only, unless nil, names the rows that are listed, in creation order.
	only *[]string
	// floor leaves out the rows up to this sequence number; it does not go with
	// only or latest.
	floor uint64
	// led says that something comes before the rows on the first page, where it
	// takes the place of one.
	led bool
	// latest lists the newest first.
	latest bool
	// project is the project of a row, shared says that rows belong to all projects,
	// and nested that they belong to an object that the path names; rows that only
	// names are nested too. One of the three must be said: a key that is bound to a
	// project sees nothing otherwise.
	project        func(T) string
	shared, nested bool
	// name tells this list from others, filters included: a cursor is good for
	// one list only.
	name string
}

// page is a part of a list (S45 to S48, S64 to S66).
type page[T any] struct {
	rows   []engine.Row[T]
	number int
	limit  int
	total  int
	next   string // cursor; "" at the end
	cursor bool   // the caller walks by cursor
}

// list reads the page the caller asked for.
func list[T any](c *httpapi.Call, v view[T], p paging) (page[T], error) {
	if err := v.bind(c.Project); err != nil {
		return page[T]{}, err
	}
	out, last, err := turnTo[T](c.Tx, p, v.name, c.Version)
	if err != nil {
		return out, err
	}
	g := c.Generation() // of the rows, however long it takes to read them
	out.rows = make([]engine.Row[T], 0, min(out.limit, v.table.Len(c.Tx)))
	skip := (out.number - 1) * out.limit
	if out.number-1 > v.table.Len(c.Tx)/out.limit { // past the end, and before an overflow
		skip = v.table.Len(c.Tx)
	}
	room := out.limit
	if v.led {
		if skip = max(skip-1, 0); out.number == 1 {
			out.limit--
		}
	}
	before := 0
	switch {
	case v.keep == nil && v.only == nil && v.floor == 0:
		before = v.slice(c.Tx, &out, last, skip)
	case v.only == nil && !v.inside && v.table.Len(c.Tx) >= engine.AsideFrom:
		c.Aside(func(copied *engine.Tx) { before = v.sift(copied, &out, last, skip) })
	default:
		before = v.sift(c.Tx, &out, last, skip)
	}
	out.limit = room
	out.end(c.Tx, g, v.name, before)
	if v.led {
		out.total++
	}
	return out, nil
}

// bind cuts the list to the project that the caller is bound to; "" for none. In
// nested ones, the object that the path names was found in it before.
func (v *view[T]) bind(project string) error {
	switch {
	case project == "" || v.shared || v.nested || v.only != nil:
		return nil
	case v.project == nil:
		return fmt.Errorf("the list %q does not say which project its rows belong to", v.name)
	}
	of, keep := v.project, v.keep
	v.name += "\x01bound to\x01" + project
	v.nested = true // it is bound now
	v.keep = func(row T) bool { return of(row) == project && (keep == nil || keep(row)) }
	return nil
}

// turnTo is the page that the caller asks for of the list with a name, still empty,
// and the last row of the page before it.
func turnTo[T any](tx *engine.Tx, p paging, name, version string) (out page[T], last uint64, err error) {
	out = page[T]{number: max(p.Page, 1), limit: cmp.Or(p.Limit, defaultLimit), cursor: p.Cursor != "" || version == cursorEra}
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
		last, err = openCursor(tx, name, p.Cursor)
	}
	if last == oldestRow {
		last = 0
	}
	return out, last, err
}

// end completes a page whose rows are there, and before which lie so many others.
func (out *page[T]) end(tx *engine.Tx, g engine.Generation, name string, before int) {
	if out.cursor {
		out.number = 1 + before/out.limit
	}
	n := len(out.rows)
	switch {
	case before+n >= out.total:
	case n > 0:
		out.next = newCursor(tx, g, name, out.rows[n-1].Seq)
	case before == 0: // the page has room for no row
		out.next = newCursor(tx, g, name, oldestRow)
	}
}

// slice fills the page from a whole table in O(limit + log n). It returns how
// many rows come before the page.
func (v view[T]) slice(tx *engine.Tx, out *page[T], last uint64, skip int) int {
	out.total = v.table.Len(tx)
	before := skip
	switch {
	case last != 0 && v.latest:
		before = out.total - v.table.Rank(tx, last)
	case last != 0:
		before = v.table.Rank(tx, last+1)
	case skip > 0:
		at := skip - 1
		if v.latest {
			at = out.total - skip
		}
		row, ok := v.table.At(tx, at)
		if !ok {
			return skip
		}
		last = row.Seq
	}
	for row := range v.from(tx, last) {
		if len(out.rows) == out.limit {
			break
		}
		out.rows = append(out.rows, row)
	}
	return before
}

// sift fills the page from the rows that keep accepts, in O(n): it counts them
// all for the total.
func (v view[T]) sift(tx *engine.Tx, out *page[T], last uint64, skip int) int {
	before := 0
	for row := range v.from(tx, v.floor) {
		if v.keep != nil && !v.keep(row.Value) {
			continue
		}
		past := last != 0 && (row.Seq <= last != v.latest || row.Seq == last)
		switch {
		case past || last == 0 && out.total < skip:
			before++
		case len(out.rows) < out.limit:
			out.rows = append(out.rows, row)
		}
		out.total++
	}
	return before
}

func (v view[T]) from(tx *engine.Tx, last uint64) iter.Seq[engine.Row[T]] {
	if v.only != nil {
		return func(yield func(engine.Row[T]) bool) {
			for _, id := range *v.only {
				if row, ok := v.table.Find(tx, id); ok && !yield(row) {
					return
				}
			}
		}
	}
	if v.latest {
		return v.table.Before(tx, last)
	}
	return v.table.After(tx, last)
}

// newCursor seals the last row that was shown of a generation. The seal is the world's, so a
// cursor of another workspace, or made by hand, does not open. The generation keeps
// it from being read in another history.
func newCursor(tx *engine.Tx, g engine.Generation, list string, last uint64) string {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorFormat)
	b = binary.BigEndian.AppendUint64(b, last)
	b = binary.BigEndian.AppendUint64(b, listHash(list))
	b = binary.BigEndian.AppendUint32(b, g.ID)
	return base64.RawURLEncoding.EncodeToString(append(b, seal(tx, b)...))
}

// How many bytes a cursor has, its seal and all, and how many characters.
const (
	sealed      = 1 + 8 + 8 + 4
	cursorBytes = sealed + 8
	cursorText  = (cursorBytes*8 + 5) / 6
)

// oldestRow is the last row of a cursor that goes on with the oldest there is.
const oldestRow = math.MaxUint64

// foreignCursor is all that can be said of a cursor whose seal does not fit.
const foreignCursor = "The cursor was not made here, or before the sandbox was reset; begin again without one."

// errOtherGeneration is the refusal of a cursor that was good before the world was
// reset or restored.
var errOtherGeneration = cursorRefused(foreignCursor)

func openCursor(tx *engine.Tx, list, cursor string) (uint64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	switch {
	case err != nil || len(b) != cursorBytes || len(cursor) != cursorText /* line breaks would be skipped */ || b[0] != cursorFormat || !hmac.Equal(b[sealed:], seal(tx, b[:sealed])):
		return 0, cursorRefused(foreignCursor)
	case binary.BigEndian.Uint32(b[17:]) != tx.Generation().ID:
		return 0, errOtherGeneration
	case binary.BigEndian.Uint64(b[9:]) != listHash(list):
		return 0, cursorRefused("The cursor belongs to a list with another path, filters or order, or is from before the sandbox was restored; begin again without one.")
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

func cursorRefused(message string) error {
	return &fail.Error{Kind: fail.Invalid, Code: "invalid_cursor", Message: message, Details: []fail.Detail{
		{Field: "cursor", Location: fail.Query, Code: "invalid_cursor", Message: message},
	}}
}

func seal(tx *engine.Tx, b []byte) []byte {
	key := tx.Secret("cursor")
	m := hmac.New(sha256.New, key[:])
	m.Write(b)
	return m.Sum(nil)[:8]
}

func listHash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// listBody is a list on the wire. The default version shows both styles at once
// (6.3).
type listBody[T any] struct {
	page[T]
	write   func(b []byte, row *T, version string) []byte
	version string // "" is the default version
}

// body shows a page, each row as write does.
func body[T any](p page[T], write func(b []byte, row *T, version string) []byte) listBody[T] {
	return listBody[T]{page: p, write: write}
}

// shown is body for rows that only the world can show: it does so at once, for a
// list is written when the world is let go.
func shown[T, B any](p page[T], show func(T) B) listBody[B] {
	out := page[B]{number: p.number, limit: p.limit, total: p.total, next: p.next, cursor: p.cursor}
	for _, row := range p.rows {
		out.rows = append(out.rows, engine.Row[B]{Seq: row.Seq, ID: row.ID, Value: show(row.Value)})
	}
	return body(out, as(same[B]))
}

// as makes a write of a function that shows a row, the same in every version.
func as[T, B any](show func(T) B) func(b []byte, row *T, version string) []byte {
	return func(b []byte, row *T, _ string) []byte {
		encoded, _ := httpapi.EncodeJSON(show(*row)) // bodies hold nothing that JSON has not
		return append(b, encoded...)
	}
}

// in shows the list, and what is in it, as another version has it.
func (b listBody[T]) in(version string) any {
	b.version = version
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b listBody[T]) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b listBody[T]) AppendJSON(to []byte) []byte {
	o := object{append(to, `{"data":[`...)}
	for i := range b.rows {
		o.comma(i)
		o.b = b.write(o.b, &b.rows[i].Value, b.version)
	}
	o.b = append(o.b, ']')
	if b.version != cursorEra {
		o.name("pagination")
		p := object{append(o.b, '{')}
		p.number("page", b.number)
		p.number("limit", b.limit)
		p.number("total", b.total)
		if b.version != pageEra {
			p.truth("has_more", b.next != "")
			p.orNull("next_cursor", b.next)
		}
		o.b = append(p.b, '}')
	}
	if b.version != pageEra {
		o.orNull("next_cursor", b.next)
	}
	return append(o.b, '}')
}

// Links names the neighbours of the page in the style the caller came in.
func (b listBody[T]) Links(path, query string) string {
	var out []string
	link := func(rel, name, value string) {
		q, _ := url.ParseQuery(query) // it was read strictly before
		q.Del("page")
		q.Del("cursor")
		if value != "" {
			q.Set(name, value)
		}
		target := path
		if encoded := q.Encode(); encoded != "" {
			target += "?" + encoded
		}
		out = append(out, "<"+target+`>; rel="`+rel+`"`)
	}
	if b.cursor {
		link("first", "", "")
		if b.next != "" {
			link("next", "cursor", b.next)
		}
		return strings.Join(out, ", ")
	}
	pages := max(1, (b.total+b.limit-1)/b.limit)
	link("first", "page", "1")
	if b.number > 1 {
		link("prev", "page", strconv.Itoa(min(b.number-1, pages)))
	}
	if b.number < pages {
		link("next", "page", strconv.Itoa(b.number+1))
	}
	link("last", "page", strconv.Itoa(pages))
	return strings.Join(out, ", ")
}
