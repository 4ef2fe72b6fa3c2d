package emulator

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// sniffingListener accepts connections on the HTTPS port and detects plain HTTP.
type sniffingListener struct {
	net.Listener
	e *Emulator
}

// Accept implements net.Listener. It reads nothing, so that a silent client keeps no other
// waiting.
func (g sniffingListener) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &sniffingConn{Conn: conn, e: g.e}, nil
}

// sniffingConn is a connection whose first byte shows whether the client uses TLS. It
// is checked when the handshake reads it, so the handshake timeouts of net/http apply
// to plain HTTP too.
type sniffingConn struct {
	net.Conn
	e     *Emulator
	begun bool
}

var errPlaintext = errors.New("the client speaks plain HTTP")

// Read implements net.Conn.
func (c *sniffingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.begun || n == 0 {
		return n, err
	}
	c.begun = true
	// A request line begins with a letter, no record of TLS does.
	if first := b[0] | 0x20; first < 'a' || first > 'z' {
		return n, err
	}
	c.refuse(io.MultiReader(bytes.NewReader(bytes.Clone(b[:n])), c.Conn))
	return 0, errPlaintext
}

// maxDrained bounds the bytes of an unread request that are discarded, so that the
// client sees the response and no broken connection.
const maxDrained = 1 << 20

// refuse responds to a request in plain HTTP.
func (c *sniffingConn) refuse(from io.Reader) {
	in := &failing{Reader: io.LimitReader(from, maxHeaderBytes)}
	r, err := http.ReadRequest(bufio.NewReader(in))
	if in.err != nil {
		return // too slow, or gone
	}
	if err != nil {
		r = &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}}
	}
	r.RemoteAddr = c.RemoteAddr().String()
	message := "This port speaks HTTPS, and the request came in plain HTTP. Send it to the https:// address."
	if err := c.e.sky.Secure(r); err != nil { // a token that came with it is exposed as anywhere else
		message = fail.Of(err).Message
	}
	page := &responseBuffer{header: http.Header{}}
	c.e.server.WriteError(page, r, fail.New(fail.Forbidden, "https_required", message))
	answer := http.Response{
		StatusCode: page.status, ProtoMajor: 1, ProtoMinor: 1, Header: page.header, Request: r, Close: true,
		Body: io.NopCloser(&page.body), ContentLength: int64(page.body.Len()),
	}
	if answer.Write(c.Conn) != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, maxDrained)
	}
}

// failing remembers why reading failed, which a parser may not tell.
type failing struct {
	io.Reader
	err error // nil if nothing failed, or the end came
}

// Read implements io.Reader.
func (f *failing) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// responseBuffer stores a response.
type responseBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (p *responseBuffer) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *responseBuffer) WriteHeader(status int) { p.status = status }

// Write implements http.ResponseWriter.
func (p *responseBuffer) Write(b []byte) (int, error) { return p.body.Write(b) }
