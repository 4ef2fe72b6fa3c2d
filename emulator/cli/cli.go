// Package cli implements the commands of skystack-sandbox. Some turn flags, environment
// variables and a file into options of package emulator and serve; the others talk to a
// running sandbox through package remote.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"skystack.dev/sandbox/emulator/internal/redact"
)

// program is the name of the command in messages.
const program = "skystack-sandbox"

// The exit codes. A signal that ends the server is not a failure.
const (
	exitOK      = 0
	exitFailure = 1 // the command line was right, but the command failed
	exitUsage   = 2 // a flag, a variable, a file or a value is wrong
)

// Run runs one command and returns the exit code. args excludes the program's name;
// environ has the form of os.Environ. Control characters in the output are escaped,
// whatever their source; the program that the command test runs writes to the streams
// directly.
func Run(args, environ []string, stdout, stderr io.Writer) int {
	out, errs := &screen{to: stdout}, &screen{to: stderr}
	defer out.end()
	defer errs.end()
	return report(run(args, environ, out, errs), errs)
}

// report prints the error, if there is one, and returns the exit code.
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
	// A value may be a secret in the wrong place.
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

// untilSignal runs a command with a context that a signal ends.
func untilSignal(do func(ctx context.Context) error) error {
	ctx, stop := interruptible()
	defer stop()
	return do(ctx)
}

// withPlan runs a command that needs the values of all settings.
func (p *process) withPlan(command string, do func(*plan) error) error {
	made, err := newPlan(p.given, p.environ)
	if err != nil {
		return &usageError{command, err}
	}
	return do(made)
}

// usageError is an error that the user can correct: exit code 2.
type usageError struct {
	command string // its help explains what is right
	err     error
}

// Error implements error.
func (u *usageError) Error() string { return u.err.Error() }

// Unwrap returns the cause.
func (u *usageError) Unwrap() error { return u.err }
