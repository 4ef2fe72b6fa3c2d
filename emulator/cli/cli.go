// Package cli is the commands of skystack-sandbox: they turn flags, environment
// and a file into options of package emulator, and serve.
package cli

import (
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
// without the program's name; environ is as os.Environ has it.
func Run(args, environ []string, stdout, stderr io.Writer) int {
	err := run(args, environ, stdout, stderr)
	if err == nil {
		return exitOK
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
		_, _ = fmt.Fprintf(stderr, "%s: run %q for what is right\n", program, strings.Join(words, " "))
		return exitUsage
	}
	return exitFailure
}

func run(args, environ []string, stdout, stderr io.Writer) error {
	in, err := parse(args)
	if err != nil || in.help != nil {
		if in.help != nil {
			return printHelp(stdout, in.help)
		}
		return &usageError{in.command, err}
	}
	switch in.command {
	case "key new":
		return keyNew(in.Key.New, stdout)
	case "version":
		return printVersion(stdout)
	}
	p, err := newPlan(in.given, environ)
	if err != nil {
		return &usageError{in.command, err}
	}
	if in.command == "env" {
		return printEnv(p, stdout)
	}
	return serve(p, stdout, stderr)
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
