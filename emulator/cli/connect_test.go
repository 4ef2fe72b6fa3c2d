package cli

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// runAgainst runs a command that talks to a sandbox.
func runAgainst(t *testing.T, e *emulator.Emulator, args ...string) (code int, out, message string) {
	t.Helper()
	environ := []string{"SKYSTACK_BASE_URL=" + e.URL(), "SKYSTACK_API_TOKEN=" + e.Key(), "SKYSTACK_SANDBOX_ADMIN_TOKEN=" + e.AdminToken()}
	var stdout, stderr strings.Builder
	code = Run(args, environ, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// Without a flag the environment applies: the variables of clients first, then those of
// the server, as in its container.
func TestConnection(t *testing.T) {
	server := []string{"SKYSTACK_SANDBOX_LISTEN=0.0.0.0:9000", "SKYSTACK_SANDBOX_KEY=first, second"}
	client := []string{"SKYSTACK_BASE_URL=https://sandbox.test", "SKYSTACK_API_TOKEN=token", "SKYSTACK_SANDBOX_CA=ca.pem"}
	for _, tc := range []struct {
		name    string
		said    endpoint
		environ []string
		want    endpoint
	}{
		{"nothing", endpoint{}, nil, endpoint{URL: "http://127.0.0.1:8080", Key: emulator.DefaultKey}},
		{"the server's settings", endpoint{}, server, endpoint{URL: "http://127.0.0.1:9000", Key: "first"}},
		{"the client's over them", endpoint{}, append(server, client...), endpoint{URL: "https://sandbox.test", Key: "token", CACert: "ca.pem"}},
		{"flags over all", endpoint{URL: "http://[::1]:1", Key: "k", CACert: "own.pem"}, append(server, client...), endpoint{URL: "http://[::1]:1", Key: "k", CACert: "own.pem"}},
		{"no CA without https", endpoint{URL: "http://[::1]:1"}, client, endpoint{URL: "http://[::1]:1", Key: "token"}},
		{"empty variables say nothing", endpoint{}, []string{"SKYSTACK_BASE_URL=", "SKYSTACK_API_TOKEN="}, endpoint{URL: "http://127.0.0.1:8080", Key: emulator.DefaultKey}},
	} {
		if got, err := tc.said.complete(tc.environ); err != nil || got != tc.want {
			t.Errorf("%s: got %+v %v, want %+v", tc.name, got, err, tc.want)
		}
	}
}

// What gave a URL that cannot be used is named, and nothing is asked there.
func TestUnusableURLs(t *testing.T) {
	const usual = "this is not the URL of a sandbox: use scheme and host alone, as in http://127.0.0.1:8080"
	for _, tc := range []struct {
		url, environ, want string
	}{
		{"127.0.0.1:1", "", "--url: " + usual},
		{"ftp://sandbox.test", "", "--url: " + usual},
		{"http://", "", "--url: " + usual},
		{"http://sandbox.test/v1", "", "--url: " + usual},
		{"http://user:secret@sandbox.test", "", "--url: " + usual},
		{"http://sandbox.test?key=secret", "", "--url: " + usual},
		{"", "SKYSTACK_BASE_URL=foo", "SKYSTACK_BASE_URL: " + usual},
		{"", "SKYSTACK_SANDBOX_LISTEN=foo", `SKYSTACK_SANDBOX_LISTEN: "foo" is not an address: use a host and a port from 0 to 65535, as in 127.0.0.1:8080`},
	} {
		if _, err := (endpoint{URL: tc.url}).complete([]string{tc.environ}); err == nil || err.Error() != tc.want {
			t.Errorf("%s %s: got %v, want %s", tc.url, tc.environ, err, tc.want)
		}
	}
	for _, command := range []string{"clock", "deliveries", "token list", "requests"} {
		var out, message strings.Builder
		if code := Run(strings.Fields(command), []string{"SKYSTACK_BASE_URL=foo"}, &out, &message); code != 2 || !strings.Contains(message.String(), "SKYSTACK_BASE_URL: "+usual) {
			t.Errorf("%s: exit code %d, %s", command, code, message.String())
		}
	}
}

// A command controls the key's workspace, or with the admin token any.
func TestWorkspaceOfACommand(t *testing.T) {
	e := emulator.Start(t)
	other := e.NewWorkspace(t, emulator.Setup{Clock: emulator.Clock{Mode: emulator.FrozenClock}})
	if code, out, message := runAgainst(t, e, "clock"); code != 0 || !strings.Contains(out, "\nclock  real\n") {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if code, out, message := runAgainst(t, e, "clock", "--workspace", other.ID()); code != 0 || !strings.Contains(out, "\nclock  frozen\n") {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if code, out, message := runAgainst(t, e, "clock", "--key", other.Key()); code != 0 || !strings.Contains(out, "\nclock  frozen\n") {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if code, _, message := runAgainst(t, e, "clock", "--workspace", "wsp_none"); code != exitFailure || !strings.Contains(message, "wsp_none") {
		t.Errorf("exit code %d, %s", code, message)
	}
	if code, _, message := runAgainst(t, e, "clock", "--key", "unknown"); code != exitFailure || !strings.Contains(message, "refuses the key") {
		t.Errorf("exit code %d, %s", code, message)
	}
}

// A certificate that is not trusted is explained in the words of the command line,
// whichever client the command has.
func TestUntrustedCertificate(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithLogger(slog.New(slog.DiscardHandler)))
	want := program + ": the certificate of " + e.HTTPSURL() + " is not trusted: x509: certificate signed by unknown authority; " +
		`name the file that "skystack-sandbox ca" prints with --cacert FILE or in the variable SKYSTACK_SANDBOX_CA` + "\n"
	for _, args := range [][]string{{"clock"}, {"token", "list"}} {
		code, out, message := runAgainst(t, e, append(args, "--url", e.HTTPSURL())...)
		if code != exitFailure || out != "" || message != want {
			t.Errorf("%v: exit code %d, %q, %q, want %q", args, code, out, message, want)
		}
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, e.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"clock"}, {"token", "list"}} {
		if code, out, message := runAgainst(t, e, append(args, "--url", e.HTTPSURL(), "--cacert", file)...); code != exitOK || out == "" {
			t.Errorf("%v: exit code %d, %q, %q", args, code, out, message)
		}
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"clock"}, {"token", "list"}} {
		code, _, message := runAgainst(t, e, append(args, "--url", e.HTTPSURL(), "--cacert", file)...)
		if want := program + ": --cacert: " + file + " contains no certificate\n"; code != exitUsage || !strings.HasPrefix(message, want) {
			t.Errorf("%v: exit code %d, %q, want %q", args, code, message, want)
		}
	}
}
