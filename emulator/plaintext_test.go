package emulator_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator"
)

// selfSigned writes a certificate for some names and its key, and returns it.
func selfSigned(t *testing.T, certFile, keyFile string, names ...string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}

func dialTLSPort(t *testing.T, e *emulator.Emulator) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.HTTPSURL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// Plain HTTP sent to the HTTPS port is refused in the usual envelope, whatever is
// left of the request, and does nothing (S21, S75).
func TestPlainHTTPToTheHTTPSPort(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	before := names(t, e)
	const large = 700 << 10
	for name, request := range map[string]string{
		"a read":              "GET /v1/instances HTTP/1.1\r\n" + authorized + "\r\n",
		"a write":             "POST /v1/instances HTTP/1.1\r\n" + authorized + "Content-Length: " + strconv.Itoa(len(create)) + "\r\n\r\n" + create,
		"a large body":        "POST /v1/instances HTTP/1.1\r\n" + authorized + "Content-Length: " + strconv.Itoa(large) + "\r\n\r\n" + strings.Repeat("a", large),
		"absolute":            "GET http://localhost/v1/instances HTTP/1.1\r\n" + authorized + "\r\n",
		"absolute, by TLS":    "GET https://sandbox.api.skystack.dev/v1/instances HTTP/1.1\r\n" + authorized + "\r\n",
		"HTTP/0.9":            "GET /\r\n",
		"an asterisk":         "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"no host":             "GET / HTTP/1.1\r\n\r\n",
		"a bad header":        "GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
		"chunks":              "POST /v1/instances HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a",
		"another host":        "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
		"HTTP/1.0":            "GET / HTTP/1.0\r\n\r\n",
		"no HTTP":             "hello\r\n\r\n",
		"lower case":          "get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"HTTP/2":              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a large header":      "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 100<<10) + "\r\n\r\n",
		"a proxy's":           "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n",
		"an expectation":      "POST /v1/instances HTTP/1.1\r\n" + authorized + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
		"two requests at one": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialTLSPort(t, e)
			send(t, conn, request)
			r := bufio.NewReader(conn)
			resp := answer(t, r)
			body, _ := io.ReadAll(resp.Body)
			const want = `{"error":{"code":"https_required","message":"This port speaks HTTPS, and the request came in plain HTTP. Send it to the https:// address.","request_id":"req_`
			if resp.StatusCode != 403 || resp.Proto != "HTTP/1.1" || !resp.Close || !strings.HasPrefix(string(body), want) || resp.Header.Get("Location") != "" ||
				resp.Header.Get("Content-Type") != "application/json; charset=utf-8" || !strings.Contains(string(body), resp.Header.Get("X-Request-Id")) {
				t.Errorf("%s %v %s", resp.Status, resp.Header, body)
			}
			_ = conn.CloseWrite()
			if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
				t.Errorf("after the answer: %q, %v", rest, err)
			}
		})
	}
	conn := dialTLSPort(t, e)
	send(t, conn, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 403 Forbidden\r\n") || !strings.HasSuffix(string(text), "\r\n\r\n") {
		t.Errorf("HEAD: %q, %v", text, err)
	}
	if after := names(t, e); after != before {
		t.Errorf("the workspace changed: %s", after)
	}
	if answer := fetch(t, trusting(t, e, e.CA()), "GET", e.HTTPSURL()+"/healthz", "", ""); answer.status != 200 {
		t.Errorf("afterwards: %+v", answer)
	}
}

// What is neither TLS nor HTTP gets no HTTP.
func TestRubbishToTheHTTPSPort(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
	for _, text := range []string{"\x00", "\r\n\r\n", "\x16\x03\x01\xff\xff", "\x16\x03\x01\x00\x05hello", "\x80\x2e\x01", "{}", "\xff"} {
		conn := dialTLSPort(t, e)
		send(t, conn, text)
		_ = conn.CloseWrite()
		if said, _ := io.ReadAll(conn); strings.Contains(string(said), "HTTP") {
			t.Errorf("%q: %q", text, said)
		}
	}
	if answer := fetch(t, trusting(t, e, e.CA()), "GET", e.HTTPSURL()+"/healthz", "", ""); answer.status != 200 {
		t.Errorf("afterwards: %+v", answer)
	}
}

