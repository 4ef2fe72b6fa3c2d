package credential_test

import (
	"errors"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/journal"
	"skystack.dev/sandbox/emulator/internal/limit"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
)

var errEmpty = errors.New("the secret is empty")

// A secret that cannot be one, and one that leads nowhere, are refused before any world
// is asked; an unknown one can be adopted.
func TestUnknownSecrets(t *testing.T) {
	a := newSmallAPI(t, func(c *credential.Config) {
		c.CheckSecret = func(secret string) error {
			if secret == "" {
				return errEmpty
			}
			return nil
		}
	})
	want(t, "no secret", a.request("", ""), errEmpty.Error())
	want(t, "an unknown one", a.request("x", ""), "unknown ")
	_, _, err := a.keys.Identify("")
	wantError(t, err, errEmpty.Error())
	_, _, err = a.keys.Identify("x")
	wantError(t, err, "unknown")

	var adopting *smallAPI
	adopting = newSmallAPI(t, func(c *credential.Config) {
		c.AddWorkspaceFor = func(secret string) error {
			return adopting.keys.Add(adopting.world, credential.Registration{Secret: secret})
		}
	})
	want(t, "an adopted one", adopting.request("x", ""), "ok")
}

// Identify finds what Admit finds and leaves no trace.
func TestIdentifyLeavesNoTrace(t *testing.T) {
	a := newSmallAPI(t, nil)
	id := a.add("narrow", credential.Key{Scopes: []string{"a:write"}})
	w, k, err := a.keys.Identify("narrow")
	if err != nil || w != a.world || k.ID != id {
		t.Fatal(w, k, err)
	}
	want(t, "covered", a.keys.Allows(a.world, "narrow", "a:read"), true)
	want(t, "not covered", a.keys.Allows(a.world, "narrow", "b:read"), false)
	a.do(func(tx *engine.Tx) {
		at, _ := a.keys.LastUsed(tx, id)
		want(t, "last use", at, time.Time{})
	})
	want(t, "request", a.request("narrow", ""), "ok")
	a.do(func(tx *engine.Tx) {
		at, ip := a.keys.LastUsed(tx, id)
		want(t, "last use", at, start())
		want(t, "address", ip, "192.0.2.1")
	})
	fork := a.world.Fork("f")
	t.Cleanup(fork.Close)
	_ = fork.Do(func(tx *engine.Tx) error { // which has the row of a key that leads to the original
		_, err := a.keys.Valid(tx, id, engine.DigestOf("narrow"))
		wantError(t, err, "unknown")
		return nil
	})
	w, owner := a.keys.Owner(engine.DigestOf("narrow"))
	if w != a.world || owner != id {
		t.Errorf("owner %s", owner)
	}
	a.do(func(tx *engine.Tx) { a.keys.Revoke(tx, k) })
	_, _, err = a.keys.Identify("narrow")
	wantError(t, err, "revoked "+id)
	want(t, "a revoked one", a.keys.Allows(a.world, "narrow", "a:read"), false)
}

// A request that was admitted acts only if its key still may.
func TestReadmit(t *testing.T) {
	a := newSmallAPI(t, nil)
	id := a.add("s", credential.Key{Scopes: []string{"a:read"}})
	a.do(func(tx *engine.Tx) {
		c := &httpapi.Call{Tx: tx, Caller: httpapi.Caller{Token: id, Digest: engine.DigestOf("s")}}
		if err := a.keys.Readmit(c); err != nil || len(c.Scopes) != 1 {
			t.Error(c.Scopes, err)
		}
		c.Project = "p1"
		wantError(t, a.keys.Readmit(c), "rebound "+id)
		c.Digest = engine.DigestOf("other")
		wantError(t, a.keys.Readmit(c), "unknown")
		k, _ := a.keys.Find(tx, id)
		a.keys.Revoke(tx, k)
		wantError(t, a.keys.Readmit(&httpapi.Call{Tx: tx, Caller: k.Caller()}), "revoked "+id)
	})
}

func perMinute(n int) credential.Limits {
	return credential.Limits{Limited: true, Policy: limit.Policy{PerMinute: &n}}
}

// Requests are counted by key, or for all keys together.
func TestLimits(t *testing.T) {
	a := newSmallAPI(t, nil)
	first := a.add("first", credential.Key{})
	a.add("second", credential.Key{})
	a.limits = perMinute(2)
	wantList(t, "requests", []string{a.request("first", ""), a.request("first", ""), a.request("first", ""), a.request("second", "")}, "ok", "ok", "limited", "ok")
	got := a.keys.Limits(a.world)
	want(t, "limits", len(got), 2)
	want(t, "first", got[0], sandbox.Limit{Key: first, Window: "minute", Limit: 2, Remaining: 0, ResetAt: start().Add(time.Minute)})
	if err := a.keys.Refill(a.world); err != nil {
		t.Fatal(err)
	}
	want(t, "refilled", a.request("first", ""), "ok")

	a.limits.Shared = true
	wantList(t, "shared", []string{a.request("first", ""), a.request("second", ""), a.request("first", "")}, "ok", "ok", "limited")
	want(t, "one limit", a.keys.Limits(a.world)[0].Key, "")
	a.limits.Shared = false
	if err := a.keys.Exhaust(a.world, "second"); err != nil {
		t.Fatal(err)
	}
	want(t, "exhausted", a.request("second", ""), "limited")
	wantError(t, a.keys.Exhaust(a.world, "second", sandbox.DayWindow), "not limited by the day")
	wantError(t, a.keys.Exhaust(a.world, "second", "hour"), `there is no window "hour"`)
	wantError(t, a.keys.Exhaust(a.world, "third"), "the workspace has no such key; use the token or the id of one of "+first)
	a.limits = credential.Limits{}
	wantError(t, a.keys.Exhaust(a.world, "second"), "set a rate limit first")
	a.limits.Limited = true
	wantError(t, a.keys.Exhaust(a.world, "second"), "set a rate limit first")
	a.limits, a.limits.Limited = perMinute(2), false
	wantError(t, a.keys.Exhaust(a.world, "second"), "set a rate limit first")
	want(t, "no limits", len(a.keys.Limits(a.world)), 0)
}

