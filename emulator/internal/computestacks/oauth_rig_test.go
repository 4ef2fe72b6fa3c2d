package computestacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

// form sends a form without credentials in the header. Fields are names and values.
func (r *rig) form(path string, fields ...string) response {
	r.t.Helper()
	return r.as("").post(path, values(fields...).Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// values returns the fields of a form; a field without a value is not sent.
func values(fields ...string) url.Values {
	v := url.Values{}
	for n := 0; n+1 < len(fields); n += 2 {
		if fields[n+1] != "" {
			v.Set(fields[n], fields[n+1])
		}
	}
	return v
}

// app is an application that sends requests.
type app struct {
	*rig
	id, secret string
}

// defaultApp returns the application of the derived credentials.
func (r *rig) defaultApp() app { return app{r, r.hand.ClientID, r.hand.ClientSecret} }

// callback is a redirect URI of the applications that tests make.
const callback = "https://client.example/callback"

// newApp registers an application.
func (r *rig) newApp(confidential bool, scopes string, redirectURIs ...string) app {
	r.t.Helper()
	if len(redirectURIs) == 0 {
		redirectURIs = []string{callback}
	}
	id, secret, err := r.a.NewApplication(r.w, "Panel", redirectURIs, strings.Fields(scopes), confidential)
	if err != nil {
		r.t.Fatal(err)
	}
	return app{r, id, secret}
}

// to sends a form of the application, which authenticates by parameters.
func (p app) to(path string, fields ...string) response {
	p.t.Helper()
	return p.form(path, append(fields, "client_id", p.id, "client_secret", p.secret)...)
}

// token asks for a token.
func (p app) tokenFor(fields ...string) response {
	p.t.Helper()
	return p.to("/api/oauth/token", fields...)
}

// authorizePath is the path of an authorization request of the application. Fields replace
// the usual ones.
func (p app) authorizePath(fields ...string) string {
	v := values("client_id", p.id, "redirect_uri", callback, "response_type", "code")
	for n := 0; n+1 < len(fields); n += 2 {
		if v.Set(fields[n], fields[n+1]); fields[n+1] == "" {
			v.Del(fields[n])
		}
	}
	return "/api/oauth/authorize?" + v.Encode()
}

// code approves an authorization request and returns the code.
func (p app) code(fields ...string) string {
	p.t.Helper()
	a := p.as("").post(p.authorizePath(fields...), nil).wants(http.StatusFound)
	code := a.sentBack().Get("code")
	if code == "" {
		p.t.Fatalf("no code: %s", a.Header.Get("Location"))
	}
	return code
}

// pair returns the tokens of a new authorization code.
func (p app) pair(scope string) response {
	p.t.Helper()
	return p.tokenFor("grant_type", "authorization_code", "code", p.code("scope", scope), "redirect_uri", callback).wants(200)
}

// sentBack returns the parameters that a redirect sends to the client.
func (a response) sentBack() url.Values {
	a.t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		a.t.Fatal(err)
	}
	return u.Query()
}

// denied fails the test unless the response is an error in the form of RFC 6749, with the
// same words in the header.
func (a response) denied(status int, e oauth.Error) {
	a.t.Helper()
	a.is(status, `{"error":"`+string(e.Code)+`","error_description":"`+e.Description+`"}`)
	if got := a.Header.Get("Www-Authenticate"); got != e.Challenge("ComputeStacks") {
		a.t.Errorf("WWW-Authenticate is %q", got)
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("Cache-Control is %q", got)
	}
}

// deniedBy is denied with the usual description and status of a code.
func (a response) deniedBy(code oauth.Code) {
	a.t.Helper()
	a.denied(oauth.Refuse(code).Status(), oauth.Refuse(code))
}

// bearer returns a copy of the rig whose requests have the access token of a response.
func (r *rig) bearer(a response) *rig { return r.as("Bearer " + a.text("access_token")) }

// works fails the test unless requests of the rig are served, or refused if it should not.
func (r *rig) works(t *testing.T, want bool) {
	t.Helper()
	if a := r.get("/api/version"); (a.Status == http.StatusOK) != want || !want && a.Status != http.StatusForbidden {
		t.Fatalf("GET /api/version: %d %s", a.Status, a.Body)
	}
}
