package localca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// maxFile is the most that is read of a file with certificates or a key.
const maxFile = 1 << 20

// Open returns the CA of a directory, and makes what is missing: the directory,
// for its owner alone, the key and the certificate. The further names must be
// among those that the CA was made for. A CA that has expired gets a new
// certificate; what is damaged is left as it is, and the error says what to do.
//
// Several processes may open a directory at once: they get the same CA. Symbolic
// links are not followed.
func Open(dir string, now time.Time, names []string) (*CA, error) {
	s, further, err := openStore(dir, names)
	if err != nil {
		return nil, err
	}
	defer s.close()
	// The key is written first: so a certificate always has its key.
	text, err := s.read(CertFile)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = s.found(now, further); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.fault(KeyFile, "there is none beside "+CertFile)
	}
	if err != nil {
		return nil, err
	}
	ca, err := s.parse(text, key)
	if err != nil {
		return nil, err
	}
	if now.Before(ca.cert.NotBefore) {
		return nil, s.fault(CertFile, "it is good only from "+stamp(ca.cert.NotBefore)+" on, and it is "+stamp(now)+" now: check the clock of this machine")
	}
	if ended := ca.cert.NotAfter; now.After(ended) {
		if ca, err = s.replace(key, now, ca.further().join(further)); err != nil {
			return nil, err
		}
		ca.Expired = ended
	}
	return ca, ca.admit(served().join(further))
}

// Renew makes the certificate of a directory's CA anew, with the names it had and
// these further ones. The key stays, or is made if there is none. Clients must
// trust the new certificate.
func Renew(dir string, now time.Time, names []string) (*CA, error) {
	s, further, err := openStore(dir, names)
	if err != nil {
		return nil, err
	}
	defer s.close()
	key, err := s.keyOrNew()
	if err != nil {
		return nil, err
	}
	text, err := s.read(CertFile)
	if err == nil {
		if old, err := s.parse(text, key); err == nil {
			further = old.further().join(further)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s.replace(key, now, further)
}

// store is a directory that holds a CA.
type store struct {
	dir  string
	root *os.Root
}

// openStore opens the directory of a CA for further names, and makes it if there
// is none. A wrong name is refused before anything is made.
func openStore(dir string, names []string) (*store, hosts, error) {
	further, err := clean(names)
	if err != nil {
		return nil, hosts{}, err
	}
	s, err := newStore(dir)
	return s, further, err
}

func newStore(dir string) (*store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			info, err = os.Lstat(dir)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("no place for the CA: %w: name a directory that can be written, with --tls-dir", err)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("no place for the CA: %s is a symbolic link: name the directory itself with --tls-dir", dir)
	case !info.IsDir():
		return nil, fmt.Errorf("no place for the CA: %s is not a directory", dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("no place for the CA: anybody can write to %s (mode %04o): close it with chmod 700, or name another directory with --tls-dir", dir, info.Mode().Perm())
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("no place for the CA: %w", err)
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(info, opened) {
		_ = root.Close()
		return nil, fmt.Errorf("no place for the CA: %s was replaced while it was opened", dir)
	}
	return &store{dir, root}, nil
}

func (s *store) close() { _ = s.root.Close() }

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// fault says which file is wrong and what to do about it.
func (s *store) fault(name, what string) error {
	advice := "put back the right one, or make it again from its key, and let clients trust the new one: " + renew(s.dir)
	if name == KeyFile {
		advice = "put back the right one, or remove both " + CertFile + " and " + KeyFile + ": a new CA is made then, which clients must trust"
	}
	return fmt.Errorf("%s: %s; %s", s.path(name), what, advice)
}

// read is a file of the CA. The error is fs.ErrNotExist if there is none.
func (s *store) read(name string) ([]byte, error) {
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, s.fault(name, "cannot look at it: "+cause(err))
	}
	mode := info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		return nil, s.fault(name, "it is a symbolic link, which is not followed")
	case !mode.IsRegular():
		return nil, s.fault(name, "it is not a file")
	case name == KeyFile && runtime.GOOS != "windows" && mode.Perm()&0o077 != 0:
		return nil, s.fault(name, fmt.Sprintf("others can read it (mode %04o): if nobody has, chmod 600 it", mode.Perm()))
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, s.fault(name, "cannot read it: "+cause(err))
	}
	defer func() { _ = f.Close() }()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, s.fault(name, "it was replaced while it was opened: try again")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, s.fault(name, "cannot read it: "+cause(err))
	}
	if len(text) > maxFile {
		return nil, s.fault(name, "it is larger than 1 MiB")
	}
	return text, nil
}