// A change of limits leaves what it does not name.
func TestChangedLimits(t *testing.T) {
	l, err := credential.Limits{}.Changed(sandbox.RateLimit{PerMinute: 5, Shared: true})
	if err != nil || !l.Limited || !l.Shared || *l.Policy.PerMinute != 5 || l.Policy.PerDay != nil {
		t.Errorf("%+v %v", l, err)
	}
	if l, err = l.Changed(sandbox.RateLimit{PerDay: 9}); err != nil || !l.Shared || *l.Policy.PerMinute != 5 || *l.Policy.PerDay != 9 {
		t.Errorf("%+v %v", l, err)
	}
	if l, err = l.Changed(sandbox.RateLimit{PerDay: sandbox.Unlimited, PerMinute: sandbox.Unlimited, Separate: true}); err != nil || l.Limited || l.Shared {
		t.Errorf("%+v %v", l, err)
	}
	for _, c := range []struct {
		r    sandbox.RateLimit
		want string
	}{
		{sandbox.RateLimit{PerMinute: -2}, "per_minute: -2 is no limit"},
		{sandbox.RateLimit{PerDay: 1_000_000_001}, "per_day: 1000000001 is no limit"},
		{sandbox.RateLimit{Shared: true, Separate: true}, "choose one"},
	} {
		_, err = l.Changed(c.r)
		wantError(t, err, c.want)
	}
}

// On a clock that jumps, the request after a refusal with a known end moves time there;
// one to another object than the busy one does not.
func TestWaitsOfAKey(t *testing.T) {
	a := newSmallAPI(t, nil)
	a.world = a.newWorld("auto", engine.Auto)
	id := a.add("s", credential.Key{})
	a.limits = perMinute(1)
	wantList(t, "requests", []string{a.request("s", ""), a.request("s", ""), a.request("s", "")}, "ok", "limited", "ok")
	want(t, "time", a.world.Now(), start().Add(time.Minute))

	a.limits, a.busy = credential.Limits{}, start().Add(time.Hour)
	a.do(func(tx *engine.Tx) { a.keys.RefuseBusy(tx, id, credential.Busy{Object: "o", Action: "act"}) })
	a.request("s", "another")
	want(t, "time after a request about another object", a.world.Now(), start().Add(time.Minute))
	a.request("s", "o")
	want(t, "time after one about the busy object", a.world.Now(), a.busy)

	waitsFor := func(e engine.Event) bool { return e.Step == "token.expire" }
	a.mint(id, credential.Key{ExpiresAt: start().Add(2 * time.Hour)})
	a.do(func(tx *engine.Tx) {
		want(t, "the first read moves time", a.keys.Await(tx, id, waitsFor), false)
		want(t, "the second one moves time", a.keys.Await(tx, id, waitsFor), true)
		want(t, "the third one moves time", a.keys.Await(tx, id, waitsFor), false)
	})
	want(t, "time", a.world.Now(), start().Add(2*time.Hour))
}

// The audit log shows the calls of the record under the names of their keys.
func TestAudit(t *testing.T) {
	var asked journal.CallMatch
	a := newSmallAPI(t, func(c *credential.Config) {
		c.Audit = func(_ *engine.World, q journal.CallMatch, after uint64, skip, limit int) ([]journal.Call, int, int) {
			asked = q
			var calls []journal.Call
			for n := after + uint64(skip) + 1; n <= 3 && len(calls) < limit; n++ {
				calls = append(calls, journal.Call{Seq: n, ID: "req", Token: "key_a"})
			}
			return calls, int(after) + skip, 3
		}
	})
	a.add("s", credential.Key{ID: "key_a", Name: "ci", Owner: "ada"})
	read := func(p resource.Position) (resource.Page[credential.AuditEntry], error) {
		return a.keys.Audit(a.world, p, "audit", func(now time.Time) (journal.CallMatch, error) {
			return journal.CallMatch{Status: 200, Until: now}, nil
		})
	}
	p, err := read(resource.Position{Limit: 2, ByCursor: true})
	if err != nil || len(p.Rows) != 2 || p.Total != 3 || p.Rows[1].Value.Actor != "ada" || asked.Status != 200 || !asked.Until.Equal(start()) {
		t.Fatalf("%+v %v, asked %+v", p, err, asked)
	}
	p, err = read(resource.Position{Limit: 2, Cursor: p.Next})
	if err != nil || len(p.Rows) != 1 || p.Rows[0].Seq != 3 || p.Next != "" || p.Number != 2 {
		t.Fatalf("%+v %v", p, err)
	}
	_, err = a.keys.Audit(a.world, resource.Position{Limit: 2}, "audit", func(time.Time) (journal.CallMatch, error) { return asked, errEmpty })
	wantError(t, err, errEmpty.Error())
}
