package skystack

import (
	"net/http"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// transport is the stage that refuses plain HTTP where a credential is needed,
// before it looks at the credential (S21, S31). With RevokeOnPlaintext it revokes
// a token that came in the clear, wherever it was sent.
func (a *API) transport(x *httpapi.RequestContext) error {
	if err := a.Secure(x.Request); err != nil && !x.Op.Public {
		return err
	}
	return nil
}

// Secure refuses a request that came over plain HTTP, if HTTPS is required, and
// revokes its token, if that is wanted. There is no redirect: it would hide from
// the client that the token was exposed.
func (a *API) Secure(r *http.Request) error {
	if !a.RequireHTTPS || r.TLS != nil {
		return nil
	}
	message := "This was sent over plain HTTP, where anybody on the way can read the token. Send it to an https:// address."
	if a.RevokeOnPlaintext && a.revoke(r) {
		message += " The token that came with it has been revoked: use another."
	}
	return fail.New(fail.Forbidden, "https_required", message)
}

// revoke ends the token of a request, now by its workspace's time, and reports
// whether the request had one that was good. A token is as exposed when the
// header around it is malformed.
func (a *API) revoke(r *http.Request) bool {
	if secret, err := a.Bearer(r, ""); err == nil && checkTokenForm(secret) == nil {
		digest := engine.DigestOf(secret)
		w, id := a.Credentials.World(secret, digest)
		return a.revokeKey(w, id, digest)
	}
	revoked := false
	for _, word := range candidates(r.Header["Authorization"]) {
		digest := engine.DigestOf(word)
		w, id := a.Registry.Lookup(digest)
		revoked = a.revokeKey(w, id, digest) || revoked
	}
	return revoked
}

// maxWords bounds how many words of a malformed header are looked at.
const maxWords = 16

// candidates are the words of a header that may be tokens.
func candidates(lines []string) []string {
	all := strings.FieldsFunc(strings.Join(lines, " "), func(r rune) bool { return strings.ContainsRune(" \t\"',", r) })
	return all[:min(len(all), maxWords)]
}

// revokeKey ends a key that is good now.
func (a *API) revokeKey(w *engine.World, id string, digest engine.Digest) bool {
	if w == nil {
		return false
	}
	var at time.Time
	_ = w.Do(func(tx *engine.Tx) error {
		if t, err := a.Credentials.Valid(tx, id, digest); err == nil {
			at = tx.Now()
			a.revokeNow(tx, t, nil)
		}
		return nil
	})
	if at.IsZero() {
		return false
	}
	a.Log.Warn("a key was revoked, because it was sent over plain HTTP", "key", id, "workspace", w.ID(), "at", resource.Stamp(at))
	return true
}
