package computestacks

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/limit"
)

// The kinds of credentials, kept as the environment of their key.
const (
	basicKind  = "basic"  // API credentials: username and password
	bearerKind = "bearer" // an access token
)

// everything is the scope of API credentials, which open the whole account.
const everything = "*"

// Scopes lists the scopes of access tokens (C20).
func Scopes() []string {
	return []string{
		"public", "images_read", "images_write", "dns_read", "dns_write", "order_read", "order_write", "profile_read", "profile_write", "register",
		"project_read", "project_write",
	}
}

// basicSecret is the secret of API credentials as the store knows it. A bearer token
// that equals it cannot be sent: it has a space.
func basicSecret(username, password string) string {
	return basicKind + " " + username + ":" + password
}

// KeyID returns the id of a key of a world, which is given by its id, as an access token,
// or as username:password; false if there is none.
func (a *API) KeyID(w *engine.World, key string) (string, bool) {
	if id, ok := a.Credentials.ID(w, key); ok {
		return id, true
	}
	username, password, _ := strings.Cut(key, ":")
	return a.Credentials.ID(w, basicSecret(username, password))
}

// authenticate is the stage that finds the caller and the workspace (C4, C5).
func (a *API) authenticate(x *httpapi.RequestContext) error {
	if x.Op.Public {
		return nil
	}
	secret, basic, err := requestSecret(x.Request)
	if err != nil {
		return a.reportRefused(x, secret, err)
	}
	if secret == "" {
		return forbidden("The access token is missing: send API credentials by HTTP Basic, or Authorization: Bearer <access token>.")
	}
	k, err := a.Credentials.Admit(x, secret, x.Param("id"))
	if err == nil {
		a.Findings.Accepted(finding.Credential(k.Digest))
	}
	if err == nil && k.Environment == bearerKind {
		_ = x.World.Do(func(tx *engine.Tx) error {
			a.tokenUsed(tx, k.ID)
			return nil
		})
	}
	var refused *fail.Error
	if basic && errors.As(err, &refused) && refused.Code == codeForbidden {
		err = refusal(fail.Unauthenticated, codeUnauthorized, "Not Authorized")
	}
	if err != nil {
		return a.reportRefused(x, secret, err)
	}
	return nil
}

// reportRefused counts a request with refused credentials among the findings, and returns
// the refusal.
func (a *API) reportRefused(x *httpapi.RequestContext, secret string, refusal error) error {
	digest, w, owner := engine.DigestOf(secret), x.World, ""
	if own, _ := a.Registry.Lookup(digest); own != nil {
		w, owner = own, own.ID()
	}
	if message := a.Findings.Refused(finding.Credential(digest), owner, w.PeekTime(), fail.Of(refusal).Code); message != "" {
		a.Log.Warn(message)
	}
	return refusal
}

// requestSecret returns the secret of a request as the store knows it, "" if there is
// none, and whether it came by HTTP Basic. Schemes may be written in any case. Without the
// header, an access token may be in the query.
func requestSecret(r *http.Request) (secret string, basic bool, err error) {
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return queryToken(r), false, nil
	}
	scheme, rest, _ := strings.Cut(strings.Trim(lines[0], " \t"), " ")
	rest = strings.Trim(rest, " \t")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		username, password, ok := DecodeBasic(rest)
		if !ok || len(lines) > 1 {
			return "", true, refusal(fail.Unauthenticated, codeUnauthorized, "Not Authorized")
		}
		return basicSecret(username, password), true, nil
	case strings.EqualFold(scheme, "Bearer") && rest != "" && !strings.ContainsAny(rest, " \t") && len(lines) == 1:
		return rest, false, nil
	}
	return "", false, forbidden("The Authorization header must be sent once, as Basic <credentials> or Bearer <access token>.")
}

