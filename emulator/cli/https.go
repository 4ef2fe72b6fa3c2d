package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"skystack.dev/sandbox/emulator"
)

const (
	defaultHTTPS = "127.0.0.1:8443"
	// inMemory stands for no directory.
	inMemory = "memory"
)

// httpsSettings returns the settings of HTTPS.
func httpsSettings() settingGroup {
	return settingGroup{"HTTPS", []setting{
		{"https", word, "HOST:PORT|off", "off", "An additional address for HTTPS, as " + defaultHTTPS + ". Port 0 chooses a free port and prints it.", takeHTTPS},
		{"tls-dir", word, "DIR", "skystack-sandbox in the user's configuration directory", "The directory of the certificate authority that signs the sandbox's certificate. It is created if needed, and \"" + program + " ca\" explains how to trust it. With the word memory each start creates a new one, which clients get from /_sandbox/ca.pem.",
			func(p *plan, s string) error { p.tls.Dir = s; return nil }},
		{"tls-name", list, "NAME", "", "Another name or address of the sandbox, for the certificate and the Host header. Repeat for more. An authority can sign only for the names it was created with.", takeTLSName},
		{"tls-cert", word, "FILE", "", "A PEM file with your own certificate, followed by intermediate ones, instead of a generated one.",
			func(p *plan, s string) error { p.tls.CertFile = s; return nil }},
		{"tls-key", word, "FILE", "", "A PEM file with the key of that certificate.",
			func(p *plan, s string) error { p.tls.KeyFile = s; return nil }},
		{"require-https", truth, "", "", "Refuse plain HTTP with 403 where a key is needed. There is no redirect.", takeRequireHTTPS},
		{"revoke-on-plaintext", truth, "", "", "Also revoke every key that is sent over plain HTTP.", takeRevoke},
	}}
}

// secured is the result of the HTTPS settings.
type secured struct {
	https    string // the address to listen on; "" for none
	required bool
	tls      emulator.HTTPS
}

func takeHTTPS(p *plan, s string) error {
	if s == "off" {
		p.https = ""
		return nil
	}
	if err := checkAddress(s, defaultHTTPS); err != nil {
		return fmt.Errorf("%w, or off", err)
	}
	p.https = s
	return nil
}

func takeTLSName(p *plan, s string) error {
	p.tls.Names = append(p.tls.Names, s)
	return emulator.Check(emulator.WithHTTPS(emulator.HTTPS{Names: []string{s}}))
}

func takeRequireHTTPS(p *plan, s string) error {
	on, err := parseBool(s)
	if on {
		p.required = true
		return p.use(emulator.WithRequireHTTPS())
	}
	return err
}

func takeRevoke(p *plan, s string) error {
	on, err := parseBool(s)
	if on {
		p.required = true
		return p.use(emulator.WithRevokeOnPlaintext())
	}
	return err
}

// checkHTTPS refuses contradictory settings.
func (p *plan) checkHTTPS() error {
	const add = ": set the address, as in --https " + defaultHTTPS
	switch {
	case (p.tls.CertFile == "") != (p.tls.KeyFile == ""):
		return errors.New("a certificate needs its key, and a key its certificate: set both tls-cert and tls-key")
	case p.https == "" && p.required:
		return errors.New("require-https without https: no key would be accepted" + add)
	case p.https == "" && p.tls.CertFile != "":
		return errors.New("tls-cert without https: the certificate would not be used" + add)
	case p.https != "" && p.tls.CertFile == "" && p.tls.Dir == inMemory && p.noControl:
		return errors.New("tls-dir memory with control off: clients could not get the certificate to trust; use a directory")
	}
	return nil
}

// secureAddress returns the address to listen on for HTTPS; nil for none.
func (p *plan) secureAddress() (*net.TCPAddr, error) {
	if p.https == "" {
		return nil, nil
	}
	addr, err := net.ResolveTCPAddr("tcp", p.https)
	if err != nil {
		return nil, cannotListenAs("--https", p.https, err)
	}
	return addr, nil
}

// secure returns the options of HTTPS for package emulator. It is called only to serve,
// because it creates files.
func (p *plan) secure() ([]emulator.Option, error) {
	if err := p.checkHTTPS(); err != nil || p.https == "" {
		return nil, err
	}
	h := p.tls
	h.Names = p.tlsNames()
	var err error
	if h.Dir, err = p.caDir(); err != nil {
		return nil, err
	}
	return []emulator.Option{emulator.WithHTTPS(h)}, nil
}

// tlsNames returns the names that the certificate must contain: the configured ones, and
// that of the address, if the sandbox creates the certificate.
func (p *plan) tlsNames() []string {
	host, _, err := net.SplitHostPort(p.https)
	if err != nil || host == "" || p.tls.CertFile != "" {
		return p.tls.Names
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
		return p.tls.Names
	}
	if emulator.Check(emulator.WithHTTPS(emulator.HTTPS{Names: []string{host}})) != nil {
		return p.tls.Names // as fe80::1%eth0, which no certificate names
	}
	return append([]string{host}, p.tls.Names...)
}

// caDir returns the directory of the CA; "" when it is in memory, or the user brings a
// certificate.
func (p *plan) caDir() (string, error) {
	switch {
	case p.tls.CertFile != "" || p.tls.Dir == inMemory:
		return "", nil
	case p.tls.Dir != "":
		return filepath.Abs(p.tls.Dir)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no directory for the certificate authority: %w: set one with --tls-dir, or use --tls-dir %s", err, inMemory)
	}
	return filepath.Join(dir, program), nil
}

// caFile returns the file of the certificate to trust; "" when there is none.
func (p *plan) caFile() string {
	dir, err := p.caDir()
	if err != nil || dir == "" {
		return ""
	}
	return filepath.Join(dir, "ca.pem")
}

// listenHTTPS opens the HTTPS port; nil without HTTPS.
func (p *plan) listenHTTPS(addr *net.TCPAddr) (*net.TCPListener, error) {
	if addr == nil {
		return nil, nil
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, cannotListenAs("--https", p.https, err)
	}
	return l, nil
}

// describeTLS writes the lines of the banner about addresses and certificates. It returns
// the URL that accepts keys, and the options that curl needs for it.
func (p *plan) describeTLS(w io.Writer, plain, secure string) (base, curl string) {
	base = plain
	if p.required && secure != "" {
		base = secure
	}
	_, _ = fmt.Fprintf(w, "  base URL  %s\n", base)
	if secure == "" {
		return base, ""
	}
	if base == plain {
		_, _ = fmt.Fprintf(w, "  https     %s\n", secure)
	} else {
		_, _ = fmt.Fprintf(w, "  http      %s, for requests without a key\n", plain)
	}
	file := p.caFile()
	switch {
	case file != "":
		_, _ = fmt.Fprintf(w, "  trust     %s\n", file)
	case p.tls.CertFile != "":
		_, _ = fmt.Fprintf(w, "  trust     the issuer of %s\n", p.tls.CertFile)
		return base, ""
	default:
		_, _ = fmt.Fprintf(w, "  trust     the file from: curl -o ca.pem %s\n", shellWord(plain+"/_sandbox/ca.pem"))
		file = "ca.pem"
	}
	if base == secure {
		curl = "--cacert " + shellWord(file) + " "
	}
	return base, curl
}
