package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"skystack.dev/sandbox/emulator"
)

// drain is how long requests in flight may take after a signal.
const drain = 5 * time.Second

func (p *process) serve([]string) error {
	return p.withPlan("serve", func(made *plan) error { return serve(made, p.stdout, p.stderr) })
}

// serve runs the sandbox until SIGINT, SIGTERM or SIGHUP.
func serve(p *plan, stdout, stderr io.Writer) error {
	// Installed before the banner says that the sandbox is ready.
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	defer stop()
	log := p.logger(stderr)
	applyMemoryLimit()
	r, err := start(p, "", log)
	if err != nil {
		return err
	}
	defer r.end()
	if _, err := io.WriteString(stdout, banner(p, r.Emulator, baseURL(r.at(0)), secureURL(r.at(1)))); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	r.serve()
	debug.FreeOSMemory() // memory that only the start needed
	select {
	case err := <-r.served:
		return err
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once
	log.Info("stopping: requests in flight may end", "within", drain)
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "error", err)
	}
	return nil
}

// address returns the address to listen on. Without a host that is every interface.
func (p *plan) address() (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", p.listen)
	if err != nil {
		return nil, cannotListen(p.listen, err)
	}
	return addr, nil
}

// cannotListen returns the error of an address that cannot be listened on.
func cannotListen(listen string, err error) error { return cannotListenAs("--listen", listen, err) }

// cannotListenAs is cannotListen for the address that a flag names.
func cannotListenAs(flag, listen string, err error) error {
	advice := "choose another with " + flag
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another program listens there; stop it, or choose another port: " + flag + " 127.0.0.1:0 chooses a free one"
	case errors.Is(err, syscall.EACCES):
		advice = "the system does not allow that port; choose one from 1024 on"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine has no such address; use 127.0.0.1, or 0.0.0.0 for all its addresses"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		err = number
	}
	return fmt.Errorf("cannot listen on %s: %w: %s", listen, err, advice)
}

// warnIfOpen logs a warning when other machines can reach the sandbox (10.2, row 1).
func warnIfOpen(log *slog.Logger, e *emulator.Emulator, plain, secure *net.TCPAddr) {
	at, text := plain, "other machines can reach the sandbox; it speaks plain HTTP and has no real data"
	if !exposed(plain) {
		at, text = secure, "other machines can reach the sandbox; it has no real data"
	}
	if !exposed(at) {
		return
	}
	if e.Key() == emulator.DefaultKey {
		text += ", and its key is the published default key: set another with --key"
	}
	log.Warn(text, "listen", at.String())
}
