package edge

import (
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// sendPatience is how long a client may leave what it was sent unread: a piece of
// a stream, or an answer that took its time.
const sendPatience = 30 * time.Second

// unhurried lifts the server's time limits for a whole exchange until the
// returned function is called: past the one of reading the context would end, past
// the one of writing the answer would be lost.
func (x *Exchange) unhurried() (end func()) {
	c := http.NewResponseController(x.w) // a recorder in a test has no deadlines
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Time{})
	return func() {
		soon := engine.WallNow().Add(sendPatience)
		_ = c.SetReadDeadline(soon) // net/http reads what is left of a body before it answers
		_ = c.SetWriteDeadline(soon.Add(sendPatience))
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
	_ = w.control.SetWriteDeadline(engine.WallNow().Add(sendPatience)) // a recorder in a test has none
	n, err := w.to.Write(b)
	if err != nil {
		return n, err
	}
	return n, w.control.Flush()
}

// stream sends the answer's header and runs what writes the rest. The time limits
// of the server for a whole exchange do not hold for it.
func (x *Exchange) stream() {
	defer x.answer.Stream.Done()
	if x.Request.Method == http.MethodHead {
		x.write()
		return
	}
	w := &StreamWriter{to: x.w, control: http.NewResponseController(x.w)}
	_ = w.control.SetReadDeadline(time.Time{}) // or the context would end with it
	x.w.WriteHeader(x.answer.Status)
	if _, err := w.Write(nil); err == nil {
		_ = x.answer.Stream.Run(x.Request.Context(), w)
	}
}
