// Package httpapi handles HTTP for all APIs: it routes with Echo, validates requests
// against an OpenAPI document with the schemas of kin-openapi and a strict parser, and
// calls handlers with typed input. It is the only package that imports Echo and
// kin-openapi.
package httpapi

import (
	"io"
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Caller is the authenticated client of a request.
type Caller struct {
	// Token is the id of the credential; "" for a public operation.
	Token string
	// Digest is the digest of the credential itself. After a restore, Token may be the
	// id of another credential.
	Digest engine.Digest
	// Project is the project the credential is bound to; "" for none.
	Project string
	// Scopes are the scopes of the credential.
	Scopes []string
	// Version is the API version pinned to the credential; "" for none.
	Version string
}

// RequestContext is a request and its response on their way through the pipeline. It
// is reused for later requests: stages must not retain it.
type RequestContext struct {
	Request *http.Request
	// Op is the operation; nil until the request is routed.
	Op *Operation
	// World is the world of the caller. Until the caller is known, it is the server's
	// Home.
	World  *engine.World
	Caller Caller
	// Admission is a value that the authenticating stage passes to later stages of its
	// API; nil if there is none.
	Admission any
	// Version is the API version the response is rendered in.
	Version string
	// ID is the request id; "" until the request is opened in a world.
	ID string
	// Now is the world's time when the request was admitted.
	Now time.Time

	latestTime   time.Time // the latest world time of the data in the response
	server       *Server
	api          *API
	w            http.ResponseWriter
	header       http.Header
	values       []string // of the header, in one piece
	buf          []byte   // of the response body, reused for the next response
	params       []string // path parameters in the order of the template
	query        []argument
	body         []byte // reused as buf is
	parser       parser
	stage        string // the last one that ran
	started      engine.Stopwatch
	read         bool            // the body was read
	bodyReserved int64           // reserved in LargeBodies; 0 for a small body
	upload       io.Reader       // the body, where the handler reads it itself
	value        any             // the parsed body; nil when there is none
	base         *patchBase      // the resource that a merge patch was compared with; nil for other requests
	form         []byte          // the form as JSON; nil if the body is no form
	checkedBody  []byte          // the body that the handler reads, with nulls and defaults resolved; nil if it is body
	unread       map[string]bool // members whose type is wrong, for Body; nil if there are none
	output       any             // what the handler returned
	detail       []fail.Detail
	unknownNames int           // parameters and members that the contract does not have
	misspelt     []fail.Detail // unknown names that were accepted and look misspelt
	reservation  *reservation  // the idempotency key that the request holds
	served       bool          // the handler succeeded
	response     Response
	done         bool // the response is final: no further stage runs
	failed       *fail.Error
}

// Response is an encoded response.
type Response struct {
	Status int
	// Type is the content type; "" means JSON.
	Type string
	// Body is the encoded body; nil for none.
	Body []byte
	// Stream writes the body while the response is sent; nil if Body is the body.
	Stream *Stream
	// ETag, Location and RetryAfter are left out when empty.
	ETag, Location, RetryAfter string
}

// argument is a query parameter as it was sent, unescaped.
type argument struct{ name, value string }

// Header returns the header of the response.
func (x *RequestContext) Header() http.Header { return x.header }

// Status returns the status of the response; 0 until there is one.
func (x *RequestContext) Status() int { return x.response.Status }

// FullHeaders reports whether headers without new information are sent too.
func (x *RequestContext) FullHeaders() bool { return x.server.FullHeaders }

// Set sets a header of the response; the name must be in canonical form.
func (x *RequestContext) Set(name, value string) {
	x.values = append(x.values, value)
	n := len(x.values)
	x.header[name] = x.values[n-1 : n : n]
}

// Write implements http.ResponseWriter for Echo.
func (x *RequestContext) Write(b []byte) (int, error) { return x.w.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (x *RequestContext) WriteHeader(status int) { x.w.WriteHeader(status) }

// Warn adds a warning for the client about something that was tolerated.
func (x *RequestContext) Warn(text string) {
	if name := x.api.Headers.Warning; name != "" {
		x.header[name] = append(x.header[name], text)
	}
}

// Open sets the world, time and request id of the request. The id is the next one of
// that world.
func (x *RequestContext) Open(tx *engine.Tx) {
	x.World, x.Now = tx.World(), tx.Now()
	x.ID = tx.NewLongID("req")
}

// ObserveTime records that the response shows the world at an instant: its Date is not
// older.
func (x *RequestContext) ObserveTime(at time.Time) {
	if at.After(x.latestTime) {
		x.latestTime = at
	}
}

// Param returns a path parameter, "" if the route has none of the name.
func (x *RequestContext) Param(name string) string {
	for i, n := range x.Op.pathParams {
		if n == name {
			return x.params[i]
		}
	}
	return ""
}

// maxKept bounds each buffer that is reused.
const maxKept = 64 << 10

// clear drops the data of the request, and buffers that became large.
func (x *RequestContext) clear() {
	buf, body, parser := x.buf, x.body, x.parser
	parser.data = nil
	parser.in.Reset(nil)
	if cap(buf) > maxKept {
		buf = nil
	}
	if cap(body) > maxKept {
		body, parser.dec = nil, nil // the decoder's buffer is as large
	}
	*x = RequestContext{buf: buf, body: body[:0], parser: parser, params: x.params[:0], query: x.query[:0]}
}

func (x *RequestContext) reset(s *Server, w http.ResponseWriter, r *http.Request) {
	*x = RequestContext{
		server: s, w: w, header: w.Header(), values: make([]string, 0, 12), buf: x.buf, body: x.body, parser: x.parser, Request: r,
		params: x.params, query: x.query, api: s.apiOf(r.URL.Path), World: s.Home, started: engine.StartStopwatch(),
	}
}
