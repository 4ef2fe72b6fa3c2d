package localca

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"
)

// Forge signs a certificate for a name that the CA may not sign.
func Forge(t *testing.T, c *CA, now time.Time, name string) *x509.Certificate {
	t.Helper()
	h, err := parseHost(name)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := c.leaf(now, h)
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Leaf
}

// Written is a certificate and its key as files have them.
func Written(t *testing.T, c *tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
