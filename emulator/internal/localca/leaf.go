package localca

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// validDays is how long a server's certificate is good; clients refuse longer.
	validDays = 397
	// renewBefore is how long before its end it is replaced.
	renewBefore = 30 * 24 * time.Hour
)

// Keeper has a certificate for the sandbox and makes a new one in time. It may be
// used by several goroutines.
type Keeper struct {
	ca    *CA
	hosts hosts

	mu   sync.Mutex
	leaf *tls.Certificate
}

// Keep returns a keeper of certificates for the names of the sandbox and these
// further ones. It refuses names that the CA may not sign.
func (c *CA) Keep(names []string) (*Keeper, error) {
	further, err := clean(names)
	if err != nil {
		return nil, err
	}
	if err := c.admit(served().join(further)); err != nil {
		return nil, err
	}
	return &Keeper{ca: c, hosts: served().join(further)}, nil
}

// At is the certificate to use now.
func (k *Keeper) At(now time.Time) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.leaf != nil && good(k.leaf.Leaf, now) && (now.Add(renewBefore).Before(k.leaf.Leaf.NotAfter) || k.leaf.Leaf.NotAfter.Equal(k.ca.cert.NotAfter)) {
		return k.leaf, nil
	}
	leaf, err := k.ca.leaf(now, k.hosts)
	if err != nil {
		return nil, err
	}
	k.leaf = leaf
	return leaf, nil
}

func good(cert *x509.Certificate, now time.Time) bool {
	return !now.Before(cert.NotBefore) && !now.After(cert.NotAfter)
}

// leaf makes a certificate with a key of its own. It ends no later than the CA.
func (c *CA) leaf(now time.Time, h hosts) (*tls.Certificate, error) {
	if !good(c.cert, now) {
		return nil, fmt.Errorf("the CA is good from %s to %s, and it is %s now", stamp(c.cert.NotBefore), stamp(c.cert.NotAfter), stamp(now))
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	from := now.Add(-skew).UTC().Truncate(time.Second)
	until := from.Add(validDays*24*time.Hour - time.Second) // the last second counts too
	if until.After(c.cert.NotAfter) {
		until = c.cert.NotAfter
	}
	var ips []net.IP
	for _, a := range h.addrs {
		ips = append(ips, a.AsSlice())
	}
	cert, err := issue(&x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"SkyStack Sandbox"}, CommonName: "SkyStack Sandbox on this machine"},
		NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: h.domains, IPAddresses: ips,
	}, c.cert, key.Public(), c.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
