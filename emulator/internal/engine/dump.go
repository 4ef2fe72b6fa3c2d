package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Dump writes everything the snapshot holds as text for people and for
// comparisons: a heading for the clock, for each event of the agenda and for
// each row, and below a row's heading a line for each member that is not zero,
// indented by two spaces. No heading stands there twice. The same state gives
// the same text, wherever it was loaded and whatever the world's id and seed
// are. How a world is used and how it keeps account does not belong to it:
// counters, sequence numbers, rows and events of Bookkeeping, and members tagged
// `dump:"-"`. The present is only given where it stands still.
func (p *Snapshot) Dump(to io.Writer) error {
	s := p.state()
	d := dumper{out: bufio.NewWriterSize(to, 64<<10)}
	d.clock(s.clock)
	d.agenda(p.schema, s.agenda)
	for i, kind := range p.schema.tables {
		if kind.confidential {
			continue
		}
		d.table, d.hidden = &p.schema.tables[i], hiddenIn(kind.row)
		if err := s.tables[i].each(d.row); err != nil {
			return fmt.Errorf("table %s: %w", kind.name, err)
		}
	}
	return d.out.Flush()
}

// dumper writes a dump. Faults of the writer come to light in Flush.
type dumper struct {
	out   *bufio.Writer
	table *tableKind
	// hidden is the members of the table's rows that are left out, by their paths.
	hidden map[string]bool
	buf    bytes.Buffer
}

func (d *dumper) clock(c clock) {
	d.heading("clock", string(c.mode))
	switch c.mode {
	case Real:
	case Scaled:
		d.word(strconv.FormatFloat(c.scale, 'g', -1, 64))
	default:
		d.word(instant(c.last).Format(time.RFC3339Nano))
	}
	d.line()
}

func (d *dumper) agenda(schema *Schema, a agenda) {
	at, same := int64(0), map[string]int{} // how often an event stood there at the instant
	a.tree.Scan(func(e event) bool {
		if schema.silent[e.step] {
			return true
		}
		if e.at != at {
			at = e.at
			clear(same)
		}
		d.heading("agenda", instant(e.at).Format(time.RFC3339Nano))
		d.word(e.step)
		d.word(e.subject)
		name := e.step + " " + e.subject
		if same[name]++; same[name] > 1 {
			d.put(" (" + strconv.Itoa(same[name]) + ")")
		}
		d.line()
		return true
	})
}

// row writes one row; value is a pointer to it.
func (d *dumper) row(id string, value any) error {
	if b, ok := value.(Bookkeeping); ok && b.Bookkeeping() {
		return nil
	}
	d.heading(d.table.name, id)
	d.line()
	d.buf.Reset()
	if err := json.MarshalWrite(&d.buf, value, json.OmitZeroStructFields(true)); err != nil {
		return fmt.Errorf("row %s: %w", id, err)
	}
	v := jsontext.Value(d.buf.Bytes())
	if v.Kind() != '{' {
		d.member("value", v)
		return nil
	}
	return members(v, func(name string, v jsontext.Value) error {
		// An empty one comes of a list or map that was saved when it was nil.
		if d.hidden[name] || string(v) == "[]" || string(v) == "{}" {
			return nil
		}
		if v.Kind() != '{' && v.Kind() != '[' {
			d.member(name, v)
			return nil
		}
		// In what is no struct the order is whoever's who sent it.
		if err := v.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(false)); err != nil {
			return err
		}
		return d.inside(name, v)
	})
}

// inside writes a value below a member, objects member by member.
func (d *dumper) inside(path string, v jsontext.Value) error {
	if v.Kind() != '{' || string(v) == "{}" {
		d.member(path, v)
		return nil
	}
	return members(v, func(name string, v jsontext.Value) error {
		if below := path + "." + name; !d.hidden[below] {
			return d.inside(below, v)
		}
		return nil
	})
}

func (d *dumper) member(path string, v jsontext.Value) {
	d.put("  ")
	d.put(plain(path))
	d.put(" ")
	d.put(string(v))
	d.line()
}

func (d *dumper) heading(kind, first string) {
	d.put(kind)
	d.word(first)
}

func (d *dumper) word(s string) {
	d.put(" ")
	d.put(plain(s))
}

func (d *dumper) line() { d.put("\n") }

func (d *dumper) put(s string) { _, _ = d.out.WriteString(s) }

// plain is a word, in quotes if it could be taken for more than one.
func plain(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '(' }) < 0 {
		return s
	}
	quoted, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\ufffd"))
	return string(quoted)
}

// members takes an object without white space apart.
func members(object jsontext.Value, f func(name string, v jsontext.Value) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		text := name.String()
		v, err := dec.ReadValue()
		if err == nil {
			err = f(text, v.Clone())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hiddenIn lists the paths of a type's members that are tagged `dump:"-"`.
func hiddenIn(t reflect.Type) map[string]bool {
	out := map[string]bool{}
	hide(out, "", t, 0)
	return out
}

func hide(out map[string]bool, path string, t reflect.Type, depth int) {
	const deepest = 8 // types may contain themselves
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || depth > deepest {
		return
	}
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if f.Tag.Get("dump") == "-" {
			out[path+name] = true
			continue
		}
		hide(out, path+name+".", f.Type, depth+1)
	}
}
