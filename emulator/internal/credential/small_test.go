package credential_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/limit"
)

// smallAPI is an API with keys: the least that a store needs of one.
type smallAPI struct {
	t        *testing.T
	schema   *engine.Schema
	registry *engine.Registry
	keys     *credential.Store
	world    *engine.World
	limits   credential.Limits
	busy     time.Time // until then every object is busy
	ended    []string  // keys whose overlap ended, and their status before
}

func newSmallAPI(t *testing.T, change func(*credential.Config)) *smallAPI {
	a := &smallAPI{t: t, schema: engine.NewSchema(), registry: engine.NewRegistry()}
	c := credential.Config{
		IDPrefix: "key", SecretPrefix: "small_", Scopes: []string{"*", "a:read", "a:write"}, Registry: a.registry,
		ProjectExists: func(_ *engine.Tx, id string) bool { return id == "p1" },
		Refuse:        func(k credential.Key, s credential.Status) error { return errors.New(string(s) + " " + k.ID) },
		OverlapEnded: func(_ *engine.Tx, k credential.Key, before credential.Status) {
			a.ended = append(a.ended, k.ID+" was "+string(before))
		},
		BusyUntil: func(*engine.Tx, credential.Busy) time.Time { return a.busy },
		Limits:    func(*engine.Tx) credential.Limits { return a.limits },
	}
	if change != nil {
		change(&c)
	}
	a.keys = credential.New(a.schema, c)
	a.world = a.newWorld("w", engine.Frozen)
	return a
}

func start() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

func (a *smallAPI) newWorld(id string, mode engine.Mode) *engine.World {
	a.t.Helper()
	w, err := engine.NewWorld(a.schema, engine.Config{ID: id, Seed: 1, Clock: engine.Clock{Mode: mode, Now: start()}, Strict: true})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(w.Close)
	return w
}

func (a *smallAPI) do(f func(tx *engine.Tx)) {
	a.t.Helper()
	if err := a.world.Do(func(tx *engine.Tx) error { f(tx); return nil }); err != nil {
		a.t.Fatal(err)
	}
}

// mint makes a key on behalf of another one.
func (a *smallAPI) mint(by string, k credential.Key) (made credential.Key, secret string) {
	a.t.Helper()
	a.do(func(tx *engine.Tx) { made, secret = a.keys.Mint(tx, by, k) })
	return made, secret
}

// add registers a key of the configuration.
func (a *smallAPI) add(secret string, k credential.Key) string {
	a.t.Helper()
	k.CreatedBy = credential.Configuration
	if err := a.keys.Add(a.world, credential.Registration{Secret: secret, Key: k}); err != nil {
		a.t.Fatal(err)
	}
	id, _ := a.keys.ID(a.world, secret)
	return id
}

// request admits a request about an object, and returns "ok", "limited" or the refusal.
func (a *smallAPI) request(secret, object string) string {
	a.t.Helper()
	x := &httpapi.RequestContext{Request: httptest.NewRequest(http.MethodGet, "/", http.NoBody)}
	if _, err := a.keys.Admit(x, secret, object); err != nil {
		return err.Error()
	}
	if d, ok := x.Admission.(*limit.Decision); !ok || !d.Allowed {
		return "limited"
	}
	return "ok"
}

func (a *smallAPI) advance(d time.Duration) {
	a.t.Helper()
	if err := a.world.Advance(d); err != nil {
		a.t.Fatal(err)
	}
}

// ids lists the keys that lead to a world.
func (a *smallAPI) ids(w *engine.World) (out []string) {
	for _, k := range a.keys.Public(w) {
		out = append(out, k.ID)
	}
	return out
}

// load returns the saved present state after a change of its text.
func (a *smallAPI) load(old, replacement string) (*engine.Snapshot, error) {
	a.t.Helper()
	var saved bytes.Buffer
	if err := a.world.Snapshot().Save(&saved); err != nil {
		a.t.Fatal(err)
	}
	if !strings.Contains(saved.String(), old) {
		a.t.Fatalf("%s is not in %s", old, saved.String())
	}
	return a.world.Load(strings.NewReader(strings.Replace(saved.String(), old, replacement, 1)))
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
