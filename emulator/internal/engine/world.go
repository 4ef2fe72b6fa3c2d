// Package engine keeps worlds: time, chance, future events and tables of rows
// behind one lock each. It knows nothing of HTTP or of what the rows mean.
package engine

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/btree"
)

// Step is a change of the world that waits on its agenda.
type Step func(tx *Tx, subject string)

// Schema lists what worlds of one kind hold and which steps their agenda may
// name. It is filled once and read-only as soon as a world uses it.
type Schema struct {
	tables        []tableKind
	steps         map[string]Step
	internalSteps map[string]bool // steps that a dump leaves out
	onRestore     []func(gone, come *Tx)
	onLoad        []func(tx *Tx) error
	onReset       []func(tx *Tx)
}

type tableKind struct {
	name  string
	empty func() store
	row   reflect.Type
	// What Kind says of the table; internal is nil if it has no such rows.
	only         string
	confidential bool
	internal     func(row any) bool
}

// NewSchema returns an empty schema.
func NewSchema() *Schema { return &Schema{steps: map[string]Step{}, internalSteps: map[string]bool{}} }

// AddStep registers what an event of the name does when it falls due.
func (s *Schema) AddStep(name string, step Step) {
	if _, taken := s.steps[name]; taken {
		panic("engine: step " + name + " is registered twice")
	}
	s.steps[name] = step
}

// AddInternal is AddStep for a step that only concerns internal rows (see Kind):
// Dump leaves its events out.
func (s *Schema) AddInternal(name string, step Step) {
	s.AddStep(name, step)
	s.internalSteps[name] = true
}

// OnRestore registers what is done whenever a state that was kept becomes the
// present one: by a restore, a reset of any kind, or a fork. f may read the state
// that goes, nil for a fork, and change the one that comes; nobody sees it in
// between.
func (s *Schema) OnRestore(f func(gone, come *Tx)) { s.onRestore = append(s.onRestore, f) }

// OnLoad registers what a saved world must be like as a whole. Its rows have been
// checked one by one before, and what is refused replaces nothing.
func (s *Schema) OnLoad(check func(tx *Tx) error) { s.onLoad = append(s.onLoad, check) }

// OnReset registers what is done at the end of every reset, at the instant from
// which the world goes on.
func (s *Schema) OnReset(f func(tx *Tx)) { s.onReset = append(s.onReset, f) }

func (s *Schema) step(name string) Step {
	step, ok := s.steps[name]
	if !ok {
		panic("engine: no step is registered as " + name)
	}
	return step
}

// state is all that a snapshot keeps: copying it is O(1) in the rows it holds.
type state struct {
	clock    clock
	seq      uint64
	counters *btree.Map[string, uint64]
	agenda   agenda
	tables   []store
	owner    *ownership

	size           int64 // of the rows, estimated
	added, removed int64 // what came and went ever since its history began
	point          *point
}

func newState(schema *Schema) *state {
	s := &state{counters: &btree.Map[string, uint64]{}, agenda: newAgenda(), owner: new(ownership)}
	for _, kind := range schema.tables {
		s.tables = append(s.tables, kind.empty())
	}
	return s
}

func (s *state) nextSeq() uint64 {
	s.seq++
	return s.seq
}

// copy gives an equal state; from here on neither owns the rows they share.
func (s *state) copy() *state {
	c := &state{
		clock: s.clock, seq: s.seq, counters: s.counters.Copy(), agenda: s.agenda.copy(),
		tables: make([]store, len(s.tables)), owner: new(ownership),
		size: s.size, added: s.added, removed: s.removed, point: s.point,
	}
	for i, t := range s.tables {
		c.tables[i] = t.copy()
	}
	s.owner = new(ownership)
	return c
}

// World is an isolated set of rows with its own lock, clock, agenda and seed.
type World struct {
	id     string
	schema *Schema
	copyOf *World // the one that this is a copy of, to try something; nil otherwise
	chance chance
	kinds  map[string]idKind
	strict bool

	mu        fairMutex
	s         *state
	present   int64 // what the clock showed by itself when it was last read
	baseline  *Snapshot
	gen       Generation
	every     int64 // period of resets in nanoseconds; 0 for none
	resetAt   int64
	alarm     alarm
	clockView atomic.Pointer[clockView]
	closed    bool
	changed   chan struct{} // closed with the next change; nil when nobody waits

	sliceEvents int
	advanceLock fairMutex // of the advance that is under way: one is made after another
	advance     *advance  // the one under way; nil if there is none
	causedBy    *advance  // the one whose doing is what happens now; nil if it is nobody's
	tasks       *tasks    // nil until the present state has any
	running     sync.WaitGroup
	completed   chan struct{} // closed when an advance has to look again; nil when none waits

	budget            Budget
	retained          map[*point]int // the baseline and the snapshots that are kept
	nearestRetained   *point         // of kept the last before the present; nil for none
	retainedElsewhere int64          // what the others of kept hold alone
}

