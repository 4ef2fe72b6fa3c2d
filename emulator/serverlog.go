package emulator

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
)

// maxDistrusting bounds the hosts of which is remembered that they were warned of.
const maxDistrusting = 100

// serverLog takes what net/http logs of connections. That is for those who look
// for it, but for one thing: a client that does not trust the certificate sees
// only its own error, and the sandbox knows what to do about it.
type serverLog struct {
	log    *slog.Logger
	advice string // what makes clients trust the certificate

	mu     sync.Mutex
	warned map[string]bool // hosts
}

// Write implements io.Writer for log.Logger, which calls it once a line.
func (s *serverLog) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\n")
	if host, reason, ok := distrust(text); ok && s.first(host) {
		s.log.Warn("a client does not trust the certificate of the sandbox and ended the TLS handshake: "+s.advice, "client", host, "reason", reason)
	} else {
		s.log.Log(context.Background(), slog.LevelDebug, text)
	}
	return len(b), nil
}

// first reports whether a host is met for the first time. When too many are
// remembered it begins anew.
func (s *serverLog) first(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warned[host] {
		return false
	}
	if s.warned == nil || len(s.warned) >= maxDistrusting {
		s.warned = map[string]bool{}
	}
	s.warned[host] = true
	return true
}

// plainAlert is the log line of net/http when a client of TLS 1.3 that is built on OpenSSL,
// as curl, Python and Node are, refuses the certificate: it sends its alert in the
// clear where the server expects an encrypted record. In a handshake nothing but a
// damaged connection has the same error.
const plainAlert = "local error: tls: bad record MAC"

// distrust takes apart a line about a handshake that the client ended because it
// does not trust the certificate.
func distrust(line string) (host, reason string, ok bool) {
	line, ok = strings.CutPrefix(line, "http: TLS handshake error from ")
	if !ok {
		return "", "", false
	}
	address, reason, ok := strings.Cut(line, ": remote error: tls: ")
	switch reason {
	case "bad certificate", "unknown certificate", "unknown certificate authority", "unsupported certificate":
	default:
		if address, ok = strings.CutSuffix(line, ": "+plainAlert); !ok {
			return "", "", false
		}
		reason = "an alert that is not encrypted, as OpenSSL sends it"
	}
	host, _, err := net.SplitHostPort(address)
	return host, reason, ok && err == nil
}

// trustAdvice returns a hint how clients can trust the certificate.
func (c *config) trustAdvice() string {
	const variables = "set SSL_CERT_FILE (Go, OpenSSL, Ruby, Python's ssl), REQUESTS_CA_BUNDLE (Python's requests), NODE_EXTRA_CA_CERTS (Node) or CURL_CA_BUNDLE (curl) to it"
	switch {
	case c.https.CertFile != "":
		return "it is " + c.https.CertFile + ", your own: give the client the certificate of whoever signed it; " + variables
	case c.https.Dir == "":
		return "give the client the CA that GET /_sandbox/ca.pem responds with, Emulator.CA in Go; " + variables
	}
	return "give the client the CA whose path \"skystack-sandbox ca\" prints; " + variables
}
