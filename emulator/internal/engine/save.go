package engine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The saved form of a world. The format's name and version come first so that
// any tool can tell what it reads.
const (
	savedFormat  = "skystack-sandbox-world"
	savedVersion = 1
	// maxSaved bounds what Load reads.
	maxSaved = 64 << 20
	// lastBooking is the last whole year that nanoseconds reach.
	lastBooking = 2261
)

type savedWorld struct {
	Format   string            `json:"format"`
	Version  int               `json:"version"`
	Clock    savedClock        `json:"clock"`
	LastSeq  uint64            `json:"last_seq"`
	Counters map[string]uint64 `json:"counters"`
	Agenda   []savedEvent      `json:"agenda"`
	Tables   []savedTable      `json:"tables"`
}

type savedClock struct {
	Mode     Mode       `json:"mode"`
	Now      time.Time  `json:"now"`
	Scale    float64    `json:"scale"`
	OffsetNS int64      `json:"offset_ns"`
	MovedNS  int64      `json:"moved_ns"`
	Start    *time.Time `json:"start"` // null unless it was chosen
}

type savedEvent struct {
	At      time.Time `json:"at"`
	Seq     uint64    `json:"seq"`
	Step    string    `json:"step"`
	Subject string    `json:"subject"`
}

type savedTable struct {
	Name string     `json:"name"`
	Rows []savedRow `json:"rows"`
}

type savedRow struct {
	Seq   uint64         `json:"seq"`
	ID    string         `json:"id"`
	Value jsontext.Value `json:"value"`
}

// Save writes the snapshot as JSON: the same snapshot gives the same bytes.
func (p *Snapshot) Save(out io.Writer) error {
	s := p.state()
	saved := savedWorld{
		Format: savedFormat, Version: savedVersion, LastSeq: s.seq, Counters: map[string]uint64{},
		Agenda: []savedEvent{},
		Clock: savedClock{
			Mode: s.clock.mode, Now: instant(s.clock.last), Scale: s.clock.scale,
			MovedNS: s.clock.travelled,
		},
	}
	if s.clock.mode == Real { // the others go on from the instant itself
		saved.Clock.OffsetNS = s.clock.base - s.clock.wall
	}
	if s.clock.start != 0 {
		start := instant(s.clock.start)
		saved.Clock.Start = &start
	}
	s.counters.Scan(func(name string, n uint64) bool {
		saved.Counters[name] = n
		return true
	})
	s.agenda.tree.Scan(func(e event) bool {
		saved.Agenda = append(saved.Agenda, savedEvent{instant(e.at), e.seq, e.step, e.subject})
		return true
	})
	for i, kind := range p.schema.tables {
		rows, err := s.tables[i].encode()
		if err != nil {
			return fmt.Errorf("table %s: %w", kind.name, err)
		}
		saved.Tables = append(saved.Tables, savedTable{kind.name, rows})
	}
	return json.MarshalWrite(out, saved, json.Deterministic(true), jsontext.WithIndent(" "))
}

func (r *rows[T]) encode() ([]savedRow, error) {
	out := make([]savedRow, 0, r.bySeq.Len())
	var fault error
	r.bySeq.Scan(func(seq uint64, e entry[T]) bool {
		value, err := json.Marshal(*e.value, json.Deterministic(true))
		if err != nil {
			fault = fmt.Errorf("row %s: %w", e.id, err)
			return false
		}
		out = append(out, savedRow{seq, e.id, value})
		return true
	})
	return out, fault
}

// Load reads what Save wrote, of at most 64 MiB. It refuses another format or
// version, unknown members, tables and steps, duplicates and rows the schema's
// checks refuse, and says where it found them.
func Load(schema *Schema, in io.Reader) (*Snapshot, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxSaved+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the saved world: %w", err)
	}
	if len(data) > maxSaved {
		return nil, fmt.Errorf("the saved world is larger than %d MiB", maxSaved>>20)
	}
	if err := checkHead(data); err != nil {
		return nil, err
	}
	var saved savedWorld
	if err := json.Unmarshal(data, &saved, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("saved world: %w", located(data, err))
	}
	if saved.Counters == nil || saved.Agenda == nil {
		return nil, errors.New("saved world: /counters and /agenda must be given")
	}
	s := newState(schema)
	s.seq = saved.LastSeq
	if s.clock, err = saved.Clock.clock(); err != nil {
		return nil, fmt.Errorf("saved world: /clock: %w", err)
	}
	for name, n := range saved.Counters {
		s.counters.Set(name, n)
	}
	if err := s.loadAgenda(schema, saved.Agenda); err != nil {
		return nil, err
	}
	if err := s.loadTables(schema, saved.Tables); err != nil {
		return nil, err
	}
	return &Snapshot{schema: schema, s: s}, nil
}

