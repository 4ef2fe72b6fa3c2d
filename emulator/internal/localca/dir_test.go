package localca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/localca"
)

func open(t *testing.T, dir string, names ...string) *localca.CA {
	t.Helper()
	ca, err := localca.Open(dir, aMoment(), names)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// files is what a directory holds.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			text = []byte(err.Error())
		}
		out[e.Name()] = string(text)
	}
	return out
}

func same(a, b map[string]string) bool {
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return len(a) == len(b)
}

func write(t testing.TB, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// The first one makes the files, and only the owner can read the key; later
// ones find them (S32; 10.3).
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "skystack-sandbox")
	first := open(t, dir, "sandbox.corp.test")
	for name, want := range map[string]fs.FileMode{".": 0o700 | fs.ModeDir, "..": 0o700 | fs.ModeDir, localca.CertFile: 0o644, localca.KeyFile: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, want)
		}
	}
	made := files(t, dir)
	if len(made) != 2 || made[localca.CertFile] != string(first.PEM()) || first.Path() != filepath.Join(dir, localca.CertFile) {
		t.Errorf("path %s, files %v", first.Path(), made)
	}
	if block, _ := pem.Decode([]byte(made[localca.KeyFile])); block == nil || block.Type != "PRIVATE KEY" {
		t.Errorf("the key file: %s", made[localca.KeyFile])
	}
	second := open(t, dir)
	if !bytes.Equal(first.PEM(), second.PEM()) || !same(made, files(t, dir)) || !second.Expired.IsZero() {
		t.Error("the second time it was made anew")
	}
	leaf := leafOf(t, second, aMoment(), "sandbox.corp.test")
	if err := verify(first.PEM(), leaf.Leaf, "sandbox.corp.test", aMoment()); err != nil {
		t.Error(err)
	}

	// A lost certificate is made again from the key.
	if err := os.Remove(first.Path()); err != nil {
		t.Fatal(err)
	}
	third := open(t, dir)
	if got := files(t, dir); got[localca.KeyFile] != made[localca.KeyFile] || got[localca.CertFile] != string(third.PEM()) {
		t.Error("the key was not kept")
	}
	if err := verify(third.PEM(), leafOf(t, first, aMoment()).Leaf, "localhost", aMoment()); err != nil {
		t.Errorf("the new certificate does not stand for the same CA: %v", err)
	}
}

// Many that start at once get the same CA, whatever is there already.
func TestOpenAtOnce(t *testing.T) {
	for _, there := range []string{"nothing", "the key"} {
		for range 20 {
			dir := filepath.Join(t.TempDir(), "ca")
			if there == "the key" {
				if err := os.Remove(open(t, dir).Path()); err != nil {
					t.Fatal(err)
				}
			}
			var mu sync.Mutex
			got := map[string]int{}
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					ca, err := localca.Open(dir, aMoment(), nil)
					if err != nil {
						t.Error(err)
						return
					}
					leaf := leafOf(t, ca, aMoment())
					if err := verify(ca.PEM(), leaf.Leaf, "localhost", aMoment()); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					got[string(ca.PEM())]++
				})
			}
			group.Wait()
			if len(got) != 1 || len(files(t, dir)) != 2 {
				t.Fatalf("with %s there: %d CAs in %v", there, len(got), files(t, dir))
			}
		}
	}
}

