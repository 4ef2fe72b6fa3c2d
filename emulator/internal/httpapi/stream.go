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

// sendTimeout bounds how long a client may leave sent data unread: a piece of a
// stream, or a response of a handler without deadlines.
const sendTimeout = 30 * time.Second

// withoutDeadlines removes the server's deadlines until the caller calls end. The read
// deadline would end the context, and the write deadline would lose the response.
func (x *RequestContext) withoutDeadlines() (end func()) {
	c := http.NewResponseController(x.w) // an error means that w has no deadlines, as in tests
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Time{})
	return func() {
		soon := engine.WallNow().Add(sendTimeout)
		_ = c.SetReadDeadline(soon) // net/http reads the rest of a body before it responds
		_ = c.SetWriteDeadline(soon.Add(sendTimeout))
	}
}

// StreamWriter sends the pieces of a stream.
type StreamWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

// Write sends a piece at once. It fails when the client has disconnected, or has not
// read for 30 s.
func (w *StreamWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(engine.WallNow().Add(sendTimeout)) // a recorder in a test has none
	n, err := w.to.Write(b)
	if err != nil {
		return n, err
	}
	return n, w.control.Flush()
}

// stream sends the header and runs the Stream. The server's deadlines for a whole
// request do not apply.
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
	_ = w.control.SetReadDeadline(time.Time{}) // the context would end with it
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

// openUpload is ReadBody for a body that the handler reads.
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

// upload is the body of a request for its handler.
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
