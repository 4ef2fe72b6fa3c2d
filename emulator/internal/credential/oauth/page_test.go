package oauth_test

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

// sent returns what a browser sends for every form of a page: the fields of the query of
// its action and of its inputs, with line breaks as browsers write them.
func sent(t *testing.T, page string) []url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var forms []url.Values
	for n := range root.Descendants() {
		switch n.Data {
		case "form":
			action, err := url.Parse(attribute(n, "action"))
			if err != nil || action.Path != "/oauth/authorize" || attribute(n, "method") != "post" {
				t.Fatalf("form %v, %v", n.Attr, err)
			}
			forms = append(forms, action.Query())
		case "input":
			value := strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n", "\r", "\r\n").Replace(attribute(n, "value"))
			forms[len(forms)-1].Add(attribute(n, "name"), value)
		case "script", "style", "link", "img", "iframe":
			t.Fatalf("the page has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if n.Type == html.ElementNode && (a.Key == "style" || strings.HasPrefix(a.Key, "on")) {
				t.Fatalf("<%s> has the attribute %s", n.Data, a.Key)
			}
		}
	}
	return forms
}

// attribute returns the value of an attribute.
func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestConsentPage(t *testing.T) {
	page := oauth.Consent{
		Application: "<b>Panel</b>", User: `Ann "A" & Sons`, Redirect: "https://c.example/cb", Action: "/oauth/authorize",
		Scopes:  []oauth.Field{{Name: "public", Value: "Read what is public"}},
		Request: []oauth.Field{{Name: "client_id", Value: "one"}, {Name: "state", Value: `"><script>`}, {Name: "scope"}},
	}.HTML()
	for _, want := range []string{"&lt;b&gt;Panel&lt;/b&gt;", "Ann &#34;A&#34; &amp; Sons", "<code>public</code>", "https://c.example/cb"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	forms := sent(t, page)
	if len(forms) != 2 {
		t.Fatalf("%d forms:\n%s", len(forms), page)
	}
	for i, method := range []string{"", "delete"} {
		f := forms[i]
		if f.Get("_method") != method || f.Get("client_id") != "one" || f.Get("state") != `"><script>` || f.Has("scope") {
			t.Errorf("form %d sends %q", i, f)
		}
	}
}

func TestOtherPages(t *testing.T) {
	if page := oauth.CodePage("a<b"); !strings.Contains(page, `<code id="authorization_code">a&lt;b</code>`) {
		t.Errorf("page of a code:\n%s", page)
	}
	page := oauth.ErrorPage(oauth.Missing("redirect_uri"))
	if !strings.Contains(page, "Missing required parameter: redirect_uri.") || !strings.Contains(page, "invalid_request") {
		t.Errorf("page of an error:\n%s", page)
	}
}

func TestContentSecurityPolicy(t *testing.T) {
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http: https:"} {
		if !strings.Contains(oauth.ContentSecurityPolicy, want) {
			t.Errorf("the policy lacks %q", want)
		}
	}
}

// The forms repeat the parameters of the request byte for byte, and no value gets out of
// its place in the page.
func FuzzConsentPage(f *testing.F) {
	f.Add("Panel", "state", "st\r\nate")
	f.Add("</p><form action=x>", "a'\"b", "\x00\xff\"><input name=state value=2>")
	f.Fuzz(func(t *testing.T, application, user, state string) {
		page := oauth.Consent{
			Application: application, User: user, Redirect: state, Action: "/oauth/authorize",
			Scopes:  []oauth.Field{{Name: "public", Value: user}},
			Request: []oauth.Field{{Name: "state", Value: state}},
		}.HTML()
		if !utf8.ValidString(page) {
			t.Fatal("the page is not UTF-8")
		}
		forms := sent(t, page)
		if len(forms) != 2 || forms[0].Get("state") != state || forms[1].Get("state") != state || len(forms[1]["_method"]) != 1 {
			t.Fatalf("the forms send %q, want the state %q", forms, state)
		}
		for z := html.NewTokenizer(strings.NewReader(page)); ; {
			if z.Next() == html.ErrorToken {
				if !errors.Is(z.Err(), io.EOF) {
					t.Fatal(z.Err())
				}
				break
			}
		}
	})
}
