package control

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// stateHandlers lists the operations of this file.
func (a *API) stateHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("resetWorkspace", a.resetWorkspace),
		handle("seedWorkspace", a.seedWorkspace),
		handle("getState", a.getState),
		handle("putState", a.putState),
		handle("getDump", a.getDump),
		handle("listSnapshots", a.listSnapshots),
		handle("createSnapshot", a.createSnapshot),
		handle("getSnapshot", a.getSnapshot),
		handle("deleteSnapshot", a.deleteSnapshot),
		handle("restoreSnapshot", a.restoreSnapshot),
		handle("getSnapshotDump", a.getSnapshotDump),
		handle("getSnapshotDiff", a.getSnapshotDiff),
	}
}

// idsRestart is the value of ids that restarts them.
const idsRestart = "restart"

type resetInput struct {
	IDs string `json:"ids"`
}

// resetWorkspace returns the workspace to its baseline.
//
//	POST /_sandbox/reset
func (a *API) resetWorkspace(c *call, in resetInput) (httpapi.Nothing, error) {
	var opts []sandbox.ResetOption
	if in.IDs == idsRestart {
		opts = append(opts, sandbox.RestartIDs())
	}
	c.workspace.Reset(opts...)
	return httpapi.Nothing{}, nil
}

type seed struct {
	Fixture string `json:"fixture"`
	Name    string `json:"name"`
	Data    string `json:"data"`
}

// seedWorkspace starts the workspace again with a fixture.
//
//	POST /_sandbox/seed
func (a *API) seedWorkspace(c *call, in seed) (httpapi.Nothing, error) {
	switch {
	case in.Fixture == "" && in.Data == "":
		return httpapi.Nothing{}, invalidMember(fail.Body, "fixture", "required", "Give fixture, as docs, or data, the text of a fixture.")
	case in.Fixture != "" && (in.Data != "" || in.Name != ""):
		return httpapi.Nothing{}, invalidMember(fail.Body, "fixture", "conflicting_parameters", "fixture names a fixture that comes with the sandbox, and data is the text of another, which name may name: give one of the two.")
	case in.Data != "":
		if in.Name == "" {
			in.Name = "data"
		}
		return httpapi.Nothing{}, c.workspace.LoadData(in.Name, []byte(in.Data))
	}
	if err := builtIn(in.Fixture, "data"); err != nil {
		return httpapi.Nothing{}, err
	}
	return httpapi.Nothing{}, c.workspace.Load(in.Fixture)
}

// getState exports the workspace.
//
//	GET /_sandbox/state
func (a *API) getState(c *call, in export) (httpapi.Stream, error) {
	return in.of(c.workspace.Snapshot()), nil
}

type export struct {
	Secrets bool `query:"secrets"`
}

func (in export) of(s sandbox.Snapshot) httpapi.Stream {
	write := s.Save
	if in.Secrets {
		write = s.SaveSecrets
	}
	return written(httpapi.JSONType, write)
}

// written streams a snapshot, which may be too large to hold in memory.
func written(mediaType string, write func(io.Writer) error) httpapi.Stream {
	return httpapi.Stream{Type: mediaType, Document: true, Run: func(_ context.Context, w *httpapi.StreamWriter) error { return write(w) }}
}

type putState struct {
	Body io.Reader `body:"raw"`
}

// putState imports a workspace.
//
//	PUT /_sandbox/state
func (a *API) putState(c *call, in putState) (httpapi.Nothing, error) {
	return httpapi.Nothing{}, c.workspace.Import(in.Body)
}

// getDump writes the state as text.
//
//	GET /_sandbox/dump
func (a *API) getDump(c *call, _ noInput) (httpapi.Stream, error) {
	return written(plainText, c.workspace.Snapshot().WriteDump), nil
}

const plainText = "text/plain; charset=utf-8"

// maxSnapshots bounds the snapshots kept for a workspace.
const maxSnapshots = 100

