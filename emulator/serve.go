package emulator

import (
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/internal/redact"
)

// What a connection may take.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
	// A connection of HTTP/2 may have so many requests at a time, and so many bytes
	// of their bodies that nothing has read yet.
	maxStreams = 100
	maxUnread  = 128 << 10
)

// socket is a listener of the emulator's own on the loopback interface. The zero
// socket is not open yet.
type socket struct {
	url  string
	done chan struct{} // closed when nothing is served there any more
}

// acceptLoop serves the connections of a listener, with or without TLS.
type acceptLoop func(s *http.Server, l net.Listener) error

func (e *Emulator) serveHTTP(s *http.Server, l net.Listener) error {
	return s.Serve(limited{l, e.connections})
}

// openSocket returns the base URL of a socket and opens it on the first call.
func (e *Emulator) openSocket(s *socket, scheme string, accept acceptLoop) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.url != "" {
		return s.url
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("emulator: cannot listen on a loopback port: " + err.Error())
	}
	e.recordListener(l)
	s.url, s.done = scheme+"://"+l.Addr().String(), make(chan struct{})
	server := e.httpServer()
	go func(done chan<- struct{}) {
		defer close(done)
		_ = accept(server, l) // ends with Close
	}(s.done)
	return s.url
}

// Serve accepts connections until the emulator is closed or shut down, and
// returns nil then.
func (e *Emulator) Serve(l net.Listener) error { return e.serve(l, e.serveHTTP) }

func (e *Emulator) serve(l net.Listener, accept acceptLoop) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		_ = l.Close()
		return errClosed
	}
	e.recordListener(l)
	server := e.httpServer()
	e.mu.Unlock()
	if err := accept(server, l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// httpServer returns the one server behind all sockets; the lock is held.
func (e *Emulator) httpServer() *http.Server {
	if e.http == nil {
		to := &serverLog{log: slog.New(redact.NewHandler(e.asked.log.Handler()))}
		if e.secure != nil {
			to.advice = e.secure.advice
		}
		e.http = &http.Server{
			Handler: socketHandler{e}, ConnState: e.connections.state, ConnContext: withConnection,
			ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
			MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(to, "", 0),
			DisableGeneralOptionsHandler: true, // OPTIONS * is a path like any other: it leads nowhere
			HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxUnread, MaxReceiveBufferPerStream: maxUnread},
		}
		if e.secure != nil {
			e.http.TLSConfig = e.secure.config
		}
		if e.closed {
			_ = e.http.Close()
		}
	}
	return e.http
}
