package emulator_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator"
)

// logged collects log lines.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// limitOf is the number of connections that are kept open, and spare those for
// health checks on top.
const (
	limitOf = 1000
	spare   = 64
)

const healthRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

// testConnections dials one of the emulator's sockets, over TLS for https.
type testConnections struct {
	t      *testing.T
	at     string
	config *tls.Config // nil for plain HTTP
}

func crowdAt(t *testing.T, e *emulator.Emulator, scheme string) testConnections {
	t.Helper()
	if scheme == "http" {
		return testConnections{t: t, at: strings.TrimPrefix(e.URL(), "http://")}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(e.CA())
	protocol := "http/1.1"
	if scheme == "h2" {
		protocol = "h2"
	}
	return testConnections{t, strings.TrimPrefix(e.HTTPSURL(), "https://"), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{protocol}}}
}

func (c testConnections) dial() net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.at)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if c.config != nil {
		return tls.Client(conn, c.config)
	}
	return conn
}

// isClosed waits until the server has closed a connection that has nothing to say.
func isClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v from a connection that should be closed", n, err)
	}
}

// serves reports whether the server responds on a connection that was idle, or has
// closed it.
func serves(conn net.Conn) bool {
	if _, err := io.WriteString(conn, healthRequest); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// descriptors is how many files the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("this system has no /proc/self/fd: %v", err)
	}
	return len(all)
}

// A thousand idle connections lock no client out: those idle longest make room, the
// log says so once, and in the end nothing is left open (10.2, row 9).
func TestHostileIdleConnections(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			files := descriptors(t)
			log := new(logged)
			e, err := emulator.New(emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
			if err != nil {
				t.Fatal(err)
			}
			c := crowdAt(t, e, scheme)
			idle := make([]net.Conn, limitOf)
			for i := range idle {
				idle[i] = c.dial()
				if got := exchange(t, idle[i], healthRequest).StatusCode; got != 200 {
					t.Fatal(got)
				}
			}
			if log.String() != "" {
				t.Errorf("before the limit: %s", log)
			}
			const late = 20
			for range late {
				if got := exchange(t, c.dial(), "GET /v1/instances HTTP/1.1\r\n"+authorized+"\r\n").StatusCode; got != 200 {
					t.Errorf("a late client: %d", got)
				}
			}
			var kept []net.Conn
			for i, conn := range idle {
				switch {
				case serves(conn):
					kept = append(kept, conn)
				case i >= limitOf/2: // neighbors may have become idle in another order
					t.Errorf("number %d was closed, though others were idle for longer", i)
				}
			}
			if len(kept) != limitOf-late {
				t.Errorf("%d connections were kept, want %d", len(kept), limitOf-late)
			}
			if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, "too many connections") ||
				!strings.Contains(text, "limit=1000 idle_closed=1 ") {
				t.Errorf("logged %s", text)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			for _, conn := range kept {
				isClosed(t, conn)
				_ = conn.Close()
			}
			noneRuns(t, before)
			if now := descriptors(t); now > files+2*late+2 { // the late clients' ends are closed with the test
				t.Errorf("%d descriptors are open, %d were before", now, files)
			}
		})
	}
}

// Connections that say nothing, or begin a request and do not go on, lock nobody
// out either: the oldest of them go.
func TestHostileSilentConnections(t *testing.T) {
	for name, said := range map[string]string{"nothing": "", "half a header": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithLogger(slog.New(slog.DiscardHandler)))
				c := crowdAt(t, e, scheme)
				silent := make([]net.Conn, limitOf+200)
				for i := range silent {
					conn := c.dial()
					if over, ok := conn.(*tls.Conn); ok && said == "" {
						conn = over.NetConn()
					} else if ok {
						_ = over.Handshake() // it may have been too old
					}
					_, _ = io.WriteString(conn, said)
					silent[i] = conn
				}
				for range 10 {
					if got := exchange(t, c.dial(), "GET /v1/instances HTTP/1.1\r\n"+authorized+"\r\n").StatusCode; got != 200 {
						t.Errorf("another client: %d", got)
					}
				}
				isClosed(t, silent[0])
			})
		}
	}
}

