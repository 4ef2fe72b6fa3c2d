package computestacks

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzOAuth sends anything to the OAuth endpoints: a response is a success, a redirect to
// the registered URI, a page, or an error in the form of RFC 6749, never a 5xx (C22, C29).
func FuzzOAuth(f *testing.F) {
	for _, body := range []string{
		"grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fclient.example%2Fcallback", "grant_type=password&username=a&password=b&scope=public",
		"grant_type=client_credentials&scope=public+register", "grant_type=refresh_token&refresh_token=x", `{"grant_type":"client_credentials","scope":null}`,
		"client_id=ID&redirect_uri=https://client.example/callback?x=1&response_type=code&state=%00%0d", "token=x", `{"token":["x"]}`, "_method=delete&client_id=ID", "%", "a=1&a=2",
	} {
		for n := range 8 {
			f.Add(n, body, "", "Basic", n%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, n int, body, query, auth string, form bool) {
		r := newRig(t)
		p := r.newApp(false, "")
		body, query = strings.ReplaceAll(body, "ID", p.id), strings.ReplaceAll(query, "ID", p.id)
		requests := []string{
			"POST /api/oauth/token", "GET /api/oauth/authorize", "POST /api/oauth/authorize", "DELETE /api/oauth/authorize", "GET /api/oauth/authorize/native",
			"POST /api/oauth/revoke", "POST /api/oauth/introspect", "GET /api/oauth/token/info",
		}
		method, path, _ := strings.Cut(requests[max(0, n)%len(requests)], " ")
		if _, err := url.Parse("http://127.0.0.1" + path + "?" + query); err != nil || strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == '#' || r >= 0x7f }) {
			return // net/http does not pass it on
		}
		kind := "application/json"
		if form {
			kind = "application/x-www-form-urlencoded"
		}
		a := r.as(auth).send(method, path+"?"+query, body, "Content-Type", kind)
		switch {
		case a.Status == http.StatusOK:
		case a.Status == http.StatusFound:
			if to := a.Header.Get("Location"); !strings.HasPrefix(to, callback+"?") {
				t.Fatalf("redirect to %q", to)
			}
		case strings.HasPrefix(a.Header.Get("Content-Type"), "text/html"):
			if !slices.Contains([]int{400, 401}, a.Status) {
				t.Fatalf("page with the status %d", a.Status)
			}
		case a.text("error") == "<nil>" || a.text("error_description") == "<nil>" || a.at("errors") != nil:
			t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
	})
}
