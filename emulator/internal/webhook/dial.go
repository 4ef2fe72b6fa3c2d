package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// attemptKey finds the attempt for which a connection is dialed.
type attemptKey struct{}

// The steps of a dial.
const (
	notDialing = iota
	lookingUp
	connecting
	shaking // hands, for TLS
)

// dialError is where a dial failed, and why.
type dialError struct {
	step int32
	err  error
}

// Error implements error.
func (e *dialError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *dialError) Unwrap() error { return e.err }

// within is the context of a dial. The transport detaches a dial from the request
// that wants it, so that others may have the connection; here it ends with the
// attempt, so that nothing is connected to for an attempt that is over.
func within(ctx context.Context) (*attempt, context.Context, func()) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{ctx: ctx} // roundTrip alone asks for connections
	}
	dialing, cancel := context.WithCancel(a.ctx)
	stop := context.AfterFunc(ctx, cancel)
	return a, dialing, func() { stop(); cancel() }
}

// dial connects to the first address of a name that takes the connection. Each is
// checked when it is dialed, so it does not matter what the name meant before.
func (s *Sender) dial(ctx context.Context, _, target string) (net.Conn, error) {
	a, ctx, cancel := within(ctx)
	defer cancel()
	ctx, cancelConnect := context.WithTimeout(ctx, connectTimeout)
	defer cancelConnect()
	host, service, err := net.SplitHostPort(target)
	if err != nil {
		return nil, &dialError{lookingUp, err}
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, &dialError{lookingUp, err}
	}
	a.step.Store(lookingUp)
	addrs, err := s.lookup(ctx, host)
	if err != nil {
		return nil, &dialError{lookingUp, err}
	}
	a.step.Store(connecting)
	var failure error
	for i, addr := range addrs {
		c, err := s.connect(ctx, netip.AddrPortFrom(addr.Unmap(), uint16(port)), len(addrs)-i)
		if err == nil {
			return c, nil
		}
		// The first failure is told, but a refusal of the policy before any other.
		var r *Refusal
		if failure == nil || errors.As(err, &r) && !errors.As(failure, &r) {
			failure = err
		}
	}
	return nil, &dialError{connecting, failure}
}

// maxAddresses bounds how many addresses of a name are tried.
const maxAddresses = 8

// lookup is where host is: at least one address.
func (s *Sender) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if addrs := localhost(host); addrs != nil {
		return addrs, nil
	}
	var r Resolver = net.DefaultResolver
	if s.Resolver != nil {
		r = s.Resolver
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// connect dials one address, which has its share of the time that is left for as
// many as still may have to be tried.
func (s *Sender) connect(ctx context.Context, to netip.AddrPort, left int) (net.Conn, error) {
	dialer := net.Dialer{
		// The policy checks the address to which the system is about to connect, not
		// the one that was resolved before.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			dialed, err := netip.ParseAddrPort(address)
			if err != nil {
				return denied("Webhooks are not sent to what is no address.")
			}
			return s.Policy.Check(dialed)
		},
	}
	if left > 1 {
		dialer.Timeout = connectTimeout / time.Duration(left)
	}
	c, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

func (s *Sender) dialTLS(ctx context.Context, network, target string, config *tls.Config) (net.Conn, error) {
	plain, err := s.dial(ctx, network, target)
	if err != nil {
		return nil, err
	}
	a, ctx, cancel := within(ctx)
	defer cancel()
	a.step.Store(shaking)
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(target) // dial has split it already
	c := tls.Client(plain, config)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // the handshake's error says more
		return nil, &dialError{shaking, err}
	}
	return c, nil
}

// conn is a connection that knows how much was written to it, and looks whether the
// receiver has hung up in the meantime before it is used again.
type conn struct {
	net.Conn
	raw     syscall.RawConn // nil when the connection has none
	check   atomic.Bool     // before the next write
	written atomic.Uint64
}

var errHungUp = errors.New("the receiver has closed the connection")

func newConn(c net.Conn) *conn {
	wrapped := &conn{Conn: c}
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			wrapped.raw = raw
		}
	}
	return wrapped
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.check.Swap(false) && c.raw != nil && hungUp(c.raw) {
		return 0, errHungUp
	}
	n, err := c.Conn.Write(b)
	c.written.Add(uint64(max(n, 0)))
	return n, err
}

// under is the connection below TLS; nil when it is not ours.
func under(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}
