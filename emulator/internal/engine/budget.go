package engine

import "fmt"

// Budget bounds the memory of a world: its rows, its agenda, its baseline and its
// retained snapshots. The size of a row is estimated when it is put. Copies share
// rows: of a snapshot only the rows count that the world no longer has.
type Budget struct {
	// Bytes is the limit; 0 means none.
	Bytes int64
	// Reserve is the part of Bytes that is set aside for data outside of the world,
	// such as the record of its requests.
	Reserve int64
	// Free is the size of the data that the operator supplied. It does not count
	// against Bytes.
	Free int64
}

// OverBudget is the error of an operation that would exceed the budget of a world.
type OverBudget struct {
	// Needed is the size in bytes that the world would have, or the part of it that is
	// known.
	Needed int64
	// Allowed is the budget in bytes.
	Allowed int64
}

// Error implements error.
func (e *OverBudget) Error() string {
	return fmt.Sprintf("this takes the workspace to %d bytes or more, and its budget allows %d: delete objects or snapshots, or start the sandbox with a larger --workspace-budget", e.Needed, e.Allowed)
}

// point is a moment in the history of a world: its size then, and how many bytes had
// been added and removed until then. Points never change, so worlds may share them.
type point struct {
	parent               *point // an earlier one; nil at the beginning of a history
	size, added, removed int64
}

// SetBudget sets the budget of the world.
func (w *World) SetBudget(b Budget) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget = b
}

// Budget returns the budget of the world.
func (w *World) Budget() Budget {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.budget
}

// Size returns the estimated size of the present state in bytes.
func (w *World) Size() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.s.bytes()
}

// Size returns the estimated size of the snapshot in bytes, rows that it shares
// included.
func (p *Snapshot) Size() int64 { return p.point.size }

// CheckBudget returns an *OverBudget if the budget does not allow so many bytes more.
// It is O(1).
func (tx *Tx) CheckBudget(need int64) error {
	return tx.w.checkBudget(tx.s.bytes()+tx.w.nearestBytes(tx.s), need)
}

// Size returns the estimated size of the state in bytes.
func (tx *Tx) Size() int64 { return tx.s.bytes() }

// checkBudget is Tx.CheckBudget for a state of held bytes, its share in retained
// snapshots included.
func (w *World) checkBudget(held, need int64) error {
	if w.budget.Bytes == 0 {
		return nil
	}
	needed := w.budget.Reserve + max(0, held+w.retainedElsewhere-w.budget.Free) + need
	if needed <= w.budget.Bytes {
		return nil
	}
	return &OverBudget{Needed: needed, Allowed: w.budget.Bytes}
}

// replacementBudget returns the budget of a state that is to replace the present one:
// the size of the retained snapshots is set aside. The caller holds the lock.
func (w *World) replacementBudget() Budget {
	b := w.budget
	if b.Bytes == 0 {
		return Budget{}
	}
	_, kept := w.retainedBytes(&state{})
	b.Reserve += max(0, kept-b.Free)
	b.Free = max(0, b.Free-kept)
	return b
}

// BaselineBudget returns the budget of a state that is to become present state and
// baseline with StartFrom. The operator's data goes with the old baseline, so Free is
// 0.
func (w *World) BaselineBudget() Budget {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.withoutBaseline()()
	b := w.replacementBudget()
	b.Free = 0
	return b
}

// withoutBaseline leaves the baseline and the operator's data out of the accounting
// until the caller calls end.
func (w *World) withoutBaseline() (end func()) {
	baseline, free := w.baseline.point, w.budget.Free
	w.retain(baseline, -1)
	w.budget.Free = 0
	return func() {
		w.retain(baseline, 1)
		w.budget.Free = free
	}
}

// fits returns an *OverBudget if the budget does not allow a snapshot in place of the
// present state. The caller holds the lock.
func (w *World) fits(p *Snapshot) error {
	if w.budget.Bytes == 0 {
		return nil
	}
	s := p.state()
	near, rest := w.retainedBytes(s)
	if near != nil {
		rest += min(near.size, s.removed-near.removed)
	}
	return w.checkBudget(s.bytes()+rest-w.retainedElsewhere, 0)
}

// nearestBytes returns how many bytes of the nearest retained point are no longer in
// the state: at most what was removed since.
func (w *World) nearestBytes(s *state) int64 {
	if w.nearestRetained == nil {
		return 0
	}
	return min(w.nearestRetained.size, s.removed-w.nearestRetained.removed)
}

// Retain counts a snapshot of the world against its budget until Release. If the
// budget does not allow it, Retain returns an *OverBudget and counts nothing.
func (w *World) Retain(p *Snapshot) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retain(p.point, 1)
	if err := w.checkBudget(w.s.bytes()+w.nearestBytes(w.s), 0); err != nil {
		w.retain(p.point, -1)
		return err
	}
	return nil
}

// Release ends what Retain began.
func (w *World) Release(p *Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retain(p.point, -1)
}

// retain adds n to the number of times that a point is retained. The caller holds the
// lock.
func (w *World) retain(p *point, n int) {
	if w.retained == nil {
		w.retained = map[*point]int{}
	}
	if w.retained[p] += n; w.retained[p] <= 0 {
		delete(w.retained, p)
	}
	w.nearestRetained, w.retainedElsewhere = w.retainedBytes(w.s)
}

// retainedBytes returns the nearest retained point before a state, and the bytes of
// the other points that neither the state nor another point has.
func (w *World) retainedBytes(s *state) (near *point, rest int64) {
	if len(w.retained) == 0 {
		return nil, 0
	}
	before := map[*point]bool{}
	for p, removed := w.latestRetained(s.point), s.removed; p != nil; p = w.latestRetained(p.parent) {
		before[p] = true
		if near == nil {
			near = p
		} else {
			rest += min(p.size, removed-p.removed)
		}
		removed = p.removed
	}
	for p := range w.retained {
		if before[p] {
			continue
		}
		size := p.size
		if earlier := w.latestRetained(p.parent); earlier != nil {
			size = min(size, p.added-earlier.added)
		}
		rest += size
	}
	return near, rest
}

// latestRetained returns the point itself or the latest one before it that is
// retained; nil if none is.
func (w *World) latestRetained(p *point) *point {
	for p != nil && w.retained[p] == 0 {
		p = p.parent
	}
	return p
}

// markPoint makes the present moment of a state a point of its history.
func (w *World) markPoint(s *state) *point {
	s.point = &point{parent: w.latestRetained(s.point), size: s.bytes(), added: s.added, removed: s.removed}
	return s.point
}

// remaining returns the size of an unused budget.
func (b Budget) remaining() int64 { return b.Bytes - b.Reserve + b.Free }

// check returns an *OverBudget if held bytes exceed the budget.
func (b Budget) check(held int64) error {
	needed := b.Reserve + max(0, held-b.Free)
	if b.Bytes == 0 || needed <= b.Bytes {
		return nil
	}
	return &OverBudget{Needed: needed, Allowed: b.Bytes}
}
