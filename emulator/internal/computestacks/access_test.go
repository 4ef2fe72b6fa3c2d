package computestacks

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// guarded lists the operations of the document that need a scope.
func guarded(t *testing.T) (all []*httpapi.Operation) {
	t.Helper()
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range c.Operations {
		if op.Scope != "" {
			all = append(all, op)
		}
	}
	return all
}

// call sends a request of an operation without a body to objects with the id 1.
func (r *rig) call(op *httpapi.Operation) response {
	r.t.Helper()
	return r.send(op.Method, regexp.MustCompile(`\{\w+\}`).ReplaceAllString(op.Path, "1"), nil)
}

// TestScopes covers C6 and C7 for every operation of the document: one of its scopes
// suffices, all others together do not.
func TestScopes(t *testing.T) {
	operations := guarded(t)
	if len(operations) < 138 {
		t.Fatalf("%d operations need a scope", len(operations))
	}
	for _, op := range operations {
		t.Run(op.ID, func(t *testing.T) {
			r := newRig(t)
			needed := strings.Fields(op.Scope)
			others := slices.DeleteFunc(Scopes(), func(s string) bool { return slices.Contains(needed, s) })
			if len(others)+len(needed) != len(Scopes()) {
				t.Fatalf("%q has a scope that does not exist", op.Scope)
			}
			for _, s := range needed {
				if a := r.token(defaultUser, s).call(op); a.Status == 403 {
					t.Errorf("%s is refused: %s", s, a.Body)
				}
			}
			lacks := "The access token lacks the scope: this needs " + strings.Join(needed, " or ") + "."
			r.token(defaultUser, others...).call(op).refused(403, lacks)
			r.token(defaultUser).call(op).refused(403, lacks)
			for _, s := range others {
				r.token(defaultUser, s).call(op).wants(403)
			}
			if slices.Contains(needed, "public") && r.token(0, "public").call(op).Status == 403 {
				t.Error("client credentials with public are refused")
			}
		})
	}
}

// TestTokensRefused covers C4, C5 and C7 for every operation of the document: credentials
// that are wrong, missing, expired, revoked or of another workspace.
func TestTokensRefused(t *testing.T) {
	r, other := newRig(t), newRig(t)
	var foreign string
	for range 5 { // the first ones equal those of r, which has the same seed
		foreign = other.token(defaultUser, Scopes()...).auth
	}
	expired := r.token(defaultUser, Scopes()...)
	r.advance(2 * time.Hour)
	revoked := r.token(defaultUser, Scopes()...)
	r.change(func(tx *engine.Tx) {
		for _, k := range r.a.Credentials.List(tx) {
			if k.Environment == bearerKind && k.ExpiresAt.After(tx.Now()) {
				r.a.Credentials.Revoke(tx, k)
			}
		}
	})
	basicText := strings.TrimPrefix(r.auth, "Basic ")
	for _, op := range guarded(t) {
		t.Run(op.ID, func(t *testing.T) {
			at := *r
			at.t = t
			for name, of := range map[string]struct {
				auth   string
				status int
				want   string
			}{
				"expired": {expired.auth, 403, "The access token expired"},
				"revoked": {revoked.auth, 403, "The access token was revoked"},
				"foreign": {foreign, 403, "The access token is invalid"},
				"unknown": {"Bearer abc", 403, "The access token is invalid"},
				"a key of SkyStack": {
					"Bearer sky_test_key", 403, "The access token is invalid",
				},
				"missing":           {"", 403, "The access token is missing: send API credentials by HTTP Basic, or Authorization: Bearer <access token>."},
				"Basic as a token":  {"Bearer " + basicText, 403, "The access token is invalid"},
				"another scheme":    {"Token abc", 403, "The Authorization header must be sent once, as Basic <credentials> or Bearer <access token>."},
				"wrong password":    {basic(r.hand.Username, "x"), 401, "Not Authorized"},
				"wrong user":        {basic("x", r.hand.Password), 401, "Not Authorized"},
				"client credential": {basic(r.hand.ClientID, r.hand.ClientSecret), 401, "Not Authorized"},
				"no base64":         {"Basic !", 401, "Not Authorized"},
			} {
				t.Run(name, func(t *testing.T) {
					at.t = t
					a := at.as(of.auth).call(op)
					a.t = t
					a.refused(of.status, of.want)
					if challenge := a.Header.Get("Www-Authenticate"); challenge != "" {
						t.Errorf("WWW-Authenticate is %q", challenge)
					}
				})
			}
		})
	}
}
