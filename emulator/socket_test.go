package emulator_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
)

// pipeListener is a listener whose connections need no network, so that a server can be
// watched in a synctest bubble, where its time limits take no time.
type pipeListener struct {
	dialled chan net.Conn
	once    sync.Once
	closed  chan struct{}
	waiting chan struct{} // one for each Accept that was ever called
}

func newPipeListener() *pipeListener {
	return &pipeListener{dialled: make(chan net.Conn), closed: make(chan struct{}), waiting: make(chan struct{}, 1<<16)}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	l.waiting <- struct{}{}
	select {
	case conn := <-l.dialled:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.dialled <- theirs
	return ours
}

// bubble serves an emulator on pipes inside a bubble.
func bubble(t *testing.T, test func(t *testing.T, l *pipeListener), options ...emulator.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, options...)
		l := newPipeListener()
		done := make(chan error)
		go func() { done <- e.Serve(l) }()
		test(t, l)
		stillServes(t, l)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func stillServes(t *testing.T, l *pipeListener) {
	t.Helper()
	conn := l.dial()
	defer func() { _ = conn.Close() }()
	if got := exchange(t, conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").StatusCode; got != 200 {
		t.Errorf("afterwards: got %d", got)
	}
}

// exchange writes a request as it is and reads the response, body included.
func exchange(t *testing.T, conn net.Conn, request string) *http.Response {
	t.Helper()
	send(t, conn, request)
	return answer(t, bufio.NewReader(conn))
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func answer(t *testing.T, r *bufio.Reader) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp
}

// ends waits for the server to close a connection and tells how long that took
// and what it said.
func ends(t *testing.T, conn net.Conn) (time.Duration, string) {
	t.Helper()
	start := time.Now()
	said, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	return time.Since(start), string(said)
}

const authorized = "Host: localhost\r\nAuthorization: Bearer " + emulator.DefaultKey + "\r\nContent-Type: application/json\r\n"

// A connection that says nothing, or not enough, is closed within its limit (10.2
// row 9): 5 s for a header, 30 s for a body, 120 s between requests.
func TestSlowConnections(t *testing.T) {
	t.Run("half open: it says nothing", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			if took, said := ends(t, l.dial()); took != 5*time.Second || said != "" {
				t.Errorf("closed after %v, saying %q", took, said)
			}
		})
	})
	t.Run("a header that does not end", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			conn := l.dial()
			send(t, conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
			if took, said := ends(t, conn); took != 5*time.Second || said != "" {
				t.Errorf("closed after %v, saying %q", took, said)
			}
		})
	})
	t.Run("a header that drips", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			conn := l.dial()
			start := time.Now()
			for _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nX-Slow: "); err == nil; _, err = io.WriteString(conn, "x") {
				<-time.After(time.Second)
			}
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("closed after %v", took)
			}
		})
	})
	t.Run("a body that does not come", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			conn := l.dial()
			send(t, conn, "POST /v1/instances HTTP/1.1\r\n"+authorized+"Content-Length: 100\r\n\r\n{")
			took, said := ends(t, conn)
			if took != 30*time.Second || !strings.HasPrefix(said, "HTTP/1.1 408 ") || !strings.Contains(said, `{"error":{"code":"request_timeout"`) {
				t.Errorf("closed after %v, saying %q", took, said)
			}
		})
	})
	t.Run("chunks that do not end", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			conn := l.dial()
			send(t, conn, "POST /v1/instances HTTP/1.1\r\n"+authorized+"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"")
			if took, said := ends(t, conn); took != 30*time.Second || !strings.HasPrefix(said, "HTTP/1.1 408 ") {
				t.Errorf("closed after %v, saying %q", took, said)
			}
		})
	})
	t.Run("nothing after an answer", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			conn := l.dial()
			exchange(t, conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if took, said := ends(t, conn); took != 120*time.Second || said != "" {
				t.Errorf("closed after %v, saying %q", took, said)
			}
		})
	})
	t.Run("an answer nobody reads", func(t *testing.T) {
		bubble(t, func(t *testing.T, l *pipeListener) {
			conn := l.dial()
			send(t, conn, "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n")
			<-time.After(61 * time.Second)
			if took, said := ends(t, conn); took != 0 || len(said) > 64<<10 {
				t.Errorf("closed after %v more, having said %d bytes", took, len(said))
			}
		})
	})
}

// hangingReceiver is a receiver that never responds.
type hangingReceiver struct{}

func (hangingReceiver) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// A request that plays time may take longer than others: here 14 attempts of 10 s
// each at a receiver that hangs (S80). A client that sends less than it said has
// no longer than any other.
func TestLongRequests(t *testing.T) {
	bubble(t, func(t *testing.T, l *pipeListener) {
		conn := l.dial()
		do := func(method, path, body string, more int) *http.Response {
			return exchange(t, conn, fmt.Sprintf("%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", method, path, authorized, len(body)+more, body))
		}
		do("POST", "/v1/webhooks", `{"url":"http://127.0.0.1:3000/h","event_types":["instance.created"]}`, 0)
		if got := do("POST", "/v1/instances", create, 0).Status; got != "201 Created" {
			t.Fatal(got)
		}
		begun := time.Now()
		advanced := do("POST", "/_sandbox/clock/advance", `{"by":"24h"}`, 0)
		if took := time.Since(begun); advanced.StatusCode != 200 || took != 140*time.Second {
			t.Errorf("%s after %v", advanced.Status, took)
		}
		begun = time.Now()
		waited := do("GET", "/v1/events?wait=30s&type=job.run.failed", "", 0)
		if took := time.Since(begun); waited.StatusCode != 200 || took != 30*time.Second {
			t.Errorf("%s after %v", waited.Status, took)
		}
		late := do("GET", "/v1/events?wait=20s&type=job.run.failed", "", 10)
		if took, said := ends(t, conn); late.StatusCode != 200 || took > 30*time.Second || said != "" {
			t.Errorf("%s, closed after %v, saying %q", late.Status, took, said)
		}
	}, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}), emulator.WithWebhookTransport(hangingReceiver{}))
}

// Pipelined requests are served in their order.
func TestPipelining(t *testing.T) {
	bubble(t, func(t *testing.T, l *pipeListener) {
		conn := l.dial()
		defer func() { _ = conn.Close() }()
		go func() {
			body := `{"name":"a","region":"eu-central","size":"standard-1"}`
			_, _ = io.WriteString(conn, "GET /v1/instances HTTP/1.1\r\n"+authorized+"\r\n"+
				fmt.Sprintf("POST /v1/instances HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", authorized, len(body), body)+
				"GET /nowhere HTTP/1.1\r\n"+authorized+"\r\n"+
				"DELETE /v1/instances/ins_web01 HTTP/1.1\r\n"+authorized+"\r\n"+
				"HEAD /v1/instances HTTP/1.1\r\n"+authorized+"Connection: close\r\n\r\n")
		}()
		r := bufio.NewReader(conn)
		for _, want := range []int{200, 201, 404, 204} {
			if got := answer(t, r).StatusCode; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		}
		if rest, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(rest), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(rest), "\r\n\r\n") {
			t.Errorf("the HEAD: %q (%v)", rest, err)
		}
	})
}
