package engine

import (
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

// Save writes the snapshot as JSON, without rows that are confidential: the same
// snapshot gives the same bytes.
func (p *Snapshot) Save(out io.Writer) error { return p.save(out, false) }

// SaveSecrets is Save with the rows that are confidential.
func (p *Snapshot) SaveSecrets(out io.Writer) error { return p.save(out, true) }

func (p *Snapshot) save(out io.Writer, secrets bool) error {
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
		rows, err := []savedRow{}, error(nil)
		if !kind.confidential || secrets {
			rows, err = s.tables[i].encode()
		}
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
