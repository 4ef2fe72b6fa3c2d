package engine

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// item is a row of the tests.
type item struct {
	Name string         `json:"name"`
	N    int            `json:"n"`
	Tags map[string]int `json:"tags"`
}

// tally is a counter that is changed in place.
type tally struct {
	N    int   `json:"n"`
	Last []int `json:"last"`
}

// Clone returns a tally that shares nothing with c.
func (c tally) Clone() tally { return tally{c.N, append([]int(nil), c.Last...)} }

// mark is a trace that a step leaves behind.
type mark struct {
	At      time.Time `json:"at"`
	Subject string    `json:"subject"`
}

// testSchema is a schema with tables of every sort and steps that leave marks, so that
// a test can see which events ran, and when.
type testSchema struct {
	*Schema
	items   *Table[item]
	tallies *Table[tally]
	marks   *Table[mark]
}

func newTestSchema() *testSchema {
	h := &testSchema{Schema: NewSchema()}
	h.items = AddTable(h.Schema, Kind[item]{Name: "items", Check: func(i item, _ string) error {
		if i.N < 0 {
			return fmt.Errorf("n is %d, not at least 0", i.N)
		}
		return nil
	}})
	h.tallies = AddTable(h.Schema, Kind[tally]{Name: "tallies"})
	h.marks = AddTable(h.Schema, Kind[mark]{Name: "marks"})
	h.AddStep("mark", func(tx *Tx, subject string) {
		h.marks.Put(tx, fmt.Sprintf("m%d", tx.Count("marks")), mark{tx.Now(), subject})
	})
	// again schedules itself until it has left three marks.
	h.AddStep("again", func(tx *Tx, subject string) {
		h.marks.Put(tx, fmt.Sprintf("m%d", tx.Count("marks")), mark{tx.Now(), subject})
		if h.marks.Len(tx) < 3 {
			tx.After(time.Second, "again", subject)
		}
	})
	return h
}

// start is the first instant of the worlds of the tests.
var start = time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)

// world returns a world with a frozen clock, unless the configuration says otherwise.
func (h *testSchema) world(t testing.TB, change ...func(*Config)) *World {
	t.Helper()
	c := Config{ID: "wsp_test", Seed: 1, Clock: Clock{Mode: Frozen, Now: start}, Strict: true}
	for _, f := range change {
		f(&c)
	}
	w, err := NewWorld(h.Schema, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// do runs f, which cannot fail.
func do(w *World, f func(tx *Tx)) {
	_ = w.Do(func(tx *Tx) error {
		f(tx)
		return nil
	})
}

// scheduleMark schedules a mark of the subject after d.
func scheduleMark(w *World, d time.Duration, subject string) (b Timer) {
	do(w, func(tx *Tx) { b = tx.After(d, "mark", subject) })
	return b
}

// history lists the marks of a world as "subject@seconds since start". It does not run
// due events.
func (h *testSchema) history(w *World) (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for row := range h.marks.After(&Tx{w: w, s: w.s}, 0) {
		out = append(out, fmt.Sprintf("%s@%v", row.Value.Subject, row.Value.At.Sub(start)))
	}
	return out
}

// must fails the test if err is not nil.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// equal compares values by their printed form.
func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

// saved returns a snapshot as Save writes it.
func saved(t testing.TB, p *Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	must(t, p.Save(&b))
	return b.String()
}

// loaded returns the snapshot of a text that Load must accept.
func loaded(t testing.TB, h *testSchema, text string) *Snapshot {
	t.Helper()
	p, err := Load(h.Schema, bytes.NewReader([]byte(text)))
	must(t, err)
	return p
}
