package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// JSONType is the content type of every JSON answer.
const JSONType = "application/json; charset=utf-8"

// Identified output was created under an id, which ends the Location of a 201.
type Identified interface{ ResourceID() string }

// Locator output has an address of its own, which is the Location of a 201 whatever
// path made it.
type Locator interface{ Location() string }

// Versioned output has a version, which becomes its ETag.
type Versioned interface{ ResourceVersion() int }

// RetryHinter output is on its way: RetryAfter is how many seconds to wait before a
// look makes sense; 0 when that is not known.
type RetryHinter interface{ RetryAfter() int }

// StatusCoder output has another status than the operation's usual success.
type StatusCoder interface{ ResponseStatus() int }

// Linker output has neighbours; Links is the value of its Link header for a list
// served at the URL.
type Linker interface {
	Links(path string, query string) string
}

// Appender output writes its own JSON, the same as json.Marshal would make of
// it, at the end of b.
type Appender interface{ AppendJSON(b []byte) []byte }

// Raw output is sent as it is, with its own content type.
type Raw struct {
	Type string
	Body []byte
}

// Stream output is written piece by piece for as long as Run runs, after the
// answer has begun and was recorded. Run gets a context that ends when the client
// goes away; it is not run for HEAD. What it returns ends the response and is told
// to nobody. Done, which may be nil, is called when all is over, whether Run ran or
// not.
type Stream struct {
	Type string
	Run  func(ctx context.Context, w *StreamWriter) error
	Done func()
	// Document says that the pieces are one document, too large to be held: they
	// are sent as they fill a buffer, and an error breaks the connection off, so
	// that nobody takes a part for the whole.
	Document bool
}

// Encode is the stage that renders and encodes what the handler returned.
func Encode(x *RequestContext) error {
	if x.Op.secret {
		x.Set("Cache-Control", "no-store")
	}
	if x.onCopy() {
		return x.encodeDryRun()
	}
	return x.encode(x.response.Status, x.output)
}

func (x *RequestContext) encode(status int, out any) error {
	a := x.head(status, out)
	if raw, ok := out.(Raw); ok {
		a.Type, a.Body = raw.Type, raw.Body
		x.finish(a)
		return nil
	}
	if s, ok := out.(Stream); ok {
		a.Type, a.Stream = s.Type, &s
		x.Set("Cache-Control", "no-store")
		if !s.Document {
			x.Set("X-Accel-Buffering", "no") // proxies pass on what comes at once
		}
		x.finish(a)
		return nil
	}
	if a.ETag != "" && status == http.StatusOK && isRead(x.Request.Method) && matches(x.Request.Header["If-None-Match"], a.ETag, true) {
		x.finish(Response{Status: http.StatusNotModified, ETag: a.ETag})
		return nil
	}
	if p, ok := out.(Linker); ok {
		if links := p.Links(x.Request.URL.Path, x.Request.URL.RawQuery); links != "" {
			x.Set("Link", links)
		}
	}
	if status != http.StatusNoContent {
		body, err := x.renderedBody(out, x.buf[:0])
		if err != nil {
			return fmt.Errorf("cannot encode the answer: %w", err)
		}
		x.buf, a.Body = body, body
	}
	return x.finishChecked(a)
}

// head is the response with an output, but for its body.
func (x *RequestContext) head(status int, out any) Response {
	a := Response{Status: status}
	if v, ok := out.(Versioned); ok {
		a.ETag = x.etag(v.ResourceVersion())
	}
	if id, ok := out.(Identified); ok && status == http.StatusCreated {
		a.Location = x.Request.URL.Path + "/" + id.ResourceID()
	}
	if at, ok := out.(Locator); ok && status == http.StatusCreated {
		a.Location = at.Location()
	}
	if w, ok := out.(RetryHinter); ok && status == http.StatusAccepted && w.RetryAfter() > 0 {
		a.RetryAfter = strconv.Itoa(w.RetryAfter())
	}
	return a
}

// renderedBody is the JSON of an output in the version of the request, at the end
// of b where the output can write itself there.
func (x *RequestContext) renderedBody(out any, b []byte) ([]byte, error) {
	out = x.api.Render(x, out)
	if own, ok := out.(Appender); ok {
		return own.AppendJSON(b), nil
	}
	return EncodeJSON(out)
}

// finishChecked ends the request with a response, unless it is checked and breaks the
// contract.
func (x *RequestContext) finishChecked(a Response) error {
	if x.server.CheckResponses {
		if err := x.checkResponse(a); err != nil {
			return err
		}
	}
	x.finish(a)
	return nil
}

// etag is the strong validator of a version of a resource, as the API version
// renders it.
func (x *RequestContext) etag(version int) string {
	b := make([]byte, 0, 24)
	b = append(b, '"')
	b = strconv.AppendInt(b, int64(version), 10)
	if x.Version != "" {
		b = append(append(b, '.'), x.Version...)
	}
	return string(append(b, '"'))
}

// matches reports whether a list of entity tags holds the tag; weak says that
// W/ before one does not matter.
func matches(lines []string, tag string, weak bool) bool {
	for _, line := range lines {
		for _, t := range strings.Split(line, ",") {
			t = strings.TrimSpace(t)
			if weak {
				t = strings.TrimPrefix(t, "W/")
			}
			if t == tag || t == "*" {
				return true
			}
		}
	}
	return false
}

