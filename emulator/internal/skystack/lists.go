package skystack

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

const defaultLimit = 20

// paging selects a part of a list: by page or by cursor, not both (S45 to
// S48, S64 to S66). It is embedded in the input of every list.
type paging struct {
	Page   int    `json:"-" query:"page"`
	Limit  int    `json:"-" query:"limit"`
	Cursor string `json:"-" query:"cursor"`
}

func (p paging) position(version string) resource.Position {
	return resource.Position{Page: p.Page, Limit: cmp.Or(p.Limit, defaultLimit), Cursor: p.Cursor, ByCursor: version == cursorEra}
}

// list reads the page that the client asks for.
func list[T any](c *httpapi.Call, v resource.List[T], p paging) (resource.Page[T], error) {
	return v.Read(c, p.position(c.Version))
}

// listBody is a list on the wire. The default version shows both styles at once
// (6.3).
type listBody[T any] struct {
	resource.Page[T]
	write   func(b []byte, row *T, version string) []byte
	version string // "" is the default version
}

// body shows a page, each row as write does.
func body[T any](p resource.Page[T], write func(b []byte, row *T, version string) []byte) listBody[T] {
	return listBody[T]{Page: p, write: write}
}

// shown is body for rows that only the world can show: it does so at once, for a
// list is written when the world is let go.
func shown[T, B any](p resource.Page[T], show func(T) B) listBody[B] {
	out := resource.Page[B]{Number: p.Number, Limit: p.Limit, Total: p.Total, Next: p.Next, ByCursor: p.ByCursor}
	for _, row := range p.Rows {
		out.Rows = append(out.Rows, engine.Row[B]{Seq: row.Seq, ID: row.ID, Value: show(row.Value)})
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
	o := resource.OpenObject(to)
	o.Name("data")
	o.B = append(o.B, '[')
	for i := range b.Rows {
		o.Comma(i)
		o.B = b.write(o.B, &b.Rows[i].Value, b.version)
	}
	o.B = append(o.B, ']')
	if b.version != cursorEra {
		o.Name("pagination")
		p := resource.OpenObject(o.B)
		p.Number("page", b.Number)
		p.Number("limit", b.Limit)
		p.Number("total", b.Total)
		if b.version != pageEra {
			p.Bool("has_more", b.Next != "")
			p.TextOrNull("next_cursor", b.Next)
		}
		o.B = p.Close()
	}
	if b.version != pageEra {
		o.TextOrNull("next_cursor", b.Next)
	}
	return o.Close()
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
	if b.ByCursor {
		link("first", "", "")
		if b.Next != "" {
			link("next", "cursor", b.Next)
		}
		return strings.Join(out, ", ")
	}
	pages := max(1, (b.Total+b.Limit-1)/b.Limit)
	link("first", "page", "1")
	if b.Number > 1 {
		link("prev", "page", strconv.Itoa(min(b.Number-1, pages)))
	}
	if b.Number < pages {
		link("next", "page", strconv.Itoa(b.Number+1))
	}
	link("last", "page", strconv.Itoa(pages))
	return strings.Join(out, ", ")
}