// Config is what a new world starts from.
type Config struct {
	// ID names the world. Ids of its objects depend on it.
	ID string
	// Seed decides everything random.
	Seed uint64
	// Salt is mixed into secrets; nil for none. Worlds may share one.
	Salt *Salt
	// Clock is the first setting of the clock; the zero Clock is real time.
	Clock Clock
	// ResetEvery is the period after which the world returns to its baseline;
	// 0 means never.
	ResetEvery time.Duration
	// Strict makes a transaction panic that fails after it changed rows.
	Strict bool
}

// NewWorld returns an empty world. It fails when the clock's setting is wrong.
func NewWorld(schema *Schema, c Config) (*World, error) {
	if err := c.Clock.check(); err != nil {
		return nil, err
	}
	if c.ResetEvery < 0 {
		return nil, fmt.Errorf("reset period %v is negative: use a positive duration, or 0 for none", c.ResetEvery)
	}
	if c.ResetEvery > 0 && c.ResetEvery < shortestReset {
		return nil, fmt.Errorf("reset period %v is too short: use at least %v, or 0 for none", c.ResetEvery, shortestReset)
	}
	w := (&World{id: c.ID, schema: schema, chance: chance{c.Seed, c.ID, c.Salt}, strict: c.Strict, s: newState(schema)}).init()
	w.s.clock = newClock(c.Clock, wallNow())
	if w.every = int64(c.ResetEvery); w.every > 0 {
		w.resetAt = plus(w.s.clock.base, w.every)
	}
	w.rebase(w.snapshot())
	w.begin(Started)
	w.publishClock(false)
	return w, nil
}

// init makes what every world has.
func (w *World) init() *World {
	w.mu, w.advanceLock, w.sliceEvents = newFairMutex(), newFairMutex(), sliceEvents
	return w
}

// ID is the name the world was made with.
func (w *World) ID() string { return w.id }

// Seed is the seed the world was made with.
func (w *World) Seed() uint64 { return w.chance.seed }

// Do runs what has fallen due, for one slice at most, then f, and returns f's
// error. An f that returns an error must have changed nothing.
func (w *World) Do(f func(tx *Tx) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp()
	tx := Tx{w: w, s: w.s, now: w.s.clock.last}
	err := f(&tx)
	tx.s = nil // whoever kept it would read without the lock: that is found out
	if tx.dirty {
		w.notifyChanged()
	}
	if err != nil && tx.dirty && w.strict {
		panic(fmt.Sprintf("engine: an operation changed the world and failed: %v", err))
	}
	return err
}

// shortestReset is the shortest period of resets: data that is gone sooner is of
// no use to anybody.
const shortestReset = time.Second

// periodicReset returns the rows to the baseline while time and ids go on.
func (w *World) periodicReset(at int64) {
	clock, gone := w.s.clock, w.s.counters
	w.restore(w.baseline)
	w.s.clock = clock
	w.s.continueCounters(gone)
	w.s.reschedule(at - w.baseline.s.clock.last)
	w.resetAt = plus(at, w.every)
	w.announce(at)
}

// announce begins a generation with a reset, and tells the schema of it; the lock
// is held.
func (w *World) announce(at int64) {
	w.beginAt(WasReset, at)
	for _, f := range w.schema.onReset {
		f(&Tx{w: w, s: w.s, now: at})
	}
	w.notifyChanged()
}

// Peek lets f read the world as it stands, without running what is due: for what
// concerns many worlds and should be kept waiting by none. f must change nothing.
func (w *World) Peek(f func(tx *Tx)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.s.clock.timeAt(w.wall())
	if next, ok := w.next(now); ok { // time stands before what has not run
		now = max(w.s.clock.last, next.at)
	}
	tx := Tx{w: w, s: w.s, now: now}
	f(&tx)
	tx.s = nil
}

// Now is the world's time.
func (w *World) Now() time.Time { return w.Clock().Now }

// NextReset is when the world returns to its baseline by itself; the zero time
// if it never does.
func (tx *Tx) NextReset() time.Time {
	if tx.w.every == 0 {
		return time.Time{}
	}
	return instant(tx.w.resetAt)
}

// Close stops the world from moving by itself, calls its tasks back, ends its
// advances and wakes who waits for a change. It stays readable.
func (w *World) Close() {
	w.mu.Lock()
	w.closed = true
	w.alarm.clear()
	w.cancelTasks()
	w.notifyChanged()
	w.mu.Unlock()
	w.running.Wait()
}
