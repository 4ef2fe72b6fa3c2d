package emulator_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// A key leads to the workspace that made it or to none, whatever happens meanwhile:
// states of one are imported into another, both are reset, rewound and forked, keys are
// made, rotated and revoked, workspaces come and go, and requests are under way all the
// time. An import brings what the other workspace has, so what tells the workspace that
// responds is its id in the control API, and the record of its requests.
func TestHostileKeysLeadToTheirWorkspace(t *testing.T) {
	const rounds, clients = 60, 4
	e := emulator.Start(t)
	spaces := []sandbox.Workspace{}
	for _, id := range []string{"wsp_a", "wsp_b"} {
		w, err := e.AddWorkspace(emulator.Setup{Workspace: id})
		if err != nil {
			t.Fatal(err)
		}
		spaces = append(spaces, w)
	}
	a, b := spaces[0], spaces[1]
	hostile := &knownKeys{e: e, homes: map[string]string{a.Key(): "wsp_a", b.Key(): "wsp_b"}}
	end := hostile.requests(t, clients)
	initial := a.Snapshot()
	for round := range rounds {
		hostile.records(t, spaces)
		token := wire.In(t, e).As(a.Key()).Post("/v1/tokens", fmt.Sprintf(`{"name":"round-%d"}`, round)).Wants(201)
		hostile.add(token.Text("secret"), "wsp_a")
		var state bytes.Buffer
		if err := a.Snapshot().Save(&state); err != nil {
			t.Fatal(err)
		}
		switch round % 6 {
		case 0:
			b.Reset()
		case 1:
			a.Reset() // the key is gone, and its secret leads nowhere
		case 2:
			if err := b.Restore(a.Snapshot()); err != nil {
				t.Fatal(err)
			}
		case 3:
			if err := a.Restore(initial); err != nil {
				t.Fatal(err)
			}
		case 4:
			fork, err := e.ForkWorkspace("wsp_a", nil, fmt.Sprintf("wsp_fork%d", round))
			if err != nil {
				t.Fatal(err)
			}
			hostile.add(fork.Key(), fork.ID())
			if err := fork.Import(bytes.NewReader(state.Bytes())); err != nil {
				t.Fatal(err)
			}
			hostile.check(t, fork.Key())
			if err := e.RemoveWorkspace(fork.ID()); err != nil {
				t.Fatal(err)
			}
		case 5:
			wire.In(t, e).As(a.Key()).Post("/v1/tokens/"+token.Text("id")+"/rotate", `{"overlap_seconds":0}`)
			b.Reset(sandbox.RestartIDs())
		}
		if err := b.Import(bytes.NewReader(state.Bytes())); err != nil {
			t.Fatal(err)
		}
		hostile.check(t, token.Text("secret"))
		// A key that the other makes has another secret, although its state is the same.
		made := wire.In(t, e).As(b.Key()).Post("/v1/tokens", `{"name":"mine"}`).Wants(201).Text("secret")
		hostile.add(made, "wsp_b")
		hostile.check(t, made)
	}
	end()
	hostile.records(t, spaces)
	for _, key := range hostile.keys() {
		hostile.check(t, key)
	}
	if n, m := hostile.served.Load(), hostile.recorded.Load(); n < rounds || m == 0 {
		t.Errorf("only %d requests were served while the workspaces changed, and %d are on record", n, m)
	}
}

// knownKeys is keys, each with the workspace that made it.
type knownKeys struct {
	e                *emulator.Emulator
	served, recorded atomic.Int64

	mu    sync.Mutex
	homes map[string]string
	order []string
}

func (k *knownKeys) add(key, home string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, known := k.homes[key]; known && old != home {
		panic("two workspaces made the same key: " + old + " and " + home)
	}
	k.homes[key] = home
	k.order = append(k.order, key)
}

func (k *knownKeys) keys() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.order...)
}

// home is the workspace that responds to a key; "" if none does. The control API names
// it, and what a key may do there it may do in the API.
func (k *knownKeys) home(key string) (string, error) {
	r, err := http.NewRequest(http.MethodGet, "/_sandbox/workspace", http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := k.e.Client().Do(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusNotFound:
		return "", nil
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%d %s", resp.StatusCode, body)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(string(body), `{"id":"`), `"`)
	k.served.Add(1)
	return id, nil
}

func (k *knownKeys) homeOf(key string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.homes[key]
}

// records wants that no workspace has served a request with a key of another.
func (k *knownKeys) records(t testing.TB, spaces []sandbox.Workspace) {
	t.Helper()
	for _, w := range spaces {
		for _, r := range w.Requests(sandbox.Match{Operation: "createProject", Limit: 500, NewestFirst: true}) {
			if from := r.Header.Get("User-Agent"); from != w.ID() && r.Status < 400 {
				t.Errorf("%s served a request with a key of %s: %s", w.ID(), from, r)
			}
			k.recorded.Add(1)
		}
	}
}

// check wants a key to lead to its workspace or to none.
func (k *knownKeys) check(t testing.TB, key string) {
	want := k.homeOf(key)
	if got, err := k.home(key); err != nil || got != "" && got != want {
		t.Errorf("a key of %s leads to %q: %v", want, got, err)
	}
}

// requests sends requests with all keys, in the API and in the control API, until they
// are ended.
func (k *knownKeys) requests(t testing.TB, clients int) (end func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				keys := k.keys()
				if len(keys) == 0 {
					continue
				}
				key := keys[i%len(keys)]
				k.check(t, key)
				r, err := http.NewRequest(http.MethodPost, "/v1/projects", strings.NewReader(fmt.Sprintf(`{"name":"p-%d"}`, i)))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("User-Agent", k.homeOf(key))
				r.Header.Set("Authorization", "Bearer "+key)
				r.Header.Set("Content-Type", "application/json")
				resp, err := k.e.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	return func() {
		close(stop)
		all.Wait()
	}
}
