package emulator

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/localca"
)

// HTTPS configures the certificate of the sandbox. The zero HTTPS has
// one made by a CA that lives in memory and ends with the emulator.
type HTTPS struct {
	// Dir holds the CA of this installation: its certificate, ca.pem, which
	// clients must trust, and its key. Missing files are created. The CA can sign
	// for the names of the sandbox and those it was made with, and for nothing
	// else.
	Dir string
	// CertFile and KeyFile are a certificate of your own, in PEM, and its key.
	// Intermediate certificates follow the first one. Dir is not used then.
	CertFile, KeyFile string
	// Names are further names and addresses under which clients reach the
	// sandbox, besides localhost, 127.0.0.1, ::1, host.docker.internal,
	// api.skystack.dev and sandbox.api.skystack.dev. The certificate is good for
	// them, and they are allowed in the Host header.
	Names []string
}

// WithHTTPS makes HTTPSURL and ServeHTTPS possible. New fails when the
// certificate cannot be had, or is not good for a name.
func WithHTTPS(h HTTPS) Option {
	return func(c *config) error {
		var faults []error
		for _, name := range h.Names {
			faults = append(faults, localca.CheckName(name))
		}
		if (h.CertFile == "") != (h.KeyFile == "") {
			faults = append(faults, errors.New("a certificate of your own needs its key, and a key its certificate: give both"))
		}
		h.Names = slices.Clone(h.Names)
		c.https = &h
		return errors.Join(faults...)
	}
}

// WithRequireHTTPS responds 403 https_required to plain HTTP where a key is
// needed, and never with a redirect. A request of Client came over
// HTTPS if its URL begins with https.
func WithRequireHTTPS() Option {
	return func(c *config) error { c.sky.RequireHTTPS = true; return nil }
}

// WithRevokeOnPlaintext is WithRequireHTTPS and revokes a key that is sent over
// plain HTTP: from then on it is as good as published. Reset gives it back.
func WithRevokeOnPlaintext() Option {
	return func(c *config) error { c.sky.RequireHTTPS, c.sky.RevokeOnPlaintext = true, true; return nil }
}

// secure holds the certificate and authority of HTTPS.
type secure struct {
	config *tls.Config
	ca     []byte
	advice string // what makes clients trust the certificate
}

// prepare gets the certificate, if HTTPS is wanted.
func (c *config) prepare(log *slog.Logger) (*secure, error) {
	if c.https == nil {
		return nil, nil
	}
	h, now := c.https, engine.WallNow()
	s := &secure{advice: c.trustAdvice(), config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
	c.server.Hosts = append(slices.Clone(c.server.Hosts), h.Names...)
	if h.CertFile != "" || h.KeyFile != "" {
		own, err := localca.LoadOwn(h.CertFile, h.KeyFile, now, h.Names)
		if err != nil {
			return nil, err
		}
		c.server.Hosts = append(c.server.Hosts, own.Domains()...)
		s.config.Certificates, s.ca = []tls.Certificate{*own.Certificate}, own.Root
		return s, nil
	}
	ca, err := h.authority(now)
	if err != nil {
		return nil, err
	}
	if !ca.Expired.IsZero() {
		log.Warn("the CA of this installation had expired and has a new certificate, which clients must trust", "file", ca.Path(), "expired", ca.Expired)
	}
	leaves, err := ca.Keep(h.Names)
	if err != nil {
		return nil, err
	}
	s.ca = ca.PEM()
	s.config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return leaves.At(engine.WallNow()) }
	_, err = leaves.At(now)
	return s, err
}

func (h *HTTPS) authority(now time.Time) (*localca.CA, error) {
	if h.Dir == "" {
		return localca.New(now, h.Names)
	}
	return localca.Open(h.Dir, now, h.Names)
}

// CA is the certificate, in PEM, that clients must trust to check the sandbox's:
// that of the CA behind it. It is nil without HTTPS, and with a certificate of
// your own unless its file ends with its root.
func (e *Emulator) CA() []byte {
	if e.secure == nil {
		return nil
	}
	return slices.Clone(e.secure.ca)
}

// HTTPSURL is the base URL of a socket on the loopback interface that speaks
// HTTPS, opened by the first call; clients must trust CA. HTTPSURL panics without
// WithHTTPS, and when no socket can be opened.
func (e *Emulator) HTTPSURL() string {
	if e.secure == nil {
		panic("emulator: there is no certificate for HTTPSURL: use WithHTTPS")
	}
	return e.openSocket(&e.secured, "https", e.serveTLS)
}

// ServeHTTPS is Serve with HTTPS, as WithHTTPS has it. Plain HTTP gets a response
// that says so.
func (e *Emulator) ServeHTTPS(l net.Listener) error {
	if e.secure == nil {
		_ = l.Close()
		return errors.New("there is no certificate to serve HTTPS with: use WithHTTPS")
	}
	return e.serve(l, e.serveTLS)
}

// serveTLS serves HTTPS, and knows plain HTTP when it sees it.
func (e *Emulator) serveTLS(s *http.Server, l net.Listener) error {
	return s.ServeTLS(limited{sniffingListener{l, e}, e.connections}, "", "")
}

// CA is the authority of an installation that signs the sandbox's certificate.
type CA struct {
	// Path is the file that holds its certificate, PEM what is in it.
	Path string
	PEM  []byte
	// Scope lists what it may sign: domains with all below them, addresses,
	// and ranges of addresses.
	Scope []string
	// Until is when it ends.
	Until time.Time
}

// LocalCA returns the CA that HTTPS.Dir names, and makes what is missing. The
// names must be among those it was made with.
func LocalCA(dir string, names ...string) (CA, error) {
	return describeCA(localca.Open(dir, engine.WallNow(), names))
}

// RenewLocalCA makes the certificate of a CA anew, for the names it had and these
// further ones. Clients must trust the new certificate; a running sandbox goes on
// with the old one.
func RenewLocalCA(dir string, names ...string) (CA, error) {
	return describeCA(localca.Renew(dir, engine.WallNow(), names))
}

func describeCA(ca *localca.CA, err error) (CA, error) {
	if err != nil {
		return CA{}, err
	}
	return CA{Path: ca.Path(), PEM: ca.PEM(), Scope: ca.Scope(), Until: ca.Until()}, nil
}
