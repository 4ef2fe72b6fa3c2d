package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The saved form of a world. The format's name and version come first so that
// any tool can tell what it reads.
const (
	savedFormat  = "skystack-sandbox-world"
	savedVersion = 1
)

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

type savedRow struct {
	Seq   uint64         `json:"seq"`
	ID    string         `json:"id"`
	Value jsontext.Value `json:"value"`
}

// Save writes the snapshot as JSON, without confidential rows. The same snapshot gives
// the same bytes.
func (p *Snapshot) Save(out io.Writer) error { return p.save(out, false) }

// SaveSecrets is Save with confidential rows.
func (p *Snapshot) SaveSecrets(out io.Writer) error { return p.save(out, true) }

func (p *Snapshot) save(out io.Writer, secrets bool) error {
	s := p.state()
	buffered := bufio.NewWriterSize(out, 64<<10)
	w := writer{jsontext.NewEncoder(buffered, json.Deterministic(true), jsontext.WithIndent(" ")), nil}
	w.token(jsontext.BeginObject)
	w.member("format", savedFormat)
	w.member("version", savedVersion)
	w.member("clock", s.clock.saved())
	w.member("last_seq", s.seq)
	w.name("counters")
	w.token(jsontext.BeginObject)
	s.counters.Scan(func(name string, n uint64) bool { return w.member(name, n) })
	w.token(jsontext.EndObject)
	w.name("agenda")
	w.token(jsontext.BeginArray)
	s.agenda.tree.Scan(func(e event) bool { return w.value(savedEvent{instant(e.at), e.seq, e.step, e.subject}) })
	w.token(jsontext.EndArray)
	w.name("tables")
	w.token(jsontext.BeginArray)
	for i, kind := range p.schema.tables {
		w.token(jsontext.BeginObject)
		w.member("name", kind.name)
		w.name("rows")
		w.token(jsontext.BeginArray)
		if !kind.confidential || secrets {
			s.tables[i].encode(&w)
		}
		w.token(jsontext.EndArray)
		w.token(jsontext.EndObject)
		if w.err != nil {
			return fmt.Errorf("table %s: %w", kind.name, w.err)
		}
	}
	w.token(jsontext.EndArray)
	w.token(jsontext.EndObject)
	return errors.Join(w.err, buffered.Flush())
}

func (c clock) saved() savedClock {
	saved := savedClock{Mode: c.mode, Now: instant(c.last), Scale: c.scale, MovedNS: c.advanced}
	if c.mode == Real { // clocks of other modes continue from Now
		saved.OffsetNS = c.base - c.wall
	}
	if c.start != 0 {
		start := instant(c.start)
		saved.Start = &start
	}
	return saved
}

// writer writes a saved world value by value, so that it is never in memory as a
// whole. After an error it does nothing.
type writer struct {
	enc *jsontext.Encoder
	err error
}

func (w *writer) token(t jsontext.Token) {
	if w.err == nil {
		w.err = w.enc.WriteToken(t)
	}
}

func (w *writer) name(name string) { w.token(jsontext.String(name)) }

func (w *writer) value(v any) bool {
	if w.err == nil {
		w.err = json.MarshalEncode(w.enc, v)
	}
	return w.err == nil
}

func (w *writer) member(name string, v any) bool {
	w.name(name)
	return w.value(v)
}

func (r *rows) encode(w *writer) {
	r.bySeq.Scan(func(seq uint64, e entry) bool {
		w.token(jsontext.BeginObject)
		w.name("seq")
		w.token(jsontext.Uint(seq))
		w.member("id", e.id)
		if w.member("value", e.value); w.err != nil {
			w.err = fmt.Errorf("row %s: %w", e.id, w.err)
			return false
		}
		w.token(jsontext.EndObject)
		return w.err == nil
	})
}
