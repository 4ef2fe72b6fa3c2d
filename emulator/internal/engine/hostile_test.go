package engine

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// hostile is a large file, made of a part repeated.
type hostile struct {
	name             string
	head, part, tail string
	numbered         bool // the part has a number in it
	size             int  // 0 means 4 MiB
	want             string
}

const (
	savedStart = `{"format":"skystack-sandbox-world","version":1,"last_seq":100000000,"clock":{"mode":"frozen","now":"2026-03-19T10:22:44Z","scale":1,"offset_ns":0,"moved_ns":0,"start":null},`
	noCounters = savedStart + `"counters":{},`
	noAgenda   = noCounters + `"agenda":[],`
	inRow      = noAgenda + `"tables":[{"name":"items","rows":[{"seq":1,"id":"a","value":[`
	rowEnd     = `0]}]}]}`
)

func hostiles() []hostile {
	return []hostile{
		{name: "lists in lists", head: savedStart + `"counters":`, part: `[`, want: "line 1: /counters: want an object, got a list"},
		{name: "objects in objects", head: savedStart + `"counters":`, part: `{"a":`, want: "it nests more than 69 deep"},
		{name: "lists in a row", head: noAgenda + `"tables":[{"name":"items","rows":[{"seq":1,"id":"a","value":{"tags":`, part: `[`, want: "it nests more than 69 deep"},
		{name: "empty events", head: noCounters + `"agenda":[`, part: `{},`, size: maxValue, want: `/agenda/0: step "" is unknown`},
		{name: "a million empty events", head: noCounters + `"agenda":[`, part: `{},` + strings.Repeat(" ", 70), tail: `{}]}`, want: `/agenda/0: step "" is unknown`},
		{name: "empty rows", head: noAgenda + `"tables":[{"name":"items","rows":[`, part: `{},`, want: "/tables/0/rows/0: "},
		{name: "a million empty rows", head: noAgenda + `"tables":[{"name":"items","rows":[`, part: `{"seq":%d,"id":"%[1]d","value":{}},` + strings.Repeat(" ", 40), numbered: true, tail: `0]}]}`, want: "/tables/0/rows/"},
		{name: "rows of one id", head: noAgenda + `"tables":[{"name":"items","rows":[`, part: `{"seq":%d,"id":"a","value":{}},` + strings.Repeat(" ", 40), numbered: true, tail: `0]}]}`, want: `/tables/0/rows/1: items "a": the id appears twice`},
		{name: "empty tables", head: noAgenda + `"tables":[`, part: `{},`, want: "/tables/0: the table has no name"},
		{name: "tables without a name", head: noAgenda + `"tables":[`, part: `{},` + strings.Repeat(" ", 70), tail: `{}]}`, want: "/tables/0: the table has no name"},
		{name: "numbers", head: savedStart + `"counters":[`, part: `0,`, want: "/counters: want an object, got a list"},
		{name: "numbers in a row", head: inRow, part: `0,`, tail: rowEnd, want: "more than 1000000 items in a list"},
		{name: "lists of numbers in a row", head: inRow, part: `[` + strings.Repeat("0,", 1000) + `0],`, size: 24 << 20, tail: rowEnd, want: "more than 10000000 names and values"},
		{name: "members in a row", head: strings.TrimSuffix(inRow, "[") + "{", part: `"%d":1,`, numbered: true, tail: `"a":0}}]}]}`, want: "too many members in an object"},
		{name: "a huge row", head: inRow, part: ` `, size: 80 << 20, tail: rowEnd, want: "line 1: a value is larger than 64 MiB"},
		{name: "a huge row of line feeds", head: inRow, part: "\n", size: 80 << 20, tail: rowEnd, want: "line 1: a value is larger than 64 MiB"},
		{name: "counters", head: savedStart + `"counters":{`, part: `"%d":1,`, numbered: true, want: "too many members in an object"},
		{name: "a name given twice", head: savedStart + `"counters":{`, part: `"a":1,`, want: `line 1: /counters/a: duplicate object member name`},
		{name: "members of the world", head: `{`, part: `"%d":1,`, numbered: true, want: "line 1: /1: unknown object member"},
		{name: "a huge string", head: noAgenda + `"tables":[{"name":"`, part: `a`, tail: `"}]}`, want: `/tables/0: table "aaaaaaaa`},
		{name: "a huge name", head: savedStart + `"`, part: `a`, tail: `":1}`, want: `line 1: a name has more than 1048576 bytes`},
		{name: "a name that is long enough", head: savedStart + `"` + strings.Repeat("a", 1<<19) + `":[`, part: `0,`, size: 1 << 20, tail: `0]}`, want: `/aaaaaa`},
		{name: "a huge id", head: noAgenda + `"tables":[{"name":"items","rows":[{"seq":1,"value":{"n":-1},"id":"`, part: `a`, tail: `"}]}]}`, want: `/tables/0/rows/0: items "aaaa`},
		{name: "a huge number", head: savedStart + `"counters":{"a":`, part: `9`, tail: `}}`, want: "/counters/a: 9999"},
		{name: "a huge escape", head: `{"format":"`, part: `\u0041`, tail: `"}`, want: `/format is "AAAA`},
		{name: "line feeds", head: `{`, part: "\n", want: "unexpected EOF"},
		{name: "no end of a string", head: `{"format":"`, part: `a`, want: "unexpected EOF"},
		{name: "bytes", part: "\x00", want: "line 1: invalid character"},
		{name: "another world", head: `{"format":"tarball",`, part: " ", tail: `"version":1}`, want: `/format is "tarball"`},
	}
}

// Files made to take memory or time are refused with a short message that says
// where, and take no more than some times their size (10.2 row 12).
func TestLoadRefusesHostileFiles(t *testing.T) {
	h := newTestSchema()
	for _, c := range hostiles() {
		t.Run(c.name, func(t *testing.T) {
			if raceDetector && c.size > 32<<20 {
				t.Skip("takes minutes with the race detector, and starts nothing that could race")
			}
			file := c.reader()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(h.Schema, file)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "saved world: ") {
				t.Errorf("got %.300v, want %q", err, c.want)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
			const most = 8 * maxValue // all that was allocated, freed or not
			if took := after.TotalAlloc - before.TotalAlloc; took > most {
				t.Errorf("%d MiB were allocated", took>>20)
			}
		})
	}
}

// reader gives the file without keeping it.
func (c hostile) reader() io.Reader {
	if c.size == 0 {
		c.size = 4 << 20
	}
	if !c.numbered {
		c.part = strings.Repeat(c.part, 1+4096/len(c.part))
	}
	room := c.size - len(c.head) - len(c.tail)
	return io.MultiReader(strings.NewReader(c.head), io.LimitReader(&repeated{c: c, room: room}, int64(room)), strings.NewReader(c.tail))
}

// repeated is the part, as often as it fits.
type repeated struct {
	c       hostile
	room, n int
	left    string
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.left == "" {
			r.left = r.c.part
			if r.n++; r.c.numbered {
				r.left = fmt.Sprintf(r.c.part, r.n)
			}
			if r.room -= len(r.left); r.room < 0 {
				return n, io.EOF
			}
		}
		k := copy(p[n:], r.left)
		n, r.left = n+k, r.left[k:]
	}
	return n, nil
}
