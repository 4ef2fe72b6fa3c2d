package remote

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// What New refuses without asking anybody.
func TestNewRefuses(t *testing.T) {
	const good = "http://127.0.0.1:1"
	custom := &http.Client{Transport: roundTripper(nil)}
	for _, tc := range []struct {
		url, key string
		opts     []Option
		want     string
	}{
		{"", "k", nil, "the URL of the sandbox is empty: use scheme and host alone, as in http://127.0.0.1:8080"},
		{"127.0.0.1:8080", "k", nil, `"127.0.0.1:8080" is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"localhost:8080", "k", nil, `"localhost:8080" is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"ftp://a", "k", nil, `"ftp://a" is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"http://:8080", "k", nil, `"http://:8080" is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"http://a\x7f", "k", nil, `"http://a\x7f" is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"http://a/v1", "k", nil, `"http://a/v1" is more than the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"http://a/?x=1", "k", nil, `"http://a/?x=1" is more than the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080`},
		{"http://me:secret@a", "k", nil, "the URL of the sandbox holds a user: use scheme and host alone, as in http://127.0.0.1:8080"},
		{good, "", nil, "the key is empty: the sandbox prints its key when it starts; the admin token alone is enough too, see WithAdminToken"},
		{good, "secret\n", nil, "the key holds a character that is not visible ASCII, at offset 6: was it copied with a space or line break?"},
		{good, "k", []Option{WithAdminToken("")}, "WithAdminToken: the token is empty: " + adminHint},
		{good, "k", []Option{WithAdminToken("a b")}, "the admin token holds a character that is not visible ASCII, at offset 1: was it copied with a space or line break?"},
		{good, "k", []Option{WithWorkspace("")}, "WithWorkspace: the id is empty"},
		{good, "k", []Option{WithCA(nil)}, `WithCA: there is no certificate in the PEM text: give it what the file named by "skystack-sandbox ca" holds`},
		{good, "k", []Option{WithCA([]byte("x"))}, `WithCA: there is no certificate in the PEM text: give it what the file named by "skystack-sandbox ca" holds`},
		{good, "k", []Option{WithCA(newCA(t).pem), WithHTTPClient(custom)}, "WithCA cannot change a remote.roundTripper: let that transport trust the CA, or give WithHTTPClient an *http.Transport"},
	} {
		w, err := New(t.Context(), tc.url, tc.key, tc.opts...)
		if w != nil || err == nil || err.Error() != tc.want {
			t.Errorf("%q: %v, want %s", tc.url, err, tc.want)
		}
	}
}

