package remote

import (
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/sandbox"
)

const minted = `{"id":"wsp_n","key":{"id":"tok_a","token":"` + testKey + `"},"setup":{}}`

// ofFake is the id that follows from the name of a tb.
const ofFake = "wsp_61bab5a911de"

// A workspace of a test is made by the admin token, controlled by its own key,
// and deleted with the test.
func TestNewWorkspace(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(w *Workspace, t sandbox.TB) sandbox.Workspace
		body string
	}{
		{"as the default one", func(w *Workspace, t sandbox.TB) sandbox.Workspace { return w.NewWorkspace(t) }, `{"workspace":"` + ofFake + `"}`},
		{
			"a fixture of the sandbox", func(w *Workspace, t sandbox.TB) sandbox.Workspace {
				return w.NewWorkspace(t, sandbox.Setup{Fixture: "docs", Seed: 7, Clock: sandbox.Clock{Mode: sandbox.FrozenClock}, Quota: sandbox.Unlimited})
			}, `{"workspace":"` + ofFake + `","fixture":"docs","seed":7,"clock":{"mode":"frozen"},"quota":null}`,
		},
		{
			"a file", func(w *Workspace, t sandbox.TB) sandbox.Workspace {
				return w.NewWorkspace(t, sandbox.Setup{Fixture: "testdata/world.YAML"})
			}, `{"workspace":"` + ofFake + `","fixture":"testdata/world.YAML","fixture_data":"format: skystack-sandbox/1\n"}`,
		},
		{
			"a text that wins over a file", func(w *Workspace, t sandbox.TB) sandbox.Workspace {
				return w.NewWorkspace(t, sandbox.Setup{Fixture: "testdata/none.yaml", FixtureData: []byte("{}")})
			}, `{"workspace":"` + ofFake + `","fixture":"testdata/none.yaml","fixture_data":"{}"}`,
		},
		{"a fork", func(w *Workspace, t sandbox.TB) sandbox.Workspace { return w.Fork(t) }, `{"fork_of":"wsp_a","workspace":"` + ofFake + `"}`},
		{
			"an id that is wanted", func(w *Workspace, t sandbox.TB) sandbox.Workspace {
				return w.NewWorkspace(t, sandbox.Setup{Workspace: "wsp_mine"})
			}, `{"workspace":"wsp_mine"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, w := connected(t,
				exchange{want: "POST /_sandbox/workspaces " + tc.body, admin: true, status: 201, body: minted},
				exchange{want: "POST /_sandbox/reset", status: 204},
				take, // goes with the workspace
				exchange{want: `POST /_sandbox/workspaces {"fork_of":"wsp_n","workspace":"` + ofFake + `"}`, admin: true, status: 201, body: strings.ReplaceAll(minted, "wsp_n", "wsp/o")},
				exchange{want: "POST /_sandbox/reset", status: 500, body: refused("internal_error", "Oh.")},
				exchange{want: "DELETE /_sandbox/workspaces/wsp%2Fo", admin: true, status: 404, body: refused("workspace_not_found", "Gone.")},
				exchange{want: "DELETE /_sandbox/workspaces/wsp_n", admin: true, status: 204},
			)
			said := new(tb).run(func(t sandbox.TB) {
				one := tc.make(w, t)
				one.Reset()
				one.Snapshot()
				if one.ID() != "wsp_n" || one.Key() != testKey || one.URL() != f.URL {
					t.Errorf("%s, %s, %s", one.ID(), one.Key(), one.URL())
				}
				one.Fork(t).Reset()
				t.Errorf("the test goes on")
			})
			if said != "fatal: remote: Reset: Oh (500 internal_error, request ctl_9)" {
				t.Error(said)
			}
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// An id that is taken is avoided, unless it was wanted.
func TestTakenIDs(t *testing.T) {
	no := refused("workspace_exists", "There is one.")
	var script []exchange
	for n := 1; n <= 11; n++ {
		x := exchange{want: fmt.Sprintf(`POST /_sandbox/workspaces {"workspace":"%sx%d"}`, ofFake, n), admin: true, status: 409, body: no}
		switch n {
		case 1:
			x.want = `POST /_sandbox/workspaces {"workspace":"` + ofFake + `"}`
		case 11:
			x.want, x.status, x.body = "POST /_sandbox/workspaces {}", 201, minted
		}
		script = append(script, x)
	}
	f, w := connected(t, append(script, exchange{want: "DELETE /_sandbox/workspaces/wsp_n", admin: true, status: 204})...)
	if said := new(tb).run(func(t sandbox.TB) { w.NewWorkspace(t) }); said != "" {
		t.Error(said)
	}
	f.then(append(script[:1:1], exchange{
		want: `POST /_sandbox/workspaces {"workspace":"` + ofFake + `x2"}`, admin: true, status: 409, body: refused("conflict", "Too many."),
	})...)
	if said := new(tb).run(func(t sandbox.TB) { w.NewWorkspace(t) }); said != "fatal: remote: NewWorkspace: Too many (409 conflict, request ctl_9)" {
		t.Error(said)
	}
}

// What is wrong stops the test that asked for the workspace.
func TestNoWorkspace(t *testing.T) {
	f, w := connected(t)
	f.then(hello)
	without, err := dial(t, f.URL)
	if err != nil {
		t.Fatal(err)
	}
	const refusedBody = `POST /_sandbox/workspaces {"workspace":"wsp_a"}`
	for name, tc := range map[string]struct {
		do   func(t sandbox.TB)
		x    []exchange
		want string
	}{
		"no admin token":          {func(t sandbox.TB) { without.NewWorkspace(t) }, nil, "fatal: remote: NewWorkspace: " + errNoAdmin.Error()},
		"no admin token to fork":  {func(t sandbox.TB) { without.Fork(t) }, nil, "fatal: remote: Fork: " + errNoAdmin.Error()},
		"two setups":              {func(t sandbox.TB) { w.NewWorkspace(t, sandbox.Setup{}, sandbox.Setup{}) }, nil, "fatal: remote: NewWorkspace: 2 setups are given; give one at most"},
		"no file":                 {func(t sandbox.TB) { w.NewWorkspace(t, sandbox.Setup{Fixture: "none.json"}) }, nil, "fatal: remote: NewWorkspace: the fixture cannot be read: open none.json: no such file or directory"},
		"a file that is no text":  {func(t sandbox.TB) { w.NewWorkspace(t, sandbox.Setup{Fixture: "x", FixtureData: []byte{0xff}}) }, nil, "fatal: remote: NewWorkspace: fixture x: byte 0 is not UTF-8 text"},
		"a refusal":               {func(t sandbox.TB) { w.NewWorkspace(t, sandbox.Setup{Workspace: "wsp_a"}) }, []exchange{{want: refusedBody, admin: true, status: 409, body: refused("workspace_exists", "There is one.")}}, "fatal: remote: NewWorkspace: There is one (409 workspace_exists, request ctl_9)"},
		"an answer without a key": {func(t sandbox.TB) { w.Fork(t) }, []exchange{{want: `POST /_sandbox/workspaces {"fork_of":"wsp_a","workspace":"` + ofFake + `"}`, admin: true, status: 201, body: `{"id":"wsp_n","key":{"id":"k"}}`}}, "fatal: remote: Fork: the server made a workspace, but did not tell its id and key"},
		"one that stays": {
			func(t sandbox.TB) { w.Fork(t) }, []exchange{
				{want: `POST /_sandbox/workspaces {"fork_of":"wsp_a","workspace":"` + ofFake + `"}`, admin: true, status: 201, body: minted},
				{want: "DELETE /_sandbox/workspaces/wsp_n", admin: true, status: 500, body: refused("internal_error", "Oh.")},
			}, "log: remote: Close: Oh (500 internal_error, request ctl_9)",
		},
	} {
		f.then(tc.x...)
		if said := new(tb).run(tc.do); said != tc.want {
			t.Errorf("%s: %s, want %s", name, said, tc.want)
		}
		f.then()
	}
	if _, err := without.AddKey(sandbox.Key{}); err == nil || err.Error() != errNoAdmin.Error() {
		t.Error(err)
	}
	f.then(exchange{want: `POST /_sandbox/workspaces/wsp_a/keys {"token":"sk_live_x"}`, admin: true, status: 400, body: refused("invalid_parameter", "A production key.")})
	if k, err := w.AddKey(sandbox.Key{Token: "sk_live_x"}); err == nil || err.Error() != "A production key (400 invalid_parameter, request ctl_9)" || k.Token != "" {
		t.Error(k, err)
	}
}

// Start stops the test at once, and ends with it.
func TestStart(t *testing.T) {
	f := newFake(t, exchange{want: hello.want, status: 401, body: refused("invalid_token", "No such key.")})
	said := new(tb).run(func(t sandbox.TB) { Start(t, f.URL, testKey) })
	if want := "fatal: remote: the sandbox at " + f.URL + " refuses the key: No such key (401 invalid_token, request ctl_9)"; said != want {
		t.Errorf("%s, want %s", said, want)
	}
	f.then(hello, take, exchange{want: "POST /_sandbox/reset", status: 502, kind: "text/plain", body: "gateway"}, drop)
	var w *Workspace
	said = new(tb).run(func(t sandbox.TB) {
		w = Start(t, f.URL, testKey)
		w.Snapshot()
		w.Reset()
	})
	if want := `fatal: remote: Reset: POST /_sandbox/reset returned 502 Bad Gateway with "text/plain": "gateway"`; said != want {
		t.Errorf("%s, want %s", said, want)
	}
	f.then()
	if err := w.Advance(1); err == nil || err.Error() != "POST /_sandbox/clock/advance: the workspace is closed" {
		t.Error(err)
	}
}

// An assertion fails the test it was given, with the requests received, and does not
// take a lost answer for none.
func TestAssertRequested(t *testing.T) {
	const (
		one  = `{"data":[{"seq":1,"method":"POST","target":"/v1/instances","status":201,"operation":"createInstance"}],"dropped":0,"missing":0,"complete":true}`
		none = `{"data":[],"dropped":0,"missing":0,"complete":true}`
		ask  = "GET /_sandbox/requests?operation=createInstance"
		gone = "GET /_sandbox/requests?limit=1&operation=createInstance"
		last = "GET /_sandbox/requests?limit=21&order=desc"
		lost = "fatal: remote: AssertRequested: Oh (500 internal_error, request ctl_9)"
	)
	fine := exchange{want: gone, status: 200, body: none}
	fault := func(want string) exchange {
		return exchange{want: want, status: 500, body: refused("internal_error", "Oh.")}
	}
	f, w := connected(t)
	for name, tc := range map[string]struct {
		times  int
		script []exchange
		want   string
	}{
		"as often":   {1, []exchange{{want: ask, status: 200, body: one}, fine}, ""},
		"not at all": {0, []exchange{{want: ask, status: 200, body: none}, fine}, ""},
		"too rarely": {
			2, []exchange{{want: ask, status: 200, body: one}, fine, {want: last, status: 200, body: one}},
			"error: createInstance was requested 1 times, want 2; requests received:\n  1 POST /v1/instances -> 201 createInstance",
		},
		"nothing known": {
			0, []exchange{{want: ask, status: 200, body: none}, {want: gone, status: 200, body: `{"data":[],"dropped":5,"missing":3,"complete":false}`}, {want: last, status: 200, body: none}},
			"error: createInstance: unknown: 0 requests are on record, want 0, but 3 older ones were dropped from the record; nothing was requested",
		},
		"a lost answer":     {0, []exchange{fault(ask)}, lost},
		"half of the truth": {0, []exchange{{want: ask, status: 200, body: none}, fault(gone)}, lost},
	} {
		f.then(tc.script...)
		if said := new(tb).run(func(t sandbox.TB) { w.AssertRequested(t, "createInstance", tc.times) }); said != tc.want {
			t.Errorf("%s: %s, want %s", name, said, tc.want)
		}
		f.then()
	}
	if err := w.Err(); err != nil {
		t.Error(err)
	}
}

// Names of files are cut to what the server takes.
func TestLabel(t *testing.T) {
	for path, want := range map[string]string{
		"a/b.yaml":                             "a/b.yaml",
		strings.Repeat("d/", 100) + "b.yaml":   "b.yaml",
		"d/" + strings.Repeat("ü", 150) + ".y": strings.Repeat("ü", 99) + ".y",
	} {
		if got := label(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
