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

// Booking finds an event again to cancel it. The zero Booking is no event.
type Booking struct {
	At  time.Time
	Seq uint64
}

// IsZero reports whether b books nothing.
func (b Booking) IsZero() bool { return b.Seq == 0 }

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
