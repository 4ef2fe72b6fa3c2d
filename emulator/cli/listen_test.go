package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// transport responds in place of the network.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The response of a receiver is reported to the sandbox unchanged; redirects are not
// followed.
func TestDeliver(t *testing.T) {
	m := sandbox.Message{Header: map[string]string{"X-Signature": "s", "Content-Type": "application/json"}, Body: `{"id":"evt_1"}`}
	for name, tc := range map[string]struct {
		receiver transport
		want     sandbox.Answer
	}{
		"answers": {func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			if r.Method != http.MethodPost || r.Header.Get("X-Signature") != "s" || string(body) != m.Body || r.ContentLength != int64(len(m.Body)) {
				t.Errorf("got %s %v %s", r.Method, r.Header, body)
			}
			return &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {"60"}}, Body: io.NopCloser(strings.NewReader("busy\xff"))}, nil
		}, sandbox.Answer{Status: 503, RetryAfter: "60", Body: "busy\uFFFD"}},
		"answers without end": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20)))}, nil
		}, sandbox.Answer{Status: 200, Body: strings.Repeat("x", 1024)}},
		// The header has the status; the rest of the body is not waited for.
		"answers and hangs": {func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("hal"), hanging{r.Context()}))}, nil
		}, sandbox.Answer{Status: 200, Body: "hal"}},
		"asks for a date without end": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {strings.Repeat("9", 300)}}, Body: http.NoBody}, nil
		}, sandbox.Answer{Status: 503}},
		"answers with no status": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 42, Body: http.NoBody}, nil
		}, sandbox.Answer{Error: "malformed_response", Message: "The response of the receiver is not HTTP: its status is 042, and the lowest status is 100."}},
		"redirects": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 301, Header: http.Header{"Location": {"http://elsewhere.test/"}}, Body: http.NoBody}, nil
		}, sandbox.Answer{Status: 301}},
		"is not there": {func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}, sandbox.Answer{Error: "connection_refused", Message: "The connection was refused. Start the receiver, or correct --forward-to."}},
		"has no address": {func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Name: "receiver.test", IsNotFound: true}
		}, sandbox.Answer{Error: "dns_error", Message: "No address was found for the name receiver.test."}},
		"hangs up": {func(*http.Request) (*http.Response, error) { return nil, io.EOF },
			sandbox.Answer{Error: "connection_closed", Message: "The receiver closed the connection before it responded. Check its log: it may have crashed."}},
		"is out of reach": {func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") },
			sandbox.Answer{Error: "connection_failed", Message: "Could not connect to the receiver."}},
		"hangs": {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
			sandbox.Answer{Error: "timeout", Message: "The receiver did not respond within 10s. Respond with 2xx at once and do the work afterwards."}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				if got := deliver(t.Context(), tc.receiver, "http://receiver.test/hook", m); got != tc.want {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
				want := time.Duration(0)
				switch name {
				case "hangs":
					want = 10 * time.Second
				case "answers and hangs":
					want = 250 * time.Millisecond
				}
				if took := time.Since(begun); took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
			})
		})
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	if got := deliver(t.Context(), &http.Transport{}, secure.URL, m); got.Error != "tls_error" || got.Message != "The certificate of the receiver is not trusted here; use http for a local one." {
		t.Errorf("got %+v", got)
	}
	for reply, want := range map[string]sandbox.Answer{
		"SSH-2.0-OpenSSH_9.9\r\n": {Error: "malformed_response", Message: "The response of the receiver is not HTTP. Check whether the port of --forward-to is that of a web server."},
		"":                        {Error: "connection_closed", Message: "The receiver closed the connection before it responded. Check its log: it may have crashed."},
	} {
		if got := deliver(t.Context(), &http.Transport{}, "http://"+saying(t, reply), m); got != want {
			t.Errorf("to %q: got %+v, want %+v", reply, got, want)
		}
	}
	if got, want := deliver(t.Context(), &http.Transport{}, "https://"+saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), m), (sandbox.Answer{Error: "tls_error", Message: "The receiver does not speak TLS. Use http:// in --forward-to."}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := deliver(ended, &http.Transport{}, secure.URL, m); got.Error != "canceled" {
		t.Errorf("got %+v", got)
	}
}

// hanging is the rest of a body that does not come before its request ends.
type hanging struct{ ctx context.Context }

// Read implements io.Reader.
func (h hanging) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// saying is the address of a server that says something to one request, and nothing more.
func saying(t *testing.T, reply string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, reply)
		// To close it now could be a reset that overtakes the reply.
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}()
	return l.Addr().String()
}

