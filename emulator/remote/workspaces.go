package remote

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"skystack.dev/sandbox/emulator/sandbox"
)

const workspaces = "/_sandbox/workspaces"

// NewWorkspace returns another workspace of the same sandbox, as Start would. It
// takes the admin token. A fixture that is a file is read here. The id follows
// from the test's name if it is free. The server deletes the workspace when the
// test ends.
func (w *Workspace) NewWorkspace(t sandbox.TB, setup ...sandbox.Setup) sandbox.Workspace {
	t.Helper()
	if len(setup) > 1 {
		t.Fatalf("remote: NewWorkspace: %d setups are given; give one at most", len(setup))
		return nil
	}
	var s sandbox.Setup
	if len(setup) == 1 {
		s = setup[0]
	}
	s, err := complete(s)
	if err != nil {
		t.Fatalf("remote: NewWorkspace: %v", err)
		return nil
	}
	return w.start(t, "NewWorkspace", s.Workspace, func(id string) any { s.Workspace = id; return s })
}

// Fork returns a copy of this workspace as it is now, as Start would. It takes
// the admin token. The server deletes it when the test ends.
func (w *Workspace) Fork(t sandbox.TB) sandbox.Workspace {
	t.Helper()
	type fork struct {
		Of string `json:"fork_of"`
		ID string `json:"workspace,omitempty"`
	}
	return w.start(t, "Fork", "", func(id string) any { return fork{w.id, id} })
}

// complete reads the fixture if it is a file.
func complete(s sandbox.Setup) (sandbox.Setup, error) {
	if s.FixtureData == nil && isFile(s.Fixture) {
		data, err := os.ReadFile(s.Fixture)
		if err != nil {
			return s, fmt.Errorf("the fixture cannot be read: %w", err)
		}
		s.Fixture, s.FixtureData = label(s.Fixture), data
	}
	return s, checkText(s.Fixture, s.FixtureData)
}

// start has the server make a workspace for a test, from a body that names the
// id.
func (w *Workspace) start(t sandbox.TB, method, id string, body func(id string) any) sandbox.Workspace {
	t.Helper()
	ids := []string{id}
	if id == "" {
		ids = idsFor(t)
	}
	var made *Workspace
	var err error
	for _, id := range ids {
		if made, err = w.make(body(id)); !taken(err) {
			break
		}
	}
	if err != nil {
		t.Fatalf("remote: %s: %v", method, err)
		return nil
	}
	made.endWith(t)
	return made
}

// idsFor is what the workspace of a test may be called, the best first. What is
// random in it depends on its id, so that follows from the test's name, as in
// package emulator. The last lets the server choose: another process may run
// the same test there.
func idsFor(t sandbox.TB) []string {
	const most = 10
	var ids []string
	for n := 1; n <= most; n++ {
		ids = append(ids, sandbox.WorkspaceID(t.Name(), n))
	}
	return append(ids, "")
}

// taken reports whether err says that another workspace has the id.
func taken(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == "workspace_exists"
}

var errNoAdmin = errors.New("it takes the admin token, see WithAdminToken: " + adminHint)

func (w *Workspace) make(body any) (*Workspace, error) {
	if w.admin == "" {
		return nil, errNoAdmin
	}
	var out struct {
		ID  string      `json:"id"`
		Key sandbox.Key `json:"key"`
	}
	c := post(workspaces, body, http.StatusCreated, &out)
	c.admin = true
	if err := w.do(w.life, c); err != nil {
		return nil, err
	}
	if out.ID == "" || out.Key.Token == "" {
		return nil, errors.New("the server made a workspace, but did not tell its id and key")
	}
	made := newWorkspace(line{host: w.host, token: out.Key.Token}, silent{})
	made.id, made.key, made.keyID, made.made = out.ID, out.Key.Token, out.Key.ID, true
	return made, nil
}

// AddKey makes a further key known. It takes the admin token. An empty Token is
// minted; the key that is returned has it.
func (w *Workspace) AddKey(k sandbox.Key) (sandbox.Key, error) {
	if w.admin == "" {
		return sandbox.Key{}, errNoAdmin
	}
	path, err := item(workspaces, "workspace", w.id)
	if err != nil {
		return sandbox.Key{}, err
	}
	var out sandbox.Key
	c := post(path+"/keys", k, http.StatusCreated, &out)
	c.admin = true
	if err := w.do(w.life, c); err != nil {
		return sandbox.Key{}, err
	}
	if out.ID != "" {
		w.mu.Lock()
		w.ids[out.Token] = out.ID
		w.mu.Unlock()
	}
	return out, nil
}
