package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Request is one request and its response, as the workspace recorded them. Secrets are taken out.
type Request struct {
	// Seq numbers the requests of a workspace from 1 on.
	Seq uint64 `json:"seq"`
	// ID is the X-Request-Id of the response.
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
	// Status is that of the response, Code and Reason its error's; "" if it is none.
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Stage is the stage that responded, as "rate limit", "contract" or "handle".
	Stage string `json:"stage"`
	// Violations are all that broke the contract, when more than Reason says of
	// them is known; MoreViolations is how many further ones are not kept.
	Violations     []Violation `json:"violations,omitempty"`
	MoreViolations int         `json:"more_violations,omitempty"`
	// Header is the header of the request.
	Header http.Header `json:"header"`
	// RequestBody and ResponseBody are cut where BodiesCut says so. The request's
	// is empty when the request was refused before it was read.
	RequestBody  string `json:"request_body,omitempty"`
	ResponseBody string `json:"response_body,omitempty"`
	BodiesCut    bool   `json:"bodies_cut,omitempty"`
}

// Violation is one way in which a request broke the contract.
type Violation struct {
	// Location is the part of the request, as body, query, header or path, and
	// Field the member or parameter there; "" if it is the whole.
	Location string `json:"location,omitempty"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code,omitempty"`
	Message  string `json:"message"`
}

// printed is how many violations String prints.
const printed = 20

// String is a line about the request and its response, and one more for each
// violation if the first line does not say it. It holds no control characters but
// the line feeds between its lines.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s -> %d", r.Seq, visible(r.Method), visible(r.Target), r.Status)
	if r.Operation != "" {
		fmt.Fprintf(&b, " %s", visible(r.Operation))
	}
	if r.Code != "" {
		fmt.Fprintf(&b, " (%s: %s: %s)", visible(r.Stage), visible(r.Code), visible(r.Reason))
	}
	if len(r.Violations) == 1 && r.MoreViolations == 0 && r.Violations[0].Message == r.Reason {
		return b.String()
	}
	for _, v := range r.Violations[:min(len(r.Violations), printed)] {
		where := v.Location
		if !strings.HasPrefix(v.Message, v.Field) { // most messages begin with it
			where = strings.TrimSpace(where + " " + v.Field)
		}
		if where != "" {
			where += ": "
		}
		b.WriteString("\n      " + visible(where+v.Message))
	}
	if more := max(0, len(r.Violations)-printed) + r.MoreViolations; more > 0 {
		fmt.Fprintf(&b, "\n      and %d more", more)
	}
	return b.String()
}

// visible is a text that moves no cursor, changes no color and reverses no line,
// whatever a client put in it.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// Match chooses requests and says how they are listed; the zero Match chooses all,
// oldest first.
type Match struct {
	// Operation is an operationId; "" for any. Unmatched chooses the requests
	// that led to no operation.
	Operation string
	Unmatched bool
	// Status is that of the response; 1 to 5 stand for all of a class, 0 for any.
	Status int
	// Code is that of the error, as instance_busy; "" for any, and for none.
	Code string
	// Key is the id of a key or its token; "" for any.
	Key string
	// Method and Path are those of the request, without the query; "" for any.
	Method, Path string
	// Since leaves out the requests up to this Seq, and Before those from this Seq
	// on; 0 leaves out none.
	Since, Before uint64
	// Limit is how many requests are listed at most; 0 for all. It chooses none: who
	// waits for a request or counts them does not look at it.
	Limit int
	// NewestFirst lists the latest request first, and with a Limit the latest ones.
	NewestFirst bool
}

// Chooses reports whether the request matches. A Key must be an id here.
func (m Match) Chooses(r *Request) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	return r.Seq > m.Since && (m.Before == 0 || r.Seq < m.Before) &&
		(m.Operation == "" || m.Operation == r.Operation) && (!m.Unmatched || r.Operation == "") &&
		(m.Status == 0 || m.Status == r.Status || m.Status == r.Status/100) &&
		(m.Code == "" || m.Code == r.Code) && (m.Key == "" || m.Key == r.Key) && (m.Method == "" || strings.EqualFold(m.Method, r.Method)) && (m.Path == "" || m.Path == path)
}
