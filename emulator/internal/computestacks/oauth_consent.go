package computestacks

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/credential/oauth"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// authorization is a checked authorization request.
type authorization struct {
	app       Application
	user      User
	uri       string // the redirect URI as it was sent
	target    string // where the browser goes: uri without the placeholder
	state     string
	scopes    oauth.Scopes
	challenge oauth.Challenge
}

// htmlPage returns a response with HTML.
func htmlPage(status int, text string) httpapi.Raw {
	return httpapi.Raw{Type: "text/html; charset=utf-8", Body: []byte(text), Status: status, Headers: map[string]string{
		"Content-Security-Policy": oauth.ContentSecurityPolicy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
	}}
}

// redirect returns a response that sends the browser to an address.
func redirect(to string) httpapi.Raw {
	return httpapi.Raw{Status: http.StatusFound, Redirect: to, Headers: map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}}
}

// authorizationOf checks an authorization request (C29, C31). If it is refused, the second
// result is the response: a page as long as the redirect URI cannot be trusted, a redirect
// otherwise.
func (a *API) authorizationOf(c *httpapi.Call) (r authorization, refused *httpapi.Raw) {
	bad := func(status int, code oauth.Code) (authorization, *httpapi.Raw) {
		p := htmlPage(status, oauth.ErrorPage(oauth.Refuse(code)))
		return r, &p
	}
	var ok bool
	if r.app, ok = a.application(c.Tx, parameter(c, "client_id")); !ok {
		return bad(http.StatusUnauthorized, oauth.InvalidClient)
	}
	r.uri, r.state = parameter(c, "redirect_uri"), parameter(c, "state")
	if !slices.ContainsFunc(r.app.RedirectURIs, func(registered string) bool { return oauth.MatchRedirect(registered, r.uri) }) {
		return bad(http.StatusBadRequest, oauth.InvalidRequest)
	}
	r.target = oauth.FillPlaceholder(r.uri, parameter(c, "token_replace"))
	if r.uri == oauth.OutOfBand {
		r.target = "/api/oauth/authorize/native"
	}
	toClient := func(code oauth.Code) (authorization, *httpapi.Raw) {
		to := r.back(oauth.Field{Name: "error", Value: string(code)}, oauth.Field{Name: "error_description", Value: oauth.Refuse(code).Description})
		return r, &to
	}
	mode, kind := parameter(c, "response_mode"), parameter(c, "response_type")
	switch {
	case kind == "" || mode != "" && mode != "query":
		return toClient(oauth.InvalidRequest)
	case kind != "code":
		return toClient(oauth.UnsupportedResponseType)
	}
	scopes, err := scopesFor(r.app, parameter(c, "scope"))
	if err != nil {
		return toClient(oauth.InvalidScope)
	}
	r.scopes, r.challenge = scopes, oauth.Challenge{Value: parameter(c, "code_challenge"), Method: parameter(c, "code_challenge_method")}
	if !r.challenge.Valid() {
		return toClient(oauth.InvalidRequest)
	}
	if r.user, ok = a.signedIn(c); !ok {
		return bad(http.StatusUnauthorized, oauth.AccessDenied)
	}
	return r, nil
}

// signedIn returns the user of the API credentials in the header; without any, the default
// user.
func (a *API) signedIn(c *httpapi.Call) (User, bool) {
	id := defaultUser
	if header := c.RequestHeader("Authorization"); header != "" {
		basic, _ := oauth.Basic(header)
		id = a.userOf(c.Tx, basicSecret(basic.ID, basic.Secret))
	}
	return get(c.Tx, a.users, id)
}

// back returns the redirect to the client with parameters and the state.
func (r authorization) back(fields ...oauth.Field) httpapi.Raw {
	return redirect(oauth.Redirect(r.target, append(fields, oauth.Field{Name: "state", Value: r.state})...))
}

