package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Request is one exchange as the workspace recorded it. Secrets are taken out.
type Request struct {
	// Seq numbers the requests of a workspace from 1 on.
	Seq uint64 `json:"seq"`
	// ID is the X-Request-Id of the answer.
	ID string `json:"id"`
	// At is the workspace's time when the request was admitted.
	At time.Time `json:"at"`
	// Operation is the operationId of the contract, as createInstance; "" if the
	// request led to none.
	Operation string `json:"operation"`
	Method    string `json:"method"`
	// Target is the path and query as they were sent.
	Target string `json:"target"`
	// Key is the id of the key that was accepted; "" if none was.
	Key string `json:"key"`
	// Status is that of the answer, Code and Reason its error's; "" if it is none.
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Stage is what answered, as "rate limit", "contract" or "handle".
	Stage string `json:"stage"`
	// Header is the header of the request.
	Header http.Header `json:"header"`
	// RequestBody and ResponseBody are cut where BodiesCut says so. The request's
	// is empty when the request was refused before it was read.
	RequestBody  string `json:"request_body,omitempty"`
	ResponseBody string `json:"response_body,omitempty"`
	BodiesCut    bool   `json:"bodies_cut,omitempty"`
}

// String is one line about the request and its answer.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s -> %d", r.Seq, r.Method, r.Target, r.Status)
	if r.Operation != "" {
		fmt.Fprintf(&b, " %s", r.Operation)
	}
	if r.Code != "" {
		fmt.Fprintf(&b, " (%s: %s: %s)", r.Stage, r.Code, r.Reason)
	}
	return b.String()
}

// Match chooses requests; the zero Match chooses all.
type Match struct {
	// Operation is an operationId; "" for any. Unmatched chooses the requests
	// that led to no operation.
	Operation string
	Unmatched bool
	// Status is that of the answer; 1 to 5 stand for all of a class, 0 for any.
	Status int
	// Key is the id of a key or its token; "" for any.
	Key string
	// Method and Path are those of the request, without the query; "" for any.
	Method, Path string
	// Since leaves out the requests up to this Seq.
	Since uint64
}

// Chooses reports whether the request matches. A Key must be an id here.
func (m Match) Chooses(r *Request) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	return r.Seq > m.Since &&
		(m.Operation == "" || m.Operation == r.Operation) && (!m.Unmatched || r.Operation == "") &&
		(m.Status == 0 || m.Status == r.Status || m.Status == r.Status/100) &&
		(m.Key == "" || m.Key == r.Key) && (m.Method == "" || strings.EqualFold(m.Method, r.Method)) && (m.Path == "" || m.Path == path)
}