// What New hears from servers that it cannot use.
func TestNewExplains(t *testing.T) {
	const request = "GET /_sandbox/workspace"
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, tc := range []struct {
		name string
		h    http.HandlerFunc
		want string
	}{
		{"a web server", http.NotFound, `URL is not a sandbox: ` + request + ` returned 404 Not Found with "text/plain; charset=utf-8": "404 page not found"`},
		{"a page", answer(200, "text/html", "<html>Hello</html>"), `URL is not a sandbox: ` + request + ` returned 200 OK with "text/html": "<html>Hello</html>"`},
		{"another API", answer(200, "application/json", `{"name":"x"}`), `URL is not a sandbox: ` + request + `: the response is not one of the control API: it has no id`},
		{"other JSON", answer(200, "application/json", `[1]`), `URL is not a sandbox: ` + request + ` at URL: the response is not one of the control API: json: cannot unmarshal array into Go value of type remote.info: "[1]"`},
		{"half an answer", answer(200, "application/json", `{"id":"wsp_`), `URL is not a sandbox: ` + request + ` at URL: the response is not one of the control API: unexpected end of JSON input: "{\"id\":\"wsp_"`},
		{"two answers", answer(200, "application/json", described+described), `URL is not a sandbox: ` + request + ` at URL: the response is not one of the control API: invalid character '{' after top-level value: "` + strings.ReplaceAll(excerpt([]byte(described)), `"`, `\"`) + `"`},
		{"another API's error", answer(401, "application/json", `{"error":"no"}`), `URL is not a sandbox: ` + request + ` returned 401 Unauthorized with "application/json": "{\"error\":\"no\"}"`},
		{"no key", answer(401, "application/json", refused("invalid_token", "No such key.")), "the sandbox at URL refuses the key: No such key (401 invalid_token, request ctl_9)"},
		{"a key for less", answer(403, "application/json", refused("insufficient_scope", "It takes *.")), "the sandbox at URL refuses the key: It takes * (403 insufficient_scope, request ctl_9)"},
		{"no control", answer(404, "application/json", refused("route_not_found", "No route.")), "the sandbox at URL has no control API, or it is off: No route (404 route_not_found, request ctl_9)"},
		{"a refused host", answer(403, "application/json", refused("host_not_allowed", "Not here.")), "the sandbox at URL refuses: Not here (403 host_not_allowed, request ctl_9)"},
		{"a failure", answer(500, "application/json", refused("internal_error", "Oh.")), "the sandbox at URL refuses: Oh (500 internal_error, request ctl_9)"},
		{
			"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login?from=x", http.StatusFound) },
			`URL is not a sandbox: ` + request + ` returned 302 Found, a redirect to "/login?from=x"; a sandbox never redirects`,
		},
		{
			"one that hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			request + " at URL: EOF",
		},
		{
			"one that stops in the middle", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, described)
			},
			request + " at URL: unexpected EOF",
		},
		{
			"an error without end", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(500)
				for chunk := make([]byte, 1<<20); ; {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			},
			`URL is not a sandbox: ` + request + ` returned 500 Internal Server Error with "application/json": "…"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, tc.h)
			w, err := New(t.Context(), url+"/", testKey)
			if w != nil || err == nil || !strings.HasSuffix(err.Error(), strings.ReplaceAll(tc.want, "URL", url)) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

func TestNewExplainsConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	_, err = New(t.Context(), "http://"+nobody, testKey)
	if want := "nothing listens at http://" + nobody + ": dial tcp " + nobody + ": connect: connection refused; is the sandbox running, and is that its URL?"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	plain := serve(t, http.NotFound)
	host := strings.TrimPrefix(plain, "http://")
	_, err = New(t.Context(), "https://"+host, testKey)
	if want := "https://" + host + " speaks plain HTTP: use http://" + host; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	noName := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "sandbox", IsNotFound: true}
	})}
	_, err = New(t.Context(), "http://sandbox", testKey, WithHTTPClient(noName))
	if want := "there is no host sandbox: lookup sandbox: no such host"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A server that hangs is given up: when the caller does, and by itself.
func TestHangingServer(t *testing.T) {
	arrived := make(chan struct{}, 10)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_sandbox/workspace" && r.Header.Get("X-Hang") == "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, described)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees the client go
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	hang := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("X-Hang", "1")
		return http.DefaultTransport.RoundTrip(r)
	})}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() { <-arrived; cancel(enough) }()
	if _, err := New(ctx, url, testKey, WithHTTPClient(hang)); !errors.Is(err, enough) {
		t.Error(err)
	}
	hang.Timeout = 1 // the client's timeout ends the calls
	if _, err := New(t.Context(), url, testKey, WithHTTPClient(hang)); err == nil || err.Error() != "GET /_sandbox/workspace: the sandbox did not respond in time" {
		t.Error(err)
	}
	hang.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	w, err := New(t.Context(), url, testKey)
	if err != nil {
		t.Fatal(err)
	}
	for len(arrived) > 0 {
		<-arrived
	}
	ctx, cancelWait := context.WithCancel(t.Context())
	go func() { <-arrived; cancelWait() }()
	if _, err := w.WaitForRequest(ctx, sandbox.Match{}); !errors.Is(err, context.Canceled) || err.Error() != "no matching request was received: GET /_sandbox/requests: context canceled" {
		t.Error(err)
	}
	ctx, cancelWait = context.WithTimeout(t.Context(), 1)
	defer cancelWait()
	if _, err := w.WaitForStatus(ctx, "ins_1", "running"); !errors.Is(err, context.DeadlineExceeded) || err.Error() != "waiting for instance ins_1 to be running: GET /_sandbox/instances/ins_1: context deadline exceeded" {
		t.Error(err)
	}
	w.timeout = 1
	if err := w.Refill(); !errors.Is(err, errTimeout) || err.Error() != "POST /_sandbox/rate-limits/reset: the sandbox did not respond in time" {
		t.Error(err)
	}
	w.timeout = timeout
	for len(arrived) > 0 {
		<-arrived
	}
	closed := make(chan error)
	go func() { <-arrived; closed <- w.Close() }()
	if err := w.Advance(1); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := w.Advance(1); err == nil || err.Error() != "POST /_sandbox/clock/advance: the workspace is closed" {
		t.Error(err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Over TLS the certificate must be trusted, and for the right name.
func TestTLS(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_sandbox/workspace" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, described)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.leaf(t)}}
	s.StartTLS()
	t.Cleanup(s.Close)

	own := &http.Client{Transport: &http.Transport{}}
	for name, opts := range map[string][]Option{
		"the CA": {WithCA(ca.pem)}, "one of two": {WithCA(append(other.pem, ca.pem...))},
		"on top of a client's": {WithHTTPClient(own), WithCA(ca.pem)}, "a client without a transport": {WithCA(ca.pem), WithHTTPClient(&http.Client{})},
		"a client that trusts it": {WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: ca.config()}})},
		"a client that trusts another": {
			WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: other.config()}}), WithCA(ca.pem),
		},
	} {
		w, err := New(t.Context(), s.URL, testKey, opts...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resp, err := w.Client().Get("/healthz")
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %v, %v", name, resp, err)
		} else {
			_ = resp.Body.Close()
		}
		w.control.CloseIdleConnections()
		_ = w.Close()
	}
	if own.Transport.(*http.Transport).TLSClientConfig.RootCAs != nil {
		t.Error("the client that was given was changed")
	}
	for name, opts := range map[string][]Option{"nothing": nil, "another CA": {WithCA(other.pem)}} {
		_, err := New(t.Context(), s.URL, testKey, opts...)
		prefix := "the certificate of " + s.URL + " is not trusted: tls: failed to verify certificate: x509: certificate signed by unknown authority"
		if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.HasSuffix(err.Error(), `; give WithCA the file that "skystack-sandbox ca" names`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	elsewhere := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	_, err := New(t.Context(), elsewhere, testKey, WithCA(ca.pem))
	if want := "the certificate of " + elsewhere + " is for other names: tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match localhost"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	late := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config()}}
	late.Transport.(*http.Transport).TLSClientConfig.Time = func() time.Time { return noon.AddDate(9, 0, 0) }
	_, err = New(t.Context(), s.URL, testKey, WithHTTPClient(late))
	if err == nil || !strings.HasPrefix(err.Error(), "the certificate of "+s.URL+" is refused: tls: failed to verify certificate: x509: certificate has expired") {
		t.Error(err)
	}
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newCA(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a CA"}, NotBefore: time.Unix(0, 0), NotAfter: noon.AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	template.Raw = der
	if template, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{template, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) leaf(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Unix(0, 0), NotAfter: noon.AddDate(8, 0, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) config() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool}
}
