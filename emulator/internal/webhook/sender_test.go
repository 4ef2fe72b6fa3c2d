package webhook_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// send makes an attempt with the defaults, and hangs up afterwards.
func send(t *testing.T, s *webhook.Sender, m webhook.Message) webhook.Outcome {
	t.Helper()
	return sendWith(t, s, m, webhook.Options{})
}

func sendWith(t *testing.T, s *webhook.Sender, m webhook.Message, o webhook.Options) webhook.Outcome {
	t.Helper()
	t.Cleanup(s.Close)
	out := s.Send(t.Context(), m, o)
	switch {
	case out.OK() != (out.Error == ""), out.OK() != (out.Message == ""):
		t.Errorf("an outcome that is neither good nor bad: %+v", out)
	case out.Error != "" && !slices.Contains(webhook.Errors(), out.Error):
		t.Errorf("error %q is not in the list", out.Error)
	}
	return out
}

func TestRequestOnTheWire(t *testing.T) {
	var got *http.Request
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	}))
	defer receiver.Close()
	now := time.Unix(0, 0)
	s := &webhook.Sender{Clock: func() time.Time { now = now.Add(time.Millisecond); return now }}
	m := message()
	m.URL = receiver.URL + "/hooks?tenant=a%20b"
	out := send(t, s, m)
	if want := (webhook.Outcome{Status: 202, Body: "thanks", Latency: time.Millisecond}); out != want {
		t.Errorf("%+v, want %+v", out, want)
	}
	if got.Method != http.MethodPost || got.RequestURI != "/hooks?tenant=a%20b" || string(body) != vectorBody || got.Proto != "HTTP/1.1" {
		t.Errorf("%s %s %s with %q", got.Method, got.RequestURI, got.Proto, body)
	}
	want := m.Header()
	want.Set("Content-Length", "40")
	for name := range got.Header {
		if got.Header.Get(name) != want.Get(name) {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want.Get(name))
		}
	}
	if len(got.Header) != len(want) {
		t.Errorf("%d headers, want %d: %v", len(got.Header), len(want), got.Header)
	}
}

func TestStatuses(t *testing.T) {
	for status, want := range map[int]string{
		200: "", 201: "", 204: "", 299: "",
		300: webhook.RedirectUnfollowed, 304: webhook.RedirectUnfollowed, 308: webhook.RedirectUnfollowed,
		101: webhook.HTTPStatus, 400: webhook.HTTPStatus, 401: webhook.HTTPStatus, 404: webhook.HTTPStatus, 418: webhook.HTTPStatus,
		410: webhook.HTTPStatus, // no different from the others (T10)
		429: webhook.HTTPStatus, 500: webhook.HTTPStatus, 503: webhook.HTTPStatus, 599: webhook.HTTPStatus, 999: webhook.HTTPStatus,
	} {
		receiver := counting(t, status, "Retry-After", "7")
		m := message()
		m.URL = receiver.URL
		out := send(t, &webhook.Sender{}, m)
		if out.Status != status || out.Error != want {
			t.Errorf("%d: %+v, want %q", status, out, want)
		}
		var after time.Duration
		if status == 429 || status == 503 {
			after = 7 * time.Second
		}
		if out.RetryAfter != after {
			t.Errorf("%d: retry after %v, want %v", status, out.RetryAfter, after)
		}
		if got := receiver.requests.Load(); got != 1 {
			t.Errorf("%d: %d requests, want 1", status, got)
		}
	}
}

