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

// endpoint is how a command reaches a sandbox that runs, as any client does.
type endpoint struct{ URL, Key, CACert string }

func (c *endpoint) flags() []flag {
	return []flag{
		{name: "url", value: textFlag(&c.URL, "URL"), help: "Where the sandbox is. Default: SKYSTACK_BASE_URL, else what SKYSTACK_SANDBOX_LISTEN says, else http://127.0.0.1:8080."},
		{name: "key", value: textFlag(&c.Key, "TOKEN"), help: "A key of the workspace, with the scopes that the command needs; all, to steer it. Default: SKYSTACK_API_TOKEN, else the first of SKYSTACK_SANDBOX_KEY, else the key everybody knows."},
		{name: "cacert", value: textFlag(&c.CACert, "FILE"), help: "The certificate authority to trust with https besides those of the system, as PEM. Default: SKYSTACK_SANDBOX_CA."},
	}
}

// connection is how a command steers a sandbox that runs.
type connection struct {
	endpoint
	Workspace string
}

func (c *connection) flags() []flag {
	return append(c.endpoint.flags(), flag{name: "workspace", value: textFlag(&c.Workspace, "ID"), help: "A workspace that is not the key's, for those who have the admin token in SKYSTACK_SANDBOX_ADMIN_TOKEN."})
}

// maxCA is the most a file of certificates may hold, in bytes.
const maxCA = 1 << 20

// caVariable names the file of the certificate authority that clients trust.
const caVariable = envPrefix + "CA"

// complete fills what no flag said from the environment. Its error names what gave a
// URL that cannot be used.
func (c endpoint) complete(environ []string) (endpoint, error) {
	source := "--url"
	if c.URL == "" {
		source, c.URL = baseVariable, lookup(environ, baseVariable)
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

// checkURL refuses what is not the URL of a sandbox. A user or a query in it may be a
// secret, so the URL is not repeated.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("this is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080")
	}
	return nil
}

// baseVariable tells clients where the sandbox is.
const baseVariable = "SKYSTACK_BASE_URL"

// lookup is a variable's value; "" when it is not set.
func lookup(environ []string, name string) string {
	value := ""
	for _, pair := range environ {
		if text, ok := strings.CutPrefix(pair, name+"="); ok {
			value = text // the last one counts, as for os/exec
		}
	}
	return value
}

// urlOfListen is where a client of this machine finds a server that listens
// there.
func urlOfListen(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// options is how package remote hears of it.
func (c connection) options(environ []string) ([]remote.Option, error) {
	// A production key goes nowhere (S74).
	if err := emulator.Check(emulator.WithKey(emulator.Key{Token: c.Key})); err != nil {
		return nil, err
	}
	var opts []remote.Option
	if c.Workspace != "" {
		token := lookup(environ, variable("admin-token"))
		if token == "" {
			return nil, errors.New("--workspace: set SKYSTACK_SANDBOX_ADMIN_TOKEN to the admin token, which the sandbox prints when it starts")
		}
		opts = append(opts, remote.WithWorkspace(c.Workspace), remote.WithAdminToken(token))
	}
	if c.CACert != "" {
		pem, err := readFile(c.CACert, maxCA)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: %s holds no certificate", c.CACert)
		}
		opts = append(opts, remote.WithCA(pem))
	}
	return opts, nil
}

// use does something with the workspace at the other end, for a command. It ends
// early when the context does.
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

// untrusted is an error without what package remote and net/http advise in Go: when
// the certificate of the sandbox is not trusted, it says how a command trusts it.
func untrusted(url string, err error) error {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("the certificate of %s is not trusted: %w; name the file that %q prints with --cacert FILE or in the variable %s", url, unknown, program+" ca", caVariable)
	}
	return err
}

// lost reports whether there was no response because the connection could not
// be made, or ended. A sandbox that has responded before is gone then.
func lost(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// errEnded is the error of a command that goes on as long as the sandbox does.
func errEnded(w *remote.Workspace) error {
	return fmt.Errorf("the sandbox at %s has ended, or can no longer be reached", w.URL())
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

// readFile is a file that holds at most so many bytes.
func readFile(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readAll(file, name, most)
}

// interruptible ends with the signals that end the program.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), ending()...)
}

// ending are the signals that end the program well: SIGINT, SIGTERM, and SIGHUP
// of a terminal that is closed, unless it was started to outlive that, as by nohup.
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
