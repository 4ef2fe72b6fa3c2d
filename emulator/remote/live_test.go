package remote_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

// live is a sandbox behind a socket, and its default workspace from outside.
func live(t *testing.T, opts ...emulator.Option) (*emulator.Emulator, *remote.Workspace) {
	t.Helper()
	e := emulator.Start(t, append([]emulator.Option{emulator.WithFixture("docs")}, opts...)...)
	return e, remote.Start(t, e.URL(), e.Key(), remote.WithAdminToken(e.AdminToken()))
}

// ask sends a request of the SkyStack API.
func ask(t *testing.T, w sandbox.Workspace, method, path, body string) int {
	t.Helper()
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Key())
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

const create = `{"name":"worker-b","region":"us-east-1","size":"standard-2"}`

// What is said from outside is done inside, and what is inside is seen outside.
func TestAgainstTheSandbox(t *testing.T) {
	e, w := live(t)
	if w.ID() != e.ID() || w.Key() != e.Key() || w.URL() != e.URL() {
		t.Errorf("%s, %s, %s", w.ID(), w.Key(), w.URL())
	}
	if err := w.SetClock(sandbox.Clock{Mode: sandbox.FrozenClock}); err != nil {
		t.Fatal(err)
	}
	before := w.Snapshot()
	if got := ask(t, w, http.MethodPost, "/v1/instances", create); got != http.StatusCreated {
		t.Fatal(got)
	}
	w.AssertRequested(t, "createInstance", 1)
	if got, want := w.Dump(), e.Dump(); got != want {
		t.Errorf("outside\n%s\ninside\n%s", got, want)
	}
	all := w.Instances()
	id := all[len(all)-1].ID
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if _, err := w.WaitForStatus(ctx, id, "running"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := w.Advance(3 * time.Second); err != nil {
		t.Fatal(err)
	}
	if i, err := w.WaitForStatus(t.Context(), id, "running"); err != nil || i.Name != "worker-b" {
		t.Error(i, err)
	}
	if !w.Now().Equal(e.Now()) || w.Clock().Mode != e.Clock().Mode {
		t.Error(w.Now(), w.Clock())
	}
	if err := w.Restore(before); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Instance(id); ok {
		t.Error("the instance is still there")
	}
	if got, want := w.Dump(), before.Dump(); got != want {
		t.Errorf("after\n%s\nbefore\n%s", got, want)
	}
	r, err := w.WaitForRequest(t.Context(), sandbox.Match{Operation: "createInstance", Key: w.Key(), Status: 2})
	if err != nil || r.Status != http.StatusCreated {
		t.Error(r, err)
	}
	if got := ask(t, w, http.MethodGet, "/v1/nothing", ""); got != http.StatusNotFound || len(w.Unmatched()) != 1 {
		t.Error(got, w.Unmatched())
	}
	if err := w.Finish("ins_none"); !errors.Is(err, sandbox.ErrNotFound) {
		t.Error(err)
	}
	if err := w.Advance(-time.Second); err == nil {
		t.Error("time went back")
	}
	if w.Reset(); len(w.Requests(sandbox.Match{})) != 0 || w.Dropped() != 0 {
		t.Error("the requests stayed")
	}
}

// Objects, keys and limits are what they are inside.
func TestObjectsOfTheSandbox(t *testing.T) {
	e, w := live(t, emulator.WithLimits())
	p, err := w.CreateProject(sandbox.Project{Name: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	i, err := w.CreateInstance(sandbox.Instance{Name: "broken", ProjectID: p.ID, Status: "error", Reason: &sandbox.Reason{Code: "host_failure"}, Metadata: map[string]any{"a": []any{"b"}}})
	if err != nil {
		t.Fatal(err)
	}
	if inside, ok := e.Instance(i.ID); !ok || inside.Reason.Code != "host_failure" || inside.ProjectID != p.ID {
		t.Errorf("%+v", inside)
	}
	if same, ok := w.Project(p.ID); !ok || same.Name != "billing" || len(w.Projects()) != len(e.Projects()) {
		t.Errorf("%+v", same)
	}
	if _, err := w.CreateInstance(sandbox.Instance{Name: "x", Status: "asleep"}); err == nil {
		t.Error("an unknown status was taken")
	}
	k, err := w.AddKey(sandbox.Key{Name: "second"})
	if err != nil || k.Token == "" || len(w.Keys()) != len(e.Keys()) {
		t.Fatal(k, err)
	}
	for name, key := range map[string]string{"own": "", "other": k.Token} {
		if err := w.Exhaust(key); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := ask(t, w, http.MethodGet, "/v1/instances", ""); got != http.StatusTooManyRequests {
		t.Error(got)
	}
	if len(w.Limits()) != len(e.Limits()) {
		t.Error(w.Limits())
	}
	if err := w.Refill(); err != nil {
		t.Error(err)
	}
	if err := w.SetRateLimit(sandbox.RateLimit{PerMinute: 1}); err != nil {
		t.Error(err)
	}
	if got := ask(t, w, http.MethodGet, "/v1/instances", ""); got != http.StatusOK {
		t.Error(got)
	}
	if got := ask(t, w, http.MethodGet, "/v1/instances", ""); got != http.StatusTooManyRequests {
		t.Error(got)
	}
	if w.Setup().RateLimit == nil || w.Findings() == nil {
		t.Error(w.Setup(), w.Findings())
	}
}

// A state travels: out of one sandbox, into another, into a fork.
func TestStatesTravel(t *testing.T) {
	e, w := live(t)
	other := emulator.Start(t, emulator.WithFixture("empty"))
	if err := w.SetClock(sandbox.Clock{Mode: sandbox.FrozenClock}); err != nil {
		t.Fatal(err)
	}
	here := w.Snapshot()
	if err := other.Restore(here); err != nil {
		t.Fatal(err)
	}
	if got := sandbox.Diff(here, other.Snapshot()); strings.Contains(got, "ins_") {
		t.Errorf("the instances differ:\n%s", got)
	}
	var b bytes.Buffer
	if err := here.Save(&b); err != nil {
		t.Fatal(err)
	}
	fork, fresh := w.Fork(t), w.NewWorkspace(t, sandbox.Setup{Fixture: "empty", Clock: sandbox.Clock{Mode: sandbox.FrozenClock}})
	if fork.ID() == w.ID() || fork.Key() == w.Key() || fork.ID() == fresh.ID() || len(fresh.Instances()) != 0 || len(fork.Instances()) != len(e.Instances()) {
		t.Error(fork.ID(), fresh.ID(), len(fresh.Instances()), len(fork.Instances()))
	}
	if err := fresh.Import(&b); err != nil || len(fresh.Instances()) != len(e.Instances()) {
		t.Error(err, len(fresh.Instances()))
	}
	if err := fork.Advance(time.Hour); err != nil || !w.Now().Equal(e.Now()) || !fork.Now().Equal(e.Now().Add(time.Hour)) {
		t.Error(err, fork.Now(), e.Now())
	}
	if err := fork.Restore(here); err != nil || !fork.Now().Equal(e.Now()) {
		t.Error(err, fork.Now())
	}
	if err := fresh.Import(strings.NewReader(`{"format":"x"}`)); err == nil || len(fresh.Instances()) != len(e.Instances()) {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"a built-in": fresh.Load("busy=3"), "a text": fresh.LoadData("w.yaml", []byte("format: skystack-sandbox/1\nprojects:\n  - {id: prj_web, name: web}\n")),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fresh.Load("testdata/faulty.yaml"); err == nil || !strings.Contains(err.Error(), "testdata/faulty.yaml:3") {
		t.Error(err)
	}
	w.AssertRequested(t, "createInstance", 0)
}

// Control that is off, and keys that are wrong, are told apart.
func TestRefusalsOfTheSandbox(t *testing.T) {
	closed := emulator.Start(t, emulator.WithoutControl())
	if _, err := remote.New(t.Context(), closed.URL(), closed.Key()); err == nil || !strings.HasPrefix(err.Error(), "the sandbox at "+closed.URL()+" has no control API, or it is off: ") {
		t.Error(err)
	}
	e := emulator.Start(t, emulator.WithKey(emulator.Key{Token: "reader", Scopes: []string{"instances:read"}}), emulator.WithKey(emulator.Key{Token: "other", Workspace: "wsp_b"}))
	for key, code := range map[string]string{"unknown": "invalid_token", "reader": "insufficient_scope"} {
		_, err := remote.New(t.Context(), e.URL(), key)
		var refused *remote.Error
		if !errors.As(err, &refused) || refused.Code != code || !strings.HasPrefix(err.Error(), "the sandbox at "+e.URL()+" refuses the key: ") {
			t.Errorf("%s: %v", key, err)
		}
	}
	_, err := remote.New(t.Context(), e.URL(), "other", remote.WithWorkspace(e.ID()))
	if refused := (*remote.Error)(nil); !errors.As(err, &refused) || refused.Code != "workspace_forbidden" {
		t.Error(err)
	}
	w := remote.Start(t, e.URL(), "reader", remote.WithAdminToken(e.AdminToken()), remote.WithWorkspace("wsp_b"))
	if w.ID() != "wsp_b" || w.Dump() == "" {
		t.Error(w.ID())
	}
	if _, err := remote.New(t.Context(), e.URL(), "", remote.WithAdminToken("sky_admin_no")); err == nil || !strings.HasPrefix(err.Error(), "the sandbox at "+e.URL()+" refuses the admin token: ") {
		t.Error(err)
	}
}

// Over HTTPS the CA of the sandbox is enough, and without it nothing works.
func TestHTTPSOfTheSandbox(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
	w := remote.Start(t, e.HTTPSURL(), e.Key(), remote.WithCA(e.CA()))
	if got := ask(t, w, http.MethodGet, "/v1/instances", ""); got != http.StatusOK || w.URL() != e.HTTPSURL() {
		t.Error(got, w.URL())
	}
	if _, err := remote.New(t.Context(), e.HTTPSURL(), e.Key()); err == nil || !strings.HasPrefix(err.Error(), "the certificate of "+e.HTTPSURL()+" is not trusted: ") {
		t.Error(err)
	}
	plain := strings.Replace(e.HTTPSURL(), "https:", "http:", 1)
	_, err := remote.New(t.Context(), plain, e.Key())
	if refused := (*remote.Error)(nil); !errors.As(err, &refused) || refused.Code != "https_required" {
		t.Error(err)
	}
}

// Tests at the same time, each with a fork of its own, do not see each other.
func TestForksInParallel(t *testing.T) {
	e, w := live(t)
	if err := w.SetClock(sandbox.Clock{Mode: sandbox.FrozenClock}); err != nil {
		t.Fatal(err)
	}
	start, count := w.Now(), len(w.Instances())
	t.Run("all", func(t *testing.T) {
		for i := range 20 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				mine := w.Fork(t)
				for range i {
					if _, err := mine.CreateInstance(sandbox.Instance{Name: "mine"}); err != nil {
						t.Error(err)
					}
				}
				d := time.Duration(i) * time.Hour
				if err := mine.Advance(d); err != nil {
					t.Error(err)
				}
				if got := mine.Now().Sub(start); got != d || len(mine.Instances()) != count+i {
					t.Errorf("%v later, %d instances", got, len(mine.Instances()))
				}
			})
		}
	})
	if !w.Now().Equal(start) || len(w.Instances()) != count || len(e.Workspaces()) != 1 {
		t.Error(w.Now(), len(w.Instances()), len(e.Workspaces()))
	}
}
