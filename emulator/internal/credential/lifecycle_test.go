package credential_test

import (
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
)

// A key is made, rotated, revoked after an overlap, and forgotten 90 days later.
func TestLifeOfAKey(t *testing.T) {
	a := newSmallAPI(t, nil)
	root := a.add("root", credential.Key{})
	old, secret := a.mint(root, credential.Key{Name: "ci", Scopes: []string{"a:read"}, ExpiresAt: start().Add(2 * time.Hour)})
	want(t, "form of the secret", strings.HasPrefix(secret, "small_") && strings.HasSuffix(secret, old.Last4) && len(old.Last4) == 4, true)
	want(t, "maker", old.CreatedBy, root)
	want(t, "request", a.request(secret, ""), "ok")

	a.advance(time.Hour)
	var next credential.Key
	var nextSecret string
	a.do(func(tx *engine.Tx) {
		next, nextSecret = a.keys.Rotate(tx, root, old, time.Time{})
		old, _ = a.keys.Find(tx, old.ID)
		a.keys.RevokeAfter(tx, old, 90*time.Minute)
		old, _ = a.keys.Find(tx, old.ID)
		a.keys.RevokeAfter(tx, old, 2*time.Hour) // a later end changes nothing
		want(t, "count", a.keys.CountMinted(tx), 2)
	})
	want(t, "next", next.RotatedFrom+" "+next.Name+" "+strings.Join(next.Scopes, ","), old.ID+" ci a:read")
	want(t, "as long a life", next.ExpiresAt, start().Add(3*time.Hour))
	want(t, "replaced by", old.ReplacedBy, next.ID)
	want(t, "status at its expiry", old.Status(start().Add(2*time.Hour)), credential.Expired)
	want(t, "old key in the overlap", a.request(secret, ""), "ok")

	a.advance(90 * time.Minute)
	wantList(t, "ended overlaps", a.ended, old.ID+" was expired")
	want(t, "old key", a.request(secret, ""), "revoked "+old.ID)
	want(t, "new key", a.request(nextSecret, ""), "ok")
	a.do(func(tx *engine.Tx) {
		want(t, "count", a.keys.CountMinted(tx), 1)
		a.keys.Revoke(tx, next)
	})
	a.advance(90*24*time.Hour + time.Minute)
	a.do(func(tx *engine.Tx) {
		want(t, "count", a.keys.CountMinted(tx), 0)
		at, _ := a.keys.LastUsed(tx, old.ID)
		want(t, "last use of a forgotten key", at, time.Time{})
	})
	wantList(t, "keys", a.ids(a.world), root)
	want(t, "forgotten key", a.request(secret, ""), "unknown ")
}

// A key expires no later than its maker, and a rotation may choose an earlier end.
func TestExpiryOfTheMaker(t *testing.T) {
	a := newSmallAPI(t, nil)
	end := start().Add(time.Hour)
	maker := a.add("maker", credential.Key{ExpiresAt: end})
	for _, expires := range []time.Time{{}, end.Add(time.Second), end} {
		k, _ := a.mint(maker, credential.Key{ExpiresAt: expires})
		want(t, "expiry", k.ExpiresAt, end)
	}
	k, _ := a.mint(maker, credential.Key{ExpiresAt: start().Add(time.Minute)})
	want(t, "earlier expiry", k.ExpiresAt, start().Add(time.Minute))
	a.do(func(tx *engine.Tx) {
		next, _ := a.keys.Rotate(tx, maker, k, start().Add(2*time.Minute))
		want(t, "chosen expiry", next.ExpiresAt, start().Add(2*time.Minute))
	})
	a.advance(time.Hour)
	want(t, "maker", a.request("maker", ""), "expired "+maker)
}

