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

// JSONType is the content type of every JSON response.
const JSONType = "application/json; charset=utf-8"

// Identified is an output that was created under an id, which ends the Location of a
// 201.
type Identified interface{ ResourceID() string }

// Locator is an output with its own Location for a 201, independent of the request's
// path.
type Locator interface{ Location() string }

// Versioned is an output with a version, which becomes its ETag.
type Versioned interface{ ResourceVersion() int }

// RetryHinter is an output of a 202. RetryAfter returns the seconds until the client
// should read it again; 0 if that is not known.
type RetryHinter interface{ RetryAfter() int }

// StatusCoder is an output with another status than the operation's usual success.
type StatusCoder interface{ ResponseStatus() int }

// Linker is a page of a list. Links returns the value of its Link header for a request
// URL.
type Linker interface {
	Links(path string, query string) string
}

// HeaderWriter is an output with headers of its own. Names are canonical.
type HeaderWriter interface {
	WriteHeaders(set func(name, value string))
}

// Appender is an output that appends its own JSON to b. The result must equal that of
// json.Marshal.
type Appender interface{ AppendJSON(b []byte) []byte }

// Raw is an output that is sent as it is, with its own content type.
type Raw struct {
	Type string
	Body []byte
	// Status is the status of the response; 0 is the operation's usual success.
	Status int
	// Redirect is the Location of the response; "" for none.
	Redirect string
	// Headers are further headers, with canonical names; nil for none.
	Headers map[string]string
}

// WriteHeaders implements HeaderWriter.
func (r Raw) WriteHeaders(set func(name, value string)) {
	for name, value := range r.Headers {
		set(name, value)
	}
}

// Stream is an output that Run writes piece by piece, after the header was sent and
// the request was recorded. The context of Run ends when the client disconnects. Run
// is not called for HEAD. Its error ends the response and is dropped. Done, which may
// be nil, is called at the end, whether Run ran or not.
type Stream struct {
	Type string
	Run  func(ctx context.Context, w *StreamWriter) error
	Done func()
	// Document says that the pieces form one large document. They are sent as they
	// fill a buffer, and an error aborts the connection, so that the client does not
	// take a part for the whole.
	Document bool
}

// Encode is the stage that renders and encodes the output of the handler.
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
	if h, ok := out.(HeaderWriter); ok {
		h.WriteHeaders(x.Set)
	}
	if raw, ok := out.(Raw); ok {
		a.Type, a.Body, a.Location = raw.Type, raw.Body, raw.Redirect
		x.finish(a)
		return nil
	}
	if s, ok := out.(Stream); ok {
		a.Type, a.Stream = s.Type, &s
		x.Set("Cache-Control", "no-store")
		if !s.Document {
			x.Set("X-Accel-Buffering", "no") // proxies forward each piece at once
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

// head returns the response of an output without its body.
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

// renderedBody encodes an output in the version of the request. An Appender appends to
// b.
func (x *RequestContext) renderedBody(out any, b []byte) ([]byte, error) {
	out = x.api.Render(x, out)
	if own, ok := out.(Appender); ok {
		return own.AppendJSON(b), nil
	}
	return EncodeJSON(out)
}

// finishChecked ends the request with a response. With CheckResponses it returns an
// error if the response breaks the contract.
func (x *RequestContext) finishChecked(a Response) error {
	if x.server.CheckResponses {
		if err := x.checkResponse(a); err != nil {
			return err
		}
	}
	x.finish(a)
	return nil
}

// etag returns the strong validator of a version of a resource in the API version of
// the request.
func (x *RequestContext) etag(version int) string {
	b := make([]byte, 0, 24)
	b = append(b, '"')
	b = strconv.AppendInt(b, int64(version), 10)
	if x.Version != "" {
		b = append(append(b, '.'), x.Version...)
	}
	return string(append(b, '"'))
}

// matches reports whether a list of entity tags contains the tag. weak ignores a W/
// prefix.
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

// EncodeJSON encodes a value in the form of all responses: compact, without escaping
// <, > and &.
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
			b, _ = jsontext.AppendQuote(b, s) // invalid UTF-8 becomes U+FFFD
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

// CheckEvent validates a body that is delivered to a client against the success schema
// of the operation that shows the same object.
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

// finalize completes the response before it is sent.
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

// A header map with more than eight entries makes a small request 10% slower. So two
// entries are left to net/http where it writes the same value: the Date of the wall
// clock, and the length of a body that it still buffers when the handler returns.

// serverBuffer is the size in bytes of the buffer of net/http.
const serverBuffer = 2048

// datedByServer reports whether net/http sends the right Date: the world's time is the
// wall clock's.
func (x *RequestContext) datedByServer() bool {
	return x.overNetHTTP() && x.latestTime.Unix() == engine.WallNow().Unix()
}

// measuredByServer reports whether net/http sends the Content-Length.
func (x *RequestContext) measuredByServer() bool {
	return len(x.response.Body) <= serverBuffer && x.Request.Method != http.MethodHead && x.Request.ProtoMajor == 1 &&
		x.overNetHTTP() && !x.mustDrain()
}

// overNetHTTP reports whether a server of net/http writes the response.
func (x *RequestContext) overNetHTTP() bool {
	return x.Request.Context().Value(http.ServerContextKey) != nil
}

// write sends the response.
func (x *RequestContext) write() {
	a := &x.response
	x.w.WriteHeader(a.Status)
	if a.Body != nil && x.Request.Method != http.MethodHead {
		_, _ = x.w.Write(a.Body) // an error means that the client disconnected
	}
	x.drainBody()
}

// maxDrained bounds the bytes of an unread body that are discarded.
const maxDrained = 16 << 20

// drainBody flushes the response to a request whose body was not read, and discards
// the rest of the body. Closing a connection with unread bytes resets it, and a client
// that writes its whole body first would see the reset instead of the response. A
// client that waits for 100-continue has sent nothing.
func (x *RequestContext) drainBody() {
	if x.mustDrain() && http.NewResponseController(x.w).Flush() == nil {
		_, _ = io.CopyN(io.Discard, x.Request.Body, maxDrained)
	}
}

// mustDrain reports whether there is an unread body.
func (x *RequestContext) mustDrain() bool {
	r := x.Request
	return !x.read && r.ContentLength != 0 && r.ProtoMajor == 1 && r.Header.Get("Expect") == "" && x.overNetHTTP()
}

// date is a second and its Date header.
type date struct {
	second int64
	text   string
}

// dateOf returns the Date header of an instant. It caches the last one, which changes
// at most once a second.
func (s *Server) dateOf(t time.Time) string {
	if d := s.date.Load(); d != nil && d.second == t.Unix() {
		return d.text
	}
	d := &date{t.Unix(), t.UTC().Format(http.TimeFormat)}
	s.date.Store(d)
	return d.text
}
