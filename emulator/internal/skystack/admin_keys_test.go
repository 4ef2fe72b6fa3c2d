package skystack_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
)

const otherKey = "sky_test_0000000000000000000000000000001vWQpT"

// Keys are listed by what may be shown of them (S24, S36): of a token nothing but
// the last characters of one the sandbox made.
func TestKeys(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	r.addKey(t, "abcd", credential.Key{
		ID: "tok_short", Name: "short", Scopes: []string{"catalog:read"}, Environment: "ci", Owner: "o", ProjectID: "prj_default", APIVersion: "2026-10-01",
		CreatedAt: testTime().Add(-time.Hour), ExpiresAt: testTime().Add(time.Hour), RevokedAt: testTime().Add(2 * time.Hour),
	})
	r.addKey(t, otherKey, credential.Key{})
	keys := r.api.Credentials.Public(r.world)
	if len(keys) != 3 {
		t.Fatalf("got %+v", keys)
	}
	if k := keys[0]; k.Token != "sky_test_…yOq4" || k.ID != "tok_default" || k.Workspace != "wsp_default" || fmt.Sprint(k.Scopes) != "[*]" ||
		!k.CreatedAt.Equal(testTime()) || k.ExpiresAt != nil || k.RevokedAt != nil {
		t.Errorf("got %+v", k)
	}
	if k := keys[1]; k.Token != "…" || k.ID != "tok_short" || k.Name != "short" || fmt.Sprint(k.Scopes) != "[catalog:read]" || k.Environment != "ci" || k.Owner != "o" ||
		k.Project != "prj_default" || k.APIVersion != "2026-10-01" || !k.CreatedAt.Equal(testTime().Add(-time.Hour)) ||
		!k.ExpiresAt.Equal(testTime().Add(time.Hour)) || !k.RevokedAt.Equal(testTime().Add(2*time.Hour)) {
		t.Errorf("got %+v", k)
	}
	if k := keys[2]; k.Token != "sky_test_…WQpT" || !strings.HasPrefix(k.ID, "tok_") {
		t.Errorf("got %+v", k)
	}
	if text := r.saved(t); strings.Contains(text, "abcd") || strings.Contains(text, otherKey) {
		t.Error("the saved world holds a key")
	}
	if err := r.api.Credentials.Add(r.world, credential.Registration{Secret: "x", Key: credential.Key{ID: "my key"}}); err == nil ||
		err.Error() != `the key's id "my key" is none: write tok_ and 1 to 60 letters, digits or underscores` {
		t.Errorf("got %v", err)
	}
}

// No key takes the id of another, not even one that was kept from another state.
func TestKeyIDsAreTaken(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	err := r.api.Credentials.Add(r.world, credential.Registration{Secret: "x", Key: credential.Key{ID: "tok_default"}})
	if !errors.Is(err, sandbox.ErrConflict) || err.Error() != `the key's id "tok_default" is that of another key; choose another, or leave it out: conflict` {
		t.Errorf("got %v", err)
	}
	r.addKey(t, r.key, credential.Key{ID: "tok_default", Name: "again"}) // the same key is no other
	p := r.world.Snapshot()
	r.addKey(t, "first", credential.Key{})
	id, ok := r.api.Credentials.ID(r.world, "first")
	if err := r.world.Restore(p); err != nil || !ok {
		t.Fatal(err)
	}
	r.addKey(t, "kept", credential.Key{ID: id}) // the id that comes next
	r.addKey(t, "second", credential.Key{})
	if second, _ := r.api.Credentials.ID(r.world, "second"); second == id || second == "" {
		t.Errorf("got %s", second)
	}
	if keys := r.api.Credentials.Public(r.world); len(keys) != 3 {
		t.Errorf("got %+v", keys)
	}
}

// The workspace's own keys are no part of what happens in it.
func TestOwnKeysAreNotInTheDump(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	before := dump(t, r.world)
	r.addKey(t, "own", credential.Key{CreatedBy: "configuration"})
	if after := dump(t, r.world); after != before {
		t.Errorf("got\n%s", after)
	}
	r.addKey(t, "other", credential.Key{ID: "tok_other", CreatedBy: "ada"})
	if after := dump(t, r.world); !strings.Contains(after, "\ntokens tok_other\n") || strings.Contains(after, "digest") {
		t.Errorf("got\n%s", after)
	}
}

// A copy knows the keys of its original, which do not lead to it.
func TestKeysOfACopy(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	f := r.world.Fork("wsp_fork")
	t.Cleanup(f.Close)
	if err := r.api.Registry.Add(f); err != nil {
		t.Fatal(err)
	}
	if got := r.api.Credentials.Public(f); len(got) != 0 || got == nil {
		t.Errorf("got %+v", got)
	}
	if err := r.api.Credentials.Add(f, credential.Registration{Secret: "own"}); err != nil {
		t.Fatal(err)
	}
	if got := r.api.Credentials.Public(f); len(got) != 1 || got[0].Workspace != "wsp_fork" {
		t.Errorf("got %+v", got)
	}
	if got := r.api.Credentials.Public(r.world); len(got) != 1 || got[0].ID != "tok_default" {
		t.Errorf("got %+v", got)
	}
}

// What a client does with a key is found in the workspace of the key, and with a
// key nobody knows in none (S39).
func TestFindingsBelongToWorkspaces(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	w := addWorld(t, r, "wsp_other", engine.Clock{Mode: engine.Frozen, Now: testTime().AddDate(1, 0, 0)})
	expired := credential.Registration{Secret: "expired", Key: credential.Key{ID: "tok_expired", ExpiresAt: testTime()}}
	if err := r.api.Credentials.Add(w, expired); err != nil {
		t.Fatal(err)
	}
	insist := func(key string, times int) {
		t.Helper()
		for range times {
			request := httptest.NewRequest(http.MethodGet, "http://localhost/v1/regions", http.NoBody)
			request.Header.Set("Authorization", "Bearer "+key)
			if code := r.serve(request).Code; code != http.StatusUnauthorized {
				t.Fatalf("%s: %d", key, code)
			}
		}
	}
	insist("unknown", 20)
	insist("expired", 20)
	insist("expired", 19)
	for _, c := range []struct {
		id      string
		unowned bool
		want    int
	}{{"wsp_other", false, 1}, {"wsp_other", true, 2}, {"wsp_default", false, 0}, {"wsp_default", true, 1}, {"", false, 1}} {
		if got := r.api.Findings.Of(c.id, c.unowned); len(got) != c.want || got == nil {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
	got := r.api.Findings.Of("wsp_other", false)[0]
	if !got.At.Equal(testTime().AddDate(1, 0, 0)) || got.Code != "retries_after_401" ||
		got.Message != "a client sent 20 requests in 0s with a token that is refused (token_expired): it should stop and refresh it" {
		t.Errorf("got %+v", got)
	}
	if all := r.api.Findings.All(); len(all) != 2 || all[1] != got {
		t.Errorf("got %+v", all)
	}
	r.api.Findings.Forget("wsp_other")
	if all := r.api.Findings.All(); len(all) != 1 || len(r.api.Findings.Of("wsp_other", false)) != 0 {
		t.Errorf("got %+v", all)
	}
}
