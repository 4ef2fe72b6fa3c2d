// Package control is the control API under /_sandbox/: time, state, limits and
// the record of requests of a sandbox, over HTTP. Each operation is a thin shell
// over a method of sandbox.Workspace, and runs outside of any transaction. One
// file a resource; this one is the table of contents.
package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Server is the sandbox as a whole, for what concerns more than one workspace.
type Server interface {
	// Workspaces lists all workspaces by id.
	Workspaces() []sandbox.Workspace
	// AddWorkspace adds a workspace that starts as the default one did where the
	// setup is zero.
	AddWorkspace(setup sandbox.Setup) (sandbox.Workspace, error)
	// ForkWorkspace adds a copy of a workspace, as it is now or, unless at is nil,
	// as its snapshot has it; "" makes up an id.
	ForkWorkspace(of string, at sandbox.Snapshot, id string) (sandbox.Workspace, error)
	// RemoveWorkspace ends a workspace and everything in it. It tells API.Forget.
	RemoveWorkspace(id string) error
	// ForgetRequests empties the record of requests of a workspace.
	ForgetRequests(workspace string) error
	// Metrics writes all metrics in the text format of Prometheus.
	Metrics(w io.Writer) error
	// CA is the certificate, in PEM, of the authority behind the HTTPS listener;
	// nil when there is no such listener, or it has a certificate of its own.
	CA() []byte
}

// Config is what the API is told once. All of it but Origins must be
// given.
type Config struct {
	Server Server
	// Home is the id of the default workspace.
	Home string
	// Workspace finds a workspace by its id, and World its world; false and nil
	// when there is none. A world belongs to one workspace for as long as it
	// lives.
	Workspace func(id string) (sandbox.Workspace, bool)
	World     func(id string) *engine.World
	// OnBehalf is a workspace in which nothing is done that the rights of a key, named
	// by its id, do not allow; false when there is no such workspace.
	OnBehalf func(id, key string) (sandbox.Workspace, bool)
	// Pages reads parts of what a world holds.
	Pages Pages
	// Names refuses matches that name what does not exist.
	Names Names
	// Bearer reads the token of a request, and refuses one without, or with
	// something that is none. What the token is good for it does not know.
	Bearer func(r *http.Request) (string, error)
	// Authenticate finds the world of a key, and what the key is called, is bound to
	// and may do; nil Scopes mean everything. It counts as no request and changes
	// nothing.
	Authenticate func(token string) (w *engine.World, key sandbox.Key, err error)
	// Admin reports whether the token is the admin token, in constant time.
	Admin func(token string) bool
	// Secure refuses a request that came over plain HTTP, if HTTPS is required.
	Secure func(r *http.Request) error
	// Like is the API whose way to render errors, hosts and names of headers this one
	// shares.
	Like *httpapi.API
	// Origins are the web origins, as https://app.test, that may call from a page
	// besides the sandbox's own; none by default.
	Origins []string
}

// API holds the handlers of the control API, and what it keeps itself: snapshots.
type API struct {
	Config
	crossOrigin  http.CrossOriginProtection
	requestCount atomic.Uint64 // requests so far, which their ids count
	closing      context.Context
	close        context.CancelFunc

	mu     sync.Mutex
	states map[*engine.World]*workspaceState
}

// New returns the API. It refuses an origin that is none.
func New(c Config) (*API, error) {
	a := &API{Config: c, states: map[*engine.World]*workspaceState{}}
	for _, origin := range c.Origins {
		if err := a.crossOrigin.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: %w", origin, err)
		}
	}
	a.closing, a.close = context.WithCancel(context.Background())
	return a, nil
}

// Close answers those who wait for something. It may be called more than once.
func (a *API) Close() { a.close() }

