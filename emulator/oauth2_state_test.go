package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// oauthUser is a client and its user at an emulator.
type oauthUser struct {
	t    *testing.T
	e    *emulator.Emulator
	c    sandbox.ComputeStacksCredentials
	http *http.Client
}

func newOAuthUser(t *testing.T, e *emulator.Emulator) oauthUser {
	return oauthUser{t, e, e.ComputeStacks().Credentials(), &http.Client{Transport: e.Client().Transport, CheckRedirect: noRedirect}}
}

// code approves an authorization request.
func (u oauthUser) code() string {
	u.t.Helper()
	resp, err := u.http.PostForm(u.e.URL()+"/api/oauth/authorize", url.Values{"client_id": {u.c.ClientID}, "redirect_uri": {u.c.RedirectURI}, "response_type": {"code"}})
	if err != nil {
		u.t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		u.t.Fatal(resp.Status, err)
	}
	return to.Query().Get("code")
}

// token asks for a token and returns the response, which must have a status.
func (u oauthUser) token(status int, fields ...string) map[string]any {
	u.t.Helper()
	v := url.Values{"client_id": {u.c.ClientID}, "client_secret": {u.c.ClientSecret}, "redirect_uri": {u.c.RedirectURI}}
	for n := 0; n < len(fields); n += 2 {
		v.Set(fields[n], fields[n+1])
	}
	resp, err := u.http.PostForm(u.e.URL()+"/api/oauth/token", v)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != status {
		u.t.Fatalf("%d, want %d: %v, %v", resp.StatusCode, status, body, err)
	}
	return body
}

// used fails the test unless requests with the token of a response get a status.
func (u oauthUser) used(body map[string]any, status int) {
	u.t.Helper()
	if got := fetch(u.t, u.http, "GET", u.e.URL()+"/api/version", fmt.Sprint(body["access_token"]), ""); got.status != status {
		u.t.Fatalf("%d, want %d: %s", got.status, status, got.body)
	}
}

// Codes and tokens are a part of the state: what was saved works after an import into
// another process, and the clock of the workspace ends it. The saved state has no secrets
// (C21).
func TestOAuthIsState(t *testing.T) {
	first := newOAuthUser(t, emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock})))
	pair := first.token(200, "grant_type", "authorization_code", "code", first.code())
	code := first.code()
	var saved bytes.Buffer
	if err := first.e.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{code, fmt.Sprint(pair["access_token"]), fmt.Sprint(pair["refresh_token"]), first.c.ClientSecret, first.c.Password} {
		if len(secret) < 40 || strings.Contains(saved.String(), secret) {
			t.Errorf("the saved state has %q", secret)
		}
	}
	second := newOAuthUser(t, emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock})))
	second.used(pair, 403)
	if err := second.e.Import(&saved); err != nil {
		t.Fatal(err)
	}
	second.used(pair, 200)
	second.token(200, "grant_type", "authorization_code", "code", code)
	second.used(second.token(200, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(pair["refresh_token"])), 200)
	second.used(pair, 403)

	late, token := second.code(), second.token(200, "grant_type", "client_credentials")
	if err := second.e.Advance(10 * time.Minute); err != nil {
		t.Fatal(err)
	}
	second.token(400, "grant_type", "authorization_code", "code", late)
	second.used(token, 200)
	if err := second.e.Advance(110 * time.Minute); err != nil {
		t.Fatal(err)
	}
	second.used(token, 403)
}

// New API credentials of a user end all tokens of the user; an application of the control
// API works like the one of the workspace (C35).
func TestOAuthOfControl(t *testing.T) {
	u := newOAuthUser(t, emulator.Start(t))
	app, err := u.e.ComputeStacks().CreateApplication(computestacks.Application{Name: "mine", RedirectURIs: []string{"https://client.example/:token/cb"}, Scopes: []string{"public", "project_read"}})
	if err != nil {
		t.Fatal(err)
	}
	own := u.token(200, "grant_type", "client_credentials")
	mine := u
	mine.c.ClientID, mine.c.ClientSecret, mine.c.RedirectURI = app.ClientID, app.ClientSecret, app.RedirectURIs[0]
	pair := mine.token(200, "grant_type", "authorization_code", "code", mine.code())
	code := mine.code()
	mine.used(pair, 200)
	mine.token(400, "grant_type", "client_credentials", "scope", "dns_read")
	renewed, err := u.e.ComputeStacks().RenewCredentials(1)
	if err != nil {
		t.Fatal(err)
	}
	mine.used(pair, 403)
	mine.token(400, "grant_type", "authorization_code", "code", code)
	mine.token(400, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(pair["refresh_token"]))
	u.used(own, 200) // it is of no user
	mine.token(400, "grant_type", "password", "username", u.c.Username, "password", u.c.Password)
	mine.token(200, "grant_type", "password", "username", renewed.Username, "password", renewed.Password)
}
