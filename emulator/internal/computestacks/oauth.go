package computestacks

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/credential/oauth"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// oauthPrefix begins the paths of the OAuth endpoints, realm is theirs.
const (
	oauthPrefix = "/api/oauth/"
	realm       = "ComputeStacks"
)

// How long codes and access tokens live (C21).
const (
	codeLife  = 10 * time.Minute
	tokenLife = 2 * time.Hour
)

// oauthTables are the tables of OAuth. Codes and refresh tokens are stored under the
// digests of their secrets, grants under the ids of their access tokens.
type oauthTables struct {
	codes     *engine.Table[oauthCode]
	grants    *engine.Table[oauthGrant]
	refreshes *engine.Table[refreshToken]
}

// oauthCode is an authorization code.
type oauthCode struct {
	ClientID    string          `json:"client_id"`
	UserID      int             `json:"user_id"`
	RedirectURI string          `json:"redirect_uri"` // as the client sent it
	Scopes      oauth.Scopes    `json:"scopes"`
	Challenge   oauth.Challenge `json:"challenge"`
	ExpiresAt   time.Time       `json:"expires_at"`
}

// oauthGrant is what an access token was issued for.
type oauthGrant struct {
	ClientID string `json:"client_id"`
	Refresh  string `json:"refresh"` // the digest of its refresh token; "" if it has none
	// PreviousToken and PreviousRefresh are the pair that it takes the place of: they end
	// when it is first used.
	PreviousToken   string `json:"previous_token"`
	PreviousRefresh string `json:"previous_refresh"`
}

// refreshToken is a refresh token. It lives until it is revoked.
type refreshToken struct {
	ClientID string       `json:"client_id"`
	UserID   int          `json:"user_id"`
	Scopes   oauth.Scopes `json:"scopes"`
	Token    string       `json:"token"` // the id of its access token
}

// The steps of OAuth.
const (
	codeStep  = prefix + "oauth.code"
	grantStep = prefix + "oauth.grant"
)

// addOAuthTables adds the tables and steps to a schema.
func (a *API) addOAuthTables(schema *engine.Schema) {
	a.codes = engine.AddTable(schema, engine.Kind[oauthCode]{Name: prefix + "oauth_codes"})
	a.grants = engine.AddTable(schema, engine.Kind[oauthGrant]{Name: prefix + "oauth_grants"})
	a.refreshes = engine.AddTable(schema, engine.Kind[refreshToken]{Name: prefix + "oauth_refresh_tokens"})
	schema.AddStep(codeStep, func(tx *engine.Tx, id string) { a.codes.Delete(tx, id) })
	schema.AddStep(grantStep, func(tx *engine.Tx, id string) { a.grants.Delete(tx, id) })
}

// oauthOperations lists the OAuth endpoints.
func (a *API) oauthOperations() []operation {
	return []operation{
		{"createOAuthToken", a.createToken},
		{"showOAuthConsent", a.showConsent},
		{"approveOAuthConsent", a.decide},
		{"denyOAuthConsent", a.deny},
		{"showOAuthCode", a.showCode},
		{"revokeOAuthToken", a.revokeToken},
		{"introspectOAuthToken", a.introspect},
		{"getOAuthTokenInfo", a.tokenInfo},
	}
}

// oauthCodes lists the error codes of RFC 6749 that the endpoints respond with.
func oauthCodes() []string {
	var all []string
	for _, c := range []oauth.Code{
		oauth.InvalidRequest, oauth.InvalidClient, oauth.InvalidGrant, oauth.InvalidScope, oauth.InvalidToken, oauth.UnauthorizedClient, oauth.UnsupportedGrantType,
	} {
		all = append(all, string(c))
	}
	return all
}

// vocabulary has the scopes and the other spellings that the product has of some (C20).
func vocabulary() oauth.Vocabulary {
	return oauth.Vocabulary{Names: Scopes(), Aliases: map[string]string{"projects_read": "project_read", "projects_write": "project_write", "profile_update": "profile_write"}}
}

// oauthError returns the error of an OAuth endpoint.
func oauthError(e oauth.Error) error {
	kind := fail.Invalid
	if e.Status() == 401 {
		kind = fail.Unauthenticated
	}
	return &fail.Error{Kind: kind, Code: string(e.Code), Message: e.Description}
}

