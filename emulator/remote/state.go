package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"skystack.dev/sandbox/emulator/sandbox"
)

const snapshots = "/_sandbox/snapshots"

// Snapshot is a workspace as it was at one moment, kept by the server until it
// or its workspace is closed. The server keeps at most 100 of a workspace.
type Snapshot struct {
	w   *Workspace
	id  string
	err error // why there is none
}

var _ sandbox.Snapshot = (*Snapshot)(nil)

// Snapshot is the workspace as it is now: a *Snapshot. When the server refuses,
// it is one whose methods fail.
func (w *Workspace) Snapshot() sandbox.Snapshot {
	w.t.Helper()
	var out struct {
		ID string `json:"id"`
	}
	err := w.do(w.life, post(snapshots, nil, http.StatusCreated, &out))
	if err == nil && out.ID == "" {
		err = errors.New("the server named no snapshot")
	}
	if err != nil {
		w.fail("Snapshot", err)
		return &Snapshot{w: w, err: fmt.Errorf("there is no snapshot: %w", err)}
	}
	s := &Snapshot{w: w, id: out.ID}
	w.mu.Lock()
	w.snapshots[s] = true
	w.mu.Unlock()
	return s
}

// Save writes it as JSON, which Import reads.
func (s *Snapshot) Save(to io.Writer) error { return s.save(to, nil) }

// SaveSecrets is Save with the secrets of webhooks, in plain text.
func (s *Snapshot) SaveSecrets(to io.Writer) error {
	return s.save(to, url.Values{"secrets": {"true"}})
}

func (s *Snapshot) save(to io.Writer, query url.Values) error {
	if s.err != nil {
		return s.err
	}
	path, _ := item(snapshots, "snapshot", s.id)
	c := get(path, to)
	c.query = query
	c.unbounded()
	return s.w.do(s.w.life, c)
}

// Dump is everything it holds as text.
func (s *Snapshot) Dump() string {
	s.w.t.Helper()
	if s.err != nil {
		return ""
	}
	path, _ := item(snapshots, "snapshot", s.id)
	return s.w.dump("Snapshot.Dump", path+"/dump")
}

// WriteDump writes what Dump returns, as it comes.
func (s *Snapshot) WriteDump(to io.Writer) error {
	if s.err != nil {
		return s.err
	}
	path, _ := item(snapshots, "snapshot", s.id)
	c := get(path+"/dump", to)
	c.text = true
	c.unbounded()
	return s.w.do(s.w.life, c)
}

// Close lets the server forget it. Workspaces close their snapshots when they
// are closed. Close may be called more than once.
func (s *Snapshot) Close() error {
	s.w.mu.Lock()
	kept := s.w.snapshots[s]
	s.w.mu.Unlock()
	if !kept || s.w.life.Err() != nil {
		return nil
	}
	if err := s.w.do(s.w.life, s.removal()); err != nil && !errors.Is(err, sandbox.ErrNotFound) {
		return err
	}
	s.w.mu.Lock()
	delete(s.w.snapshots, s)
	s.w.mu.Unlock()
	return nil
}

func (s *Snapshot) removal() call {
	path, _ := item(snapshots, "snapshot", s.id)
	return remove(path)
}

// Restore makes the workspace what the snapshot holds, its time included. One of
// this workspace never leaves the server.
func (w *Workspace) Restore(s sandbox.Snapshot) error {
	if s == nil {
		return errNoSnapshot
	}
	if own, ok := s.(*Snapshot); ok {
		if own == nil {
			return errNoSnapshot
		}
		if own.err != nil {
			return own.err
		}
		if own.w.host == w.host && own.w.id == w.id {
			path, _ := item(snapshots, "snapshot", own.id)
			return w.do(w.life, post(path+"/restore", nil, http.StatusNoContent, nil))
		}
	}
	saved, to := io.Pipe() // it need not fit in memory
	fault := make(chan error, 1)
	go func() {
		err := s.Save(to)
		fault <- err
		_ = to.CloseWithError(err)
	}()
	begun := bufio.NewReader(saved)
	_, err := begun.Peek(1) // nothing is sent of a snapshot that cannot be saved
	if err == nil {
		err = w.Import(begun)
	}
	_ = saved.Close() // or Save would wait for ever
	if why := <-fault; why != nil && !errors.Is(why, io.ErrClosedPipe) {
		return fmt.Errorf("the snapshot cannot be saved: %w", why)
	}
	return err
}

