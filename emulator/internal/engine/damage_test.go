package engine

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// Every kind of damage is refused, and the message says where it is.
func TestLoadRefusesDamage(t *testing.T) {
	h := newTestSchema()
	w := populated(t, h)
	must(t, w.Advance(time.Second))
	whole := saved(t, w.Snapshot())
	for _, c := range []struct{ name, old, new, want string }{
		{"another format", `"skystack-sandbox-world"`, `"tarball"`, `/format is "tarball": this reads "skystack-sandbox-world"`},
		{"no format", `"format": "skystack-sandbox-world",`, ``, `/format is ""`},
		{"a later version", `"version": 1`, `"version": 2, "news": true`, `/version is 2: this reads version 1`},
		{"a version that is text", `"version": 1`, `"version": "1"`, `line 3: /version: `},
		{"an unknown member", `"last_seq"`, `"more": 1, "last_seq"`, `/more: unknown object member`},
		{"an unknown member of the clock", `"mode"`, `"tick": 1, "mode"`, `/clock/tick: unknown object member`},
		{"an unknown member of an event", `"step": "mark"`, `"step": "mark", "who": 1`, `/agenda/0/who: unknown object member`},
		{"an unknown member of a table", `"name": "marks"`, `"name": "marks", "size": 0`, `/size: unknown object member`},
		{"an unknown member of a row", `"n": 2`, `"n": 2, "m": 3`, `line 30: /tables/0/rows/0: items "b": /m: unknown object member`},
		{"a member given twice", `"last_seq": 7`, `"last_seq": 7, "last_seq": 8`, `duplicate`},
		{"a counter given twice", `"id/ins": 1`, `"id/ins": 1, "id/ins": 2`, `duplicate`},
		{"a member of another type", `"last_seq": 7`, `"last_seq": "7"`, `/last_seq: `},
		{"a last number after which counting wraps around", `"last_seq": 7`, `"last_seq": 18446744073709551615`, `/last_seq: 18446744073709551615 is more than 4611686018427387904, the largest number that leaves room to count on`},
		{"a counter after which counting wraps around", `"id/ins": 1`, `"id/ins": 18446744073709551614`, `/counters/id/ins: 18446744073709551614 is more than 4611686018427387904, the largest number that leaves room to count on`},
		{"a negative counter", `"id/ins": 1`, `"id/ins": -1`, `/counters/id~1ins: `},
		{"no counters", `"counters": {`, `"counters": null, "x": {`, `/x: unknown`},
		{"null counters", whole[strings.Index(whole, `"counters"`):strings.Index(whole, ` "agenda"`)], `"counters": null,`, `/counters is missing`},
		{"an unknown clock mode", `"frozen"`, `"slow"`, `/clock: clock mode "slow" is unknown: use one of real, scaled`},
		{"no clock mode", `"frozen"`, `""`, `/clock: mode, now and scale must be given`},
		{"a scale of 0", `"scale": 1`, `"scale": 0`, `/clock: mode, now and scale must be given`},
		{"a negative scale", `"scale": 1`, `"scale": -1`, `/clock: clock scale -1 is out of range`},
		{"a time that is none", `"now": "2026-03-19T10:22:45Z"`, `"now": "yesterday"`, `/clock/now: `},
		{"a time long ago", `"now": "2026`, `"now": "1926`, `/clock: clock time 1926-03-19T10:22:45Z is out of range`},
		{"a start long ago", `"start": "2026`, `"start": "1926`, `/clock: start: clock time 1926`},
		{"an offset beyond all time", `"moved_ns": 1000000000`, `"moved_ns": 9223372036854775807`, `/clock: offset_ns or moved_ns is out of range`},
		{"a journey back", `"moved_ns": 1000000000`, `"moved_ns": -1`, `/clock: offset_ns or moved_ns is out of range`},
		{"an unknown step", `"step": "mark"`, `"step": "explode"`, `/agenda/0: step "explode" is unknown`},
		{"an event without a number", `"seq": 5,`, `"seq": 0,`, `/agenda/0: seq 0 is not within 1 to last_seq (7)`},
		{"an event from the future", `"seq": 5,`, `"seq": 8,`, `/agenda/0: seq 8 is not within 1 to last_seq (7)`},
		{"an event long ago", `"at": "2026-03-19T10:23:44Z"`, `"at": "1826-03-19T10:23:44Z"`, `/agenda/0: the time is not within the years 1970 to 2261`},
		{"a clock that is past what is booked", `"now": "2026-03-19T10:22:45Z"`, `"now": "2199-12-31T23:59:59Z"`, `/agenda: step "mark" at 2026-03-19T10:23:44Z has happened, for /clock/now is 2199-12-31T23:59:59Z: events must not lie before it`},
		{"an unknown table", `"name": "marks"`, `"name": "sparks"`, `/tables/2: table "sparks" is unknown`},
		{"a table given twice", `"name": "tallies"`, `"name": "items"`, `/tables/1: table "items" appears twice`},
		{"a row without an id", `"id": "b"`, `"id": ""`, `/tables/0/rows/0: items "": the id is empty`},
		{"an id given twice", `"id": "c"`, `"id": "b"`, `/tables/0/rows/1: items "b": the id appears twice`},
		{"rows out of order", `"seq": 3`, `"seq": 2`, `/tables/0/rows/1: items "c": seq 2 is not above the one before (2) and at most last_seq (7)`},
		{"a row from the future", `"seq": 3`, `"seq": 9`, `/tables/0/rows/1: items "c": seq 9 is not above the one before (2) and at most last_seq (7)`},
		{"a row the table's check refuses", `"n": 2`, `"n": -2`, `/tables/0/rows/0: items "b": n is -2, not at least 0`},
		{"a row of another type", `"n": 2`, `"n": 2.5`, `line 30: /tables/0/rows/0: items "b": /n: 2.5: `},
		{"a row without a value", `"value": {`, `"worth": {`, `/worth: unknown object member`},
		{"null for a row", `"value": {`, `"value": null, "worth": {`, `/worth: unknown object member`},
		{"a list for an object", `"counters": {`, `"counters": [], "x": {`, `line 13: /counters: want an object, got a list`},
		{"an object for a list", `"agenda": [`, `"agenda": {}, "x": [`, `/agenda: want a list, got an object`},
		{"a number for a table", `"rows": [`, `"rows": 7, "x": [`, `/tables/0/rows: want a list, got a number`},
		{"rows before the name", `"name": "marks",`, ``, `/tables/2: the rows precede the name of the table`},
		{"bytes that are not UTF-8", `"B"`, "\"\xff\"", `invalid UTF-8`},
		{"a missing comma", `"last_seq": 7,`, `"last_seq": 7`, `line 13: `},
	} {
		if !strings.Contains(whole, c.old) {
			t.Fatalf("%s: %s is not in\n%s", c.name, c.old, whole)
		}
		_, err := Load(h.Schema, strings.NewReader(strings.Replace(whole, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "saved world: ") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "engine.") {
			t.Errorf("%s: the message names Go types: %v", c.name, err)
		}
	}
}

func TestLoadRefusesDuplicateEvents(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	scheduleMark(w, time.Second, "x")
	whole := saved(t, w.Snapshot())
	from, to := strings.Index(whole, `"agenda": [`)+len(`"agenda": [`), strings.Index(whole, ` "tables"`)
	event := strings.TrimRight(whole[from:to], "\n ],")
	twice := whole[:from] + event + "," + event + "]," + whole[to:]
	if _, err := Load(h.Schema, strings.NewReader(twice)); err == nil || err.Error() != "saved world: line 21: /agenda/1: appears twice" {
		t.Errorf("got %v", err)
	}
}

func TestLoadRefusesWhatLacksATable(t *testing.T) {
	h := newTestSchema()
	whole := saved(t, h.world(t).Snapshot())
	more := newTestSchema()
	AddTable(more.Schema, Kind[item]{Name: "later"})
	if _, err := Load(more.Schema, strings.NewReader(whole)); err == nil || err.Error() != `saved world: /tables: table "later" is missing` {
		t.Errorf("got %v", err)
	}
}

// A file that breaks off anywhere is refused, and so is anything behind its end.
func TestLoadRefusesTruncation(t *testing.T) {
	h := newTestSchema()
	whole := strings.TrimSpace(saved(t, populated(t, h).Snapshot()))
	for n := range len(whole) {
		if _, err := Load(h.Schema, strings.NewReader(whole[:n])); err == nil || !strings.HasPrefix(err.Error(), "saved world: line ") {
			t.Fatalf("the first %d of %d bytes: got %v", n, len(whole), err)
		}
	}
	if _, err := Load(h.Schema, strings.NewReader(whole+"{}")); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("two values: got %v", err)
	}
	if _, err := Load(h.Schema, strings.NewReader(whole+" \n")); err != nil {
		t.Errorf("a final line feed: got %v", err)
	}
}

