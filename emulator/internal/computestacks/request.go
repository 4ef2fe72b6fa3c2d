package computestacks

import (
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// operation is an operation of the contract and the function that serves it in a
// transaction. All functions have one signature, so that one copy of the generic code
// serves them: what a function needs of the request it takes from the call.
type operation struct {
	id    string
	serve func(c *httpapi.Call) (any, error)
}

// empty is the body {}.
type empty struct{}

// The sizes of pages (C9).
const (
	defaultPerPage = 30
	maxPerPage     = 200
)

// page is the part of a collection that a request asks for.
type page struct{ number, size int }

// pageOf reads the page of a request. A value that is no positive number counts as not
// sent.
func pageOf(c *httpapi.Call) page {
	p := page{number: positive(c.RawQuery("page"), 1), size: positive(c.RawQuery("per_page"), defaultPerPage)}
	p.size = min(p.size, maxPerPage)
	return p
}

func positive(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// collection is a page of a collection: a body with one member, and the headers of the
// page.
type collection struct {
	body  map[string]any
	page  page
	total int
	call  *httpapi.Call
}

// AppendJSON implements httpapi.Appender: a MarshalJSON would have its result read again.
func (l collection) AppendJSON(b []byte) []byte {
	text, err := httpapi.EncodeJSON(l.body)
	if err != nil { // bodies are structs of texts and numbers
		panic(err)
	}
	return append(b, text...)
}

// WriteHeaders implements httpapi.HeaderWriter.
func (l collection) WriteHeaders(set func(name, value string)) {
	set("Per-Page", strconv.Itoa(l.page.size))
	set("Total", strconv.Itoa(l.total))
	if links := l.links(); links != "" {
		set("Link", links)
	}
}

// links returns the Link header: first and previous after the first page, last and next
// before the last one.
func (l collection) links() string {
	last := (l.total + l.page.size - 1) / l.page.size
	var parts []string
	add := func(rel string, number int) {
		parts = append(parts, fmt.Sprintf(`<%s>; rel="%s"`, l.call.URL("page", strconv.Itoa(number)), rel))
	}
	if l.page.number > 1 && last > 0 {
		add("first", 1)
		add("prev", min(l.page.number-1, last))
	}
	if l.page.number < last {
		add("last", last)
		add("next", l.page.number+1)
	}
	return strings.Join(parts, ", ")
}

// listOf returns the page of rows that a request asks for, as the member key. show
// renders a row of the page.
func listOf[T, B any](c *httpapi.Call, key string, rows []T, show func(T) B) collection {
	return pageOfRows(c, key, len(rows), func(n int) any { return show(rows[n]) })
}

// pageOfRows is listOf without the type of the rows.
func pageOfRows(c *httpapi.Call, key string, total int, show func(n int) any) collection {
	p, bodies := pageOf(c), []any{}
	if first := p.number - 1; first <= total/p.size {
		for n := first * p.size; n < min(p.number*p.size, total); n++ {
			bodies = append(bodies, show(n))
		}
	}
	return collection{body: map[string]any{key: bodies}, page: p, total: total, call: c}
}

// pageOfTable returns the page of a table that a request asks for. Lists of many rows are
// filtered without the lock, so keep looks at the row alone; sight helps it.
func pageOfTable[T, B any](c *httpapi.Call, key string, l resource.List[T], show func(T) B) (any, error) {
	p := pageOf(c)
	l.Nested = true // no credential is bound to a project
	found, err := l.Read(c, resource.Position{Page: p.number, Limit: p.size})
	if err != nil {
		return nil, err
	}
	bodies := make([]any, len(found.Rows))
	for n, row := range found.Rows {
		bodies[n] = show(row.Value)
	}
	return collection{body: map[string]any{key: bodies}, page: p, total: found.Total, call: c}, nil
}

// one returns the body with an object as its only member.
func one(key string, body any) map[string]any { return map[string]any{key: body} }

// rowsOf lists the rows of a table that keep selects, oldest first; nil selects all.
func rowsOf[T any](tx *engine.Tx, t *engine.Table[T], keep func(T) bool) (all []T) {
	for row := range t.After(tx, 0) {
		if keep == nil || keep(row.Value) {
			all = append(all, row.Value)
		}
	}
	return all
}

// byIDs lists the rows with ids, in their order. Ids without a row are left out.
func byIDs[T any](tx *engine.Tx, t *engine.Table[T], ids []int) (all []T) {
	for _, id := range ids {
		if row, ok := t.Get(tx, strconv.Itoa(id)); ok {
			all = append(all, row)
		}
	}
	return all
}

// newestFirst reverses rows that are in the order of creation.
func newestFirst[T any](rows []T) []T {
	slices.Reverse(rows)
	return rows
}

// byName sorts rows by a text, without regard to case, and rows with the same text in
// the order of creation.
func byName[T any](rows []T, name func(T) string) []T {
	// sort has one copy of its code, where slices has one for each type of rows.
	sort.SliceStable(rows, func(i, j int) bool { return strings.ToLower(name(rows[i])) < strings.ToLower(name(rows[j])) })
	return rows
}

// stamp writes a time as the API does: UTC with milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// stampOrNil is stamp, and null for the zero time.
func stampOrNil(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// textOrNil returns null for "".
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// numberOrNil returns null for 0.
func numberOrNil(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// decimal writes a number as the API writes decimals: at least one digit behind the
// point.
func decimal(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// idOf returns the number that a text is the canonical id of; 0 if it is none.
func idOf(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || strconv.Itoa(n) != text {
		return 0
	}
	return n
}

// link returns the path of an object, as links in bodies have it.
func link(parts ...any) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, p := range parts {
		b.WriteByte('/')
		if n, ok := p.(int); ok {
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteString(url.PathEscape(fmt.Sprint(p)))
	}
	return b.String()
}

// nonNil returns a list that encodes as [] rather than null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
