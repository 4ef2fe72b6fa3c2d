package emulator

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"skystack.dev/sandbox/emulator/internal/control"
	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/redact"
	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/fixtures"
)

// Version is the version of the sandbox.
const Version = "0.1.0"

// DefaultKey is the key of the default workspace in the fixtures that come with
// the sandbox. It is public.
const DefaultKey = fixtures.DefaultKey

// Emulator is a running sandbox, and its default workspace. It is made by New or
// Start and safe for use by several goroutines.
type Emulator struct {
	*Workspace
	registry   *engine.Registry
	schema     *engine.Schema
	apis       []api
	beside     []string // the prefixes of the served APIs that have one
	sky        skystackAPI
	stacks     computestacksAPI
	findings   finding.Log
	server     *httpapi.Server
	control    func() (http.Handler, error)
	spaces     sync.Map                    // *engine.World to *Workspace
	controlAPI atomic.Pointer[control.API] // nil before the control API is made
	meter      meter
	admin      string
	salt       engine.Salt
	log        *slog.Logger
	closing    context.Context // ends when the emulator is being closed or shut down
	close      context.CancelFunc
	secure     *secure // nil without HTTPS
	sender     *webhook.Sender
	listens    atomic.Pointer[[]netip.AddrPort] // nil before the first

	connections *connections

	mu      sync.Mutex
	made    int // workspaces that got an id made up
	http    *http.Server
	plain   socket // of URL
	secured socket // of HTTPSURL
	closed  bool
}

// New returns an emulator that listens nowhere yet: use its Handler, its Client,
// its URL, or Serve. It fails when an option or the fixture is wrong, and says
// what would be right. Close it in the end.
func New(opts ...Option) (*Emulator, error) {
	asked, err := configure(opts)
	if err != nil {
		return nil, err
	}
	c, fixture, err := asked.resolve()
	if err != nil {
		return nil, err
	}
	e := &Emulator{registry: engine.NewRegistry(), schema: engine.NewSchema(), admin: c.adminToken}
	e.closing, e.close = context.WithCancel(context.Background())
	if e.admin == "" {
		e.admin = secret.New(secret.Admin)
	}
	e.salt.Set(c.salt)
	if c.saltRandom {
		e.ensureSalt()
	}
	if err := e.build(asked, c, fixture); err != nil {
		e.close()
		e.closeWorlds()
		return nil, err
	}
	return e, nil
}

func (e *Emulator) build(asked, c config, fixture *fixtures.Fixture) error {
	log := slog.New(redact.NewHandler(c.log.Handler()))
	e.log = log
	e.connections = newConnections(e.closing, log)
	e.sender = e.newSender(c.webhooks)
	e.apis = e.buildAPIs(c, fixture)
	e.schema.OnReset(e.forgetWithReset)
	if err := e.populate(asked, c, fixture); err != nil {
		return err
	}
	described, first, err := e.describe(&c)
	if err != nil {
		return err
	}
	c.server.Home, c.server.Log, c.server.LargeBodies = e.world, log, httpapi.NewLargeBodies()
	if e.secure, err = c.prepare(log); err != nil {
		return err
	}
	e.control = sync.OnceValues(func() (http.Handler, error) { return e.newControl(c.server, first) })
	e.meter.init()
	c.server.Record = e.record
	e.server, err = httpapi.NewServer(c.server, described...)
	return err
}

