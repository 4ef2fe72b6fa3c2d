package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Load reads a state that Save wrote. It returns an error, with the position in the
// file, for another format or version, for unknown members, tables and steps, for
// duplicates, for values that nest or repeat beyond the limits of Save, and for what a
// check of the schema rejects. It reads value by value: besides the world itself it
// takes no more memory than a few times the largest value, which has at most 64 MiB.
func Load(schema *Schema, in io.Reader) (*Snapshot, error) { return load(schema, in, Budget{}) }

// Load is the function Load for a state that is to replace the present one. It returns
// an *OverBudget as soon as the state exceeds the budget.
func (w *World) Load(in io.Reader) (*Snapshot, error) {
	w.mu.Lock()
	b := w.replacementBudget()
	w.mu.Unlock()
	return load(w.schema, in, b)
}

func load(schema *Schema, in io.Reader, b Budget) (*Snapshot, error) {
	l := newLoader(schema, in, b)
	err := l.world()
	var over *OverBudget
	switch {
	case l.in.err != nil:
		return nil, fmt.Errorf("cannot read the saved world: %w", l.in.err)
	case errors.As(err, &over):
		return nil, over
	case err != nil:
		return nil, fmt.Errorf("saved world: %w", err)
	}
	p := newSnapshot(schema, l.s)
	p.saved = true
	return p, nil
}

// loader builds a state while it reads. An error leaves the world unchanged.
type loader struct {
	*reader
	schema  *Schema
	s       *state
	budget  Budget
	head    savedHead
	seen    map[string]bool // members of the file, and tables
	forward forwardSeq
	buf     []byte // of the value of a row
}

// forwardSeq is the highest number of an event or row that was read before last_seq.
type forwardSeq struct {
	seq   uint64
	where string
}

func newLoader(schema *Schema, in io.Reader, b Budget) *loader {
	return &loader{reader: newReader(in, b), schema: schema, s: newState(schema), budget: b, seen: map[string]bool{}}
}

// checkBudget returns an *OverBudget if the state read so far exceeds the budget.
func (l *loader) checkBudget() error { return l.budget.check(l.s.bytes()) }

