package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// A client of golang.org/x/oauth2 gets tokens by all four grants, with PKCE, over HTTP and
// over HTTPS with the sandbox's CA (C22 to C28).
func TestOAuthLibrary(t *testing.T) {
	for style, auth := range map[string]oauth2.AuthStyle{"header": oauth2.AuthStyleInHeader, "parameters": oauth2.AuthStyleInParams, "detected": oauth2.AuthStyleAutoDetect} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTPS %t", style, secure), func(t *testing.T) {
				e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
				c := oauthClient{t: t, url: e.URL(), credentials: e.ComputeStacks().Credentials(), http: &http.Client{CheckRedirect: noRedirect}}
				if secure {
					c.url, c.http = e.HTTPSURL(), trusting(t, e, e.CA())
				}
				c.ctx = context.WithValue(t.Context(), oauth2.HTTPClient, c.http)
				c.config = oauth2.Config{
					ClientID: c.credentials.ClientID, ClientSecret: c.credentials.ClientSecret,
					Endpoint: oauth2.Endpoint{AuthURL: c.url + "/api/oauth/authorize", TokenURL: c.url + "/api/oauth/token", AuthStyle: auth},
					Scopes:   []string{"public", "profile_read"},
				}
				c.authorizationCode()
				c.password()
				c.clientCredentials()
			})
		}
	}
}

// noRedirect makes a client show redirects.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// oauthClient is a client that uses the library.
type oauthClient struct {
	t           *testing.T
	ctx         context.Context
	url         string
	http        *http.Client
	credentials sandbox.ComputeStacksCredentials
	config      oauth2.Config
}

// check fails the test unless the token has scopes, and the requests of its source get a
// status.
func (c oauthClient) check(source oauth2.TokenSource, scope, path string, status int) *oauth2.Token {
	c.t.Helper()
	token, err := source.Token()
	if err != nil {
		c.t.Fatal(err)
	}
	if !token.Valid() || token.Type() != "Bearer" || token.Extra("expires_in") != float64(7200) || token.Extra("scope") != scope {
		c.t.Fatalf("token %+v with the scope %v", token, token.Extra("scope"))
	}
	resp, err := oauth2.NewClient(c.ctx, source).Get(c.url + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != status {
		c.t.Fatalf("GET %s: %d, want %d", path, resp.StatusCode, status)
	}
	return token
}

func (c oauthClient) clientCredentials() {
	config := clientcredentials.Config{
		ClientID: c.config.ClientID, ClientSecret: c.config.ClientSecret, TokenURL: c.config.Endpoint.TokenURL, AuthStyle: c.config.Endpoint.AuthStyle, Scopes: []string{"public", "register"},
	}
	c.check(config.TokenSource(c.ctx), "public register", "/api/version", 200)
	c.check(config.TokenSource(c.ctx), "public register", "/api/users", 403)
	config.Scopes = []string{"project_read"}
	_, err := config.Token(c.ctx)
	c.refused(err, 403, "unauthorized_client")
}

// refused fails the test unless the library returned an error of the token endpoint.
func (c oauthClient) refused(err error, status int, code string) {
	c.t.Helper()
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) || e.Response.StatusCode != status || e.ErrorCode != code || e.ErrorDescription == "" {
		c.t.Fatalf("error %v, want %d %s", err, status, code)
	}
}

func (c oauthClient) password() {
	token, err := c.config.PasswordCredentialsToken(c.ctx, c.credentials.Username, c.credentials.Password)
	if err != nil {
		c.t.Fatal(err)
	}
	if token.RefreshToken != "" {
		c.t.Error("the password grant gives a refresh token")
	}
	c.check(oauth2.StaticTokenSource(token), "public profile_read", "/api/users", 200)
	_, err = c.config.PasswordCredentialsToken(c.ctx, c.credentials.Username, "x")
	c.refused(err, 400, "invalid_grant")
}

