package computestacks

import (
	"strconv"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/credential/oauth"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// createToken issues an access token.
//
//	POST /api/oauth/token
func (a *API) createToken(c *httpapi.Call) (any, error) {
	if _, basic := oauth.Basic(c.RequestHeader("Authorization")); basic {
		if _, err := a.client(c); err != nil && c.Body().Text("grant_type") == "refresh_token" {
			return nil, err // without a client it would be an invalid grant
		}
	}
	switch grant := c.Body().Text("grant_type"); grant {
	case "authorization_code":
		return a.exchangeCode(c)
	case "password":
		return a.exchangePassword(c)
	case "client_credentials":
		return a.exchangeClient(c)
	case "refresh_token":
		return a.exchangeRefresh(c)
	case "":
		return nil, oauthError(oauth.Missing("grant_type"))
	}
	return nil, refuse(oauth.UnsupportedGrantType)
}

// exchangeCode is the grant authorization_code: parameters, client and grant are checked in
// this order (C23, C24). A failed exchange does not use the code up.
func (a *API) exchangeCode(c *httpapi.Call) (any, error) {
	text := c.Body().Text
	for _, name := range []string{"code", "redirect_uri"} {
		if text(name) == "" {
			return nil, oauthError(oauth.Missing(name))
		}
	}
	app, err := a.client(c)
	if err != nil {
		return nil, err
	}
	id := digestText(text("code"))
	code, ok := a.codes.Get(c.Tx, id)
	switch {
	case !ok || code.ClientID != app.ClientID || !c.Now().Before(code.ExpiresAt) || code.RedirectURI != text("redirect_uri"):
		return nil, refuse(oauth.InvalidGrant)
	case code.Challenge.Value != "" && text("code_verifier") == "":
		return nil, oauthError(oauth.Missing("code_verifier"))
	case !code.Challenge.Verify(text("code_verifier")):
		return nil, refuse(oauth.InvalidGrant)
	}
	a.codes.Delete(c.Tx, id)
	return a.issueToken(c.Tx, app, code.UserID, code.Scopes, true, oauthGrant{}), nil
}

// exchangePassword is the grant password, with API credentials (C25).
func (a *API) exchangePassword(c *httpapi.Call) (any, error) {
	app, err := a.client(c)
	if err != nil {
		return nil, err
	}
	user := a.userOf(c.Tx, basicSecret(c.Body().Text("username"), c.Body().Text("password")))
	if user == 0 {
		return nil, refuse(oauth.InvalidGrant)
	}
	scopes, err := scopesFor(app, c.Body().Text("scope"))
	if err != nil {
		return nil, err
	}
	return a.issueToken(c.Tx, app, user, scopes, false, oauthGrant{}), nil
}

// userOf returns the user of API credentials that can be used in the world; 0 if there is
// none.
func (a *API) userOf(tx *engine.Tx, secret string) int {
	digest := engine.DigestOf(secret)
	w, id := a.Registry.Lookup(digest)
	if w != tx.World() {
		return 0
	}
	k, err := a.Credentials.Valid(tx, id, digest)
	if err != nil || k.Environment != basicKind {
		return 0
	}
	return idOf(k.Owner)
}

// exchangeClient is the grant client_credentials, for public and register alone (C26).
func (a *API) exchangeClient(c *httpapi.Call) (any, error) {
	app, err := a.client(c)
	if err != nil {
		return nil, err
	}
	scopes, err := scopesFor(app, c.Body().Text("scope"))
	if err != nil {
		return nil, err
	}
	if !scopes.Within(oauth.Scopes{"public", "register"}) {
		return nil, refuse(oauth.UnauthorizedClient)
	}
	return a.issueToken(c.Tx, app, 0, scopes, false, oauthGrant{}), nil
}

// exchangeRefresh is the grant refresh_token (C27, C28). The old pair ends when the new
// access token is first used.
func (a *API) exchangeRefresh(c *httpapi.Call) (any, error) {
	plain := c.Body().Text("refresh_token")
	if plain == "" {
		return nil, oauthError(oauth.Missing("refresh_token"))
	}
	id := digestText(plain)
	old, ok := a.refreshes.Get(c.Tx, id)
	if !ok {
		return nil, refuse(oauth.InvalidGrant)
	}
	if _, sent := oauth.ClientOf(c.RequestHeader("Authorization"), c.Body().Text); !sent {
		return nil, refuse(oauth.InvalidGrant)
	}
	app, err := a.client(c)
	if err != nil {
		return nil, err
	}
	if old.ClientID != app.ClientID {
		return nil, refuse(oauth.InvalidGrant)
	}
	scopes := old.Scopes
	if list := c.Body().Text("scope"); list != "" {
		if scopes, err = vocabulary().Parse(list); err != nil || !scopes.Within(old.Scopes) {
			return nil, refuse(oauth.InvalidScope)
		}
	}
	return a.issueToken(c.Tx, app, old.UserID, scopes, true, oauthGrant{PreviousToken: old.Token, PreviousRefresh: id}), nil
}

// errNotRevocable is the refusal of a client that may not revoke a token.
func errNotRevocable() error {
	return oauthError(oauth.Error{Code: oauth.UnauthorizedClient, Description: "You are not authorized to revoke this token"})
}

// revokeToken ends a token of the client, and the other one of its pair.
//
//	POST /api/oauth/revoke
func (a *API) revokeToken(c *httpapi.Call) (any, error) {
	app, err := a.client(c)
	if err != nil {
		return nil, errNotRevocable()
	}
	plain := c.Body().Text("token")
	if plain == "" {
		return empty{}, nil
	}
	if r, ok := a.refreshes.Get(c.Tx, digestText(plain)); ok {
		if r.ClientID != app.ClientID {
			return nil, errNotRevocable()
		}
		a.refreshes.Delete(c.Tx, digestText(plain))
		a.endToken(c.Tx, r.Token)
		return empty{}, nil
	}
	k, g, ok := a.accessToken(c.Tx, plain)
	if !ok {
		return empty{}, nil
	}
	if g.ClientID != app.ClientID {
		return nil, errNotRevocable()
	}
	a.endToken(c.Tx, k.ID)
	a.refreshes.Delete(c.Tx, g.Refresh)
	return empty{}, nil
}

// accessToken returns an access token of the world and its grant, whether it can be used
// or not.
func (a *API) accessToken(tx *engine.Tx, plain string) (credential.Key, oauthGrant, bool) {
	digest := engine.DigestOf(plain)
	w, id := a.Registry.Lookup(digest)
	if w != tx.World() {
		return credential.Key{}, oauthGrant{}, false
	}
	k, ok := a.Credentials.Keys.Get(tx, id)
	if !ok || k.Digest != digest || k.Environment != bearerKind {
		return k, oauthGrant{}, false
	}
	g, _ := a.grants.Get(tx, id)
	return k, g, true
}

type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	Issued    int64  `json:"iat,omitempty"`
}

