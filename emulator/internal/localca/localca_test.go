package localca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/localca"
)

func aMoment() time.Time { return time.Date(2026, 3, 19, 10, 22, 44, 500, time.UTC) }

func newCA(t *testing.T, names ...string) *localca.CA {
	t.Helper()
	ca, err := localca.New(aMoment(), names)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func certificate(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) != 0 {
		t.Fatalf("not one certificate: %s", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func leafOf(t *testing.T, ca *localca.CA, now time.Time, names ...string) *tls.Certificate {
	t.Helper()
	k, err := ca.Keep(names)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := k.At(now)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// verify does what a client does that trusts only this CA.
func verify(ca []byte, leaf *x509.Certificate, name string, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now})
	return err
}

// A CA of an installation is ECDSA P-256, good for ten years, for servers alone,
// and limited to the sandbox's names (S32; 10.3).
func TestShapeOfCA(t *testing.T) {
	ca := newCA(t, "Sandbox.Corp.Test.", "192.0.2.10", "127.9.9.9", "a.localhost", "2001:db8::7", "192.0.2.10")
	cert := certificate(t, ca.PEM())
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", cert.PublicKey)
	}
	if !cert.IsCA || cert.MaxPathLen != 0 || !cert.MaxPathLenZero || cert.KeyUsage != x509.KeyUsageCertSign || len(cert.SubjectKeyId) == 0 {
		t.Errorf("CA %v, path %d, usage %v, key id %x", cert.IsCA, cert.MaxPathLen, cert.KeyUsage, cert.SubjectKeyId)
	}
	if len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("extended usage %v", cert.ExtKeyUsage)
	}
	if from, until := cert.NotBefore, cert.NotAfter; !from.Equal(aMoment().Truncate(time.Second).Add(-time.Hour)) || !until.Equal(time.Date(2036, 3, 19, 10, 22, 44, 0, time.UTC)) || !until.Equal(ca.Until()) {
		t.Errorf("good from %v to %v", from, until)
	}
	want := "localhost skystack.dev host.docker.internal sandbox.corp.test 127.0.0.0/8 ::1 192.0.2.10 2001:db8::7"
	if got := strings.Join(ca.Scope(), " "); got != want || !cert.PermittedDNSDomainsCritical {
		t.Errorf("limited to %s (critical: %v), want %s", got, cert.PermittedDNSDomainsCritical, want)
	}
	if ca.Path() != "" {
		t.Errorf("path %q", ca.Path())
	}
	if other := newCA(t); bytes.Equal(other.PEM(), ca.PEM()) || certificate(t, other.PEM()).Subject.String() == cert.Subject.String() {
		t.Error("two installations have the same CA")
	}
}

