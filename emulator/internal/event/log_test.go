package event_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Events are recorded with the request that caused them, listed by type and project, and
// handed on, but for those that are recorded alone.
func TestLogOfAnyAPI(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.post(`{"type":"note.written","project":"p1","text":"a","before":{"text":"","n":[1]}}`)
	n.emit("note.read", "paper.bought")
	n.do(func(tx *engine.Tx) {
		e := n.log.Record(tx, event.Draft{Type: "note.read", Project: "p2", Object: struct{}{}})
		if e.Sequence != 4 || e.RequestID != "" {
			t.Errorf("%+v", e)
		}
	})
	n.want("handed on", n.emitted, "note.written", "note.read", "paper.bought")

	all := n.get("limit=9")
	n.want("listed", all.Types, "note.written", "note.read", "paper.bought", "note.read")
	n.want("of a family", n.get("limit=9&type=note.*").Types, "note.written", "note.read", "note.read")
	n.want("of types", n.get("limit=9&type=note.written&type=paper.bought").Types, "note.written", "paper.bought")
	n.want("of a project", n.get("limit=9&project=p1").Types, "note.written")
	n.unknown = "p3"
	for _, target := range []string{"/events?project=p3", "/stream?project=p3"} {
		if got := n.ask(target); got.Code != "no_project" {
			t.Errorf("%s: %+v", target, got)
		}
	}

	n.do(func(tx *engine.Tx) {
		e, ok := n.log.Find(tx, all.IDs[0])
		if !ok || e.RequestID == "" || string(e.Previous) != `{"n":[1],"text":""}` || !strings.Contains(string(e.Object), `"text":"a"`) {
			t.Errorf("%v %+v", ok, e)
		}
		if _, ok := n.log.Find(tx, "evt_none"); ok {
			t.Error("an event without a row was found")
		}
	})
}

// A list continues by cursor, by the cursor of what follows, and after an event.
func TestPagesContinue(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.emit("note.read", "paper.bought", "note.written")
	first := n.get("limit=2")
	n.want("first", first.Types, "note.read", "paper.bought")
	second := n.get("limit=2&cursor=" + first.Next)
	n.want("second", second.Types, "note.written")
	n.want("nothing yet", n.get("cursor="+second.Resume).Types)
	n.emit("note.read")
	n.want("what followed", n.get("cursor="+second.Resume).Types, "note.read")
	n.want("after an event", n.get("limit=9&after="+first.IDs[1]).Types, "note.written", "note.read")
	if got := n.get("type=note.*&cursor=" + first.Next); got.Code != "invalid_cursor" {
		t.Errorf("a cursor of another list: %+v", got)
	}
}

// A request waits for an event that it selects, no longer than it says.
func TestPageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotes(t, engine.Frozen)
		begin := time.Now()
		n.want("in vain", n.get("wait=7s&type=paper.*").Types)
		if d := time.Since(begin); d != 7*time.Second {
			t.Errorf("waited for %v", d)
		}
		go func() {
			<-time.After(time.Second)
			n.emit("note.read")
			<-time.After(time.Second)
			n.emit("paper.bought")
		}()
		begin = time.Now()
		n.want("found", n.get("wait=7s&type=paper.*").Types, "paper.bought")
		n.want("there already", n.get("wait=7s&type=paper.*").Types, "paper.bought")
		if d := time.Since(begin); d != 2*time.Second {
			t.Errorf("waited for %v", d)
		}
		go func() {
			<-time.After(time.Second)
			n.do(func(tx *engine.Tx) {
				n.unknown = "p1"
				n.log.Emit(tx, event.Draft{Type: "note.read", Project: "p1", Object: struct{}{}})
			})
		}()
		if got := n.get("wait=7s&project=p1"); got.Code != "no_project" {
			t.Errorf("the project was deleted: %+v", got)
		}
		begin = time.Now()
		go func() {
			<-time.After(time.Second)
			n.world.Close()
		}()
		n.want("in a world that ended", n.get("wait=30s&type=note.written").Types)
		if d := time.Since(begin); d != time.Second {
			t.Errorf("waited for %v", d)
		}
	})
}

