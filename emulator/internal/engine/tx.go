package engine

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Tx is the right to read and change one world, held while a function passed to
// World.Do or a step of the agenda runs. It must not be kept.
type Tx struct {
	w     *World
	s     *state
	now   int64
	actor string
	dirty bool
	// copied says that the transaction is read-only, on a copy of the world.
	copied bool
}

// Now returns the world's time. It does not change while the function runs, unless the
// function calls AdvanceTo.
func (tx *Tx) Now() time.Time { return instant(tx.now) }

// Late returns how long ago the present instant was by a real clock. It is more than a
// moment when the world did not run, because it was saved and restored later, or its
// host slept. It is 0 after an advance, and with clocks of other modes.
func (tx *Tx) Late() time.Duration {
	if tx.s.clock.mode != Real {
		return 0
	}
	return time.Duration(max(0, tx.w.present-tx.now))
}

// Dirty reports whether the transaction has changed a row or the agenda.
func (tx *Tx) Dirty() bool { return tx.dirty }

// World returns the world of the transaction.
func (tx *Tx) World() *World {
	if tx.w.copyOf != nil {
		return tx.w.copyOf
	}
	return tx.w
}

// Closed reports whether the world was closed.
func (tx *Tx) Closed() bool { return tx.w.closed }

// Mode returns the mode of the world's clock.
func (tx *Tx) Mode() Mode { return tx.s.clock.mode }

// AdvancedPast reports whether the world is at or past t because its clock was started
// past t, or moved across it by command. It is false if only time passed.
func (tx *Tx) AdvancedPast(t time.Time) bool {
	at := nanoseconds(t)
	return tx.now >= at && (tx.s.clock.start >= at || minus(tx.now, tx.s.clock.advanced) < at)
}

// ActAs sets the actor of changes until the caller calls end. An empty actor leaves
// the present one.
func (tx *Tx) ActAs(actor string) (end func()) {
	before := tx.actor
	if actor != "" {
		tx.actor = actor
	}
	return func() { tx.actor = before }
}

// Actor returns the actor of the present change; "" if there is none, as at the start
// of every transaction and of every step.
func (tx *Tx) Actor() string { return tx.actor }

// NewID returns prefix, an underscore and eleven letters or digits. No id of a
// world repeats, and those of a prefix sort in the order they were made. After
// CountIDs the ids of a prefix are numbers.
func (tx *Tx) NewID(prefix string) string { return tx.newID(prefix, shortID) }

// NewLongID is NewID with 24 letters or digits.
func (tx *Tx) NewLongID(prefix string) string { return tx.newID(prefix, longID) }

func (tx *Tx) newID(prefix string, digits int) string {
	kind := tx.w.idKind(prefix)
	if n, counted := tx.s.counters.Get(kind.numbered); counted {
		tx.s.counters.Set(kind.numbered, n+1)
		return prefix + "_" + strconv.FormatUint(n, 10)
	}
	return idOf(prefix, kind.key, tx.Count(kind.drawn), digits)
}

// skip skips the next n ids of a prefix.
func (tx *Tx) skip(prefix string, n uint64) {
	kind := tx.w.idKind(prefix)
	name := kind.drawn
	if _, counted := tx.s.counters.Get(kind.numbered); counted {
		name = kind.numbered
	}
	next, _ := tx.s.counters.Get(name)
	tx.s.counters.Set(name, next+n)
}

// CountIDs makes NewID number the ids of a prefix, from next on.
func (tx *Tx) CountIDs(prefix string, next uint64) {
	tx.s.counters.Set(tx.w.idKind(prefix).numbered, next)
}

// Count returns how often it was called for the name before, in this world.
func (tx *Tx) Count(name string) uint64 {
	tx.mustBeWritable()
	n := tx.Peek(name)
	tx.s.counters.Set(name, n+1)
	return n
}

// Peek returns how often Count was called for the name.
func (tx *Tx) Peek(name string) uint64 {
	n, _ := tx.s.counters.Get(name)
	return n
}

// Rand returns a source of random numbers for the n-th draw from the named
// stream. It depends on the seed, the world's id, the name and n alone.
func (tx *Tx) Rand(stream string) *rand.Rand {
	return tx.w.chance.rand(stream, tx.Count("rand/"+stream))
}

// Secret is a key for keyed hashes. It depends on the seed, the world's id and the
// purpose alone.
func (tx *Tx) Secret(purpose string) [32]byte { return tx.w.chance.secret(purpose) }

// After schedules a step for the subject at Now()+d, after all events that are
// scheduled for the same instant. A time in the past becomes now, and one beyond the
// year 2261 becomes its end, which no world reaches.
func (tx *Tx) After(d time.Duration, step, subject string) Timer {
	return tx.schedule(plus(tx.now, int64(d)), step, subject)
}

// At is After for an instant.
func (tx *Tx) At(t time.Time, step, subject string) Timer {
	return tx.schedule(nanoseconds(t), step, subject)
}

func (tx *Tx) schedule(at int64, step, subject string) Timer {
	tx.mustBeWritable()
	tx.w.schema.step(step)
	e := event{at: min(max(at, tx.now), endOfAgenda), seq: tx.s.nextSeq(), step: step, subject: subject}
	tx.s.agenda.tree.Set(e)
	tx.dirty = true
	return Timer{At: instant(e.at), Seq: e.seq}
}

// Run runs a step now, as if it had fallen due: without the actor of the transaction.
func (tx *Tx) Run(step, subject string) {
	tx.w.schema.step(step)(&Tx{w: tx.w, s: tx.s, now: tx.now}, subject)
	tx.w.notifyChanged()
}

// Next returns the earliest event of any of the steps; false if there is none. It
// scans the events before it.
func (tx *Tx) Next(steps ...string) (found Event, ok bool) {
	tx.s.agenda.tree.Scan(func(e event) bool {
		if ok = slices.Contains(steps, e.step); ok {
			found = e.public()
		}
		return !ok
	})
	return found, ok
}

// Cancel removes an event from the agenda and reports whether it was there.
func (tx *Tx) Cancel(b Timer) bool {
	_, ok := tx.s.agenda.tree.Delete(event{at: nanoseconds(b.At), seq: b.Seq})
	tx.dirty = tx.dirty || ok
	return ok
}

// maxAdvanceEvents bounds the events that AdvanceTo runs in a transaction.
const maxAdvanceEvents = 100_000

// AdvanceTo advances the world to an instant and runs the events due on the way. It
// does so in slices and releases the lock between them, so call it before reading
// anything that must not change. It waits for no task. An instant that has passed has
// no effect. After 100,000 events the transaction continues at the time reached.
func (tx *Tx) AdvanceTo(t time.Time) {
	tx.mustBeWritable()
	w, to := tx.w, min(nanoseconds(t), endOfTime)
	if tx.dirty {
		w.notifyChanged()
	}
	s := slice{}
	for range maxAdvanceEvents {
		next, ok := w.next(to)
		if !ok {
			w.move(to)
			break
		}
		if !s.admits(w) {
			w.yield()
			if s = (slice{}); w.closed {
				break
			}
			continue
		}
		w.move(next.at)
		w.run(next)
	}
	tx.s, tx.now = w.s, w.s.clock.last
}