var errNoSnapshot = errors.New("there is no snapshot to restore")

// Import is Restore from what Snapshot.Save wrote. It reads while it sends.
func (w *Workspace) Import(r io.Reader) error {
	if r == nil {
		return errors.New("there is nothing to import: the reader is nil")
	}
	from := &source{r: r}
	defer from.end()
	c := put("/_sandbox/state", from, http.StatusNoContent, nil)
	c.lasting = true
	return w.do(w.life, c)
}

// source reads a saved state, and not after the call has ended: the transport may
// read on when the response is there already.
type source struct {
	mu   sync.Mutex
	r    io.Reader
	over bool
}

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, io.ErrClosedPipe
	}
	return s.r.Read(b)
}

func (s *source) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// Load starts the workspace again with a fixture. One whose name ends in .yaml,
// .yml or .json is a file of this machine; others come with the sandbox.
func (w *Workspace) Load(fixture string) error {
	if isFile(fixture) {
		data, err := os.ReadFile(fixture)
		if err != nil {
			return fmt.Errorf("the fixture cannot be read: %w", err)
		}
		return w.LoadData(label(fixture), data)
	}
	in := struct {
		Fixture string `json:"fixture"`
	}{fixture}
	c := post("/_sandbox/seed", in, http.StatusNoContent, nil)
	c.lasting = true
	return w.do(w.life, c)
}

// LoadData is Load with the text of a fixture; name appears in messages.
func (w *Workspace) LoadData(name string, data []byte) error {
	if err := checkText(name, data); err != nil {
		return err
	}
	in := struct {
		Name string `json:"name"`
		Data string `json:"data"`
	}{name, string(data)}
	return w.do(w.life, post("/_sandbox/seed", in, http.StatusNoContent, nil))
}

// isFile reports whether a fixture is a file and not one of the sandbox's own.
func isFile(fixture string) bool {
	switch strings.ToLower(filepath.Ext(fixture)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// label is what messages of the server call a file: its path if that is not too
// long for them.
func label(path string) string {
	const most = 200
	if len(path) > most {
		path = filepath.Base(path)
	}
	for len(path) > most {
		_, n := utf8.DecodeRuneInString(path)
		path = path[n:]
	}
	return path
}

// checkText refuses text that JSON would change.
func checkText(name string, data []byte) error {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Errorf("fixture %s: byte %d is not UTF-8 text", name, i)
		}
		i += n
	}
	return nil
}

// Reset returns the workspace to what it started as; see sandbox.RestartIDs.
func (w *Workspace) Reset(opts ...sandbox.ResetOption) {
	w.t.Helper()
	var body any
	if sandbox.ResetOptionsOf(opts...).RestartIDs {
		body = map[string]string{"ids": "restart"}
	}
	if err := w.do(w.life, post("/_sandbox/reset", body, http.StatusNoContent, nil)); err != nil {
		w.fail("Reset", err)
	}
}

// Dump is everything the workspace holds as text.
func (w *Workspace) Dump() string {
	w.t.Helper()
	return w.dump("Dump", "/_sandbox/dump")
}

func (w *Workspace) dump(method, path string) string {
	w.t.Helper()
	var b strings.Builder
	c := get(path, &b)
	c.text = true
	c.unbounded()
	if err := w.do(w.life, c); err != nil {
		w.fail(method, err)
		return ""
	}
	return b.String()
}