// The certificate is accepted for every name of the sandbox by a client that
// checks it, and for no other (S21, S32, S70).
func TestLeaf(t *testing.T) {
	ca := newCA(t, "sandbox.corp.test", "compose_name", "192.0.2.10")
	leaf := leafOf(t, ca, aMoment(), "sandbox.corp.test", "compose_name", "192.0.2.10").Leaf
	for _, name := range []string{
		"localhost", "LOCALHOST", "127.0.0.1", "::1", "api.skystack.dev", "sandbox.api.skystack.dev", "host.docker.internal",
		"sandbox.corp.test", "compose_name", "192.0.2.10",
	} {
		if err := verify(ca.PEM(), leaf, name, aMoment()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"skystack.dev", "evil.test", "corp.test", "127.0.0.2", "192.0.2.11", "x.localhost"} {
		if err := verify(ca.PEM(), leaf, name, aMoment()); err == nil {
			t.Errorf("%s: the certificate is taken", name)
		}
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", leaf.PublicKey)
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second; got != 397*24*time.Hour {
		t.Errorf("good for %v", got)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("CA %v, usage %v %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	if err := verify(newCA(t).PEM(), leaf, "localhost", aMoment()); err == nil {
		t.Error("another CA vouches for it")
	}
}

// A name outside of the limits is refused at once; were it signed all the same, a
// client would refuse it (S32; 10.3).
func TestNamesOutside(t *testing.T) {
	ca := newCA(t, "sandbox.corp.test")
	for _, name := range []string{"evil.test", "corp.test", "xsandbox.corp.test", "notskystack.dev", "dev", "192.0.2.10", "128.0.0.1", "::2"} {
		const want = "the CA can vouch only for localhost, skystack.dev, host.docker.internal, sandbox.corp.test, 127.0.0.0/8, ::1, not for "
		if _, err := ca.Keep([]string{"localhost", name}); err == nil || err.Error() != want+name+": use a certificate of your own with --tls-cert and --tls-key" {
			t.Errorf("%s: %v", name, err)
		}
		forged := localca.Forge(t, ca, aMoment(), name)
		if err := verify(ca.PEM(), forged, name, aMoment()); err == nil || !strings.Contains(err.Error(), "not permitted") && !strings.Contains(err.Error(), "not authorized") {
			t.Errorf("%s: signed all the same: %v", name, err)
		}
	}
	for _, name := range []string{"a.sandbox.corp.test", "x.skystack.dev", "x.localhost", "127.200.0.1"} {
		leaf := leafOf(t, ca, aMoment(), name)
		if err := verify(ca.PEM(), leaf.Leaf, name, aMoment()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"localhost", "a", "a-b_c.d1", "xn--bcher-kva.test", "192.0.2.1", "::1", "::ffff:192.0.2.1", strings.Repeat("a", 63) + ".test", "UPPER.test."} {
		if err := localca.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "a..b", "-a.test", "a-.test", "*.test", "a b", "http://a.test", "a.test:443", "bücher.test", "1.2.3", "1.2.3.4.5", "999.1.1.1", "[::1]",
		strings.Repeat("a", 64), strings.Repeat("a.", 127) + "aa", "a.test\n", "0x7f.1",
	} {
		_, byNew := localca.New(aMoment(), []string{name})
		if err := localca.CheckName(name); err == nil || byNew == nil || !strings.Contains(err.Error(), "is not the name or address of a host: write it alone") {
			t.Errorf("%q: %v, %v", name, err, byNew)
		}
	}
	for _, name := range []string{"0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0"} {
		if err := localca.CheckName(name); err == nil || !strings.Contains(err.Error(), "is not the address of a host") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := localca.New(aMoment(), []string{"a b", "c d"}); err == nil || !strings.Contains(err.Error(), `"a b"`) || !strings.Contains(err.Error(), `"c d"`) {
		t.Errorf("two faults: %v", err)
	}
}

// The certificate is made anew a month before it ends, and never outlives the CA
// (S32).
func TestRenewal(t *testing.T) {
	const day = 24 * time.Hour
	ca := newCA(t)
	k, err := ca.Keep(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(now time.Time) *x509.Certificate {
		t.Helper()
		leaf, err := k.At(now)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(ca.PEM(), leaf.Leaf, "localhost", now); err != nil {
			t.Fatal(err)
		}
		return leaf.Leaf
	}
	first := at(aMoment())
	if at(aMoment().Add(366*day)) != first {
		t.Error("it was made anew too early")
	}
	second := at(aMoment().Add(367 * day))
	if second == first || !second.NotAfter.After(first.NotAfter) {
		t.Error("it was not made anew")
	}
	if third := at(aMoment().Add(-30 * time.Minute)); third == second {
		t.Error("a clock that was set back gets a certificate that is not good yet")
	}
	end := ca.Until()
	last := at(end.Add(-5 * day))
	if !last.NotAfter.Equal(end) || at(end) != last {
		t.Errorf("the last one ends at %v, the CA at %v", last.NotAfter, end)
	}
	if _, err := k.At(end.Add(time.Second)); err == nil || !strings.HasPrefix(err.Error(), "the CA is good from 2026-03-19T09:22:44Z to 2036-03-19T10:22:44Z, and it is 2036-03-19T10:22:45Z") {
		t.Errorf("after the CA's end: %v", err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { _, _ = k.At(aMoment()) })
	}
	group.Wait()
}

// A handshake with nothing but the CA to trust, for a name and for addresses.
func TestHandshake(t *testing.T) {
	ca := newCA(t)
	leaf := leafOf(t, ca, aMoment())
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	for _, name := range []string{"sandbox.api.skystack.dev", "127.0.0.1", "::1"} {
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{*leaf}}).HandshakeContext(t.Context())
		}()
		client := tls.Client(ours, &tls.Config{RootCAs: roots, ServerName: name, Time: aMoment})
		if err := client.HandshakeContext(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: the server: %v", name, err)
		}
		_ = ours.Close()
	}
}
