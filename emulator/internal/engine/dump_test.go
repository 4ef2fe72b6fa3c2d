package engine

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// dumped is the text of a snapshot.
func dumped(t testing.TB, p *Snapshot) string {
	t.Helper()
	var b strings.Builder
	if err := p.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// thing is a row with members of every sort.
type thing struct {
	Name    string             `json:"name"`
	Zero    int                `json:"zero"`
	Limit   *int               `json:"limit"`
	Inner   inner              `json:"inner"`
	Pointer *inner             `json:"pointer"`
	At      time.Time          `json:"at"`
	Tags    []string           `json:"tags"`
	Empty   []string           `json:"empty"`
	Prices  map[string]float64 `json:"prices"`
	Free    jsontext.Value     `json:"free,omitzero"`
	Secret  string             `json:"secret" dump:"-"`
	Untagged
}

// Untagged shows its members as its owner's.
type Untagged struct {
	Open bool `json:"open"`
}

type inner struct {
	A, B   int
	Hidden int   `dump:"-"`
	Due    Timer `json:"due"`
}

// usage is internal unless it is above 9.
type usage struct {
	N int `json:"n"`
}

func (u usage) internal() bool { return u.N <= 9 }

// dumpSchema is a schema with a row of every form that a dump writes.
type dumpSchema struct {
	*Schema
	things *Table[thing]
	usages *Table[usage]
	words  *Table[string]
}

func newDumpSchema() *dumpSchema {
	m := &dumpSchema{Schema: NewSchema()}
	m.things = AddTable(m.Schema, Kind[thing]{Name: "things"})
	m.usages = AddTable(m.Schema, Kind[usage]{Name: "usages", Internal: usage.internal})
	m.words = AddTable(m.Schema, Kind[string]{Name: "words"})
	m.AddStep("thing.end", func(*Tx, string) {})
	m.AddInternal("usage.forget", func(*Tx, string) {})
	return m
}

func (m *dumpSchema) world(t testing.TB, c Clock) *World {
	t.Helper()
	w, err := NewWorld(m.Schema, Config{ID: "wsp_museum", Seed: 7, Clock: c, Strict: true})
	must(t, err)
	t.Cleanup(w.Close)
	return w
}

func TestDump(t *testing.T) {
	m := newDumpSchema()
	w := m.world(t, Clock{Mode: Frozen, Now: start})
	none := 0
	do(w, func(tx *Tx) {
		m.things.Put(tx, "t1", thing{
			Name: "a \"name\"\nof two lines", Limit: &none, Inner: inner{A: 1, Hidden: 2, Due: Timer{At: start, Seq: 9}}, Pointer: &inner{B: 3},
			At: start.Add(time.Millisecond), Tags: []string{"x", "y"}, Empty: []string{}, Prices: map[string]float64{"b": 2, "a": 1.5}, Secret: "s",
			Free: jsontext.Value(`{"z":{"deep":[{"b":1,"a":2}]},"n":null,"e":{},"two words":"\u00e9","big":12345678901234567890,"l":[]}`), Untagged: Untagged{true},
		})
		m.things.Put(tx, "t 2\n  name", thing{})
		m.usages.Put(tx, "u", usage{1})
		m.usages.Put(tx, "v", usage{10})
		m.words.Put(tx, "w", "hello")
		m.things.Put(tx, "gone", thing{})
		m.things.Delete(tx, "gone")
		tx.NewID("ins")
		tx.After(time.Second, "thing.end", "t1")
		tx.After(time.Second, "usage.forget", "u")
		tx.After(time.Second, "thing.end", "t 2\n  name")
		tx.After(time.Second, "thing.end", "t1")
		tx.After(time.Second+1, "thing.end", "t1")
	})
	equal(t, "the dump", dumped(t, w.Snapshot()), `clock frozen 2026-03-19T10:22:44Z
agenda 2026-03-19T10:22:45Z thing.end t1
agenda 2026-03-19T10:22:45Z thing.end "t 2\n  name"
agenda 2026-03-19T10:22:45Z thing.end t1 (2)
agenda 2026-03-19T10:22:45.000000001Z thing.end t1
things t1
  name "a \"name\"\nof two lines"
  limit 0
  inner.A 1
  inner.due.at "2026-03-19T10:22:44Z"
  pointer.B 3
  at "2026-03-19T10:22:44.001Z"
  tags ["x","y"]
  prices.a 1.5
  prices.b 2
  free.big 12345678901234567890
  free.e {}
  free.l []
  free.n null
  "free.two words" "é"
  free.z.deep [{"a":2,"b":1}]
  open true
things "t 2\n  name"
usages v
  n 10
words w
  value "hello"
`)
}

func TestDumpOfEachClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDumpSchema()
		for mode, want := range map[Mode]string{
			Real: "clock real\n", Scaled: "clock scaled 2.5\n", Frozen: "clock frozen 2026-03-19T10:22:44Z\n", Auto: "clock auto 2026-03-19T10:22:44Z\n",
		} {
			w := m.world(t, Clock{Mode: mode, Scale: 2.5, Now: start})
			equal(t, string(mode), dumped(t, w.Snapshot()), want)
			wait(time.Minute)
			equal(t, string(mode)+" later", dumped(t, w.Snapshot()), want)
		}
	})
}

