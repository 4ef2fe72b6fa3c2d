package computestacks

import (
	"strconv"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

// TestRevocation covers C32: a client ends its own tokens, a pair ends together, and what
// is unknown is no error.
func TestRevocation(t *testing.T) {
	r := newRig(t)
	p, other := r.newApp(true, ""), r.newApp(true, "")
	refused := oauth.Error{Code: oauth.UnauthorizedClient, Description: "You are not authorized to revoke this token"}
	revoke := func(of app, token string) response { return of.to("/api/oauth/revoke", "token", token) }

	for _, name := range []string{"access_token", "refresh_token"} {
		pair := p.pair("public")
		revoke(other, pair.text(name)).denied(403, refused)
		r.form("/api/oauth/revoke", "token", pair.text(name)).denied(403, refused)
		r.form("/api/oauth/revoke", "token", pair.text(name), "client_id", p.id, "client_secret", "x").denied(403, refused)
		r.bearer(pair).works(t, true)
		revoke(p, pair.text(name)).is(200, "{}")
		revoke(p, pair.text(name)).is(200, "{}")
		r.bearer(pair).works(t, false)
		p.tokenFor("grant_type", "refresh_token", "refresh_token", pair.text("refresh_token")).deniedBy(oauth.InvalidGrant)
	}
	revoke(p, "x").is(200, "{}")
	revoke(p, "").is(200, "{}")
	r.as(basic(p.id, p.secret)).post("/api/oauth/revoke", map[string]any{"token": "x", "token_type_hint": "refresh_token"}).is(200, "{}")
	public := r.newApp(false, "")
	pair := public.pair("public")
	r.form("/api/oauth/revoke", "token", pair.text("access_token"), "client_id", public.id).is(200, "{}")
	r.bearer(pair).works(t, false)
}

// TestIntrospection covers C33: the client, or another token of it, sees its tokens alone.
func TestIntrospection(t *testing.T) {
	r := newRig(t)
	p, other := r.newApp(true, ""), r.newApp(true, "")
	pair := p.pair("public dns_read")
	active := `{"active":true,"scope":"public dns_read","client_id":"` + p.id + `","token_type":"Bearer","exp":1768485600,"iat":1768478400}`
	token := pair.text("access_token")
	p.to("/api/oauth/introspect", "token", token).is(200, active)
	r.as(basic(p.id, p.secret)).post("/api/oauth/introspect", map[string]any{"token": token}).is(200, active)
	other.to("/api/oauth/introspect", "token", token).is(200, `{"active":false}`)
	p.to("/api/oauth/introspect", "token", "x").is(200, `{"active":false}`)
	p.to("/api/oauth/introspect").is(200, `{"active":false}`)
	if a := p.to("/api/oauth/introspect", "token", pair.text("refresh_token")).wants(200); a.at("active") != true {
		t.Errorf("refresh token: %s", a.Body)
	}
	r.form("/api/oauth/introspect", "token", token).deniedBy(oauth.InvalidRequest)
	r.form("/api/oauth/introspect", "token", token, "client_id", p.id, "client_secret", "x").deniedBy(oauth.InvalidClient)

	second := p.tokenFor("grant_type", "client_credentials").wants(200)
	r.bearer(second).post("/api/oauth/introspect", map[string]any{"token": token}).is(200, active)
	r.bearer(pair).post("/api/oauth/introspect", map[string]any{"token": token}).wants(401)
	r.as("Bearer x").post("/api/oauth/introspect", map[string]any{"token": token}).wants(401)
	foreign := other.tokenFor("grant_type", "client_credentials").wants(200)
	r.bearer(foreign).post("/api/oauth/introspect", map[string]any{"token": token}).is(200, `{"active":false}`)
	r.advance(2 * time.Hour)
	p.to("/api/oauth/introspect", "token", token).is(200, `{"active":false}`)
}

// TestTokenInfo covers C34.
func TestTokenInfo(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "")
	pair, client := p.pair("public dns_read"), p.tokenFor("grant_type", "client_credentials").wants(200)
	info := func(owner, scope string, expires int) string {
		return `{"resource_owner_id":` + owner + `,"scope":[` + scope + `],"expires_in":` + strconv.Itoa(expires) + `,"application":{"uid":"` + p.id + `"},"created_at":1768478400}`
	}
	r.bearer(pair).get("/api/oauth/token/info").is(200, info("1", `"public","dns_read"`, 7200))
	r.as("").get("/api/oauth/token/info?access_token="+pair.text("access_token")).is(200, info("1", `"public","dns_read"`, 7200))
	r.as("").get("/api/oauth/token/info?bearer_token="+pair.text("access_token")).is(200, info("1", `"public","dns_read"`, 7200))
	r.advance(90 * time.Second)
	r.bearer(client).get("/api/oauth/token/info").is(200, info("null", `"public"`, 7110))
	bad := func(auth, description string) {
		t.Helper()
		a := r.as(auth).get("/api/oauth/token/info")
		a.is(401, `{"error":"invalid_token","error_description":"`+description+`","state":"unauthorized"}`)
		if got := a.Header.Get("Www-Authenticate"); got != `Bearer realm="ComputeStacks", error="invalid_token", error_description="`+description+`"` {
			t.Errorf("WWW-Authenticate is %q", got)
		}
	}
	bad("", "The access token is invalid")
	bad("Bearer x", "The access token is invalid")
	bad(basic(r.hand.Username, r.hand.Password), "The access token is invalid")
	p.to("/api/oauth/revoke", "token", client.text("access_token")).wants(200)
	bad("Bearer "+client.text("access_token"), "The access token was revoked")
	r.advance(2 * time.Hour)
	bad("Bearer "+pair.text("access_token"), "The access token expired")
}

