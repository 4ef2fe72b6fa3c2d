package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"skystack.dev/sandbox/emulator"
)

// drain is how long requests in flight may take once the end was asked for.
const drain = 5 * time.Second

// serve runs the sandbox until SIGINT or SIGTERM.
func serve(p *plan, stdout, stderr io.Writer) error {
	log := p.logger(stderr)
	addr, err := p.address()
	if err != nil {
		return err
	}
	if p.anyToken && !addr.IP.IsLoopback() {
		return &usageError{"", fmt.Errorf(
			"accept-any-token on %s: whoever reaches that address would be let in; listen on a loopback address, as %s, or name the keys", p.listen, defaultListen)}
	}
	// Installed before anybody is told that the sandbox is there.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e, err := emulator.New(p.options(log)...)
	if err != nil {
		return &usageError{"", err}
	}
	defer func() { _ = e.Close() }()
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return cannotListen(p.listen, err)
	}
	bound, _ := l.Addr().(*net.TCPAddr)
	warnIfOpen(log, e, bound)
	if _, err := io.WriteString(stdout, banner(e, baseURL(bound))); err != nil {
		_ = l.Close()
		return fmt.Errorf("standard output: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once
	log.Info("stopping: requests in flight may end", "within", drain)
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "error", err)
	}
	return nil
}

// address is where to listen. Without a host that is every interface.
func (p *plan) address() (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", p.listen)
	if err != nil {
		return nil, cannotListen(p.listen, err)
	}
	return addr, nil
}

// cannotListen says what to do about an address that is not to be had.
func cannotListen(listen string, err error) error {
	advice := "choose another with --listen"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "something else listens there; end it, or choose another port: --listen 127.0.0.1:0 takes a free one"
	case errors.Is(err, syscall.EACCES):
		advice = "the system does not allow that port; choose one from 1024 on"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine has no such address; use 127.0.0.1, or 0.0.0.0 for all it has"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		err = number
	}
	return fmt.Errorf("cannot listen on %s: %w: %s", listen, err, advice)
}

// warnIfOpen says so when other machines can reach the sandbox (10.2, row 1).
func warnIfOpen(log *slog.Logger, e *emulator.Emulator, at *net.TCPAddr) {
	if at.IP.IsLoopback() {
		return
	}
	text := "other machines can reach the sandbox; it speaks plain HTTP and guards nothing worth guarding"
	if e.Key() == emulator.DefaultKey {
		text += ", and everybody knows its key: give it another with --key"
	}
	log.Warn(text, "listen", at.String())
}