// endlessBlanks is an endless run of spaces that counts the bytes read.
type endlessBlanks struct{ n int64 }

func (b *endlessBlanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	b.n += int64(len(p))
	return len(p), nil
}

func TestLoadRefusesHugeFiles(t *testing.T) {
	endless := &endlessBlanks{}
	_, err := Load(newTestSchema().Schema, endless)
	if err == nil || err.Error() != "saved world: line 1: a value is larger than 64 MiB" {
		t.Errorf("got %v", err)
	}
	if endless.n > maxValue {
		t.Errorf("read %d bytes", endless.n)
	}
}

func TestLoadReportsReadFaults(t *testing.T) {
	if _, err := Load(newTestSchema().Schema, io.MultiReader(strings.NewReader("{"), failingReader{})); err == nil || err.Error() != "cannot read the saved world: the disk is gone" {
		t.Errorf("got %v", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errGone }

var errGone = errors.New("the disk is gone")

// FuzzLoad: no input makes Load panic, and what it accepts is a world that saves and
// loads again.
func FuzzLoad(f *testing.F) {
	h := newTestSchema()
	w := populated(f, h)
	f.Add([]byte(saved(f, w.Snapshot())))
	must(f, w.Advance(time.Minute))
	f.Add([]byte(saved(f, w.Snapshot())))
	f.Add([]byte(saved(f, h.world(f, func(c *Config) { c.Clock = Clock{Mode: Scaled, Scale: 0.25, Now: start} }).Snapshot())))
	f.Add([]byte(`{"format":"skystack-sandbox-world","version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Load(h.Schema, bytes.NewReader(data))
		if err != nil {
			return
		}
		first := saved(t, p)
		if again := saved(t, loaded(t, h, first)); again != first {
			t.Fatalf("saved\n%s\nloaded and saved\n%s", first, again)
		}
		fork := w.ForkOf(p, "wsp_fuzz")
		defer fork.Close()
		do(fork, func(tx *Tx) { h.items.Put(tx, tx.NewID("ins"), item{}) })
		fork.AdvanceToNext()
	})
}
