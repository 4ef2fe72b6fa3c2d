package control

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// idsRestart is the value of ids that makes them begin again.
const idsRestart = "restart"

type resetInput struct {
	IDs string `json:"ids"`
}

// resetWorkspace returns the workspace to what it started as.
//
//	POST /_sandbox/reset
func (a *API) resetWorkspace(c *call, in resetInput) (edge.Nothing, error) {
	var opts []sandbox.ResetOption
	if in.IDs == idsRestart {
		opts = append(opts, sandbox.RestartIDs())
	}
	c.workspace.Reset(opts...)
	return edge.Nothing{}, nil
}

type seed struct {
	Fixture string `json:"fixture"`
	Name    string `json:"name"`
	Data    string `json:"data"`
}

// seedWorkspace starts the workspace again with a fixture.
//
//	POST /_sandbox/seed
func (a *API) seedWorkspace(c *call, in seed) (edge.Nothing, error) {
	switch {
	case in.Fixture == "" && in.Data == "":
		return edge.Nothing{}, wrong(fail.Body, "fixture", "required", "Give fixture, as docs, or data, the text of a fixture.")
	case in.Fixture != "" && (in.Data != "" || in.Name != ""):
		return edge.Nothing{}, wrong(fail.Body, "fixture", "conflicting_parameters", "fixture names a fixture that comes with the sandbox, and data is the text of another, which name may name: give one of the two.")
	case in.Data != "":
		if in.Name == "" {
			in.Name = "data"
		}
		return edge.Nothing{}, c.workspace.LoadData(in.Name, []byte(in.Data))
	}
	if err := builtIn(in.Fixture, "data"); err != nil {
		return edge.Nothing{}, err
	}
	return edge.Nothing{}, c.workspace.Load(in.Fixture)
}

// getState exports the workspace.
//
//	GET /_sandbox/state
func (a *API) getState(c *call, in export) (edge.Raw, error) {
	return in.of(c.workspace.Snapshot())
}

type export struct {
	Secrets bool `query:"secrets"`
}

func (in export) of(s sandbox.Snapshot) (edge.Raw, error) {
	var b bytes.Buffer
	write := s.Save
	if in.Secrets {
		write = s.SaveSecrets
	}
	err := write(&b)
	return edge.Raw{Type: edge.JSONType, Body: b.Bytes()}, err
}

type putState struct {
	Body []byte `body:"raw"`
}

// putState imports a workspace.
//
//	PUT /_sandbox/state
func (a *API) putState(c *call, in putState) (edge.Nothing, error) {
	return edge.Nothing{}, c.workspace.Import(bytes.NewReader(in.Body))
}

// getDump shows everything as text.
//
//	GET /_sandbox/dump
func (a *API) getDump(c *call, _ none) (edge.Raw, error) { return text(c.workspace.Dump()), nil }

func text(s string) edge.Raw {
	return edge.Raw{Type: "text/plain; charset=utf-8", Body: []byte(s)}
}

// maxSnapshots bounds the snapshots kept for a workspace.
const maxSnapshots = 100

// snapshot is one that is kept. It is none of the world's: it outlives a reset.
type snapshot struct {
	sandbox.Snapshot `json:"-"`

	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// ResourceID implements edge.Identified.
func (s snapshot) ResourceID() string { return s.ID }

// listSnapshots lists the snapshots that are kept, oldest first.
//
//	GET /_sandbox/snapshots
func (a *API) listSnapshots(c *call, _ none) (list[snapshot], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.desks[c.world]
	if d == nil {
		return listOf[snapshot](nil), nil
	}
	return listOf(slices.Clone(d.kept)), nil
}

// createSnapshot keeps the workspace as it is now.
//
//	POST /_sandbox/snapshots
func (a *API) createSnapshot(c *call, _ none) (snapshot, error) {
	s := snapshot{Snapshot: c.workspace.Snapshot(), At: c.workspace.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.World(c.workspace.ID()) != c.world {
		return snapshot{}, noWorkspace(c.workspace.ID()) // it has ended, and Forget has been told
	}
	d := a.desk(c.world)
	if len(d.kept) >= maxSnapshots {
		return snapshot{}, fail.Newf(fail.Conflict, "too_many_snapshots", "%d snapshots of the workspace are kept already; give some up with DELETE.", maxSnapshots)
	}
	d.taken++
	s.ID = fmt.Sprintf("snp_%d", d.taken)
	d.kept = append(d.kept, s)
	return s, nil
}

// snapshot finds one that is kept for a world.
func (a *API) snapshot(w *engine.World, id string) (snapshot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.desks[w]; d != nil {
		for _, s := range d.kept {
			if s.ID == id {
				return s, nil
			}
		}
	}
	return snapshot{}, fail.Newf(fail.NotFound, "snapshot_not_found", "The workspace has no snapshot %q.", clip(id))
}

type snapshotID struct {
	ID string `path:"id"`
}

// getSnapshot exports a snapshot.
//
//	GET /_sandbox/snapshots/{id}
func (a *API) getSnapshot(c *call, in exportSnapshot) (edge.Raw, error) {
	s, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return edge.Raw{}, err
	}
	return in.of(s.Snapshot)
}

type exportSnapshot struct {
	ID string `path:"id"`
	export
}

// deleteSnapshot gives a snapshot up.
//
//	DELETE /_sandbox/snapshots/{id}
func (a *API) deleteSnapshot(c *call, in snapshotID) (edge.Nothing, error) {
	if _, err := a.snapshot(c.world, in.ID); err != nil {
		return edge.Nothing{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.desks[c.world]; d != nil {
		d.kept = slices.DeleteFunc(d.kept, func(s snapshot) bool { return s.ID == in.ID })
	}
	return edge.Nothing{}, nil
}

// restoreSnapshot makes the workspace what the snapshot holds.
//
//	POST /_sandbox/snapshots/{id}/restore
func (a *API) restoreSnapshot(c *call, in snapshotID) (edge.Nothing, error) {
	s, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return edge.Nothing{}, err
	}
	return edge.Nothing{}, c.workspace.Restore(s.Snapshot)
}

// getSnapshotDump shows a snapshot as text.
//
//	GET /_sandbox/snapshots/{id}/dump
func (a *API) getSnapshotDump(c *call, in snapshotID) (edge.Raw, error) {
	s, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return edge.Raw{}, err
	}
	return text(s.Dump()), nil
}

type diff struct {
	ID string `path:"id"`
	To string `query:"to"`
}

// getSnapshotDiff says what changed since a snapshot.
//
//	GET /_sandbox/snapshots/{id}/diff
func (a *API) getSnapshotDiff(c *call, in diff) (edge.Raw, error) {
	before, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return edge.Raw{}, err
	}
	if in.To == "" {
		return text(sandbox.Diff(before.Snapshot, c.workspace.Snapshot())), nil
	}
	after, err := a.snapshot(c.world, in.To)
	if err != nil {
		return edge.Raw{}, err
	}
	return text(sandbox.Diff(before.Snapshot, after.Snapshot)), nil
}
