package remote

import (
	"fmt"
	"testing"

	"skystack.dev/sandbox/emulator/sandbox"
)

// A token is sent as the id of its key wherever that can be found out.
func TestTokensAreSentAsIDs(t *testing.T) {
	const (
		other = "sky_test_000000000000000000000000000002xxAbCd"
		twice = "sky_test_000000000000000000000000000003yyZZZZ"
		alien = "sky_test_000000000000000000000000000004zz1234"
		keys  = `{"data":[{"id":"tok_a","token":"sky_test_…QpT0"},{"id":"tok_b","token":"sky_test_…AbCd"},{"id":"tok_c","token":"…"},` +
			`{"id":"tok_d","token":"sky_test_…ZZZZ"},{"id":"tok_e","token":"sky_test_…ZZZZ"},{"id":"sky_test_as_an_id_1234","token":"…"}]}`
	)
	list := exchange{want: "GET /_sandbox/keys", status: 200, body: keys}
	f, w := connected(t)
	for _, tc := range []struct {
		key, sent string
		listed    bool
	}{
		{testKey, "tok_a", false},
		{other, "tok_b", true},
		{twice, twice, true},
		{alien, alien, true},
		{"sky_test_as_an_id_1234", "sky_test_as_an_id_1234", true},
		{"tok_z", "tok_z", false},
		{"my-own-token", "my-own-token", false},
	} {
		ask := exchange{want: "GET /_sandbox/requests?key=" + tc.sent, status: 200, body: `{"data":[]}`}
		use := exchange{want: fmt.Sprintf(`POST /_sandbox/rate-limits/exhaust {"key":%q}`, tc.sent), status: 204}
		if tc.key == testKey {
			use.want = `POST /_sandbox/rate-limits/exhaust {"key":""}`
		}
		script := []exchange{ask, use}
		if tc.listed {
			script = []exchange{list, ask, list, use}
		}
		f.then(script...)
		w.Requests(sandbox.Match{Key: tc.key})
		if err := w.Exhaust(tc.key); err != nil {
			t.Error(err)
		}
	}
	f.then(
		exchange{want: `POST /_sandbox/workspaces/wsp_a/keys {"token":"my-own-token"}`, admin: true, status: 201, body: `{"id":"tok_m","token":"my-own-token"}`},
		exchange{want: `POST /_sandbox/rate-limits/exhaust {"key":"tok_m"}`, status: 204},
		exchange{want: "GET /_sandbox/keys", status: 500, body: refused("internal_error", "Oh.")},
		exchange{want: "GET /_sandbox/keys", status: 500, body: refused("internal_error", "Oh.")},
	)
	if _, err := w.AddKey(sandbox.Key{Token: "my-own-token"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Exhaust("my-own-token"); err != nil {
		t.Error(err)
	}
	if err := w.Exhaust(other); err == nil || err.Error() != "Oh (500 internal_error, request ctl_9)" {
		t.Error(err)
	}
	if w.Requests(sandbox.Match{Key: other}); w.Err() == nil || w.Err().Error() != "Requests: Oh (500 internal_error, request ctl_9)" {
		t.Error(w.Err())
	}
}

// The key of a workspace that the admin token controls is sent as its id too.
func TestAdminAddressesAnyWorkspace(t *testing.T) {
	f := newFake(t, exchange{want: "GET /_sandbox/workspace?workspace=wsp_a", admin: true, status: 200, body: described})
	w, err := New(t.Context(), f.URL, testKey, WithAdminToken(testAdmin), WithWorkspace("wsp_a"))
	if err != nil {
		t.Fatal(err)
	}
	f.then(
		exchange{want: "GET /_sandbox/keys?workspace=wsp_a", admin: true, status: 200, body: `{"data":[{"id":"tok_q","token":"sky_test_…QpT0"}]}`},
		exchange{want: `POST /_sandbox/rate-limits/exhaust?workspace=wsp_a {"key":"tok_q"}`, admin: true, status: 204},
		exchange{want: "GET /_sandbox/requests?operation=a&workspace=wsp_a", admin: true, status: 200, body: `{"data":[]}`},
		exchange{want: `POST /_sandbox/workspaces {"fork_of":"wsp_a","workspace":"` + ofFake + `"}`, admin: true, status: 409, body: refused("conflict", "No.")},
	)
	if err := w.Exhaust(""); err != nil {
		t.Error(err)
	}
	w.Requests(sandbox.Match{Operation: "a"})
	if said := new(tb).run(func(t sandbox.TB) { w.Fork(t) }); said != "fatal: remote: Fork: No (409 conflict, request ctl_9)" {
		t.Error(said)
	}
	_ = w.Close()
	f.then(
		exchange{want: "GET /_sandbox/workspace", admin: true, status: 200, body: described},
		exchange{want: `POST /_sandbox/rate-limits/exhaust?workspace=wsp_a {"key":""}`, admin: true, status: 204},
	)
	w, err = New(t.Context(), f.URL, "", WithAdminToken(testAdmin))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Exhaust(""); err != nil || w.Key() != "" || w.ID() != "wsp_a" {
		t.Error(err, w.Key(), w.ID())
	}
	_ = w.Close()
	// Without the admin token the key itself must be the workspace's.
	f.then(exchange{want: "GET /_sandbox/workspace?workspace=wsp_b", status: 403, body: refused("workspace_forbidden", "The key is of another workspace.")})
	_, err = New(t.Context(), f.URL, testKey, WithWorkspace("wsp_b"))
	if want := "the sandbox at " + f.URL + " refuses the key: The key is of another workspace (403 workspace_forbidden, request ctl_9)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	f.then()
}