// TestTokenInQuery covers C36: a token in the query counts if there is no header.
func TestTokenInQuery(t *testing.T) {
	r := newRig(t)
	pair := r.newApp(true, "").pair("public profile_read")
	token := pair.text("access_token")
	r.as("").get("/api/users?access_token=" + token).wants(200)
	r.as("").get("/api/users?bearer_token=" + token + "&page=2").wants(200)
	r.as("").get("/api/projects?access_token=" + token).wants(403)
	r.as("").get("/api/users?access_token=x").refused(403, "The access token is invalid")
	r.as("").get("/api/users?access_token=").wants(403)
	r.as("Bearer x").get("/api/users?access_token=" + token).wants(403)
}

// TestOAuthNegotiation covers C22 and C30: pages are sent whatever the Accept header asks
// for, and versions are those of the API.
func TestOAuthNegotiation(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "")
	const current, browser = "application/json; api_version=60;", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, accept := range []string{current, browser, "text/html"} {
		a := r.as("").get(p.authorizePath(), "Accept", accept).wants(200)
		if a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %v", accept, a.Header)
		}
		r.as("").post(p.authorizePath(), nil, "Accept", accept).wants(302)
		r.as("").delete(p.authorizePath(), "Accept", accept).wants(302)
		r.as("").get("/api/oauth/authorize/native?code=x", "Accept", accept).wants(200)
	}
	r.as("").get("/api/oauth/authorize/native").wants(400)
	r.as("").post("/api/oauth/authorize", map[string]any{"client_id": p.id, "redirect_uri": callback, "response_type": "code"}).wants(302)
	body := map[string]any{"grant_type": "client_credentials", "client_id": p.id, "client_secret": p.secret}
	r.as("").post("/api/oauth/token", body, "Accept", current).wants(200)
	if a := r.as("").post("/api/oauth/token", body, "Accept", "application/json; api_version=51").wants(200); a.Header.Get("Api-Deprecated") != "true" {
		t.Errorf("deprecated: %v", a.Header)
	}
	a := r.as("").post("/api/oauth/token", body, "Accept", "application/json; api_version=99")
	a.is(422, `{"error":"invalid_request","error_description":"You requested an unsupported version (99)"}`)
	if a.Header.Get("Api-Version-Supported") != "false" {
		t.Errorf("unsupported: %v", a.Header)
	}
	r.as("").post("/api/oauth/token", body, "Accept", "application/xml").wants(406)
}
