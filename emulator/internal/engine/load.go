package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lastBooking is the last whole year that nanoseconds reach.
const lastBooking = 2261

// Load reads what Save wrote, of at most 64 MiB. It refuses another format or
// version, unknown members, tables and steps, duplicates, rows the schema's
// checks refuse, and what nests or repeats beyond what Save writes, and says
// where it found them. What it allocates is bounded, whatever it reads.
func Load(schema *Schema, in io.Reader) (*Snapshot, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxSaved+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the saved world: %w", err)
	}
	if len(data) > maxSaved {
		return nil, fmt.Errorf("the saved world is larger than %d MiB", maxSaved>>20)
	}
	head, err := survey(data)
	if err == nil {
		err = head.check()
	}
	if err != nil {
		return nil, fmt.Errorf("saved world: %w", err)
	}
	l := loader{schema: schema, s: newState(schema), data: data, dec: jsontext.NewDecoder(bytes.NewBuffer(data))}
	l.s.seq = head.lastSeq
	if err := l.world(); err != nil {
		return nil, fmt.Errorf("saved world: %w", err)
	}
	return newSnapshot(schema, l.s), nil
}

// loader builds a state while it reads, so that what is refused has cost no more
// than what was read of it.
type loader struct {
	schema *Schema
	s      *state
	data   []byte
	dec    *jsontext.Decoder
	given  map[string]bool // members of the file and tables
}

