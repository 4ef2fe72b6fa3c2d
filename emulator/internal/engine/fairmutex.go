package engine

import "context"

// fairMutex is the lock of a world. Waiting goroutines get it in the order in which
// they called Lock, so that an advance, which unlocks and locks it between two slices,
// does not starve requests. A sync.Mutex does not promise that.
type fairMutex struct{ free chan struct{} }

func newFairMutex() fairMutex {
	g := fairMutex{make(chan struct{}, 1)}
	g.free <- struct{}{}
	return g
}

// Lock takes the lock.
func (g fairMutex) Lock() { <-g.free }

// Unlock gives the lock to the goroutine that has waited longest.
func (g fairMutex) Unlock() { g.free <- struct{}{} }

// lock is Lock that gives up when the context ends.
func (g fairMutex) lock(ctx context.Context) error {
	select {
	case <-g.free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
