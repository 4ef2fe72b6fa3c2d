package emulator

import "context"

// Events lists what happened and matches, oldest first, as far as it is kept: for
// 30 days of the workspace's time. A type that does not exist fails the test; see
// Err.
func (w *Workspace) Events(m EventMatch) []APIEvent {
	w.helper()
	if err := w.e.sky.CheckEventMatch(m); err != nil {
		w.fail("Events", err)
		return nil
	}
	return w.e.sky.Events(w.world, m)
}

// WaitForEvent returns the first event that matches, as soon as there is one; set
// EventMatch.Since to leave out those of the past. It does not move time: with a
// frozen clock somebody else must. It refuses a type that does not exist.
func (w *Workspace) WaitForEvent(ctx context.Context, m EventMatch) (APIEvent, error) {
	return w.e.sky.WaitForEvent(ctx, w.world, m)
}
