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
	// inMemory is the directory that is none.
	inMemory = "memory"
)

// httpsSettings is how the sandbox speaks HTTPS, and whether it insists.
func httpsSettings() settingGroup {
	return settingGroup{"HTTPS", []setting{
		{"https", word, "HOST:PORT|off", "off", "Where to listen for HTTPS too, as in " + defaultHTTPS + ". Port 0 takes a free one and prints it.", takeHTTPS},
		{"tls-dir", word, "DIR", "skystack-sandbox among the user's configuration", "Where the certificate authority is that signs the sandbox's certificate. It is made when there is none, and \"" + program + " ca\" says how to trust it. With the word memory there is a new one at each start, to be had from /_sandbox/ca.pem.",
			func(p *plan, s string) error { p.tls.Dir = s; return nil }},
		{"tls-name", list, "NAME", "", "A further name or address of the sandbox, for the certificate and the Host header. Repeat for more. An authority can vouch for the names it was made with.", takeTLSName},
		{"tls-cert", word, "FILE", "", "A certificate of your own instead, as PEM, with the intermediate ones after it.",
			func(p *plan, s string) error { p.tls.CertFile = s; return nil }},
		{"tls-key", word, "FILE", "", "The key of that certificate, as PEM.",
			func(p *plan, s string) error { p.tls.KeyFile = s; return nil }},
		{"require-https", truth, "", "", "Answer plain HTTP with 403 where a key is needed, and never with a redirect.", takeRequireHTTPS},
		{"revoke-on-plaintext", truth, "", "", "Also revoke a key that is sent over plain HTTP.", takeRevoke},
	}}
}

// secured is what the settings say of HTTPS.
type secured struct {
	https    string // where to listen; "" for nowhere
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
	on, err := yes(s)
	if on {
		p.required = true
		return p.use(emulator.WithRequireHTTPS())
	}
	return err
}

func takeRevoke(p *plan, s string) error {
	on, err := yes(s)
	if on {
		p.required = true
		return p.use(emulator.WithRevokeOnPlaintext())
	}
	return err
}

// checkHTTPS refuses settings that make no sense together.
func (p *plan) checkHTTPS() error {
	const add = ": say where to listen, as in --https " + defaultHTTPS
	switch {
	case (p.tls.CertFile == "") != (p.tls.KeyFile == ""):
		return errors.New("a certificate of your own needs its key, and a key its certificate: give both, tls-cert and tls-key")
	case p.https == "" && p.required:
		return errors.New("require-https without https: no key would ever be accepted" + add)
	case p.https == "" && p.tls.CertFile != "":
		return errors.New("tls-cert without https: nobody would see the certificate" + add)
	case p.https != "" && p.tls.CertFile == "" && p.tls.Dir == inMemory && p.noControl:
		return errors.New("tls-dir memory with control off: nobody could fetch the certificate to trust; name a directory")
	}
	return nil
}

// secureAddress is where to listen for HTTPS; nil for nowhere.
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

// secure is what package emulator is told of HTTPS. Only who serves needs it: it
// makes files.
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

// tlsNames is the names that the certificate must be good for: those that were
// given, and that of the address, if the sandbox makes the certificate.
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

// caDir is where the CA is; "" when it is in memory, or there is another
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
		return "", fmt.Errorf("no place for the certificate authority: %w: name a directory with --tls-dir, or use --tls-dir %s", err, inMemory)
	}
	return filepath.Join(dir, program), nil
}

// caFile is the file of the certificate to trust; "" when there is none.
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

// describeTLS writes the lines of the banner about addresses and what to trust.
// base is where keys are taken, and curl what curl must be told to get there.
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
		_, _ = fmt.Fprintf(w, "  http      %s, for what needs no key\n", plain)
	}
	file := p.caFile()
	switch {
	case file != "":
		_, _ = fmt.Fprintf(w, "  trust     %s\n", file)
	case p.tls.CertFile != "":
		_, _ = fmt.Fprintf(w, "  trust     who signed %s\n", p.tls.CertFile)
		return base, ""
	default:
		_, _ = fmt.Fprintf(w, "  trust     what this fetches: curl -o ca.pem %s\n", shellWord(plain+"/_sandbox/ca.pem"))
		file = "ca.pem"
	}
	if base == secure {
		curl = "--cacert " + shellWord(file) + " "
	}
	return base, curl
}
