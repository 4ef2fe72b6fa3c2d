package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// timeout is how long a call may take without a deadline of its caller.
	timeout = 2 * time.Minute
	// idleTime is shorter than the server's, so that no connection is asked
	// while the server closes it.
	idleTime = time.Minute
	// parallel is how many connections wait for the next call; tests in parallel
	// share a host.
	parallel = 64
)

// host is the server as all workspaces reached through it share it.
type host struct {
	base    *url.URL // scheme and host alone
	admin   string   // the admin token; "" if there is none
	control *http.Client
	users   http.Client // what Client returns, without its transport
	own     *http.Transport
	timeout time.Duration
	most    int // bytes of a response that are held in memory

	mu   sync.Mutex
	open int // workspaces that are not closed
}

func newHost(address string, c config) (*host, error) {
	base, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	h := &host{base: base, admin: c.admin, timeout: timeout, most: maxBody}
	var transport http.RoundTripper
	if c.http != nil {
		h.users, transport = *c.http, c.http.Transport
		if c.http.Timeout > 0 {
			h.timeout = c.http.Timeout
		}
	}
	switch given, known := transport.(*http.Transport); {
	case transport == nil:
		h.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: parallel, IdleConnTimeout: idleTime,
		}
	case known && c.ca != nil:
		h.own = given.Clone()
	case c.ca != nil:
		return nil, fmt.Errorf("WithCA cannot change a %T: let that transport trust the CA, or give WithHTTPClient an *http.Transport", transport)
	}
	if h.own != nil {
		transport = h.own
	}
	if c.ca != nil {
		if err := addCA(h.own, c.ca); err != nil {
			return nil, err
		}
	}
	h.control = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return h, nil
}

// parseURL takes the URL of a sandbox, of which it wants scheme and host.
func parseURL(address string) (*url.URL, error) {
	const example = "use scheme and host alone, as in http://127.0.0.1:8080"
	if address == "" {
		return nil, errors.New("the URL of the sandbox is empty: " + example)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is not the URL of a sandbox: %s", address, example)
	}
	if u.User != nil {
		return nil, errors.New("the URL of the sandbox holds a user: " + example)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is more than the URL of a sandbox: %s", address, example)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// addCA lets a transport trust the certificates of a PEM text; without a
// transport it only checks the text.
func addCA(t *http.Transport, pem []byte) error {
	pool := x509.NewCertPool()
	if t != nil {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if given := t.TLSClientConfig.RootCAs; given != nil {
			pool = given.Clone()
		} else if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
		t.TLSClientConfig.RootCAs = pool
	}
	if !pool.AppendCertsFromPEM(pem) {
		return errors.New("WithCA: there is no certificate in the PEM text: give it what the file named by \"skystack-sandbox ca\" holds")
	}
	return nil
}

func (h *host) enter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open++
}

// leave closes the connections when the last workspace has left.
func (h *host) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open--; h.open == 0 && h.own != nil {
		h.own.CloseIdleConnections()
	}
}

// unreachable says in the words of this package why there was no response.
func (h *host) unreachable(c call, err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // its text repeats the URL
	}
	var (
		untrusted x509.UnknownAuthorityError
		otherName x509.HostnameError
		cert      *tls.CertificateVerificationError
		name      *net.DNSError
		dial      *net.OpError
	)
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate of %s is not trusted: %w; give WithCA the file that \"skystack-sandbox ca\" names", h.base, err)
	case errors.As(err, &otherName):
		return fmt.Errorf("the certificate of %s is for other names: %w", h.base, err)
	case errors.As(err, &cert):
		return fmt.Errorf("the certificate of %s is refused: %w", h.base, err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s speaks plain HTTP: use http://%s", h.base, h.base.Host)
	case errors.As(err, &name):
		return fmt.Errorf("there is no host %s: %w", h.base.Hostname(), err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("nothing listens at %s: %w; is the sandbox running, and is that its URL?", h.base, err)
	}
	return fmt.Errorf("%s at %s: %w", c, h.base, err)
}
