package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// API describes an API to the server.
type API struct {
	// Contract is its parsed document, Document the path that serves it.
	Contract *Contract
	Document string
	// Prefix is the common prefix of the paths of the API, such as "/api/"; "" matches
	// every path. A request without an operation gets the error format of the API with
	// the longest matching prefix.
	Prefix string
	// Headers are the API's names of headers that this package reads and writes.
	Headers Headers
	// Hosts are the names under which the real API is served, so that a client which
	// keeps them in its requests is accepted; one that begins with a dot matches
	// every name below it. The first one is named in the refusal of others.
	Hosts []string
	// Handlers has one for every operation that is not an alias.
	Handlers []Handler
	// Pipeline lists the stages of a routed request in order. It ends with the stages
	// of this package that invoke the handler.
	Pipeline []Stage
	// RenderError renders an error.
	RenderError func(x *RequestContext, err *fail.Error) Response
	// Render returns a handler's output in the form of the caller's version.
	Render func(x *RequestContext, out any) any
	// Known reports whether a parameter or body member exists in the caller's version.
	// Strict reports whether an unknown one is an error.
	Known  func(x *RequestContext, in fail.Location, name string) bool
	Strict func(x *RequestContext) bool
	// Open sets the time and id of a request that is rejected before its caller is
	// known; nil takes them from the home world.
	Open func(x *RequestContext)
	// Owner returns the world whose record an unauthenticated request belongs to, and
	// the id there of the credential in the request, "" if it is unknown. nil assigns
	// such requests to the home world, or to none if the operation is public.
	Owner func(x *RequestContext) (w *engine.World, credential string)
	// Admitted returns an error, in the transaction of the handler, for a caller that
	// was accepted before and may not act any more. Within then returns an error for
	// objects outside of the part of the world that the caller is bound to. Either may
	// be nil.
	Admitted, Within func(c *Call) error
	// Idempotent says that Idempotency.LookUp is a stage of the pipeline.
	Idempotent bool
	// Complete adds the headers that every response carries.
	Complete func(x *RequestContext)
	// DocumentedOnly leaves out operations the documents only imply.
	DocumentedOnly bool
	// PutIsPatch lets PUT reach the operations of PATCH, but for those with x-no-put.
	PutIsPatch bool
}

// Headers are names of headers that differ between APIs. They are canonical.
type Headers struct {
	// Scope names the request headers that, besides the body, determine the effect of
	// a request: a repetition with another value is another request.
	Scope []string
	// Warning is the response header for warnings about tolerated input.
	Warning string
	// Pages are the headers that web pages of an allowed origin may send and read.
	Pages struct{ Request, Response []string }
}

// SharedByRows implements engine.Shared: a stored outcome points to its API.
func (*API) SharedByRows() {}

// Options configures a server for all of its APIs.
type Options struct {
	// Home is the world that provides the Date of responses to requests without a
	// workspace.
	Home *engine.World
	// Hosts are further names under which the server may be addressed.
	Hosts []string
	// Origins are the web origins allowed to call from a page; none by default.
	Origins []string
	// MaxBody bounds a request body in bytes; 0 means 1 MiB.
	MaxBody int64
	// LargeBodies bounds the memory of large request bodies, for all servers that
	// are given the same one; nil makes one for this server.
	LargeBodies *LargeBodies
	// CheckResponses turns a response that breaks the contract into a 500.
	CheckResponses bool
	// FullHeaders sends every header with every response, even without new
	// information.
	FullHeaders bool
	// Record receives every request before its response is sent; nil for none. It must
	// not retain the record.
	Record func(r *Record)
	// Log receives a line for each request at debug level; nil for none.
	Log *slog.Logger
}

const defaultMaxBody = 1 << 20

// Server is an http.Handler that serves APIs.
type Server struct {
	Options
	apis   []*API
	stages []Stage
	echo   *echo.Echo
	pool   sync.Pool
	// unauthenticated makes the ids of requests without a workspace.
	unauthenticated *engine.IDs

	// Header values that every response shares; net/http only reads them.
	jsonType, nosniff []string
	date              atomic.Pointer[date]
}