// Secrets follow from the seed, but the same secret never leads to two worlds; a trial
// makes nothing known.
func TestSecretsLeadToOneWorld(t *testing.T) {
	a := newSmallAPI(t, nil)
	var tried string
	if err := a.world.Try(func(tx *engine.Tx) error {
		_, tried = a.keys.Mint(tx, "", credential.Key{})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want(t, "a tried key", a.request(tried, ""), "unknown ")
	k, secret := a.mint("", credential.Key{})
	first := a.world
	a.world = a.newWorld("w", engine.Frozen)
	twin, other := a.mint("", credential.Key{})
	want(t, "ids", twin.ID, k.ID)
	if other == secret {
		t.Error("two worlds gave out the same secret")
	}
	for s, w := range map[string]*engine.World{secret: first, other: a.world} {
		if home, id := a.keys.World(s, engine.DigestOf(s)); home != w || id != k.ID {
			t.Errorf("%s leads to %v of %p, want %p", s, id, home, w)
		}
	}
}

// The keys of a project that is deleted are listed, to be revoked: without those that are
// revoked, and without those of the configuration.
func TestKeysOfAProject(t *testing.T) {
	a := newSmallAPI(t, nil)
	root := a.add("root", credential.Key{ProjectID: "p1"})
	k, _ := a.mint(root, credential.Key{ProjectID: "p1"})
	gone, _ := a.mint(root, credential.Key{ProjectID: "p1"})
	a.mint(root, credential.Key{})
	a.do(func(tx *engine.Tx) {
		want(t, "before", a.keys.Revoke(tx, gone).RevokedAt, start())
		got := a.keys.BoundTo(tx, "p1")
		if len(got) != 1 || got[0].ID != k.ID {
			t.Errorf("got %+v, want %s", got, k.ID)
		}
	})
}

// Configured keys stay when another state takes the place of the present one; a copy has
// no keys but those it is given.
func TestConfiguredKeysStay(t *testing.T) {
	a := newSmallAPI(t, nil)
	before := a.world.Snapshot()
	root := a.add("root", credential.Key{})
	minted, secret := a.mint(root, credential.Key{})
	wantList(t, "keys", a.ids(a.world), root, minted.ID)
	fork := a.world.Fork("f")
	t.Cleanup(fork.Close)
	a.keys.Drop(fork)
	fork.Peek(func(tx *engine.Tx) { want(t, "rows of the copy", a.keys.Keys.Len(tx), 0) })

	if err := a.world.Restore(before); err != nil {
		t.Fatal(err)
	}
	wantList(t, "after the restore", a.ids(a.world), a.keys.Public(a.world)[0].ID)
	want(t, "configured key", a.request("root", ""), "ok")
	want(t, "minted key", a.request(secret, ""), "unknown ")

	// A world that is not served yet takes the place of the present state with its keys.
	fresh := a.newWorld("w", engine.Frozen)
	if err := a.keys.Prepare(fresh, credential.Registration{Secret: "later", Key: credential.Key{ID: "key_later"}}); err != nil {
		t.Fatal(err)
	}
	want(t, "a prepared key", a.request("later", ""), "unknown ")
	if err := a.world.Restore(fresh.Snapshot()); err != nil {
		t.Fatal(err)
	}
	want(t, "a prepared key that is served", a.request("later", ""), "ok")
	want(t, "configured key", a.request("root", ""), "ok")
}

// A key is not registered if it leads elsewhere, has the id of another one, or is bound to
// a project that does not exist.
func TestAddRefuses(t *testing.T) {
	a := newSmallAPI(t, func(c *credential.Config) {
		c.CheckConfigured = func(g credential.Registration) error {
			if g.Secret == "" {
				return errEmpty
			}
			return nil
		}
	})
	root := a.add("root", credential.Key{ID: "key_root"})
	other := a.newWorld("other", engine.Frozen)
	for _, c := range []struct {
		w      *engine.World
		secret string
		key    credential.Key
		want   string
	}{
		{other, "root", credential.Key{}, `belongs to workspace "w"`},
		{a.world, "x", credential.Key{ID: root}, "is that of another key"},
		{a.world, "x", credential.Key{ProjectID: "p9"}, `bound to project "p9", which does not exist`},
		{a.world, "", credential.Key{}, errEmpty.Error()},
	} {
		wantError(t, a.keys.Add(c.w, credential.Registration{Secret: c.secret, Key: c.key}), c.want)
	}
	a.add("root", credential.Key{ID: root, Name: "again"}) // the same key is no other
	wantList(t, "keys", a.ids(a.world), root)
	want(t, "shown", a.keys.Public(a.world)[0].Token, "…")
}