// A request that waits moves time on as the API says: to what it named once, when
// nothing else is booked.
func TestPageMovesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotes(t, engine.Auto)
		var asked []string
		n.advance = func(tx *engine.Tx, types []string) bool {
			asked = append(asked, strings.Join(types, ","))
			if len(types) == 0 {
				return false
			}
			tx.AdvanceTo(tx.Now().Add(time.Hour))
			return true
		}
		n.do(func(tx *engine.Tx) { tx.After(time.Hour, noteStep, "note.written") })
		n.want("found", n.get("wait=9s&type=note.*").Types, "note.written")
		n.want("asked", asked, "", "note.*")
		asked = nil
		n.want("found", n.get("wait=9s&type=paper.*").Types)
		n.want("asked", asked, "", "paper.*", "")
	})
}

// No more than a hundred requests of a world wait at a time.
func TestWaitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotes(t, engine.Frozen)
		for range 99 {
			n.open("", "")
		}
		last := n.open("", "")
		if got := n.get("wait=1s"); got.Code != "too_many_waiting" {
			t.Errorf("%+v", got)
		}
		if got := n.ask("/stream"); got.Code != "too_many_streams" {
			t.Errorf("%+v", got)
		}
		last.close()
		synctest.Wait()
		n.want("one less", n.get("wait=1s").Types)
	})
}

// Old events are dropped, and a client that continues after one of them starts again.
func TestOldEventsAreDropped(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.emit("note.read", "note.read")
	_, generation, _ := strings.Cut(n.open("start=true", "").next().id, ".")
	start := "after=start." + generation
	old := n.get("limit=1")
	n.want("from the start", n.get(start+"&limit=9").Types, "note.read", "note.read")
	if err := n.world.Advance(event.Lifetime - time.Second); err != nil {
		t.Fatal(err)
	}
	n.emit("note.written")
	n.want("still kept", n.get("limit=9").Types, "note.read", "note.read", "note.written")
	if err := n.world.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	n.emit("paper.bought")
	n.want("kept", n.get("limit=9").Types, "note.written", "paper.bought")
	for _, at := range []string{"cursor=" + old.Next, "cursor=" + old.Resume, "after=" + old.IDs[0], start} {
		n.want("again by "+at, n.get("limit=9&"+at).Types, event.ResetEvent, "note.written", "paper.bought")
	}
}

// An event is bounded in size: its largest members are emptied, or left out of what the
// object was before, and named.
func TestEventsAreBounded(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	long := strings.Repeat("x", 50<<10)
	n.do(func(tx *engine.Tx) {
		e := n.log.Record(tx, event.Draft{
			Type: "note.written", Object: map[string]any{"id": 1, "lines": []string{long}, "more": map[string]string{"a": "b"}}, Previous: map[string]any{"text": long, "n": 2},
		})
		if got := fmt.Sprintf("%s %s %s", e.Object, e.Previous, e.Omitted); got != `{"id":1,"lines":[],"more":{"a":"b"}} {"n":2,"text":"`+long+`"} [object.lines]` &&
			got != `{"id":1,"lines":["`+long+`"],"more":{"a":"b"}} {"n":2} [previous_attributes.text]` {
			t.Errorf("%.200s", got)
		}
	})
}

