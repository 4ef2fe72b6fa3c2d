package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Client is an HTTP client for the sandbox. All its requests go there: a URL may
// be a path alone, and another host that it names is sent as the Host header, as
// in the test's own process. It trusts the CA of WithCA, does not add the key,
// and follows redirects as any client. Close ends its requests.
func (w *Workspace) Client() *http.Client {
	c := w.users
	c.Transport = door{w}
	return &c
}

// door takes the requests of a client to the sandbox.
type door struct{ w *Workspace }

// RoundTrip implements http.RoundTripper.
func (d door) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(d.w.life, func() { cancel(errClosed) })
	release := func() { stop(); cancel(nil) }
	if d.w.life.Err() != nil {
		release()
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("remote: %w", errClosed)
	}
	out := r.Clone(ctx)
	if out.Host == "" {
		out.Host = out.URL.Host
	}
	out.URL.Scheme, out.URL.Host = d.w.base.Scheme, d.w.base.Host
	if out.Host == "" {
		out.Host = out.URL.Host
	}
	resp, err := d.w.control.Transport.RoundTrip(out)
	if err != nil {
		release()
		return nil, err
	}
	resp.Request = r
	if _, upgraded := resp.Body.(io.Writer); !upgraded {
		resp.Body = &endingBody{ReadCloser: resp.Body, release: release}
	}
	return resp, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (d door) CloseIdleConnections() { d.w.control.CloseIdleConnections() }

// endingBody is the body of a response that ends when the workspace is closed.
type endingBody struct {
	io.ReadCloser
	release func()
}

// Read implements io.Reader.
func (e *endingBody) Read(b []byte) (int, error) {
	n, err := e.ReadCloser.Read(b)
	if err != nil {
		e.release()
	}
	return n, err
}

// Close implements io.Closer.
func (e *endingBody) Close() error {
	err := e.ReadCloser.Close()
	e.release()
	return err
}
