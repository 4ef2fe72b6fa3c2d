package engine

import (
	"errors"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// Snapshot is a world as it was at one moment, clock and agenda included. It
// never changes, costs the same for any number of rows, and can be restored or
// forked any number of times, from any goroutine.
type Snapshot struct {
	schema *Schema
	point  *point
	// resetAt is when the world would have returned to its baseline by itself; 0 if
	// that is not known.
	resetAt int64
	saved   bool       // it was loaded, so that Kind.Loaded acts when it is restored
	mu      sync.Mutex // copying marks the trees it reads
	s       *state
}

// Snapshot takes the world as it is now.
func (w *World) Snapshot() *Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp()
	return w.snapshot()
}

func (w *World) snapshot() *Snapshot {
	w.markPoint(w.s)
	return &Snapshot{schema: w.schema, point: w.s.point, resetAt: w.resetAt, s: w.s.copy()}
}

// newSnapshot is a snapshot of a state that has no history.
func newSnapshot(schema *Schema, s *state) *Snapshot {
	s.point = &point{size: s.bytes(), added: s.added, removed: s.removed}
	return &Snapshot{schema: schema, point: s.point, s: s}
}

// HasSchema reports whether the snapshot is of worlds of the schema.
func (p *Snapshot) HasSchema(schema *Schema) bool { return p.schema == schema }

func (p *Snapshot) state() *state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s.copy()
}

var errForeign = errors.New("the snapshot is of another emulator: save it there and load it here")

// Restore makes the world what the snapshot holds, its time included: a frozen,
// scaled or auto clock continues from the snapshot's instant. A real clock keeps
// following the wall clock, so what fell due meanwhile happens at once. Restore
// refuses a snapshot of another kind of world, with an *OverBudget one that the budget
// has no room for, and what one of the checks refuses: they see the state that would go
// and the one that would come, and change nothing.
func (w *World) Restore(p *Snapshot, checks ...ReplaceCheck) error {
	if !p.HasSchema(w.schema) {
		return errForeign
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	if err := w.fits(p); err != nil {
		return err
	}
	if err := w.runChecks(p, checks); err != nil {
		return err
	}
	w.interrupt(ErrReplaced)
	w.restore(p)
	w.scheduleReset(p)
	return nil
}

// scheduleReset schedules the next periodic reset of a world that a snapshot was
// restored into: at the snapshot's own instant if that lies within one period, else
// one period ahead.
func (w *World) scheduleReset(p *Snapshot) {
	if w.every == 0 {
		return
	}
	now := w.s.clock.timeAt(w.wall())
	last := plus(now, w.every)
	if w.resetAt = p.resetAt; w.resetAt <= now || w.resetAt > last {
		w.resetAt = last
	}
}

// ReplaceCheck says whether a state may take the place of another.
type ReplaceCheck func(gone, come *Tx) error

// runChecks asks the checks whether a snapshot may take the place of the present state;
// the lock is held.
func (w *World) runChecks(p *Snapshot, checks []ReplaceCheck) error {
	if len(checks) == 0 {
		return nil
	}
	s := p.state()
	come := &Tx{w: &World{id: w.id, schema: w.schema, s: s}, s: s, now: s.clock.last, copied: true}
	for _, check := range checks {
		if err := check(&Tx{w: w, s: w.s, now: w.s.clock.last, copied: true}, come); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) restore(p *Snapshot) {
	var gone *Tx
	if w.s != nil {
		gone = &Tx{w: w, s: w.s, now: w.s.clock.last}
	}
	w.cancelTasks()
	w.s = p.state()
	if p.saved {
		for _, t := range w.s.tables {
			t.applyLoaded()
		}
	}
	w.nearestRetained, w.retainedElsewhere = w.retainedBytes(w.s)
	w.s.clock.resume(wallNow())
	for _, f := range w.schema.onRestore {
		f(gone, &Tx{w: w, s: w.s, now: w.s.clock.last})
	}
	w.begin(WasRestored)
	w.notifyChanged()
}

// Fork returns a new world that starts as a copy of this one. Its ids differ
// from those this world will give.
func (w *World) Fork(id string) *World { return w.ForkOf(w.Snapshot(), id) }

// ForkOf returns a new world that starts as the snapshot, which is its baseline
// too; the rest it has from w.
func (w *World) ForkOf(p *Snapshot, id string) *World {
	f := (&World{id: id, schema: w.schema, chance: chance{w.chance.seed, id, w.chance.salt}, strict: w.strict, every: w.every}).init()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.arm()
	f.budget = w.Budget()
	f.restore(p)
	f.rebase(p)
	if f.every > 0 {
		f.resetAt = plus(f.s.clock.timeAt(f.wall()), f.every)
	}
	return f
}

// SetBaseline makes the present state the one that Reset returns to.
func (w *World) SetBaseline() {
	p := w.Snapshot()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rebase(p)
}

// rebase makes a snapshot the baseline; the lock is held.
func (w *World) rebase(p *Snapshot) {
	if w.baseline != nil {
		w.retain(w.baseline.point, -1)
	}
	w.baseline = p
	w.retain(p.point, 1)
}

// Baseline is the snapshot that Reset returns to.
func (w *World) Baseline() *Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.baseline
}

// Reset returns the world to its baseline, time included. A real clock goes on,
// and what the baseline had booked lies as far ahead of the reset as it lay ahead
// of the baseline. Ids go on too: none of before the reset comes again. See
// ResetIDs.
func (w *World) Reset() { w.reset(true) }

// ResetIDs is Reset with ids that begin again, so that the same requests give the
// same responses as after the start.
func (w *World) ResetIDs() { w.reset(false) }

func (w *World) reset(countOn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.returnToBaseline(countOn)
	w.announce(w.s.clock.last)
}

// Restart is ResetIDs for a world that no client has seen yet, so that there is
// nothing to tell of it: what OnReset registered is left out.
func (w *World) Restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.returnToBaseline(false)
	w.begin(Started)
}

