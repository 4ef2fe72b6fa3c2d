package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
)

// The members of a file may stand in any order, as a tool that sorts them leaves
// them; and it may come in any pieces.
func TestLoadTakesMembersInAnyOrder(t *testing.T) {
	h := newTestSchema()
	whole := saved(t, populated(t, h).Snapshot())
	sorted := jsontext.Value(whole)
	must(t, sorted.Canonicalize())
	for name, from := range map[string]io.Reader{
		"sorted": bytes.NewReader(sorted), "byte by byte": iotest.OneByteReader(strings.NewReader(whole)), "with its end": iotest.DataErrReader(strings.NewReader(whole)),
	} {
		p, err := Load(h.Schema, from)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if saved(t, p) != whole {
			t.Errorf("%s: another world", name)
		}
	}
}

// What another program or a later version wrote is refused as such, wherever the
// file says so, and not for what is unknown before.
func TestLoadFindsTheHeadAnywhere(t *testing.T) {
	h := newTestSchema()
	for file, want := range map[string]string{
		`{"news":[1,{"a":2}],"format":"skystack-sandbox-world","version":2}`:            "saved world: /version is 2: this reads version 1",
		`{"tables":[{"name":"sparks"}],"format":"tarball","version":1}`:                 `saved world: /format is "tarball": this reads "skystack-sandbox-world"`,
		`{"agenda":[{"step":"x"}],"version":1}`:                                         `saved world: /format is "": this reads "skystack-sandbox-world"`,
		`{"news":1,"format":"skystack-sandbox-world","version":1}`:                      "saved world: line 1: /news: unknown object member",
		`{"news":1,"version":2`:                                                         "saved world: line 1: /news: unknown object member",
		`{"agenda":[{"at":"2030-01-01T00:00:00Z","seq":9,"step":"mark","subject":""}],`: "saved world: line 1: unexpected EOF",
		`[]`: "saved world: line 1: want an object, got a list",
		``:   "saved world: line 1: the file is empty",
	} {
		if _, err := Load(h.Schema, strings.NewReader(file)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", file, err, want)
		}
	}
}

// Numbers that come before last_seq are held against it all the same.
func TestLoadChecksNumbersThatComeBeforeTheLast(t *testing.T) {
	h := newTestSchema()
	sorted := jsontext.Value(saved(t, populated(t, h).Snapshot()))
	must(t, sorted.Canonicalize())
	head, tables, _ := strings.Cut(strings.TrimSuffix(string(sorted), "}"), `,"tables":`)
	first := `{"tables":` + tables + "," + head[1:] + "}"
	must(t, func() error { _, err := Load(h.Schema, strings.NewReader(first)); return err }())
	for part, want := range map[string]string{
		`"agenda":[`: `saved world: line 1: /agenda/0: seq 99 is not within 1 to last_seq (6)`,
		`"id":"c",`:  `saved world: line 1: /tables/0/rows/1: seq 99 is not within 1 to last_seq (6)`,
	} {
		before, after, _ := strings.Cut(first, part)
		number := after[strings.Index(after, `"seq":`)+len(`"seq":`):]
		file := before + part + strings.Replace(after, `"seq":`+number[:1], `"seq":99`, 1)
		if _, err := Load(h.Schema, strings.NewReader(file)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// big is a saved world of so many rows, made while it is read.
func big(rows int) io.Reader {
	part := `{"seq":%d,"id":"row%[1]d","value":{"name":"` + strings.Repeat("x", 100) + `"}},` + "\n"
	c := hostile{
		head: noAgenda + `"tables":[{"name":"marks","rows":[]},{"name":"tallies","rows":[]},{"name":"items","rows":[`, part: part, numbered: true,
		tail: `{"seq":99999999,"id":"last","value":{}}]}]}`, size: rows * len(fmt.Sprintf(part, rows)),
	}
	return c.reader()
}

// What has no room is refused while it is read, with both numbers; nothing of it
// stays, and nothing is replaced.
func TestHostileLoadOverTheBudget(t *testing.T) {
	h := newTestSchema()
	w := h.world(t)
	do(w, func(tx *Tx) { h.items.Put(tx, "mine", item{N: 1}) })
	before := saved(t, w.Snapshot())
	w.SetBudget(Budget{Bytes: 1 << 20})
	in := &counted{r: big(2_000_000)}
	var over *OverBudget
	if _, err := w.Load(in); !errors.As(err, &over) || over.Allowed != 1<<20 || over.Needed <= 1<<20 || over.Needed > 1<<20+1000 {
		t.Fatalf("got %v", err)
	}
	if in.n > 2<<20 {
		t.Errorf("%d bytes were read before it was refused", in.n)
	}
	if saved(t, w.Snapshot()) != before {
		t.Error("the world is another one")
	}
	// One value that is longer than all the room there is.
	long := io.MultiReader(strings.NewReader(inRow), io.LimitReader(&endlessBlanks{}, 8<<20), strings.NewReader(rowEnd))
	if _, err := w.Load(long); !errors.As(err, &over) {
		t.Errorf("got %v", err)
	}
	p, err := w.Load(big(1000))
	must(t, err)
	must(t, w.Restore(p))
}

// Loading takes little besides the world itself.
func TestLoadHoldsNoMoreThanTheWorld(t *testing.T) {
	h := newTestSchema()
	const rows = 100_000
	before := heap()
	most := int64(0)
	in := &counted{r: big(rows), every: 4 << 20, look: func() { most = max(most, heap()-before) }}
	p, err := Load(h.Schema, in)
	must(t, err)
	took := heap() - before
	if most > took*5/4+4<<20 {
		t.Errorf("loading held up to %d MiB, the world %d", most>>20, took>>20)
	}
	runtime.KeepAlive(p)
}

// counted counts what is read of r, and looks at something now and then.
type counted struct {
	r              io.Reader
	n, next, every int64
	look           func()
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += int64(n); c.look != nil && c.n > c.next {
		c.look()
		c.next = c.n + c.every
	}
	return n, err
}
