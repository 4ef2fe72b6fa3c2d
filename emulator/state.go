package emulator

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"skystack.dev/sandbox/emulator/internal/credential"
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

// WriteDump implements Snapshot.
func (s snapshot) WriteDump(w io.Writer) error { return s.Snapshot.Dump(w) }

// Held is the snapshot as the engine has it.
func (s snapshot) Held() *engine.Snapshot { return s.Snapshot }

// DumpApart returns the parts of two dumps that differ; sandbox.Diff calls it.
func (s snapshot) DumpApart(other Snapshot) (mine, others string, ok bool) {
	o, ok := other.(snapshot)
	if !ok {
		return "", "", false
	}
	var a, b strings.Builder
	ok = s.DumpUnshared(o.Snapshot, &a) == nil && o.DumpUnshared(s.Snapshot, &b) == nil
	return a.String(), b.String(), ok
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
	if own, ok := s.(snapshot); ok && own.HasSchema(w.e.schema) {
		return overBudget(w.world.Restore(own.Snapshot))
	}
	saved, to := io.Pipe()
	go func() { _ = to.CloseWithError(s.Save(to)) }()
	err := w.Import(saved)
	_ = saved.Close() // or Save would wait for ever
	return err
}

// Import is Restore from what Snapshot.Save wrote. It reads value by value, so that
// only the world itself takes memory. Imports of a workspace are done one after the
// other. What the workspace's budget has no room for is refused with
// sandbox.ErrOverBudget.
func (w *Workspace) Import(r io.Reader) error { return w.importChecked(r) }

// ReadSnapshot reads what Snapshot.Save wrote, and changes nothing. The snapshot can be
// restored, dumped and compared. It refuses what Import refuses.
func (w *Workspace) ReadSnapshot(r io.Reader) (Snapshot, error) {
	p, err := w.world.Load(r)
	if err != nil {
		return nil, overBudget(err)
	}
	return snapshot{p}, nil
}

// importChecked imports a state if the checks allow it.
func (w *Workspace) importChecked(r io.Reader, checks ...engine.ReplaceCheck) error {
	// The first bytes are waited for before it is an import's turn: one that sends
	// nothing keeps no other waiting.
	from := bufio.NewReaderSize(r, firstOfState)
	if _, err := from.Peek(firstOfState); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w.building.Lock()
	defer w.building.Unlock()
	p, err := w.world.Load(from)
	if err == nil {
		err = w.world.Restore(p, checks...)
	}
	return overBudget(err)
}

// firstOfState is the least number of bytes of a state that must have arrived, unless it is
// smaller, before other imports wait for it.
const firstOfState = 16 << 10

// overBudget is an error with what tells users that a budget was exceeded.
func overBudget(err error) error {
	var over *engine.OverBudget
	if errors.As(err, &over) {
		return fmt.Errorf("%w: %w", err, sandbox.ErrOverBudget)
	}
	return err
}

// Load starts the workspace again with a fixture, which becomes what Reset
// returns to: "default", "docs", "empty", "busy=N", or the path of a YAML or JSON
// file. Its keys are added, but for those that another workspace has. The settings
// of the workspace stay where the fixture has no others. Ids go on as after a
// Reset. A faulty fixture changes
// nothing.
func (w *Workspace) Load(fixture string) error { return w.start(fixture) }

// start is Load of what the checks allow.
func (w *Workspace) start(fixture string, checks ...engine.ReplaceCheck) error {
	w.building.Lock()
	defer w.building.Unlock()
	// What is made to measure is estimated before it is made.
	if b := w.world.BaselineBudget(); b.Bytes > 0 && fixtures.Instances(fixture) > int(b.Bytes/busyBytes) {
		return overBudget(&engine.OverBudget{Needed: b.Reserve + busyBytes*int64(fixtures.Instances(fixture)), Allowed: b.Bytes})
	}
	f, err := fixtures.Load(fixture, w.asked.seed)
	if err != nil {
		return err
	}
	return overBudget(w.load(f, checks))
}

// busyBytes is about what an instance of the fixture busy takes.
const busyBytes = 700

// LoadData is Load with the text of a fixture; name appears in messages about it.
func (w *Workspace) LoadData(name string, data []byte) error { return w.startData(name, data) }

// startData is LoadData of what the checks allow.
func (w *Workspace) startData(name string, data []byte, checks ...engine.ReplaceCheck) error {
	w.building.Lock()
	defer w.building.Unlock()
	f, err := fixtures.Parse(name, data)
	if err != nil {
		return err
	}
	return overBudget(w.load(f, checks))
}

func (w *Workspace) load(f *fixtures.Fixture, checks []engine.ReplaceCheck) error {
	c := w.asked
	if err := c.complete(f); err != nil {
		return err
	}
	fresh, err := w.e.newWorld(c, f, w.ID(), w.world.BaselineBudget())
	if err != nil {
		return err
	}
	defer fresh.Close()
	for i, k := range fixtureKeys(f) {
		if c.isPublicKey(f, k) {
			continue
		}
		if home, _ := w.e.registry.Lookup(engine.DigestOf(k.Token)); home != nil && home != w.world {
			continue
		}
		if err := w.e.sky.Credentials.Prepare(fresh, credential.Configured(k)); err != nil {
			return f.Errorf(fmt.Sprintf("keys[%d]", i), "%v", err)
		}
	}
	if err := w.world.StartFrom(fresh.Snapshot(), checks...); err != nil {
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
