package emulator

import (
	"container/list"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

const (
	// maxConnections is how many connections all sockets together keep open, and
	// how many of them may have a request served at a time.
	maxConnections = 1000
	// spareConnections may be open on top, so that a health check gets through
	// when all others are busy. No other request is served on their account.
	spareConnections = 64
	// maxWaitBudget is how long a new connection, and those behind it, may wait for
	// a place when no connection is idle. Half of the time that passes can be spent
	// so. A wait of up to soon does not count.
	maxWaitBudget = 250 * time.Millisecond
	soon          = 10 * time.Millisecond
	// warnEvery is the least time between two warnings of the same sort.
	warnEvery = 10 * time.Second
)

// connections bounds the open connections of all sockets of an emulator. At the
// limit the one that has been idle longest is closed to make room. When none is
// idle, spare ones come into use, and when those are used up, the oldest that has
// sent no complete request yet is closed. A connection whose request is being
// served is left alone: when a thousand are, requests on further ones are
// refused, but for health checks.
type connections struct {
	log     *slog.Logger
	closing context.Context // ends waiting for a place

	mu         sync.Mutex
	open       int
	busy       int           // those with a request being served
	idle       list.List     // of *connection; the one idle longest is first
	answered   list.List     // of *connection, to end after their last response
	silent     list.List     // of *connection without a complete request; the oldest is first
	changed    chan struct{} // closed at the next end of a connection or request; nil when no caller waits
	waitBudget time.Duration // left at since
	since      engine.Stopwatch
	warnings   overloadStats
}

// overloadStats counts events since the last warning.
type overloadStats struct {
	last                                engine.Stopwatch
	begun                               bool
	idle, silent, refused, disconnected int
}

func newConnections(closing context.Context, log *slog.Logger) *connections {
	return &connections{log: log, closing: closing, waitBudget: maxWaitBudget, since: engine.StartStopwatch()}
}

// connection is an open connection and its place in connections.
type connection struct {
	net.Conn
	all *connections
	// What follows is guarded by all.mu.
	in   *list.List // nil while a request is being served
	at   *list.Element
	busy bool
	gone bool
}

// limited is a listener whose connections are counted.
type limited struct {
	net.Listener
	all *connections
}

// Accept implements net.Listener. A process without file descriptors closes a
// connection to get one.
func (l limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			if c := l.all.admit(conn); c != nil {
				return c, nil
			}
			continue
		}
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) || !l.all.closeOne() {
			return nil, err
		}
	}
}

// admit counts a new connection, after it has made room for it. It closes the
// connection and returns nil when there is no room to make.
func (a *connections) admit(conn net.Conn) *connection {
	a.mu.Lock()
	a.await()
	var closed *connection
	if a.open >= maxConnections {
		closed = a.removeFirst(&a.idle)
	}
	if closed == nil && a.open >= maxConnections+spareConnections {
		closed = a.removeFirst(&a.answered, &a.silent)
	}
	ok := a.open < maxConnections+spareConnections
	c := &connection{Conn: conn, all: a}
	if ok {
		a.open++
		a.put(&a.silent, c)
	} else {
		a.warnings.disconnected++
	}
	warn := a.warning(closed != nil || !ok)
	a.mu.Unlock()
	warn()
	if closed != nil {
		_ = closed.Conn.Close()
	}
	if !ok {
		_ = conn.Close()
		return nil
	}
	return c
}

// closeOne closes the connection that can be spared best, and reports false when
// there is none.
func (a *connections) closeOne() bool {
	a.mu.Lock()
	c := a.removeFirst(&a.idle, &a.answered, &a.silent)
	warn := a.warning(c != nil)
	a.mu.Unlock()
	warn()
	return c != nil && c.Conn.Close() == nil
}

// removeFirst removes the first connection of the first list that has one. The caller
// holds the lock and closes it.
func (a *connections) removeFirst(from ...*list.List) *connection {
	for _, l := range from {
		if l.Len() == 0 {
			continue
		}
		c, _ := l.Front().Value.(*connection)
		if l == &a.silent {
			a.warnings.silent++
		} else {
			a.warnings.idle++
		}
		a.leave(c)
		return c
	}
	return nil
}

// await releases the lock until there is room for a connection, one is idle, or the
// wait budget is used up. Short waits do not use it, so that many clients that connect
// at once are served one after another.
func (a *connections) await() {
	if !a.full() {
		return
	}
	a.waitBudget, a.since = min(maxWaitBudget, a.waitBudget+a.since.Elapsed()/2), engine.StartStopwatch()
	for a.full() && a.waitBudget > 0 && a.closing.Err() == nil {
		if a.changed == nil {
			a.changed = make(chan struct{})
		}
		changed := a.changed
		ctx, cancel := context.WithTimeout(a.closing, soon+a.waitBudget)
		begun := engine.StartStopwatch()
		a.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		cancel()
		a.mu.Lock()
		a.waitBudget -= max(0, begun.Elapsed()-soon)
		a.since = engine.StartStopwatch()
	}
}

