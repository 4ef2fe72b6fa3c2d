package skystack

import (
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

// What a tester does to an action without HTTP.

// Fail makes the running action of an instance fail, or crashes one that runs;
// an empty code takes the usual reason.
func (a *API) Fail(w *engine.World, instance, code string) error {
	var f resource.Violations
	f.Text("code", code, 0, 63)
	f.Line("code", code)
	if err := f.Err("reason"); err != nil {
		return err
	}
	return a.command(w, instance, func(tx *engine.Tx, i Instance) error { return a.failAction(tx, i, Reason{Code: code}) })
}

// Finish completes the running action of an instance.
func (a *API) Finish(w *engine.World, instance string) error {
	return a.command(w, instance, func(tx *engine.Tx, i Instance) error {
		if i.PendingAction == "" {
			return fmt.Errorf("instance %s is %s: nothing is running that could be finished: %w", i.ID, i.Status, sandbox.ErrConflict)
		}
		a.finish(tx, i.PendingAction)
		return nil
	})
}

func (a *API) command(w *engine.World, instance string, do func(*engine.Tx, Instance) error) error {
	return w.Do(func(tx *engine.Tx) error {
		i, ok := a.instances.Get(tx, instance)
		if !ok {
			return fmt.Errorf("there is no instance %q: %w", fail.Clip(instance), sandbox.ErrNotFound)
		}
		return do(tx, i)
	})
}
