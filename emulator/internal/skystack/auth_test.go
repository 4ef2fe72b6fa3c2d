package skystack_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/fixtures"
)

// route is an operation of the contract, with ids of the default fixture in its
// path.
type route struct {
	id, method, path, scope string
	public, body            bool
}

func (r route) String() string { return r.method + " " + r.path }

// routes lists every operation of the contract.
func routes(t testing.TB) []route {
	t.Helper()
	root, err := wire.Root()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []route
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			r := route{id: op.OperationID, method: method, path: path}
			r.scope, _ = op.Extensions["x-scope"].(string)
			r.body = op.RequestBody != nil
			r.public = op.Security != nil && len(*op.Security) == 0
			for at, id := range map[string]string{
				"instances/{id}": "instances/ins_web01", "projects/{id}": "projects/prj_data", "actions/{id}": "actions/act_none",
				"events/{id}":    "events/evt_none",
				"regions/{slug}": "regions/us-east-1", "profiles/{slug}": "profiles/standard-1", "sizes/{slug}": "sizes/standard-1",
				"images/{slug}": "images/ubuntu-24.04", "autoscale-policies/{id}": "autoscale-policies/asp_none",
				"jobs/{id}": "jobs/job_none", "runs/{run}": "runs/run_none",
			} {
				r.path = strings.Replace(r.path, at, id, 1)
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b route) int { return strings.Compare(a.String(), b.String()) })
	return out
}

const challenge = `Bearer realm="skystack"`

// refusedWith is the challenge that goes with a refused token.
func refusedWith(t *testing.T, r *wire.Reply, code string) {
	t.Helper()
	r.Refused(401, code)
	want := challenge + `, error="invalid_token", error_description="`
	if got := r.Head.Get("WWW-Authenticate"); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `"`) || strings.Count(got, `"`) != 6 {
		t.Errorf("%s: WWW-Authenticate: %s, want %s…", r.What, got, want)
	}
}

// Every route asks for a token but the six that say what this is; S20 and, for
// the instances, S44.
func TestEveryRouteWithoutAToken(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start().As("")
		var public []string
		for _, r := range routes(t) {
			reply := s.Send(r.method, r.path, "")
			if r.public {
				public = append(public, r.path)
				reply.Wants(200)
				continue
			}
			reply.Refused(401, "authentication_required").Header("WWW-Authenticate", challenge).Lacks("error.details")
		}
		want := []string{"/healthz", "/openapi.json", "/openapi.yaml", "/readyz", "/v1/version", "/version"}
		if !slices.Equal(public, want) {
			t.Errorf("without a token: %v, want %v", public, want)
		}
		s.Send(http.MethodOptions, "/v1/instances", "", "Origin", "https://app.test", "Access-Control-Request-Method", "GET").Wants(204)
	})
}

// An unprotected endpoint does not look at the token it was sent (S20).
func TestPublicRoutesIgnoreTokens(t *testing.T) {
	s := wire.Start(t)
	for _, token := range []string{"sky_live_abc", "unknown", "sky_test_short"} {
		s.As(token).Get("/healthz").Wants(200)
	}
}

