package emulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/suite"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

// The same suite passes in-process and behind a URL; the container's is in
// package testcontainer.
func TestSuite(t *testing.T) {
	t.Run("in-process", func(t *testing.T) {
		e := emulator.Start(t, emulator.WithResponseCheck())
		suite.Run(t, func(t *testing.T, s sandbox.Setup) sandbox.Workspace { return e.NewWorkspace(t, s) })
	})
	t.Run("remote", func(t *testing.T) {
		e := emulator.Start(t, emulator.WithResponseCheck())
		home := remote.Start(t, e.URL(), e.Key(), remote.WithAdminToken(e.AdminToken()))
		suite.Run(t, func(t *testing.T, s sandbox.Setup) sandbox.Workspace { return home.NewWorkspace(t, s) })
	})
}

// A test in ten lines: start, create, advance, look.
func TestTenLines(t *testing.T) {
	cloud := emulator.Start(t)
	r, _ := http.NewRequest("POST", cloud.URL()+"/v1/instances", strings.NewReader(`{"name":"web-1","region":"eu-central","size":"standard-2"}`))
	r.Header = http.Header{"Authorization": {"Bearer " + cloud.Key()}, "Content-Type": {"application/json"}}
	if resp, err := http.DefaultClient.Do(r); err != nil || resp.StatusCode != 201 {
		t.Fatal(resp, err)
	}
	_ = cloud.Advance(3 * time.Second)
	created := cloud.Instances()
	if newest := created[len(created)-1]; newest.Status != "running" {
		t.Fatalf("status %s", newest.Status)
	}
}

// Two hundred subtests fork one expensive world; each moves its own clock, and
// none sees another.
func TestForksInParallel(t *testing.T) {
	cloud := emulator.Start(t, emulator.WithFixture("busy=2000"), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)}))
	before := cloud.Snapshot()
	t.Run("forks", func(t *testing.T) {
		for n := range 200 {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				s := wire.In(t, cloud.Fork(t))
				start := s.Now()
				id := s.Post("/v1/instances", fmt.Sprintf(`{"name":"own-%d","region":"eu-central","size":"standard-2"}`, n)).Wants(201).Text("id")
				step := time.Duration(n+1) * 100 * time.Millisecond
				if err := s.Advance(step); err != nil {
					t.Fatal(err)
				}
				want := "provisioning"
				if step >= 3*time.Second {
					want = "running"
				}
				s.Get("/v1/instances/"+id).Wants(200).Has("status", want).Has("name", fmt.Sprintf("own-%d", n))
				if got := len(s.Instances()); got != 2001 {
					t.Errorf("%d instances", got)
				}
				if got := s.Now().Sub(start); got != step {
					t.Errorf("moved by %v, want %v", got, step)
				}
				if got := s.Requests(emulator.Match{}); len(got) != 2 {
					t.Errorf("requests %v", got)
				}
			})
		}
	})
	if d := emulator.Diff(before, cloud.Snapshot()); d != "" {
		t.Errorf("the forks changed the world they came from:\n%s", d)
	}
	if n := len(cloud.Workspaces()); n != 1 {
		t.Errorf("%d workspaces are left", n)
	}
}

// failedTest is a test that fails, and what it was told.
type failedTest struct {
	*testing.T
	failed   bool
	cleanups []func()
	log      strings.Builder
}

func (l *failedTest) Failed() bool                    { return l.failed }
func (l *failedTest) Cleanup(f func())                { l.cleanups = append(l.cleanups, f) }
func (l *failedTest) Name() string                    { return "TestLoser/with a/part" }
func (l *failedTest) Logf(format string, args ...any) { fmt.Fprintf(&l.log, format+"\n", args...) }

// A failed test is told its seed, how to replay it and what it last asked; one
// that passes is told nothing.
func TestReplayIsPrintedOnFailure(t *testing.T) {
	for _, failed := range []bool{true, false} {
		l := &failedTest{T: t, failed: failed}
		cloud := emulator.Start(l, emulator.WithSeed(7))
		s := wire.In(t, cloud)
		for range 12 {
			s.Get("/v1/nothing").Wants(404)
		}
		for _, f := range l.cleanups {
			f()
		}
		want := ""
		if failed {
			want = "emulator: seed 7, fixture default; replay: SKYSTACK_SANDBOX_SEED=7 go test -count=1 -run '^TestLoser$/^with a$/^part$'\n"
			for n := 3; n <= 12; n++ {
				want += fmt.Sprintf("  %d GET /v1/nothing -> 404 (route: route_not_found: No route GET /v1/nothing. GET /openapi.json lists the routes.)\n", n)
			}
		}
		if got := l.log.String(); got != want {
			t.Errorf("failed %v: told\n%s\nwant\n%s", failed, got, want)
		}
	}
}

// The seed of the environment is that of tests that choose none.
func TestSeedOfTheEnvironment(t *testing.T) {
	t.Setenv("SKYSTACK_SANDBOX_SEED", "42")
	if got := emulator.Start(t).Setup().Seed; got != 42 {
		t.Errorf("seed %d", got)
	}
	if got := emulator.Start(t, emulator.WithSeed(3)).Setup().Seed; got != 3 {
		t.Errorf("seed %d, and the test chose 3", got)
	}
}

func TestReceiver(t *testing.T) {
	answered := emulator.NewReceiver(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	resp, err := http.Post(answered.URL+"/hook?x=1", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got, err := answered.WaitFor(t.Context(), 1)
	if err != nil || resp.StatusCode != http.StatusTeapot || got[0].Path != "/hook?x=1" || string(got[0].Body) != "hello" || got[0].Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d, received %+v, %v", resp.StatusCode, got, err)
	}
}

// Reset is for one workspace, ResetAll for all (S72).
func TestResetAll(t *testing.T) {
	e := emulator.Start(t, emulator.WithFixture("empty"))
	other := e.NewWorkspace(t)
	for _, w := range []sandbox.Workspace{e, other} {
		if _, err := w.CreateInstance(emulator.Instance{Name: "web-1"}); err != nil {
			t.Fatal(err)
		}
	}
	e.Reset()
	if len(e.Instances()) != 0 || len(other.Instances()) != 1 {
		t.Errorf("after Reset: %v and %v", e.Instances(), other.Instances())
	}
	e.ResetAll()
	if len(other.Instances()) != 0 {
		t.Errorf("after ResetAll: %v", other.Instances())
	}
}

// A workspace made later starts as the default one did: what was booked then falls
// due as much later.
func TestNewWorkspaceStartsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := emulator.Start(t, emulator.WithFixtureData("one.yaml", []byte("format: skystack-sandbox/1\ninstances: [{id: ins_1, name: web-1, status: provisioning}]\n")))
		<-time.After(time.Hour)
		w := wire.In(t, e.NewWorkspace(t))
		w.Get("/v1/instances/ins_1").Wants(200).Has("status", "provisioning")
		<-time.After(3 * time.Second)
		w.Get("/v1/instances/ins_1").Has("status", "running")
	})
}
