package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

func TestHealthcheck(t *testing.T) {
	listen := func(url string) string { return strings.TrimPrefix(url, "http://") }
	good := emulator.Start(t)
	for _, tc := range []struct {
		name   string
		listen string
		want   string // "" when healthy
	}{
		{"a sandbox", listen(good.URL()), ""},
		{"not ready", listen(serving(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })), "responded with 503 Service Unavailable"},
		{"a redirect", listen(serving(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, good.URL()+"/readyz", http.StatusFound)
		})), "responded with 302 Found"},
		{"no response", listen(serving(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), "EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// A proxy of the user has nothing to do with it.
			environ := []string{"SKYSTACK_SANDBOX_LISTEN=" + tc.listen, "HTTP_PROXY=http://127.0.0.1:1"}
			err := healthcheck(nil, environ)
			if tc.want == "" && err == nil {
				return
			}
			if tc.want == "" || err == nil || !strings.HasPrefix(err.Error(), "not ready: http://"+tc.listen+"/readyz") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ready(ended, good.URL()+"/readyz"); err == nil || !strings.Contains(err.Error(), "no response within 2s") {
		t.Errorf("too late: %v", err)
	}
}

// serving starts a server with a handler and returns its URL.
func serving(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// Only the address is read, and errors in other settings are not reported.
func TestListenSetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:3\nspeed: quick\ncolour: blue\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		flags   map[string][]string
		environ []string
		want    string
		fault   string
	}{
		{nil, nil, defaultListen, ""},
		{nil, []string{"SKYSTACK_SANDBOX_CONFIG=" + file}, "127.0.0.1:3", ""},
		{nil, []string{"SKYSTACK_SANDBOX_CONFIG=" + file, "SKYSTACK_SANDBOX_LISTEN=0.0.0.0:2", "SKYSTACK_SANDBOX_COLOUR=blue", "SKYSTACK_SANDBOX_SPEED=quick"}, "0.0.0.0:2", ""},
		{map[string][]string{"listen": {":1"}, "speed": {"quick"}}, []string{"SKYSTACK_SANDBOX_LISTEN=0.0.0.0:2"}, ":1", ""},
		{map[string][]string{"listen": {"8080"}}, nil, "", `--listen: "8080" is not an address`},
		{map[string][]string{"config": {file + "x"}}, nil, "", "no such file"},
	} {
		got, err := listenSetting(tc.flags, tc.environ)
		if got != tc.want || (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
			t.Errorf("%v %v: got %q, %v, want %q, %s", tc.flags, tc.environ, got, err, tc.want, tc.fault)
		}
	}
}

func TestURLOfListen(t *testing.T) {
	for listen, want := range map[string]string{
		":9000": "http://127.0.0.1:9000", "0.0.0.0:9000": "http://127.0.0.1:9000", "[::]:9000": "http://127.0.0.1:9000",
		"localhost:1": "http://localhost:1", "[::1]:80": "http://[::1]:80", "10.0.0.7:8080": "http://10.0.0.7:8080",
	} {
		if got := urlOfListen(listen); got != want {
			t.Errorf("%q: got %s, want %s", listen, got, want)
		}
	}
}
