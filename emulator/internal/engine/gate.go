package engine

import "context"

// gate is the lock of a world. It is given to those who wait in the order in which
// they came: whoever releases it and takes it again at once, as an advance does
// between two slices, stands behind them all. A sync.Mutex would let it barge in.
type gate struct{ free chan struct{} }

func newGate() gate {
	g := gate{make(chan struct{}, 1)}
	g.free <- struct{}{}
	return g
}

// Lock takes the gate.
func (g gate) Lock() { <-g.free }

// Unlock gives the gate to who has waited longest.
func (g gate) Unlock() { g.free <- struct{}{} }

// lock is Lock, given up with the context.
func (g gate) lock(ctx context.Context) error {
	select {
	case <-g.free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
