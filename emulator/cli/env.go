package cli

import (
	"errors"
	"io"
	"log/slog"

	"skystack.dev/sandbox/emulator"
)

// printEnv prints the export lines of a server that has the same settings, and
// nothing else, so that a shell can evaluate them.
func printEnv(p *plan, stdout io.Writer) error {
	addr, err := p.address()
	if err != nil {
		return err
	}
	if addr.Port == 0 {
		return &usageError{"env", errors.New("with port 0 only the running server knows its address: copy the lines it prints, or listen on a port of your choice")}
	}
	e, err := emulator.New(p.options(slog.New(slog.DiscardHandler))...)
	if err != nil {
		return &usageError{"env", err}
	}
	defer func() { _ = e.Close() }()
	_, err = io.WriteString(stdout, exports(baseURL(addr), e.Key()))
	return err
}
