package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// inProcessHost is the host of a request without one. Every API is served under it.
const inProcessHost = "localhost"

// handlerTransport sends a client's requests to the handler without a socket.
type handlerTransport struct{ e *Emulator }

// RoundTrip implements http.RoundTripper. The response is handed over when its
// header is complete; its body can be read while it is written.
func (d handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	d.e.mu.Lock()
	closed := d.e.closed
	d.e.mu.Unlock()
	if closed {
		_ = body.Close()
		return nil, errors.New("the emulator is closed")
	}
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.RequestURI = in.URL.RequestURI()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Host == "" {
		in.Host = inProcessHost
	}
	in.Body, in.Proto, in.ProtoMajor, in.ProtoMinor, in.RemoteAddr = body, "HTTP/1.1", 1, 1, "127.0.0.1:0"
	in.TLS = nil
	if in.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: in.URL.Hostname()}
	}
	if in.ContentLength == 0 && r.Body != nil && r.Body != http.NoBody {
		in.ContentLength = -1
	}
	p := newPipe(d.e.closing, cancel)
	go func() {
		defer func() { _ = body.Close() }()
		var fault error
		defer func() {
			if v := recover(); v != nil {
				fault = fmt.Errorf("the emulator ended the connection: %v", v)
			}
			p.end(fault)
		}()
		d.e.Handler().ServeHTTP(p, in)
		if ctx.Err() != nil { // what was written last may not have been all
			fault = context.Cause(r.Context())
		}
	}()
	select {
	case <-p.started:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if p.lost != nil {
		cancel()
		return nil, p.lost
	}
	length := int64(-1)
	if _, err := fmt.Sscan(p.sent.Get("Content-Length"), &length); err != nil {
		length = -1
	}
	if p.status == http.StatusNoContent || p.status == http.StatusNotModified {
		length = 0
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", p.status, http.StatusText(p.status)), StatusCode: p.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.sent, Body: p, ContentLength: length, Request: r,
	}, nil
}

// responsePipe carries the response from the handler to the client.
type responsePipe struct {
	header  http.Header
	closing context.Context // of the emulator
	cancel  context.CancelFunc
	started chan struct{} // closed when status and sent are set, or lost is
	lost    error         // why there is no response

	mu     sync.Mutex
	more   *sync.Cond
	status int
	sent   http.Header
	buf    bytes.Buffer
	until  time.Time // of the next write to a client that does not read; zero for no limit
	done   bool
	fault  error
}

// maxAhead bounds how far a stream may be ahead of its reader.
const maxAhead = 256 << 10

func newPipe(closing context.Context, cancel context.CancelFunc) *responsePipe {
	p := &responsePipe{closing: closing, header: http.Header{}, cancel: cancel, started: make(chan struct{})}
	p.more = sync.NewCond(&p.mu)
	return p
}

// Header implements http.ResponseWriter.
func (p *responsePipe) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *responsePipe) WriteHeader(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start(status)
}

func (p *responsePipe) start(status int) {
	if p.status == 0 {
		p.status, p.sent = status, p.header.Clone()
		close(p.started)
	}
}

// Write implements http.ResponseWriter.
func (p *responsePipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start(http.StatusOK)
	if !p.until.IsZero() && p.buf.Len() > maxAhead && !p.done {
		if err := p.drain(); err != nil {
			return 0, err
		}
	}
	if p.done {
		return 0, io.ErrClosedPipe
	}
	p.more.Broadcast()
	return p.buf.Write(b)
}

// drain waits until the reader has caught up; the lock is held.
func (p *responsePipe) drain() error {
	ctx, cancel := context.WithDeadline(p.closing, p.until)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.more.Broadcast()
	})()
	for p.buf.Len() > maxAhead && !p.done {
		if ctx.Err() != nil {
			return os.ErrDeadlineExceeded
		}
		p.more.Wait()
	}
	return nil
}

// SetWriteDeadline is a method for http.ResponseController. With a deadline a
// write waits for a reader that is far behind; without one nothing does.
func (p *responsePipe) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = t
	return nil
}

// SetReadDeadline is a method for http.ResponseController; the request is not
// read from a connection.
func (p *responsePipe) SetReadDeadline(time.Time) error { return nil }

// Flush implements http.Flusher; nothing is held back.
func (p *responsePipe) Flush() {}

func (p *responsePipe) end(fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.done = fault, true
	if p.status == 0 && fault != nil {
		p.status, p.lost = http.StatusInternalServerError, fault
		close(p.started)
	}
	p.start(http.StatusOK)
	p.more.Broadcast()
}

// Read implements io.Reader for the client's side.
func (p *responsePipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.buf.Len() == 0 && !p.done {
		p.more.Wait()
	}
	if p.buf.Len() == 0 {
		if p.fault != nil {
			return 0, p.fault
		}
		return 0, io.EOF
	}
	if p.buf.Len() > maxAhead {
		defer p.more.Broadcast() // a writer may be waiting
	}
	return p.buf.Read(b)
}

// Close implements io.Closer for the client's side: the request is over.
func (p *responsePipe) Close() error {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	p.more.Broadcast()
	return nil
}
