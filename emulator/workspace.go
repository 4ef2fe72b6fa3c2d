package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/journal"
	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// Workspace is an isolated world of an Emulator: with its own instances, keys,
// limits, clock and record of requests. An Emulator is its default workspace too.
// It is safe for use by several goroutines.
type Workspace struct {
	e       *Emulator
	world   *engine.World
	journal *journal.Journal
	key     string
	refused atomic.Uint64 // responses with status 429
	asked   config        // before a fixture had its say

	mu      sync.Mutex
	t       TB    // of the test it belongs to; nil for none
	err     error // the first misuse
	config  config
	fixture *fixtures.Fixture

	building sync.Mutex // held while a state is made that is to replace the present one
}

var _ sandbox.Workspace = (*Workspace)(nil)

var errClosed = errors.New("the emulator is closed")

// newWorkspace makes a workspace of a world.
func (e *Emulator) newWorkspace(world *engine.World, asked, c config, f *fixtures.Fixture) *Workspace {
	return &Workspace{e: e, world: world, journal: journal.New(c.record(), redact.String), asked: asked, config: c, fixture: f}
}

// newWorld makes a world as a configuration and its fixture have it.
func (e *Emulator) newWorld(c config, f *fixtures.Fixture, id string, b engine.Budget) (*engine.World, error) {
	w, err := engine.NewWorld(e.schema, engine.Config{
		ID: id, Seed: c.seed, Salt: &e.salt, Clock: engineClock(c.clock), ResetEvery: c.resetEvery, Strict: c.strictEngine,
	})
	if err != nil {
		return nil, err
	}
	w.SetBudget(b)
	if err := e.seed(w, f, &c); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// register adds a workspace and its world.
func (e *Emulator) register(w *Workspace) error {
	if err := e.registry.Add(w.world); err != nil {
		w.world.Close()
		return fmt.Errorf("%w: %w", err, sandbox.ErrConflict)
	}
	e.spaces.Store(w.world, w)
	return nil
}

// unregister removes a workspace and its keys.
func (e *Emulator) unregister(w *Workspace) {
	e.registry.Remove(w.world)
	e.spaces.Delete(w.world)
	e.findings.Forget(w.ID())
	for _, a := range e.apis {
		a.Forget(w.world)
	}
	if api := e.controlAPI.Load(); api != nil {
		api.Forget(w.world)
	}
}

// ID is the workspace's id, as wsp_default.
func (w *Workspace) ID() string { return w.world.ID() }

// Key is a key of the workspace: of the default one the first given with
// WithKey, else the fixture's first, else DefaultKey.
func (w *Workspace) Key() string { return w.key }

// URL is the base URL of a socket on the loopback interface, opened by the first
// call. Inside a testing/synctest bubble use Client and no URL: a socket would
// keep the bubble's time from moving. URL panics when no socket can be opened.
func (w *Workspace) URL() string { return w.e.openSocket(&w.e.plain, "http", w.e.serveHTTP) }

// Client returns an HTTP client whose requests reach the emulator without a
// socket, whatever host they name. A URL may be a path alone. It works inside a
// testing/synctest bubble.
func (w *Workspace) Client() *http.Client { return &http.Client{Transport: handlerTransport{w.e}} }

// NewWorkspace returns another workspace, which ends with the test. It starts as
// the default one did, where the setup (at most one) says nothing else; its id
// follows from the test's name, so that the same test gets the same ids.
func (w *Workspace) NewWorkspace(t TB, setup ...Setup) sandbox.Workspace {
	t.Helper()
	s := slices.Concat(setup, []Setup{{}})[0]
	s.Workspace = cmp.Or(s.Workspace, w.e.workspaceID(t))
	other, err := w.e.AddWorkspace(s)
	return w.e.publishTo(t, other, err)
}

// Fork returns a copy of the workspace as it is now, clock and agenda included,
// with a key of its own; it ends with the test. A fork costs the same for any
// number of instances.
func (w *Workspace) Fork(t TB) sandbox.Workspace {
	t.Helper()
	other, err := w.e.ForkWorkspace(w.ID(), nil, w.e.workspaceID(t))
	return w.e.publishTo(t, other, err)
}

// publishTo gives a workspace to a test.
func (e *Emulator) publishTo(t TB, w sandbox.Workspace, err error) sandbox.Workspace {
	t.Helper()
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	if own, ok := w.(*Workspace); ok {
		own.bindToTest(t)
	}
	t.Cleanup(func() { _ = e.RemoveWorkspace(w.ID()) })
	return w
}

// AddWorkspace adds a workspace until RemoveWorkspace. It starts as the default
// one did where the setup is zero. It refuses a wrong setup and an id that is
// taken.
func (e *Emulator) AddWorkspace(s Setup) (sandbox.Workspace, error) {
	if err := checkID(s.Workspace); err != nil {
		return nil, err
	}
	if isDefault(s) {
		return e.open(e.restartWorkspace(e.Workspace, e.nextID(s.Workspace)))
	}
	asked, err := e.asked.with(s)
	if err != nil {
		return nil, err
	}
	c, f, err := asked.resolve()
	if err != nil {
		return nil, err
	}
	world, err := e.newWorld(c, f, e.nextID(s.Workspace), c.memory())
	if err != nil {
		return nil, overBudget(err)
	}
	return e.open(e.newWorkspace(world, asked, c, f))
}

// ForkWorkspace adds a copy of a workspace, as it is now or, with a snapshot of
// it, as it was; "" makes up an id.
func (e *Emulator) ForkWorkspace(of string, at Snapshot, id string) (sandbox.Workspace, error) {
	w, err := e.existing(of)
	if err != nil {
		return nil, err
	}
	if err := checkID(id); err != nil {
		return nil, err
	}
	p := w.world.Snapshot()
	if at != nil {
		own, ok := at.(snapshot)
		if !ok || !own.HasSchema(e.schema) {
			return nil, errors.New("the snapshot is of another emulator: import it into a new workspace instead")
		}
		p = own.Snapshot
	}
	f := w.world.ForkOf(p, e.nextID(id))
	if err := f.Do(func(tx *engine.Tx) error { return tx.CheckBudget(0) }); err != nil {
		f.Close()
		return nil, overBudget(err)
	}
	return e.open(e.workspaceOf(w, f))
}

// restartWorkspace makes a workspace that starts as another did.
func (e *Emulator) restartWorkspace(of *Workspace, id string) *Workspace {
	world := of.world.ForkOf(of.world.Baseline(), id)
	world.Restart() // what the start had booked falls due as much later
	return e.workspaceOf(of, world)
}

// workspaceOf makes a workspace of a world that was copied from another one's.
func (e *Emulator) workspaceOf(of *Workspace, world *engine.World) *Workspace {
	of.mu.Lock()
	defer of.mu.Unlock()
	for _, a := range e.apis {
		a.Fork(world)
	}
	return e.newWorkspace(world, of.asked, of.config, of.fixture)
}

// open gives a new workspace a key of its own and registers it.
func (e *Emulator) open(w *Workspace) (sandbox.Workspace, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.publish(w, Key{Token: NewKey(), Name: "workspace"}); err != nil {
		return nil, err
	}
	return w, nil
}

// publish registers a new workspace under its first key. The caller holds the lock.
func (e *Emulator) publish(w *Workspace, k Key) error {
	fault := error(nil)
	switch {
	case e.closed:
		fault = errClosed
	case e.registry.Len() >= maxWorkspaces:
		fault = fmt.Errorf("there are %d workspaces already, remove some: %w", maxWorkspaces, sandbox.ErrConflict)
	}
	if fault != nil {
		w.world.Close()
		return fault
	}
	if err := e.register(w); err != nil {
		return err
	}
	if err := e.sky.Credentials.Add(w.world, credential.Configured(k)); err != nil {
		e.unregister(w)
		return err
	}
	w.key = k.Token
	if err := e.attach(w); err != nil {
		e.unregister(w)
		return err
	}
	w.world.SetBaseline()
	return nil
}

// maxWorkspaces bounds the workspaces of an emulator.
const maxWorkspaces = 10_000

// RemoveWorkspace ends a workspace and everything in it. It refuses the default
// one.
func (e *Emulator) RemoveWorkspace(id string) error {
	w, err := e.existing(id)
	if err != nil {
		return err
	}
	if w == e.Workspace {
		return fmt.Errorf("workspace %q is the default one, which stays: %w", id, sandbox.ErrConflict)
	}
	e.unregister(w)
	return nil
}

// Workspaces lists all workspaces by id.
func (e *Emulator) Workspaces() []sandbox.Workspace {
	worlds := e.registry.Worlds()
	out := make([]sandbox.Workspace, 0, len(worlds))
	for _, world := range worlds {
		if w := e.of(world); w != nil {
			out = append(out, w)
		}
	}
	return out
}

func (e *Emulator) existing(id string) (*Workspace, error) {
	if w := e.workspace(id); w != nil {
		return w, nil
	}
	return nil, fmt.Errorf("there is no workspace %q: %w", id, sandbox.ErrNotFound)
}

func (e *Emulator) workspace(id string) *Workspace { return e.of(e.registry.World(id)) }

// of is the workspace of a world; nil if it has ended.
func (e *Emulator) of(world *engine.World) *Workspace {
	w, _ := e.spaces.Load(world)
	found, _ := w.(*Workspace)
	return found
}

// AddKey makes a further key of the workspace known; an empty Token is minted. It
// refuses one that could not be used, that belongs to another workspace, and
// production keys.
func (w *Workspace) AddKey(k Key) (Key, error) {
	if k.Workspace != "" && k.Workspace != w.ID() {
		return Key{}, fmt.Errorf("the key names workspace %q, and this is %q", k.Workspace, w.ID())
	}
	k.Token = cmp.Or(k.Token, NewKey())
	if err := w.e.sky.Credentials.Add(w.world, credential.Configured(k)); err != nil {
		return Key{}, err
	}
	k.ID, _ = w.e.sky.Credentials.ID(w.world, k.Token)
	k.Workspace = w.ID()
	return k, nil
}

// Keys lists the workspace's keys, oldest first, with masked tokens.
func (w *Workspace) Keys() []Key { return w.e.sky.Credentials.Public(w.world) }

// Setup returns what the workspace started with.
func (w *Workspace) Setup() Setup {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.config
	s := Setup{Fixture: w.fixture.Name(), Workspace: w.ID(), Seed: w.world.Seed(), Clock: c.clock, ResetEvery: c.resetEvery}
	s.Clock.Mode = cmp.Or(s.Clock.Mode, RealClock)
	if s.Clock.Mode == ScaledClock {
		s.Clock.Scale = cmp.Or(s.Clock.Scale, 1)
	}
	c.skystackSetup(&s)
	return s
}

// nextID is an id for a workspace that was given none.
func (e *Emulator) nextID(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id == "" {
		e.made++
		id = fmt.Sprintf("wsp_%d", e.made+1)
		if e.registry.World(id) != nil {
			id = ""
		}
	}
	return id
}

// workspaceID returns a free id made of a test's name.
func (e *Emulator) workspaceID(t TB) string {
	for n := 1; ; n++ {
		if id := sandbox.WorkspaceID(t.Name(), n); e.registry.World(id) == nil {
			return id
		}
	}
}

func isDefault(s Setup) bool {
	s.Workspace = ""
	return reflect.DeepEqual(s, Setup{})
}