func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// EncodeJSON is the one way in which values become JSON on the wire: compact,
// with <, > and & as they are.
func EncodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(1 << 10)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// AppendString appends a JSON string.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			b, _ = jsontext.AppendQuote(b, s) // what is not UTF-8 becomes U+FFFD
			return b
		}
	}
	b = append(b, '"')
	return append(append(b, s...), '"')
}

// checkResponse validates a response against the contract.
func (x *RequestContext) checkResponse(a Response) error {
	response, err := x.api.Contract.response(x.Op.ID, a.Status)
	if err != nil {
		return err
	}
	if response == nil {
		return fmt.Errorf("%s answers %d, which its contract does not list", x.Op.ID, a.Status)
	}
	media := response.Content.Get("application/json")
	if media == nil || a.Body == nil {
		if media != nil || a.Body != nil {
			return fmt.Errorf("%s answers %d with the wrong kind of body", x.Op.ID, a.Status)
		}
		return nil
	}
	var v any
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return err
	}
	if err := media.Schema.Value.VisitJSON(v, x.api.Contract.responseOptions...); err != nil {
		return fmt.Errorf("%s answers %d against its contract: %w", x.Op.ID, a.Status, err)
	}
	return nil
}

// CheckEvent validates what is delivered to a client against the schema of the success
// of the operation that shows the same.
func (c *Contract) CheckEvent(shownBy string, body []byte) error {
	response, err := c.response(shownBy, http.StatusOK)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return response.Content.Get("application/json").Schema.Value.VisitJSON(v, c.responseOptions...)
}

// finalize completes the response: from here on it is only sent.
func (x *RequestContext) finalize() {
	if !x.done {
		x.finishError(fail.New(fail.Internal, "internal_error", "The request passed every stage without an answer."))
	}
	x.open()
	if x.api.Complete != nil {
		x.api.Complete(x)
	}
	h, a := x.header, &x.response
	x.ObserveTime(x.Now)
	if !x.datedByServer() {
		x.Set("Date", x.server.dateOf(x.latestTime))
	}
	if a.Status >= http.StatusBadRequest || strings.HasPrefix(a.Type, "text/html") || x.server.FullHeaders {
		h["X-Content-Type-Options"] = x.server.nosniff
	}
	if a.ETag != "" {
		x.Set("Etag", a.ETag)
	}
	if a.Location != "" {
		x.Set("Location", a.Location)
	}
	if a.RetryAfter != "" {
		x.Set("Retry-After", a.RetryAfter)
	}
	if a.Stream != nil {
		x.Set("Content-Type", a.Type)
	}
	if a.Body != nil {
		h["Content-Type"] = x.server.jsonType
		if a.Type != "" {
			x.Set("Content-Type", a.Type)
		}
		if !x.measuredByServer() {
			x.Set("Content-Length", strconv.Itoa(len(a.Body)))
		}
	}
}

// net/http keeps the header of a response in a map that costs a tenth of a small
// request more when it has over eight entries. Two of them net/http writes itself,
// outside of that map: a Date that is the wall clock's, and the length of a body
// that it still holds when the handler returns.

// serverBuffer is how much of a body net/http holds back, in bytes.
const serverBuffer = 2048

// datedByServer tells whether net/http sends the Date that is due: the world's
// time is the wall clock's.
func (x *RequestContext) datedByServer() bool {
	return x.overNetHTTP() && x.latestTime.Unix() == engine.WallNow().Unix()
}

// measuredByServer tells whether net/http sends the Content-Length.
func (x *RequestContext) measuredByServer() bool {
	return len(x.response.Body) <= serverBuffer && x.Request.Method != http.MethodHead && x.Request.ProtoMajor == 1 &&
		x.overNetHTTP() && !x.mustDrain()
}

// overNetHTTP tells whether a server of net/http writes the response.
func (x *RequestContext) overNetHTTP() bool {
	return x.Request.Context().Value(http.ServerContextKey) != nil
}

// write sends the response.
func (x *RequestContext) write() {
	a := &x.response
	x.w.WriteHeader(a.Status)
	if a.Body != nil && x.Request.Method != http.MethodHead {
		_, _ = x.w.Write(a.Body) // the client is gone if this fails
	}
	x.drainBody()
}

// maxDrained bounds the bytes that are read of a body nobody wants, in bytes.
const maxDrained = 16 << 20

// drainBody sends the response to a request whose body was not read, and then takes
// what still arrives of it. Closing a connection with bytes unread resets it, and
// a client that writes all of its body before it reads would see the reset
// instead of the response. A client that waits for 100-continue has sent nothing.
func (x *RequestContext) drainBody() {
	if x.mustDrain() && http.NewResponseController(x.w).Flush() == nil {
		_, _ = io.CopyN(io.Discard, x.Request.Body, maxDrained)
	}
}

// mustDrain tells whether there is a body that nobody read.
func (x *RequestContext) mustDrain() bool {
	r := x.Request
	return !x.read && r.ContentLength != 0 && r.ProtoMajor == 1 && r.Header.Get("Expect") == "" && x.overNetHTTP()
}

// date is a second as the Date header has it.
type date struct {
	second int64
	text   string
}

// dateOf is the Date header of an instant. The last one is kept: it changes once
// a second at most.
func (s *Server) dateOf(t time.Time) string {
	if d := s.date.Load(); d != nil && d.second == t.Unix() {
		return d.text
	}
	d := &date{t.Unix(), t.UTC().Format(http.TimeFormat)}
	s.date.Store(d)
	return d.text
}