func refuse(code oauth.Code) error { return oauthError(oauth.Refuse(code)) }

type oauthErrorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	State       string `json:"state,omitempty"`
}

// renderOAuthError renders an error in the form of RFC 6749. What the pipeline refuses is
// an invalid request, but for what no client can mend.
func renderOAuthError(x *httpapi.RequestContext, err *fail.Error) httpapi.Response {
	e := oauth.Error{Code: oauth.Code(err.Code), Description: err.Message}
	r := httpapi.Response{}
	if !slices.Contains(oauthCodes(), err.Code) {
		e.Code, e.Description = oauth.InvalidRequest, strings.Join(messages(err), " ")
		r.Status = status(err)
		if err.Kind == fail.Invalid && err.Code != codeVersion {
			r.Status = e.Status()
		}
	} else {
		r.Status = e.Status()
		x.Set("Www-Authenticate", e.Challenge(realm))
	}
	x.Set("Pragma", "no-cache")
	body := oauthErrorBody{Error: string(e.Code), Description: e.Description}
	if e.Code == oauth.InvalidToken {
		body.State = "unauthorized"
	}
	r.Body, _ = httpapi.EncodeJSON(body) // strings always encode
	return r
}

// accept is the stage that rejects media types. Clients of the API ask for the pages of
// consent with the media type of the API, so these accept all.
func accept(x *httpapi.RequestContext) error {
	if strings.HasPrefix(x.Op.Path, oauthPrefix+"authorize") {
		return nil
	}
	return httpapi.Accept(x)
}

// locate is the stage that finds the workspace of an OAuth request: that of the client,
// or of a token or credentials in the header. Others are served in the home world, which
// knows none of them.
func (a *API) locate(x *httpapi.RequestContext) error {
	if !strings.HasPrefix(x.Op.Path, oauthPrefix) {
		return nil
	}
	c, header := x.Call(), x.Request.Header.Get("Authorization")
	digests := []engine.Digest{clientKey(parameter(c, "client_id"))}
	if basic, ok := oauth.Basic(header); ok {
		digests = append(digests, clientKey(basic.ID))
	}
	if secret, _, _ := requestSecret(x.Request); secret != "" {
		digests = append(digests, engine.DigestOf(secret))
	}
	for _, name := range []string{"access_token", "bearer_token"} {
		digests = append(digests, engine.DigestOf(parameter(c, name)))
	}
	for _, d := range digests {
		if w, _ := a.Registry.Lookup(d); w != nil {
			x.World, x.Admission = w, w
			_ = w.Do(func(tx *engine.Tx) error {
				x.Open(tx)
				return nil
			})
			return nil
		}
	}
	return nil
}

// parameter returns a parameter of the body, or else of the query.
func parameter(c *httpapi.Call, name string) string {
	if text := c.Body().Text(name); text != "" {
		return text
	}
	return c.RawQuery(name)
}

// application returns the application with a client id that leads to the world.
func (a *API) application(tx *engine.Tx, id string) (Application, bool) {
	app, ok := a.applications.Get(tx, id)
	if !ok {
		return app, false
	}
	w, _ := a.Registry.Lookup(clientKey(id))
	return app, w == tx.World()
}

// client returns the application that sends a request, authenticated. A secret that is
// sent must be right, and a confidential application must send it.
func (a *API) client(c *httpapi.Call) (Application, error) {
	sent, ok := oauth.ClientOf(c.RequestHeader("Authorization"), c.Body().Text)
	if !ok {
		return Application{}, refuse(oauth.InvalidClient)
	}
	app, ok := a.application(c.Tx, sent.ID)
	if !ok || (app.Confidential || sent.Secret != "") && clientDigest(sent.Secret) != app.SecretDigest {
		return app, refuse(oauth.InvalidClient)
	}
	return app, nil
}

// allowed returns the scopes that an application may be granted: all, unless it has some
// of its own.
func allowed(app Application) oauth.Scopes {
	if len(app.Scopes) == 0 {
		return Scopes()
	}
	return app.Scopes
}

