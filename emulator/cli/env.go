package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
)

func (p *process) envCommand() *cobra.Command {
	const long = "Prints the export lines for a client of a server with the same settings: the base URL, from the setting listen, and the credentials of each API that the setting apis names. The server need not be running. In a shell:\n\neval \"$(" + program + " env)\"\n\n" + likeServe
	return p.withSettings("env", "Print export lines for a client's shell: eval \"$("+program+" env)\"", long, nil, func([]string) error {
		return p.withPlan("env", func(made *plan) error { return printEnv(made, p.stdout) })
	})
}

// printEnv prints only the export lines of a server with the same settings, so that a
// shell can evaluate them.
func printEnv(p *plan, stdout io.Writer) error {
	addr, err := p.address()
	if err != nil {
		return err
	}
	secureAddr, err := p.secureAddress()
	if err != nil {
		return err
	}
	if err := p.checkHTTPS(); err != nil {
		return &usageError{"env", err}
	}
	if err := p.guard(addr, secureAddr); err != nil {
		return &usageError{"env", err}
	}
	shown, base := addr, baseURL(addr)
	if p.required { // keys are accepted only there
		shown, base = secureAddr, secureURL(secureAddr)
	}
	if shown.Port == 0 {
		return &usageError{"env", errors.New("with port 0 only the running server knows its address: copy the lines it prints, or choose a port")}
	}
	lines, err := p.exports(base)
	if err != nil {
		return &usageError{"env", err}
	}
	if exposed(addr, secureAddr) {
		listen := p.listen
		if !exposed(addr) {
			listen = p.https
		}
		if again, err := p.exports(base); err != nil || again != lines {
			return &usageError{"env", fmt.Errorf("a server that listens on %s generates another key at every start: copy the lines it prints, or give it a key with --key", listen)}
		}
	}
	_, err = io.WriteString(stdout, lines)
	return err
}

// exports returns the export lines of a server with these settings.
func (p *plan) exports(base string) (string, error) {
	e, err := emulator.New(p.options(slog.New(slog.DiscardHandler))...)
	if err != nil {
		return "", err
	}
	defer func() { _ = e.Close() }()
	return exports(variables(e, base)), nil
}
