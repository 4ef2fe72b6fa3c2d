package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

// short is the patience of tests with receivers that do not answer.
const short = 150 * time.Millisecond

// listen is the address of a server that gives each connection to serve and then
// closes it. The test ends after the last of them.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			open.Go(func() {
				defer c.Close() //nolint:errcheck // the test may have closed it
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return l.Addr().String()
}

// request reads one whole request; false when there is none.
func request(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// say answers a request with text as it stands.
func say(text string) func(net.Conn) {
	return func(c net.Conn) {
		if request(bufio.NewReader(c)) {
			_, _ = io.WriteString(c, text)
		}
	}
}

// forever repeats text until the sender has had enough, a moment apart when slow.
func forever(first, text string, slow bool) func(net.Conn) {
	return func(c net.Conn) {
		if !request(bufio.NewReader(c)) {
			return
		}
		_, err := io.WriteString(c, first)
		for ; err == nil; _, err = io.WriteString(c, text) {
			if slow {
				<-time.After(5 * time.Millisecond)
			}
		}
	}
}

// thenHang says something and then nothing more.
func thenHang(text string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		if request(r) {
			_, _ = io.WriteString(c, text)
		}
		_, _ = io.Copy(io.Discard, r)
	}
}

// Whatever a receiver does, the attempt ends and says why.
func TestHostileReceivers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tc := range []struct {
		name   string
		serve  func(net.Conn)
		status int
		error  string
		body   string
	}{
		{"takes nothing", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, 0, webhook.Timeout, ""},
		{"hangs", thenHang(""), 0, webhook.Timeout, ""},
		{"hangs in the status line", thenHang("HTTP/1.1 2"), 0, webhook.Timeout, ""},
		{"hangs in the header", thenHang(ok + "X: y\r\n"), 0, webhook.Timeout, ""},
		{"only says 100 and hangs", thenHang("HTTP/1.1 100 Continue\r\n\r\n"), 0, webhook.Timeout, ""},
		{"only says 103 and closes", say("HTTP/1.1 103 Early Hints\r\n\r\n"), 0, webhook.ConnectionClosed, ""},
		{"dribbles the header", forever(ok, "X: y\r\n", true), 0, webhook.Timeout, ""},
		{"header without end", forever(ok, "X: "+strings.Repeat("y", 100)+"\r\n", false), 0, webhook.ResponseTooLarge, ""},
		{"line without end", forever(ok, "yyyyyyyyyyyyyyyyyyyy", false), 0, webhook.ResponseTooLarge, ""},
		{"status line without end", forever("HTTP/1.1 200 ", "OKOKOKOKOKOKOKOKOKOK", false), 0, webhook.ResponseTooLarge, ""},
		{"early hints without end", forever("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", false), 0, webhook.ResponseTooLarge, ""},
		{"header of 17 KiB", say(ok + "X: " + strings.Repeat("y", 17<<10) + "\r\n\r\n"), 0, webhook.ResponseTooLarge, ""},
		{"closes at once", func(net.Conn) {}, 0, webhook.ConnectionClosed, ""},
		{"resets", func(c net.Conn) { reset(c) }, 0, webhook.ConnectionClosed, ""},
		{"closes without an answer", say(""), 0, webhook.ConnectionClosed, ""},
		{"closes in the header", say(ok + "X: y\r\n"), 0, webhook.ConnectionClosed, ""},
		{"is an SSH server", say("SSH-2.0-OpenSSH_9.9\r\n"), 0, webhook.MalformedResponse, ""},
		{"is a mail server", func(c net.Conn) {
			_, _ = io.WriteString(c, "220 smtp.test ESMTP\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, 0, webhook.MalformedResponse, ""},
		{"says \x00\xff", say("\x00\xff\x00\xff\r\n\r\n"), 0, webhook.MalformedResponse, ""},
		{"has no number", say("HTTP/1.1 OK\r\n\r\n"), 0, webhook.MalformedResponse, ""},
		{"status 000", say("HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n"), 0, webhook.MalformedResponse, ""},
		{"status 099", say("HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"), 0, webhook.MalformedResponse, ""},
		{"two lengths", say(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 0, webhook.MalformedResponse, ""},
		{"negative length", say(ok + "Content-Length: -1\r\n\r\n"), 0, webhook.MalformedResponse, ""},

		// With 200 to 299 and a whole header the event has arrived; the rest is for the log.
		{"body hangs", thenHang(ok + "Content-Length: 9\r\n\r\nhal"), 200, "", "hal"},
		{"body dribbles", forever(ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", true), 200, "", "x"},
		{"body without end", forever(ok+"\r\n", strings.Repeat("z", 1000), false), 200, "", strings.Repeat("z", 1024)},
		{"body cut off", say(ok + "Content-Length: 9\r\n\r\nhal"), 200, "", "hal"},
		{"body is garbage", say(ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 200, "", ""},
		{"gzip without being asked", say(ok + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno"), 200, "", "no"},
		{"answers before it has read", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			_, _ = io.WriteString(c, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, 500, webhook.HTTPStatus, ""},
		{"body of a failure hangs", thenHang("HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nwhy"), 500, webhook.HTTPStatus, "why"},
		{"turns into something else", thenHang("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc"), 101, webhook.HTTPStatus, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := message()
			m.URL = "http://" + listen(t, tc.serve)
			// Only who never answers uses up the time; nobody waits for a body.
			o := webhook.Options{Timeout: time.Hour}
			if tc.error == webhook.Timeout {
				o.Timeout = short
			}
			out := sendWith(t, &webhook.Sender{}, m, o)
			if out.Status != tc.status || out.Error != tc.error || !strings.HasPrefix(out.Body, tc.body) || tc.body == "" && out.Body != "" {
				t.Errorf("%+v, want %d %q %q", out, tc.status, tc.error, tc.body)
			}
			if len(out.Message) > 500 {
				t.Errorf("a message of %d bytes", len(out.Message))
			}
		})
	}
}

func reset(c net.Conn) {
	_, _ = c.Read(make([]byte, 1))
	_ = c.(*net.TCPConn).SetLinger(0)
}

// The same before there is any HTTP.
func TestHostileHandshakes(t *testing.T) {
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		error string
	}{
		"hangs":     {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, webhook.Timeout},
		"closes":    {func(net.Conn) {}, webhook.TLSError},
		"resets":    {reset, webhook.TLSError},
		"is no TLS": {func(c net.Conn) { _, _ = io.WriteString(c, "220 smtp.test ESMTP\r\n"); _, _ = io.Copy(io.Discard, c) }, webhook.TLSError},
		"says alert": {func(c net.Conn) {
			_, _ = io.WriteString(c, "\x15\x03\x03\x00\x02\x02\x28")
			_, _ = io.Copy(io.Discard, c)
		}, webhook.TLSError},
	} {
		t.Run(name, func(t *testing.T) {
			m := message()
			m.URL = "https://" + listen(t, tc.serve)
			o := webhook.Options{}
			if tc.error == webhook.Timeout {
				o.Timeout = short
			}
			if out := sendWith(t, &webhook.Sender{}, m, o); out.Error != tc.error || out.Status != 0 {
				t.Errorf("%+v, want %s", out, tc.error)
			}
		})
	}
}

// A receiver that vanished while its connection waited is dialed again.
func TestReceiverVanishes(t *testing.T) {
	receiver := counting(t, 200)
	s := &webhook.Sender{}
	m := message()
	m.URL = receiver.URL
	if out := send(t, s, m); !out.OK() {
		t.Fatalf("%+v", out)
	}
	receiver.Close()
	if out := send(t, s, m); out.Error != webhook.ConnectionRefused {
		t.Errorf("%+v", out)
	}
}

// A receiver that hangs up after each response, without saying that it will, gets
// every event all the same, each once.
func TestIdleCloseIsNoFailure(t *testing.T) {
	var requests atomic.Int32
	closed := make(chan struct{}, 1)
	m := message()
	m.URL = "http://" + listen(t, func(c net.Conn) {
		if request(bufio.NewReader(c)) {
			requests.Add(1)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	s := &webhook.Sender{}
	const events = 300
	for i := range events {
		if out := send(t, s, m); !out.OK() {
			t.Fatalf("event %d: %+v", i, out)
		}
		<-closed
	}
	if n := requests.Load(); n != events {
		t.Errorf("%d requests for %d events", n, events)
	}
}

// What may have been read is not sent again by the sender: retries do that.
func TestNothingIsSentTwice(t *testing.T) {
	var connections, requests atomic.Int32
	m := message()
	m.URL = "http://" + listen(t, func(c net.Conn) {
		connections.Add(1)
		for r := bufio.NewReader(c); request(r); {
			if requests.Add(1)%2 == 0 {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	s := &webhook.Sender{}
	for i := range 6 {
		out := send(t, s, m)
		if good := i%2 == 0; out.OK() != good || !good && out.Error != webhook.ConnectionClosed {
			t.Fatalf("event %d: %+v", i, out)
		}
	}
	if c, r := connections.Load(), requests.Load(); c != 3 || r != 6 {
		t.Errorf("%d requests over %d connections, want 6 over 3", r, c)
	}
}

// One slow receiver does not keep the others waiting.
func TestManyAtOnce(t *testing.T) {
	slow := listen(t, thenHang(""))
	quick := counting(t, 204)
	s := &webhook.Sender{}
	t.Cleanup(s.Close)
	var all sync.WaitGroup
	failures := make(chan string, 64)
	for i := range 32 {
		all.Go(func() {
			m := message()
			m.URL = "http://" + slow
			o, want := webhook.Options{Timeout: short}, webhook.Timeout
			if i%2 == 0 {
				m.URL, o, want = quick.URL, webhook.Options{}, ""
			}
			if out := s.Send(t.Context(), m, o); out.Error != want {
				failures <- fmt.Sprintf("%s: %+v", m.URL, out)
			}
		})
	}
	all.Wait()
	close(failures)
	for f := range failures {
		t.Error(f)
	}
	if n := quick.requests.Load(); n != 16 {
		t.Errorf("%d requests, want 16", n)
	}
}
