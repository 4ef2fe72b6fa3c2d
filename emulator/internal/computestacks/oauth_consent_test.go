package computestacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

// TestCodeGrant covers C23: the order parameters, client, grant; a code is of one client and
// one redirect URI, works once and lives ten minutes.
func TestCodeGrant(t *testing.T) {
	r := newRig(t)
	p, other := r.newApp(true, ""), r.newApp(true, "")
	code := p.code("scope", "public project_read")
	exchange := func(of app, code, uri string) response {
		return of.tokenFor("grant_type", "authorization_code", "code", code, "redirect_uri", uri)
	}
	r.form("/api/oauth/token", "grant_type", "authorization_code", "redirect_uri", callback).denied(400, oauth.Missing("code"))
	r.form("/api/oauth/token", "grant_type", "authorization_code", "code", code).denied(400, oauth.Missing("redirect_uri"))
	r.form("/api/oauth/token", "grant_type", "authorization_code", "code", "x", "redirect_uri", callback).deniedBy(oauth.InvalidClient)
	exchange(p, "x", callback).deniedBy(oauth.InvalidGrant)
	exchange(other, code, callback).deniedBy(oauth.InvalidGrant)
	exchange(p, code, callback+"?a=1").deniedBy(oauth.InvalidGrant)
	a := exchange(p, code, callback).wants(200)
	if !opaque.MatchString(code) || !opaque.MatchString(a.text("refresh_token")) || a.text("scope") != "public project_read" {
		t.Errorf("token %s", a.Body)
	}
	exchange(p, code, callback).deniedBy(oauth.InvalidGrant)
	r.bearer(a).works(t, true)
	r.bearer(a).get("/api/projects").wants(200)
	r.bearer(a).get("/api/users").wants(http.StatusForbidden)

	late, last := p.code("scope", "dns_read"), p.code("scope", "dns_read")
	r.advance(10*time.Minute - time.Second)
	exchange(p, last, callback).wants(200)
	r.advance(time.Second)
	exchange(p, late, callback).deniedBy(oauth.InvalidGrant)
}

// TestPKCE covers C24.
func TestPKCE(t *testing.T) {
	r := newRig(t)
	p := r.newApp(false, "")
	verifier := strings.Repeat("v", 43)
	for method, challenge := range map[string]string{"S256": oauth.S256(verifier), "plain": verifier} {
		code := p.code("code_challenge", challenge, "code_challenge_method", method)
		exchange := func(verifier string) response {
			return r.form("/api/oauth/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "client_id", p.id, "code_verifier", verifier)
		}
		exchange("").denied(400, oauth.Missing("code_verifier"))
		exchange(verifier + "x").deniedBy(oauth.InvalidGrant)
		exchange(verifier).wants(200)
	}
	p.tokenFor("grant_type", "authorization_code", "code", p.code(), "redirect_uri", callback, "code_verifier", verifier).deniedBy(oauth.InvalidGrant)
	for _, method := range []string{"", "s256", "S512"} {
		a := p.get(p.authorizePath("code_challenge", verifier, "code_challenge_method", method)).wants(http.StatusFound)
		if a.sentBack().Get("error") != "invalid_request" {
			t.Errorf("method %q: %s", method, a.Header.Get("Location"))
		}
	}
}

// TestAuthorizationErrors covers C29: an error page as long as the redirect URI cannot be
// trusted, a redirect with the error and the state otherwise.
func TestAuthorizationErrors(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "public project_read", callback, "http://127.0.0.1:1/callback")
	const state = "a +%41\r\n\x00\u00fc&=#\"<"
	for _, send := range []func(path string) response{
		func(path string) response { return r.as("").get(path) },
		func(path string) response { return r.as("").post(path, nil) },
		func(path string) response { return r.as("").delete(path) },
	} {
		for name, tc := range map[string]struct {
			fields []string
			status int
		}{
			"no client":           {[]string{"client_id", ""}, 401},
			"an unknown client":   {[]string{"client_id", "x"}, 401},
			"no redirect URI":     {[]string{"redirect_uri", ""}, 400},
			"a relative one":      {[]string{"redirect_uri", "/callback"}, 400},
			"one with a fragment": {[]string{"redirect_uri", callback + "#x"}, 400},
			"an unknown one":      {[]string{"redirect_uri", callback + "2"}, 400},
			"one out of band":     {[]string{"redirect_uri", oauth.OutOfBand}, 400},
		} {
			a := send(p.authorizePath(append(tc.fields, "scope", "unknown")...))
			if a.Status != tc.status || a.Header.Get("Location") != "" || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s: %d %v", name, a.Status, a.Header)
			}
		}
		for name, tc := range map[string]struct {
			fields []string
			want   string
		}{
			"no response type":    {[]string{"response_type", ""}, "invalid_request"},
			"an implicit grant":   {[]string{"response_type", "token"}, "unsupported_response_type"},
			"an unknown scope":    {[]string{"scope", "admin_read"}, "invalid_scope"},
			"a scope not held":    {[]string{"scope", "dns_read"}, "invalid_scope"},
			"a scope with a tab":  {[]string{"scope", "public\tproject_read"}, "invalid_scope"},
			"no challenge method": {[]string{"code_challenge", "x"}, "invalid_request"},
		} {
			a := send(p.authorizePath(append(tc.fields, "state", state)...)).wants(http.StatusFound)
			q := a.sentBack()
			if q.Get("error") != tc.want || q.Get("state") != state || q.Has("code") || !strings.HasPrefix(a.Header.Get("Location"), callback+"?") {
				t.Errorf("%s: %s", name, a.Header.Get("Location"))
			}
		}
	}
	if a := p.get(p.authorizePath("scope", "unknown")).wants(302); a.sentBack().Has("state") {
		t.Errorf("a state that was not sent: %s", a.Header.Get("Location"))
	}
}

