package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// A file of certificates is taken, and one that holds none is refused by name.
func TestWebhookCA(t *testing.T) {
	e, err := emulator.New(emulator.WithHTTPS(emulator.HTTPS{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "none.pem")
	for name, text := range map[string][]byte{good: e.CA(), bad: []byte("no certificate")} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := planned(t, []string{"--webhook-ca=" + good}, nil, ""); err != nil {
		t.Error(err)
	}
	if _, err := planned(t, []string{"--webhook-ca=" + bad}, nil, ""); err == nil || !strings.Contains(err.Error(), "contains no certificate") {
		t.Errorf("got %v", err)
	}
}
