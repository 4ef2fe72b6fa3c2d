package engine

import (
	"time"

	"github.com/tidwall/btree"
)

// Event is a scheduled change of a world: a step, its subject and the time. Events are
// data, so that they can be listed, saved and compared.
type Event struct {
	At      time.Time // the world time it falls due
	Seq     uint64    // orders events of the same instant: first scheduled, first run
	Step    string    // the name the step was registered under
	Subject string    // the id of the object that the step changes
}

// Timer identifies a scheduled event, so that it can be canceled. The zero Timer
// identifies none.
type Timer struct {
	At  time.Time `json:"at"`
	Seq uint64    `json:"seq" dump:"-"`
}

// IsZero reports whether b identifies no event.
func (b Timer) IsZero() bool { return b.Seq == 0 }

// event is an Event with its instant in nanoseconds, which are cheap to order and
// compare.
type event struct {
	at      int64
	seq     uint64
	step    string
	subject string
}

func (e event) public() Event {
	return Event{At: instant(e.at), Seq: e.seq, Step: e.step, Subject: e.subject}
}

func earlier(a, b event) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return a.seq < b.seq
}

type agenda struct{ tree *btree.BTreeG[event] }

func newAgenda() agenda {
	return agenda{btree.NewBTreeGOptions(earlier, btree.Options{NoLocks: true})}
}

func (a agenda) copy() agenda { return agenda{a.tree.IsoCopy()} }

// next returns the event that is due first.
func (a agenda) next() (event, bool) { return a.tree.Min() }

// reschedule delays every event by so many nanoseconds and updates the rows that hold
// a timer.
func (s *state) reschedule(by int64) {
	if by <= 0 || s.agenda.tree.Len() == 0 {
		return
	}
	moved := newAgenda()
	s.agenda.tree.Scan(func(e event) bool {
		old := Timer{At: instant(e.at), Seq: e.seq}
		e.at = min(plus(e.at, by), endOfAgenda)
		for _, t := range s.tables {
			size := t.reschedule(e.subject, old, Timer{At: instant(e.at), Seq: e.seq})
			s.account(size, size)
		}
		moved.tree.Load(e)
		return true
	})
	s.agenda = moved
}

// Agenda lists the scheduled events in the order in which they will run.
func (w *World) Agenda() []Event {
	w.mu.Lock()
	a := w.s.agenda.copy()
	w.mu.Unlock()
	return a.events()
}

// AgendaLen returns the number of scheduled events.
func (w *World) AgendaLen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.s.agenda.tree.Len()
}