// scopesFor returns the scopes that a request asks for, among those of an application. It
// is public if none is asked for, or nothing if the application lacks that.
func scopesFor(app Application, list string) (oauth.Scopes, error) {
	scopes, err := vocabulary().Parse(list)
	switch {
	case err != nil || !scopes.Within(allowed(app)):
		return nil, refuse(oauth.InvalidScope)
	case len(scopes) == 0:
		return oauth.Scopes{"public"}.And(allowed(app)), nil
	}
	return scopes, nil
}

// digestText is the id of a row that is stored under a secret.
func digestText(secret string) string {
	d := engine.DigestOf(secret)
	return hex.EncodeToString(d[:])
}

// tokenBody is the response with an access token. Members without a value are left out.
type tokenBody struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	CreatedAt    int64  `json:"created_at"`
}

// WriteHeaders implements httpapi.HeaderWriter.
func (tokenBody) WriteHeaders(set func(name, value string)) { set("Pragma", "no-cache") }

// issueToken makes an access token, with a refresh token if it is asked for. user is 0 for
// a token of client credentials. g is what is known of the grant.
func (a *API) issueToken(tx *engine.Tx, app Application, user int, scopes oauth.Scopes, refreshable bool, g oauthGrant) tokenBody {
	k := credential.Key{Name: app.Name, Scopes: nonNil([]string(scopes)), Environment: bearerKind, ExpiresAt: tx.Now().Add(tokenLife)}
	if len(k.Name) > 63 {
		k.Name = strings.ToValidUTF8(k.Name[:63], "")
	}
	if user != 0 {
		k.Owner = strconv.Itoa(user)
	}
	k, plain := a.Credentials.Issue(tx, idPrefix, k, bearerSecret)
	b := tokenBody{AccessToken: plain, TokenType: "Bearer", ExpiresIn: int(tokenLife / time.Second), Scope: scopes.String(), CreatedAt: tx.Now().Unix()}
	g.ClientID = app.ClientID
	if refreshable {
		b.RefreshToken = randomText(tx.SecretRand(prefix+"refresh"), urlSafe, 43)
		g.Refresh = digestText(b.RefreshToken)
		a.refreshes.Put(tx, g.Refresh, refreshToken{ClientID: app.ClientID, UserID: user, Scopes: scopes, Token: k.ID})
	}
	a.grants.Put(tx, k.ID, g)
	tx.After(tokenLife+keyMemory, grantStep, k.ID)
	return b
}

// tokenUsed ends the pair that an access token takes the place of, when it is first used.
func (a *API) tokenUsed(tx *engine.Tx, id string) {
	g, ok := a.grants.Get(tx, id)
	if !ok || g.PreviousToken == "" && g.PreviousRefresh == "" {
		return
	}
	a.endToken(tx, g.PreviousToken)
	a.refreshes.Delete(tx, g.PreviousRefresh)
	g.PreviousToken, g.PreviousRefresh = "", ""
	a.grants.Put(tx, id, g)
}

// endToken revokes the access token with an id, if it can be used.
func (a *API) endToken(tx *engine.Tx, id string) {
	if k, ok := a.Credentials.Keys.Get(tx, id); ok && k.Status(tx.Now()) == credential.Active {
		a.Credentials.Revoke(tx, k)
	}
}

// endRefreshTokens ends the refresh tokens and codes of a user.
func (a *API) endRefreshTokens(tx *engine.Tx, user int) {
	for r := range a.refreshes.After(tx, 0) {
		if r.Value.UserID == user {
			a.refreshes.Delete(tx, r.ID)
		}
	}
	for r := range a.codes.After(tx, 0) {
		if r.Value.UserID == user {
			a.codes.Delete(tx, r.ID)
		}
	}
}

// checkApplication refuses redirect URIs and scopes that no application can have.
func checkApplication(redirectURIs, scopes []string) error {
	for _, uri := range redirectURIs {
		if err := oauth.ValidateRedirect(uri); err != nil {
			return fmt.Errorf("redirect_uris: %q cannot be registered: %w", fail.Clip(uri), err)
		}
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("scopes: %q is unknown; use some of %s", fail.Clip(s), strings.Join(Scopes(), ", "))
		}
	}
	return nil
}