// introspect says of a token of the client whether it can be used.
//
//	POST /api/oauth/introspect
func (a *API) introspect(c *httpapi.Call) (any, error) {
	clientID, err := a.introspector(c)
	if err != nil {
		return nil, err
	}
	plain := c.Body().Text("token")
	if r, ok := a.refreshes.Get(c.Tx, digestText(plain)); ok && plain != "" && r.ClientID == clientID {
		return introspection{Active: true, Scope: r.Scopes.String(), ClientID: clientID, TokenType: "Bearer"}, nil
	}
	k, g, ok := a.accessToken(c.Tx, plain)
	if !ok || g.ClientID != clientID || k.Status(c.Now()) != credential.Active {
		return introspection{}, nil
	}
	return introspection{true, oauth.Scopes(k.Scopes).String(), clientID, "Bearer", k.ExpiresAt.Unix(), k.CreatedAt.Unix()}, nil
}

// introspector returns the client id of who introspects: the client, or another token of
// it.
func (a *API) introspector(c *httpapi.Call) (string, error) {
	header := c.RequestHeader("Authorization")
	if plain, bearer := oauth.Credentials(header, "Bearer"); bearer {
		k, g, ok := a.accessToken(c.Tx, plain)
		if !ok || k.Status(c.Now()) != credential.Active || plain == c.Body().Text("token") {
			return "", refuse(oauth.InvalidToken)
		}
		a.tokenUsed(c.Tx, k.ID)
		return g.ClientID, nil
	}
	if _, sent := oauth.ClientOf(header, c.Body().Text); !sent {
		return "", refuse(oauth.InvalidRequest)
	}
	app, err := a.client(c)
	return app.ClientID, err
}

type tokenInfoBody struct {
	OwnerID     *int        `json:"resource_owner_id"`
	Scope       []string    `json:"scope"`
	ExpiresIn   int         `json:"expires_in"`
	Application tokenClient `json:"application"`
	CreatedAt   int64       `json:"created_at"`
}

type tokenClient struct {
	UID *string `json:"uid"`
}

// tokenInfo describes the bearer token of the request.
//
//	GET /api/oauth/token/info
func (a *API) tokenInfo(c *httpapi.Call) (any, error) {
	plain, bearer := oauth.Credentials(c.RequestHeader("Authorization"), "Bearer")
	if !bearer {
		if plain = c.RawQuery("access_token"); plain == "" {
			plain = c.RawQuery("bearer_token")
		}
	}
	k, g, ok := a.accessToken(c.Tx, plain)
	if !ok {
		return nil, refuse(oauth.InvalidToken)
	}
	switch k.Status(c.Now()) {
	case credential.Expired:
		return nil, oauthError(oauth.Error{Code: oauth.InvalidToken, Description: "The access token expired"})
	case credential.Revoked:
		return nil, oauthError(oauth.Error{Code: oauth.InvalidToken, Description: "The access token was revoked"})
	}
	b := tokenInfoBody{Scope: nonNil(k.Scopes), ExpiresIn: int(k.ExpiresAt.Sub(c.Now()).Seconds()), Application: tokenClient{textOrNil(g.ClientID)}, CreatedAt: k.CreatedAt.Unix()}
	if n, err := strconv.Atoi(k.Owner); err == nil {
		b.OwnerID = &n
	}
	a.tokenUsed(c.Tx, k.ID)
	return b, nil
}
