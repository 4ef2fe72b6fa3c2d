package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// Stage is one check or act that every request of an API passes.
type Stage struct {
	Name string
	Run  func(x *RequestContext) error
}

// admission is what every request passes before it is routed, whatever its API.
// What follows routing is the API's own list: API.Pipeline.
func (s *Server) admission() []Stage {
	return []Stage{
		{"host", s.checkHost},
		{"size", checkSize},
		{"origin", s.handlePreflight},
	}
}

// ServeHTTP takes a request through the entrance, routing and its API's
// pipeline, and answers it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.pool.Get().(*RequestContext)
	x.reset(s, w, r)
	defer s.complete(x)
	if x.run(s.stages); !x.done {
		s.echo.ServeHTTP(x, r)
	}
}

// run passes the stages until one ends the request.
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

// finishError ends the request with an error of its API.
func (x *RequestContext) finishError(err error) {
	x.failed = x.withMisspelt(fail.Of(ConvertOverBudget(err)))
	x.open()
	x.response, x.done = x.api.RenderError(x, x.failed), true
}

// open gives a request of no workspace a time and a request id: every response
// carries them (S41). Neither comes out of a world, so that nobody has to wait for
// one, and what unauthenticated ask does not change the bytes that a workspace answers
// (S6).
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

// checkSize refuses what is too long to be meant (S75; 7.3).
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

// routed runs the pipeline of the API whose operation Echo found.
func (x *RequestContext) routed(api *API, op *Operation, params []string) {
	x.api, x.Op = api, op
	x.stage = "route"
	if len(params) > 0 && !matchesTemplate(op.Path, x.Request.URL.Path) {
		x.finishError(x.noRoute())
		return
	}
	for _, p := range params {
		if x.Request.URL.RawPath != "" { // then Echo does not unescape
			p, _ = url.PathUnescape(p) // net/http has done it before
		}
		x.params = append(x.params, p)
	}
	x.readQuery()
	x.run(api.Pipeline)
}

// matchesTemplate tells whether a path has the elements of a template, none of them empty.
// Echo fills the last parameter with all that is left of a path, and an inner one
// with nothing.
func matchesTemplate(template, path string) bool {
	return strings.Count(template, "/") == strings.Count(path, "/") && !strings.Contains(path, "//") && !strings.HasSuffix(path, "/")
}

// noRoute explains why a path leads nowhere.
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

// printable shortens what a client sent to what fits in a sentence.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}
