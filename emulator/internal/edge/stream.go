package edge

import (
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// sendPatience is how long a client may leave a piece of a stream unread.
const sendPatience = 30 * time.Second

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
