package skystack_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// modelRow is an instance as the model of a list knows it.
type modelRow struct {
	seq               int
	id, region, label string
}

// modelQuery is what is asked of a list.
type modelQuery struct {
	region, label string // "" for any
	latest        bool
	limit         int
}

// modelCursor is a cursor and what it stands for.
type modelCursor struct {
	query modelQuery
	last  int // seq of the last row shown
}

func drawQuery(rt *rapid.T) modelQuery {
	return modelQuery{
		region: rapid.SampledFrom([]string{"", "us-east-1", "eu-central"}).Draw(rt, "region"),
		label:  rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "label"),
		latest: rapid.Bool().Draw(rt, "latest"), limit: rapid.IntRange(1, 7).Draw(rt, "limit"),
	}
}

func (q modelQuery) String() string {
	out := fmt.Sprintf("limit=%d", q.limit)
	if q.region != "" {
		out += "&region=" + q.region
	}
	if q.label != "" {
		out += "&label=l:" + q.label
	}
	if q.latest {
		out += "&sort=-created_at"
	}
	return out
}

// of is what the query lists of the rows.
func (q modelQuery) of(rows []modelRow) (out []modelRow) {
	for _, row := range rows {
		if (q.region == "" || q.region == row.region) && (q.label == "" || q.label == row.label) {
			out = append(out, row)
		}
	}
	if q.latest {
		slices.Reverse(out)
	}
	return out
}

// listModel is a list of instances as a slice, in creation order.
type listModel struct {
	s       *wire.Server
	rows    []modelRow
	born    int
	cursors map[string]modelCursor
}

// S45, S46, S47, S48, S64, S65, S66: whatever was created, changed and deleted, a
// list shows what a slice of the same instances would.
func TestListIsASlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &listModel{s: wire.Start(t, frozen12(), emulator.WithFixture("empty")), cursors: map[string]modelCursor{}}
		rt.Repeat(map[string]func(*rapid.T){
			"create": m.create, "create another": m.create, "delete": m.delete, "relabel": m.relabel,
			"page": m.page, "cursor": m.cursor,
		})
		m.s.Close()
	})
}

func (m *listModel) create(rt *rapid.T) {
	m.born++
	row := modelRow{m.born, "", rapid.SampledFrom([]string{"us-east-1", "eu-central"}).Draw(rt, "region"), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "label")}
	row.id = m.s.Post("/v1/instances", `{"name":"n","size":"standard-1","region":"`+row.region+`","labels":{"l":"`+row.label+`"}}`).Text("id")
	m.rows = append(m.rows, row)
}

func (m *listModel) delete(rt *rapid.T) {
	if len(m.rows) > 0 {
		at := rapid.IntRange(0, len(m.rows)-1).Draw(rt, "at")
		m.s.Delete("/v1/instances/" + m.rows[at].id)
		m.rows = slices.Delete(m.rows, at, at+1)
	}
}

func (m *listModel) relabel(rt *rapid.T) {
	if len(m.rows) > 0 {
		at := rapid.IntRange(0, len(m.rows)-1).Draw(rt, "at")
		m.rows[at].label = rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "label")
		m.s.Patch("/v1/instances/"+m.rows[at].id, `{"labels":{"l":"`+m.rows[at].label+`"}}`)
	}
}

func (m *listModel) page(rt *rapid.T) {
	q, page := drawQuery(rt), rapid.IntRange(1, 6).Draw(rt, "page")
	m.check(rt, q, fmt.Sprintf("&page=%d", page), (page-1)*q.limit, page)
}

func (m *listModel) cursor(rt *rapid.T) {
	if len(m.cursors) == 0 {
		return
	}
	cursor := rapid.SampledFrom(slices.Sorted(maps.Keys(m.cursors))).Draw(rt, "cursor")
	c := m.cursors[cursor]
	c.query.limit = rapid.IntRange(1, 7).Draw(rt, "limit")
	skip := 0
	for _, row := range c.query.of(m.rows) {
		if c.query.latest && row.seq >= c.last || !c.query.latest && row.seq <= c.last {
			skip++
		}
	}
	m.check(rt, c.query, "&cursor="+cursor, skip, 1+skip/c.query.limit)
}

// check compares a list with the slice, of which it passes over the first skip.
func (m *listModel) check(rt *rapid.T, q modelQuery, at string, skip, page int) {
	all := q.of(m.rows)
	rows := all[min(skip, len(all)):]
	rows = rows[:min(q.limit, len(rows))]
	more := len(rows) > 0 && skip+len(rows) < len(all)
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.id)
	}
	r := m.s.Get("/v1/instances?" + q.String() + at)
	got := r.Strings("data", "id")
	next, _ := r.Find("next_cursor")
	cursor, _ := next.(string)
	tail := fmt.Sprintf(`"pagination":{"page":%d,"limit":%d,"total":%d,"has_more":%t,"next_cursor":%s},"next_cursor":%[5]s}`, page, q.limit, len(all), more, quoted(cursor))
	if !slices.Equal(got, ids) || !strings.HasSuffix(string(r.Body), tail) || more != (cursor != "") {
		rt.Fatalf("%s: got %v\n%s\nwant %v\n%s", r.What, got, r.Body, ids, tail)
	}
	if cursor != "" {
		m.cursors[cursor] = modelCursor{q, rows[len(rows)-1].seq}
	}
}

func quoted(s string) string {
	if s == "" {
		return "null"
	}
	return `"` + s + `"`
}
