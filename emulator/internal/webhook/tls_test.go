package webhook_test

import (
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"skystack.dev/sandbox/emulator/internal/webhook"
)

func TestTLS(t *testing.T) {
	var proto atomic.Value
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto.Store(r.Proto) }))
	receiver.EnableHTTP2 = true
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0)
	receiver.StartTLS()
	defer receiver.Close()
	cas := x509.NewCertPool()
	cas.AddCert(receiver.Certificate())
	_, port, _ := net.SplitHostPort(receiver.Listener.Addr().String())
	loopback := answers{{netip.MustParseAddr("127.0.0.1")}}

	trusting := &webhook.Sender{CAs: cas, Resolver: loopback.resolver()}
	for _, tc := range []struct {
		name, url string
		sender    *webhook.Sender
		insecure  bool
		want      string // of the message; "" when it succeeds
	}{
		{"unknown authority", receiver.URL, &webhook.Sender{}, false, "authority"},
		{"known authority", receiver.URL, trusting, false, ""},
		{"name of the certificate", "https://example.com:" + port, trusting, false, ""},
		{"another name", "https://receiver.test:" + port, trusting, false, "for other names"},
		{"unverified", "https://receiver.test:" + port, trusting, true, ""},
		// The connection of the endpoint before must not serve one that verifies.
		{"verified again", "https://receiver.test:" + port, trusting, false, "for other names"},
		{"unverified by another", receiver.URL, &webhook.Sender{}, true, ""},
		{"TLS to plain", "https://127.0.0.1:" + counting(t, 200).port, trusting, false, "does not speak TLS"},
	} {
		proto.Store("")
		m := message()
		m.URL = tc.url
		out := sendWith(t, tc.sender, m, webhook.Options{InsecureTLS: tc.insecure})
		switch {
		case tc.want == "" && (out.Status != 200 || proto.Load() != "HTTP/2.0"):
			t.Errorf("%s: %+v over %v", tc.name, out, proto.Load())
		case tc.want != "" && (out.Error != webhook.TLSError || !strings.Contains(out.Message, tc.want) || proto.Load() != ""):
			t.Errorf("%s: %+v, want %q", tc.name, out, tc.want)
		}
	}

	m := message()
	m.URL = strings.Replace(receiver.URL, "https", "http", 1)
	if out := send(t, trusting, m); out.Status != 400 || !strings.Contains(out.Body, "HTTPS") {
		t.Errorf("plain to TLS: %+v", out)
	}
}

// HTTP/2 has limits and failures of its own.
func TestHostileHTTP2(t *testing.T) {
	release := make(chan struct{})
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("x", 40<<10))
		case "/headers":
			for i := range 150 {
				w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 100))
			}
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/hang":
			<-release
		}
	}))
	receiver.EnableHTTP2 = true
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0)
	receiver.StartTLS()
	defer receiver.Close()
	defer close(release)
	s := &webhook.Sender{}
	for path, want := range map[string]string{
		"/ok": "", "/header": webhook.ResponseTooLarge, "/headers": webhook.ResponseTooLarge, "/abort": webhook.ConnectionClosed, "/hang": webhook.Timeout,
	} {
		o := webhook.Options{InsecureTLS: true}
		if path == "/hang" {
			o.Timeout = short
		}
		m := message()
		m.URL = receiver.URL + path
		if out := sendWith(t, s, m, o); out.Error != want {
			t.Errorf("%s: %+v, want %q", path, out, want)
		}
	}
}
