package cli

import (
	"fmt"
	"log/slog"
	"net"

	"skystack.dev/sandbox/emulator"
)

// running is a sandbox that listens.
type running struct {
	*emulator.Emulator
	listeners []*net.TCPListener // plain HTTP, then HTTPS if there is any
	served    chan error         // the result of each listener
}

// start creates the sandbox of a command with its settings, and listens. It does not
// serve yet.
func start(p *plan, command string, log *slog.Logger) (_ *running, err error) {
	addr, err := p.address()
	if err != nil {
		return nil, err
	}
	secureAddr, err := p.secureAddress()
	if err != nil {
		return nil, err
	}
	for listen, at := range map[string]*net.TCPAddr{p.listen: addr, p.https: secureAddr} {
		if p.anyToken && exposed(at) {
			return nil, &usageError{command, fmt.Errorf(
				"accept-any-token on %s: every client that reaches that address would be accepted; listen on a loopback address, as %s, or name the keys", listen, defaultListen)}
		}
	}
	if err := p.guard(addr, secureAddr); err != nil {
		return nil, &usageError{command, err}
	}
	secure, err := p.secure()
	if err != nil {
		return nil, &usageError{command, err}
	}
	budget := p.workspaceBudget(command == "")
	e, err := emulator.New(append(append(p.options(log), budget), secure...)...)
	if err != nil {
		return nil, &usageError{command, err}
	}
	r := &running{Emulator: e, served: make(chan error, 2)}
	defer func() {
		if err != nil {
			r.end()
		}
	}()
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, cannotListen(p.listen, err)
	}
	r.listeners = append(r.listeners, l)
	sl, err := p.listenHTTPS(secureAddr)
	if err != nil {
		return nil, err
	}
	if sl != nil {
		r.listeners = append(r.listeners, sl)
	}
	warnIfOpen(log, e, r.at(0), r.at(1))
	return r, nil
}

// at returns the address of the n-th listener; nil if there is none.
func (r *running) at(n int) *net.TCPAddr {
	if n >= len(r.listeners) {
		return nil
	}
	at, _ := r.listeners[n].Addr().(*net.TCPAddr)
	return at
}

// serve starts serving and returns.
func (r *running) serve() {
	for i, l := range r.listeners {
		do := r.Serve
		if i == 1 {
			do = r.ServeHTTPS
		}
		go func() { r.served <- do(l) }()
	}
}

// end closes everything.
func (r *running) end() {
	_ = r.Close()
	for _, l := range r.listeners {
		_ = l.Close() // a served one is closed already
	}
}
