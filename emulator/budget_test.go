package emulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

const mib = 1 << 20

// budgeted is a sandbox whose workspaces may take so much.
func budgeted(t *testing.T, bytes int64) *emulator.Emulator {
	t.Helper()
	return emulator.Start(t, emulator.WithWorkspaceBudget(bytes), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}), emulator.WithResponseCheck())
}

// sent is the status and body of a request with a key.
func sent(t *testing.T, e *emulator.Emulator, key, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

var overBudget = regexp.MustCompile(`^\{"error":\{"code":"budget_exceeded","message":"This takes the workspace to (\d+) bytes or more, and its budget allows (\d+); delete objects or snapshots, or start the sandbox with a larger --workspace-budget\.","request_id":"[a-zA-Z0-9_]+","details":\[\{"needed":(\d+),"allowed":(\d+)\}\]\}\}$`)

// wantOverBudget asserts the refusal of what has no room, with both numbers twice.
func wantOverBudget(t *testing.T, what string, budget int64, status int, body string) {
	t.Helper()
	m := overBudget.FindStringSubmatch(body)
	if status != http.StatusRequestEntityTooLarge || m == nil {
		t.Fatalf("%s: got %d %.300s", what, status, body)
	}
	if m[1] != m[3] || m[2] != m[4] || m[4] != fmt.Sprint(budget) || len(m[1]) < len(m[2]) {
		t.Errorf("%s: the numbers are %v", what, m[1:])
	}
}

// What may not exceed the budget is refused before anything is changed, whatever
// way it comes.
func TestHostileBudget(t *testing.T) {
	const budget = 4 * mib
	large := saved(t, emulator.Start(t, emulator.WithFixture("busy=20000")))
	fill := func(t *testing.T, e *emulator.Emulator, until int) {
		t.Helper()
		for n := range 200 {
			body := fmt.Sprintf(`{"name":"big-%d","region":"eu-central","size":"standard-2","image":"ubuntu-24.04","metadata":{"a":%q}}`, n, strings.Repeat("x", 100_000))
			status, text := sent(t, e, e.Key(), "POST", "/v1/instances", body)
			if status != until && status/100 == 2 {
				continue
			}
			if status != until {
				t.Fatalf("got %d %.300s", status, text)
			}
			return
		}
		t.Fatal("it is never full")
	}
	for name, c := range map[string]struct {
		prepare              func(t *testing.T, e *emulator.Emulator)
		method, target, body string
	}{
		"a fixture made to measure": {nil, "POST", "/_sandbox/seed", `{"fixture":"busy=1000000"}`},
		"a fixture just too large":  {nil, "POST", "/_sandbox/seed", `{"fixture":"busy=7000"}`},
		"the text of a fixture":     {nil, "POST", "/_sandbox/seed", `{"data":` + quote(manyInstances(12_000)) + `}`},
		"an import":                 {nil, "PUT", "/_sandbox/state", large},
		"a create":                  {func(t *testing.T, e *emulator.Emulator) { fill(t, e, 413) }, "POST", "/v1/instances", `{"name":"more","region":"eu-central","size":"standard-2","image":"ubuntu-24.04","metadata":{"a":"` + strings.Repeat("x", 100_000) + `"}}`},
		"a create by the sandbox": {func(t *testing.T, e *emulator.Emulator) { fill(t, e, 413) }, "POST", "/_sandbox/instances",
			`{"name":"more","metadata":{"a":"` + strings.Repeat("x", 900_000) + `"}}`},
		"an update": {func(t *testing.T, e *emulator.Emulator) { fill(t, e, 413) }, "PATCH", "/v1/projects/prj_default", `{"description":"` + strings.Repeat("x", 500) + `","environment":"` + strings.Repeat("y", 100_000) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			e := budgeted(t, budget)
			if c.prepare != nil {
				c.prepare(t, e)
			}
			before := e.Dump()
			status, body := sent(t, e, e.Key(), c.method, c.target, c.body)
			if name == "an update" && status == http.StatusBadRequest {
				t.Skip("the contract refuses it first")
			}
			wantOverBudget(t, name, budget, status, body)
			if e.Dump() != before {
				t.Error("the workspace is another one")
			}
			// What deletes and what makes room is allowed, and the workspace goes on.
			if all := e.Instances(); len(all) > 0 {
				i := all[0]
				if status, body := sent(t, e, e.Key(), "DELETE", "/v1/instances/"+i.ID, ""); status != http.StatusNoContent {
					t.Fatalf("delete: %d %s", status, body)
				}
			}
			if status, body := sent(t, e, e.Key(), "POST", "/_sandbox/reset", ""); status != http.StatusNoContent {
				t.Errorf("reset: %d %s", status, body)
			}
		})
	}
}