// authorizationCode plays the client and the browser of its user. The callback is on a
// port of its own, though the registered address has none.
func (c oauthClient) authorizationCode() {
	c.config.RedirectURL = "http://127.0.0.1:53127/callback"
	verifier, state := oauth2.GenerateVerifier(), "a state/with?everything=&+ %"
	answer := c.consent(c.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))
	if answer.Get("state") != state {
		c.t.Fatalf("state %q, want %q", answer.Get("state"), state)
	}
	_, err := c.config.Exchange(c.ctx, answer.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	c.refused(err, 400, "invalid_grant")
	first, err := c.config.Exchange(c.ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		c.t.Fatal(err)
	}
	c.check(oauth2.StaticTokenSource(first), "public profile_read", "/api/users", 200)

	old := *first
	old.Expiry = time.Now().Add(-time.Hour)
	source := c.config.TokenSource(c.ctx, &old)
	second := c.check(source, "public profile_read", "/api/users", 200)
	if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken || second.RefreshToken == "" {
		c.t.Error("the refresh gives no new pair")
	}
	_, err = c.config.TokenSource(c.ctx, &old).Token()
	c.refused(err, 400, "invalid_grant")
	resp, err := oauth2.NewClient(c.ctx, source).PostForm(c.url+"/api/oauth/revoke", url.Values{
		"token": {second.AccessToken}, "client_id": {c.config.ClientID}, "client_secret": {c.config.ClientSecret},
	})
	if err != nil || resp.StatusCode != 200 {
		c.t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
}

// consent opens an address as a browser does and sends the first form of the page. It
// returns what the redirect sends to the client.
func (c oauthClient) consent(address string) url.Values {
	c.t.Helper()
	resp, err := c.http.Get(address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	root, err := html.Parse(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		c.t.Fatal(resp.Status, err)
	}
	var actions []string
	fields := url.Values{}
	for n := range root.Descendants() {
		at := map[string]string{}
		for _, a := range n.Attr {
			at[a.Key] = a.Val
		}
		if n.Data == "form" {
			actions = append(actions, at["action"])
		}
		if n.Data == "input" && len(actions) == 1 {
			fields.Set(at["name"], at["value"])
		}
	}
	if len(actions) != 2 || actions[0] != "/api/oauth/authorize" {
		c.t.Fatalf("forms %q", actions)
	}
	sent, err := c.http.PostForm(c.url+actions[0], fields)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = sent.Body.Close()
	location, err := sent.Location()
	if err != nil || !strings.HasPrefix(location.String(), c.config.RedirectURL+"?") {
		c.t.Fatal(sent.Status, location, err)
	}
	return location.Query()
}

// The record of requests and the logs show no secret, token or code of OAuth.
func TestOAuthSecretsAreHidden(t *testing.T) {
	var log bytes.Buffer
	e := emulator.Start(t, emulator.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	c := e.ComputeStacks().Credentials()
	client := &http.Client{Transport: e.Client().Transport, CheckRedirect: noRedirect}
	send := func(path string, fields ...string) (*http.Response, map[string]any) {
		v := url.Values{"client_id": {c.ClientID}, "client_secret": {c.ClientSecret}, "redirect_uri": {"urn:ietf:wg:oauth:2.0:oob"}}
		for n := 0; n < len(fields); n += 2 {
			v.Set(fields[n], fields[n+1])
		}
		resp, err := client.PostForm(e.URL()+path, v)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body := map[string]any{}
		_ = json.NewDecoder(resp.Body).Decode(&body)
		return resp, body
	}
	app, err := e.ComputeStacks().CreateApplication(computestacks.Application{Name: "native", RedirectURIs: []string{"urn:ietf:wg:oauth:2.0:oob"}, Confidential: true})
	if err != nil {
		t.Fatal(err)
	}
	c.ClientID, c.ClientSecret = app.ClientID, app.ClientSecret
	resp, _ := send("/api/oauth/authorize", "response_type", "code")
	native, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	code := native.Query().Get("code")
	if page := fetch(t, client, "GET", native.String(), "", ""); page.status != 200 || !strings.Contains(page.body, code) {
		t.Fatal(page.status, page.body)
	}
	send("/api/oauth/token", "grant_type", "authorization_code", "code", code, "code_verifier", strings.Repeat("v", 43))
	_, pair := send("/api/oauth/token", "grant_type", "authorization_code", "code", code)
	access, _ := pair["access_token"].(string)
	refresh, _ := pair["refresh_token"].(string)
	send("/api/oauth/token", "grant_type", "refresh_token", "refresh_token", refresh)
	send("/api/oauth/token", "grant_type", "password", "username", c.Username, "password", c.Password)
	send("/api/oauth/introspect", "token", access)
	fetch(t, client, "GET", e.URL()+"/api/oauth/token/info?access_token="+access, "", "")
	fetch(t, client, "GET", e.URL()+"/api/users", access, "")
	send("/api/oauth/revoke", "token", access)

	requests := e.Requests(emulator.Match{})
	record, err := json.Marshal(requests)
	if err != nil || len(requests) < 8 {
		t.Fatalf("%d requests, %v", len(requests), err)
	}
	for name, secret := range map[string]string{
		"code": code, "access token": access, "refresh token": refresh, "client secret": c.ClientSecret, "password": c.Password,
	} {
		if len(secret) < 40 {
			t.Errorf("%s %q", name, secret)
			continue
		}
		for where, text := range map[string]string{"record": string(record), "log": log.String()} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("the %s of requests shows the %s: %s", where, name, text[max(0, i-200):i+60])
			}
		}
	}
}
