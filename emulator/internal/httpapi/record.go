package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Record is a request and its response, for a record of requests: what was
// asked, what was answered, and why. It is good only while it is handed over.
type Record struct {
	// World is the one whose record it belongs in; nil when nobody is concerned.
	World *engine.World
	ID    string
	At    time.Time
	// Operation is nil when the request led to none.
	Operation *Operation
	Method    string
	// Target is path and query; values of parameters that the operation does not
	// have are left out, for they may be anything.
	Target string
	// Token is the id of the accepted credential, "" if none was. Sent is that of
	// one that is known and came with the request, but was refused or not looked
	// at.
	Token, Sent string
	// Resource is the id of what the request was about: the last one in its path,
	// or else what it made. Address is where it came from, without the port.
	Resource, Address string
	Header            http.Header
	RequestBody       []byte
	Status            int
	ResponseBody      []byte
	// Code and Reason are those of an error. Stage is what answered.
	Code, Reason, Stage string
	// Details are the error's; without an error, the parameters and members that
	// were ignored and look misspelt.
	Details []fail.Detail
	// Elapsed is how long it took by the wall clock.
	Elapsed time.Duration
}

// record hands the request to whoever keeps a record.
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

// handleStage is what answers when nothing is refused.
const handleStage = "handle"

// owner is the world whose record the request belongs in.
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

// resource is the id of what the request was about.
func (x *RequestContext) resource() string {
	if n := len(x.params); n > 0 {
		return x.params[n-1]
	}
	return x.response.Location[strings.LastIndexByte(x.response.Location, '/')+1:]
}

// hostOf is an address without its port.
func hostOf(address string) string {
	host := address[:max(0, strings.LastIndexByte(address, ':'))]
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// target is path and query as they were sent, but for values nobody expects.
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
