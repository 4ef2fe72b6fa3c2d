package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// closeTimeout is how long Close waits for the server.
const closeTimeout = 10 * time.Second

// Workspace is a workspace of a sandbox behind a URL. It is made by New, Start,
// NewWorkspace or Fork, and safe for use by several goroutines.
type Workspace struct {
	line
	t      sandbox.TB // of the test it belongs to; silent with New
	id     string
	key    string
	keyID  string // the id of key; "" if it is not known
	made   bool   // by this client: Close deletes it
	cancel context.CancelCauseFunc

	mu        sync.Mutex
	err       error
	closed    bool
	ids       map[string]string // of the keys that AddKey made, by token
	snapshots map[*Snapshot]bool
}

var _ sandbox.Workspace = (*Workspace)(nil)

// info is what the server tells of a workspace.
type info struct {
	ID      string        `json:"id"`
	Setup   sandbox.Setup `json:"setup"`
	Dropped uint64        `json:"dropped"`
	Key     sandbox.Key   `json:"key"`
}

// New returns the workspace of a key at the sandbox behind url, as
// http://127.0.0.1:8080. It fails when nothing listens there, when what listens
// is no sandbox, when the key is refused, or when an option is wrong, and says
// what would be right. ctx ends New alone, not what comes later. Close the
// workspace in the end.
//
// Methods of it that have no error result return zero values when something goes
// wrong; see Err.
func New(ctx context.Context, url, key string, opts ...Option) (*Workspace, error) {
	var c config
	var faults []error
	for _, o := range opts {
		if o != nil {
			faults = append(faults, o(&c))
		}
	}
	if err := errors.Join(append(faults, checkToken("the key", key))...); err != nil {
		return nil, err
	}
	if key == "" && c.admin == "" {
		return nil, errors.New("the key is empty: the sandbox prints its key when it starts; the admin token alone is enough too, see WithAdminToken")
	}
	h, err := newHost(url, c)
	if err != nil {
		return nil, err
	}
	w := newWorkspace(line{host: h, token: key, workspace: c.workspace}, silent{})
	w.key = key
	byAdmin := key == "" || c.workspace != "" && c.admin != ""
	if byAdmin {
		w.token = c.admin
	}
	var in info
	if err = w.do(ctx, get("/_sandbox/workspace", &in)); err == nil && in.ID == "" {
		err = fmt.Errorf("GET /_sandbox/workspace: %w: it has no id", errForm)
	}
	if err != nil {
		_ = w.Close()
		return nil, h.explain(err, byAdmin)
	}
	w.id = in.ID
	if byAdmin {
		w.workspace = in.ID
	} else {
		w.keyID = in.Key.ID
	}
	return w, nil
}

// explain says what a failure of the first call means.
func (h *host) explain(err error, byAdmin bool) error {
	what := "key"
	if byAdmin {
		what = "admin token"
	}
	var e *Error
	switch {
	case errors.Is(err, errForm), errors.As(err, &e) && e.Code == "":
		return fmt.Errorf("%s is not a sandbox: %w", h.base, err)
	case e == nil:
		return err
	case e.Code == noRoute:
		return fmt.Errorf("the sandbox at %s has no control API, or it is off: %w", h.base, err)
	case e.Status == http.StatusUnauthorized, e.Code == "insufficient_scope", e.Code == "workspace_forbidden":
		return fmt.Errorf("the sandbox at %s refuses the %s: %w", h.base, what, err)
	}
	return fmt.Errorf("the sandbox at %s refuses: %w", h.base, err)
}

// Start is New for a test, and ends with it: what cannot return an error fails
// the test at once. Such methods call Fatalf, so call them from the goroutine
// that runs the test.
func Start(t sandbox.TB, url, key string, opts ...Option) *Workspace {
	t.Helper()
	w, err := New(context.Background(), url, key, opts...)
	if err != nil {
		t.Fatalf("remote: %v", err)
		return nil
	}
	w.endWith(t)
	return w
}

// newWorkspace returns a workspace that has sent no request yet.
func newWorkspace(l line, t sandbox.TB) *Workspace {
	w := &Workspace{line: l, t: t, ids: map[string]string{}, snapshots: map[*Snapshot]bool{}}
	w.life, w.cancel = context.WithCancelCause(context.Background())
	l.enter()
	return w
}

// endWith makes it part of a test.
func (w *Workspace) endWith(t sandbox.TB) {
	w.t = t
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Logf("remote: %v", err)
		}
	})
}

// Close ends the calls that are under way and deletes what this client made at
// the server: the snapshots, and the workspace if it is one of NewWorkspace or
// Fork. It reports what could not be deleted. Workspaces of a test are closed
// with it. Close may be called more than once.
func (w *Workspace) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	var last []call
	for s := range w.snapshots {
		last = append(last, s.removal())
	}
	w.mu.Unlock()
	w.cancel(errClosed)
	defer w.leave()
	if w.made {
		path, _ := item(workspaces, "workspace", w.id)
		end := remove(path)
		end.admin = true
		last = []call{end} // its snapshots go with it
	}
	slices.SortFunc(last, func(a, b call) int { return strings.Compare(a.path, b.path) })
	l := w.line
	l.life = context.Background()
	ctx, cancel := context.WithTimeoutCause(l.life, closeTimeout, errTimeout)
	defer cancel()
	for _, c := range last {
		if err := l.do(ctx, c); err != nil && !errors.Is(err, sandbox.ErrNotFound) {
			return fmt.Errorf("Close: %w", err)
		}
	}
	return nil
}

// Err is the first failure of a method that could not return it, with the
// method's name; nil if there was none.
func (w *Workspace) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// fail is the end of a method that cannot return its error.
func (w *Workspace) fail(method string, err error) {
	w.t.Helper()
	err = fmt.Errorf("%s: %w", method, err)
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.mu.Unlock()
	w.t.Fatalf("remote: %v", err)
}

// silent is the test of a workspace that belongs to none.
type silent struct{}

func (silent) Helper()               {}
func (silent) Name() string          { return "" }
func (silent) Failed() bool          { return false }
func (silent) Logf(string, ...any)   {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}
func (silent) Cleanup(func())        {}

// fetch gets a whole list or object that a method without an error returns.
func fetch[T any](w *Workspace, method, path string) (out T) {
	w.t.Helper()
	if err := w.do(w.life, get(path, &out)); err != nil {
		w.fail(method, err)
		var none T
		return none
	}
	return out
}

// ID is the workspace's id.
func (w *Workspace) ID() string { return w.id }

// URL is where the sandbox is, without a slash at its end.
func (w *Workspace) URL() string { return w.base.String() }

// Key is the key the workspace was made with; "" if that was the admin token
// alone.
func (w *Workspace) Key() string { return w.key }

// Setup asks what the workspace started with.
func (w *Workspace) Setup() sandbox.Setup {
	w.t.Helper()
	return fetch[info](w, "Setup", "/_sandbox/workspace").Setup
}