func (l *loader) world() error {
	l.given = map[string]bool{}
	err := l.object(func(name string) error {
		if l.dec.PeekKind() == 'n' {
			return l.dec.SkipValue() // reported as missing
		}
		l.given["/"+name] = true
		switch name {
		case "format", "version", "last_seq":
			return l.dec.SkipValue()
		case "clock":
			return l.clock()
		case "counters":
			return l.counters()
		case "agenda":
			return l.list(l.event)
		case "tables":
			return l.list(l.table)
		}
		return l.unknown()
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"/clock", "/counters", "/agenda", "/tables"} {
		if !l.given[name] {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for _, kind := range l.schema.tables {
		if !l.given[kind.name] {
			return fmt.Errorf("/tables: table %q is missing", kind.name)
		}
	}
	// A world that stands far behind its clock would have to catch up first.
	if e, ok := l.s.agenda.next(); ok && e.at <= l.s.clock.last {
		return fmt.Errorf("/agenda: step %s at %s has happened, for /clock/now is %s: what is booked must lie after it",
			quoted(e.step), instant(e.at).Format(time.RFC3339Nano), instant(l.s.clock.last).Format(time.RFC3339Nano))
	}
	return nil
}

func (l *loader) clock() error {
	var saved savedClock
	if err := l.read(&saved); err != nil {
		return err
	}
	c, err := saved.clock()
	if err != nil {
		return fmt.Errorf("/clock: %w", err)
	}
	l.s.clock = c
	return nil
}

func (c savedClock) clock() (clock, error) {
	if err := (Clock{Mode: c.Mode, Now: c.Now, Scale: c.Scale}).check(); err != nil {
		return clock{}, err
	}
	if c.Mode == "" || c.Scale == 0 || c.Now.IsZero() {
		return clock{}, errors.New("mode, now and scale must be given")
	}
	if reach := time.Date(lastYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(); max(c.OffsetNS, c.MovedNS) > reach || c.OffsetNS < -reach || c.MovedNS < 0 {
		return clock{}, fmt.Errorf("offset_ns or moved_ns is out of range: they reach to %d", reach)
	}
	now := c.Now.UnixNano()
	k := clock{mode: c.Mode, base: now, wall: now - c.OffsetNS, scale: c.Scale, last: now, travelled: c.MovedNS}
	if c.Start != nil {
		if err := (Clock{Now: *c.Start}).check(); err != nil || c.Start.IsZero() {
			return clock{}, fmt.Errorf("start: %w", cmp.Or(err, errors.New("must be null or a time")))
		}
		k.start = c.Start.UnixNano()
	}
	return k, nil
}

func (l *loader) counters() error {
	return l.object(func(name string) error {
		var n uint64
		err := l.read(&n)
		l.s.counters.Set(name, n)
		return err
	})
}

func (l *loader) event(i int) error {
	begin := l.dec.InputOffset()
	var e savedEvent
	if err := l.read(&e); err != nil {
		return err
	}
	fault := ""
	switch {
	case l.schema.steps[e.Step] == nil:
		fault = fmt.Sprintf("step %s is unknown", quoted(e.Step))
	case e.Seq == 0 || e.Seq > l.s.seq:
		fault = fmt.Sprintf("seq %d is not within 1 to last_seq (%d)", e.Seq, l.s.seq)
	case e.At.Year() < 1970 || e.At.Year() > lastBooking:
		fault = fmt.Sprintf("the time is not within the years 1970 to %d", lastBooking)
	}
	if fault == "" {
		if _, taken := l.s.agenda.tree.Set(event{e.At.UnixNano(), e.Seq, e.Step, e.Subject}); taken {
			fault = "stands there twice"
		}
	}
	if fault != "" {
		return fmt.Errorf("%s: %s", l.at(begin, "/agenda/%d", i), fault)
	}
	return nil
}

func (l *loader) table(i int) error {
	begin, index := l.dec.InputOffset(), -1
	refused := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", l.at(begin, "/tables/%d", i), fmt.Sprintf(format, args...))
	}
	err := l.object(func(name string) error {
		switch name {
		case "name":
			var table string
			if err := l.read(&table); err != nil {
				return err
			}
			if index = slices.IndexFunc(l.schema.tables, func(k tableKind) bool { return k.name == table }); index < 0 {
				return refused("table %s is unknown", quoted(table))
			}
			if l.given[table] {
				return refused("table %q stands there twice", table)
			}
			l.given[table] = true
			return nil
		case "rows":
			if index < 0 {
				return refused("the rows come before the name of the table")
			}
			return l.rows(i, index)
		}
		return l.unknown()
	})
	if err == nil && index < 0 {
		return refused("the table has no name")
	}
	return err
}

func (l *loader) rows(i, table int) error {
	last, lone := uint64(0), l.schema.tables[table].lone
	after := l.dec.InputOffset()
	err := l.list(func(n int) error {
		begin := l.dec.InputOffset()
		var row savedRow
		if err := l.read(&row); err != nil {
			return err
		}
		var err error
		switch {
		case row.Seq <= last || row.Seq > l.s.seq:
			err = fmt.Errorf("seq %d is not above the one before (%d) and at most last_seq (%d)", row.Seq, last, l.s.seq)
		case row.ID == "":
			err = errors.New("the id is empty")
		case lone != "" && row.ID != lone:
			err = fmt.Errorf("the only row of this table is %q", lone)
		case row.Value == nil:
			err = errors.New("the value is missing")
		default:
			var size int
			size, err = l.s.tables[table].decode(row)
			l.s.account(size, 0)
		}
		if err != nil {
			return fmt.Errorf("%s: %s %s: %w", l.at(begin, "/tables/%d/rows/%d", i, n), l.schema.tables[table].name, quoted(row.ID), err)
		}
		last = row.Seq
		return nil
	})
	if err == nil && lone != "" && last == 0 {
		err = fmt.Errorf("%s: %s %q is missing", l.at(after, "/tables/%d/rows", i), l.schema.tables[table].name, lone)
	}
	return err
}

// decode takes a row in. Parts that stay JSON lose the white space of the file.
func (r *rows[T]) decode(row savedRow) (size int, err error) {
	var value T
	if err := row.Value.Compact(); err != nil {
		return 0, err
	}
	if err := json.Unmarshal(row.Value, &value, json.RejectUnknownMembers(true)); err != nil {
		return 0, reason(err)
	}
	if r.check != nil {
		if err := r.check(row.ID, value); err != nil {
			return 0, err
		}
	}
	if c, ok := any(value).(Checker); ok {
		if err := c.CheckSaved(row.ID); err != nil {
			return 0, err
		}
	}
	if l, ok := any(value).(Loaded[T]); ok {
		value = l.Loaded()
	}
	if _, taken := r.byID.Set(row.ID, row.Seq); taken {
		return 0, errors.New("the id stands there twice")
	}
	size = r.sizeOf(row.ID, &value)
	r.bySeq.Set(row.Seq, entry[T]{id: row.ID, value: &value, size: size})
	return size, nil
}

// object reads an object; f reads the value of each member.
func (l *loader) object(f func(name string) error) error {
	return l.within('{', func() error {
		name, err := l.dec.ReadToken()
		if err != nil {
			return located(l.data, err)
		}
		return f(name.String())
	})
}

// list reads a list; f reads each item.
func (l *loader) list(f func(i int) error) error {
	i := -1
	return l.within('[', func() error {
		i++
		return f(i)
	})
}

func (l *loader) within(kind jsontext.Kind, next func() error) error {
	if got := l.dec.PeekKind(); got != kind {
		begin := l.dec.InputOffset()
		if err := l.dec.SkipValue(); err != nil {
			return located(l.data, err)
		}
		return fmt.Errorf("%s: want %s, got %s", l.at(begin, "%s", short(string(l.dec.StackPointer()))), kindName(kind), kindName(got))
	}
	if _, err := l.dec.ReadToken(); err != nil {
		return located(l.data, err)
	}
	for l.dec.PeekKind() != kind+2 { // the closing character
		if err := next(); err != nil {
			return err
		}
	}
	_, err := l.dec.ReadToken()
	return err
}

// read reads the next value into a Go value.
func (l *loader) read(to any) error {
	if err := json.UnmarshalDecode(l.dec, to, json.RejectUnknownMembers(true)); err != nil {
		return located(l.data, err)
	}
	return nil
}

// at is where the value after the offset begins, for messages.
func (l *loader) at(offset int64, pointer string, indexes ...any) string {
	for int(offset) < len(l.data) && strings.IndexByte(" \t\r\n,:", l.data[offset]) >= 0 {
		offset++
	}
	return fmt.Sprintf("line %d: "+pointer, append([]any{line(l.data, offset)}, indexes...)...)
}

// unknown refuses the member whose name was just read.
func (l *loader) unknown() error {
	return fmt.Errorf("line %d: %s: unknown object member", line(l.data, l.dec.InputOffset()), short(string(l.dec.StackPointer())))
}
