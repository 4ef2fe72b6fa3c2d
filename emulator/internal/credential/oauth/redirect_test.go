package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

func TestValidateRedirect(t *testing.T) {
	for _, tc := range []struct{ uri, err string }{
		{"https://client.example/callback", ""},
		{"https://client.example", ""},
		{"https://client.example:8443/callback?a=1", ""},
		{"https://client.example:2083/:token/callback", ""},
		{"http://127.0.0.1/callback", ""},
		{"http://127.0.0.1:8000/callback", ""},
		{"http://[::1]:8000/callback", ""},
		{oauth.OutOfBand, ""},
		{"", "absolute"},
		{"/callback", "absolute"},
		{"//client.example/callback", "absolute"},
		{"https:", "absolute"},
		{"https:///callback", "absolute"},
		{"urn:ietf:wg:oauth:2.0:oob:auto", "absolute"},
		{"https://client.example/#top", "fragment"},
		{"https://client.example/#", "fragment"},
		{"http://client.example/callback", "loopback"},
		{"http://localhost/callback", "loopback"},
		{"http://10.0.0.1/callback", "loopback"},
		{"javascript://client.example/%0aalert(1)", "not https"},
		{"client://callback", "not https"},
		{"https://user@client.example/", "user name"},
		{"https://user:token@client.example/", "user name"},
		{"https://client.example:token/", "not a URI"},
		{"https://client.example/a b", "ASCII"},
		{"https://client.example/\r\nX: y", "ASCII"},
		{"https://client.example/ü", "ASCII"},
		{"https://client.example/%zz", "not a URI"},
	} {
		err := oauth.ValidateRedirect(tc.uri)
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%q: %v, want %q", tc.uri, err, tc.err)
		}
	}
}

func TestMatchRedirect(t *testing.T) {
	for _, tc := range []struct {
		registered, requested string
		want                  bool
	}{
		{"https://c.example/cb", "https://c.example/cb", true},
		{"https://c.example/cb", "HTTPS://C.Example/cb", true},
		{"https://c.example/cb", "https://c.example:443/cb", true},
		{"https://c.example", "https://c.example/", true},
		{"https://c.example/cb", "https://c.example/CB", false},
		{"https://c.example/cb", "https://c.example/cb/", false},
		{"https://c.example/cb", "https://c.example/cb/../cb", false},
		{"https://c.example/c%62", "https://c.example/cb", false},
		{"https://c.example/cb", "https://c.example.evil/cb", false},
		{"https://c.example/cb", "https://evil@c.example/cb", false},
		{"https://c.example/cb", "https://c.example:8443/cb", false},
		{"https://c.example/cb", "http://c.example/cb", false},
		{"https://c.example/cb", "https://c.example/cb#x", false},
		{"https://c.example/cb", "https://c.example/cb?any=1&other=2", true},
		{"https://c.example/cb?a=1&b=2", "https://c.example/cb?b=2&a=1", true},
		{"https://c.example/cb?a=1&b=2", "https://c.example/cb?a=1", false},
		{"https://c.example/cb?a=1", "https://c.example/cb?a=1&a=1", false},
		{"https://c.example/cb?a=1", "https://c.example/cb", false},
		{"https://c.example/:token/cb", "https://c.example/:token/cb", true},
		{"https://c.example/:token/cb", "https://c.example/abc/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:53127/cb", true},
		{"http://127.0.0.1:8000/cb", "http://127.0.0.1/cb", true},
		{"http://127.0.0.1:8000/cb", "http://127.0.0.2:8000/cb", false},
		{"http://127.0.0.1/cb", "http://[::1]/cb", false},
		{"http://[::1]/cb", "http://[::1]:4000/cb", true},
		{"http://127.0.0.1/cb", "https://127.0.0.1/cb", false},
		{oauth.OutOfBand, oauth.OutOfBand, true},
		{oauth.OutOfBand, "https://c.example/cb", false},
		{"https://c.example/cb", oauth.OutOfBand, false},
		{"https://c.example/cb", "", false},
		{"https://c.example/cb", "/cb", false},
		{"", "", false},
	} {
		if got := oauth.MatchRedirect(tc.registered, tc.requested); got != tc.want {
			t.Errorf("%q for %q is %t", tc.requested, tc.registered, got)
		}
	}
}

func TestFillPlaceholder(t *testing.T) {
	for _, tc := range []struct{ uri, value, want string }{
		{"https://c.example:2083/:token/cb", "cpsess1", "https://c.example:2083/cpsess1/cb"},
		{"https://c.example/:token/cb?x=:token", "cpsess1", "https://c.example/cpsess1/cb?x=:token"},
		{"https://c.example/:token/cb?", "a", "https://c.example/a/cb?"},
		{"https://c.example/:token/:token", "a", "https://c.example/a/a"},
		{"https://c.example/:token/cb", "", "https://c.example/:token/cb"},
		{"https://c.example/:token/cb", "a/../b?c#d\r\n", "https://c.example/a%2F..%2Fb%3Fc%23d%0D%0A/cb"},
		{"https://c.example/cb", "a", "https://c.example/cb"},
	} {
		if got := oauth.FillPlaceholder(tc.uri, tc.value); got != tc.want {
			t.Errorf("%q with %q is %q, want %q", tc.uri, tc.value, got, tc.want)
		}
	}
}

