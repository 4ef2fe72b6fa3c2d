package localca

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Own is a certificate that the operator supplies.
type Own struct {
	Certificate *tls.Certificate
	// Root is the PEM of the authority at the end of the chain, nil if the file
	// does not hold it.
	Root []byte
}

// LoadOwn reads a certificate, which intermediate ones may follow, and its key.
// It must be good now, and for the names. Unlike those of a CA of ours, the files
// may be symbolic links.
func LoadOwn(certFile, keyFile string, now time.Time, names []string) (*Own, error) {
	certText, err := readFile("certificate", certFile)
	if err != nil {
		return nil, err
	}
	keyText, err := readFile("key", keyFile)
	if err != nil {
		return nil, err
	}
	chain, err := readChain(certFile, certText)
	if err != nil {
		return nil, err
	}
	if err := checkKey(keyFile, keyText); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, fmt.Errorf("the key %s does not belong to the certificate %s", keyFile, certFile)
		}
		return nil, fmt.Errorf("the key %s cannot be used: %s", keyFile, strings.TrimPrefix(err.Error(), "tls: "))
	}
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate %s ended at %s, and it is %s now: renew it", certFile, stamp(leaf.NotAfter), stamp(now))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate %s is good only from %s on, and it is %s now: check the clock of this machine", certFile, stamp(leaf.NotBefore), stamp(now))
	case len(leaf.DNSNames)+len(leaf.IPAddresses) == 0:
		return nil, fmt.Errorf("the certificate %s names no host: clients look for its subject alternative names", certFile)
	}
	if _, err := clean(names); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := leaf.VerifyHostname(name); err != nil {
			return nil, fmt.Errorf("the certificate %s is not good for %s: it names %s", certFile, name, strings.Join(named(leaf), ", "))
		}
	}
	own := &Own{Certificate: &pair}
	if last := chain[len(chain)-1]; bytes.Equal(last.RawIssuer, last.RawSubject) {
		own.Root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: last.Raw})
	}
	return own, nil
}

// Domains is the names the certificate is good for, without wildcards.
func (o *Own) Domains() []string {
	var out []string
	for _, d := range o.Certificate.Leaf.DNSNames {
		if !strings.Contains(d, "*") {
			out = append(out, d)
		}
	}
	return out
}

func named(cert *x509.Certificate) []string {
	out := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

func readFile(kind, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s %s: %s", kind, name, cause(err))
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s %s: %s", kind, name, cause(err))
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("the %s %s is larger than 1 MiB", kind, name)
	}
	return text, nil
}

func readChain(name string, text []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	other := ""
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in %s is damaged: %s", len(chain)+1, name, strings.TrimPrefix(err.Error(), "x509: "))
		}
		chain = append(chain, cert)
	}
	switch {
	case chain != nil:
		return chain, nil
	case strings.HasSuffix(other, "PRIVATE KEY"):
		return nil, fmt.Errorf("%s was given as the certificate and holds a private key: were the two files swapped?", name)
	}
	return nil, fmt.Errorf("%s holds no certificate: want PEM that begins with -----BEGIN CERTIFICATE-----", name)
}

func checkKey(name string, text []byte) error {
	certificate := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return fmt.Errorf("the key %s is encrypted: decrypt it first, as with openssl pkey -in %s -out plain-key.pem", name, name)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil
		case block.Type == "CERTIFICATE":
			certificate = true
		}
	}
	if certificate {
		return fmt.Errorf("%s was given as the key and holds a certificate: were the two files swapped?", name)
	}
	return fmt.Errorf("%s holds no private key: want PEM that begins with -----BEGIN PRIVATE KEY-----", name)
}
