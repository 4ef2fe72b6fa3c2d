package skystack

import (
	"cmp"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Where a client reads on in the events of a workspace. A position is good for the
// history it was taken in, which the generation of the world tells apart: a reset
// and a restore begin another one. A client whose position is of another history,
// or names no event, is told so by a notice and then gets everything there is.

const (
	resetEvent    = "sandbox.reset"
	restoredEvent = "sandbox.restored"
)

// place is a position in the table of events: after an event, or at the start.
type place struct {
	seq    uint64 // of the row; 0 at the start
	number uint64 // the event's sequence
	id     string // what names the place, without the generation
}

// theStart is what names the place before the first event of a history.
const theStart = "start"

// generationDigits is how many hexadecimal digits name a generation.
const generationDigits = 8

func generationText(g engine.Generation) string {
	text := strconv.FormatUint(uint64(g.ID), 16)
	return strings.Repeat("0", generationDigits-len(text)) + text
}

// position is what a client sends to read on after a place: the id of the event and
// the generation, or the start and the generation.
func (p place) position(g engine.Generation) string {
	return cmp.Or(p.id, theStart) + "." + generationText(g)
}

// placeAt finds a position, or the id of an event alone; false if it is of another
// history, or names no event of this one.
func (a *API) placeAt(tx *engine.Tx, position string) (place, bool) {
	if row, ok := a.events.Find(tx, position); ok {
		return place{row.Seq, row.Value.Sequence, row.ID}, true
	}
	id := position
	if at := strings.LastIndexByte(position, '.'); at >= 0 {
		if position[at+1:] != generationText(tx.Generation()) {
			return place{}, false
		}
		id = position[:at]
	}
	if row, ok := a.events.Find(tx, id); ok {
		return place{row.Seq, row.Value.Sequence, row.ID}, true
	}
	if id == noticeID(tx.Generation()) {
		return a.oldest(tx), true
	}
	return a.oldest(tx), id == theStart && a.wholeHistory(tx)
}

// oldest is the place before the oldest event that is kept.
func (a *API) oldest(tx *engine.Tx) place {
	if first, ok := a.events.At(tx, 0); ok {
		return place{number: max(first.Value.Sequence, 1) - 1, id: theStart}
	}
	return place{number: tx.Peek("event"), id: theStart}
}

// wholeHistory reports whether the first event of the present history is still
// kept.
func (a *API) wholeHistory(tx *engine.Tx) bool {
	return tx.Peek(droppedEvents) == 0
}

// droppedEvents counts the events that are no longer kept.
const droppedEvents = engine.OfRows + "dropped/events"

// isKept reports whether all events after the row with the number are kept; 0
// stands for the start.
func (a *API) isKept(tx *engine.Tx, seq uint64) bool {
	switch seq {
	case 0:
		return a.wholeHistory(tx)
	case resource.OldestRow:
		return true
	}
	for row := range a.events.After(tx, seq-1) {
		return row.Seq == seq
	}
	return false
}

// latest is the place after the latest event.
func (a *API) latest(tx *engine.Tx) place {
	for row := range a.events.Before(tx, 0) {
		return place{row.Seq, row.Value.Sequence, row.ID}
	}
	return a.oldest(tx)
}

// noticeID is the id of the event that tells of a generation. It is made without
// the counters, so that what happens after a reset has the same ids whether a
// client asked for ids that begin again or started the sandbox anew.
func noticeID(g engine.Generation) string {
	return "evt_" + generationText(g) + strings.Repeat("0", generationDigits)
}

// generationBody is what the notice is about: the workspace.
type generationBody struct {
	ID         string  `json:"id"`
	ResetAt    string  `json:"reset_at,omitempty"`
	RestoredAt string  `json:"restored_at,omitempty"`
	Next       *string `json:"next_reset_at"`
}

// notice is the event that tells a client that the history it reads is another than
// the one it knew. Of a reset it is the event that is kept; of a restore it is
// never kept, for a restored state is exactly what it was.
func (a *API) notice(tx *engine.Tx) Event {
	g := tx.Generation()
	if kept, ok := a.events.Get(tx, noticeID(g)); ok {
		return kept
	}
	e := Event{ID: noticeID(g), Type: resetEvent, Sequence: a.oldest(tx).number, At: g.At}
	if e.At.After(tx.Now()) {
		e.At = tx.Now()
	}
	b := generationBody{ID: tx.World().ID()}
	if g.Origin == engine.WasRestored {
		e.Type, b.RestoredAt = restoredEvent, resource.Stamp(e.At)
	} else {
		b.ResetAt = resource.Stamp(e.At)
	}
	if next := tx.NextReset(); !next.IsZero() {
		text := resource.Stamp(next)
		b.Next = &text
	}
	e.Object = shownAs(b)
	return e
}

// emitReset records a reset in the history that it begins (S72). The event has the
// sequence of the one before it, for it is not counted with the others.
func (a *API) emitReset(tx *engine.Tx) {
	e := a.notice(tx)
	e.Sequence, e.At = tx.Peek("event"), tx.Now()
	a.post(tx, a.add(tx, e))
}

// notified is the notice, if a list from the start does not begin with it anyway.
func (a *API) notified(tx *engine.Tx, f *eventFilter) (notice Event, needed bool) {
	notice = a.notice(tx)
	first, ok := a.events.At(tx, 0)
	return notice, !ok || first.ID != notice.ID || !f.wants(&notice)
}
