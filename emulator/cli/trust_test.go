package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A command trusts the sandbox besides what it trusts anyway.
func TestTrusted(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.pem": "A", "b.pem": "B"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, b := filepath.Join(dir, "a.pem"), filepath.Join(dir, "b.pem")
	vars, forget, err := trusted([]byte("OURS"), []string{"SSL_CERT_FILE=" + a, "CURL_CA_BUNDLE=" + a, "NODE_EXTRA_CA_CERTS=" + b})
	if err != nil {
		t.Fatal(err)
	}
	if len(vars) != len(trustVariables()) {
		t.Errorf("variables %q", vars)
	}
	for _, v := range vars {
		name, file, _ := strings.Cut(v, "=")
		want := "OURS\nA\nB"
		if name == caVariable {
			want = "OURS"
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v, want %q", name, text, err, want)
		}
	}
	forget()
	if _, err := os.Stat(lookup(vars, caVariable)); !os.IsNotExist(err) {
		t.Errorf("the files stay: %v", err)
	}
	if vars, _, err := trusted([]byte("OURS"), []string{"SSL_CERT_FILE=" + b + "x"}); err == nil || !strings.HasPrefix(err.Error(), "SSL_CERT_FILE: ") {
		t.Errorf("%q, %v", vars, err)
	}
	if vars, _, err := trusted(nil, []string{"SSL_CERT_FILE=" + b + "x"}); err != nil || vars != nil {
		t.Errorf("without a CA: %q, %v", vars, err)
	}
}

// With HTTPS a command gets the HTTPS address and what to trust, and nothing
// of it is left.
func TestTestCommandWithHTTPS(t *testing.T) {
	left := t.TempDir()
	t.Setenv("TMPDIR", left)
	const script = `echo "${SKYSTACK_BASE_URL%127.0.0.1:*}"; grep -c BEGIN "$SKYSTACK_SANDBOX_CA"; test -s "$SSL_CERT_FILE" -a -s "$NODE_EXTRA_CA_CERTS"`
	code, out, message := tested(t, script, "--https=127.0.0.1:0", "--require-https")
	if code != 0 || out != "https://\n1\n" {
		t.Errorf("exit code %d, output %q, message %s", code, out, message)
	}
	if files, err := os.ReadDir(left); err != nil || len(files) > 0 {
		t.Errorf("files %v, %v", files, err)
	}
}
