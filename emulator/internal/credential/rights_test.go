package credential_test

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// A write scope includes the read scope of the same resource, "*" everything (S26).
func TestGrants(t *testing.T) {
	for _, c := range []struct {
		scopes []string
		needed string
		want   bool
	}{
		{nil, "", true}, {nil, "a:read", false}, {[]string{"*"}, "a:delete", true}, {[]string{"a:read"}, "a:read", true},
		{[]string{"a:read"}, "a:write", false}, {[]string{"a:write"}, "a:read", true}, {[]string{"a:write"}, "a:delete", false},
		{[]string{"a:write"}, "ab:read", false}, {[]string{"ab:write"}, "a:read", false},
	} {
		want(t, c.needed, credential.Grants(c.scopes, c.needed), c.want)
	}
	wantList(t, "missing", credential.Missing([]string{"a:write"}, []string{"a:read", "b:read", "*"}), "b:read", "*")
}

// A state that a key brings has no other keys that can do more than that one.
func TestBringing(t *testing.T) {
	a := newSmallAPI(t, nil)
	root := a.add("root", credential.Key{ID: "key_root"})
	for _, c := range []struct {
		name          string
		maker, others credential.Key
		want          string
	}{
		{"scope", credential.Key{Scopes: []string{"a:read"}}, credential.Key{Scopes: []string{"a:write"}}, "scopes: a:write is none of"},
		{"project", credential.Key{ProjectID: "p1"}, credential.Key{}, "project_id: it must be p1"},
		{"expiry", credential.Key{ExpiresAt: start().Add(time.Hour)}, credential.Key{}, "expires_at: it must be 2026-03-01T01:00:00Z or earlier"},
		{"the same", credential.Key{Scopes: []string{"a:write"}}, credential.Key{Scopes: []string{"a:read"}}, ""},
	} {
		maker := a.add("maker "+c.name, c.maker)
		fresh := a.newWorld("fresh", engine.Frozen)
		for secret, k := range map[string]credential.Key{"root": {}, "new " + c.name: c.others} {
			if err := a.keys.Prepare(fresh, credential.Registration{Secret: secret, Key: k}); err != nil {
				t.Fatal(err)
			}
		}
		err := a.world.Restore(fresh.Snapshot(), a.keys.ReplaceCheck(maker))
		if c.want == "" && err != nil || c.want != "" && err == nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != "" {
			wantError(t, err, c.want)
		}
	}
	wantError(t, a.world.Restore(a.world.Snapshot(), a.keys.ReplaceCheck("key_none")), "unknown")
	a.do(func(tx *engine.Tx) {
		k, _ := a.keys.FindNamed(tx, "root")
		root = a.keys.Revoke(tx, k).ID
	})
	wantError(t, a.world.Restore(a.world.Snapshot(), a.keys.ReplaceCheck(root)), "revoked "+root)
}

// A saved state is refused whose keys the sandbox would not have made.
func TestSavedKeys(t *testing.T) {
	a := newSmallAPI(t, func(c *credential.Config) {
		c.CheckSaved = func(f *resource.Violations, k credential.Key) {
			if k.APIVersion != "" {
				f.Add("api_version", "is set")
			}
		}
	})
	a.add("root", credential.Key{ID: "key_root"})
	a.mint("key_root", credential.Key{Name: "ci", Scopes: []string{"a:read"}, ProjectID: "p1"})
	digest := func(secret string) string {
		text, _ := engine.DigestOf(secret).MarshalText()
		return string(text)
	}
	a.add("second", credential.Key{})
	for _, c := range []struct{ old, replacement, want string }{
		{digest("second"), digest("root"), `digest: it is that of "key_root" too`},
		{`"key_root"`, `"tok_root"`, "id: "},
		{`"a:read"`, `"b:read"`, `scopes: "b:read" is unknown; use some of *, a:read, a:write`},
		{`"api_version": ""`, `"api_version": "x"`, "api_version: is set"},
		{`"project_id": "p1"`, `"project_id": "p2"`, `project_id: there is no project "p2" in the file`},
	} {
		_, err := a.load(c.old, c.replacement)
		wantError(t, err, c.want)
	}
	if _, err := a.load("ci", "cd"); err != nil {
		t.Error(err)
	}
}

// Two APIs can keep their keys in the same worlds.
func TestTwoStoresInOneWorld(t *testing.T) {
	a := newSmallAPI(t, nil)
	schema := engine.NewSchema()
	config := credential.Config{
		IDPrefix: "key", SecretPrefix: "small_", Registry: a.registry,
		ProjectExists: func(*engine.Tx, string) bool { return false }, Refuse: func(credential.Key, credential.Status) error { return errEmpty },
	}
	one := credential.New(schema, config)
	config.Prefix, config.IDPrefix, config.SecretPrefix = "other_", "oth", "other_"
	two := credential.New(schema, config)
	a.schema = schema
	w := a.newWorld("both", engine.Frozen)
	if err := w.Do(func(tx *engine.Tx) error {
		first, _ := one.Mint(tx, "", credential.Key{})
		second, _ := two.Mint(tx, "", credential.Key{})
		want(t, "keys of the first", len(one.List(tx)), 1)
		want(t, "keys of the second", len(two.List(tx)), 1)
		_, ok := two.Find(tx, first.ID)
		want(t, "a key of the first in the second", ok || first.ID == second.ID, false)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
