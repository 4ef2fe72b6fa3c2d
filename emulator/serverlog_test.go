package emulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// A client that does not trust the certificate is named once, with what to do
// about it; everything else that goes wrong with a connection is no warning.
func TestDistrustIsExplained(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	selfSigned(t, cert, key, "localhost")
	for name, tc := range map[string]struct {
		https  emulator.HTTPS
		advice string
	}{
		"a CA in memory":        {emulator.HTTPS{}, "give the client the CA that GET /_sandbox/ca.pem responds with, Emulator.CA in Go; set SSL_CERT_FILE "},
		"a CA in a directory":   {emulator.HTTPS{Dir: dir}, `give the client the CA whose path \"skystack-sandbox ca\" prints; set SSL_CERT_FILE `},
		"a certificate of ours": {emulator.HTTPS{CertFile: cert, KeyFile: key}, "it is " + cert + ", your own: give the client the certificate of whoever signed it; set SSL_CERT_FILE "},
	} {
		t.Run(name, func(t *testing.T) {
			log := new(logged)
			e := emulator.Start(t, emulator.WithHTTPS(tc.https), emulator.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
			at := strings.TrimPrefix(e.HTTPSURL(), "https://")
			for range 3 {
				conn, err := tls.Dial("tcp", at, &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool()})
				if err == nil {
					_ = conn.Close()
					t.Fatal("a client that trusts nobody is connected")
				}
			}
			for _, text := range []string{"\x16\x03\x01\x00\x05hello", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
				conn, err := net.Dial("tcp", at)
				if err != nil {
					t.Fatal(err)
				}
				send(t, conn, text)
				_ = conn.(*net.TCPConn).CloseWrite()
				for err == nil {
					_, err = conn.Read(make([]byte, 1<<10))
				}
				_ = conn.Close()
			}
			for log.String() == "" { // the server reads of it later than the client writes it
				runtime.Gosched()
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			want := `level=WARN msg="a client does not trust the certificate of the sandbox and ended the TLS handshake: ` + tc.advice
			if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, want) || !strings.Contains(text, " client=127.0.0.1 reason=") {
				t.Errorf("logged %s, want %s", text, want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err != nil {
		t.Error(err)
	}
}

// A client of TLS 1.3 on OpenSSL that refuses the certificate sends its alert in
// the clear; the warning names it too.
func TestDistrustOfOpenSSLIsExplained(t *testing.T) {
	log := new(logged)
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.HTTPSURL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(plainAlerts{conn}, &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13})
	if err := client.Handshake(); err == nil {
		t.Error("a client that trusts nobody is connected")
	}
	_ = conn.Close()
	for log.String() == "" { // the server reads of it later than the client writes it
		runtime.Gosched()
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	want := `level=WARN msg="a client does not trust the certificate of the sandbox and ended the TLS handshake: `
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, want) ||
		!strings.HasSuffix(text, " client=127.0.0.1 reason=\"an alert that is not encrypted, as OpenSSL sends it\"\n") {
		t.Errorf("logged %s, want %s", text, want)
	}
}

// plainAlerts is a connection that sends the fatal alert unknown_ca in the clear in
// place of the encrypted records of a client.
type plainAlerts struct{ net.Conn }

// Write implements io.Writer.
func (c plainAlerts) Write(b []byte) (int, error) {
	const header, applicationData = 5, 23
	for at := 0; at+header <= len(b); at += header + int(b[at+3])<<8 + int(b[at+4]) {
		if b[at] == applicationData {
			_, err := c.Conn.Write(append(b[:at:at], 21, 3, 3, 0, 2, 2, 48))
			return len(b), err
		}
	}
	return c.Conn.Write(b)
}
