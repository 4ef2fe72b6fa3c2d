package computestacks

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

var opaque = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// TestTokenBodies covers C21 and C22: the members of a token response, forms and JSON, and
// all ways in which a client authenticates.
func TestTokenBodies(t *testing.T) {
	r := newRig(t)
	p := r.defaultApp()
	a := p.tokenFor("grant_type", "client_credentials").wants(200)
	if !opaque.MatchString(a.text("access_token")) || a.text("token_type") != "Bearer" || a.text("expires_in") != "7200" ||
		a.text("created_at") != "1768478400" || a.text("scope") != "public" || a.at("refresh_token") != nil {
		t.Errorf("token %s", a.Body)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" || a.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("headers %v", a.Header)
	}
	if again := p.tokenFor("grant_type", "client_credentials").wants(200); again.text("access_token") == a.text("access_token") {
		t.Error("a token is issued twice")
	}
	plain := p.id + ":" + p.secret
	padded := base64.StdEncoding.EncodeToString([]byte(plain))
	for _, auth := range []string{
		basic(p.id, p.secret), "BASIC " + padded, "basic " + strings.TrimRight(padded, "="), "Basic " + base64.URLEncoding.EncodeToString([]byte(plain)),
	} {
		r.as(auth).post("/api/oauth/token", map[string]any{"grant_type": "client_credentials", "scope": "public register", "unknown": []int{1}}).wants(200)
	}
	r.as("").post("/api/oauth/token", map[string]any{"grant_type": "client_credentials", "client_id": p.id, "client_secret": p.secret, "scope": nil}).wants(200)
	public := r.newApp(false, "")
	r.form("/api/oauth/token", "grant_type", "client_credentials", "client_id", public.id).wants(200)
	public.tokenFor("grant_type", "client_credentials").wants(200)
	r.form("/api/oauth/token", "grant_type", "client_credentials", "client_id", public.id, "client_secret", "x").deniedBy(oauth.InvalidClient)
	r.form("/api/oauth/token", "grant_type", "client_credentials", "client_id", p.id).deniedBy(oauth.InvalidClient)
	r.form("/api/oauth/token", "grant_type", "client_credentials").deniedBy(oauth.InvalidClient)
}

