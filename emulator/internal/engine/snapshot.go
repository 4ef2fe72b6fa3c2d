package engine

import (
	"errors"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// Snapshot is a world at one moment, clock and agenda included. It never changes.
// Taking one costs the same for any number of rows. It can be restored or forked any
// number of times, from any goroutine.
type Snapshot struct {
	schema *Schema
	point  *point
	// resetAt is the time of the next periodic reset when the snapshot was taken; 0 if
	// that is not known.
	resetAt int64
	saved   bool       // it was loaded: Kind.Loaded applies when it is restored
	mu      sync.Mutex // copying changes marks in the trees
	s       *state
}

// Snapshot runs due events and then takes a snapshot.
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

// newSnapshot returns a snapshot of a state without history.
func newSnapshot(schema *Schema, s *state) *Snapshot {
	s.point = &point{size: s.bytes(), added: s.added, removed: s.removed}
	return &Snapshot{schema: schema, point: s.point, s: s}
}

// HasSchema reports whether the snapshot belongs to worlds of the schema.
func (p *Snapshot) HasSchema(schema *Schema) bool { return p.schema == schema }

func (p *Snapshot) state() *state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s.copy()
}

var errForeign = errors.New("the snapshot is of another emulator: save it there and load it here")

// Restore replaces the state of the world with the snapshot, time included. A frozen,
// scaled or auto clock continues from the instant of the snapshot. A real clock
// follows the wall clock, so events that fell due since run at once.
//
// Restore returns an error, and changes nothing, for a snapshot of another schema, for
// one that exceeds the budget (*OverBudget), and when a check fails.
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

// scheduleReset schedules the next periodic reset after a restore: at the time that
// the snapshot holds if that lies within one period, else one period ahead.
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

// ReplaceCheck returns an error if the state of next must not replace the state of
// old. Both transactions are read-only.
type ReplaceCheck func(old, next *Tx) error

// runChecks runs the checks for a snapshot that is to replace the present state. The
// caller holds the lock.
func (w *World) runChecks(p *Snapshot, checks []ReplaceCheck) error {
	if len(checks) == 0 {
		return nil
	}
	s := p.state()
	next := &Tx{w: &World{id: w.id, schema: w.schema, s: s}, s: s, now: s.clock.last, copied: true}
	for _, check := range checks {
		if err := check(&Tx{w: w, s: w.s, now: w.s.clock.last, copied: true}, next); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) restore(p *Snapshot) {
	var old *Tx
	if w.s != nil {
		old = &Tx{w: w, s: w.s, now: w.s.clock.last}
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
		f(old, &Tx{w: w, s: w.s, now: w.s.clock.last})
	}
	w.begin(WasRestored)
	w.notifyChanged()
}

// Fork returns a new world that starts as a copy of this one. Its future ids differ
// from those of this world.
func (w *World) Fork(id string) *World { return w.ForkOf(w.Snapshot(), id) }

// ForkOf returns a new world that starts as the snapshot, which becomes its baseline
// too. Its settings are those of w.
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

// SetBaseline makes the present state the baseline.
func (w *World) SetBaseline() {
	p := w.Snapshot()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rebase(p)
}

// rebase makes a snapshot the baseline. The caller holds the lock.
func (w *World) rebase(p *Snapshot) {
	if w.baseline != nil {
		w.retain(w.baseline.point, -1)
	}
	w.baseline = p
	w.retain(p.point, 1)
}

// Baseline returns the snapshot that Reset returns to.
func (w *World) Baseline() *Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.baseline
}

// Reset returns the world to its baseline, time included. A real clock continues, and
// the events of the baseline move with it: each lies as far after the reset as it lay
// after the baseline. Ids continue too: no earlier id repeats. See ResetIDs.
func (w *World) Reset() { w.reset(true) }

// ResetIDs is Reset that restarts ids, so that the same requests give the same
// responses as after the start.
func (w *World) ResetIDs() { w.reset(false) }

func (w *World) reset(countOn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.returnToBaseline(countOn)
	w.announce(w.s.clock.last)
}

// Restart is ResetIDs for a world that no client has seen yet. It does not run the
// functions of OnReset.
func (w *World) Restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.returnToBaseline(false)
	w.begin(Started)
}

// returnToBaseline restores the baseline, time included. The caller holds the lock.
func (w *World) returnToBaseline(countOn bool) {
	old := w.s.counters
	w.interrupt(ErrReplaced)
	w.restore(w.baseline)
	if countOn {
		w.s.continueCounters(old)
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

// StartFrom makes a snapshot both the present state and the baseline. Ids continue as
// after a reset. The operator's data counts no longer. It returns the errors of
// Restore.
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
	old := w.s.counters
	w.interrupt(ErrReplaced)
	w.restore(p)
	w.scheduleReset(p)
	w.budget.Free = 0
	w.rebase(w.snapshot())
	w.s.continueCounters(old)
	return nil
}

// pastNumbers is the prefix of counters that continue the numbers of ids of an earlier
// state, for a prefix whose ids are no numbers in the present one.
const pastNumbers = "past/"

// OfRows is the prefix of counters that belong to rows. A reset sets them back with
// the rows.
const OfRows = "rows/"

// continueCounters raises every counter to its value in the replaced state, so that no
// id and no random draw repeats.
func (s *state) continueCounters(old *btree.Map[string, uint64]) {
	old.Scan(func(name string, n uint64) bool {
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