// returnToBaseline returns to the baseline, time included; the lock is held.
func (w *World) returnToBaseline(countOn bool) {
	gone := w.s.counters
	w.interrupt(ErrReplaced)
	w.restore(w.baseline)
	if countOn {
		w.s.continueCounters(gone)
	}
	if w.s.clock.mode == Real {
		now := w.readClock()
		w.s.reschedule(now - w.baseline.s.clock.last)
		w.s.clock.last = now
	}
	if w.every > 0 {
		w.resetAt = plus(w.s.clock.last, w.every)
	}
}

// StartFrom makes a snapshot what the world is and what Reset returns to. Ids go on
// as after a reset. What its operator gave the world is gone with the baseline. It
// refuses what Restore refuses.
func (w *World) StartFrom(p *Snapshot, checks ...ReplaceCheck) error {
	if !p.HasSchema(w.schema) {
		return errForeign
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	end := w.withoutBaseline()
	err := w.fits(p)
	end()
	if err == nil {
		err = w.runChecks(p, checks)
	}
	if err != nil {
		return err
	}
	gone := w.s.counters
	w.interrupt(ErrReplaced)
	w.restore(p)
	w.scheduleReset(p)
	w.budget.Free = 0
	w.rebase(w.snapshot())
	w.s.continueCounters(gone)
	return nil
}

// pastNumbers begins the name of a counter of ids of before, of a prefix whose ids
// are no numbers at present.
const pastNumbers = "past/"

// OfRows begins the name of a counter that counts something of the rows, and so is
// put back with them by a reset.
const OfRows = "rows/"

// continueCounters makes every counter go on from where it was in the state that goes, so
// that no id and no random draw of before comes again.
func (s *state) continueCounters(gone *btree.Map[string, uint64]) {
	gone.Scan(func(name string, n uint64) bool {
		if strings.HasPrefix(name, OfRows) {
			return true
		}
		name = strings.TrimPrefix(name, pastNumbers)
		now, counted := s.counters.Get(name)
		if !counted && strings.HasPrefix(name, numbered) { // having the counter makes ids numbers
			name = pastNumbers + name
			now, _ = s.counters.Get(name)
		}
		if now < n {
			s.counters.Set(name, n)
		}
		return true
	})
}