func (l *loader) world() error {
	err := l.object(maxHead, l.member)
	if err == nil {
		err = l.end()
	}
	if err == nil || !l.head.complete() && l.findHead() {
		if fault := l.head.check(); fault != nil {
			return fault
		}
	}
	if err != nil {
		return err
	}
	for _, name := range []string{"/clock", "/counters", "/agenda", "/tables"} {
		if !l.seen[name] {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for _, kind := range l.schema.tables {
		if !l.seen[kind.name] {
			return fmt.Errorf("/tables: table %q is missing", kind.name)
		}
	}
	if l.forward.seq > l.s.seq {
		return fmt.Errorf("%s: seq %d is not within 1 to last_seq (%d)", l.forward.where, l.forward.seq, l.s.seq)
	}
	// A world far behind its clock would have to catch up first.
	if e, ok := l.s.agenda.next(); ok && e.at < l.s.clock.last {
		return fmt.Errorf("/agenda: step %s at %s has happened, for /clock/now is %s: events must not lie before it",
			quoted(e.step), instant(e.at).Format(time.RFC3339Nano), instant(l.s.clock.last).Format(time.RFC3339Nano))
	}
	tx := &Tx{w: &World{schema: l.schema, s: l.s}, s: l.s, now: l.s.clock.last, copied: true}
	for _, check := range l.schema.onLoad {
		if err := check(tx); err != nil {
			return err
		}
	}
	return nil
}

// member reads a member of the world.
func (l *loader) member(name string) error {
	if l.dec.PeekKind() == 'n' && !isHead(name) {
		return l.skip() // reported as missing
	}
	l.seen["/"+name] = true
	switch name {
	case "format", "version", "last_seq":
		err := l.head.read(l.reader, name)
		l.s.seq = l.head.lastSeq
		switch {
		case err != nil:
		case name != "last_seq":
			err = l.head.wrong()
		case l.s.seq > maxCount:
			err = fmt.Errorf("/last_seq: %d is more than %d, the largest number that leaves room to count on", l.s.seq, uint64(maxCount))
		}
		return err
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
}

// findHead reads on after an error, up to a limit, to learn format and version: a file
// of another program or of a later version is rejected as such. It reports whether
// both are known.
func (l *loader) findHead() bool {
	if l.dec.StackDepth() == 0 {
		return false
	}
	l.last = true
	for l.dec.StackDepth() > 1 {
		if _, err := l.dec.ReadToken(); err != nil {
			return false
		}
	}
	for n := 0; n < maxHead && !l.head.complete(); n++ {
		if _, read := l.dec.StackIndex(1); read%2 == 0 { // no name waits for its value
			if l.dec.PeekKind() != '"' {
				return l.dec.PeekKind() == '}'
			}
			if _, err := l.dec.ReadToken(); err != nil {
				return false
			}
		}
		skip := l.dec.SkipValue
		if name := l.dec.StackPointer().LastToken(); isHead(name) {
			skip = func() error { return l.head.read(l.reader, name) }
		}
		if skip() != nil {
			return false
		}
	}
	return l.head.complete()
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
	if reach := time.Date(LastYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(); max(c.OffsetNS, c.MovedNS) > reach || c.OffsetNS < -reach || c.MovedNS < 0 {
		return clock{}, fmt.Errorf("offset_ns or moved_ns is out of range: they reach to %d", reach)
	}
	now := c.Now.UnixNano()
	k := clock{mode: c.Mode, base: now, wall: now - c.OffsetNS, scale: c.Scale, last: now, advanced: c.MovedNS}
	if c.Start != nil {
		if err := (Clock{Now: *c.Start}).check(); err != nil || c.Start.IsZero() {
			return clock{}, fmt.Errorf("start: %w", cmp.Or(err, errors.New("must be null or a time")))
		}
		k.start = c.Start.UnixNano()
	}
	return k, nil
}

func (l *loader) counters() error {
	return l.object(maxMembers, func(name string) error {
		var n uint64
		if err := l.read(&n); err != nil {
			return err
		}
		if n > maxCount {
			return fmt.Errorf("line %d: /counters/%s: %d is more than %d, the largest number that leaves room to count on", l.next(), short(name), n, uint64(maxCount))
		}
		l.s.counters.Set(name, n)
		l.s.account(len(name), 0)
		return l.checkBudget()
	})
}

// tooHigh reports whether a number exceeds last_seq. As long as last_seq is unknown,
// it records the number.
func (l *loader) tooHigh(seq uint64, at func() string) bool {
	if l.head.hasSeq {
		return seq > l.s.seq
	}
	if seq > l.forward.seq {
		l.forward = forwardSeq{seq, at()}
	}
	return false
}

func (l *loader) event(i int) error {
	var e savedEvent
	raw, err := l.into(&e)
	if err != nil {
		return err
	}
	at := func() string { return fmt.Sprintf("line %d: /agenda/%d", l.lineOf(raw), i) }
	fault := ""
	switch {
	case l.schema.steps[e.Step] == nil:
		fault = fmt.Sprintf("step %s is unknown", quoted(e.Step))
	case e.Seq == 0 || l.tooHigh(e.Seq, at):
		fault = fmt.Sprintf("seq %d is not within 1 to last_seq (%d)", e.Seq, l.s.seq)
	case e.At.Year() < 1970 || e.At.Year() > lastBooking:
		fault = fmt.Sprintf("the time is not within the years 1970 to %d", lastBooking)
	}
	if fault == "" {
		if _, taken := l.s.agenda.tree.Set(event{e.At.UnixNano(), e.Seq, e.Step, e.Subject}); taken {
			fault = "appears twice"
		}
	}
	if fault != "" {
		return fmt.Errorf("%s: %s", at(), fault)
	}
	l.s.account(len(e.Subject), 0)
	return l.checkBudget()
}

func (l *loader) table(i int) error {
	begin, index := l.next(), -1
	refused := func(format string, args ...any) error {
		return fmt.Errorf("line %d: /tables/%d: %s", begin, i, fmt.Sprintf(format, args...))
	}
	err := l.object(maxHead, func(name string) error {
		switch name {
		case "name":
			var table string
			if err := l.read(&table); err != nil {
				return err
			}
			if index = slices.IndexFunc(l.schema.tables, func(k tableKind) bool { return k.name == table }); index < 0 {
				return refused("table %s is unknown", quoted(table))
			}
			if l.seen[table] {
				return refused("table %q appears twice", table)
			}
			l.seen[table] = true
			return nil
		case "rows":
			if index < 0 {
				return refused("the rows precede the name of the table")
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
	kind, last := &l.schema.tables[table], uint64(0)
	begin := l.next()
	err := l.list(func(n int) error {
		line := l.next()
		row, err := l.row()
		if err != nil {
			return err
		}
		where := func() string { return fmt.Sprintf("line %d: /tables/%d/rows/%d", line, i, n) }
		switch {
		case row.Seq <= last || l.tooHigh(row.Seq, where):
			err = fmt.Errorf("seq %d is not above the one before (%d) and at most last_seq (%d)", row.Seq, last, l.s.seq)
		case row.ID == "":
			err = errors.New("the id is empty")
		case kind.only != "" && row.ID != kind.only:
			err = fmt.Errorf("the only row of this table is %q", kind.only)
		case row.Value == nil:
			err = errors.New("the value is missing")
		default:
			var size int
			size, err = l.s.tables[table].decode(row)
			l.s.account(size, 0)
		}
		if err != nil {
			return fmt.Errorf("%s: %s %s: %w", where(), kind.name, quoted(row.ID), err)
		}
		last = row.Seq
		return l.checkBudget()
	})
	if err == nil && kind.only != "" && last == 0 {
		err = fmt.Errorf("line %d: /tables/%d/rows: %s %q is missing", begin, i, kind.name, kind.only)
	}
	return err
}

// row reads a row. Its value is valid until the next one is read.
func (l *loader) row() (row savedRow, err error) {
	err = l.object(maxHead, func(name string) error {
		switch name {
		case "seq":
			return l.read(&row.Seq)
		case "id":
			return l.read(&row.ID)
		case "value":
			raw, err := l.value()
			if raw.Kind() != 'n' {
				l.buf = append(l.buf[:0], raw...)
				row.Value = l.buf
			}
			return err
		}
		return l.unknown()
	})
	return row, err
}

// decode adds a saved row. Members that stay JSON lose the white space of the file.
func (r *rows) decode(row savedRow) (size int, err error) {
	value := reflect.New(r.kind.of).Interface()
	if err := row.Value.Compact(); err != nil {
		return 0, err
	}
	if err := json.Unmarshal(row.Value, value, json.RejectUnknownMembers(true)); err != nil {
		return 0, reason(err)
	}
	if r.kind.check != nil {
		if err := r.kind.check(value, row.ID); err != nil {
			return 0, err
		}
	}
	if _, taken := r.byID.Set(row.ID, row.Seq); taken {
		return 0, errors.New("the id appears twice")
	}
	size = r.sizeOf(row.ID, value)
	r.bySeq.Set(row.Seq, entry{id: row.ID, value: value, size: size})
	return size, nil
}
