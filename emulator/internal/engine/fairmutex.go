package engine

import "context"

// fairMutex is the lock of a world. It is given to those who wait in the order in which
// they came: whoever releases it and takes it again at once, as an advance does
// between two slices, stands behind them all. A sync.Mutex would let it barge in.
type fairMutex struct{ free chan struct{} }

func newFairMutex() fairMutex {
	g := fairMutex{make(chan struct{}, 1)}
	g.free <- struct{}{}
	return g
}

// Lock takes the gate.
func (g fairMutex) Lock() { <-g.free }

// Unlock gives the gate to who has waited longest.
func (g fairMutex) Unlock() { g.free <- struct{}{} }

// lock is Lock, given up with the context.
func (g fairMutex) lock(ctx context.Context) error {
	select {
	case <-g.free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