// HTTP describes the API to the room that serves it.
func (a *API) HTTP() (*httpapi.API, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	return &httpapi.API{
		Contract: c, Document: "/_sandbox/openapi.json", Prefix: "/_sandbox/", Hosts: a.Like.Hosts, Headers: a.Like.Headers, Handlers: a.handlers(), Pipeline: a.pipeline(),
		RenderError: a.Like.RenderError, Open: a.open, Complete: complete,
	}, nil
}

// handlers is every operation. Each file begins with those that it serves.
func (a *API) handlers() []httpapi.Handler {
	return slices.Concat(a.workspacesHandlers(), a.clockHandlers(), a.stateHandlers(), a.objectsHandlers(), a.limitsHandlers(), a.requestsHandlers(), a.eventsHandlers(), a.webhooksHandlers(), a.listenersHandlers(), a.systemHandlers())
}

// call is what a handler knows of the request beyond its input.
type call struct {
	// ctx ends when the client goes away.
	ctx context.Context
	// workspace is the one that is meant, and world its world; nil where the
	// operation needs no credential.
	workspace sandbox.Workspace
	world     *engine.World
	// admin says that the request carries the admin token. Otherwise own is the
	// world of its key, key the key's id, project the one it is bound to, "" for
	// none, and scopes what it may do.
	admin   bool
	own     *engine.World
	key     string
	project string
	scopes  []string
}

// handle makes a function the handler of an operation. What a workspace refuses
// becomes a refusal of the request here, so that no handler can forget it.
func handle[In, Out any](operation string, f func(c *call, in In) (Out, error)) httpapi.Handler {
	return httpapi.HandleUnlocked(operation, func(ctx context.Context, e *httpapi.Call, in In) (Out, error) {
		c := e.Admission().(*call)
		c.ctx = ctx
		out, err := f(c, in)
		return out, refusal(err)
	})
}

type noInput struct{}

// Names refuses matches that name what does not exist, and says what was probably
// meant.
type Names interface {
	CheckRequestMatch(m sandbox.Match) error
	CheckEventMatch(m sandbox.EventMatch) error
	CheckDeliveryMatch(w *engine.World, m sandbox.DeliveryMatch) error
}

// Pages reads parts of what a world holds, so that nothing is held as a whole:
// at most so many objects after a place, oldest first, and the place where the next
// part begins; "" is the beginning, and the end. It refuses a place of another
// state with engine.ErrPlace.
type Pages interface {
	InstancesPage(w *engine.World, after string, most int) ([]sandbox.Instance, string, error)
	ProjectsPage(w *engine.World, after string, most int) ([]sandbox.Project, string, error)
	EventsPage(w *engine.World, m sandbox.EventMatch, after string, most int) ([]sandbox.APIEvent, string, error)
	DeliveriesPage(w *engine.World, m sandbox.DeliveryMatch, after string, most int) ([]sandbox.Delivery, string, error)
	AgendaPage(w *engine.World, after string, most int) ([]sandbox.Event, string, error)
}

// pageInput is how a client walks a long list.
type pageInput struct {
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// defaultLimit is how many items a page has when the client names no number.
const defaultLimit = 100

// limit is how many items the page may have.
func (p pageInput) limit() int { return cmp.Or(p.Limit, defaultLimit) }

// page is a part of a list; NextCursor is null at its end.
type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

func pageOf[T any](items []T, next string, err error) (page[T], error) {
	out := page[T]{Data: listOf(items).Data}
	if next != "" {
		out.NextCursor = &next
	}
	if errors.Is(err, engine.ErrCursor) {
		err = invalidMember(fail.Query, "cursor", "invalid_cursor", "The cursor does not belong to the present state of the workspace: it was reset or restored since, or the cursor is from elsewhere; begin again without a cursor.")
	}
	return out, err
}

// list is what lists are wrapped in.
type list[T any] struct {
	Data []T `json:"data"`
}

func listOf[T any](items []T) list[T] {
	if items == nil {
		items = []T{} // JSON has no nil
	}
	return list[T]{items}
}