// cause is an error without the path that stands beside it anyway.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}

func (s *store) key() (crypto.Signer, error) {
	text, err := s.read(KeyFile)
	if err != nil {
		return nil, err
	}
	block, err := single(text, "PRIVATE KEY")
	if err != nil {
		return nil, s.fault(KeyFile, err.Error())
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block)
	key, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil, s.fault(KeyFile, "it holds no private key that can be read")
	}
	return key, nil
}

// single is the content of a text that is one PEM block of the kind.
func single(text []byte, kind string) ([]byte, error) {
	block, rest := pem.Decode(text)
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("it is empty")
	case block == nil:
		return nil, fmt.Errorf("it is damaged: want a PEM block that begins with -----BEGIN %s-----", kind)
	case block.Type != kind && (block.Type == "CERTIFICATE" || block.Type == "PRIVATE KEY"):
		return nil, fmt.Errorf("it holds a %s: were %s and %s swapped?", block.Type, CertFile, KeyFile)
	case block.Type != kind:
		return nil, fmt.Errorf("it holds a PEM block %s, want %s", block.Type, kind)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("something follows after -----END %s-----", kind)
	}
	return block.Bytes, nil
}

// parse reads the certificate that belongs to the key.
func (s *store) parse(text []byte, key crypto.Signer) (*CA, error) {
	der, err := single(text, "CERTIFICATE")
	if err != nil {
		return nil, s.fault(CertFile, err.Error())
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, s.fault(CertFile, "it is damaged: no certificate can be read in it")
	}
	if err := check(cert, key); err != nil {
		return nil, s.fault(CertFile, err.Error())
	}
	return &CA{cert: cert, key: key, path: s.path(CertFile)}, nil
}

// found makes the certificate of a directory that has none, and the key too if
// there is none. Another process may do the same: the first one wins.
func (s *store) found(now time.Time, further hosts) ([]byte, error) {
	key, err := s.keyOrNew()
	if err != nil {
		return nil, err
	}
	ca, err := sign(key, now, further)
	if err != nil {
		return nil, err
	}
	if err := s.write(CertFile, ca.PEM(), 0o644, false); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return s.read(CertFile)
}

func (s *store) keyOrNew() (crypto.Signer, error) {
	key, err := s.key()
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	fresh, err := newKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(fresh)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := s.write(KeyFile, text, 0o600, false); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return s.key()
}

// replace puts a new certificate in the place of an old one.
func (s *store) replace(key crypto.Signer, now time.Time, further hosts) (*CA, error) {
	ca, err := sign(key, now, further)
	if err != nil {
		return nil, err
	}
	ca.path = s.path(CertFile)
	return ca, s.write(CertFile, ca.PEM(), 0o644, true)
}

// write puts a file there at once and whole. Unless it may replace, the error is
// fs.ErrExist if there is one.
func (s *store) write(name string, text []byte, mode fs.FileMode, replace bool) error {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails: the runtime ends the process first
	temp := "." + name + "." + hex.EncodeToString(random[:])
	defer func() { _ = s.root.Remove(temp) }()
	err := s.fill(temp, text, mode)
	switch {
	case err != nil:
	case replace:
		err = s.root.Rename(temp, name)
	default:
		// A link is never put over a file that is there, unlike a renamed one.
		if err = s.root.Link(temp, name); err != nil && !errors.Is(err, fs.ErrExist) {
			err = s.fill(name, text, mode) // a file system without links
		}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot write %s: %s: name a directory that can be written, with --tls-dir", s.path(name), cause(err))
	}
	return err
}

// fill writes a new file.
func (s *store) fill(name string, text []byte, mode fs.FileMode) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}
