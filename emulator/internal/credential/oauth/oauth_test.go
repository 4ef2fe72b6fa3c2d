package oauth_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/credential/oauth"
)

// The example of RFC 7636, appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestPKCE(t *testing.T) {
	if got := oauth.S256(verifier); got != challenge {
		t.Errorf("S256 is %q, want %q", got, challenge)
	}
	for _, tc := range []struct {
		name      string
		challenge oauth.Challenge
		valid     bool
		verifier  string
		verified  bool
	}{
		{"none", oauth.Challenge{}, true, "", true},
		{"a verifier for no challenge", oauth.Challenge{}, true, verifier, false},
		{"a method alone", oauth.Challenge{Method: "S512"}, true, "", true},
		{"S256", oauth.Challenge{Value: challenge, Method: "S256"}, true, verifier, true},
		{"S256 without a verifier", oauth.Challenge{Value: challenge, Method: "S256"}, true, "", false},
		{"S256 with the challenge as verifier", oauth.Challenge{Value: challenge, Method: "S256"}, true, challenge, false},
		{"plain", oauth.Challenge{Value: verifier, Method: "plain"}, true, verifier, true},
		{"plain with another verifier", oauth.Challenge{Value: verifier, Method: "plain"}, true, verifier + "x", false},
		{"no method", oauth.Challenge{Value: verifier}, false, verifier, false},
		{"a method in lower case", oauth.Challenge{Value: challenge, Method: "s256"}, false, verifier, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.challenge.Valid(); got != tc.valid {
				t.Errorf("valid is %t, want %t", got, tc.valid)
			}
			if got := tc.challenge.Verify(tc.verifier); got != tc.verified {
				t.Errorf("verified is %t, want %t", got, tc.verified)
			}
		})
	}
}

// vocabulary has names and other spellings such as those of the ComputeStacks API.
func vocabulary() oauth.Vocabulary {
	return oauth.Vocabulary{
		Names:   oauth.Scopes{"public", "project_read", "project_write", "profile_write"},
		Aliases: map[string]string{"projects_read": "project_read", "profile_update": "profile_write"},
	}
}

func TestScopes(t *testing.T) {
	for _, tc := range []struct{ list, want, err string }{
		{"", "", ""},
		{"   ", "", ""},
		{"public", "public", ""},
		{" project_write  public public ", "project_write public", ""},
		{"projects_read project_read profile_update", "project_read profile_write", ""},
		{"public admin_read", "", `unknown scope "admin_read"`},
		{"Public", "", `unknown scope "Public"`},
		{"public\tproject_read", "", `character '\t'`},
		{"public\n", "", `character '\n'`},
		{"public\r", "", `character '\r'`},
		{"public,project_read", "", "unknown scope"},
	} {
		got, err := vocabulary().Parse(tc.list)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q: error %v, want %q", tc.list, err, tc.err)
			}
			continue
		}
		if err != nil || got.String() != tc.want {
			t.Errorf("%q: %q, %v, want %q", tc.list, got, err, tc.want)
		}
	}
}

func TestSetsOfScopes(t *testing.T) {
	set := func(list string) oauth.Scopes { return strings.Fields(list) }
	for _, tc := range []struct {
		a, b, both    string
		within, equal bool
	}{
		{"", "", "", true, true},
		{"", "a", "", true, false},
		{"a", "", "", false, false},
		{"a b", "b a", "a b", true, true},
		{"b a", "a b c", "b a", true, false},
		{"a d", "a b c", "a", false, false},
	} {
		a, b := set(tc.a), set(tc.b)
		if got := a.Within(b); got != tc.within {
			t.Errorf("%q within %q is %t", tc.a, tc.b, got)
		}
		if got := a.Equal(b); got != tc.equal {
			t.Errorf("%q equal %q is %t", tc.a, tc.b, got)
		}
		if got := a.And(b).String(); got != tc.both {
			t.Errorf("%q and %q is %q, want %q", tc.a, tc.b, got, tc.both)
		}
	}
}

