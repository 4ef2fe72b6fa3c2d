package emulator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Shutdown ends the calls that wait for something, of the API and of the control
// API alike: each gets a response, and none is cut off.
func TestShutdownEndsWaits(t *testing.T) {
	for try := range 5 {
		if shutdownEndsWaits(t) {
			return
		}
		t.Logf("try %d: net/http closed a connection whose request it had not begun to serve", try+1)
	}
	t.Error("no shutdown met three requests that were being served")
}

// shutdownEndsWaits reports false when the server was shut down between the bytes of a
// request and its handler: net/http then closes the connection.
func shutdownEndsWaits(t *testing.T) (served bool) {
	t.Helper()
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := readListener{socket, make(chan struct{})}
	go func() { _ = e.Serve(heard) }()
	l, err := e.Listen(sandbox.Listener{URL: "http://localhost:3000/hook"})
	if err != nil {
		t.Fatal(err)
	}
	type response struct {
		status int
		body   string
		err    error
	}
	wait := func(method, path string) <-chan response {
		t.Helper()
		got := make(chan response, 1)
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+heard.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.Key())
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		go func() {
			resp, err := client.Do(r)
			if err != nil {
				got <- response{err: err}
				return
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			got <- response{resp.StatusCode, string(bytes.TrimSpace(body)), err}
		}()
		<-heard.read
		return got
	}
	waits := map[string]<-chan response{}
	for _, c := range []string{
		"GET /v1/events?wait=30s&order=asc",
		"GET /_sandbox/requests?wait=30s&operation=createInstance",
		"POST /_sandbox/listeners/" + l.ID + "/next?wait=30s",
	} {
		method, path, _ := strings.Cut(c, " ")
		waits[c] = wait(method, path)
	}
	// Less than the calls would wait.
	end, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := e.Shutdown(end); err != nil {
		t.Error(err)
	}
	served = true
	for call, ended := range waits {
		got := <-ended
		if errors.Is(got.err, io.EOF) {
			served = false
			continue
		}
		if got.err != nil || got.status != 200 || !strings.HasPrefix(got.body, `{"data":[]`) {
			t.Errorf("%s: %d %s, %v", call, got.status, got.body, got.err)
		}
	}
	return served
}

// readListener is a listener that says when the first bytes of a connection are read.
type readListener struct {
	net.Listener
	read chan struct{}
}

// Accept implements net.Listener.
func (l readListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &readConn{Conn: c, read: l.read}, nil
}

// readConn is a connection of a reading listener.
type readConn struct {
	net.Conn
	once sync.Once
	read chan struct{}
}

// Read implements io.Reader.
func (c *readConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.once.Do(func() { c.read <- struct{}{} })
	return n, err
}