// NewServer routes the operations of the APIs. An operation without a handler, or a
// handler without an operation, is an error.
func NewServer(o Options, apis ...*API) (*Server, error) {
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.LargeBodies == nil {
		o.LargeBodies = NewLargeBodies()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(apis) == 0 {
		return nil, errors.New("there is no API to serve")
	}
	s := &Server{Options: o, apis: byPrefix(apis), echo: echo.New(), jsonType: []string{JSONType}, nosniff: []string{"nosniff"}}
	if o.Home != nil {
		s.unauthenticated = o.Home.IDs("stranger")
	}
	for _, api := range apis {
		api.complete()
	}
	s.pool.New = func() any { return new(RequestContext) }
	s.stages = s.admission()
	s.echo.HTTPErrorHandler = s.unrouted
	for _, api := range apis {
		if err := s.route(api); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// complete replaces functions that are nil.
func (api *API) complete() {
	if api.Render == nil {
		api.Render = func(_ *RequestContext, out any) any { return out }
	}
	if api.Known == nil {
		api.Known = func(*RequestContext, fail.Location, string) bool { return true }
	}
	if api.Strict == nil {
		api.Strict = func(*RequestContext) bool { return true }
	}
}

// byPrefix sorts APIs by the length of their prefix, longest first.
func byPrefix(apis []*API) []*API {
	return slices.SortedStableFunc(slices.Values(apis), func(a, b *API) int { return cmp.Compare(len(b.Prefix), len(a.Prefix)) })
}

// apiOf returns the API with the longest prefix of the path, or else the one with the
// shortest prefix. "/api" belongs to the prefix "/api/".
func (s *Server) apiOf(path string) *API {
	for _, api := range s.apis {
		if strings.HasPrefix(path, api.Prefix) || path+"/" == api.Prefix {
			return api
		}
	}
	return s.apis[len(s.apis)-1]
}

func (s *Server) route(api *API) error {
	handlers := map[string]*Handler{}
	for i := range api.Handlers {
		h := &api.Handlers[i]
		if handlers[h.operation] != nil {
			return fmt.Errorf("operation %s has two handlers", h.operation)
		}
		handlers[h.operation] = h
	}
	methods := map[string][]string{}
	used := map[string]bool{}
	for _, op := range api.Contract.Operations {
		h := handlers[op.Canonical]
		if h == nil {
			return fmt.Errorf("operation %s (%s %s) has no handler", op.ID, op.Method, op.Path)
		}
		if api.Idempotent && h.unlocked && op.changes() {
			return fmt.Errorf("operation %s changes something and its handler is made by HandleUnlocked: its outcome cannot be stored in the transaction of the change", op.ID)
		}
		used[op.Canonical] = true
		if api.DocumentedOnly && !op.Documented && !op.Public {
			continue
		}
		bound := op.bind(h)
		serve := func(c echo.Context) error {
			c.Response().Writer.(*RequestContext).routed(api, bound, c.ParamValues())
			return nil
		}
		path := op.echoPath()
		s.echo.Add(op.Method, path, serve)
		methods[path] = append(methods[path], op.Method)
		if api.PutIsPatch && op.Method == http.MethodPatch && !op.noPut {
			s.echo.Add(http.MethodPut, path, serve)
			methods[path] = append(methods[path], http.MethodPut)
		}
		if op.Method == http.MethodGet {
			s.echo.Add(http.MethodHead, path, serve)
			methods[path] = append(methods[path], http.MethodHead)
		}
	}
	for id := range handlers {
		if !used[id] {
			return fmt.Errorf("handler %s has no operation", id)
		}
	}
	for path, allow := range methods {
		allow = allowed(allow)
		s.echo.OPTIONS(path, func(c echo.Context) error {
			x := c.Response().Writer.(*RequestContext)
			if !matchesTemplate(path, x.Request.URL.Path) {
				x.finishError(x.noRoute())
				return nil
			}
			x.Header().Set("Allow", strings.Join(allow, ", "))
			x.finish(Response{Status: http.StatusNoContent})
			return nil
		})
	}
	return nil
}

func allowed(methods []string) []string {
	methods = append(slices.Clone(methods), http.MethodOptions)
	slices.Sort(methods)
	return slices.Compact(methods)
}

// unrouted responds to requests for which Echo found no handler.
func (s *Server) unrouted(err error, c echo.Context) {
	x := c.Response().Writer.(*RequestContext)
	x.stage = "route"
	var he *echo.HTTPError
	if errors.As(err, &he) && he.Code == http.StatusMethodNotAllowed && matchesTemplate(c.Path(), x.Request.URL.Path) {
		x.Header().Del("Allow")
		routed, _ := c.Get(echo.ContextKeyHeaderAllow).(string)
		allow := allowed(strings.Split(routed, ", "))
		x.finishError(&fail.Error{
			Kind: fail.MethodNotAllowed, Code: "method_not_allowed", Allow: allow,
			Message: fmt.Sprintf("%s is not offered here; use %s.", printable(x.Request.Method), strings.Join(allow, ", ")),
		})
		return
	}
	x.finishError(x.noRoute())
}

// complete sends the response, also after a panic, and frees the request.
func (s *Server) complete(x *RequestContext) {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
			x.release()
			x.releaseBody()
			panic(p)
		}
		s.Log.Error("a request panicked", "panic", fmt.Sprintf("%+v", p), "stack", string(debug.Stack()))
		x.finishError(fmt.Errorf("panic: %+v", p))
	}
	x.release()
	x.finalize()
	s.record(x)
	if x.response.Stream != nil {
		s.log(x)
		x.releaseBody()
		x.stream()
		s.free(x)
		return
	}
	x.write()
	s.log(x)
	if x.Request.ProtoMajor > 1 {
		x.buf = nil // HTTP/2 may still send it
	}
	s.free(x)
}

// free returns the request context to the pool.
func (s *Server) free(x *RequestContext) {
	x.releaseBody()
	x.clear()
	s.pool.Put(x)
}

func (s *Server) log(x *RequestContext) {
	r := x.Request
	if x.failed != nil && x.failed.Kind == fail.Internal {
		s.Log.Error("the sandbox failed", "request_id", x.ID, "method", r.Method, "path", r.URL.Path, "error", x.failed.Cause)
	}
	if !s.Log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	attrs := []any{"request_id", x.ID, "method", r.Method, "path", r.URL.Path, "status", x.response.Status, "duration", x.started.Elapsed(), "workspace", x.World.ID()}
	if x.Op != nil {
		attrs = append(attrs, "operation", x.Op.ID)
	}
	if x.Caller.Token != "" {
		attrs = append(attrs, "key", x.Caller.Token)
	}
	if x.failed != nil {
		attrs = append(attrs, "code", x.failed.Code, "reason", x.failed.Message)
	}
	if id := r.Header.Get("X-Request-Id"); clientID(id) {
		attrs = append(attrs, "client_request_id", id)
	}
	s.Log.Debug("request", attrs...)
}

// clientID reports whether a client's own request id may be logged (7.1).
func clientID(id string) bool {
	return id != "" && len(id) <= 128 && strings.IndexFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}) < 0
}