// checkHead looks at format and version alone, so that a world of a later
// version is refused as such and not for its first unknown member.
func checkHead(data []byte) error {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("saved world: %w", located(data, err))
	}
	if head.Format != savedFormat {
		return fmt.Errorf("saved world: /format is %q: this reads %q", head.Format, savedFormat)
	}
	if head.Version != savedVersion {
		return fmt.Errorf("saved world: /version is %d: this reads version %d", head.Version, savedVersion)
	}
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
		if err := (Clock{Now: *c.Start}).check(); err != nil {
			return clock{}, fmt.Errorf("start: %w", err)
		}
		k.start = c.Start.UnixNano()
	}
	return k, nil
}

func (s *state) loadAgenda(schema *Schema, events []savedEvent) error {
	for i, e := range events {
		fault := ""
		switch {
		case schema.steps[e.Step] == nil:
			fault = fmt.Sprintf("step %q is unknown", e.Step)
		case e.Seq == 0 || e.Seq > s.seq:
			fault = fmt.Sprintf("seq %d is not within 1 to last_seq (%d)", e.Seq, s.seq)
		case e.At.Year() < 1970 || e.At.Year() > lastBooking:
			fault = fmt.Sprintf("the time is not within the years 1970 to %d", lastBooking)
		}
		if fault == "" {
			if _, taken := s.agenda.tree.Set(event{e.At.UnixNano(), e.Seq, e.Step, e.Subject}); taken {
				fault = "stands there twice"
			}
		}
		if fault != "" {
			return fmt.Errorf("saved world: /agenda/%d: %s", i, fault)
		}
	}
	return nil
}

func (s *state) loadTables(schema *Schema, tables []savedTable) error {
	seen := map[string]bool{}
	for i, t := range tables {
		at := slices.IndexFunc(schema.tables, func(k tableKind) bool { return k.name == t.Name })
		if at < 0 {
			return fmt.Errorf("saved world: /tables/%d: table %q is unknown", i, t.Name)
		}
		if seen[t.Name] {
			return fmt.Errorf("saved world: /tables/%d: table %q stands there twice", i, t.Name)
		}
		seen[t.Name] = true
		if err := s.tables[at].decode(t.Name, t.Rows, s.seq); err != nil {
			return fmt.Errorf("saved world: /tables/%d/rows/%w", i, err)
		}
	}
	for _, kind := range schema.tables {
		if !seen[kind.name] {
			return fmt.Errorf("saved world: /tables: table %q is missing", kind.name)
		}
	}
	return nil
}

func (r *rows[T]) decode(table string, saved []savedRow, limit uint64) error {
	last := uint64(0)
	for i, row := range saved {
		var value T
		err := json.Unmarshal(row.Value, &value, json.RejectUnknownMembers(true))
		switch {
		case err != nil:
			err = located(row.Value, err)
		case row.Seq <= last || row.Seq > limit:
			err = fmt.Errorf("seq %d is not above the one before (%d) and at most last_seq (%d)", row.Seq, last, limit)
		case row.ID == "":
			err = errors.New("the id is empty")
		case r.check != nil:
			err = r.check(row.ID, value)
		}
		if err == nil {
			if _, taken := r.byID.Set(row.ID, row.Seq); taken {
				err = errors.New("the id stands there twice")
			}
		}
		if err != nil {
			return fmt.Errorf("%d: %s %q: %w", i, table, row.ID, err)
		}
		last = row.Seq
		r.bySeq.Set(row.Seq, entry[T]{id: row.ID, value: &value})
	}
	return nil
}

// located says where in the data a JSON error lies, and why, without the name
// of the Go types behind it.
func located(data []byte, err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %w", line(data, syntax.ByteOffset), syntax.Err)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		reason := semantic.Err
		if reason == nil {
			reason = fmt.Errorf("a JSON %s does not belong here", semantic.JSONKind)
		}
		return fmt.Errorf("line %d: %s: %w", line(data, semantic.ByteOffset), semantic.JSONPointer, reason)
	}
	return err
}

func line(data []byte, offset int64) int {
	n := 1
	for _, b := range data[:min(int(offset), len(data))] {
		if b == '\n' {
			n++
		}
	}
	return n
}