// Snapshots that are kept count with what the workspace has no more: a hundred of
// one state cost nothing, a few of different ones are too many.
func TestHostileSnapshotsOverTheBudget(t *testing.T) {
	const budget = 8 * mib
	e := budgeted(t, budget)
	for range 50 {
		if status, body := sent(t, e, e.Key(), "POST", "/_sandbox/snapshots", ""); status != http.StatusCreated {
			t.Fatalf("got %d %s", status, body)
		}
	}
	last := ""
	for n := range 50 {
		status, body := sent(t, e, e.Key(), "POST", "/_sandbox/seed", `{"fixture":"busy=2000"}`)
		if status == http.StatusNoContent {
			status, body = sent(t, e, e.Key(), "POST", "/_sandbox/snapshots", "")
		}
		if status/100 == 2 {
			last = body
			continue
		}
		wantOverBudget(t, "a snapshot", budget, status, body)
		if n < 1 || n > 8 {
			t.Errorf("it is full after %d snapshots", n)
		}
		break
	}
	var s struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(last), &s); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"POST /_sandbox/snapshots/" + s.ID + "/restore", "DELETE /_sandbox/snapshots/" + s.ID} {
		method, path, _ := strings.Cut(request, " ")
		if status, body := sent(t, e, e.Key(), method, path, ""); status != http.StatusNoContent {
			t.Errorf("%s: %d %s", request, status, body)
		}
	}
}

// What the operator chose is not counted, and neither is what tests hold.
func TestBudgetIsOfWhatKeysMake(t *testing.T) {
	e := emulator.Start(t, emulator.WithFixture("busy=20000"), emulator.WithWorkspaceBudget(4*mib))
	if status, body := sent(t, e, e.Key(), "POST", "/v1/instances", `{"name":"more","region":"eu-central","size":"standard-2","image":"ubuntu-24.04"}`); status != http.StatusCreated {
		t.Fatalf("got %d %s", status, body)
	}
	// A key that replaces it has its budget, and the way back is open.
	status, body := sent(t, e, e.Key(), "POST", "/_sandbox/seed", `{"fixture":"busy=20000"}`)
	wantOverBudget(t, "the same again", 4*mib, status, body)
	if status, body := sent(t, e, e.Key(), "PUT", "/_sandbox/state", saved(t, emulator.Start(t))); status != http.StatusNoContent {
		t.Fatalf("got %d %s", status, body)
	}
	e.Reset()
	if n := len(e.Instances()); n != 20_000 {
		t.Errorf("%d instances", n)
	}
	unlimited := emulator.Start(t)
	if err := unlimited.Load("busy=20000"); err != nil {
		t.Error(err)
	}
}

// In Go and by the remote package it is the same error.
func TestErrOverBudget(t *testing.T) {
	e := budgeted(t, 2*mib)
	far, err := remote.New(t.Context(), e.URL(), e.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	for name, w := range map[string]sandbox.Workspace{"here": e, "remote": far} {
		for what, err := range map[string]error{
			"Load":   w.Load("busy=100000"),
			"Import": w.Import(strings.NewReader(saved(t, emulator.Start(t, emulator.WithFixture("busy=10000"))))),
		} {
			if !errors.Is(err, sandbox.ErrOverBudget) || !strings.Contains(err.Error(), "2097152") {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}

func TestWorkspaceBudgetIsChecked(t *testing.T) {
	if err := emulator.Check(emulator.WithWorkspaceBudget(1000)); err == nil || err.Error() != "workspace budget of 1000 bytes: use at least 1048576, or Unlimited" {
		t.Errorf("got %v", err)
	}
}

// Lists and exports are pages and streams: reading a workspace takes little
// besides it.
func TestHostileExports(t *testing.T) {
	e := emulator.Start(t, emulator.WithFixture("busy=80000"))
	for _, path := range []string{"/_sandbox/state", "/_sandbox/dump", "/_sandbox/instances", "/_sandbox/agenda"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", e.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.Key())
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		before, most, piece, read := live(), uint64(0), make([]byte, 1<<20), 0
		for {
			n, err := io.ReadFull(resp.Body, piece)
			read += n
			if now := live(); now > before {
				most = max(most, now-before)
			}
			if err != nil {
				break
			}
		}
		_ = resp.Body.Close()
		if most > 24*mib { // of other tests something may be left
			t.Errorf("%s: %d MiB were held for an answer of %d", path, most/mib, read/mib)
		}
	}
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func saved(t *testing.T, w interface{ Snapshot() emulator.Snapshot }) string {
	t.Helper()
	var b strings.Builder
	if err := w.Snapshot().Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// manyInstances is the text of a fixture.
func manyInstances(n int) string {
	var b strings.Builder
	b.WriteString("format: skystack-sandbox/1\ninstances:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {name: i%d}\n", i)
	}
	return b.String()
}

// A request with an Idempotency-Key takes what its outcome holds, and not what
// renders it.
func TestKeyedRequestsTakeLittle(t *testing.T) {
	e := budgeted(t, 2*mib)
	for n := range 300 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/projects", strings.NewReader(`{"name":"p"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.Key())
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprint(n))
		resp, err := e.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("number %d: %d", n, resp.StatusCode)
		}
	}
}