// full reports whether a new connection must wait for another or replace an idle one.
// The caller holds the lock.
func (a *connections) full() bool { return a.open >= maxConnections && a.idle.Len() == 0 }

// put moves a connection to the end of a list, nil for none; the lock is held.
func (a *connections) put(to *list.List, c *connection) {
	if c.in != nil {
		c.in.Remove(c.at)
	}
	if c.in, c.at = to, nil; to != nil {
		c.at = to.PushBack(c)
	}
}

// setBusy records whether a request of a connection is being served. The caller holds
// the lock.
func (a *connections) setBusy(c *connection, busy bool) {
	if c.busy == busy {
		return
	}
	if c.busy = busy; busy {
		a.busy++
		return
	}
	a.busy--
	a.change()
}

// change wakes those who wait for a place; the lock is held.
func (a *connections) change() {
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// leave stops counting a connection; the lock is held.
func (a *connections) leave(c *connection) {
	if c.gone {
		return
	}
	c.gone = true
	a.put(nil, c)
	a.setBusy(c, false)
	a.open--
	a.change()
}

// state follows a connection, as http.Server.ConnState.
func (a *connections) state(conn net.Conn, state http.ConnState) {
	c := connectionOf(conn)
	if c == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case c.gone:
	case state == http.StateActive:
		a.put(nil, c)
		a.setBusy(c, true)
	case state == http.StateIdle:
		a.put(&a.idle, c)
		a.setBusy(c, false)
	case state == http.StateClosed:
		a.leave(c)
	}
}

// overloaded reports whether the limit of running requests is exceeded.
func (a *connections) overloaded() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.busy > maxConnections
}

// refused counts a request that was refused because all connections were busy.
func (a *connections) refused() {
	a.mu.Lock()
	a.warnings.refused++
	warn := a.warning(true)
	a.mu.Unlock()
	warn()
}

// warning returns what logs the counts since the last warning, if there is
// something to say and it is not too early; the lock is held.
func (a *connections) warning(due bool) func() {
	w := &a.warnings
	if !due || w.begun && w.last.Elapsed() < warnEvery {
		return func() {}
	}
	said := *w
	*w = overloadStats{begun: true, last: engine.StartStopwatch()}
	return func() {
		a.log.Warn("too many connections: at the limit the one that was idle longest is closed to make room, and when all are busy further requests get 503",
			"limit", maxConnections, "idle_closed", said.idle, "silent_closed", said.silent, "requests_refused", said.refused, "connections_refused", said.disconnected)
	}
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.all.mu.Lock()
	c.all.leave(c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite ends what is sent, where the connection can. net/http does so before
// it closes a connection with bytes unread.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// connectionOf is the counted connection below TLS; nil if there is none.
func connectionOf(conn net.Conn) *connection {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

type connectionKey struct{}

// withConnection adds the connection of a request to its context, for serveConnection.
// It is the ConnContext of the http.Server.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, connectionOf(conn))
}

// isHealthCheck reports whether a request only asks how the sandbox is.
func isHealthCheck(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && (r.URL.Path == "/healthz" || r.URL.Path == "/readyz")
}

// socketHandler serves what comes over sockets.
type socketHandler struct{ e *Emulator }

// ServeHTTP implements http.Handler. When all connections are busy it serves
// health checks alone and does not wait for the rest of a request. A connection
// of HTTP/1 ends then; one of HTTP/2 may have other requests.
func (s socketHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	if c == nil || !c.all.overloaded() {
		s.e.Handler().ServeHTTP(w, r)
		return
	}
	single := r.ProtoMajor < 2
	if single {
		w.Header().Set("Connection", "close")
	}
	r = r.WithContext(r.Context()) // a copy: the server goes on with the other
	r.Body, r.ContentLength = http.NoBody, 0
	if isHealthCheck(r) {
		s.e.Handler().ServeHTTP(w, r)
	} else {
		c.all.refused()
		s.e.server.WriteError(w, r, &fail.Error{
			Kind: fail.Unavailable, Code: "service_unavailable", RetryAfter: time.Second,
			Message: "All connections of the sandbox are busy; send the request again when some of them are done.",
		})
	}
	if !single || http.NewResponseController(w).Flush() != nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.gone {
		c.all.put(&c.all.answered, c)
	}
}