// showConsent asks the user for consent, or goes back with a code if a live token shows
// that the user has consented before.
//
//	GET /api/oauth/authorize
func (a *API) showConsent(c *httpapi.Call) (any, error) {
	r, refused := a.authorizationOf(c)
	if refused != nil {
		return *refused, nil
	}
	if a.consented(c.Tx, r) {
		return a.approve(c, r), nil
	}
	consent := oauth.Consent{Application: r.app.Name, User: r.user.FullName(), Redirect: r.target, Action: "/api/oauth/authorize"}
	for _, s := range r.scopes {
		consent.Scopes = append(consent.Scopes, oauth.Field{Name: s, Value: scopeText(s)})
	}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "response_mode", "code_challenge", "code_challenge_method", "token_replace"} {
		if value := parameter(c, name); value != "" {
			consent.Request = append(consent.Request, oauth.Field{Name: name, Value: value})
		}
	}
	return htmlPage(http.StatusOK, consent.HTML()), nil
}

// scopeText says what a scope allows.
func scopeText(scope string) string {
	return map[string]string{
		"public": "Read what is public", "images_read": "Read images and registries", "images_write": "Change images and registries", "dns_read": "Read DNS zones",
		"dns_write": "Change DNS zones", "order_read": "Read orders", "order_write": "Place orders", "profile_read": "Read the profile, collaborations and billing",
		"profile_write": "Change the profile", "register": "Register users", "project_read": "Read projects and what belongs to them",
		"project_write": "Change projects and what belongs to them",
	}[scope]
}

// consented reports whether there is a live token of the client and the user with the same
// scopes.
func (a *API) consented(tx *engine.Tx, r authorization) bool {
	for row := range a.Credentials.Keys.After(tx, 0) {
		k := row.Value
		if k.Environment != bearerKind || k.Owner != strconv.Itoa(r.user.ID) || k.Status(tx.Now()) != credential.Active || !oauth.Scopes(k.Scopes).Equal(r.scopes) {
			continue
		}
		if g, ok := a.grants.Get(tx, k.ID); ok && g.ClientID == r.app.ClientID {
			return true
		}
	}
	return false
}

// approve makes a code and goes back to the client with it.
func (a *API) approve(c *httpapi.Call, r authorization) httpapi.Raw {
	code := randomText(c.SecretRand(prefix+"code"), urlSafe, 43)
	id := digestText(code)
	a.codes.Put(c.Tx, id, oauthCode{
		ClientID: r.app.ClientID, UserID: r.user.ID, RedirectURI: r.uri, Scopes: r.scopes, Challenge: r.challenge, ExpiresAt: c.Now().Add(codeLife),
	})
	c.After(codeLife, codeStep, id)
	return r.back(oauth.Field{Name: "code", Value: code})
}

// decide approves, or denies if the form says so.
//
//	POST /api/oauth/authorize
func (a *API) decide(c *httpapi.Call) (any, error) {
	if strings.EqualFold(c.Body().Text("_method"), "delete") {
		return a.deny(c)
	}
	r, refused := a.authorizationOf(c)
	if refused != nil {
		return *refused, nil
	}
	return a.approve(c, r), nil
}

// deny goes back to the client without a code.
//
//	DELETE /api/oauth/authorize
func (a *API) deny(c *httpapi.Call) (any, error) {
	r, refused := a.authorizationOf(c)
	if refused != nil {
		return *refused, nil
	}
	return r.back(oauth.Field{Name: "error", Value: string(oauth.AccessDenied)}, oauth.Field{Name: "error_description", Value: oauth.Refuse(oauth.AccessDenied).Description}), nil
}

// showCode shows a code, or why there is none, to the user of a client that cannot receive
// a redirect.
//
//	GET /api/oauth/authorize/native
func (a *API) showCode(c *httpapi.Call) (any, error) {
	if code := c.RawQuery("code"); code != "" {
		return htmlPage(http.StatusOK, oauth.CodePage(code)), nil
	}
	refused := oauth.Missing("code")
	if code := c.RawQuery("error"); code != "" {
		refused = oauth.Refuse(oauth.Code(code))
	}
	return htmlPage(http.StatusBadRequest, oauth.ErrorPage(refused)), nil
}