func TestClient(t *testing.T) {
	std := base64.StdEncoding.EncodeToString
	for _, tc := range []struct {
		name, header, id, secret string
		want                     oauth.Client
	}{
		{"nothing", "", "", "", oauth.Client{}},
		{"Basic", "Basic " + std([]byte("one:two")), "", "", oauth.Client{ID: "one", Secret: "two"}},
		{"another case", "bASIC  " + std([]byte("one:two")), "", "", oauth.Client{ID: "one", Secret: "two"}},
		{"with padding", "Basic " + std([]byte("o:tw")), "", "", oauth.Client{ID: "o", Secret: "tw"}},
		{"without padding", "Basic " + base64.RawStdEncoding.EncodeToString([]byte("o:tw")), "", "", oauth.Client{ID: "o", Secret: "tw"}},
		{"URL-safe", "Basic " + base64.URLEncoding.EncodeToString([]byte("o:\xff\xfe\xfd")), "", "", oauth.Client{ID: "o", Secret: "\xff\xfe\xfd"}},
		{"a colon in the secret", "Basic " + std([]byte("o:t:w")), "", "", oauth.Client{ID: "o", Secret: "t:w"}},
		{"no secret", "Basic " + std([]byte("one")), "", "", oauth.Client{ID: "one"}},
		{"header before parameters", "Basic " + std([]byte("one:two")), "three", "four", oauth.Client{ID: "one", Secret: "two"}},
		{"parameters", "", "three", "four", oauth.Client{ID: "three", Secret: "four"}},
		{"a secret alone", "", "", "four", oauth.Client{Secret: "four"}},
		{"Bearer", "Bearer abc", "three", "", oauth.Client{ID: "three"}},
		{"not base64", "Basic %%%", "three", "", oauth.Client{ID: "three"}},
		{"a scheme alone", "Basic", "three", "", oauth.Client{ID: "three"}},
		{"an empty name", "Basic " + std([]byte(":two")), "three", "", oauth.Client{ID: "three"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := oauth.ClientOf(tc.header, func(name string) string {
				return map[string]string{"client_id": tc.id, "client_secret": tc.secret}[name]
			})
			if got != tc.want || ok != (tc.want.ID != "") {
				t.Errorf("client %+v, %t, want %+v", got, ok, tc.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		err    oauth.Error
		status int
		text   string
	}{
		{oauth.Missing("code"), 400, "invalid_request: Missing required parameter: code."},
		{oauth.Refuse(oauth.InvalidRequest), 400, "invalid_request: The request is missing a required parameter"},
		{oauth.Refuse(oauth.InvalidClient), 401, "invalid_client: Client authentication failed due to unknown client"},
		{oauth.Refuse(oauth.InvalidGrant), 400, "invalid_grant: The provided authorization grant is invalid"},
		{oauth.Refuse(oauth.InvalidScope), 400, "invalid_scope: The requested scope is invalid"},
		{oauth.Refuse(oauth.UnauthorizedClient), 403, "unauthorized_client: The requested scope is invalid"},
		{oauth.Refuse(oauth.InvalidToken), 401, "invalid_token: The access token is invalid"},
		{oauth.Refuse(oauth.UnsupportedGrantType), 400, "unsupported_grant_type: The authorization grant type"},
		{oauth.Refuse(oauth.UnsupportedResponseType), 400, "unsupported_response_type: The authorization server does not"},
		{oauth.Refuse(oauth.AccessDenied), 400, "access_denied: The resource owner"},
	} {
		if got := tc.err.Status(); got != tc.status {
			t.Errorf("%s: status %d, want %d", tc.err.Code, got, tc.status)
		}
		if got := tc.err.Error(); !strings.HasPrefix(got, tc.text) {
			t.Errorf("error %q, want %q", got, tc.text)
		}
	}
	const want = `Bearer realm="Some", error="invalid_request", error_description="Missing required parameter: code."`
	if got := oauth.Missing("code").Challenge("Some"); got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
}