// pageForm is a form of a page as a browser submits it.
type pageForm struct {
	action string
	fields url.Values
}

// forms returns the forms of a page.
func forms(t *testing.T, page string) (all []pageForm) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		at := map[string]string{}
		for _, a := range n.Attr {
			at[a.Key] = a.Val
		}
		switch n.Data {
		case "form":
			all = append(all, pageForm{at["action"], url.Values{}})
		case "input":
			all[len(all)-1].fields.Set(at["name"], strings.ReplaceAll(at["value"], "\n", "\r\n"))
		}
	}
	if len(all) != 2 {
		t.Fatalf("%d forms: %s", len(all), page)
	}
	return all
}

// submit sends a form.
func (r *rig) submit(f pageForm) response {
	r.t.Helper()
	return r.post(f.action, f.fields.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// TestConsent covers C30: the page, its two forms, who the user is, and when it is skipped.
func TestConsent(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "")
	second := r.user(2)
	for _, state := range []string{"xyz", "a\r\nb\n", "\x00\u00fc", `"><script>`} {
		a := second.get(p.authorizePath("scope", "public project_read", "state", state)).wants(200)
		if a.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(a.Body, "<script") {
			t.Fatalf("page %v %s", a.Header, a.Body)
		}
		both := forms(t, a.Body)
		approved := second.submit(both[0]).wants(302).sentBack()
		if !opaque.MatchString(approved.Get("code")) || approved.Get("state") != state || approved.Has("error") {
			t.Errorf("approved: %q", approved)
		}
		if denied := second.submit(both[1]).wants(302).sentBack(); denied.Get("error") != "access_denied" || denied.Get("state") != state || denied.Has("code") {
			t.Errorf("denied: %q", denied)
		}
	}
	if denied := r.as("").delete(p.authorizePath("state", "xyz")).wants(302).sentBack(); denied.Get("error") != "access_denied" || denied.Get("state") != "xyz" {
		t.Errorf("denied: %q", denied)
	}
	code := second.submit(forms(t, second.get(p.authorizePath("scope", "profile_read")).wants(200).Body)[0]).sentBack().Get("code")
	token := p.tokenFor("grant_type", "authorization_code", "code", code, "redirect_uri", callback).wants(200)
	if got := r.bearer(token).get("/api/users").wants(200).text("user.id"); got != "2" {
		t.Errorf("the token is of user %s", got)
	}
	again := p.authorizePath("scope", "profile_read", "state", "s")
	if q := second.get(again).wants(302).sentBack(); !q.Has("code") || q.Get("state") != "s" {
		t.Errorf("again: %q", q)
	}
	r.as("").get(again).wants(200)
	second.get(p.authorizePath("scope", "profile_read public")).wants(200)
	second.get(r.newApp(true, "").authorizePath("scope", "profile_read")).wants(200)
	r.as(basic("x", "y")).get(again).wants(401)
	r.bearer(token).get(again).wants(401)
	r.advance(2 * time.Hour)
	second.get(again).wants(200)
}

// TestRedirectURIs covers C31: what matches a registered URI, the placeholder, and clients
// that cannot receive a redirect.
func TestRedirectURIs(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "", "https://c.example/a", "https://c.example/b?x=1&y=2", "http://127.0.0.1/c", "https://c.example:2083/:token/d?e=:token", oauth.OutOfBand)
	for uri, status := range map[string]int{
		"https://c.example/a?any=1": 200, "https://c.example/b?y=2&x=1": 200, "https://c.example/b?x=1": 400, "http://127.0.0.1:53127/c": 200,
		"http://127.0.0.2/c": 400, "http://localhost/c": 400, "https://c.example/a/../a": 400,
	} {
		p.get(p.authorizePath("redirect_uri", uri)).wants(status)
	}
	const placeholder = "https://c.example:2083/:token/d?e=:token"
	page := p.get(p.authorizePath("redirect_uri", placeholder, "token_replace", "cpsess1", "state", "s")).wants(200)
	location := p.submit(forms(t, page.Body)[0]).wants(302).Header.Get("Location")
	code, _, _ := strings.Cut(strings.TrimPrefix(location, "https://c.example:2083/cpsess1/d?e=:token&code="), "&")
	if !opaque.MatchString(code) {
		t.Fatalf("placeholder: %s", location)
	}
	p.tokenFor("grant_type", "authorization_code", "code", code, "redirect_uri", "https://c.example:2083/cpsess1/d?e=:token").deniedBy(oauth.InvalidGrant)
	p.tokenFor("grant_type", "authorization_code", "code", code, "redirect_uri", placeholder).wants(200)

	native := p.post(p.authorizePath("redirect_uri", oauth.OutOfBand, "scope", "dns_read"), nil).wants(302).Header.Get("Location")
	shown := p.as("").get(native).wants(200)
	_, rest, _ := strings.Cut(shown.Body, `<code id="authorization_code">`)
	code, _, _ = strings.Cut(rest, "<")
	p.tokenFor("grant_type", "authorization_code", "code", code, "redirect_uri", oauth.OutOfBand).wants(200)
	native = p.delete(p.authorizePath("redirect_uri", oauth.OutOfBand)).wants(302).Header.Get("Location")
	if a := p.as("").get(native).wants(400); !strings.Contains(a.Body, "access_denied") {
		t.Errorf("denied out of band: %s", a.Body)
	}
	for _, uri := range []string{"http://c.example/", "http://localhost/", "https://c.example/#a", "/a", "", "javascript:alert(1)"} {
		if _, _, err := r.a.NewApplication(r.w, "x", []string{uri}, nil, true); err == nil {
			t.Errorf("%q is registered", uri)
		}
	}
	if _, _, err := r.a.NewApplication(r.w, "x", []string{callback}, []string{"admin_read"}, true); err == nil {
		t.Error("an unknown scope is registered")
	}
}

// TestOAuthIsSaved covers C21: codes and tokens are a part of the state, which a snapshot
// keeps and a reset ends.
func TestOAuthIsSaved(t *testing.T) {
	r := newRig(t)
	p := r.newApp(true, "")
	pair, code := p.pair("public"), p.code("scope", "dns_read")
	before := r.w.Snapshot()
	r.bearer(pair).works(t, true)
	used := []string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}
	p.tokenFor(used...).wants(200)
	p.tokenFor(used...).deniedBy(oauth.InvalidGrant)
	if err := r.w.Restore(before); err != nil {
		t.Fatal(err)
	}
	p.tokenFor(used...).wants(200)
	r.bearer(pair).works(t, true)
}
