package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Record is a request and its response for the record of requests. It is valid only
// during the call that receives it.
type Record struct {
	// World is the world whose record the request belongs to; nil if it belongs to
	// none.
	World *engine.World
	ID    string
	At    time.Time
	// Operation is nil when the request matched none.
	Operation *Operation
	Method    string
	// Target is path and query. The values of parameters that the operation does not
	// have are left out, because they may be secrets.
	Target string
	// Token is the id of the accepted credential, "" if there was none. Sent is the id
	// of a known credential that was rejected or not checked.
	Token, Sent string
	// Resource is the id of the object of the request: the last id in its path, or the
	// id of the object it created. Address is the client's address without the port.
	Resource, Address string
	Header            http.Header
	RequestBody       []byte
	Status            int
	ResponseBody      []byte
	// Code and Reason describe an error. Stage is the stage that responded.
	Code, Reason, Stage string
	// Details are those of the error. Without an error, they are the ignored
	// parameters and members that look misspelt.
	Details []fail.Detail
	// Elapsed is the duration of the request by the wall clock.
	Elapsed time.Duration
}

// record passes the request to Options.Record.
func (s *Server) record(x *RequestContext) {
	if s.Record == nil {
		return
	}
	r := Record{
		Resource: x.resource(), Address: hostOf(x.Request.RemoteAddr), ID: x.ID, At: x.Now, Operation: x.Op, Method: x.Request.Method, Target: x.target(), Token: x.Caller.Token,
		Header: x.Request.Header, Status: x.response.Status, ResponseBody: x.response.Body, Stage: x.stage, Elapsed: x.started.Elapsed(),
	}
	r.World, r.Sent = x.owner()
	if x.read {
		r.RequestBody = x.body
	}
	if e := x.failed; e != nil {
		r.Code, r.Reason, r.Details = e.Code, e.Message, e.Details
	} else if r.Details = x.misspelt; x.served {
		r.Stage = handleStage
	}
	s.Record(&r)
}

// handleStage is the Stage of a successful response.
const handleStage = "handle"

// owner returns the world whose record the request belongs to.
func (x *RequestContext) owner() (w *engine.World, sent string) {
	if x.Caller.Token != "" {
		return x.World, ""
	}
	if x.api.Owner != nil {
		if w, sent = x.api.Owner(x); w != nil {
			return w, sent
		}
	}
	if x.Op != nil && x.Op.Public && x.World == x.server.Home {
		return nil, ""
	}
	return x.World, ""
}

// resource returns the id of the object of the request.
func (x *RequestContext) resource() string {
	if n := len(x.params); n > 0 {
		return x.params[n-1]
	}
	return x.response.Location[strings.LastIndexByte(x.response.Location, '/')+1:]
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	host := address[:max(0, strings.LastIndexByte(address, ':'))]
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// target returns path and query as they were sent, without the values of unknown
// parameters.
func (x *RequestContext) target() string {
	u := x.Request.URL
	path := u.EscapedPath()
	if u.RawQuery == "" {
		return path
	}
	var b strings.Builder
	b.WriteString(path)
	mark := byte('?')
	for _, a := range x.query {
		b.WriteByte(mark)
		mark = '&'
		b.WriteString(url.QueryEscape(a.name))
		b.WriteByte('=')
		if x.Op != nil && x.Op.parameter(a.name) != nil {
			b.WriteString(url.QueryEscape(a.value))
		} else {
			b.WriteString("…")
		}
	}
	if x.Op == nil {
		b.WriteString("?…") // it was not read
	}
	return b.String()
}