// TestTokenRequestsThatCannotBeRead covers C22: what is no request at all is an
// invalid_request.
func TestTokenRequestsThatCannotBeRead(t *testing.T) {
	r := newRig(t)
	p := r.defaultApp()
	p.tokenFor().denied(400, oauth.Missing("grant_type"))
	p.tokenFor("grant_type", "implicit").deniedBy(oauth.UnsupportedGrantType)
	r.as("").post("/api/oauth/token", nil).denied(400, oauth.Missing("grant_type"))
	for name, body := range map[string]string{"broken": `{"grant_type":`, "a list": `[]`, "a number": `{"grant_type":1}`, "twice": `{"scope":"a","scope":"b"}`} {
		if a := r.as("").post("/api/oauth/token", body).wants(400); a.text("error") != "invalid_request" || a.text("error_description") == "" || a.at("errors") != nil {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	twice := r.as("").post("/api/oauth/token", "grant_type=password&grant_type=password", "Content-Type", "application/x-www-form-urlencoded").wants(400)
	if twice.text("error") != "invalid_request" {
		t.Error(twice.Body)
	}
	if a := r.as("").post("/api/oauth/token", "x", "Content-Type", "text/plain").wants(400); a.text("error") != "invalid_request" {
		t.Error(a.Body)
	}
}

// TestScopesOfTokens covers C20: names, other spellings, what an application may be
// granted, and nothing if public is not among it.
func TestScopesOfTokens(t *testing.T) {
	r := newRig(t)
	user := []string{"grant_type", "password", "username", r.hand.Username, "password", r.hand.Password}
	for _, tc := range []struct{ of, asked, want string }{
		{"", "", "public"},
		{"", strings.Join(Scopes(), " "), strings.Join(Scopes(), " ")},
		{"", "projects_read  projects_write profile_update project_read", "project_read project_write profile_write"},
		{"", "admin_read", "invalid"},
		{"", "public\tproject_read", "invalid"},
		{"", "public\nproject_read", "invalid"},
		{"", "public,project_read", "invalid"},
		{"public images_read", "", "public"},
		{"public images_read", "images_read", "images_read"},
		{"public images_read", "project_read", "invalid"},
		{"images_read", "", ""},
		{"images_read", "public", "invalid"},
	} {
		a := r.newApp(true, tc.of).tokenFor(append(user, "scope", tc.asked)...)
		if tc.want == "invalid" {
			a.deniedBy(oauth.InvalidScope)
			continue
		}
		if got, _ := a.wants(200).at("scope").(string); got != tc.want {
			t.Errorf("%q of %q is %q, want %q", tc.asked, tc.of, got, tc.want)
		}
		if strings.Contains(a.Body, `"scope"`) != (tc.want != "") {
			t.Errorf("%q of %q: %s", tc.asked, tc.of, a.Body)
		}
	}
}

// TestPasswordGrant covers C25: API credentials in the order client, credentials, scope.
func TestPasswordGrant(t *testing.T) {
	r := newRig(t)
	p := r.defaultApp()
	user := []string{"grant_type", "password", "username", r.hand.Username, "password", r.hand.Password}
	a := p.tokenFor(append(user, "scope", "profile_read")...).wants(200)
	if a.at("refresh_token") != nil {
		t.Errorf("token %s", a.Body)
	}
	if got := r.bearer(a).get("/api/users").wants(200).text("user.id"); got != "1" {
		t.Errorf("the token is of user %s", got)
	}
	wrong := []string{"grant_type", "password", "username", r.hand.Username, "password", "x", "scope", "unknown"}
	r.form("/api/oauth/token", wrong...).deniedBy(oauth.InvalidClient)
	p.tokenFor(wrong...).deniedBy(oauth.InvalidGrant)
	p.tokenFor("grant_type", "password").deniedBy(oauth.InvalidGrant)
	p.tokenFor(append(user, "scope", "unknown")...).deniedBy(oauth.InvalidScope)
	p.tokenFor("grant_type", "password", "username", p.id, "password", p.secret).deniedBy(oauth.InvalidGrant)
}

// TestClientCredentialsGrant covers C26: public and register alone, of no user.
func TestClientCredentialsGrant(t *testing.T) {
	r := newRig(t)
	p := r.defaultApp()
	a := p.tokenFor("grant_type", "client_credentials", "scope", "register public").wants(200)
	r.bearer(a).works(t, true)
	r.bearer(a).get("/api/projects").wants(http.StatusForbidden)
	p.tokenFor("grant_type", "client_credentials", "scope", "public images_read").deniedBy(oauth.UnauthorizedClient)
	p.tokenFor("grant_type", "client_credentials", "scope", "admin_read").deniedBy(oauth.InvalidScope)
	r.newApp(true, "images_read").tokenFor("grant_type", "client_credentials", "scope", "public").deniedBy(oauth.InvalidScope)
	r.advance(2*time.Hour - time.Second)
	r.bearer(a).works(t, true)
	r.advance(time.Second)
	r.bearer(a).works(t, false)
}

// TestRefreshGrant covers C27: the order presence, token, client, owner, scope, and a
// narrower scope.
func TestRefreshGrant(t *testing.T) {
	r := newRig(t)
	p, other := r.newApp(true, ""), r.newApp(true, "")
	first := p.pair("public project_read")
	refresh := []string{"grant_type", "refresh_token", "refresh_token", first.text("refresh_token")}
	p.tokenFor("grant_type", "refresh_token").denied(400, oauth.Missing("refresh_token"))
	p.tokenFor("grant_type", "refresh_token", "refresh_token", "x").deniedBy(oauth.InvalidGrant)
	r.form("/api/oauth/token", refresh...).deniedBy(oauth.InvalidGrant)
	r.form("/api/oauth/token", append(refresh, "client_id", p.id, "client_secret", "x")...).deniedBy(oauth.InvalidClient)
	a := r.as(basic(p.id, "x")).post("/api/oauth/token", values(refresh...).Encode(), "Content-Type", "application/x-www-form-urlencoded")
	a.deniedBy(oauth.InvalidClient)
	other.tokenFor(refresh...).deniedBy(oauth.InvalidGrant)
	p.tokenFor(append(refresh, "scope", "public project_write")...).deniedBy(oauth.InvalidScope)
	if a := p.tokenFor(append(refresh, "scope", "projects_read")...).wants(200); a.text("scope") != "project_read" || a.at("refresh_token") == nil {
		t.Errorf("narrower: %s", a.Body)
	}
	if a := p.tokenFor(refresh...).wants(200); a.text("scope") != "public project_read" {
		t.Errorf("the same scopes: %s", a.Body)
	}
}

// TestOldPairEndsWithFirstUse covers C28: the old pair ends when the new access token is
// first used, and not before.
func TestOldPairEndsWithFirstUse(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "")
	refresh := func(of response) response {
		return p.tokenFor("grant_type", "refresh_token", "refresh_token", of.text("refresh_token"))
	}
	first := p.pair("public")
	lost := refresh(first).wants(200)
	r.bearer(first).works(t, true)
	second := refresh(first).wants(200)
	r.bearer(second).works(t, true)
	r.bearer(first).works(t, false)
	refresh(first).deniedBy(oauth.InvalidGrant)
	r.bearer(lost).works(t, true)
	r.bearer(second).works(t, true)
	r.advance(3 * time.Hour)
	r.bearer(second).works(t, false)
	r.bearer(refresh(second).wants(200)).works(t, true)
	refresh(second).deniedBy(oauth.InvalidGrant)
}

// TestNewCredentialEndsTokens covers C35: new API credentials end every token, refresh token
// and code of the user, and those of no other user.
func TestNewCredentialEndsTokens(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "")
	pair, code, other := p.pair("public"), p.code("state", "x"), r.user(2)
	if _, _, err := r.a.RenewCredential(r.w, defaultUser); err != nil {
		t.Fatal(err)
	}
	r.bearer(pair).works(t, false)
	p.tokenFor("grant_type", "refresh_token", "refresh_token", pair.text("refresh_token")).deniedBy(oauth.InvalidGrant)
	p.tokenFor("grant_type", "authorization_code", "code", code, "redirect_uri", callback).deniedBy(oauth.InvalidGrant)
	p.tokenFor("grant_type", "password", "username", r.hand.Username, "password", r.hand.Password).deniedBy(oauth.InvalidGrant)
	other.works(t, true)
}
