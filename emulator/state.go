package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// snapshot is a Snapshot of this process.
type snapshot struct{ *engine.Snapshot }

// Dump implements Snapshot.
func (s snapshot) Dump() string {
	var b strings.Builder
	if err := s.Snapshot.Dump(&b); err != nil { // a row that is not JSON; no table has any
		return "cannot be dumped: " + err.Error() + "\n"
	}
	return b.String()
}

// Snapshot is the workspace as it is now, clock and agenda included. It costs the
// same for any number of instances.
func (w *Workspace) Snapshot() Snapshot { return snapshot{w.world.Snapshot()} }

// Dump is everything the workspace holds as text that is the same for the same
// state.
func (w *Workspace) Dump() string { return w.Snapshot().Dump() }

// Restore makes the workspace what the snapshot holds, its time included: a
// frozen, scaled or auto clock continues from the snapshot's instant, a real one
// goes on. The snapshot may come from anywhere; the workspace keeps its own keys.
// A refused one changes nothing.
func (w *Workspace) Restore(s Snapshot) error {
	if s == nil {
		return errors.New("there is no snapshot to restore")
	}
	if own, ok := s.(snapshot); ok && own.Of(w.e.schema) {
		return w.world.Restore(own.Snapshot)
	}
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		return err
	}
	return w.Import(&b)
}

// Import is Restore from what Snapshot.Save wrote, of at most 64 MiB.
func (w *Workspace) Import(r io.Reader) error {
	p, err := engine.Load(w.e.schema, r)
	if err != nil {
		return err
	}
	return w.world.Restore(p)
}

// Load starts the workspace again with a fixture, which becomes what Reset
// returns to: "default", "docs", "empty", "busy=N", or the path of a YAML or JSON
// file. Its keys are added, but for those that another workspace has. The settings
// of the workspace stay where the fixture has no others. Ids go on as after a
// Reset. A faulty fixture changes
// nothing.
func (w *Workspace) Load(fixture string) error {
	f, err := fixtures.Load(fixture, w.asked.seed)
	if err != nil {
		return err
	}
	return w.load(f)
}

// LoadData is Load with the text of a fixture; name stands in messages about it.
func (w *Workspace) LoadData(name string, data []byte) error {
	f, err := fixtures.Parse(name, data)
	if err != nil {
		return err
	}
	return w.load(f)
}

func (w *Workspace) load(f *fixtures.Fixture) error {
	c := w.asked
	if err := c.complete(f); err != nil {
		return err
	}
	fresh, err := w.e.newWorld(c, f, w.ID())
	if err != nil {
		return err
	}
	defer fresh.Close()
	for i, k := range fixtureKeys(f) {
		if c.isKnownToAll(f, k) {
			continue
		}
		if home, _ := w.e.registry.Home(engine.DigestOf(k.Token)); home != nil && home != w.world {
			continue
		}
		if err := w.e.sky.StoreKey(fresh, known(k)); err != nil {
			return f.Errorf(fmt.Sprintf("keys[%d]", i), "%v", err)
		}
	}
	if err := w.world.StartFrom(fresh.Snapshot()); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.config, w.fixture = c, f
	return nil
}

// Reset returns the workspace to what it started as, its time included, and forgets
// its requests; a real clock goes on. Ids, event ids and secrets go on: none of
// before the reset comes again, unless RestartIDs asks for it.
func (w *Workspace) Reset(opts ...ResetOption) {
	if sandbox.ResetOptionsOf(opts...).RestartIDs {
		w.world.ResetIDs()
		return
	}
	w.world.Reset()
}
