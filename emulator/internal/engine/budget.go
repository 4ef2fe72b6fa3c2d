package engine

import "fmt"

// Budget bounds the memory of a world: its rows, its agenda, its baseline and the
// snapshots that are kept of it. What a row takes is estimated when it is put.
// Copies share rows; of a snapshot only those rows count that the world has no
// more.
type Budget struct {
	// Bytes is the bound; 0 is none.
	Bytes int64
	// Reserve is the part of it that is set aside for what is kept outside of the
	// world, such as a record of its requests.
	Reserve int64
	// Free is what the world may hold on top: what its operator gave it.
	Free int64
}

// OverBudget says that a world would hold more than its budget.
type OverBudget struct {
	// Needed is what it would hold, in bytes, or the part of it that is known.
	Needed int64
	// Allowed is the budget.
	Allowed int64
}

// Error implements error.
func (e *OverBudget) Error() string {
	return fmt.Sprintf("this takes the workspace to %d bytes or more, and its budget allows %d: delete objects or snapshots, or start the sandbox with a larger --workspace-budget", e.Needed, e.Allowed)
}

// point is a moment of a world's history that was kept: how much it held then,
// and how much had come and gone until then. Points never change, so that worlds
// may share them.
type point struct {
	parent               *point // an earlier one; nil at the beginning of a history
	size, added, removed int64
}

// SetBudget sets the bound of a world.
func (w *World) SetBudget(b Budget) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget = b
}

// Budget is the bound of a world.
func (w *World) Budget() Budget {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.budget
}

// Size is the estimate of what the present state holds, in bytes.
func (w *World) Size() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.s.bytes()
}

// Size is the estimate of what the snapshot holds, in bytes, shared or not.
func (p *Snapshot) Size() int64 { return p.point.size }

// CheckBudget refuses, with an *OverBudget, what takes so many bytes more than the budget
// allows. It is O(1).
func (tx *Tx) CheckBudget(need int64) error {
	return tx.w.checkBudget(tx.s.bytes()+tx.w.nearestBytes(tx.s), need)
}

// Size is the estimate of what the world holds, in bytes.
func (tx *Tx) Size() int64 { return tx.s.bytes() }

// checkBudget is Room for a state of so many bytes, with what is kept besides it.
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

// replacementBudget is the budget of a state that is to take the place of the present one:
// what the snapshots hold that are kept is set aside. The lock is held.
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

// BaselineBudget is the budget of a world whose state StartFrom is to be told. What its
// operator gave it goes with the baseline.
func (w *World) BaselineBudget() Budget {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.withoutBaseline()()
	b := w.replacementBudget()
	b.Free = 0
	return b
}

// withoutBaseline leaves the baseline out of what is kept until the returned
// function is called, and what the operator gave along with it.
func (w *World) withoutBaseline() (end func()) {
	baseline, free := w.baseline.point, w.budget.Free
	w.retain(baseline, -1)
	w.budget.Free = 0
	return func() {
		w.retain(baseline, 1)
		w.budget.Free = free
	}
}

// fits is room for a snapshot in place of the present state; the lock is held.
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

// nearestBytes is what the kept point before the state holds that the state does not:
// at most what has gone since.
func (w *World) nearestBytes(s *state) int64 {
	if w.nearestRetained == nil {
		return 0
	}
	return min(w.nearestRetained.size, s.removed-w.nearestRetained.removed)
}

// Retain counts a snapshot of the world until it is given up, and refuses it when
// the budget has no room for it.
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

// Release ends what Keep began.
func (w *World) Release(p *Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retain(p.point, -1)
}

// retain counts how often a point is kept; the lock is held.
func (w *World) retain(p *point, n int) {
	if w.retained == nil {
		w.retained = map[*point]int{}
	}
	if w.retained[p] += n; w.retained[p] <= 0 {
		delete(w.retained, p)
	}
	w.nearestRetained, w.retainedElsewhere = w.retainedBytes(w.s)
}

// retainedBytes is the nearest kept point before a state, and what the others hold that
// neither the state nor each other have.
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

// latestRetained is the point itself or the latest before it that is kept; nil for none.
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

// remaining is what is left of a budget that nothing has used yet.
func (b Budget) remaining() int64 { return b.Bytes - b.Reserve + b.Free }

// check refuses what holds so many bytes.
func (b Budget) check(held int64) error {
	needed := b.Reserve + max(0, held-b.Free)
	if b.Bytes == 0 || needed <= b.Bytes {
		return nil
	}
	return &OverBudget{Needed: needed, Allowed: b.Bytes}
}
