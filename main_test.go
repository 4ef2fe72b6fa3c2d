package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 0 && filepath.Base(os.Args[0]) != "skystack-sandbox" && signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup: the servers started here must not ignore it too
	}
	testscript.Main(m, map[string]func(){"skystack-sandbox": main, "fetch": fetch})
}

// The stories of testdata/script are told with the real binary over real
// sockets: keys made and kept secret (S22, S24, S26, S36, S41, S74), workspaces
// apart (S23, S71), the first instance (S50), limits (S61), the reset (S72) and
// what the banner says (S73). Beside testscript's own commands they use:
//
//	sandbox [flags]      start a server on a free port; sets $URL, $ADDR and $KEY,
//	                     $HTTPS and $PLAIN if it has two, and $SALT if it has a
//	                     random one; its banner is what stdout then shows
//	end [INT|TERM|HUP]   end it, want exit code 0; shows its output and logs
//	                     (testscript's own stop ends the script)
//	http [-key K] [-header 'N: V'] [-host H] METHOD PATH [BODY]
//	                     send a request and show status, headers and body
//	until RE METHOD PATH repeat a request until RE matches what it shows; with a !
//	                     before it, until RE does not
//	let NAME MEMBER      set $NAME to a member of the body last shown, as in data.0.id
//	trust FILE           let the commands here trust the certificates of a file, and
//	                     nobody else
//	exec fetch URL [KEY] get a URL with a client that trusts what the environment
//	                     says
//	printed-curl         do what the curl in the banner would do
//	raw FILE OUT         send each line of FILE, a method, a path and a body, and
//	                     keep the answers as they are on the wire
//	drain INT|TERM PATH BODY
//	                     send a request in two halves, the signal between them;
//	                     with a ! before it, a second signal instead of the
//	                     second half
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			s := &story{transport: &http.Transport{DisableKeepAlives: true}}
			env.Values[storyKey{}] = s
			env.Defer(s.kill)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox": sandbox, "http": sendHTTP, "until": until, "let": let,
			"trust": trust, "end": stop,
			"printed-curl": printedCurl, "raw": raw, "drain": drain,
			"receiver": receiver, "arrived": arrived, "stream": stream,
		},
	})
}

// story is what the commands of one script share.
type story struct {
	transport *http.Transport
	server    *exec.Cmd
	banner    string
	rest      chan string   // what the server printed after the banner
	logs      *bytes.Buffer // complete once the server has ended
	body      []byte        // of the last answer
	mail      *mailbox      // nil before a receiver is started
}

type storyKey struct{}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// kill ends a server that the script has not stopped, as after a failure.
func (s *story) kill() {
	if s.server != nil {
		_ = s.server.Process.Kill()
		_ = s.server.Wait()
	}
}

// lastLine ends the banner.
const lastLine = "Serving. Stop it with Ctrl-C.\n"

func sandbox(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || s.server != nil {
		ts.Fatalf("sandbox starts one server; stop it first")
	}
	if !strings.Contains(strings.Join(args, " "), "--listen") {
		args = append([]string{"--listen=127.0.0.1:0"}, args...)
	}
	s.server = exec.Command(binary(ts), args...)
	s.server.Dir, s.server.Env = ts.MkAbs("."), environment(ts)
	s.logs, s.rest = &bytes.Buffer{}, make(chan string, 1)
	s.server.Stderr = s.logs
	out, err := s.server.StdoutPipe()
	ts.Check(err)
	ts.Check(s.server.Start())
	lines := bufio.NewReader(out)
	s.banner = ""
	for !strings.HasSuffix(s.banner, lastLine) {
		line, err := lines.ReadString('\n')
		if s.banner += line; err != nil {
			_ = s.server.Wait()
			logs := s.logs.String()
			s.server = nil
			ts.Fatalf("the server ended early: %s%s", s.banner, logs)
		}
	}
	go func() {
		more, _ := io.ReadAll(lines)
		s.rest <- string(more)
	}()
	for line := range strings.Lines(s.banner) {
		if base, ok := strings.CutPrefix(line, "export SKYSTACK_BASE_URL="); ok {
			ts.Setenv("URL", strings.TrimSpace(base))
			ts.Setenv("ADDR", strings.TrimPrefix(strings.TrimSpace(base), "http://"))
		}
		for name, scheme := range map[string]string{"HTTPS": "https://", "PLAIN": "http://"} {
			if _, rest, ok := strings.Cut(line, " "+scheme); ok && strings.HasPrefix(line, "  ") && !strings.Contains(rest, "/") {
				at, _, _ := strings.Cut(strings.TrimSpace(rest), ",")
				ts.Setenv(name, scheme+at)
			}
		}
		if salt, ok := strings.CutPrefix(line, "  salt      "); ok {
			salt, _, _ = strings.Cut(salt, ",")
			ts.Setenv("SALT", salt)
		}
		if key, ok := strings.CutPrefix(line, "export SKYSTACK_API_TOKEN="); ok {
			ts.Setenv("KEY", words(key)[0])
		}
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "="); ok && strings.HasPrefix(name, "COMPUTESTACKS_") {
			ts.Setenv(name, words(value)[0])
		}
	}
	_, _ = io.WriteString(ts.Stdout(), s.banner)
}

