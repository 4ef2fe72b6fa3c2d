package engine

import (
	"time"

	"github.com/tidwall/btree"
)

// Event is a future change of a world: the step to run, on what, and when.
// Events are data, so they can be listed, saved and compared.
type Event struct {
	At      time.Time // the world time it falls due
	Seq     uint64    // breaks ties: events due together run in booking order
	Step    string    // the name the step was registered under
	Subject string    // the id of the object it is about
}

// Timer finds an event again to cancel it. The zero Booking is no event.
type Timer struct {
	At  time.Time `json:"at"`
	Seq uint64    `json:"seq" dump:"-"`
}

// IsZero reports whether b books nothing.
func (b Timer) IsZero() bool { return b.Seq == 0 }

// event keeps instants as nanoseconds, which order and compare at no cost.
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

// next is the event due first.
func (a agenda) next() (event, bool) { return a.tree.Min() }

// reschedule moves every booking ahead, and tells the rows that keep one.
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

// Agenda lists the booked events in the order they will run.
func (w *World) Agenda() []Event {
	w.mu.Lock()
	booked := w.s.agenda.copy()
	w.mu.Unlock()
	return booked.events()
}

// AgendaLen is the number of events on the agenda.
func (w *World) AgendaLen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.s.agenda.tree.Len()
}