// listening runs the command until the returned function ends it, and reads what
// it prints.
func listening(t *testing.T, e *emulator.Emulator, c listenCommand) (printed *bufio.Reader, end func() error) {
	t.Helper()
	ctx, enough := context.WithCancel(t.Context())
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	c.connection = connection{endpoint: endpoint{URL: e.URL(), Key: e.Key()}}
	go func() {
		err := listen(ctx, c, nil, out, io.Discard)
		_ = out.Close()
		ended <- err
	}()
	return bufio.NewReader(lines), func() error { enough(); return <-ended }
}

// With --output=json every line is an object, and --print-secret begins with the
// secret alone.
func TestListenForPrograms(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	defer receiver.Close()
	for _, secret := range []bool{false, true} {
		e := frozen(t)
		printed, end := listening(t, e, listenCommand{ForwardTo: receiver.URL, Events: []string{"instance.created"}, output: output{"json"}, PrintSecret: secret})
		line := func() string {
			t.Helper()
			text, err := printed.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		greeting := line()
		var l sandbox.Listener
		if secret {
			if !strings.HasPrefix(greeting, "whsec_") || strings.Contains(greeting, " ") {
				t.Errorf("the first line is %s", greeting)
			}
		} else if err := json.Unmarshal([]byte(greeting), &l); err != nil || l.URL != receiver.URL || l.ID == "" || !strings.HasPrefix(l.Secret, "whsec_") {
			t.Errorf("the first line is %s, %v", greeting, err)
		}
		wire.In(t, e).Post("/v1/instances", newInstance).Wants(201)
		var got attempted
		text := line()
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Status != 202 || got.EventType != "instance.created" || got.Event == "" ||
			got.Attempt == "" || !got.At.Equal(e.Now()) {
			t.Errorf("got %s, %v", text, err)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		if got := wire.In(t, e).Get("/v1/webhooks").Wants(200).Int("pagination.total"); got != 0 {
			t.Errorf("%d webhooks are left", got)
		}
	}
}

// When what it listens to goes away, the command says so and fails.
func TestListenEndsWithTheListener(t *testing.T) {
	e := frozen(t)
	printed, end := listening(t, e, listenCommand{ForwardTo: "http://127.0.0.1:9/hook", output: output{"text"}})
	if line, err := printed.ReadString('\n'); err != nil || !strings.HasPrefix(line, "signing secret whsec_") {
		t.Fatalf("%s, %v", line, err)
	}
	if line, err := printed.ReadString('\n'); err != nil || !strings.HasSuffix(line, " for * of prj_web; stop with Ctrl-C\n") {
		t.Fatalf("%s, %v", line, err)
	}
	e.Reset()
	if line, err := printed.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("it prints %s, %v", line, err)
	}
	if err := end(); err == nil || !strings.Contains(err.Error(), "listening has ended: ") || !strings.Contains(err.Error(), "the workspace was reset") {
		t.Errorf("error %v", err)
	}
}

// When the sandbox ends, the command says so.
func TestListenEndsWithTheSandbox(t *testing.T) {
	e := frozen(t)
	printed, end := listening(t, e, listenCommand{ForwardTo: "http://127.0.0.1:9/hook", output: output{"text"}})
	for range 2 {
		if line, err := printed.ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if line, err := printed.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("it prints %s, %v", line, err)
	}
	if err, want := end(), "the sandbox at "+e.URL()+" has stopped, or can no longer be reached"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The secret is the same each time, after a reset too, unless --secret names another.
func TestListenKeepsItsSecret(t *testing.T) {
	e := frozen(t)
	secretOf := func(to, secret string) string {
		t.Helper()
		printed, end := listening(t, e, listenCommand{ForwardTo: to, Secret: secret, output: output{"text"}, PrintSecret: true})
		line, err := printed.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(line, "\n")
	}
	first := secretOf("http://localhost:3000/hook", "")
	e.Reset()
	if again := secretOf("http://localhost:3000/hook", ""); again != first || !strings.HasPrefix(first, "whsec_") {
		t.Errorf("%s, and again %s", first, again)
	}
	if other := secretOf("http://localhost:3000/other", ""); other == first {
		t.Errorf("another receiver has the same secret %s", other)
	}
	const own = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	if got := secretOf("http://localhost:3000/hook", own); got != own {
		t.Errorf("--secret=%s: %s", own, got)
	}
	code, out, message := runAgainst(t, e, "listen", "--forward-to=http://localhost:3000/hook", "--secret=hunter22")
	if want := "skystack-sandbox: --secret: secret: A secret begins with whsec_\n"; code != exitUsage || out != "" || !strings.HasPrefix(message, want) || strings.Contains(message, "hunter22") {
		t.Errorf("exit code %d, %q, %q, want %s", code, out, message, want)
	}
}