// The control API lists events, and waits for one, by type, object and number.
func TestLogIsInspected(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.do(func(tx *engine.Tx) {
		for id := range 3 {
			n.log.Emit(tx, event.Draft{Type: "note.read", Object: map[string]int{"id": id}})
		}
	})
	for _, tc := range []struct {
		match sandbox.EventMatch
		want  int
	}{{sandbox.EventMatch{}, 3}, {sandbox.EventMatch{Type: "note.*", Object: "2"}, 1}, {sandbox.EventMatch{Since: 1}, 2}, {sandbox.EventMatch{Type: "paper.*"}, 0}} {
		if got := n.log.List(n.world, tc.match); len(got) != tc.want {
			t.Errorf("%+v lists %+v", tc.match, got)
		}
	}
	go n.emit("paper.bought")
	if e, err := n.log.WaitFor(t.Context(), n.world, sandbox.EventMatch{Type: "paper.*", Since: 2}); err != nil || e.Sequence != 4 {
		t.Errorf("%+v, %v", e, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	const want = "waiting for an event of type note.written about 7 after number 1: none came: enough"
	if _, err := n.log.WaitFor(ctx, n.world, sandbox.EventMatch{Type: "note.written", Object: "7", Since: 1}); err == nil || err.Error() != want {
		t.Error(err)
	}
	n.world.Close()
	if _, err := n.log.WaitFor(t.Context(), n.world, sandbox.EventMatch{Type: "note.written"}); !errors.Is(err, sandbox.ErrNotFound) {
		t.Error(err)
	}
}

// A saved state whose events no log can have recorded is refused.
func TestSavedEventsAreChecked(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.do(func(tx *engine.Tx) {
		n.log.Emit(tx, event.Draft{Type: "note.read", Object: struct{}{}, Previous: map[string]any{"n": 7}})
	})
	id := n.get("").IDs[0]
	var b strings.Builder
	if err := n.world.Snapshot().Save(&b); err != nil {
		t.Fatal(err)
	}
	file := strings.Join(strings.Fields(b.String()), "")
	for old, as := range map[string][2]string{
		`"note.read"`:        {`"note.torn"`, `type "note.torn" is unknown`},
		id:                   {"evt 1", `id is "evt 1"`},
		id + `","type"`:      {`evt_2","type"`, `id is "evt_2"`},
		`"object":{}`:        {`"object":[]`, "object or previous is not an object"},
		`"previous":{"n":7}`: {`"previous":7`, "object or previous is not an object"},
		`"evt_`:              {`"evt_é`, `id is "evt_é`},
	} {
		if !strings.Contains(file, old) {
			t.Fatalf("no %s in %s", old, file)
		}
		if _, err := n.world.Load(strings.NewReader(strings.ReplaceAll(file, old, as[0]))); err == nil || !strings.Contains(err.Error(), as[1]) {
			t.Errorf("%s: %v", as[0], err)
		}
	}
	loaded, err := n.world.Load(strings.NewReader(strings.ReplaceAll(file, "evt_", "evt.")))
	if err == nil {
		err = n.world.Restore(loaded)
	}
	if err != nil {
		t.Fatal(err)
	}
	id = n.get("").IDs[0] // has a dot, as positions have
	n.want("after it", n.get("after="+id).Types)
	n.do(func(tx *engine.Tx) {
		if _, ok := n.log.Find(tx, id); !ok || !strings.HasPrefix(id, "evt.") {
			t.Errorf("there is no %s", id)
		}
	})
}

// Without what a Config may leave out, a log records and lists.
func TestLogAlone(t *testing.T) {
	schema := engine.NewSchema()
	log := event.New(schema, event.Config{Types: []string{"a.b"}})
	w, err := engine.NewWorld(schema, engine.Config{ID: "w"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	err = w.Do(func(tx *engine.Tx) error {
		log.Emit(tx, event.Draft{Type: "a.b", Object: jsontext.Value(`{"id":1}`)})
		return nil
	})
	if all := log.List(w, sandbox.EventMatch{}); err != nil || len(all) != 1 || string(all[0].Object) != `{"id":1}` || all[0].Previous != nil {
		t.Errorf("%v %+v", err, all)
	}
}

func TestPatterns(t *testing.T) {
	types := []string{"a.b", "a.c", "d.e"}
	if got := strings.Join(event.Patterns(types), " "); got != "* a.* a.b a.c d.* d.e" {
		t.Errorf("patterns %s", got)
	}
	for pattern, want := range map[string]string{
		"*": "a.b a.c d.e", "a.*": "a.b a.c", "a.b": "a.b", "a*": "", "b.*": "", "": "", "a": "", "a.": "", "a.b*": "", "A.B": "",
	} {
		if event.Known(pattern, types) != (want != "") {
			t.Errorf("Known(%q) is %v", pattern, want == "")
		}
		var got []string
		for _, name := range types {
			if event.Selects(pattern, name) {
				got = append(got, name)
			}
		}
		if want != "" && strings.Join(got, " ") != want {
			t.Errorf("%q selects %q", pattern, got)
		}
	}
}
