package skystack

import (
	"net/http"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

const challenge = `Bearer realm="skystack"`

// authenticate is the stage that finds the caller and the workspace (S19, S20,
// S28, S30, S38, S74). A public operation is served in the home world.
func (a *API) authenticate(x *httpapi.RequestContext) error {
	if x.Op.Public {
		return nil
	}
	token, err := a.Bearer(x.Request, "a token")
	if err != nil {
		return err
	}
	k, err := a.Credentials.Admit(x, token, x.Param("id"))
	if x.Caller.Token != "" && !k.ExpiresAt.IsZero() && k.ExpiresAt.Sub(x.Now) < 7*24*time.Hour {
		x.Set("Skystack-Token-Expires", resource.Stamp(k.ExpiresAt))
	}
	if err != nil {
		return a.reportRefused(engine.DigestOf(token), token, err)
	}
	a.Findings.Accepted(finding.Credential(k.Digest))
	return nil
}

// recheckKey returns an error, in the transaction of the handler, for a request that its key
// does not allow any more.
func (a *API) recheckKey(c *httpapi.Call) error {
	if c.Operation().Public {
		return nil
	}
	if err := a.Credentials.Readmit(c); err != nil {
		return err
	}
	return mayCall(c, c.RawQuery)
}

// Bearer reads the Authorization header, strictly (S30): the scheme in any case,
// exactly one space, the raw token. Who sends none is told that it takes what is
// wanted, as "a token".
func (a *API) Bearer(r *http.Request, wanted string) (string, error) {
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return "", &fail.Error{
			Kind: fail.Unauthenticated, Code: "authentication_required", Challenge: challenge,
			Message: "Send " + wanted + " in the header Authorization: Bearer <token>." + misplacedCredentials(r),
		}
	}
	if len(lines) > 1 {
		return "", malformed("The Authorization header must be sent once.")
	}
	// net/http takes white space off the ends; a request that came by no socket
	// must not tell the difference.
	scheme, token, found := strings.Cut(strings.Trim(lines[0], " \t"), " ")
	if a.LenientBearer {
		token = strings.TrimLeft(token, " ")
	}
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return "", malformed("The Authorization header must have the scheme Bearer, a single space and the raw token.")
	case !found || token == "":
		return "", malformed("After Bearer there is no token.")
	case token[0] == ' ' || token[0] == '\t':
		return "", malformed("Between Bearer and the token there must be a single space.")
	case strings.ContainsAny(token, " \t"):
		return "", malformed("After the token there must be nothing else.")
	case strings.ContainsAny(token, `",'`):
		return "", malformed("The token must be sent raw, without quotes or commas.")
	}
	return token, nil
}

// misplacedCredentials hints at credentials sent where they do not count (S28).
func misplacedCredentials(r *http.Request) string {
	if strings.Contains(r.URL.RawQuery, "access_token=") {
		return " A token in the query is not read."
	}
	if len(r.Header["Cookie"]) > 0 {
		return " Cookies are not read."
	}
	return ""
}

func malformed(message string) error { return unauthenticated("invalid_token", message) }

func unauthenticated(code, message string) error {
	description := strings.NewReplacer(`"`, `'`, `\`, `/`).Replace(message)
	return &fail.Error{
		Kind: fail.Unauthenticated, Code: code, Message: message,
		Challenge: challenge + `, error="invalid_token", error_description="` + description + `"`,
	}
}

// owner returns the workspace of a request whose key was refused or not looked at, and the
// id of the key if the workspace knows it.
func (a *API) owner(x *httpapi.RequestContext) (*engine.World, string) {
	token, _ := a.Bearer(x.Request, "")
	if token == "" {
		return nil, ""
	}
	return a.Credentials.Owner(engine.DigestOf(token))
}

// scope is the stage that refuses what the token may not do (S26; 8.3).
func (a *API) scope(x *httpapi.RequestContext) error {
	if x.Op.Public {
		return nil
	}
	return mayCall(x.Call(), x.Query)
}

// lacksScopes refuses what a key may not do for want of scopes.
func lacksScopes(message string, missing []string) error {
	return &fail.Error{
		Kind: fail.Forbidden, Code: "insufficient_scope", Message: message, OfCaller: true,
		Challenge: challenge + `, error="insufficient_scope", scope="` + strings.Join(missing, " ") + `"`,
		Details:   []fail.Detail{{Extra: []fail.Member{{Name: "required_scopes", Value: missing}}}},
	}
}
