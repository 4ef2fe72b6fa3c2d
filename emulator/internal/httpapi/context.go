// Package httpapi is where HTTP ends: it routes with Echo, checks requests against
// an OpenAPI document with kin-openapi's schemas and our own strict reading, and
// hands typed input to handlers that know neither. It is the only room that
// imports either of them.
package httpapi

import (
	"io"
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Caller is who sent a request, as the stage that authenticates found out.
type Caller struct {
	// Token is the id of the credential; "" for a public operation.
	Token string
	// Digest is that of the credential itself: ids can be those of another one in a
	// state that takes the place of the present one.
	Digest engine.Digest
	// Project is the project the credential is bound to; "" for none.
	Project string
	// Scopes is what the credential may do.
	Scopes []string
	// Version is the API version pinned to the credential; "" for none.
	Version string
}

// RequestContext is one request and its response on their way through the pipeline. It
// serves one request at a time and is used again afterwards: stages must not
// keep it.
type RequestContext struct {
	Request *http.Request
	// Op is the operation; nil until the request is routed.
	Op *Operation
	// World is the caller's; until it is known, the one that dates answers to
	// nobody in particular.
	World  *engine.World
	Caller Caller
	// Admission is what the stage that authenticates leaves for later stages of
	// its API; nil if it leaves nothing.
	Admission any
	// Version is the API version the response is rendered in.
	Version string
	// ID is the request id; "" until the request is opened in a world.
	ID string
	// Now is the world's time when the request was admitted.
	Now time.Time

	latestTime   time.Time // the latest time of the world that the response shows
	server       *Server
	api          *API
	w            http.ResponseWriter
	header       http.Header
	values       []string // of the header, in one piece
	buf          []byte   // the body of the answer, kept for the next one
	params       []string // path parameters in the order of the template
	query        []argument
	body         []byte // kept for the next one, as buf is
	parser       parser
	stage        string // the last one that ran
	started      engine.Stopwatch
	read         bool       // the body was read
	bodyReserved int64      // what the body takes of the room for large ones; 0 for a small one
	upload       io.Reader  // the body, where the handler reads it itself
	value        any        // the parsed body; nil when there is none
	base         *patchBase // what a merge patch was held against; nil where there is nothing
	form         []byte     // a form as JSON; nil if the body is none
	checkedBody  []byte     // the body after it was checked, as the handler reads it; nil if that is body
	output       any        // what the handler returned
	detail       []fail.Detail
	unknownNames int           // parameters and members that the contract does not have
	misspelt     []fail.Detail // what was let pass and may have been meant for something else
	reservation  *reservation  // the idempotency key that the request holds
	served       bool          // the handler did what was asked for
	response     Response
	done         bool // answer is final: no further stage runs
	failed       *fail.Error
}

// Response is what goes back over the wire.
type Response struct {
	Status int
	// Type is the content type; "" means JSON.
	Type string
	// Body is the encoded body; nil for none.
	Body []byte
	// Stream writes the body while the response is being sent; nil if it is Body.
	Stream *Stream
	// ETag, Location and RetryAfter are left out when empty.
	ETag, Location, RetryAfter string
}

// argument is a query parameter as it was sent, unescaped.
type argument struct{ name, value string }

// Header is the header of the response.
func (x *RequestContext) Header() http.Header { return x.header }

// Status is that of the response; 0 until there is one.
func (x *RequestContext) Status() int { return x.response.Status }

// FullHeaders reports whether headers are sent that say nothing new.
func (x *RequestContext) FullHeaders() bool { return x.server.FullHeaders }

// Set sets a header of the response; the name must be in canonical form.
func (x *RequestContext) Set(name, value string) {
	x.values = append(x.values, value)
	n := len(x.values)
	x.header[name] = x.values[n-1 : n : n]
}

// Write implements http.ResponseWriter for Echo, which only passes it on.
func (x *RequestContext) Write(b []byte) (int, error) { return x.w.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (x *RequestContext) WriteHeader(status int) { x.w.WriteHeader(status) }

// Warn tells the sender about something that was tolerated.
func (x *RequestContext) Warn(text string) {
	if name := x.api.Headers.Warning; name != "" {
		x.header[name] = append(x.header[name], text)
	}
}

// Open gives the request its world, time and request id, which is the next one
// of that world.
func (x *RequestContext) Open(tx *engine.Tx) {
	x.World, x.Now = tx.World(), tx.Now()
	x.ID = tx.NewLongID("req")
}

// ObserveTime says that the response shows the world as it is at an instant: its date is
// no older.
func (x *RequestContext) ObserveTime(at time.Time) {
	if at.After(x.latestTime) {
		x.latestTime = at
	}
}

// Param is a path parameter, "" if the route has none of the name.
func (x *RequestContext) Param(name string) string {
	for i, n := range x.Op.pathParams {
		if n == name {
			return x.params[i]
		}
	}
	return ""
}

// maxKept bounds each buffer that a request keeps for the next request.
const maxKept = 64 << 10

// clear drops all that is the request's own, and buffers that became large. What
// is left is for the next request.
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
