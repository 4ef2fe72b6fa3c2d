package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// Stage is one step that every request of an API passes.
type Stage struct {
	Name string
	Run  func(x *RequestContext) error
}

// admission returns the stages that run before routing, for all APIs. API.Pipeline
// lists the stages that run after it.
func (s *Server) admission() []Stage {
	return []Stage{
		{"host", s.checkHost},
		{"size", checkSize},
		{"origin", s.handlePreflight},
	}
}

// ServeHTTP runs the stages before routing, the router, and the pipeline of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.pool.Get().(*RequestContext)
	x.reset(s, w, r)
	defer s.complete(x)
	if x.run(s.stages); !x.done {
		s.echo.ServeHTTP(x, r)
	}
}

// run runs stages until one ends the request.
func (x *RequestContext) run(stages []Stage) {
	for i := range stages {
		x.stage = stages[i].Name
		if err := stages[i].Run(x); err != nil {
			x.finishError(err)
			return
		}
		if x.done {
			return
		}
	}
}

// finishError ends the request with an error in the form of its API.
func (x *RequestContext) finishError(err error) {
	x.failed = x.withMisspelt(fail.Of(ConvertOverBudget(err)))
	x.open()
	x.response, x.done = x.api.RenderError(x, x.failed), true
}

// open gives a request without a workspace a time and a request id, since every
// response has them (S41). Neither changes a world, so the request waits for none, and
// unauthenticated requests do not influence the responses of a workspace (S6).
func (x *RequestContext) open() {
	if x.ID == "" && x.api.Open != nil {
		x.api.Open(x)
	}
	if x.ID == "" {
		x.Now, x.ID = x.World.PeekTime(), x.server.unauthenticated.NextLong("req")
	}
}

// finish ends the request with a response.
func (x *RequestContext) finish(a Response) { x.response, x.done = a, true }

const (
	maxTarget = 8 << 10
	maxHeader = 16 << 10
)

// checkSize rejects request targets and headers above their limits (S75; 7.3).
func checkSize(x *RequestContext) error {
	r := x.Request
	if len(r.RequestURI) > maxTarget {
		return fail.Newf(fail.URITooLong, "uri_too_long", "The request target has %d bytes; at most %d are read.", len(r.RequestURI), maxTarget)
	}
	size := 0
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	if size > maxHeader {
		return fail.Newf(fail.HeadersTooLarge, "headers_too_large", "The request headers have %d bytes; at most %d are read.", size, maxHeader)
	}
	return nil
}

// routed runs the pipeline of the API for the operation that Echo found.
func (x *RequestContext) routed(api *API, op *Operation, params []string) {
	x.api, x.Op = api, op
	x.stage = "route"
	if len(params) > 0 && !matchesTemplate(op.Path, x.Request.URL.Path) {
		x.finishError(x.noRoute())
		return
	}
	for _, p := range params {
		if x.Request.URL.RawPath != "" { // Echo does not unescape then
			p, _ = url.PathUnescape(p) // net/http has checked it
		}
		x.params = append(x.params, p)
	}
	x.readQuery()
	x.run(api.Pipeline)
}

// matchesTemplate reports whether a path has the elements of a template, none of them
// empty. Echo assigns the rest of a path to the last parameter, and accepts an empty
// inner one.
func matchesTemplate(template, path string) bool {
	return strings.Count(template, "/") == strings.Count(path, "/") && !strings.Contains(path, "//") && !strings.HasSuffix(path, "/")
}

// noRoute returns the error for a path without a route.
func (x *RequestContext) noRoute() error {
	r, hint := x.Request, ""
	if x.api.Document != "" {
		hint = "GET " + x.api.Document + " lists the routes."
	}
	if path := r.URL.Path; len(path) > 1 && strings.HasSuffix(path, "/") {
		hint = "Routes have no trailing slash."
	} else if strings.Contains(path, "//") || strings.Contains(path, "/../") || strings.Contains(path, "/./") {
		hint = "Paths are taken literally: no doubled slashes and no dots."
	}
	return fail.Newf(fail.NotFound, "route_not_found", "%s", strings.TrimSpace(fmt.Sprintf("No route %s %s. %s", printable(r.Method), printable(r.URL.Path), hint)))
}

// printable truncates a text of a client for a message.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}
