package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
)

// endpoint tells a command how to reach a running sandbox, as any client does.
type endpoint struct{ URL, Key, CACert string }

func (c *endpoint) flags() []flag {
	return []flag{
		{name: "url", value: textFlag(&c.URL, "URL"), help: "The base URL of the sandbox. Default: SKYSTACK_BASE_URL, else COMPUTESTACKS_BASE_URL, else the address in SKYSTACK_SANDBOX_LISTEN, else http://127.0.0.1:8080."},
		{name: "key", value: textFlag(&c.Key, "TOKEN"), help: "A key of the workspace with the scopes that the command needs; commands that control the workspace need the scope *. Default: SKYSTACK_API_TOKEN, else the first of SKYSTACK_SANDBOX_KEY, else the default key of the README."},
		{name: "cacert", value: textFlag(&c.CACert, "FILE"), help: "A PEM file with a certificate authority to trust for https, in addition to those of the system. Default: SKYSTACK_SANDBOX_CA."},
	}
}

// connection tells a command how to control a running sandbox.
type connection struct {
	endpoint
	Workspace string
}

func (c *connection) flags() []flag {
	return append(c.endpoint.flags(), flag{name: "workspace", value: textFlag(&c.Workspace, "ID"), help: "Another workspace than that of the key. It needs the admin token in SKYSTACK_SANDBOX_ADMIN_TOKEN."})
}

// maxCA is the maximum size of a file of certificates, in bytes.
const maxCA = 1 << 20

// caVariable names the file of the certificate authority that clients trust.
const caVariable = envPrefix + "CA"

// complete fills in from the environment what no flag gives. Its error names the source
// of an unusable URL.
func (c endpoint) complete(environ []string) (endpoint, error) {
	source := "--url"
	for _, name := range []string{baseVariable, stacksVariable} {
		if c.URL == "" {
			source, c.URL = name, lookup(environ, name)
		}
	}
	if c.URL == "" {
		listen := cmp.Or(lookup(environ, variable("listen")), defaultListen)
		if err := checkAddress(listen, defaultListen); err != nil {
			return c, fmt.Errorf("%s: %w", variable("listen"), err)
		}
		c.URL = urlOfListen(listen)
	}
	if err := checkURL(c.URL); err != nil {
		return c, fmt.Errorf("%s: %w", source, err)
	}
	if c.Key == "" {
		c.Key = lookup(environ, "SKYSTACK_API_TOKEN")
	}
	if c.Key == "" {
		first, _, _ := strings.Cut(lookup(environ, variable("key")), ",")
		c.Key = strings.TrimSpace(first)
	}
	if c.Key == "" {
		c.Key = emulator.DefaultKey
	}
	if c.CACert == "" && strings.HasPrefix(c.URL, "https:") {
		c.CACert = lookup(environ, caVariable)
	}
	return c, nil
}

// checkURL refuses text that is not the base URL of a sandbox. The error does not repeat
// it, for a user or a query in it may be a secret.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("this is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080")
	}
	return nil
}

// The variables that hold the base URL for clients of each API.
const (
	baseVariable   = "SKYSTACK_BASE_URL"
	stacksVariable = "COMPUTESTACKS_BASE_URL"
)

// lookup returns the value of a variable; "" when it is not set.
func lookup(environ []string, name string) string {
	value := ""
	for _, pair := range environ {
		if text, ok := strings.CutPrefix(pair, name+"="); ok {
			value = text // the last one counts, as for os/exec
		}
	}
	return value
}

// urlOfListen returns the URL by which a client of this machine reaches a server that
// listens there.
func urlOfListen(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// options returns the connection as options of package remote.
func (c connection) options(environ []string) ([]remote.Option, error) {
	// A production key is never sent (S74).
	if err := emulator.Check(emulator.WithKey(emulator.Key{Token: c.Key})); err != nil {
		return nil, err
	}
	var opts []remote.Option
	if c.Workspace != "" {
		token := lookup(environ, variable("admin-token"))
		if token == "" {
			return nil, errors.New("--workspace: set SKYSTACK_SANDBOX_ADMIN_TOKEN to the admin token that the sandbox prints when it starts")
		}
		opts = append(opts, remote.WithWorkspace(c.Workspace), remote.WithAdminToken(token))
	}
	if c.CACert != "" {
		pem, err := readFile(c.CACert, maxCA)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: %s contains no certificate", c.CACert)
		}
		opts = append(opts, remote.WithCA(pem))
	}
	return opts, nil
}

// use connects to the workspace and calls do. It returns early when the context ends.
func (c connection) use(ctx context.Context, command string, environ []string, do func(*remote.Workspace) error) error {
	var err error
	if c.endpoint, err = c.complete(environ); err != nil {
		return &usageError{command, err}
	}
	opts, err := c.options(environ)
	if err != nil {
		return &usageError{command, err}
	}
	w, err := remote.New(ctx, c.URL, c.Key, opts...)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = w.Close() })
		err = do(w)
		if err == nil {
			err = w.Err()
		}
		stop()
		_ = w.Close()
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return untrusted(c.URL, err)
}

// untrusted replaces the advice for Go programs in an error about an untrusted
// certificate: it says how a command is made to trust the sandbox.
func untrusted(url string, err error) error {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("the certificate of %s is not trusted: %w; name the file that %q prints with --cacert FILE or in the variable %s", url, unknown, program+" ca", caVariable)
	}
	return err
}

// lost reports whether there is no response because the connection failed or ended. A
// sandbox that responded before has stopped then.
func lost(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// errEnded returns the error of a following command whose sandbox has stopped.
func errEnded(w *remote.Workspace) error {
	return fmt.Errorf("the sandbox at %s has stopped, or can no longer be reached", w.URL())
}

// ofFlags returns the usage error of a command whose flags the sandbox refused, and
// any other error as it is. flags maps parameters to flags where the names differ, and
// the code of a 404 to the flag whose value was not found.
func ofFlags(command string, err error, flags map[string]string) error {
	refused, ok := errors.AsType[*remote.Error](err)
	if !ok {
		return err
	}
	if name := flags[refused.Code]; name != "" && refused.Status == http.StatusNotFound {
		return &usageError{command, errors.New(name + ": " + strings.TrimSuffix(refused.Message, "."))}
	}
	if refused.Status != http.StatusBadRequest {
		return err
	}
	var lines []string
	for _, d := range refused.Details {
		field, _, _ := strings.Cut(d.Field, "[")
		name := cmp.Or(flags[field], "--"+strings.ReplaceAll(field, "_", "-"))
		message := strings.TrimPrefix(d.Message, d.Field+" ")
		lines = append(lines, name+": "+visible(strings.TrimSuffix(message, ".")))
	}
	if lines == nil {
		lines = []string{strings.TrimSuffix(refused.Message, ".")}
	}
	return &usageError{command, errors.New(strings.Join(lines, "\n"))}
}

// readFile reads a file of at most so many bytes.
func readFile(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readAll(file, name, most)
}

// interruptible returns a context that the signals of ending end.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), ending()...)
}

// ending returns the signals that end the program normally: SIGINT, SIGTERM, and SIGHUP
// of a closed terminal, unless it is ignored, as under nohup.
func ending() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// readAll reads at most so many bytes.
func readAll(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: larger than %d MiB", name, most>>20)
	}
	return data, err
}
