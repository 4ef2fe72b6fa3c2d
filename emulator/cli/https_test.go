package cli

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// Wrong HTTPS settings are reported before anything is served, in whole sentences
// (S21, S32).
func TestWrongHTTPS(t *testing.T) {
	t.Chdir(t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const add = ": set the address, as in --https 127.0.0.1:8443\n"
	const help = program + `: run "skystack-sandbox --help" for usage` + "\n"
	const helpOfCA = program + `: run "skystack-sandbox ca --help" for usage` + "\n"
	for args, want := range map[string]string{
		"--require-https":                                    "require-https without https: no key would be accepted" + add + help,
		"--revoke-on-plaintext":                              "require-https without https: no key would be accepted" + add + help,
		"env --require-https":                                "require-https without https: no key would be accepted" + add + program + `: run "skystack-sandbox env --help" for usage` + "\n",
		"--tls-cert=c --tls-key":                             "--tls-key: the value is missing; write --tls-key=VALUE\n" + help,
		"--tls-cert=c":                                       "a certificate needs its key, and a key its certificate: set both tls-cert and tls-key\n" + help,
		"--tls-cert=c --tls-key=k":                           "tls-cert without https: the certificate would not be used" + add + help,
		"--https=127.0.0.1:0 --tls-cert=c --tls-key=k":       "cannot read the certificate c: no such file or directory\n" + help,
		"--https=127.0.0.1:0 --tls-dir=memory --control=off": "tls-dir memory with control off: clients could not get the certificate to trust; use a directory\n" + help,
		"--https=127.0.0.1:0 --tls-dir=file":                 "no place for the CA: " + abs(t, "file") + " is not a directory\n" + help,
		"--https=8443":                                       "--https: \"8443\" is not an address: use a host and a port from 0 to 65535, as in 127.0.0.1:8443, or off\n" + help,
		"--https=127.0.0.1:0 --tls-name=a:1":                 "--tls-name: \"a:1\" is not the name or address of a host: write it alone, without scheme, port or wildcard, as in sandbox.test or 192.0.2.10\n" + help,
		"--listen=127.0.0.1:0 --tls-dir=" + dir + " --https=" + taken.Addr().String(): "cannot listen on " + taken.Addr().String() + ": address already in use: another program listens there; stop it, or choose another port: --https 127.0.0.1:0 chooses a free one\n",
		"--listen=127.0.0.1:0 --tls-dir=memory --https=192.0.2.1:0":                   "cannot listen on 192.0.2.1:0: cannot assign requested address: this machine has no such address; use 127.0.0.1, or 0.0.0.0 for all its addresses\n",
		"--https=0.0.0.0:0 --accept-any-token":                                        "accept-any-token on 0.0.0.0:0: every client that reaches that address would be accepted; listen on a loopback address, as 127.0.0.1:8080, or name the keys\n" + help,
		"ca --output=json":                                                            "--output: \"json\" is unknown: use text, pem or env\n" + helpOfCA,
		"ca --tls-dir=memory":                                                         "with tls-dir memory only the running server knows its certificate authority: GET /_sandbox/ca.pem\n" + helpOfCA,
		"ca --tls-cert=c.pem --tls-key=k":                                             "the sandbox uses your own certificate, c.pem (tls-cert): clients must trust its issuer\n" + helpOfCA,
		"ca --tls-dir=file":                                                           "no place for the CA: " + abs(t, "file") + " is not a directory\n",
		"ca --tls-dir=ca extra":                                                       "ca takes no argument; got extra\n" + helpOfCA,
		"env --https=127.0.0.1:0 --require-https":                                     "with port 0 only the running server knows its address: copy the lines it prints, or choose a port\n" + program + `: run "skystack-sandbox env --help" for usage` + "\n",
	} {
		var out, message strings.Builder
		code := Run(strings.Fields(args), nil, &out, &message)
		if got := message.String(); code == 0 || out.Len() > 0 || got != program+": "+want {
			t.Errorf("%s: exit code %d, output %q\ngot  %swant %s", args, code, &out, got, program+": "+want)
		}
	}
}

func abs(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ca makes the authority if there is none, and prints the file, itself or the
// lines for a shell (S32).
func TestCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	file := filepath.Join(dir, "ca.pem")
	printed := func(args ...string) string {
		t.Helper()
		var out, message bytes.Buffer
		if code := Run(append([]string{"ca", "--tls-dir", dir}, args...), nil, &out, &message); code != 0 || message.Len() > 0 {
			t.Fatalf("%q: exit code %d, %s", args, code, &message)
		}
		return out.String()
	}
	word := shellWord(file)
	if got, want := printed("--output=env"), "export SSL_CERT_FILE="+word+"\nexport REQUESTS_CA_BUNDLE="+word+"\nexport NODE_EXTRA_CA_CERTS="+word+
		"\nexport CURL_CA_BUNDLE="+word+"\nexport SKYSTACK_SANDBOX_CA="+word+"\n"; got != want {
		t.Errorf("--env:\n%swant\n%s", got, want)
	}
	text, err := os.ReadFile(file)
	if err != nil || printed("--output=pem") != string(text) || !strings.HasPrefix(string(text), "-----BEGIN CERTIFICATE-----\n") {
		t.Errorf("--print: %s, %v", printed("--output=pem"), err)
	}
	for _, want := range []string{
		file + "\n\n", "localhost, skystack.dev, host.docker.internal, 127.0.0.0/8 and ::1,", "\n# curl\nexport CURL_CA_BUNDLE=" + word + "\n",
		"\ncurl --cacert " + word + " https://127.0.0.1:8443/healthz\n", "\n# Node, in addition to its own authorities\nexport NODE_EXTRA_CA_CERTS=" + word + "\n",
		"\n# Python's requests\nexport REQUESTS_CA_BUNDLE=" + word + "\n", "\nexport SSL_CERT_FILE=" + word + "\n",
	} {
		if got := printed(); !strings.Contains(got, want) {
			t.Errorf("nothing of %q in\n%s", want, got)
		}
	}
	if got := printed("--https=127.0.0.1:9443"); !strings.Contains(got, " https://127.0.0.1:9443/healthz\n") {
		t.Errorf("with an address:\n%s", got)
	}
	if got := printed("--output=pem", "--renew", "--tls-name=sandbox.corp.test"); got == string(text) || !strings.Contains(printed(), "sandbox.corp.test") {
		t.Errorf("renewed:\n%s", got)
	}
	var out, message strings.Builder
	if code := Run([]string{"ca", "--tls-dir", dir, "--tls-name=other.test"}, nil, &out, &message); code != exitFailure || !strings.Contains(message.String(), "ca --renew --tls-dir "+dir+" --tls-name other.test") {
		t.Errorf("a further name: exit code %d, %s", code, &message)
	}
	if code := Run([]string{"ca", "--output=pem"}, []string{"SKYSTACK_SANDBOX_TLS_DIR=" + dir}, &out, &message); code != 0 {
		t.Errorf("the directory from a variable: exit code %d, %s", code, &message)
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if code := Run([]string{"ca", "--output=pem"}, nil, &out, &message); code != 0 {
		t.Errorf("the usual place: exit code %d, %s", code, &message)
	}
	if usual, err := os.UserConfigDir(); err != nil || !exists(filepath.Join(usual, "skystack-sandbox", "ca-key.pem")) {
		t.Errorf("nothing in %s: %v", usual, err)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	message.Reset()
	if code := Run([]string{"ca"}, nil, &out, &message); code != exitFailure || !strings.HasPrefix(message.String(), program+": no directory for the certificate authority: ") ||
		!strings.HasSuffix(message.String(), ": set one with --tls-dir, or use --tls-dir memory\n") {
		t.Errorf("no usual place: exit code %d, %s", code, &message)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The certificate contains the address that the sandbox listens on, if it has
// one, besides the names that were given.
func TestTLSNames(t *testing.T) {
	for args, want := range map[string][]string{
		"":                                {},
		"--https=0.0.0.0:1":               {},
		"--https=:1":                      {},
		"--https=[::]:1":                  {},
		"--https=[fe80::1%eth0]:1":        {},
		"--https=127.0.0.1:1":             {"127.0.0.1"},
		"--https=192.0.2.1:1":             {"192.0.2.1"},
		"--https=[2001:db8::1]:1":         {"2001:db8::1"},
		"--https=box.test:1 --tls-name=x": {"box.test", "x"},
		"--tls-name=x --tls-name=y":       {"x", "y"},
		"--https=192.0.2.1:1 --tls-cert=c --tls-key=k --tls-name=x": {"x"},
	} {
		p, err := planned(t, strings.Fields(args), nil, "")
		if err != nil || !slices.Equal(p.tlsNames(), want) {
			t.Errorf("%s: %q, %v, want %q", args, p.tlsNames(), err, want)
		}
	}
}

// Paths in the file start from its directory, but memory is no path.
func TestPathsOfHTTPS(t *testing.T) {
	p, err := planned(t, nil, nil, "https: 127.0.0.1:0\ntls-cert: c.pem\ntls-key: /abs/k.pem\ntls-dir: memory\ntls-name: [x.test]\nrequire-https: true\n")
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(p.tls.CertFile) || filepath.Base(p.tls.CertFile) != "c.pem" || p.tls.KeyFile != "/abs/k.pem" || p.tls.Dir != inMemory || !p.required || p.https != "127.0.0.1:0" {
		t.Errorf("%+v", p.secured)
	}
	if p, err = planned(t, nil, nil, "tls-dir: ca\n"); err != nil || !filepath.IsAbs(p.tls.Dir) || filepath.Base(p.tls.Dir) != "ca" {
		t.Errorf("%+v, %v", p.secured, err)
	}
}

// The banner says where HTTPS is and what to trust, and its curl reaches what it
// names (S32, S73).
func TestBannerOfHTTPS(t *testing.T) {
	e := emulator.Start(t)
	file := filepath.Join(abs(t, "ca"), "ca.pem")
	for args, want := range map[string][]string{
		"--https=x:1 --tls-dir=ca":                                   {"  base URL  http://p\n  https     https://s\n  trust     " + file + "\n  key ", "curl http://p/v1", "SKYSTACK_BASE_URL=http://p\n"},
		"--https=x:1 --tls-dir=ca --require-https":                   {"  base URL  https://s\n  http      http://p, for requests without a key\n  trust     " + file + "\n  key ", "curl --cacert " + file + " https://s/v1", "SKYSTACK_BASE_URL=https://s\n"},
		"--https=x:1 --tls-dir=memory":                               {"  trust     the file from: curl -o ca.pem http://p/_sandbox/ca.pem\n", "curl http://p/v1"},
		"--https=x:1 --tls-dir=memory --require-https":               {"curl -o ca.pem http://p/_sandbox/ca.pem\n", "curl --cacert ca.pem https://s/v1"},
		"--https=x:1 --tls-cert=c --tls-key=k --revoke-on-plaintext": {"  trust     the issuer of c\n", "curl https://s/v1"},
		"": {"  base URL  http://p\n  key "},
	} {
		p, err := planned(t, strings.Fields(args), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		secure := "https://s"
		if args == "" {
			secure = ""
		}
		got := banner(p, e, "http://p", secure)
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: nothing of %q in\n%s", args, text, got)
			}
		}
	}
}

// Where keys are taken over HTTPS alone, env names that address (S24, S70).
func TestEnvOfHTTPS(t *testing.T) {
	for args, want := range map[string]string{
		"env --https=127.0.0.1:8443":                                     "export SKYSTACK_BASE_URL=http://127.0.0.1:8080\n",
		"env --https=127.0.0.1:8443 --require-https":                     "export SKYSTACK_BASE_URL=https://127.0.0.1:8443\n",
		"env --https=127.0.0.1:8443 --require-https --listen=:0 --key=k": "export SKYSTACK_BASE_URL=https://127.0.0.1:8443\n",
	} {
		var out, message strings.Builder
		if code := Run(strings.Fields(args), nil, &out, &message); code != 0 || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s: exit code %d, %q, %s", args, code, &out, &message)
		}
	}
	var out, message strings.Builder
	if code := Run([]string{"env", "--https=0.0.0.0:8443"}, nil, &out, &message); code != exitUsage || !strings.Contains(message.String(), "a server that listens on 0.0.0.0:8443 generates another key") {
		t.Errorf("exit code %d, %s", code, &message)
	}
}