// What was sent in another order is the same state.
func TestDumpOfTheSameStateIsTheSame(t *testing.T) {
	m := newDumpSchema()
	var texts []string
	for _, free := range []string{`{"a":{"x":1,"y":[{"p":1,"q":2}]},"b":"\u0041"}`, `{"b":"A","a":{"y":[{"q":2,"p":1}],"x":1}}`} {
		w := m.world(t, Clock{Mode: Frozen, Now: start})
		do(w, func(tx *Tx) { m.things.Put(tx, "t", thing{Free: jsontext.Value(free)}) })
		texts = append(texts, dumped(t, w.Snapshot()))
	}
	equal(t, "the other order", texts[1], texts[0])
}

// A world that was saved and loaded elsewhere has the same dump, and no heading
// appears twice.
func TestDumpAfterLoad(t *testing.T) {
	m := newDumpSchema()
	rapid.Check(t, func(rt *rapid.T) {
		mode := rapid.SampledFrom(Modes()).Draw(rt, "mode")
		w := m.world(t, Clock{Mode: mode, Now: start, Scale: rapid.Float64Range(0.001, maxScale).Draw(rt, "scale")})
		text := rapid.StringN(1, 6, -1)
		do(w, func(tx *Tx) {
			for range rapid.IntRange(0, 12).Draw(rt, "steps") {
				id, n := text.Draw(rt, "id"), rapid.IntRange(0, 9).Draw(rt, "n")
				quoted, _ := jsontext.AppendQuote(nil, id)
				m.things.Put(tx, id, thing{
					Name: id, Limit: rapid.Ptr(rapid.Just(n), true).Draw(rt, "limit"), Tags: rapid.SliceOfN(text, 0, 2).Draw(rt, "tags"),
					Prices: map[string]float64{id: 1 / float64(1+n)}, Pointer: rapid.Ptr(rapid.Just(inner{A: n}), true).Draw(rt, "inner"),
					Free: jsontext.Value(`{` + string(quoted) + `:{"a":[],"b":{}}}`), At: start.Add(time.Duration(n)),
				})
				tx.After(time.Duration(n), "thing.end", id)
			}
		})
		p := w.Snapshot()
		first := dumped(t, p)
		other := newDumpSchema()
		again := other.world(t, Clock{Mode: Frozen, Now: start.Add(time.Hour)})
		q, err := Load(other.Schema, strings.NewReader(saved(t, p)))
		must(t, err)
		must(t, again.Restore(q))
		if got := dumped(t, again.Snapshot()); got != first {
			rt.Fatalf("dumped\n%s\nand after loading\n%s", first, got)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(first) {
			if seen[line] && line[0] != ' ' {
				rt.Fatalf("appears twice: %s", line)
			}
			seen[line] = true
		}
	})
}

// A part that a row keeps as JSON comes back as it was, without the white space
// of the file.
func TestLoadKeepsJSON(t *testing.T) {
	m := newDumpSchema()
	w := m.world(t, Clock{Mode: Frozen, Now: start})
	const free = `{"b":{"x":[1,{"y":2.50}]},"a":"\u2028"}`
	do(w, func(tx *Tx) { m.things.Put(tx, "t", thing{Free: jsontext.Value(free)}) })
	p, err := Load(m.Schema, strings.NewReader(saved(t, w.Snapshot())))
	must(t, err)
	must(t, w.Restore(p))
	do(w, func(tx *Tx) {
		row, _ := m.things.Get(tx, "t")
		equal(t, "the part", strings.ReplaceAll(string(row.Free), "\u2028", `\u2028`), free)
	})
}

// picky is a row that accepts only one id.
type picky struct {
	N int `json:"n"`
}

func (p picky) checkSaved(id string) error {
	if id != strings.Repeat("x", p.N) {
		return errors.New("n and the id differ")
	}
	return nil
}

func TestLoadChecksEachRow(t *testing.T) {
	s := NewSchema()
	table := AddTable(s, Kind[picky]{Name: "picky", Check: picky.checkSaved})
	w, err := NewWorld(s, Config{Clock: Clock{Mode: Frozen}})
	must(t, err)
	do(w, func(tx *Tx) { table.Put(tx, "xx", picky{2}) })
	text := saved(t, w.Snapshot())
	_, err = Load(s, strings.NewReader(text))
	must(t, err)
	_, err = Load(s, strings.NewReader(strings.Replace(text, `"n": 2`, `"n": 3`, 1)))
	if err == nil || !strings.HasSuffix(err.Error(), `/tables/0/rows/0: picky "xx": n and the id differ`) {
		t.Errorf("got %v", err)
	}
}

// sun is the only row of its table.
type sun struct {
	Hot bool `json:"hot"`
}

func TestLoadRequiresTheOnlyRow(t *testing.T) {
	s := NewSchema()
	table := AddTable(s, Kind[sun]{Name: "suns", Only: "sun"})
	w, err := NewWorld(s, Config{Clock: Clock{Mode: Frozen}})
	must(t, err)
	empty := saved(t, w.Snapshot())
	do(w, func(tx *Tx) { table.Put(tx, "sun", sun{true}) })
	text := saved(t, w.Snapshot())
	_, err = Load(s, strings.NewReader(text))
	must(t, err)
	for text, want := range map[string]string{
		empty: `/tables/0/rows: suns "sun" is missing`,
		strings.Replace(text, `"id": "sun"`, `"id": "moon"`, 1): `/tables/0/rows/0: suns "moon": the only row of this table is "sun"`,
	} {
		if _, err := Load(s, strings.NewReader(text)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDumpReportsFaults(t *testing.T) {
	w := newDumpSchema().world(t, Clock{Mode: Frozen, Now: start})
	if err := w.Snapshot().Dump(failingWriter{}); !errors.Is(err, errGone) {
		t.Errorf("a writer that fails: %v", err)
	}
	s := NewSchema()
	bad := AddTable(s, Kind[func()]{Name: "functions"})
	w, err := NewWorld(s, Config{Clock: Clock{Mode: Frozen}})
	must(t, err)
	do(w, func(tx *Tx) { bad.Put(tx, "f", func() {}) })
	if err := w.Snapshot().Dump(&strings.Builder{}); err == nil || !strings.HasPrefix(err.Error(), "table functions: row f: ") {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errGone }
