package emulator

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"skystack.dev/sandbox/emulator/internal/redact"
)

// What a connection may take (10.2, row 9).
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
	maxConnections    = 1000
)

// loopback is the base URL of a socket on the loopback interface, opened by the
// first call.
func (e *Emulator) loopback() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.url != "" {
		return e.url
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("emulator: cannot listen on a loopback port: " + err.Error())
	}
	e.url, e.served = "http://"+l.Addr().String(), make(chan struct{})
	server := e.httpServer()
	go func(done chan<- struct{}) {
		defer close(done)
		_ = server.Serve(netutil.LimitListener(l, maxConnections)) // ends with Close
	}(e.served)
	return e.url
}

// Serve accepts connections until the emulator is closed or shut down, and
// returns nil then.
func (e *Emulator) Serve(l net.Listener) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		_ = l.Close()
		return errors.New("the emulator is closed")
	}
	server := e.httpServer()
	e.mu.Unlock()
	if err := server.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// httpServer returns the one server behind all sockets; the lock is held.
func (e *Emulator) httpServer() *http.Server {
	if e.http == nil {
		log := slog.New(redact.NewHandler(e.asked.log.Handler()))
		e.http = &http.Server{
			Handler: e.Handler(), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			DisableGeneralOptionsHandler: true, // OPTIONS * is a path like any other: it leads nowhere
			IdleTimeout:                  idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
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