// binary is where testscript.Main has put the program.
func binary(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "skystack-sandbox"); exists(path) {
			return path
		}
	}
	ts.Fatalf("there is no skystack-sandbox in PATH")
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// environment is what a script has set for the server.
func environment(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR"), "GOCOVERDIR=" + ts.Getenv("GOCOVERDIR")}
	for _, name := range strings.Fields(ts.Getenv("SERVER_ENV")) {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func stop(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || s.server == nil {
		ts.Fatalf("there is no server to stop")
	}
	signal := "TERM"
	if len(args) > 0 {
		signal = args[0]
	}
	ts.Check(s.server.Process.Signal(signalOf(ts, signal)))
	s.ended(ts)
}

func signalOf(ts *testscript.TestScript, name string) os.Signal {
	switch name {
	case "INT":
		return os.Interrupt
	case "TERM":
		return syscall.SIGTERM
	case "HUP":
		return syscall.SIGHUP
	}
	ts.Fatalf("there is no signal %s", name)
	return nil
}

// ended waits for the server, which must exit with 0, and shows all it printed.
func (s *story) ended(ts *testscript.TestScript) {
	more := <-s.rest
	err := s.server.Wait()
	s.server = nil
	_, _ = io.WriteString(ts.Stdout(), s.banner+more)
	_, _ = io.WriteString(ts.Stderr(), s.logs.String())
	if err != nil {
		ts.Fatalf("the server ended with %v: %s", err, s.logs)
	}
}

// drain shows that a request which has begun may end although the server was
// told to: it sends the head of a request, waits until the server asks for the
// body, sends the signal, waits until nobody can connect any more, and sends
// the body.
func drain(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if len(args) != 3 || s.server == nil {
		ts.Fatalf("usage: [!] drain INT|TERM PATH BODY, with a server")
	}
	signal, path, body := signalOf(ts, args[0]), args[1], args[2]
	conn, err := net.Dial("tcp", ts.Getenv("ADDR"))
	ts.Check(err)
	defer func() { _ = conn.Close() }()
	r, err := http.NewRequest(http.MethodPost, ts.Getenv("URL")+path, nil)
	ts.Check(err)
	_, err = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: "+r.Host+"\r\nAuthorization: Bearer "+ts.Getenv("KEY")+
		"\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: "+length(body)+"\r\n\r\n")
	ts.Check(err)
	answers := bufio.NewReader(conn)
	head, err := answers.ReadString('\n')
	ts.Check(err)
	if !strings.Contains(head, "100 Continue") {
		ts.Fatalf("got %q, want 100 Continue", head)
	}
	_, err = answers.ReadString('\n')
	ts.Check(err)
	ts.Check(s.server.Process.Signal(signal))
	for {
		more, err := net.Dial("tcp", ts.Getenv("ADDR"))
		if err != nil {
			break
		}
		_ = more.Close()
	}
	if neg {
		ts.Check(s.server.Process.Signal(signal))
		<-s.rest
		err := s.server.Wait()
		s.server = nil
		if status, ok := errors.AsType[*exec.ExitError](err); !ok || !status.Sys().(syscall.WaitStatus).Signaled() {
			ts.Fatalf("the server ended with %v, want the signal", err)
		}
		return
	}
	_, err = io.WriteString(conn, body)
	ts.Check(err)
	answer, err := http.ReadResponse(answers, r)
	ts.Check(err)
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	more := <-s.rest
	if err := s.server.Wait(); err != nil || more != "" {
		ts.Fatalf("the server ended with %v, printing %q", err, more)
	}
	s.server = nil
	s.show(ts, answer, text)
	_, _ = io.WriteString(ts.Stderr(), s.logs.String())
}
