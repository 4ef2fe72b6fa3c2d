package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// sendTimeout is how long a client may leave what it was sent unread: a piece of
// a stream, or a response that took its time.
const sendTimeout = 30 * time.Second

// withoutDeadlines lifts the server's time limits for a whole request until the
// returned function is called: past the one of reading the context would end, past
// the one of writing the response would be lost.
func (x *RequestContext) withoutDeadlines() (end func()) {
	c := http.NewResponseController(x.w) // a recorder in a test has no deadlines
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Time{})
	return func() {
		soon := engine.WallNow().Add(sendTimeout)
		_ = c.SetReadDeadline(soon) // net/http reads what is left of a body before it answers
		_ = c.SetWriteDeadline(soon.Add(sendTimeout))
	}
}

// StreamWriter sends the pieces of a stream.
type StreamWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

// Write sends a piece at once. It fails when the client is gone, and when it has
// not read what was sent for 30 s.
func (w *StreamWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(engine.WallNow().Add(sendTimeout)) // a recorder in a test has none
	n, err := w.to.Write(b)
	if err != nil {
		return n, err
	}
	return n, w.control.Flush()
}

// stream sends the response's header and runs what writes the rest. The time limits
// of the server for a whole request do not hold for it.
func (x *RequestContext) stream() {
	s := x.response.Stream
	if s.Done != nil {
		defer s.Done()
	}
	if x.Request.Method == http.MethodHead {
		x.write()
		return
	}
	w := &StreamWriter{to: x.w, control: http.NewResponseController(x.w)}
	_ = w.control.SetReadDeadline(time.Time{}) // or the context would end with it
	x.w.WriteHeader(x.response.Status)
	if s.Document {
		if err := s.Run(x.Request.Context(), w); err != nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	if _, err := w.Write(nil); err == nil {
		_ = s.Run(x.Request.Context(), w)
	}
}

// openUpload is ReadBody for a body that the handler reads itself.
func (x *RequestContext) openUpload() error {
	if x.Request.ContentLength == 0 && x.Op.body.Required {
		return x.emptyBody()
	}
	if _, err := x.checkType(); err != nil {
		return err
	}
	x.upload = &upload{x: x, control: http.NewResponseController(x.w)}
	return nil
}

// upload is the body of a request that its handler reads.
type upload struct {
	x       *RequestContext
	control *http.ResponseController
}

// Read implements io.Reader. It fails when the client has sent nothing for 30 s.
func (u *upload) Read(b []byte) (int, error) {
	_ = u.control.SetReadDeadline(engine.WallNow().Add(sendTimeout)) // a recorder in a test has none
	n, err := u.x.Request.Body.Read(b)
	switch {
	case errors.Is(err, io.EOF):
		u.x.read = true
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &fail.Error{Kind: fail.Timeout, Code: "request_timeout", Message: "The body did not arrive in time.", Cause: err}
	case err != nil:
		err = &fail.Error{Kind: fail.Invalid, Code: "invalid_json", Message: "The body broke off before its end.", Cause: err}
	}
	return n, err
}