// queryToken returns the access token in the query of a request, "" if there is none (C36).
func queryToken(r *http.Request) string {
	if !strings.Contains(r.URL.RawQuery, "_token=") {
		return "" // which spares nearly all requests the parsing
	}
	q := r.URL.Query()
	return cmp.Or(q.Get("access_token"), q.Get("bearer_token"))
}

// DecodeBasic reads the credentials of HTTP Basic, with or without padding.
func DecodeBasic(text string) (username, password string, ok bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(b), ":")
}

// Recognizes reports whether a request has credentials of the API: HTTP Basic, or an
// access token that a workspace knows.
func (a *API) Recognizes(r *http.Request) bool {
	secret, basic, _ := requestSecret(r)
	if basic {
		return true
	}
	_, id := a.Credentials.Owner(engine.DigestOf(secret))
	return strings.HasPrefix(id, idPrefix+"_")
}

// forbidden returns the 403 of a token that cannot be used.
func forbidden(message string) error { return refusal(fail.Forbidden, codeForbidden, message) }

// refuseKey returns the error for a credential that cannot be used.
func refuseKey(_ credential.Key, s credential.Status) error {
	switch s {
	case credential.Expired:
		return forbidden("The access token expired")
	case credential.Revoked:
		return forbidden("The access token was revoked")
	}
	return forbidden("The access token is invalid")
}

// recheckKey returns an error, in the transaction of the handler, for a request that its
// credential does not allow any more.
func (a *API) recheckKey(c *httpapi.Call) error {
	if c.Operation().Public {
		return nil
	}
	if err := a.Credentials.Readmit(c); err != nil {
		return err
	}
	return checkScope(c.Scopes, c.Operation().Scope)
}

// scope is the stage that refuses what the token may not do (C6).
func (a *API) scope(x *httpapi.RequestContext) error {
	if x.Op.Public {
		return nil
	}
	return checkScope(x.Caller.Scopes, x.Op.Scope)
}

// checkScope returns an error unless scopes have one of those that an operation lists.
func checkScope(scopes []string, needed string) error {
	if slices.Contains(scopes, everything) {
		return nil
	}
	accepted := strings.Fields(needed)
	if slices.ContainsFunc(accepted, func(s string) bool { return slices.Contains(scopes, s) }) {
		return nil
	}
	return missingScope(accepted...)
}

// missingScope returns the 403 of a token that has none of the scopes that an operation
// needs.
func missingScope(scopes ...string) error {
	e := fail.Of(refusal(fail.Forbidden, codeScope, "The access token lacks the scope: this needs "+strings.Join(scopes, " or ")+"."))
	e.OfCaller = true
	return e
}

// limited is the stage that refuses a request when an allowance is used up.
func (a *API) limited(x *httpapi.RequestContext) error {
	d, _ := x.Admission.(*limit.Decision)
	if d == nil || d.Allowed {
		return nil
	}
	q := d.Minute
	if !q.Exceeded {
		q = d.Day
	}
	x.Set("Ratelimit-Limit", strconv.Itoa(q.Limit))
	x.Set("Ratelimit-Remaining", "0")
	x.Set("Ratelimit-Reset", strconv.FormatInt(q.ResetUnix(), 10))
	return &fail.Error{
		Kind: fail.RateLimited, Code: "rate_limited", RetryAfter: time.Duration(d.RetryAfter) * time.Second,
		Message: "Throttled: too many requests; the next one is served in " + strconv.Itoa(d.RetryAfter) + " s.",
	}
}

// owner returns the workspace of a request whose credential was refused, and the id of
// the credential if the workspace knows it.
func (a *API) owner(x *httpapi.RequestContext) (*engine.World, string) {
	if w, ok := x.Admission.(*engine.World); ok { // of an OAuth endpoint
		return w, ""
	}
	secret, _, _ := requestSecret(x.Request)
	if secret == "" {
		return nil, ""
	}
	return a.Credentials.Owner(engine.DigestOf(secret))
}