// snapshot is a stored snapshot. It does not belong to the world, so a reset keeps it.
type snapshot struct {
	sandbox.Snapshot `json:"-"`

	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// retainable is a snapshot of a world, which counts against the budget of the world
// while it is stored.
type retainable interface{ Held() *engine.Snapshot }

// ResourceID implements httpapi.Identified.
func (s snapshot) ResourceID() string { return s.ID }

// listSnapshots lists the stored snapshots, oldest first.
//
//	GET /_sandbox/snapshots
func (a *API) listSnapshots(c *call, _ noInput) (list[snapshot], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.states[c.world]
	if d == nil {
		return listOf[snapshot](nil), nil
	}
	return listOf(slices.Clone(d.kept)), nil
}

// createSnapshot stores a snapshot of the workspace.
//
//	POST /_sandbox/snapshots
func (a *API) createSnapshot(c *call, _ noInput) (snapshot, error) {
	s := snapshot{Snapshot: c.workspace.Snapshot(), At: c.workspace.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.World(c.workspace.ID()) != c.world {
		return snapshot{}, noWorkspace(c.workspace.ID()) // it was removed, and Forget was called
	}
	d := a.state(c.world)
	if len(d.kept) >= maxSnapshots {
		return snapshot{}, fail.Newf(fail.Conflict, "too_many_snapshots", "%d snapshots of the workspace are kept already; give some up with DELETE.", maxSnapshots)
	}
	if h, ok := s.Snapshot.(retainable); ok {
		if err := c.world.Retain(h.Held()); err != nil {
			return snapshot{}, err
		}
	}
	d.taken++
	s.ID = fmt.Sprintf("snp_%d", d.taken)
	d.kept = append(d.kept, s)
	return s, nil
}

// snapshot returns a stored snapshot of a world.
func (a *API) snapshot(w *engine.World, id string) (snapshot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.states[w]; d != nil {
		for _, s := range d.kept {
			if s.ID == id {
				return s, nil
			}
		}
	}
	return snapshot{}, fail.Newf(fail.NotFound, "snapshot_not_found", "The workspace has no snapshot %q.", fail.Clip(id))
}

type snapshotID struct {
	ID string `path:"id"`
}

// getSnapshot exports a snapshot.
//
//	GET /_sandbox/snapshots/{id}
func (a *API) getSnapshot(c *call, in exportSnapshot) (httpapi.Stream, error) {
	s, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return httpapi.Stream{}, err
	}
	return in.of(s.Snapshot), nil
}

type exportSnapshot struct {
	ID string `path:"id"`
	export
}

// deleteSnapshot deletes a snapshot.
//
//	DELETE /_sandbox/snapshots/{id}
func (a *API) deleteSnapshot(c *call, in snapshotID) (httpapi.Nothing, error) {
	if _, err := a.snapshot(c.world, in.ID); err != nil {
		return httpapi.Nothing{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.states[c.world]; d != nil {
		d.kept = slices.DeleteFunc(d.kept, func(s snapshot) bool {
			h, ok := s.Snapshot.(retainable)
			if s.ID == in.ID && ok {
				c.world.Release(h.Held())
			}
			return s.ID == in.ID
		})
	}
	return httpapi.Nothing{}, nil
}

// restoreSnapshot makes the workspace what the snapshot holds.
//
//	POST /_sandbox/snapshots/{id}/restore
func (a *API) restoreSnapshot(c *call, in snapshotID) (httpapi.Nothing, error) {
	s, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return httpapi.Nothing{}, err
	}
	return httpapi.Nothing{}, c.workspace.Restore(s.Snapshot)
}

// getSnapshotDump shows a snapshot as text.
//
//	GET /_sandbox/snapshots/{id}/dump
func (a *API) getSnapshotDump(c *call, in snapshotID) (httpapi.Stream, error) {
	s, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return httpapi.Stream{}, err
	}
	return written(plainText, s.WriteDump), nil
}

// maxDiff bounds the text of what differs, in bytes.
const maxDiff = 8 << 20

type diff struct {
	ID string `path:"id"`
	To string `query:"to"`
}

// getSnapshotDiff says what changed since a snapshot.
//
//	GET /_sandbox/snapshots/{id}/diff
func (a *API) getSnapshotDiff(c *call, in diff) (httpapi.Raw, error) {
	before, err := a.snapshot(c.world, in.ID)
	if err != nil {
		return httpapi.Raw{}, err
	}
	after := snapshot{}
	if in.To == "" {
		after.Snapshot = c.workspace.Snapshot()
	} else if after, err = a.snapshot(c.world, in.To); err != nil {
		return httpapi.Raw{}, err
	}
	old, ok := before.Snapshot.(retainable)
	now, known := after.Snapshot.(retainable)
	if ok && known && !engine.UnsharedFits(old.Held(), now.Held(), maxDiff) {
		return httpapi.Raw{}, fail.Newf(fail.TooLarge, "diff_too_large", "More than %d MiB of text differ, too much to compare here; save both, and compare the files with snapshot diff.", maxDiff>>20)
	}
	return httpapi.Raw{Type: plainText, Body: []byte(sandbox.Diff(before.Snapshot, after.Snapshot))}, nil
}