// A key that comes in plain HTTP to the HTTPS port is as exposed as anywhere else
// (S21).
func TestPlainKeyToTheHTTPSPortIsRevoked(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithRevokeOnPlaintext())
	resp := exchange(t, dialTLSPort(t, e), "GET /v1/instances HTTP/1.1\r\n"+authorized+"\r\n")
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 403 || !strings.Contains(string(body), "The token that came with it has been revoked") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if answer := fetch(t, e.Client(), "GET", "https://localhost/v1/projects", emulator.DefaultKey, ""); answer.status != 401 {
		t.Errorf("afterwards: %d %s", answer.status, answer.body)
	}
}

// secured serves HTTPS on pipes inside a bubble.
func secured(t *testing.T, test func(t *testing.T, e *emulator.Emulator, l *pipeListener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
		l := newPipeListener()
		done := make(chan error)
		go func() { done <- e.ServeHTTPS(l) }()
		test(t, e, l)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("ServeHTTPS: %v", err)
		}
	})
}

// tlsRequest is a request over TLS with a client that trusts the CA.
func tlsRequest(t *testing.T, e *emulator.Emulator, conn net.Conn) (*tls.Conn, int) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(e.CA())
	client := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	return client, exchange(t, client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").StatusCode
}

// A client that says nothing, or not enough, keeps nobody waiting and is let go
// within the time for a header, before the handshake as in it and in plain HTTP
// (10.2, row 9).
func TestSilentClientsOfHTTPS(t *testing.T) {
	for name, said := range map[string]string{
		"nothing": "", "half a handshake": "\x16\x03\x01\x02\x00\x01", "half a request": "POST /v1/instances HTTP/1.1\r\nHost: lo", "a letter": "G",
	} {
		t.Run(name, func(t *testing.T) {
			secured(t, func(t *testing.T, e *emulator.Emulator, l *pipeListener) {
				silent := l.dial()
				if said != "" {
					send(t, silent, said)
				}
				conn, status := tlsRequest(t, e, l.dial())
				if status != 200 {
					t.Errorf("another client: %d", status)
				}
				if took, text := ends(t, silent); took != 5*time.Second || text != "" {
					t.Errorf("closed after %v, saying %q", took, text)
				}
				_ = conn.NetConn().Close()
			})
		})
	}
}

// Nothing of HTTPS runs on after Close, whatever it was used for.
func TestNothingOfHTTPSIsLeftRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for name, use := range map[string]func(t *testing.T, e *emulator.Emulator){
		"nothing":          func(*testing.T, *emulator.Emulator) {},
		"a silent client":  func(t *testing.T, e *emulator.Emulator) { dialTLSPort(t, e) },
		"half a handshake": func(t *testing.T, e *emulator.Emulator) { send(t, dialTLSPort(t, e), "\x16\x03\x01\x02\x00\x01") },
		"half a request":   func(t *testing.T, e *emulator.Emulator) { send(t, dialTLSPort(t, e), "GET / HTTP/1.1\r\nHo") },
		"plain HTTP that is not read": func(t *testing.T, e *emulator.Emulator) {
			send(t, dialTLSPort(t, e), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		},
		"HTTP/2 that idles": func(t *testing.T, e *emulator.Emulator) {
			client := trusting(t, e, e.CA())
			fetch(t, client, "GET", e.HTTPSURL()+"/healthz", "", "")
			client.CloseIdleConnections()
		},
		"HTTP/1.1 in the middle of a request": func(t *testing.T, e *emulator.Emulator) {
			client, _ := tlsRequest(t, e, dialTLSPort(t, e))
			send(t, client, "POST /v1/instances HTTP/1.1\r\n"+authorized+"Content-Length: 100\r\n\r\n{")
		},
		"two ports": func(t *testing.T, e *emulator.Emulator) {
			get(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, e.URL()+"/healthz")
			_ = e.HTTPSURL()
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := emulator.New(emulator.WithHTTPS(emulator.HTTPS{}))
			if err != nil {
				t.Fatal(err)
			}
			use(t, e)
			for range 2 {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			}
			noneRuns(t, before)
		})
	}
}