// The spellings of the header that count, and those that do not (S19, S30).
func TestSpellingsOfAuthorization(t *testing.T) {
	const key = fixtures.DefaultKey
	for _, tc := range []struct {
		name    string
		lines   []string // header names and values
		ok      bool
		lenient bool   // accepted by WithLenientBearer
		says    string // part of the message
	}{
		{"as printed", []string{"Authorization", "Bearer " + key}, true, true, ""},
		{"header in lower case", []string{"authorization", "Bearer " + key}, true, true, ""},
		{"scheme in lower case", []string{"Authorization", "bearer " + key}, true, true, ""},
		{"scheme in upper case", []string{"Authorization", "BEARER " + key}, true, true, ""},
		{"space at the end, which nobody sees", []string{"Authorization", "Bearer " + key + "  "}, true, true, ""},
		{"space at the start, which nobody sees", []string{"Authorization", " Bearer " + key}, true, true, ""},
		{"two spaces", []string{"Authorization", "Bearer  " + key}, false, true, "single space"},
		{"four spaces", []string{"Authorization", "Bearer    " + key}, false, true, "single space"},
		{"a tab", []string{"Authorization", "Bearer\t" + key}, false, false, "single space"},
		{"a space and a tab", []string{"Authorization", "Bearer \t" + key}, false, false, "single space"},
		{"no space", []string{"Authorization", "Bearer" + key}, false, false, "single space"},
		{"a comma after it", []string{"Authorization", "Bearer " + key + ","}, false, false, "commas"},
		{"two tokens by comma", []string{"Authorization", "Bearer " + key + ",Bearer"}, false, false, "commas"},
		{"double quotes", []string{"Authorization", `Bearer "` + key + `"`}, false, false, "quotes"},
		{"single quotes", []string{"Authorization", "Bearer '" + key + "'"}, false, false, "quotes"},
		{"two tokens by space", []string{"Authorization", "Bearer " + key + " " + key}, false, false, "nothing else"},
		{"no token", []string{"Authorization", "Bearer"}, false, false, "no token"},
		{"no token but a space", []string{"Authorization", "Bearer "}, false, false, "no token"},
		{"no scheme", []string{"Authorization", key}, false, false, "scheme Bearer"},
		{"empty", []string{"Authorization", ""}, false, false, "scheme Bearer"},
		{"Basic", []string{"Authorization", "Basic " + key}, false, false, "scheme Bearer"},
		{"Token", []string{"Authorization", "Token " + key}, false, false, "scheme Bearer"},
		{"a colon", []string{"Authorization", "Bearer: " + key}, false, false, "scheme Bearer"},
		{"two lines", []string{"Authorization", "Bearer " + key, "Authorization", "Bearer " + key}, false, false, "once"},
		{"two lines that differ", []string{"Authorization", "Bearer " + key, "Authorization", "Basic x"}, false, false, "once"},
		{"cut short", []string{"Authorization", "Bearer " + key[:44]}, false, false, "checksum"},
		{"a character changed", []string{"Authorization", "Bearer " + key[:20] + "_" + key[21:]}, false, false, "checksum"},
		{"in the wrong case", []string{"Authorization", "Bearer " + strings.ToUpper(key)}, false, false, "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
				for s, ok := range map[*wire.Server]bool{start(): tc.ok, start(emulator.WithLenientBearer()): tc.lenient} {
					reply := s.Get("/v1/projects", tc.lines...)
					if ok {
						reply.Wants(200)
						continue
					}
					refusedWith(t, reply, "invalid_token")
					if message := reply.Text("error.message"); !strings.Contains(message, tc.says) || strings.Contains(message, key) {
						t.Errorf("message %q, want %q in it and no token", message, tc.says)
					}
				}
			})
		})
	}
}

// Neither cookies nor the query carry a token, and the 401 says so (S28).
func TestTokensInOtherPlaces(t *testing.T) {
	s := wire.Start(t).As("")
	for name, tc := range map[string]struct {
		reply *wire.Reply
		says  string
	}{
		"query":  {s.Get("/v1/instances?access_token=" + s.Key()), "query is not read"},
		"cookie": {s.Get("/v1/instances", "Cookie", "access_token="+s.Key()), "Cookies are not read"},
		"header": {s.Get("/v1/instances", "X-Api-Key", s.Key()), "Authorization: Bearer"},
		"body":   {s.Post("/v1/instances", `{"access_token":"`+s.Key()+`"}`), "Authorization: Bearer"},
	} {
		t.Run(name, func(t *testing.T) {
			message := tc.reply.Refused(401, "authentication_required").Header("WWW-Authenticate", challenge).Header("Set-Cookie", "").Text("error.message")
			if !strings.Contains(message, tc.says) || strings.Contains(message, s.Key()) {
				t.Errorf("message %q, want %q in it", message, tc.says)
			}
		})
	}
}

