package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

// The exit codes of shells for a command that could not be run, and the number that
// they add to that of a signal.
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128
)

// exitError ends the program with another exit code.
type exitError struct {
	code int
	err  error // nil: nothing more is printed
}

// Error implements error.
func (x *exitError) Error() string {
	if x.err == nil {
		return "exit code " + strconv.Itoa(x.code)
	}
	return x.err.Error()
}

// Unwrap returns the cause.
func (x *exitError) Unwrap() error { return x.err }

// streams are the standard streams of a program.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func (p *process) testCommand() *cobra.Command {
	c := p.withSettings("test -- COMMAND [ARGUMENT...]", "Run a command with its own sandbox, and exit with its exit code.", testHelp+likeServe, nil, func(words []string) error {
		return p.withPlan("test", func(made *plan) error { return test(made, words, p.environ, streams{os.Stdin, p.stdout, p.stderr}) })
	})
	c.Args = cobra.ArbitraryArgs
	c.Flags().SetInterspersed(false) // the flags after COMMAND belong to it
	return c
}

// test runs a program with its own sandbox, and returns the exit code of the program.
func test(p *plan, words, environ []string, s streams) error {
	if len(words) == 0 {
		return &usageError{"test", fmt.Errorf("name the command to run, as in %q", program+" test -- go test ./...")}
	}
	cmd, err := runnable(words)
	if err != nil {
		return err
	}
	p.asStart = true
	if p.given["listen"] == nil {
		p.listen = "127.0.0.1:0"
	}
	signals := make(chan os.Signal, 16)
	for _, sig := range forwarded() {
		// A signal that is ignored, as under nohup, stays ignored for the command too.
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	defer signal.Stop(signals)
	if p.given["tls-dir"] == nil && !p.noControl {
		p.tls.Dir = inMemory // variables tell the command what to trust, and no file remains
	}
	log := p.logger(s.err)
	r, err := start(p, "test", log)
	if err != nil {
		return err
	}
	defer r.end()
	base := baseURL(r.at(0))
	if p.https != "" {
		base = secureURL(r.at(1))
	}
	trust, forget, err := trusted(r.CA(), environ)
	if err != nil {
		return err
	}
	defer forget()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, unescaped(s.out), unescaped(s.err)
	cmd.Env = slices.Concat(environ, exported(r.Emulator, base), trust)
	if isTerminal(s.err) {
		_, _ = fmt.Fprintf(s.err, "%s: serving at %s, seed %d, while %s runs\n", program, base, r.Setup().Seed, words[0])
	}
	r.serve()
	code, err := runCommand(cmd, signals)
	if err != nil {
		return err
	}
	if code == exitOK {
		return nil
	}
	_, _ = io.WriteString(s.err, replayed(r.Emulator, p, words, code))
	return &exitError{code: code}
}

// runnable returns the command, which is not started yet.
func runnable(words []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(words[0])
	switch {
	case errors.Is(err, exec.ErrDot):
		return nil, &exitError{exitNotRunnable, fmt.Errorf("%s: a program in the current directory is run only by its path: write ./%s", words[0], words[0])}
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return nil, &exitError{exitNotFound, fmt.Errorf("%s: command not found", words[0])}
	case err != nil:
		return nil, &exitError{exitNotRunnable, fmt.Errorf("%s: cannot be run: %w", words[0], errors.Unwrap(err))}
	}
	cmd := exec.Command(path, words[1:]...)
	cmd.Args[0] = words[0]
	return cmd, nil
}

// exported returns the variables that are added to the command's environment.
func exported(e *emulator.Emulator, base string) []string {
	all := append(variables(e, base),
		variable("admin-token")+"="+e.AdminToken(), // without use with --control=off
		variable("seed")+"="+strconv.FormatUint(e.Setup().Seed, 10))
	if !serves(e, emulator.SkyStack) { // the commands of this program need the key
		all = append(all, variable("key")+"="+e.Key())
	}
	return all
}

// runCommand runs the command until it ends, forwards signals, and returns its exit code
// as a shell would.
func runCommand(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	if err := cmd.Start(); err != nil {
		return 0, &exitError{exitNotRunnable, fmt.Errorf("%s: cannot be run: %w", cmd.Args[0], err)}
	}
	ctx, done := context.WithCancelCause(context.Background())
	go func() { done(cmd.Wait()) }()
	for {
		select {
		case sig := <-signals:
			// The terminal sends the signals of its keys to the command as well, and
			// many programs stop immediately at a second one.
			if !fromKeyboard(sig) {
				_ = cmd.Process.Signal(sig) // it may have ended
			}
		case <-ctx.Done():
			return codeOf(cmd, context.Cause(ctx))
		}
	}
}

// codeOf returns the exit code of the command.
func codeOf(cmd *exec.Cmd, err error) (int, error) {
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && !errors.Is(err, context.Canceled) {
		return 0, fmt.Errorf("%s: %w", cmd.Args[0], err)
	}
	return cmd.ProcessState.ExitCode(), nil
}

// reported is the maximum number of requests in a report.
const reported = 20

// replayed returns the report about a command that failed: the command line that repeats
// it, the requests, and the findings.
func replayed(e *emulator.Emulator, p *plan, words []string, code int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, program+": "+format+"\n", args...) }
	line("%s: exit code %d", words[0], code)
	line("seed %d; to repeat it: %s", e.Setup().Seed, replay(e.Setup().Seed, p, words))
	for _, w := range e.Workspaces() {
		all, name := w.Requests(emulator.Match{}), ""
		if w.ID() != e.ID() {
			if len(all) == 0 {
				continue
			}
			name = " of workspace " + w.ID()
		}
		switch n := len(all); {
		case n == 0:
			line("no request was received")
		case n > reported:
			line("the last %d of %d requests%s:", reported, n+int(w.Dropped()), name)
			all = all[n-reported:]
		default:
			line("the requests%s:", name)
		}
		for _, r := range all {
			b.WriteString("  " + r.String() + "\n")
		}
		found := slices.DeleteFunc(w.Findings(), func(f emulator.Finding) bool { return f.Level == sandbox.LevelInfo })
		if len(found) > 0 {
			line("findings: problems that would show in production%s:", name)
		}
		for _, f := range found {
			b.WriteString("  " + visible(f.Code+": "+f.Message) + "\n")
		}
	}
	return b.String()
}
