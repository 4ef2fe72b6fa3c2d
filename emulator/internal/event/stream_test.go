package event_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// A stream sends what its client selects, as the API writes it, from where it says, and
// continues after the last id.
func TestStreamOfAnyAPI(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.emit("note.read", "paper.bought")
	now, all, some := n.open("", ""), n.open("start=true", ""), n.open("start=true&type=paper.*", "")
	n.emit("note.written", "paper.bought")
	n.want("from now", now.types(2), "note.written", "paper.bought")
	n.want("from the start", all.types(4), "note.read", "paper.bought", "note.written", "paper.bought")
	f := some.next()
	id, _, ok := strings.Cut(f.id, ".")
	if want := `{"id":"` + id + `","type":"paper.bought","workspace":"w","version":"v7","request":"","object":{}}`; !ok || f.data != want {
		t.Errorf("%+v, want %s", f, want)
	}
	n.want("after an id", n.open("after="+id, "").types(2), "note.written", "paper.bought")
	n.want("after a header", n.open("after="+n.get("").IDs[0], f.id).types(2), "note.written", "paper.bought")
	n.do(func(tx *engine.Tx) {
		if e, ok := n.log.Find(tx, f.id); !ok || e.ID != id {
			t.Errorf("%s is %+v", f.id, e)
		}
	})
}

// A stream ends when its credential may not read on, with an error that the API
// writes, and without one when the world ends.
func TestStreamEnds(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	s := n.open("", "")
	n.do(func(*engine.Tx) { n.refusal = fail.New(fail.Unauthenticated, "expired", "expired") })
	n.emit("note.read")
	if f := s.next(); f != (frame{event: "auth", data: `{"code":"expired","of":true}`}) {
		t.Errorf("%+v", f)
	}
	if f := s.next(); f != (frame{}) {
		t.Errorf("it goes on with %+v", f)
	}
	n.do(func(*engine.Tx) { n.refusal = nil })
	s = n.open("", "")
	n.world.Close()
	if f := s.next(); f != (frame{}) {
		t.Errorf("it goes on with %+v", f)
	}
}

// A client that continues in another history gets a notice and then all of it. The
// notice of a reset is an event, that of a restore is not, but can be read.
func TestHistoriesAreToldApart(t *testing.T) {
	n := newNotes(t, engine.Frozen)
	n.want("unknown, where there are none", n.get("limit=9&after=evt_x").Types, event.ResetEvent)
	n.emit("note.read")
	kept := n.world.Snapshot()
	open := n.open("start=true&type=note.*", "")
	before, list := open.next(), n.get("")
	_, generation, _ := strings.Cut(before.id, ".")
	n.do(func(tx *engine.Tx) {
		if e, ok := n.log.Find(tx, "evt_"+generation+"00000000"); ok {
			t.Errorf("a world that was only started has %+v", e)
		}
	})

	n.world.Reset()
	n.want("handed on", n.emitted, "note.read", event.ResetEvent)
	n.emit("note.written")
	want := []string{event.ResetEvent, "note.written"}
	n.want("open", open.types(2), want...)
	n.want("continued", n.open("type=note.*", before.id).types(2), want...)
	n.want("listed", n.get("limit=9&type=note.*&after="+before.id).Types, want...)
	n.want("unknown", n.get("limit=9&type=note.*&after=evt_x").Types, want...)
	n.want("all", n.get("limit=9").Types, want...)
	n.want("by a cursor", n.get("limit=9&cursor="+list.Resume).Types, want...)

	if err := n.world.Restore(kept); err != nil {
		t.Fatal(err)
	}
	want = []string{event.RestoredEvent, "note.read"}
	n.want("open", open.types(2), want...)
	restored := n.get("limit=9&type=note.*&after=" + before.id)
	n.want("listed", restored.Types, want...)
	n.want("all", n.get("limit=9").Types, "note.read")
	n.do(func(tx *engine.Tx) {
		e, ok := n.log.Find(tx, restored.IDs[0])
		if !ok || e.Type != event.RestoredEvent || string(e.Object) != `{"id":"w","restored_at":"2026-03-01T00:00:00Z","next_reset_at":null}` {
			t.Errorf("%v %+v", ok, e)
		}
		if e, ok := n.log.Find(tx, "evt_none"); ok {
			t.Errorf("%+v", e)
		}
	})
	n.want("after the id of the notice", n.get("limit=9&after="+restored.IDs[0]).Types, "note.read")
	n.want("after the notice", n.open("", n.open("", before.id).next().id).types(1), "note.read")
}

// A stream ends when events were dropped before it read them.
func TestStreamReportsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotes(t, engine.Frozen)
		s := n.open("", "")
		n.emit("note.read")
		synctest.Wait() // the stream waits until its client has read that one
		n.emit("note.read")
		if err := n.world.Advance(event.Lifetime); err != nil {
			t.Fatal(err)
		}
		n.emit("note.written")
		n.want("events", s.types(3), "note.read", "gap", "")
	})
}

// A stream sends a comment every 15 s.
func TestStreamHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotes(t, engine.Frozen)
		s := n.open("", "")
		begin := time.Now()
		for range 2 {
			if !s.lines.Scan() || s.lines.Text() != ":" {
				t.Errorf("%q", s.lines.Text())
			}
		}
		if d := time.Since(begin); d != 30*time.Second {
			t.Errorf("after %v", d)
		}
	})
}