// A CA limits the names from the day it was made; making it anew adds names, keeps
// those it had and the key.
func TestRenewCA(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, "one.test", "192.0.2.1")
	before := files(t, dir)
	_, err := localca.Open(dir, aMoment(), []string{"two.test", "::5", "localhost"})
	want := "the CA " + first.Path() + " can vouch only for localhost, skystack.dev, host.docker.internal, one.test, 127.0.0.0/8, ::1, 192.0.2.1, not for two.test, ::5: " +
		"make it again with the name, and let clients trust the new one: skystack-sandbox ca --renew --tls-dir " + dir + " --tls-name two.test --tls-name ::5; " +
		"or use another directory with --tls-dir, or use a certificate of your own with --tls-cert and --tls-key"
	if err == nil || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	if !same(before, files(t, dir)) {
		t.Error("the refusal changed something")
	}
	second, err := localca.Renew(dir, aMoment(), []string{"two.test"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(second.Scope(), " "); got != "localhost skystack.dev host.docker.internal one.test two.test 127.0.0.0/8 ::1 192.0.2.1" {
		t.Errorf("limited to %s", got)
	}
	if after := files(t, dir); after[localca.KeyFile] != before[localca.KeyFile] || after[localca.CertFile] != string(second.PEM()) || len(after) != 2 {
		t.Error("the key changed, or the file is another")
	}
	if err := verify(second.PEM(), leafOf(t, open(t, dir), aMoment(), "two.test").Leaf, "two.test", aMoment()); err != nil {
		t.Error(err)
	}
	// It also makes what is not there, and mends a certificate, but never a key.
	if _, err := localca.Renew(filepath.Join(dir, "new"), aMoment(), nil); err != nil {
		t.Error(err)
	}
	write(t, second.Path(), "rubbish", 0o644)
	if _, err := localca.Renew(dir, aMoment(), nil); err != nil {
		t.Error(err)
	}
	open(t, dir)
	write(t, filepath.Join(dir, localca.KeyFile), "rubbish", 0o600)
	before = files(t, dir)
	if _, err := localca.Renew(dir, aMoment(), nil); err == nil || !strings.Contains(err.Error(), "remove both ca.pem and ca-key.pem") || !same(before, files(t, dir)) {
		t.Errorf("a damaged key: %v", err)
	}
}

// A CA that has ended is useless: it gets a new certificate, with
// the names it had.
func TestExpiredCA(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, "one.test")
	later := first.Until().Add(time.Second)
	second, err := localca.Open(dir, later, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !second.Expired.Equal(first.Until()) || !second.Until().After(later) || !strings.Contains(strings.Join(second.Scope(), " "), "one.test") || second.Path() != first.Path() {
		t.Errorf("expired %v, until %v, for %v", second.Expired, second.Until(), second.Scope())
	}
	if files(t, dir)[localca.CertFile] != string(second.PEM()) {
		t.Error("the file is another")
	}
	_, err = localca.Open(dir, aMoment(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), first.Path()+": it is good only from 2036-03-19T09:22:45Z on, and it is 2026-03-19T10:22:44Z now: check the clock of this machine; ") {
		t.Errorf("a clock that was set back: %v", err)
	}
}

// selfSigned is a certificate with its own key, after the template.
func selfSigned(t testing.TB, template *x509.Certificate) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "Test"}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = aMoment().Add(-time.Hour), aMoment().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// What is damaged is never overwritten: the error names the file, what is wrong
// and what to do.
func TestDamagedDirectory(t *testing.T) {
	remake := "; put back the right one, or make it again from its key, and let clients trust the new one: skystack-sandbox ca --renew --tls-dir "
	const restart = "; put back the right one, or remove both ca.pem and ca-key.pem: a new CA is made then, which clients must trust"
	otherCert, otherKey := selfSigned(t, &x509.Certificate{})
	openCert, openKey := selfSigned(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	_, all, _ := net.ParseCIDR("0.0.0.0/0")
	wideCert, wideKey := selfSigned(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost"}, PermittedIPRanges: []*net.IPNet{all}})
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, cert, key string)
		file   string
		want   string
	}{
		{"no key", func(t *testing.T, _, key string) { remove(t, key) }, "ca-key.pem", "there is none beside ca.pem"},
		{"an empty certificate", func(t *testing.T, cert, _ string) { write(t, cert, "\n", 0o644) }, "ca.pem", "it is empty"},
		{"an empty key", func(t *testing.T, _, key string) { write(t, key, "", 0o600) }, "ca-key.pem", "it is empty"},
		{"rubbish", func(t *testing.T, cert, _ string) { write(t, cert, "\x00\xff", 0o644) }, "ca.pem", "it is damaged: want a PEM block that begins with -----BEGIN CERTIFICATE-----"},
		{"rubbish as a key", func(t *testing.T, _, key string) { write(t, key, "secret", 0o600) }, "ca-key.pem", "it is damaged: want a PEM block that begins with -----BEGIN PRIVATE KEY-----"},
		{"half a certificate", func(t *testing.T, cert, _ string) { write(t, cert, read(t, cert)[:300], 0o644) }, "ca.pem", "it is damaged: want a PEM block that begins with -----BEGIN CERTIFICATE-----"},
		{"a block that is no certificate", func(t *testing.T, cert, _ string) {
			write(t, cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644)
		}, "ca.pem", "it is damaged: no certificate can be read in it"},
		{"a block that is no key", func(t *testing.T, _, key string) {
			write(t, key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600)
		}, "ca-key.pem", "it holds no private key that can be read"},
		{"swapped", func(t *testing.T, cert, key string) {
			c, k := read(t, cert), read(t, key)
			write(t, cert, k, 0o644)
			write(t, key, c, 0o600)
		}, "ca-key.pem", "it holds a CERTIFICATE: were ca.pem and ca-key.pem swapped?"},
		{"the key in both", func(t *testing.T, cert, key string) { write(t, cert, read(t, key), 0o644) }, "ca.pem", "it holds a PRIVATE KEY: were ca.pem and ca-key.pem swapped?"},
		{"something else", func(t *testing.T, cert, _ string) {
			write(t, cert, "-----BEGIN X-----\nAAAA\n-----END X-----\n", 0o644)
		}, "ca.pem", "it holds a PEM block X, want CERTIFICATE"},
		{"two certificates", func(t *testing.T, cert, _ string) { write(t, cert, read(t, cert)+read(t, cert), 0o644) }, "ca.pem", "something follows after -----END CERTIFICATE-----"},
		{"another's certificate", func(t *testing.T, cert, _ string) { write(t, cert, otherCert, 0o644) }, "ca.pem", "it does not belong to the key in ca-key.pem"},
		{"another's key", func(t *testing.T, _, key string) { write(t, key, otherKey, 0o600) }, "ca.pem", "it does not belong to the key in ca-key.pem"},
		{"no CA", func(t *testing.T, cert, key string) {
			write(t, cert, otherCert, 0o644)
			write(t, key, otherKey, 0o600)
		}, "ca.pem", "it is not the certificate of a CA"},
		{"a CA without limits", func(t *testing.T, cert, key string) {
			write(t, cert, openCert, 0o644)
			write(t, key, openKey, 0o600)
		}, "ca.pem", "it is a CA for any name: whoever got its key could pretend to be any site, so it is not used here"},
		{"a CA for all addresses", func(t *testing.T, cert, key string) {
			write(t, cert, wideCert, 0o644)
			write(t, key, wideKey, 0o600)
		}, "ca.pem", "it is a CA for any name: whoever got its key could pretend to be any site, so it is not used here"},
		{"a flipped bit in the signature", func(t *testing.T, cert, _ string) {
			block, _ := pem.Decode([]byte(read(t, cert)))
			block.Bytes[len(block.Bytes)-1] ^= 1
			write(t, cert, string(pem.EncodeToMemory(block)), 0o644)
		}, "ca.pem", "its signature is wrong"},
		{"a key that others can read", func(t *testing.T, _, key string) { write(t, key, read(t, key), 0o640) }, "ca-key.pem", "others can read it (mode 0640): if nobody has, chmod 600 it"},
		{"a large file", func(t *testing.T, cert, _ string) { write(t, cert, strings.Repeat("a", 1<<20+1), 0o644) }, "ca.pem", "it is larger than 1 MiB"},
		{"a directory", func(t *testing.T, cert, _ string) {
			remove(t, cert)
			if err := os.Mkdir(cert, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "ca.pem", "it is not a file"},
		{"a link to the key", func(t *testing.T, _, key string) { link(t, key) }, "ca-key.pem", "it is a symbolic link, which is not followed"},
		{"a link to the certificate", func(t *testing.T, cert, _ string) { link(t, cert) }, "ca.pem", "it is a symbolic link, which is not followed"},
		{"a link to nowhere", func(t *testing.T, cert, _ string) {
			remove(t, cert)
			if err := os.Symlink("nowhere", cert); err != nil {
				t.Fatal(err)
			}
		}, "ca.pem", "it is a symbolic link, which is not followed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			cert := open(t, dir).Path()
			tc.damage(t, cert, filepath.Join(dir, localca.KeyFile))
			before := files(t, dir)
			_, err := localca.Open(dir, aMoment(), nil)
			want := filepath.Join(dir, tc.file) + ": " + tc.want + remake + dir
			if tc.file == localca.KeyFile {
				want = filepath.Join(dir, tc.file) + ": " + tc.want + restart
			}
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if after := files(t, dir); !same(before, after) {
				t.Errorf("the files changed: %v", after)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// link puts a file elsewhere and a symbolic link in its place.
func link(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path)); err != nil {
		t.Fatal(err)
	}
}

// A place that is none is refused before anything is written.
func TestPlaces(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "file"), "", 0o600)
	for _, err := range []error{
		os.Symlink(root, filepath.Join(root, "link")), os.Symlink("nowhere", filepath.Join(root, "dangling")),
		os.Mkdir(filepath.Join(root, "open"), 0o700), os.Chmod(filepath.Join(root, "open"), 0o777),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := files(t, root)
	for dir, want := range map[string]string{
		"file":     "no place for the CA: " + root + "/file is not a directory",
		"file/ca":  "no place for the CA: lstat " + root + "/file/ca: not a directory: name a directory that can be written, with --tls-dir",
		"link":     "no place for the CA: " + root + "/link is a symbolic link: name the directory itself with --tls-dir",
		"dangling": "no place for the CA: " + root + "/dangling is a symbolic link: name the directory itself with --tls-dir",
		"open":     "no place for the CA: anybody can write to " + root + "/open (mode 0777): close it with chmod 700, or name another directory with --tls-dir",
	} {
		for name, make := range map[string]func(string, time.Time, []string) (*localca.CA, error){"Open": localca.Open, "Renew": localca.Renew} {
			if _, err := make(filepath.Join(root, dir), aMoment(), nil); err == nil || err.Error() != want {
				t.Errorf("%s: %s: got  %v\nwant %s", name, dir, err, want)
			}
			if _, err := make(root, aMoment(), []string{"a b"}); err == nil {
				t.Errorf("%s: a wrong name is taken", name)
			}
		}
	}
	if !same(before, files(t, root)) {
		t.Errorf("something was written: %v", files(t, root))
	}
}
