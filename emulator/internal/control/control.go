// Package control is the control API under /_sandbox/: time, state, limits and
// the record of requests of a sandbox, over HTTP. Each operation calls a method of
// sandbox.Workspace, outside of any transaction. Each resource has its own file; this
// one is the table of contents.
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

// Server is the sandbox as a whole, for operations that concern more than one
// workspace.
type Server interface {
	// Workspaces lists all workspaces by id.
	Workspaces() []sandbox.Workspace
	// AddWorkspace adds a workspace that starts as the default one did where the
	// setup is zero.
	AddWorkspace(setup sandbox.Setup) (sandbox.Workspace, error)
	// ForkWorkspace adds a copy of a workspace: of its present state, or of a snapshot
	// unless at is nil. An empty id is generated.
	ForkWorkspace(of string, at sandbox.Snapshot, id string) (sandbox.Workspace, error)
	// RemoveWorkspace removes a workspace and everything in it. It calls API.Forget.
	RemoveWorkspace(id string) error
	// ForgetRequests empties the record of requests of a workspace.
	ForgetRequests(workspace string) error
	// Metrics writes all metrics in the text format of Prometheus.
	Metrics(w io.Writer) error
	// CA returns the certificate, in PEM, of the authority of the HTTPS listener; nil
	// when there is no such listener, or its certificate was supplied.
	CA() []byte
}

// Config configures the API. All members but Origins are required.
type Config struct {
	Server Server
	// Home is the id of the default workspace.
	Home string
	// Workspace finds a workspace by its id, and World its world; false and nil when
	// there is none. A world belongs to one workspace.
	Workspace func(id string) (sandbox.Workspace, bool)
	World     func(id string) *engine.World
	// OnBehalf finds a workspace whose methods are limited to the rights of a key,
	// which is named by its id; false when there is none.
	OnBehalf func(id, key string) (sandbox.Workspace, bool)
	// Pages reads pages of lists.
	Pages Pages
	// Stacks reads pages of lists of the ComputeStacks API.
	Stacks StackPages
	// Names validates the names in matches.
	Names Names
	// Bearer reads the token of a request. A missing or malformed token is an error.
	// It does not check the token's rights.
	Bearer func(r *http.Request) (string, error)
	// Authenticate finds the world of a key, with the key's id, project and scopes;
	// nil Scopes mean all. It does not count as a request and changes nothing.
	Authenticate func(token string) (w *engine.World, key sandbox.Key, err error)
	// Admin reports whether the token is the admin token, in constant time.
	Admin func(token string) bool
	// Secure returns an error for a request over plain HTTP, if HTTPS is required.
	Secure func(r *http.Request) error
	// Like is the API whose error format, hosts and header names this one shares.
	Like *httpapi.API
	// Origins are the web origins, as https://app.test, that may call from a page
	// besides the sandbox's own; none by default.
	Origins []string
}

// API holds the handlers of the control API, and the snapshots that it stores.
type API struct {
	Config
	crossOrigin  http.CrossOriginProtection
	requestCount atomic.Uint64 // numbers the ids of requests
	closing      context.Context
	close        context.CancelFunc

	mu     sync.Mutex
	states map[*engine.World]*workspaceState
}

// New returns the API. An invalid origin is an error.
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

// Close ends requests that wait. It may be called more than once.
func (a *API) Close() { a.close() }

// HTTP describes the API to its server.
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

// handlers is the table of contents: every operation and its handler.
func (a *API) handlers() []httpapi.Handler {
	return slices.Concat(a.workspacesHandlers(), a.clockHandlers(), a.stateHandlers(), a.objectsHandlers(), a.stacksHandlers(), a.limitsHandlers(), a.requestsHandlers(), a.eventsHandlers(), a.webhooksHandlers(), a.listenersHandlers(), a.systemHandlers())
}

// call is the request for a handler, without its input.
type call struct {
	// ctx ends when the client disconnects.
	ctx context.Context
	// workspace is the workspace of the request, and world its world; nil where the
	// operation needs no credential.
	workspace sandbox.Workspace
	world     *engine.World
	// admin says that the request has the admin token. Otherwise own is the world of
	// its key, key the key's id, project the project it is bound to, "" for none, and
	// scopes its scopes.
	admin   bool
	own     *engine.World
	key     string
	project string
	scopes  []string
}

// handle makes a function the handler of an operation. It converts the errors of a
// workspace to request errors, so that no handler can forget it.
func handle[In, Out any](operation string, f func(c *call, in In) (Out, error)) httpapi.Handler {
	return httpapi.HandleUnlocked(operation, func(ctx context.Context, e *httpapi.Call, in In) (Out, error) {
		c := e.Admission().(*call)
		c.ctx = ctx
		out, err := f(c, in)
		return out, refusal(err)
	})
}

type noInput struct{}

// Names validates the names in matches. The error for an unknown name suggests similar
// ones.
type Names interface {
	CheckRequestMatch(m sandbox.Match) error
	CheckEventMatch(m sandbox.EventMatch) error
	CheckDeliveryMatch(w *engine.World, m sandbox.DeliveryMatch) error
}

// Pages reads lists page by page. Each method returns at most so many objects after a
// cursor, oldest first, and the cursor of the next page. "" means the beginning as an
// argument, and the end as a result. A cursor of another state is engine.ErrCursor.
type Pages interface {
	InstancesPage(w *engine.World, after string, most int) ([]sandbox.Instance, string, error)
	ProjectsPage(w *engine.World, after string, most int) ([]sandbox.Project, string, error)
	EventsPage(w *engine.World, m sandbox.EventMatch, after string, most int) ([]sandbox.APIEvent, string, error)
	DeliveriesPage(w *engine.World, m sandbox.DeliveryMatch, after string, most int) ([]sandbox.Delivery, string, error)
	AgendaPage(w *engine.World, after string, most int) ([]sandbox.Event, string, error)
}

// pageInput selects a page of a list.
type pageInput struct {
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// defaultLimit is the default number of items of a page.
const defaultLimit = 100

// limit returns the maximal number of items of the page.
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

// list is the body of a list.
type list[T any] struct {
	Data []T `json:"data"`
}

func listOf[T any](items []T) list[T] {
	if items == nil {
		items = []T{} // encode [] and not null
	}
	return list[T]{items}
}
