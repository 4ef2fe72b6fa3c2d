// Package cli is the commands of skystack-sandbox: they turn flags, environment
// and a file into options of package emulator, and serve; or they talk to a
// sandbox that runs, through package remote.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"skystack.dev/sandbox/emulator/internal/redact"
)

// program is what the command is called in messages.
const program = "skystack-sandbox"

// The exit codes. A signal that ends the server is not a failure.
const (
	exitOK      = 0
	exitFailure = 1 // the command was right, but could not be carried out
	exitUsage   = 2 // a flag, a variable, a file or a value is wrong
)

// Run carries out one command and returns the exit code. The arguments are
// without the program's name; environ is as os.Environ has it. What it prints steers
// no terminal, wherever it came from; the program that the command test runs has the
// streams themselves.
func Run(args, environ []string, stdout, stderr io.Writer) int {
	out, errs := &screen{to: stdout}, &screen{to: stderr}
	defer out.end()
	defer errs.end()
	return report(run(args, environ, out, errs), errs)
}

// report says what went wrong, if anything did, and is the exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	code := exitFailure
	if x, ok := errors.AsType[*exitError](err); ok {
		if code = x.code; x.err == nil {
			return code
		}
	}
	// A value may be a secret that landed in the wrong place.
	text := redact.String(err.Error())
	for line := range strings.Lines(text + "\n") {
		_, _ = fmt.Fprintf(stderr, "%s: %s", program, line)
	}
	if u, ok := errors.AsType[*usageError](err); ok {
		words := []string{program, u.command, "--help"}
		if u.command == "" || u.command == "serve" {
			words = []string{program, "--help"}
		}
		_, _ = fmt.Fprintf(stderr, "%s: run %q for usage\n", program, strings.Join(words, " "))
		return exitUsage
	}
	return code
}

func run(args, environ []string, stdout, stderr io.Writer) error {
	p := &process{environ: environ, stdout: stdout, stderr: stderr}
	return p.execute(args)
}

// remotely is a command that talks to a sandbox that runs, until it has ended or a
// signal ends the program.
func remotely(do func(ctx context.Context) error) error {
	ctx, stop := interruptible()
	defer stop()
	return do(ctx)
}

// planned is a command that needs to know what all settings come to.
func (p *process) planned(command string, do func(*plan) error) error {
	made, err := newPlan(p.given, p.environ)
	if err != nil {
		return &usageError{command, err}
	}
	return do(made)
}

// usageError is the user's to mend.
type usageError struct {
	command string // whose help explains it
	err     error
}

// Error implements error.
func (u *usageError) Error() string { return u.err.Error() }

// Unwrap returns the cause.
func (u *usageError) Unwrap() error { return u.err }
