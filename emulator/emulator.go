package emulator

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/fixtures"
)

// Version is the version of the sandbox.
const Version = "0.1.0"

// DefaultKey is the key of the default workspace in the fixtures that come with
// the sandbox. Anybody knows it.
const DefaultKey = fixtures.DefaultKey

// Emulator is a running sandbox. It is made by New or Start and safe for use by
// several goroutines.
type Emulator struct {
	config   config
	registry *engine.Registry
	schema   *engine.Schema
	sky      *skystack.API
	server   *edge.Server
	home     *engine.World
	fixture  *fixtures.Fixture
	key      string

	mu     sync.Mutex
	http   *http.Server
	url    string
	served chan struct{} // closed when the socket of URL is done
	closed bool
}

// New returns an emulator that listens nowhere yet: use its Handler, its Client,
// its URL, or Serve. It fails when an option or the fixture is wrong, and says
// what would be right. Close it in the end.
func New(opts ...Option) (*Emulator, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	fixture := c.given
	if fixture == nil {
		if fixture, err = fixtures.Load(c.fixture, c.seed); err != nil {
			return nil, err
		}
	}
	if err := c.complete(fixture); err != nil {
		return nil, err
	}
	e := &Emulator{config: c, registry: engine.NewRegistry(), schema: engine.NewSchema(), fixture: fixture}
	if err := e.build(); err != nil {
		e.closeWorlds()
		return nil, err
	}
	return e, nil
}

func (e *Emulator) build() error {
	c := &e.config
	log := slog.New(redact.NewHandler(c.log.Handler()))
	if c.anyToken {
		c.sky.Adopt = e.adopt
	}
	c.sky.Registry, c.sky.Home, c.sky.Build, c.sky.Fixture, c.sky.Log = e.registry, e.fixture.Workspace.ID, Version, e.fixture.Name(), log
	e.sky = skystack.New(e.schema, c.sky)
	if err := e.populate(); err != nil {
		return err
	}
	api, err := e.sky.Edge()
	if err != nil {
		return err
	}
	c.edge.Home, c.edge.Log = e.home, log
	e.server, err = edge.NewServer(c.edge, api)
	return err
}

// populate makes the default workspace and those that further keys name, and
// binds all keys.
func (e *Emulator) populate() (err error) {
	if e.home, err = e.newWorkspace(e.fixture.Workspace.ID); err != nil {
		return err
	}
	for i, k := range e.fixture.Keys {
		key := Key{
			Token: k.Token, ID: k.ID, Name: k.Name, Scopes: k.Scopes, Environment: k.Environment, Owner: k.Owner, Project: k.ProjectID,
			APIVersion: k.APIVersion, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt,
		}
		if err := e.addKey(e.home, key); err != nil {
			return e.fixture.Errorf(fmt.Sprintf("keys[%d]", i), "%v", err)
		}
	}
	for i, k := range e.config.keys {
		w := e.home
		if k.Workspace != "" {
			if w = e.registry.World(k.Workspace); w == nil {
				if w, err = e.newWorkspace(k.Workspace); err != nil {
					return err
				}
			}
		}
		if err := e.addKey(w, k); err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
		if e.key == "" && w == e.home {
			e.key = k.Token
		}
	}
	if e.key == "" && len(e.fixture.Keys) > 0 {
		e.key = e.fixture.Keys[0].Token
	}
	if e.key == "" {
		e.key = DefaultKey
		if err := e.addKey(e.home, Key{Token: DefaultKey, Name: "default"}); err != nil {
			return err
		}
	}
	for _, w := range e.registry.Worlds() {
		w.SetBaseline()
	}
	return nil
}

func (e *Emulator) newWorkspace(id string) (*engine.World, error) {
	c := &e.config
	w, err := engine.NewWorld(e.schema, engine.Config{
		ID: id, Seed: c.seed, Clock: c.clock, ResetEvery: c.resetEvery, Strict: c.strictEngine,
	})
	if err != nil {
		return nil, err
	}
	if err := e.sky.Seed(w, e.fixture, c.settings); err != nil {
		w.Close()
		return nil, err
	}
	return w, e.registry.Add(w)
}

func (e *Emulator) addKey(w *engine.World, k Key) error {
	return e.sky.AddKey(w, k.known())
}

// maxAdopted bounds the workspaces that unknown keys may bring into being.
const maxAdopted = 10_000

// adopt gives a key nobody knows a workspace of its own.
func (e *Emulator) adopt(token string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	digest := engine.DigestOf(token)
	if w, _ := e.registry.Home(digest); w != nil {
		return nil
	}
	if e.closed || e.registry.Len() >= maxAdopted {
		return errors.New("there are too many workspaces")
	}
	w := e.home.ForkOf(e.home.Baseline(), "wsp_"+hex.EncodeToString(digest[:8]))
	if err := e.registry.Add(w); err != nil {
		return err
	}
	if err := e.addKey(w, Key{Token: token, Name: "adopted"}); err != nil {
		e.registry.Remove(w)
		return err
	}
	w.SetBaseline()
	return nil
}

// Key is a key of the default workspace: the first one given with WithKey, else
// the fixture's first, else DefaultKey.
func (e *Emulator) Key() string { return e.key }

// Handler serves the sandbox's APIs.
func (e *Emulator) Handler() http.Handler { return e.server }

// Reset returns every workspace to what it started as, its time and ids
// included; a real clock goes on.
func (e *Emulator) Reset() {
	for _, w := range e.registry.Worlds() {
		w.Reset()
	}
}

// Finding is something that clients do and that would hurt them in production.
type Finding = skystack.Finding

// Findings lists what clients did wrong so far, oldest first (S39).
func (e *Emulator) Findings() []Finding { return e.sky.Findings() }

// Fail makes the running action of an instance of the default workspace fail
// now, as section 2.2 has it, or crashes an instance that is running. code is
// the reason shown; "" takes the usual one. It refuses an instance that does not
// exist or that rests.
func (e *Emulator) Fail(instance, code string) error { return e.sky.Fail(e.home, instance, code) }

// Finish completes the running action of an instance of the default workspace
// now; with the progression "manual" nothing else does. It refuses an instance
// that does not exist or that rests.
func (e *Emulator) Finish(instance string) error { return e.sky.Finish(e.home, instance) }

// Close stops serving and everything that moves by itself. It may be called more
// than once.
func (e *Emulator) Close() error {
	e.mu.Lock()
	server, served := e.http, e.served
	e.closed = true
	e.mu.Unlock()
	var err error
	if server != nil {
		err = server.Close()
	}
	if served != nil {
		<-served
	}
	e.closeWorlds()
	return err
}

func (e *Emulator) closeWorlds() {
	for _, w := range e.registry.Worlds() {
		w.Close()
	}
}

// Shutdown lets requests that are being served end, for as long as ctx allows,
// and then closes the emulator.
func (e *Emulator) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	server := e.http
	e.mu.Unlock()
	var err error
	if server != nil {
		err = server.Shutdown(ctx)
	}
	return errors.Join(err, e.Close())
}