// A redirect is a failure; where it points to is never asked (T10, 5.2).
func TestRedirectsAreNotFollowed(t *testing.T) {
	second := counting(t, http.StatusOK)
	for _, status := range []int{301, 302, 303, 307, 308} {
		m := message()
		m.URL = counting(t, status, "Location", second.URL).URL
		if out := send(t, &webhook.Sender{}, m); out.Status != status || out.Error != webhook.RedirectUnfollowed {
			t.Errorf("%d: %+v", status, out)
		}
	}
	if got := second.requests.Load(); got != 0 {
		t.Errorf("the second listener got %d requests", got)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxy := counting(t, http.StatusOK)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	receiver := counting(t, http.StatusNoContent)
	m := message()
	m.URL = "http://receiver.test:" + receiver.port
	out := send(t, &webhook.Sender{Resolver: answers{{netip.MustParseAddr("127.0.0.1")}}.resolver()}, m)
	if out.Status != 204 || proxy.requests.Load() != 0 || receiver.requests.Load() != 1 {
		t.Errorf("%+v; the proxy got %d requests", out, proxy.requests.Load())
	}
}

func TestRetryAfter(t *testing.T) {
	m := message()
	for value, want := range map[string]time.Duration{
		"120":                  2 * time.Minute,
		"0":                    0,
		"":                     0,
		"-5":                   0,
		"1.5":                  0,
		"soon":                 0,
		"99999999999999999999": 365 * 24 * time.Hour,
		m.Timestamp.Add(time.Hour).UTC().Format(http.TimeFormat):  time.Hour,
		m.Timestamp.Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		"Fri, 31 Dec 9999 23:59:59 GMT":                           365 * 24 * time.Hour,
	} {
		m.URL = counting(t, http.StatusServiceUnavailable, "Retry-After", value).URL
		if out := send(t, &webhook.Sender{}, m); out.RetryAfter != want || out.Status != 503 {
			t.Errorf("%q: %+v, want %v", value, out, want)
		}
	}
}

// What is kept of a body is text, whatever the receiver says (10.4).
func TestBodiesAreCut(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"short":         {"ok", "ok"},
		"at the limit":  {strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		"over":          {strings.Repeat("a", 1025), strings.Repeat("a", 1024)},
		"large":         {strings.Repeat("a", 1<<20), strings.Repeat("a", 1024)},
		"letter in two": {strings.Repeat("a", 1022) + "€uro", strings.Repeat("a", 1022)},
		"letter whole":  {strings.Repeat("a", 1021) + "€uro", strings.Repeat("a", 1021) + "€"},
		"no text":       {"a\xff\xfeb", "a\uFFFDb"},
		"all stray":     {strings.Repeat("\xffa", 600), strings.Repeat("\uFFFDa", 256)},
	} {
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, tc.body)
		}))
		m := message()
		m.URL = receiver.URL
		if out := send(t, &webhook.Sender{}, m); out.Body != tc.want || out.Error != webhook.HTTPStatus {
			t.Errorf("%s: %s and %d bytes %q", name, out.Error, len(out.Body), out.Body)
		}
		receiver.Close()
	}
}

func TestNamesThatLeadNowhere(t *testing.T) {
	m := message()
	for _, url := range []string{"http://nowhere.test:8080/", "http://host.docker.internal:8080/"} {
		m.URL = url
		out := send(t, &webhook.Sender{Resolver: answers{}.resolver()}, m)
		if hint := strings.Contains(out.Message, "host-gateway"); out.Error != webhook.DNSError || hint != strings.Contains(url, "docker") {
			t.Errorf("%s: %+v", url, out)
		}
	}
	out := send(t, &webhook.Sender{Resolver: answers{{}}.resolver()}, m)
	if out.Error != webhook.DNSError {
		t.Errorf("a name without addresses: %+v", out)
	}
}

// A name server that hangs ends the attempt with the time for a connection, or with
// the attempt's own if that is shorter.
func TestNameServerThatHangs(t *testing.T) {
	for timeout, within := range map[time.Duration]string{0: "3s", 2 * time.Second: "2s"} {
		synctest.Test(t, func(t *testing.T) {
			m := message()
			m.URL = "http://receiver.test:8080/"
			out := sendWith(t, &webhook.Sender{Resolver: hanging{}}, m, webhook.Options{Timeout: timeout})
			want := webhook.Outcome{Error: webhook.Timeout, Message: "The name receiver.test could not be looked up within " + within + ". Check that the name server can be reached."}
			if out != want {
				t.Errorf("%+v, want %+v", out, want)
			}
		})
	}
}

// hanging is a resolver that never answers.
type hanging struct{}

