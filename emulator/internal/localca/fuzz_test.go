package localca_test

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/localca"
)

// FuzzDirectory: whatever is in the files of a CA, the response is a CA that works
// or an error that names the place, and no file is changed.
func FuzzDirectory(f *testing.F) {
	dir := f.TempDir()
	if _, err := localca.Open(dir, aMoment(), nil); err != nil {
		f.Fatal(err)
	}
	cert, key := read(f, filepath.Join(dir, localca.CertFile)), read(f, filepath.Join(dir, localca.KeyFile))
	otherCert, otherKey := selfSigned(f, &x509.Certificate{IsCA: true, BasicConstraintsValid: true})
	for _, c := range []string{cert, key, otherCert, "", cert[:100], strings.Replace(cert, "A", "B", 1)} {
		for _, k := range []string{key, cert, otherKey, "", key[:50]} {
			f.Add([]byte(c), []byte(k))
		}
	}
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, localca.CertFile), string(cert), 0o644)
		write(t, filepath.Join(dir, localca.KeyFile), string(key), 0o600)
		ca, err := localca.Open(dir, aMoment(), nil)
		if err != nil {
			if !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error does not say where: %v", err)
			}
		} else if err := verify(ca.PEM(), leafOf(t, ca, aMoment()).Leaf, "localhost", aMoment()); err != nil {
			t.Fatalf("a CA that does not work: %v\n%s\n%s", err, cert, key)
		}
		if after := files(t, dir); after[localca.CertFile] != string(cert) || after[localca.KeyFile] != string(key) || len(after) != 2 {
			t.Fatalf("the files changed: %v", after)
		}
	})
}

// FuzzOwn: whatever is in the two files, there is no panic, and what is taken can
// serve.
func FuzzOwn(f *testing.F) {
	cert, key := selfSigned(f, &x509.Certificate{DNSNames: []string{"a.test"}})
	for _, c := range []string{cert, key, cert + cert, "", cert[:80]} {
		for _, k := range []string{key, cert, "", key[:80]} {
			f.Add([]byte(c), []byte(k))
		}
	}
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		dir := t.TempDir()
		c, k := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
		write(t, c, string(cert), 0o644)
		write(t, k, string(key), 0o600)
		own, err := localca.LoadOwn(c, k, aMoment(), nil)
		if err != nil {
			if !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error does not say where: %v", err)
			}
		} else if own.Certificate.Leaf == nil || own.Certificate.PrivateKey == nil {
			t.Fatalf("half a certificate: %+v", own.Certificate)
		}
	})
}