// When a thousand connections are busy, for the bodies of their requests do not
// come, health checks get through, whatever they bring along, and everybody else
// is told. Afterwards all is as before.
func TestHostileBusyConnections(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithLogger(slog.New(slog.DiscardHandler)))
			c := crowdAt(t, e, scheme)
			busy := make([]net.Conn, limitOf)
			slow := bufio.NewReader(nil)
			for i := range busy {
				busy[i] = c.dial()
				// The interim response says that the body is being read.
				send(t, busy[i], "POST /v1/instances HTTP/1.1\r\n"+authorized+"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
				slow.Reset(busy[i])
				if line, err := slow.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
					t.Fatalf("%d: %q, %v", i, line, err)
				}
			}
			for range 20 { // more than there are spare places, and none is given back by the client
				for request, want := range map[string]int{
					healthRequest: 200,
					"GET /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n":                   200,
					"GET /v1/instances HTTP/1.1\r\n" + authorized + "\r\n":                                      503,
					"POST /v1/instances HTTP/1.1\r\n" + authorized + "Content-Length: 1000\r\n\r\n{":            503,
					"GET /_sandbox/clock HTTP/1.1\r\n" + authorized + "\r\n":                                    503,
					"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nnot so much": 503,
				} {
					resp := exchange(t, c.dial(), request)
					body, _ := io.ReadAll(resp.Body)
					if resp.StatusCode != want || !resp.Close {
						t.Fatalf("%q: %s %s", request, resp.Status, body)
					}
					if want == 503 && (resp.Header.Get("Retry-After") != "1" || !strings.HasPrefix(string(body), `{"error":{"code":"service_unavailable","message":"All connections`)) {
						t.Fatalf("%q: %v %s", request, resp.Header, body)
					}
				}
				_ = c.dial() // says nothing
			}
			client := trusting(t, e, e.CA()) // speaks HTTP/2
			for range 2 * spare {
				for path, want := range map[string]int{"/healthz": 200, "/v1/instances": 503} {
					if got := fetch(t, client, "GET", e.HTTPSURL()+path, emulator.DefaultKey, ""); got.status != want {
						t.Fatalf("HTTP/2: %s: %d %s", path, got.status, got.body)
					}
				}
			}
			for _, conn := range busy {
				_ = conn.Close()
			}
			for { // the server learns of their end one after another
				resp := exchange(t, c.dial(), "GET /v1/instances HTTP/1.1\r\n"+authorized+"\r\n")
				if resp.StatusCode == 200 {
					break
				} else if resp.StatusCode != 503 {
					t.Fatal(resp.Status)
				}
			}
		})
	}
}

// Twice as many clients at once as there are places are all served: those that
// come last wait for those before them.
func TestHostileBurst(t *testing.T) {
	bubble(t, func(t *testing.T, l *pipeListener) {
		var done sync.WaitGroup
		for range 2 * limitOf {
			done.Go(func() {
				conn := l.dial()
				defer func() { _ = conn.Close() }()
				if _, err := io.WriteString(conn, "GET /v1/instances HTTP/1.1\r\n"+authorized+"\r\n"); err != nil {
					t.Error(err)
					return
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
					t.Error(resp.Status, err)
				}
			})
		}
		done.Wait()
	})
}

// A connection that ends gives its place back, and no other is closed for the
// next one.
func TestConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, emulator.WithLogger(slog.New(slog.DiscardHandler)))
		l := newPipeListener()
		go func() { _ = e.Serve(l) }()
		conns := make([]net.Conn, limitOf)
		for i := range conns {
			conns[i] = l.dial()
			exchange(t, conns[i], healthRequest)
		}
		_ = conns[500].Close()
		synctest.Wait()
		first := l.dial()
		exchange(t, first, healthRequest)
		synctest.Wait() // the server notes that it is idle after the response
		for i, conn := range conns {
			if i != 500 {
				exchange(t, conn, healthRequest)
			}
		}
		// The first is the one that is idle longest by now.
		second := l.dial()
		exchange(t, second, healthRequest)
		isClosed(t, first)
		exchange(t, conns[0], healthRequest)
		for _, conn := range append(conns, second) {
			_ = conn.Close()
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
