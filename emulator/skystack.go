package emulator

import (
	"io"
	"net/http"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/journal"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// This file and the mount list are all that names the SkyStack API: its options, and
// typed access to its objects.

// skystackConfig has the options of the SkyStack API: for all workspaces, and
// for each.
type skystackConfig struct {
	skystack.Config
	settings skystack.Settings
}

// skystackAPI is the SkyStack API as the emulator mounts it.
type skystackAPI struct{ *skystack.API }

// newSkyStack makes the SkyStack API, whose keys open the control API too.
func (e *Emulator) newSkyStack(c config, fixture *fixtures.Fixture) skystackAPI {
	s := c.sky.Config
	if c.anyToken {
		s.AddWorkspaceFor = e.addWorkspaceFor
	}
	s.Registry, s.Home, s.Build, s.Fixture = e.registry, fixture.Workspace.ID, Version, fixture.Name()
	s.Closing, s.Log, s.Findings, s.Sender, s.Audit = e.closing, e.log, &e.findings, e.sender, e.audit
	e.sky = skystackAPI{skystack.New(e.schema, s)}
	return e.sky
}

// Name implements api.
func (skystackAPI) Name() string { return SkyStack }

// Attach implements api: its keys are those of the workspace.
func (skystackAPI) Attach(*engine.World, string, uint64) error { return nil }

// Alias implements api.
func (skystackAPI) Alias(*http.Request) string { return "" }

// KeyID implements api.
func (a skystackAPI) KeyID(w *engine.World, key string) (string, bool) {
	return a.Credentials.ID(w, key)
}

// Seed implements api.
func (a skystackAPI) Seed(w *engine.World, f *fixtures.Fixture, c *config) error {
	return a.API.Seed(w, f, c.sky.settings)
}

// Fork implements api.
func (a skystackAPI) Fork(w *engine.World) { a.Credentials.Drop(w) }

// Forget implements api.
func (a skystackAPI) Forget(w *engine.World) { a.ForgetListeners(w) }

// checkKey refuses a key that could not be used.
func checkKey(k Key) error { return skystack.CheckKey(credential.Configured(k)) }

// audit reads the journal of a workspace for its audit log, which lists no requests of
// other APIs.
func (e *Emulator) audit(world *engine.World, q journal.CallMatch, after uint64, skip, limit int) ([]journal.Call, int, int) {
	w := e.of(world)
	if w == nil { // it has just ended
		return nil, 0, 0
	}
	q.Outside = e.beside
	return w.journal.Calls(q, after, skip, limit)
}

// keyWorkspace is a workspace with the rights of one of its keys: imports and fixtures
// are checked against them.
type keyWorkspace struct {
	*Workspace
	key string // its id
}

// Import implements sandbox.Workspace.
func (w keyWorkspace) Import(r io.Reader) error {
	return w.importChecked(r, w.e.sky.Credentials.ReplaceCheck(w.key))
}

// Load implements sandbox.Workspace.
func (w keyWorkspace) Load(fixture string) error {
	return w.start(fixture, w.e.sky.Credentials.ReplaceCheck(w.key))
}

// LoadData implements sandbox.Workspace.
func (w keyWorkspace) LoadData(name string, data []byte) error {
	return w.startData(name, data, w.e.sky.Credentials.ReplaceCheck(w.key))
}

// names checks names in calls of the control API.
type names struct {
	*skystack.API
	e *Emulator
}

// CheckRequestMatch refuses a match that names something that no API has.
func (n names) CheckRequestMatch(m sandbox.Match) error { return n.e.checkMatch(m) }

// listPages reads pages of lists for the control API.
type listPages struct{ *skystack.API }

// AgendaPage is a part of Agenda.
func (listPages) AgendaPage(w *engine.World, after string, most int) ([]sandbox.Event, string, error) {
	events, next, err := w.AgendaPage(after, most)
	out := make([]sandbox.Event, len(events))
	for i, e := range events {
		out[i] = sandbox.Event(e)
	}
	return out, next, err
}
