package emulator

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// maxReceived bounds what a receiver keeps of a body.
const maxReceived = 1 << 20

// Receiver is an HTTP server of a test that a container can reach too. Any
// machine can: it listens on all interfaces while the test runs.
type Receiver struct {
	// URL reaches it from this machine; a container uses the port at
	// host.docker.internal, see testcontainer.Container.HostURL.
	URL  string
	Port int

	mu       sync.Mutex
	arrived  chan struct{} // closed and replaced with each request
	received []Received
}

// Received is a request that arrived at a Receiver.
type Received struct {
	Method, Path string
	Header       http.Header
	Body         []byte // at most 1 MiB of it
}

// NewReceiver starts a server that ends with the test. A nil handler
// responds 200. The handler may read the body again.
func NewReceiver(t TB, handler http.Handler) *Receiver {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatalf("emulator: a receiver cannot listen: %v", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	r := &Receiver{URL: "http://127.0.0.1:" + strconv.Itoa(port), Port: port, arrived: make(chan struct{})}
	server := &http.Server{
		Handler: r.record(handler), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with the test
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return r
}

// record stores a request before the handler runs.
func (r *Receiver) record(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(io.LimitReader(in.Body, maxReceived))
		if err != nil {
			return // the sender is gone
		}
		r.mu.Lock()
		r.received = append(r.received, Received{in.Method, in.URL.RequestURI(), in.Header.Clone(), body})
		close(r.arrived)
		r.arrived = make(chan struct{})
		r.mu.Unlock()
		if handler != nil {
			in.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), in.Body))
			handler.ServeHTTP(w, in)
		}
	})
}

// Received lists what arrived, oldest first.
func (r *Receiver) Received() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.received)
}

// WaitFor returns the first n requests as soon as they have arrived.
func (r *Receiver) WaitFor(ctx context.Context, n int) ([]Received, error) {
	for {
		r.mu.Lock()
		received, arrived := r.received, r.arrived
		r.mu.Unlock()
		if len(received) >= n {
			return slices.Clone(received[:n]), nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return slices.Clone(received), context.Cause(ctx)
		}
	}
}
