package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout = 10 * time.Second
	connectTimeout = 3 * time.Second
	// bodyWait is how long a body may take once the header of the response has
	// settled whether the attempt succeeded: the body is only for the log.
	bodyWait = 250 * time.Millisecond
	// idleTimeout is shorter than the 5 s after which common servers hang up.
	idleTimeout    = 4 * time.Second
	maxHeaderBytes = 16 << 10
	// idlePerHost is as many as an endpoint may have in flight.
	idlePerHost = 8
)

// Resolver finds the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Sender sends messages. Its fields are set before the first Send and not changed
// after it; the zero value sends by the zero Policy. Many may send at once.
type Sender struct {
	Policy Policy
	// Resolver looks names up, once for every connection; nil is the system's.
	// Names under localhost are always this machine's and never looked up.
	Resolver Resolver
	// CAs vouch for receivers; nil are the system's.
	CAs *x509.CertPool
	// Transport takes the place of all dialing, for receivers in this process. Then
	// there are no addresses to check; URLs still are.
	Transport http.RoundTripper
	// InContainer says that localhost is a container's, so that a refused
	// connection can be explained.
	InContainer bool
	// Hint adds a sentence to the message of a connection that failed to reach
	// host; nil and "" add none.
	Hint func(host string) string
	// Clock measures latencies; nil leaves them 0.
	Clock func() time.Time

	mu        sync.Mutex
	verifying *http.Transport // nil before its first use, as is the next
	trusting  *http.Transport // of endpoints that verify no certificate
}

// Options are those of an endpoint.
type Options struct {
	// Timeout bounds an attempt up to the header of the response; 0 is 10 s. A
	// connection has 3 s of it.
	Timeout time.Duration
	// InsecureTLS accepts any certificate.
	InsecureTLS bool
}

// Send makes one attempt and returns its outcome. It takes at most Options.Timeout and
// is canceled when ctx ends.
func (s *Sender) Send(ctx context.Context, m Message, o Options) Outcome {
	begun := s.now()
	u, err := s.Policy.parse(m.URL)
	if err != nil {
		return refused(err)
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a := &attempt{sender: s, caller: ctx, ctx: limited, message: m, url: u, timeout: timeout}
	resp, err := a.roundTrip(s.transport(o.InsecureTLS))
	if err != nil {
		out := a.explain(err)
		out.Latency = s.now().Sub(begun)
		return out
	}
	out := Outcome{Latency: s.now().Sub(begun)}
	out.judge(resp, m.Timestamp)
	out.Body = a.body(resp, cancel)
	return out
}

func (s *Sender) now() time.Time {
	if s.Clock == nil {
		return time.Time{}
	}
	return s.Clock()
}

// Close hangs up on receivers that wait for nothing. A Send that is under way ends
// by its context.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range []*http.Transport{s.verifying, s.trusting} {
		if t != nil {
			t.CloseIdleConnections()
		}
	}
}

// transport is what carries requests. Connections that no certificate was asked
// of are never used for endpoints that want one.
func (s *Sender) transport(insecure bool) http.RoundTripper {
	if s.Transport != nil {
		return s.Transport
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.verifying
	if insecure {
		t = &s.trusting
	}
	if *t == nil {
		*t = s.newTransport(&tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: s.CAs, NextProtos: []string{"h2", "http/1.1"},
			InsecureSkipVerify: insecure, // an endpoint asks for it by name
		})
	}
	return *t
}

func (s *Sender) newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:       nil, // whatever the environment says
		DialContext: s.dial,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return s.dialTLS(ctx, network, addr, config)
		},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// attempt is one Send.
type attempt struct {
	sender  *Sender
	caller  context.Context // whose end is the caller's wish
	ctx     context.Context // which ends with the timeout too
	message Message
	url     *url.URL
	timeout time.Duration

	step      atomic.Int32 // of the dial that this attempt began
	connected bool         // a connection was there
	reused    *conn        // it, when it had been used before
	written   uint64       // the bytes that had been written to it by then
}

// roundTrip sends the request. It goes without an http.Client, which would follow
// redirects and send along cookies.
func (a *attempt) roundTrip(t http.RoundTripper) (*http.Response, error) {
	header := a.message.Header()
	ctx := context.WithValue(a.ctx, attemptKey{}, a)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: a.gotConn})
	for again := 0; ; again++ {
		req := (&http.Request{
			Method: http.MethodPost, URL: a.url, Host: a.url.Host, Header: header,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			ContentLength: int64(len(a.message.Body)),
			Body:          io.NopCloser(bytes.NewReader(a.message.Body)),
			GetBody:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.message.Body)), nil },
		}).WithContext(ctx)
		a.connected, a.reused = false, nil
		resp, err := t.RoundTrip(req)
		// A receiver may hang up on a connection that waits for the next event.
		// That is no failure as long as nothing of this event was written.
		if err == nil || a.ctx.Err() != nil || again > idlePerHost || !a.untouched() {
			return resp, err
		}
	}
}

func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.connected = true
	if c := under(info.Conn); info.Reused && c != nil {
		a.reused, a.written = c, c.written.Load()
		c.check.Store(true)
	}
}

// untouched reports whether the connection had been used before and nothing of
// this attempt was written to it.
func (a *attempt) untouched() bool {
	return a.reused != nil && a.reused.written.Load() == a.written
}

// body reads what is kept of the response, and a little more so that the connection
// can be used again. give ends the request, for a body that takes too long.
func (a *attempt) body(resp *http.Response, give func()) string {
	defer resp.Body.Close() //nolint:errcheck // the rest is not needed
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == http.NoBody {
		return "" // what follows is no HTTP, or nothing
	}
	ctx, cancel := context.WithTimeout(a.ctx, bodyWait)
	defer cancel()
	defer context.AfterFunc(ctx, give)()
	var kept [maxKept + 1]byte
	n, err := io.ReadFull(resp.Body, kept[:])
	if err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxRead-int64(n)) // it is enough that the rest is gone
	}
	return text(kept[:n])
}