// The causes of a 401, each by its own code (S38, S74), on the world's clock.
func TestCausesOf401(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		at := testTime()
		hour := at.Add(time.Hour)
		s := start(emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: at}),
			emulator.WithKey(emulator.Key{Token: "k-expiring", ExpiresAt: &hour}),
			emulator.WithKey(emulator.Key{Token: "k-expired", ExpiresAt: &at}),
			emulator.WithKey(emulator.Key{Token: "k-revoked", RevokedAt: &at}),
			emulator.WithKey(emulator.Key{Token: "k-both", RevokedAt: &at, ExpiresAt: &at}),
			emulator.WithKey(emulator.Key{Token: "k-later", RevokedAt: &hour}))
		s.As("").Get("/v1/projects").Refused(401, "authentication_required").Header("WWW-Authenticate", challenge)
		for token, code := range map[string]string{
			"never-heard-of": "invalid_token", "sky_test_0000000000000000000000000000001vWQpU": "invalid_token",
			"sky_test_0000000000000000000000000000001vWQpT": "invalid_token", // well formed, never issued
			"k-expired": "token_expired", "k-revoked": "token_revoked", "k-both": "token_revoked",
			"sky_live_0000000000000000000000000000002LWGSy": "live_key_in_sandbox",
			"sk_live_4242": "live_key_in_sandbox", "rk_live_4242": "live_key_in_sandbox", "pk_live_4242": "live_key_in_sandbox",
			"SKY_LIVE_4242": "live_key_in_sandbox", "Sk_Live_": "live_key_in_sandbox",
		} {
			reply := s.As(token).Get("/v1/projects")
			refusedWith(t, reply, code)
			if strings.Contains(strings.ToLower(string(reply.Body)+reply.Head.Get("WWW-Authenticate")), strings.ToLower(token)) {
				t.Errorf("the answer repeats a production key: %s", reply.Body)
			}
		}
		if message := s.As("sk_live_x").Get("/v1/projects").Text("error.message"); !strings.Contains(message, "exposed") {
			t.Errorf("message %q does not say that the key was exposed", message)
		}
		s.As("k-expiring").Get("/v1/projects").Wants(200)
		s.As("k-later").Get("/v1/projects").Wants(200)
		if err := s.Advance(time.Hour - time.Second); err != nil {
			t.Fatal(err)
		}
		s.As("k-expiring").Get("/v1/projects").Wants(200)
		if err := s.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, s.As("k-expiring").Get("/v1/projects"), "token_expired")
		refusedWith(t, s.As("k-later").Get("/v1/projects"), "token_revoked")
	})
}

// A production key cannot be made known either (S74).
func TestProductionKeysAreNotTaken(t *testing.T) {
	for _, key := range []string{"sky_live_0000000000000000000000000000002LWGSy", "sk_live_1", "rk_live_1", "pk_live_1", "PK_LIVE_1"} {
		e, err := emulator.New(emulator.WithKey(emulator.Key{Token: key}))
		if err == nil {
			_ = e.Close()
			t.Errorf("%s was taken", key)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("the refusal repeats the key: %v", err)
		}
	}
	s := wire.Start(t, emulator.WithAnyToken())
	s.As("sk_live_anything").Get("/v1/projects").Refused(401, "live_key_in_sandbox")
	s.As("anything else").Get("/v1/projects").Refused(401, "invalid_token")
	s.As("anything").Get("/v1/projects").Wants(200)
}

// For a week before it expires, a key says so (S36).
func TestExpiryIsAnnounced(t *testing.T) {
	at := testTime()
	week := at.Add(7 * 24 * time.Hour)
	s := wire.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: at}),
		emulator.WithKey(emulator.Key{Token: "expiring", ExpiresAt: &week}), emulator.WithKey(emulator.Key{Token: "lasting"}))
	s.As("expiring").Get("/v1/projects").Wants(200).Header("SkyStack-Token-Expires", "")
	if err := s.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	s.As("expiring").Get("/v1/projects").Wants(200).Header("SkyStack-Token-Expires", "2026-03-26T10:22:44Z")
	s.As("expiring").Get("/v1/instances/nothing").Wants(404).Header("SkyStack-Token-Expires", "2026-03-26T10:22:44Z")
	s.As("lasting").Get("/v1/projects").Wants(200).Header("SkyStack-Token-Expires", "")
}