func (hanging) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Names under localhost are this machine's, over IPv6 too; nobody is asked.
func TestLocalhostIsNotLookedUp(t *testing.T) {
	m := message()
	asked := answers{{netip.MustParseAddr("192.0.2.1")}}.resolver()
	m.URL = "http://app.localhost:" + counting(t, 200).port
	if out := send(t, &webhook.Sender{Resolver: asked}, m); !out.OK() {
		t.Errorf("%+v", out)
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		six := &http.Server{Handler: http.NotFoundHandler()}
		go six.Serve(l)   //nolint:errcheck // ends with the test
		defer six.Close() //nolint:errcheck // nobody needs it any more
		_, port, _ := net.SplitHostPort(l.Addr().String())
		m.URL = "http://localhost:" + port
		if out := send(t, &webhook.Sender{Resolver: asked}, m); out.Status != 404 {
			t.Errorf("over IPv6: %+v", out)
		}
	}
	if n := asked.asked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestRefusedConnectionExplainsContainers(t *testing.T) {
	port := unused(t)
	for _, tc := range []struct {
		host      string
		container bool
		want      string
	}{
		{"localhost", true, "http://host.docker.internal:" + port + "/hooks"},
		{"localhost", true, "skystack-sandbox listen --forward-to http://localhost:" + port + "/hooks"},
		{"app.localhost", true, "host.docker.internal"},
		{"127.0.0.1", true, "host.docker.internal"},
		{"localhost", false, ""},
		{"receiver.test", true, ""},
	} {
		s := &webhook.Sender{InContainer: tc.container, Resolver: answers{{netip.MustParseAddr("127.0.0.1")}}.resolver()}
		m := message()
		m.URL = "http://" + tc.host + ":" + port + "/hooks?key=hunter2"
		out := send(t, s, m)
		if out.Error != webhook.ConnectionRefused || strings.Contains(out.Message, "hunter2") {
			t.Errorf("%s: %+v", tc.host, out)
		}
		if strings.Contains(out.Message, "docker") != (tc.want != "") || !strings.Contains(out.Message, tc.want) {
			t.Errorf("%s: %q, want %q", tc.host, out.Message, tc.want)
		}
	}
	s := &webhook.Sender{Hint: func(host string) string { return "Ask the owner of " + host + "." }}
	m := message()
	m.URL = "http://localhost:" + port
	if out := send(t, s, m); !strings.HasSuffix(out.Message, " Ask the owner of localhost.") {
		t.Errorf("%+v", out)
	}
}

// A receiver in this process needs no socket; URLs are still looked at.
func TestOwnTransport(t *testing.T) {
	var got string
	s := &webhook.Sender{Transport: inProcess(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		rec := httptest.NewRecorder()
		rec.WriteHeader(http.StatusTeapot)
		return rec.Result(), nil
	})}
	m := message()
	m.URL = "https://receiver.test/hooks"
	if out := send(t, s, m); out.Status != 418 || got != vectorBody {
		t.Errorf("%+v after %q", out, got)
	}
	m.URL = "https://169.254.169.254/"
	if out := send(t, s, m); out.Error != webhook.EgressDenied {
		t.Errorf("%+v", out)
	}
	m.URL = "https://receiver.test/hooks"
	for want, err := range map[string]error{
		webhook.ConnectionFailed: errors.New("no such receiver"), webhook.ConnectionRefused: syscall.ECONNREFUSED,
		webhook.ConnectionClosed: io.EOF, webhook.Timeout: context.DeadlineExceeded,
	} {
		s := &webhook.Sender{Transport: inProcess(func(*http.Request) (*http.Response, error) { return nil, err })}
		if out := send(t, s, m); out.Error != want {
			t.Errorf("%v: %+v, want %s", err, out, want)
		}
	}
}

type inProcess func(*http.Request) (*http.Response, error)

func (f inProcess) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whoever gives an attempt up does not wait for it.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		cancel()
		_, _ = io.Copy(io.Discard, c)
	})
	m := message()
	m.URL = "http://" + l
	s := &webhook.Sender{}
	t.Cleanup(s.Close)
	if out := s.Send(ctx, m, webhook.Options{}); out.Error != webhook.Canceled || out.Status != 0 {
		t.Errorf("%+v", out)
	}
}

func TestCloseTwice(t *testing.T) {
	s := &webhook.Sender{}
	m := message()
	m.URL = counting(t, 200).URL
	for range 2 {
		if out := send(t, s, m); !out.OK() {
			t.Errorf("%+v", out)
		}
		s.Close()
		s.Close()
	}
}
