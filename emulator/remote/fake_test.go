package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Nothing runs on when the workspaces and servers of all tests are closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey   = "sky_test_000000000000000000000000000001vWQpT0"
	testAdmin = "sky_admin_00000000000000000000000000000000test"
	described = `{"id":"wsp_a","now":"2026-03-19T10:22:44Z","clock":{"mode":"frozen","now":"2026-03-19T10:22:44Z"},` +
		`"setup":{"workspace":"wsp_a","fixture":"docs","seed":7,"durations":{"create":"5s"},"quota":null},"dropped":3,` +
		`"key":{"token":"sky_test_…QpT0","id":"tok_a"}}`
)

// exchange is a request that the server waits for and what it answers.
type exchange struct {
	want   string // as METHOD target, and the body behind a space
	admin  bool   // authorized by the admin token, not the key
	status int
	kind   string // "" for JSON if there is an answer
	body   string
}

// fake is a sandbox that plays a script and takes nothing else.
type fake struct {
	*httptest.Server
	t testing.TB

	mu   sync.Mutex
	left []exchange
}

func newFake(t testing.TB, script ...exchange) *fake {
	f := &fake{t: t, left: script}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// then adds to the script, all of which must have been played.
func (f *fake) then(script ...exchange) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.left {
		f.t.Errorf("nobody asked %s", x.want)
	}
	f.left = script
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	got := strings.TrimSuffix(r.Method+" "+r.RequestURI+" "+string(body), " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || len(f.left) == 0 || f.left[0].want != got {
		f.t.Errorf("unexpected request %s (%v); the script goes on with %+v", got, err, f.left)
		http.Error(w, "unexpected", http.StatusTeapot)
		return
	}
	x := f.left[0]
	f.left = f.left[1:]
	token, kind := testKey, ""
	if x.admin {
		token = testAdmin
	}
	if len(body) > 0 {
		kind = "application/json"
	}
	for name, want := range map[string]string{"Authorization": "Bearer " + token, "Content-Type": kind, "Cookie": "", "Origin": ""} {
		if got := r.Header.Get(name); got != want {
			f.t.Errorf("%s: %s is %q, want %q", x.want, name, got, want)
		}
	}
	if x.kind == "" && x.body != "" {
		x.kind = "application/json; charset=utf-8"
	}
	if x.kind != "" {
		w.Header().Set("Content-Type", x.kind)
	}
	w.Header().Set("X-Request-Id", "ctl_9")
	w.WriteHeader(x.status)
	_, _ = io.WriteString(w, x.body)
}

var hello = exchange{"GET /_sandbox/workspace", false, 200, "", described}

// connected is a workspace at a server that plays the script after the first
// exchange.
func connected(t *testing.T, script ...exchange) (*fake, *Workspace) {
	t.Helper()
	f := newFake(t, hello)
	w, err := New(t.Context(), f.URL, testKey, WithAdminToken(testAdmin))
	if err != nil {
		t.Fatal(err)
	}
	f.then(script...)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		f.then()
	})
	return f, w
}

// refused is an error answer in the envelope.
func refused(code, message string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"request_id":"ctl_9"}}`, code, message)
}

// tb records what a test hears. Fatalf ends the goroutine, as in a real test.
type tb struct {
	mu       sync.Mutex
	said     []string
	cleanups []func()
}

var _ sandbox.TB = (*tb)(nil)

func (t *tb) say(kind, format string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, kind+": "+fmt.Sprintf(format, args...))
}

func (t *tb) Helper()                           {}
func (t *tb) Name() string                      { return "TestFake" }
func (t *tb) Failed() bool                      { return len(t.said) > 0 }
func (t *tb) Logf(format string, args ...any)   { t.say("log", format, args) }
func (t *tb) Errorf(format string, args ...any) { t.say("error", format, args) }
func (t *tb) Fatalf(format string, args ...any) { t.say("fatal", format, args); runtime.Goexit() }
func (t *tb) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }

// run runs a test body to its end, and then what it left to clean up.
func (t *tb) run(body func(t sandbox.TB)) string {
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(t)
	}()
	<-done
	for len(t.cleanups) > 0 {
		last := t.cleanups[len(t.cleanups)-1]
		t.cleanups = t.cleanups[:len(t.cleanups)-1]
		last()
	}
	return strings.Join(t.said, "\n")
}

// serve is a server whose every response is up to the test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// dial is New with a key, at a server that may be anything; the workspace is
// closed with the test.
func dial(t *testing.T, url string, opts ...Option) (*Workspace, error) {
	t.Helper()
	w, err := New(context.Background(), url, testKey, opts...)
	if err == nil {
		t.Cleanup(func() { _ = w.Close() })
	}
	return w, err
}
