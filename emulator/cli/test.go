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

// The exit codes of shells for a command that could not be run, and what they
// add to the number of the signal that ended one.
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128
)

// exitError ends the program with a code of its own.
type exitError struct {
	code int
	err  error // nil: all there is to say has been said
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

// streams are those that a program inherits.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func (p *process) testCommand() *cobra.Command {
	c := p.settled("test -- COMMAND [ARGUMENT...]", "Run a command beside a sandbox of its own, and end as it does.", testHelp+likeServe, nil, func(words []string) error {
		return p.planned("test", func(made *plan) error { return test(made, words, p.environ, streams{os.Stdin, p.stdout, p.stderr}) })
	})
	c.Args = cobra.ArbitraryArgs
	c.Flags().SetInterspersed(false) // the flags behind COMMAND are its own
	return c
}

// test runs a program beside a sandbox of its own, and ends as the program does.
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
		// Whoever starts a program with a signal ignored, as nohup does, wants it
		// so for all below it.
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	defer signal.Stop(signals)
	if p.given["tls-dir"] == nil && !p.noControl {
		p.tls.Dir = inMemory // the command hears what to trust, and nothing of it stays
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
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, itself(s.out), itself(s.err)
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

// runnable is the command, which nobody has started yet.
func runnable(words []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(words[0])
	switch {
	case errors.Is(err, exec.ErrDot):
		return nil, &exitError{exitNotRunnable, fmt.Errorf("%s: the shell would not run this from the current directory either: write ./%s", words[0], words[0])}
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return nil, &exitError{exitNotFound, fmt.Errorf("%s: command not found", words[0])}
	case err != nil:
		return nil, &exitError{exitNotRunnable, fmt.Errorf("%s: cannot be run: %w", words[0], errors.Unwrap(err))}
	}
	cmd := exec.Command(path, words[1:]...)
	cmd.Args[0] = words[0]
	return cmd, nil
}

// exported is what the command's environment says besides.
func exported(e *emulator.Emulator, base string) []string {
	return []string{
		"SKYSTACK_BASE_URL=" + base,
		"SKYSTACK_API_TOKEN=" + e.Key(),
		variable("admin-token") + "=" + e.AdminToken(), // opens nothing with --control=off
		variable("seed") + "=" + strconv.FormatUint(e.Setup().Seed, 10),
	}
}

// runCommand runs the command to its end, hands on signals, and returns its exit
// code as a shell would.
func runCommand(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	if err := cmd.Start(); err != nil {
		return 0, &exitError{exitNotRunnable, fmt.Errorf("%s: cannot be run: %w", cmd.Args[0], err)}
	}
	ctx, done := context.WithCancelCause(context.Background())
	go func() { done(cmd.Wait()) }()
	for {
		select {
		case sig := <-signals:
			// The terminal sends what its keys stand for to the command as well,
			// and many take a second one for impatience.
			if !fromKeyboard(sig) {
				_ = cmd.Process.Signal(sig) // it may have ended
			}
		case <-ctx.Done():
			return codeOf(cmd, context.Cause(ctx))
		}
	}
}

// codeOf is how the command ended.
func codeOf(cmd *exec.Cmd, err error) (int, error) {
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && !errors.Is(err, context.Canceled) {
		return 0, fmt.Errorf("%s: %w", cmd.Args[0], err)
	}
	return cmd.ProcessState.ExitCode(), nil
}

// reported is how many requests a report lists.
const reported = 20

// replayed is what a person wants to know of a command that failed: what to repeat
// and what the sandbox saw.
func replayed(e *emulator.Emulator, p *plan, words []string, code int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, program+": "+format+"\n", args...) }
	line("%s: exit code %d", words[0], code)
	line("seed %d; to do it again: %s", e.Setup().Seed, replay(e.Setup().Seed, p, words))
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
			line("no request came")
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
			line("what would hurt in production%s:", name)
		}
		for _, f := range found {
			b.WriteString("  " + visible(f.Code+": "+f.Message) + "\n")
		}
	}
	return b.String()
}
