package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Dump writes the snapshot as text, for people and for comparisons: a heading for the
// clock, for each event of the agenda and for each row, and below the heading of a row
// a line for each member that is not zero, indented by two spaces. No heading appears
// twice. The same state gives the same text, wherever it was loaded and whatever the
// id and seed of the world are. Counters, sequence numbers, internal rows and their
// events (see Kind), and members tagged `dump:"-"` are left out. The present time is
// given only for clocks that do not move.
func (p *Snapshot) Dump(to io.Writer) error { return p.dump(to, nil) }

// DumpUnshared is Dump without rows and instants of the agenda that p shares with
// another snapshot. It leaves out only what is equal in both, so the difference of two
// such dumps is the difference of the full dumps.
func (p *Snapshot) DumpUnshared(other *Snapshot, to io.Writer) error {
	if p.schema != other.schema {
		return p.Dump(to)
	}
	return p.dump(to, other.state())
}

// UnsharedFits reports whether the unshared dumps of two snapshots take at most so
// many bytes each.
func UnsharedFits(p, q *Snapshot, most int) bool {
	return p.DumpUnshared(q, &limitedWriter{left: most}) == nil && q.DumpUnshared(p, &limitedWriter{left: most}) == nil
}

// limitedWriter counts the bytes written to it, and fails above its limit.
type limitedWriter struct{ left int }

var errTooLarge = errors.New("the dump is too large")

// Write implements io.Writer.
func (b *limitedWriter) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errTooLarge
	}
	return len(p), nil
}

// dump leaves out what other has too; a nil other leaves out nothing.
func (p *Snapshot) dump(to io.Writer, other *state) error {
	s := p.state()
	d := dumper{out: bufio.NewWriterSize(to, 64<<10)}
	d.clock(s.clock)
	d.agenda(p.schema, s.agenda, other)
	for i, kind := range p.schema.tables {
		if kind.confidential {
			continue
		}
		d.table, d.hidden = &p.schema.tables[i], hiddenMembers(kind.row)
		row := d.row
		if other != nil {
			row = func(id string, value any) error {
				if other.tables[i].find(id) == value {
					return nil
				}
				return d.row(id, value)
			}
		}
		if err := s.tables[i].each(row); err != nil {
			return fmt.Errorf("table %s: %w", kind.name, err)
		}
	}
	return d.out.Flush()
}

// dumper writes a dump. After an error of the writer it does nothing.
type dumper struct {
	out   *bufio.Writer
	table *tableKind
	// hidden holds the paths of the members of the table's rows that are left out.
	hidden map[string]bool
	buf    bytes.Buffer
	err    error // of out
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

func (d *dumper) agenda(schema *Schema, a agenda, other *state) {
	at, seen := int64(0), map[string]int{} // how often an event appeared at the instant
	shared := false
	a.tree.Scan(func(e event) bool {
		if other != nil && (e.at != at || at == 0) {
			shared = sameAt(a, other.agenda, e.at)
		}
		if shared {
			at = e.at
			return true
		}
		if schema.internalSteps[e.step] {
			return true
		}
		if e.at != at {
			at = e.at
			clear(seen)
		}
		d.heading("agenda", instant(e.at).Format(time.RFC3339Nano))
		d.word(e.step)
		d.word(e.subject)
		name := e.step + " " + e.subject
		if seen[name]++; seen[name] > 1 {
			d.put(" (" + strconv.Itoa(seen[name]) + ")")
		}
		d.line()
		return true
	})
}

// row writes one row; value is a pointer to it.
func (d *dumper) row(id string, value any) error {
	if internal := d.table.internal; internal != nil && internal(value) {
		return nil
	}
	if d.heading(d.table.name, id); d.err != nil {
		return d.err
	}
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
		// A nil list or map is empty after it was saved and loaded.
		if d.hidden[name] || string(v) == "[]" || string(v) == "{}" {
			return nil
		}
		if v.Kind() != '{' && v.Kind() != '[' {
			d.member(name, v)
			return nil
		}
		// A map keeps the order in which the client sent its members.
		if err := v.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(false)); err != nil {
			return err
		}
		return d.nested(name, v)
	})
}

// nested writes a value below a member, and an object member by member.
func (d *dumper) nested(path string, v jsontext.Value) error {
	if v.Kind() != '{' || string(v) == "{}" {
		d.member(path, v)
		return nil
	}
	return members(v, func(name string, v jsontext.Value) error {
		if below := path + "." + name; !d.hidden[below] {
			return d.nested(below, v)
		}
		return nil
	})
}

func (d *dumper) member(path string, v jsontext.Value) {
	d.put("  ")
	d.put(quoteIfNeeded(path))
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
	d.put(quoteIfNeeded(s))
}

func (d *dumper) line() { d.put("\n") }

func (d *dumper) put(s string) {
	if d.err == nil {
		_, d.err = d.out.WriteString(s)
	}
}

// sameAt reports whether two agendas have the same events at an instant.
func sameAt(a, b agenda, at int64) bool {
	of := func(a agenda) (events []event) {
		a.tree.Ascend(event{at: at}, func(e event) bool {
			if e.at == at {
				events = append(events, e)
			}
			return e.at == at
		})
		return events
	}
	return slices.Equal(of(a), of(b))
}

// quoteIfNeeded returns s, in quotes if it could be read as several words.
func quoteIfNeeded(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '(' }) < 0 {
		return s
	}
	quoted, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\ufffd"))
	return string(quoted)
}

// members calls f for each member of an object without white space.
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

// hiddenMembers lists the paths of a type's members that are tagged `dump:"-"`.
func hiddenMembers(t reflect.Type) map[string]bool {
	out := map[string]bool{}
	collectHidden(out, "", t, 0)
	return out
}

func collectHidden(out map[string]bool, path string, t reflect.Type, depth int) {
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
		collectHidden(out, path+name+".", f.Type, depth+1)
	}
}
