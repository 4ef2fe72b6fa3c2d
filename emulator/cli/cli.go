// Package cli is the commands of skystack-sandbox: they turn flags, environment
// and a file into options of package emulator, and serve; or they talk to a
// sandbox that runs, through package remote.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	out, faults := &screen{to: stdout}, &screen{to: stderr}
	defer out.end()
	defer faults.end()
	return report(run(args, environ, out, faults), faults)
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
		_, _ = fmt.Fprintf(stderr, "%s: run %q for what is right\n", program, strings.Join(words, " "))
		return exitUsage
	}
	return code
}

func run(args, environ []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == completeCommand {
		return complete(args[1:], stdout)
	}
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
		return printVersion(in.Version, stdout)
	case "completion":
		return completion(in.Completion, stdout)
	case "healthcheck":
		return healthcheck(in.given, environ)
	}
	if client := in.client(environ, stdout, stderr); client != nil {
		ctx, stop := interruptible()
		defer stop()
		return client(ctx)
	}
	p, err := newPlan(in.given, environ)
	if err != nil {
		return &usageError{in.command, err}
	}
	switch in.command {
	case "env":
		return printEnv(p, stdout)
	case "ca":
		return printCA(p, in.given, stdout)
	case "test":
		return test(p, in.words, environ, streams{os.Stdin, stdout, stderr})
	}
	return serve(p, stdout, stderr)
}

// client is what to do for a command that talks to a sandbox that runs; nil for
// any other.
func (in *input) client(environ []string, stdout, stderr io.Writer) func(context.Context) error {
	group, _, _ := strings.Cut(in.command, " ")
	switch group {
	case "clock":
		return func(ctx context.Context) error { return clock(ctx, in.command, in.Clock, environ, stdout) }
	case "reset":
		return func(ctx context.Context) error { return reset(ctx, in.Reset, environ) }
	case "snapshot":
		return func(ctx context.Context) error {
			return snapshot(ctx, in.command, in.Snapshot, environ, os.Stdin, stdout)
		}
	case "token":
		return func(ctx context.Context) error { return token(ctx, in.command, in.Token, environ, stdout) }
	case "listen":
		return func(ctx context.Context) error { return listen(ctx, in.Listen, environ, stdout, stderr) }
	case "trigger":
		return func(ctx context.Context) error { return trigger(ctx, in.Trigger, environ, stdout, stderr) }
	case "deliveries":
		return func(ctx context.Context) error { return deliveries(ctx, in.Deliveries, environ, stdout) }
	case "webhooks":
		return func(ctx context.Context) error { return flush(ctx, in.Webhooks.Flush, environ) }
	case "requests":
		return func(ctx context.Context) error { return requests(ctx, in.Requests, environ, stdout, stderr) }
	}
	return nil
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
