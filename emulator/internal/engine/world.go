// Package engine holds worlds: time, randomness, scheduled events and tables of rows
// behind one lock each. It knows nothing of HTTP or of the meaning of rows.
package engine

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/btree"
)

// Step is a change of the world that its agenda schedules.
type Step func(tx *Tx, subject string)

// Schema lists the tables and steps of worlds of one kind. It must not change once a
// world uses it.
type Schema struct {
	tables        []tableKind
	steps         map[string]Step
	internalSteps map[string]bool // steps that a dump leaves out
	onRestore     []func(old, next *Tx)
	onLoad        []func(tx *Tx) error
	onReset       []func(tx *Tx)
}

type tableKind struct {
	name  string
	empty func() *rows
	row   reflect.Type
	// See Kind. internal is nil if no rows are internal.
	only         string
	confidential bool
	internal     func(row any) bool
}

// NewSchema returns an empty schema.
func NewSchema() *Schema { return &Schema{steps: map[string]Step{}, internalSteps: map[string]bool{}} }

// AddStep registers the step of a name.
func (s *Schema) AddStep(name string, step Step) {
	if _, taken := s.steps[name]; taken {
		panic("engine: step " + name + " is registered twice")
	}
	s.steps[name] = step
}

// AddInternal is AddStep for a step that concerns internal rows alone (see Kind). Dump
// leaves its events out.
func (s *Schema) AddInternal(name string, step Step) {
	s.AddStep(name, step)
	s.internalSteps[name] = true
}

// OnRestore registers a function that runs whenever a snapshot becomes the present
// state: in a restore, a reset of any kind, or a fork. f may read the replaced state,
// which is nil in a fork, and change the new one, before any other transaction sees
// it.
func (s *Schema) OnRestore(f func(old, next *Tx)) { s.onRestore = append(s.onRestore, f) }

// OnLoad registers a check of a saved world as a whole. Its rows have been checked one
// by one before. An error changes nothing.
func (s *Schema) OnLoad(check func(tx *Tx) error) { s.onLoad = append(s.onLoad, check) }

// OnReset registers a function that runs at the end of every reset, at the instant
// from which the world continues.
func (s *Schema) OnReset(f func(tx *Tx)) { s.onReset = append(s.onReset, f) }

func (s *Schema) step(name string) Step {
	step, ok := s.steps[name]
	if !ok {
		panic("engine: no step is registered as " + name)
	}
	return step
}

// state is the content of a snapshot. Copying it is O(1) in the number of rows.
type state struct {
	clock    clock
	seq      uint64
	counters *btree.Map[string, uint64]
	agenda   agenda
	tables   []*rows
	owner    *ownership

	size           int64 // of the rows, estimated
	added, removed int64 // bytes since its history began
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

// copy returns an equal state. Afterwards neither owns the rows that they share.
func (s *state) copy() *state {
	c := &state{
		clock: s.clock, seq: s.seq, counters: s.counters.Copy(), agenda: s.agenda.copy(),
		tables: make([]*rows, len(s.tables)), owner: new(ownership),
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
	copyOf *World // the original, in a copy that Try made; nil otherwise
	chance chance
	kinds  map[string]idKind
	strict bool

	mu        fairMutex
	s         *state
	present   int64 // what the clock showed when it was last read
	baseline  *Snapshot
	gen       Generation
	every     int64 // period of resets in nanoseconds; 0 for none
	resetAt   int64
	alarm     alarm
	clockView atomic.Pointer[clockView]
	closed    bool
	changed   chan struct{} // closed with the next change; nil when no caller waits

	sliceEvents int
	advanceLock fairMutex // held by the advance in progress: they run one after another
	advance     *advance  // the one in progress; nil if there is none
	causedBy    *advance  // the one that causes the present changes; nil if none does
	tasks       *tasks    // nil until the present state has any
	running     sync.WaitGroup
	completed   chan struct{} // closed when a waiting advance must check again; nil when none waits

	budget            Budget
	retained          map[*point]int // the baseline and the retained snapshots
	nearestRetained   *point         // the last of retained before the present; nil for none
	retainedElsewhere int64          // bytes that only the others of retained have
}

// Config configures a new world.
type Config struct {
	// ID names the world. Ids of its objects depend on it.
	ID string
	// Seed determines all random values.
	Seed uint64
	// Salt is mixed into secrets; nil for none. Worlds may share one.
	Salt *Salt
	// Clock is the first setting of the clock; the zero Clock is real time.
	Clock Clock
	// ResetEvery is the period after which the world returns to its baseline;
	// 0 means never.
	ResetEvery time.Duration
	// Strict makes a transaction panic if it fails after it changed rows.
	Strict bool
}

// NewWorld returns an empty world. An invalid clock setting or reset period is an
// error.
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

// init sets the parts that every world has.
func (w *World) init() *World {
	w.mu, w.advanceLock, w.sliceEvents = newFairMutex(), newFairMutex(), sliceEvents
	return w
}

// ID returns the id of the world.
func (w *World) ID() string { return w.id }

// Seed returns the seed of the world.
func (w *World) Seed() uint64 { return w.chance.seed }

// Do runs due events, for one slice at most, then f, and returns f's error. An f that
// returns an error must have changed nothing.
func (w *World) Do(f func(tx *Tx) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp()
	tx := Tx{w: w, s: w.s, now: w.s.clock.last}
	err := f(&tx)
	tx.s = nil // a transaction that was kept panics instead of reading without the lock
	if tx.dirty {
		w.notifyChanged()
	}
	if err != nil && tx.dirty && w.strict {
		panic(fmt.Sprintf("engine: an operation changed the world and failed: %v", err))
	}
	return err
}

// shortestReset is the shortest period of resets.
const shortestReset = time.Second

// periodicReset returns the rows to the baseline while time and ids continue.
func (w *World) periodicReset(at int64) {
	clock, old := w.s.clock, w.s.counters
	w.restore(w.baseline)
	w.s.clock = clock
	w.s.continueCounters(old)
	w.s.reschedule(at - w.baseline.s.clock.last)
	w.resetAt = plus(at, w.every)
	w.announce(at)
}

// announce begins a generation with a reset and runs the functions of OnReset. The
// caller holds the lock.
func (w *World) announce(at int64) {
	w.beginAt(WasReset, at)
	for _, f := range w.schema.onReset {
		f(&Tx{w: w, s: w.s, now: at})
	}
	w.notifyChanged()
}

// Peek runs f on the world as it is, without running due events, for code that reads
// many worlds and must not wait for one. f must change nothing.
func (w *World) Peek(f func(tx *Tx)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.s.clock.timeAt(w.wall())
	if next, ok := w.next(now); ok { // time stays before the events that have not run
		now = max(w.s.clock.last, next.at)
	}
	tx := Tx{w: w, s: w.s, now: now}
	f(&tx)
	tx.s = nil
}

// Now returns the world's time.
func (w *World) Now() time.Time { return w.Clock().Now }

// NextReset returns the time of the next periodic reset; the zero time if there is
// none.
func (tx *Tx) NextReset() time.Time {
	if tx.w.every == 0 {
		return time.Time{}
	}
	return instant(tx.w.resetAt)
}

// Close stops the clock, cancels tasks, ends advances and wakes callers that wait for
// a change. The world stays readable.
func (w *World) Close() {
	w.mu.Lock()
	w.closed = true
	w.alarm.clear()
	w.cancelTasks()
	w.notifyChanged()
	w.mu.Unlock()
	w.running.Wait()
}