func TestRedirect(t *testing.T) {
	for _, tc := range []struct{ uri, code, state, want string }{
		{"https://c.example/cb", "abc", "xyz", "https://c.example/cb?code=abc&state=xyz"},
		{"https://c.example/cb", "abc", "", "https://c.example/cb?code=abc"},
		{"https://c.example/cb?", "abc", "", "https://c.example/cb?code=abc"},
		{"https://c.example/cb?a=%7e&b", "abc", "x", "https://c.example/cb?a=%7e&b&code=abc&state=x"},
		{"https://c.example/cb?state=mine&%63ode=1&a=1", "abc", "", "https://c.example/cb?a=1&code=abc"},
		{"https://c.example/cb?state=mine", "", "", "https://c.example/cb"},
		{"https://c.example/cb", "abc", "a+b &=\r\n\xff%41ü", "https://c.example/cb?code=abc&state=a%2Bb+%26%3D%0D%0A%FF%2541%C3%BC"},
	} {
		got := oauth.Redirect(tc.uri, oauth.Field{Name: "code", Value: tc.code}, oauth.Field{Name: "state", Value: tc.state})
		if got != tc.want {
			t.Errorf("%q is %q, want %q", tc.uri, got, tc.want)
		}
	}
}

// What is registered matches itself, and the address of the redirect has the code and the
// state byte for byte on the same host.
func FuzzRedirect(f *testing.F) {
	f.Add("https://c.example/:token/cb?a=1&state=2", "cpsess1", "st\r\nate")
	f.Add("http://127.0.0.1:8000", "../..", "&code=2#x")
	f.Add("https://c.example?", "@evil.example", "\x00\xff")
	f.Fuzz(func(t *testing.T, uri, token, state string) {
		if oauth.ValidateRedirect(uri) != nil || uri == oauth.OutOfBand {
			return
		}
		if !oauth.MatchRedirect(uri, uri) {
			t.Fatalf("%q does not match itself", uri)
		}
		location := oauth.Redirect(oauth.FillPlaceholder(uri, token),
			oauth.Field{Name: "code", Value: "abc"}, oauth.Field{Name: "state", Value: state})
		before, _ := url.Parse(uri)
		after, err := url.Parse(location)
		if err != nil || after.Host != before.Host || after.Scheme != before.Scheme || strings.ContainsAny(location, "# \r\n") {
			t.Fatalf("%q becomes %q, %v", uri, location, err)
		}
		query := after.Query()
		if len(query["code"]) != 1 || query.Get("code") != "abc" || query.Get("state") != state {
			t.Fatalf("%q has the query %q", location, query)
		}
	})
}

// A URI that matches a registered one leads to the same host by the same scheme.
func FuzzMatchRedirect(f *testing.F) {
	f.Add("https://c.example/cb", "https://c.example:443/cb?x")
	f.Add("http://127.0.0.1/cb", "http://127.0.0.1:1/cb")
	f.Fuzz(func(t *testing.T, registered, requested string) {
		if oauth.ValidateRedirect(registered) != nil || !oauth.MatchRedirect(registered, requested) || registered == oauth.OutOfBand {
			return
		}
		if err := oauth.ValidateRedirect(requested); err != nil {
			t.Fatalf("%q matches %q: %v", requested, registered, err)
		}
		want, _ := url.Parse(registered)
		got, _ := url.Parse(requested)
		if !strings.EqualFold(want.Hostname(), got.Hostname()) || want.Scheme != got.Scheme {
			t.Fatalf("%q matches %q", requested, registered)
		}
	})
}

func FuzzScopes(f *testing.F) {
	f.Add("public  projects_read")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, list string) {
		scopes, err := vocabulary().Parse(list)
		if err != nil {
			return
		}
		again, err := vocabulary().Parse(scopes.String())
		if err != nil || !again.Equal(scopes) || !scopes.Within(vocabulary().Names) {
			t.Fatalf("%q is %q, read again %q, %v", list, scopes, again, err)
		}
	})
}

func FuzzBasic(f *testing.F) {
	f.Add("basic Zm9vOmJhcg")
	f.Add("Basic  =")
	f.Fuzz(func(t *testing.T, header string) {
		if c, ok := oauth.Basic(header); strings.Contains(c.ID, ":") || !ok && c != (oauth.Client{}) {
			t.Fatalf("%q is %+v, %t", header, c, ok)
		}
	})
}
