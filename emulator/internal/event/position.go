package event

import (
	"cmp"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// A client names the position from which it reads on. A position is valid for the
// history in which it was taken: the events of one generation of the world. A reset
// and a restore begin another one. A client whose position is of another history,
// or names no event, gets a notice first, and then every event of the present one.

// The types of notices.
const (
	ResetEvent    = "sandbox.reset"
	RestoredEvent = "sandbox.restored"
)

// Start names the position before the first event of a history.
const Start = "start"

// place is a position in the table of events: after an event, or at the start.
type place struct {
	row      uint64 // the number of the row; 0 at the start
	sequence uint64 // of the event
	id       string // names the place, without the generation
}

func after(row engine.Row[Event]) place { return place{row.Seq, row.Value.Sequence, row.ID} }

// generationDigits is how many hexadecimal digits name a generation.
const generationDigits = 8

func generationText(g engine.Generation) string {
	text := strconv.FormatUint(uint64(g.ID), 16)
	return strings.Repeat("0", generationDigits-len(text)) + text
}

// withoutGeneration returns the id of a position of the present history; any other text
// as it is.
func withoutGeneration(tx *engine.Tx, position string) string {
	return strings.TrimSuffix(position, "."+generationText(tx.Generation()))
}

// position is the text that a client sends to read on after a place: the id of the
// event, or Start, and the generation.
func (p place) position(g engine.Generation) string {
	return cmp.Or(p.id, Start) + "." + generationText(g)
}

// placeAt finds the place of a position, or of the id of an event alone; false if it is
// of another history, or names no event of this one.
func (l *Log) placeAt(tx *engine.Tx, position string) (place, bool) {
	if row, ok := l.Rows.Find(tx, position); ok {
		return after(row), true
	}
	id := withoutGeneration(tx, position)
	if id == position && strings.Contains(position, ".") {
		return place{}, false
	}
	if row, ok := l.Rows.Find(tx, id); ok {
		return after(row), true
	}
	if id == noticeID(tx.Generation()) {
		return l.oldest(tx), true
	}
	return l.oldest(tx), id == Start && l.isWhole(tx)
}

// oldest is the place before the oldest event that is kept.
func (l *Log) oldest(tx *engine.Tx) place {
	if first, ok := l.Rows.At(tx, 0); ok {
		return place{sequence: max(first.Value.Sequence, 1) - 1, id: Start}
	}
	return place{sequence: tx.Peek(l.sequence), id: Start}
}

// latest is the place after the latest event.
func (l *Log) latest(tx *engine.Tx) place {
	for row := range l.Rows.Before(tx, 0) {
		return after(row)
	}
	return l.oldest(tx)
}

// isWhole reports whether every event of the present history is still kept.
func (l *Log) isWhole(tx *engine.Tx) bool { return tx.Peek(l.dropped) == 0 }

// keepsAllAfter reports whether every event after the row with the number is still
// kept; 0 stands for the start.
func (l *Log) keepsAllAfter(tx *engine.Tx, number uint64) bool {
	switch number {
	case 0:
		return l.isWhole(tx)
	case resource.OldestRow:
		return true
	}
	for row := range l.Rows.After(tx, number-1) {
		return row.Seq == number
	}
	return false
}

// noticeID is the id of the notice of a generation. It is made without the counters, so
// that the events after a reset have the same ids whether a client asked for ids
// that begin again or started the sandbox anew.
func noticeID(g engine.Generation) string {
	return "evt_" + generationText(g) + strings.Repeat("0", generationDigits)
}

// Workspace is the object of a notice.
type Workspace struct {
	ID         string  `json:"id"`
	ResetAt    string  `json:"reset_at,omitempty"`
	RestoredAt string  `json:"restored_at,omitempty"`
	Next       *string `json:"next_reset_at"` // nil for no periodic reset
}

// notice is the event that tells a client that the history it reads is another one than
// before. The notice of a reset is kept as an event. The notice of a restore never is,
// since a restored state is exactly what it was.
func (l *Log) notice(tx *engine.Tx) Event {
	g := tx.Generation()
	if kept, ok := l.Rows.Get(tx, noticeID(g)); ok {
		return kept
	}
	e := Event{ID: noticeID(g), Type: ResetEvent, Sequence: l.oldest(tx).sequence, At: g.At}
	if e.At.After(tx.Now()) {
		e.At = tx.Now()
	}
	object := Workspace{ID: tx.World().ID()}
	if g.Origin == engine.WasRestored {
		e.Type, object.RestoredAt = RestoredEvent, resource.Stamp(e.At)
	} else {
		object.ResetAt = resource.Stamp(e.At)
	}
	if next := tx.NextReset(); !next.IsZero() {
		text := resource.Stamp(next)
		object.Next = &text
	}
	e.Object = encode(object)
	return e
}

// emitReset records a reset in the history that it begins (S72). The event has the
// sequence of the one before it, since it is not counted with the others.
func (l *Log) emitReset(tx *engine.Tx) {
	e := l.notice(tx)
	e.Sequence, e.At = tx.Peek(l.sequence), tx.Now()
	l.add(tx, e)
	l.config.Emitted(tx, e)
}

// neededNotice returns the notice, and whether it must precede a list from the start
// that has the events which a filter selects: a notice that is kept is one of them.
func (l *Log) neededNotice(tx *engine.Tx, f *Filter) (notice Event, needed bool) {
	notice = l.notice(tx)
	first, ok := l.Rows.At(tx, 0)
	return notice, !ok || first.ID != notice.ID || !f.Selects(&notice)
}
