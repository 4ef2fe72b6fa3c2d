package cli

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tested is what the command test does with a script of the shell.
func tested(t *testing.T, script string, flags ...string) (code int, out, message string) {
	t.Helper()
	environ := append(os.Environ(), "SKYSTACK_SANDBOX_FIXTURE=docs", "KEEP=kept")
	var stdout, stderr strings.Builder
	args := append(append([]string{"test"}, flags...), "--", "sh", "-c", script)
	code = Run(args, environ, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestTestCommand(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		flags        []string
		code         int
		out          string
	}{
		{"it ends as the command does", "exit 7", nil, 7, ""},
		{"it prints what the command prints", "echo one; echo two >&2", nil, 0, "one\n"},
		{"the command gets the URL", "echo $SKYSTACK_BASE_URL | tr 0-9 n", nil, 0, "http://nnn.n.n.n:nnnnn\n"},
		{"the command gets the key", "echo $SKYSTACK_API_TOKEN $SKYSTACK_SANDBOX_SEED $SKYSTACK_SANDBOX_FIXTURE $KEEP", []string{"--key=mine", "--seed=9"}, 0, "mine 9 docs kept\n"},
		{"the admin token is a fresh one", "echo ${SKYSTACK_SANDBOX_ADMIN_TOKEN%????????????????????????????????????}", nil, 0, "sky_admin_\n"},
		{"or that of the settings", "echo $SKYSTACK_SANDBOX_ADMIN_TOKEN", []string{"--admin-token=sixteen-or-more."}, 0, "sixteen-or-more.\n"},
		{"and nothing of the other", "env | grep -c COMPUTESTACKS_", []string{"--apis=skystack"}, 1, "0\n"},
		{"a signal ends the command", "kill -KILL $$", nil, 128 + 9, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, message := tested(t, tc.script, tc.flags...)
			if code != tc.code || out != tc.out {
				t.Errorf("exit code %d, output %q, want %d, %q\n%s", code, out, tc.code, tc.out, message)
			}
			if strings.Contains(message, program) != (code != 0) {
				t.Errorf("exit code %d, and it says %s", code, message)
			}
		})
	}
}

// A failure says how to do it again, without secrets.
func TestReport(t *testing.T) {
	code, _, message := tested(t, "exit 3", "--seed=9", "--key=first", "--key=second", "--durations=create=5s", "--strict", "--speed=fast")
	const want = `skystack-sandbox: sh: exit code 3
skystack-sandbox: seed 9; to repeat it: skystack-sandbox test --seed=9 --fixture=docs --speed=fast --durations='create=5s' --strict=true --key=… --key=… -- sh -c 'exit 3'
skystack-sandbox: no request was received
`
	if code != 3 || message != want {
		t.Errorf("exit code %d, got %s, want %s", code, message, want)
	}
}

// A file that is there but no program, and one from the current directory.
func TestRunnable(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+".")
	for name, mode := range map[string]os.FileMode{"plain": 0o600, "broken": 0o700} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("\x7fnothing"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for words, want := range map[string]struct {
		code int
		text string
	}{
		"./plain":  {exitNotRunnable, "./plain: cannot be run: permission denied"},
		"plain":    {exitNotFound, "plain: command not found"},
		"./broken": {exitNotRunnable, "./broken: cannot be run: "},
		"absent":   {exitNotFound, "absent: command not found"},
	} {
		var out, message strings.Builder
		code := Run([]string{"test", "--", words}, nil, &out, &message)
		if code != want.code || !strings.HasPrefix(message.String(), program+": "+want.text) || out.Len() > 0 {
			t.Errorf("%s: exit code %d, %s", words, code, &message)
		}
	}
}

// Signals go to the command, which decides what to make of them.
func TestSignalsAreHandedOn(t *testing.T) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1}
	// The command is this test, in a process of its own: a shell that waits can miss
	// a signal which comes just before it begins to.
	const asked = "SKYSTACK_SANDBOX_TEST_SIGNAL"
	if sig, child := signals[os.Getenv(asked)]; child {
		came, gone := make(chan os.Signal, 1), make(chan struct{})
		signal.Notify(came, sig)
		_, _ = os.Stdout.WriteString("ready\n")
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(gone)
		}()
		select {
		case <-came:
			os.Exit(42)
		case <-gone:
			os.Exit(1)
		}
	}
	for name, sig := range signals {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSignalsAreHandedOn$")
			cmd.Env = append(os.Environ(), asked+"="+name)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stdin.Close() }()
			out, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = out.Close() }()
			cmd.Stdout = in
			signals := make(chan os.Signal, 1)
			ended := make(chan int, 1)
			go func() {
				code, err := runCommand(cmd, signals)
				_ = in.Close()
				if err != nil {
					t.Error(err)
				}
				ended <- code
			}()
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || line != "ready\n" {
				t.Fatalf("%q, %v", line, err)
			}
			signals <- sig
			if code := <-ended; code != 42 {
				t.Errorf("exit code %d", code)
			}
		})
	}
	if signal.Ignored(syscall.SIGTERM) {
		t.Error("signals stay as they are")
	}
}
