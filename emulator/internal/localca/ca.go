// Package localca is the certificate authority of one installation. It lets
// clients check the sandbox's certificate as they would a real one (S32), and it
// may sign the sandbox's names and nothing else.
package localca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// validYears is how long a CA is good.
	validYears = 10
	// skew is how far the clock of a client may be behind ours.
	skew = time.Hour
)

// The two files of a CA.
const (
	CertFile = "ca.pem"
	KeyFile  = "ca-key.pem"
)

// CA signs certificates for the names it is limited to. It does not change and
// may be used by several goroutines.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
	path string
	// Expired is when the CA ended that this one took the place of; zero if there
	// was none.
	Expired time.Time
}

// New makes a CA that is in no file. It is good for the names of the sandbox and
// these further ones, from now on.
func New(now time.Time, names []string) (*CA, error) {
	further, err := clean(names)
	if err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return sign(key, now, further)
}

// PEM is the certificate of the CA, which clients must trust.
func (c *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

// Path is the file that holds the certificate; "" if none does.
func (c *CA) Path() string { return c.path }

// Until is when the CA ends.
func (c *CA) Until() time.Time { return c.cert.NotAfter }

// Scope is what the CA may sign: domains with all below them, and ranges of
// addresses.
func (c *CA) Scope() []string {
	out := slices.Clone(c.cert.PermittedDNSDomains)
	for _, r := range c.cert.PermittedIPRanges {
		if ones, bits := r.Mask.Size(); ones == bits {
			out = append(out, r.IP.String())
		} else {
			out = append(out, r.String())
		}
	}
	return out
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// sign makes the certificate of a CA with its own key. The same key always gets
// the same subject, so that certificates of either stand for the same CA.
func sign(key crypto.Signer, now time.Time, further hosts) (*CA, error) {
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(public)
	domains, ranges := base().join(further).limits()
	template := &x509.Certificate{
		Subject: pkix.Name{
			Organization: []string{"SkyStack Sandbox"}, CommonName: "SkyStack Sandbox CA " + hex.EncodeToString(digest[:4]),
		},
		NotBefore: now.Add(-skew).UTC().Truncate(time.Second), NotAfter: now.AddDate(validYears, 0, 0).UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		SubjectKeyId:                digest[:20],
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: domains, PermittedIPRanges: ranges,
	}
	cert, err := issue(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &CA{cert: cert, key: key}, nil
}

// issue gives a certificate its number and signature.
func issue(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1)) // 0 is not allowed
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// further is what a CA may sign besides the names of every sandbox.
func (c *CA) further() hosts {
	var h hosts
	for _, d := range c.cert.PermittedDNSDomains {
		if name, err := parseHost(d); err == nil {
			h.domains = append(h.domains, name.domains...)
		}
	}
	for _, r := range c.cert.PermittedIPRanges {
		addr, _ := netip.AddrFromSlice(r.IP)
		if ones, bits := r.Mask.Size(); ones == bits && addr.IsValid() {
			h.addrs = append(h.addrs, addr.Unmap())
		}
	}
	return h.without(base())
}

// check refuses a certificate that is not that of a CA of ours with this key.
func check(cert *x509.Certificate, key crypto.Signer) error {
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !public.Equal(key.Public()):
		return errors.New("it does not belong to the key in " + KeyFile)
	case !cert.BasicConstraintsValid || !cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("it is not the certificate of a CA")
	case !cert.PermittedDNSDomainsCritical || len(cert.PermittedDNSDomains) == 0 || len(cert.PermittedIPRanges) == 0,
		slices.Contains(cert.PermittedDNSDomains, ""), slices.ContainsFunc(cert.PermittedIPRanges, everywhere):
		return errors.New("it is a CA for any name: whoever got its key could pretend to be any site, so it is not used here")
	}
	if err := cert.CheckSignatureFrom(cert); err != nil {
		return errors.New("its signature is wrong")
	}
	return nil
}

func everywhere(r *net.IPNet) bool {
	ones, _ := r.Mask.Size()
	return ones == 0
}

// admit refuses names that the CA may not sign.
func (c *CA) admit(h hosts) error {
	var outside []string
	for _, d := range h.domains {
		if !below(d, c.cert.PermittedDNSDomains) {
			outside = append(outside, d)
		}
	}
	for _, a := range h.addrs {
		if !within(a, c.cert.PermittedIPRanges) {
			outside = append(outside, a.String())
		}
	}
	if outside == nil {
		return nil
	}
	what, again := "the CA", ""
	if c.path != "" {
		what = "the CA " + c.path
		again = "make it again with the name, and let clients trust the new one: " + renew(filepath.Dir(c.path))
		for _, name := range outside {
			again += " --tls-name " + name
		}
		again += "; or use another directory with --tls-dir, or "
	}
	return fmt.Errorf("%s can vouch only for %s, not for %s: %suse a certificate of your own with --tls-cert and --tls-key",
		what, strings.Join(c.Scope(), ", "), strings.Join(outside, ", "), again)
}

// renew is the command that makes the CA of a directory again.
func renew(dir string) string { return "skystack-sandbox ca --renew --tls-dir " + dir }
