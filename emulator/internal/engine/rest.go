package engine

import "context"

// Rest waits until no errand is under way, those included that others bring with
// them. It moves no time by command; time that moves by itself goes on. The error
// is that of the context.
func (w *World) Rest(ctx context.Context) error {
	_ = w.Do(func(*Tx) error { return nil }) // what is due by now counts
	defer context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.landed.Broadcast()
	})()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.waits() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		w.landed.Wait()
	}
	return nil
}
