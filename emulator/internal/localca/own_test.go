package localca_test

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/localca"
)

// A certificate of one's own is used as it is (S21).
func TestOwn(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, &x509.Certificate{DNSNames: []string{"sandbox.corp.test", "*.corp.test"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}})
	write(t, filepath.Join(dir, "cert"), "A comment.\n"+cert, 0o644)
	write(t, filepath.Join(dir, "key"), key, 0o644)
	if err := os.Symlink("cert", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	own, err := localca.LoadOwn(filepath.Join(dir, "link"), filepath.Join(dir, "key"), aMoment(), []string{"Sandbox.corp.test", "x.corp.test", "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if own.Certificate.Leaf == nil || strings.Join(own.Domains(), " ") != "sandbox.corp.test" || string(own.Root) != cert {
		t.Errorf("names %v, root %s", own.Domains(), own.Root)
	}
	// With an intermediate one and without the root, the chain is incomplete.
	ca := newCA(t)
	leaf, leafKey := localca.Written(t, leafOf(t, ca, aMoment()))
	write(t, filepath.Join(dir, "cert"), leaf, 0o644)
	write(t, filepath.Join(dir, "key"), leafKey, 0o600)
	if own, err = localca.LoadOwn(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), aMoment(), nil); err != nil || own.Root != nil {
		t.Errorf("without its root: %v, %v", own, err)
	}
	write(t, filepath.Join(dir, "cert"), leaf+string(ca.PEM()), 0o644)
	if own, err = localca.LoadOwn(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), aMoment(), nil); err != nil || string(own.Root) != string(ca.PEM()) || len(own.Certificate.Certificate) != 2 {
		t.Errorf("with its root: %v, %v", own, err)
	}
}

// What cannot be used is refused with the file and the reason.
func TestWrongOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	names := []string{"a.test"}
	cert, key := selfSigned(t, &x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.IPv6loopback}})
	_, otherKey := selfSigned(t, &x509.Certificate{DNSNames: names})
	old, oldKey := selfSigned(t, &x509.Certificate{DNSNames: names, NotBefore: aMoment().Add(-time.Hour), NotAfter: aMoment().Add(-time.Second)})
	young, youngKey := selfSigned(t, &x509.Certificate{DNSNames: names, NotBefore: aMoment().Add(time.Hour), NotAfter: aMoment().Add(2 * time.Hour)})
	nameless, namelessKey := selfSigned(t, &x509.Certificate{})
	if err := os.Mkdir("dir", 0o700); err != nil {
		t.Fatal(err)
	}
	const encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	const encryptedOld = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	const bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	for _, tc := range []struct{ name, cert, key, want string }{
		{"a missing certificate", "!nowhere.pem", key, "cannot read the certificate nowhere.pem: no such file or directory"},
		{"a missing key", cert, "!nowhere.pem", "cannot read the key nowhere.pem: no such file or directory"},
		{"a directory", "!dir", key, "cannot read the certificate dir: is a directory"},
		{"a large file", strings.Repeat("a", 1<<20+1), key, "the certificate cert.pem is larger than 1 MiB"},
		{"swapped", key, cert, "cert.pem was given as the certificate and holds a private key: were the two files swapped?"},
		{"the certificate twice", cert, cert, "key.pem was given as the key and holds a certificate: were the two files swapped?"},
		{"nothing", "", key, "cert.pem holds no certificate: want PEM that begins with -----BEGIN CERTIFICATE-----"},
		{"no PEM", "\x30\x82", key, "cert.pem holds no certificate: want PEM that begins with -----BEGIN CERTIFICATE-----"},
		{"no key in it", cert, "hello", "key.pem holds no private key: want PEM that begins with -----BEGIN PRIVATE KEY-----"},
		{"a damaged one", cert + bad, key, "certificate 2 in cert.pem is damaged: malformed certificate"},
		{"a damaged key", cert, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the key key.pem cannot be used: failed to parse private key"},
		{"an encrypted key", cert, encrypted, "the key key.pem is encrypted: decrypt it first, as with openssl pkey -in key.pem -out plain-key.pem"},
		{"a key encrypted as of old", cert, encryptedOld, "the key key.pem is encrypted: decrypt it first, as with openssl pkey -in key.pem -out plain-key.pem"},
		{"another's key", cert, otherKey, "the key key.pem does not belong to the certificate cert.pem"},
		{"expired", old, oldKey, "the certificate cert.pem ended at 2026-03-19T10:22:43Z, and it is 2026-03-19T10:22:44Z now: renew it"},
		{"not yet good", young, youngKey, "the certificate cert.pem is good only from 2026-03-19T11:22:44Z on, and it is 2026-03-19T10:22:44Z now: check the clock of this machine"},
		{"without a name", nameless, namelessKey, "the certificate cert.pem names no host: clients look for its subject alternative names"},
		{"for another name", cert, key, "the certificate cert.pem is not good for b.test: it names a.test, ::1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := localca.LoadOwn(placed(t, "cert.pem", tc.cert), placed(t, "key.pem", tc.key), aMoment(), []string{"a.test", "b.test"})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if _, err := localca.LoadOwn("cert.pem", "key.pem", aMoment(), []string{"a b"}); err == nil || !strings.Contains(err.Error(), `"a b" is not the name`) {
		t.Errorf("a wrong name: %v", err)
	}
}

// placed writes a file and returns its name; ! is before the name
// of another.
func placed(t *testing.T, name, text string) string {
	t.Helper()
	if other, ok := strings.CutPrefix(text, "!"); ok {
		return other
	}
	write(t, name, text, 0o600)
	return name
}