// populate makes the default workspace and those that further keys name, and
// binds all keys.
func (e *Emulator) populate(asked, c config, f *fixtures.Fixture) error {
	world, err := e.newWorld(c, f, f.Workspace.ID, engine.Budget{})
	if err != nil {
		return err
	}
	e.Workspace = e.newWorkspace(world, asked, c, f)
	if err := e.register(e.Workspace); err != nil {
		return err
	}
	for i, k := range fixtureKeys(f) {
		if c.isPublicKey(f, k) {
			continue
		}
		if err := e.sky.Credentials.Add(world, credential.Configured(k)); err != nil {
			return f.Errorf(fmt.Sprintf("keys[%d]", i), "%v", err)
		}
		e.key = cmp.Or(e.key, k.Token)
	}
	first := ""
	for i, k := range c.keys {
		w := e.Workspace
		if k.Workspace != "" && k.Workspace != w.ID() {
			if w = e.workspace(k.Workspace); w == nil {
				if world, err = e.newWorld(c, f, k.Workspace, engine.Budget{}); err != nil {
					return err
				}
				w = e.newWorkspace(world, asked, c, f)
				if err := e.register(w); err != nil {
					return err
				}
			}
		}
		if err := e.sky.Credentials.Add(w.world, credential.Configured(k)); err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
		if w == e.Workspace {
			first = cmp.Or(first, k.Token)
		} else {
			w.key = cmp.Or(w.key, k.Token)
		}
	}
	if e.key = cmp.Or(first, e.key); e.key == "" {
		e.key = DefaultKey
		if c.freshKey {
			e.key = NewKey()
			e.ensureSalt()
		}
		if err := e.sky.Credentials.Add(e.world, credential.Configured(Key{Token: e.key, Name: "default"})); err != nil {
			return err
		}
	}
	for _, w := range e.registry.Worlds() {
		if err := e.attach(e.of(w)); err != nil {
			return err
		}
		w.SetBaseline()
		b := c.memory()
		b.Free = w.Size() // what the operator chose is not counted
		w.SetBudget(b)
	}
	return nil
}

// addWorkspaceFor adds a workspace for an unknown key.
func (e *Emulator) addWorkspaceFor(token string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	digest := engine.DigestOf(token)
	if w, _ := e.registry.Lookup(digest); w != nil {
		return nil
	}
	id := "wsp_" + hex.EncodeToString(digest[:8])
	return e.publish(e.restartWorkspace(e.Workspace, id), Key{Token: token, Name: "adopted"})
}

// Handler serves the sandbox's APIs, and the control API under /_sandbox/.
func (e *Emulator) Handler() http.Handler { return handler{e} }

// ResetAll resets every workspace.
func (e *Emulator) ResetAll(opts ...ResetOption) {
	for _, w := range e.Workspaces() {
		w.Reset(opts...)
	}
}

// AllFindings lists what clients did wrong so far, oldest first, in any workspace
// and in none.
func (e *Emulator) AllFindings() []Finding { return e.findings.All() }

// Close stops serving and everything that moves by itself. It may be called more
// than once.
func (e *Emulator) Close() error {
	e.mu.Lock()
	server, ends := e.http, []chan struct{}{e.plain.done, e.secured.done}
	e.closed = true
	e.mu.Unlock()
	e.endWaits()
	var err error
	if server != nil {
		err = server.Close()
	}
	for _, done := range ends {
		if done != nil {
			<-done
		}
	}
	e.closeWorlds()
	e.sender.Close()
	return err
}

// endWaits ends what waits: requests and streams of the API, and calls of the
// control API. They get a response.
func (e *Emulator) endWaits() {
	e.close()
	if api := e.controlAPI.Load(); api != nil {
		api.Close()
	}
}

func (e *Emulator) closeWorlds() {
	for _, w := range e.registry.Worlds() {
		w.Close()
	}
}

// Shutdown lets requests that are being served end, for as long as ctx allows,
// and then closes the emulator. Advances end at once. It does not wait longer than
// ctx allows, whatever still holds a workspace.
func (e *Emulator) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	server := e.http
	e.mu.Unlock()
	e.endWaits() // or they would keep it waiting
	var err error
	if server != nil {
		err = server.Shutdown(ctx)
	}
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	select {
	case fault := <-closed:
		return errors.Join(err, fault)
	default:
	}
	// What remains takes a moment, also when the requests have used up the time.
	moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	select {
	case fault := <-closed:
		return errors.Join(err, fault)
	case <-moment.Done():
		return errors.Join(err, errors.New("a workspace could not be closed in time"))
	}
}
