package skystack_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/secret"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// S22, S24, S36: a token is made, its secret is shown in that response only, and it
// works; what is known of it is shown afterwards.
func TestTokenIsMadeOnceShownS22(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		made := s.Post("/v1/tokens", `{"name":"deploy","scopes":["instances:write","catalog:read","catalog:read"],"environment":"staging","owner":"ada",
			"expires_at":"2026-09-01T02:00:00.5+02:00","api_version":"2026-10-01","project_id":"prj_default"}`).Wants(201)
		id, key := made.Text("id"), made.Text("secret")
		if !secret.WellFormed(secret.Key, key) || !regexp.MustCompile(`^tok_[0-9A-Za-z]+$`).MatchString(id) {
			t.Errorf("id %s, secret %s", id, key)
		}
		made.Header("Location", "/v1/tokens/"+id).Header("Cache-Control", "no-store").Header("ETag", "")
		last4 := key[len(key)-4:]
		check := func(path, at string) {
			t.Helper()
			r := s.Get(path).Wants(200)
			for name, want := range map[string]any{
				"id": id, "name": "deploy", "prefix": "sky_test_", "last4": last4, "status": "active", "scopes": []any{"instances:write", "catalog:read"},
				"environment": "staging", "owner": "ada", "project_id": "prj_default", "api_version": "2026-10-01", "created_at": "2026-03-19T12:00:00Z",
				"created_by": "tok_default", "expires_at": "2026-09-01T00:00:00Z", "last_used_at": nil, "last_used_ip": nil,
				"revoked_at": nil, "rotated_from": nil, "replaced_by": nil,
			} {
				r.Has(at+name, want)
			}
			r.Lacks(at + "secret")
			if strings.Contains(string(r.Body), key) {
				t.Errorf("%s shows the secret", path)
			}
		}
		check("/v1/tokens/"+id, "")
		check("/v1/tokens", "data.1.")
		advance(t, s, time.Minute)
		s.As(key).Get("/v1/regions").Wants(200).Header("SkyStack-Version", "2026-10-01")
		s.As(key).Get("/v1/projects").Refused(403, "insufficient_scope").Header("X-SkyStack-Scopes", "instances:write catalog:read")
		s.Get("/v1/tokens/"+id).Wants(200).Has("last_used_at", "2026-03-19T12:01:00Z").Has("last_used_ip", "127.0.0.1")
		s.Get("/v1/tokens/tok_default").Wants(200).Has("created_by", "configuration").Has("last4", emulator.DefaultKey[len(emulator.DefaultKey)-4:])

		advance(t, s, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC).Sub(s.Now()))
		s.As(key).Get("/v1/regions").Refused(401, "token_expired")
		s.Get("/v1/tokens/"+id).Wants(200).Has("status", "expired")
		s.Post("/v1/tokens/"+id+"/rotate", "").Refused(409, "invalid_state")
	})
}

// A token that the sandbox did not make shows nothing of its secret (S24, S36).
func TestImportedTokenS24(t *testing.T) {
	s := wire.Start(t, emulator.WithKey(emulator.Key{Token: "abcd", ID: "tok_mine"}))
	s.As("abcd").Get("/v1/tokens/tok_mine").Wants(200).Has("prefix", nil).Has("last4", nil).Has("scopes", []any{"*"})
}

// S25: tokens are listed by environment and status, by page and by cursor, in the
// order in which they were made; those of another workspace are not there (S23).
func TestTokensAreListedS25(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "theirs", Workspace: "wsp_other"})).As("mine")
	var ids []string
	for n := range 7 {
		r := s.Post("/v1/tokens", fmt.Sprintf(`{"name":"n%d","environment":"%s","expires_at":"2026-03-19T1%d:00:00Z"}`, n, []string{"dev", "prod"}[n%2], 3+n)).Wants(201)
		ids = append(ids, r.Text("id"))
	}
	foreign := s.As("theirs").Post("/v1/tokens", `{"name":"n"}`).Wants(201).Text("id")
	s.Delete("/v1/tokens/" + ids[6]).Wants(204)
	advance(t, s, 2*time.Hour) // the first two expire at 13:00 and 14:00
	for query, want := range map[string][]string{
		"environment=dev":                  {ids[0], ids[2], ids[4], ids[6]},
		"environment=none":                 {},
		"status=expired":                   {ids[0], ids[1]},
		"status=revoked":                   {ids[6]},
		"status=active&environment=dev":    {ids[2], ids[4]},
		"status=active&page=2&limit=3":     {ids[3], ids[4], ids[5]},
		"environment=prod&limit=2&page=99": {},
	} {
		got := s.Get("/v1/tokens?"+query).Wants(200).Strings("data", "id")
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	var walked []string
	for cursor := ""; ; {
		r := s.Get("/v1/tokens?status=active&limit=2&cursor="+cursor, "SkyStack-Version", "2026-10-01")
		if cursor == "" {
			r = s.Get("/v1/tokens?status=active&limit=2", "SkyStack-Version", "2026-10-01")
		}
		walked = append(walked, r.Wants(200).Strings("data", "id")...)
		next, _ := r.Find("next_cursor")
		if next == nil {
			break
		}
		cursor, _ = next.(string)
	}
	if len(walked) != 6 || !slices.Equal(walked[2:], ids[2:6]) {
		t.Errorf("walked %v", walked)
	}
	s.Get("/v1/tokens?status=live").Refused(400, "invalid_parameter")
	for _, path := range []string{"/v1/tokens/" + foreign, "/v1/tokens/" + ids[0] + "x", "/v1/tokens/mine"} {
		s.Get(path).Refused(404, "token_not_found")
		s.Delete(path).Refused(404, "token_not_found")
		s.Post(path+"/rotate", "").Refused(404, "token_not_found")
	}
}

// All violations of a new token at once: 400, and nothing is made (S26, S50).
func TestTokenViolations(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	r := s.Post("/v1/tokens", `{"name":"","scopes":["instances:read","instance:read"],"expires_at":"2026-03-19T12:00:00.9Z","api_version":"2026-01-16","project_id":"prj_x","owner":7}`)
	r.Refused(400, "invalid_parameter")
	var got []string
	for i := range 6 {
		got = append(got, r.Text(fmt.Sprintf("error.details.%d.field", i))+" "+r.Text(fmt.Sprintf("error.details.%d.code", i)))
	}
	slices.Sort(got)
	want := []string{"api_version unknown_value", "expires_at out_of_range", "name out_of_range", "owner invalid_type", "project_id unknown_value", "scopes[1] unknown_value"}
	if len(got) != len(want) || !strings.Contains(string(r.Body), "instances:delete, projects:read") {
		t.Errorf("got %v\n%s", got, r.Body)
	}
	for i := range want {
		if strings.Fields(got[i])[0] != strings.Fields(want[i])[0] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	for _, body := range []string{`{"name":"n","scopes":[]}`, `{"name":"n","expires_at":"tomorrow"}`, `{"name":"n","expires_at":"2026-04-31T00:00:00Z"}`,
		`{"name":"n","expires_at":"2026-06-30T23:59:60Z"}`, `{"name":"n","expires_at":"2026-06-30T00:00:00+25:00"}`, `{}`, `{"name":"n","expires_at":"0001-01-01T00:00:00Z"}`} {
		s.Post("/v1/tokens", body).Refused(400, "invalid_parameter")
	}
	for _, body := range []string{`{"overlap_seconds":-1}`, `{"overlap_seconds":"1"}`, `{"overlap_seconds":31536001}`, `{"expires_at":"2026-03-19T11:00:00Z"}`} {
		s.Post("/v1/tokens/tok_default/rotate", body).Refused(400, "invalid_parameter")
	}
	s.Get("/v1/tokens").Wants(200).Has("pagination.total", 1)
	s.Post("/v1/tokens", `{"name":"n","scopes":null,"environment":null,"owner":null,"expires_at":null,"api_version":null,"project_id":null}`).Wants(201).
		Has("scopes", []any{"*"}).Has("expires_at", nil).Has("project_id", nil)
	s.Post("/v1/tokens", `{"name":"for ever","expires_at":"9999-12-31T23:59:59Z"}`).Wants(201).Has("expires_at", "9999-12-31T23:59:59Z")
}

// S26: no key can make a token with more rights than its own, by creating or by
// rotating; write includes read.
func TestTokensGiveNoMoreThanTheyHaveS26(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"),
		emulator.WithKey(emulator.Key{Token: "root", ID: "tok_root"}),
		emulator.WithKey(emulator.Key{Token: "some", ID: "tok_some", Scopes: []string{"tokens:write", "instances:write"}}),
		emulator.WithKey(emulator.Key{Token: "bound", ID: "tok_bound", Project: "prj_default"}))
	some := s.As("some")
	for scopes, missing := range map[string][]any{
		`"*"`:              {"*"},
		`"instances:read"`: nil,
		`"instances:write","tokens:read","tokens:write"`:               nil,
		`"instances:delete","jobs:read","instances:read","audit:read"`: {"instances:delete", "jobs:read", "audit:read"},
	} {
		r := some.Post("/v1/tokens", `{"name":"n","scopes":[`+scopes+`]}`)
		if missing == nil {
			r.Wants(201)
			continue
		}
		r.Refused(403, "insufficient_scope").Has("error.details", []any{map[string]any{"required_scopes": missing}})
		r.Header("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="`+joinSpaced(missing)+`"`)
	}
	some.Post("/v1/tokens", `{"name":"as I am"}`).Wants(201).Has("scopes", []any{"tokens:write", "instances:write"})
	some.Post("/v1/tokens/tok_root/rotate", "").Refused(403, "insufficient_scope")
	some.Post("/v1/tokens/tok_some/rotate", "").Wants(201)
	some.Get("/v1/tokens").Wants(200) // write includes read
	s.As("root").Post("/v1/projects", `{"name":"web"}`).Wants(201)

	bound := s.As("bound")
	bound.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Has("project_id", "prj_default")
	bound.Post("/v1/tokens", `{"name":"n","project_id":"prj_default"}`).Wants(201)
	web := s.As("root").Get("/v1/projects?limit=200").Strings("data", "id")
	bound.Post("/v1/tokens", `{"name":"n","project_id":"`+web[len(web)-1]+`"}`).Refused(403, "project_forbidden")
	bound.Post("/v1/tokens/tok_root/rotate", "").Refused(403, "project_forbidden")
	bound.Post("/v1/tokens/tok_bound/rotate", "").Wants(201).Has("project_id", "prj_default")
	s.As("root").Post("/v1/tokens", `{"name":"n","project_id":"prj_default"}`).Wants(201)
}

func joinSpaced(list []any) string {
	words := make([]string, len(list))
	for i := range list {
		words[i] = fmt.Sprint(list[i])
	}
	return strings.Join(words, " ")
}

// A workspace has 1,000 tokens made by API that can be used; those that ended make
// room, and are forgotten after 90 days.
func TestTokenQuota(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	make1 := func(body string) *wire.Reply { return s.Post("/v1/tokens", body) }
	short := make1(`{"name":"n","expires_at":"2026-03-19T13:00:00Z"}`).Wants(201).Text("id")
	first := make1(`{"name":"n"}`).Wants(201).Text("id")
	for range 998 {
		make1(`{"name":"n"}`).Wants(201)
	}
	make1(`{"name":"n"}`).Refused(403, "quota_exceeded")
	s.Post("/v1/tokens/"+first+"/rotate", `{"overlap_seconds":0}`).Refused(403, "quota_exceeded")
	s.Delete("/v1/tokens/" + first).Wants(204)
	s.Delete("/v1/tokens/" + first).Wants(204)
	make1(`{"name":"n"}`).Wants(201)
	make1(`{"name":"n"}`).Refused(403, "quota_exceeded")
	advance(t, s, time.Hour)
	make1(`{"name":"n"}`).Wants(201)
	make1(`{"name":"n"}`).Refused(403, "quota_exceeded")
	advance(t, s, 90*24*time.Hour-time.Hour-time.Second)
	s.Get("/v1/tokens/" + first).Wants(200)
	advance(t, s, time.Second)
	s.Get("/v1/tokens/"+first).Refused(404, "token_not_found")
	s.Get("/v1/tokens/" + short).Wants(200)
	advance(t, s, time.Hour)
	s.Get("/v1/tokens/"+short).Refused(404, "token_not_found")
}

// Same seed, same bytes; another workspace, other secrets (S6, S23).
func TestMintedSecretsFollowFromTheSeedS6(t *testing.T) {
	made := func(s *wire.Server) string { return s.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Text("secret") }
	opts := []emulator.Option{frozen12(), emulator.WithSeed(7), emulator.WithKey(emulator.Key{Token: "a"}), emulator.WithKey(emulator.Key{Token: "b", Workspace: "wsp_b"})}
	one, two := wire.Start(t, opts...), wire.Start(t, opts...)
	a, a2 := made(one.As("a")), made(one.As("a"))
	if b := made(one.As("b")); a == a2 || a == b || a2 == b {
		t.Errorf("%s, %s and %s", a, a2, b)
	}
	if made(two.As("a")) != a || made(two.As("a")) != a2 {
		t.Error("the same requests gave other secrets")
	}
	if other := wire.Start(t, append(opts, emulator.WithSeed(8))...); made(other.As("a")) == a {
		t.Error("another seed gave the same secret")
	}
}

// A reset takes away the tokens made since the start; a restore brings back those
// of the snapshot; a fork has none of them (S23, S72).
func TestTokensBelongToTheState(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	made := s.Post("/v1/tokens", `{"name":"n"}`).Wants(201)
	key := made.Text("secret")
	p := s.Snapshot()
	s.Delete("/v1/tokens/" + made.Text("id")).Wants(204)
	s.As(key).Get("/v1/regions").Refused(401, "token_revoked")
	if err := s.Restore(p); err != nil {
		t.Fatal(err)
	}
	s.As(key).Get("/v1/regions").Wants(200)
	fork := wire.In(t, s.Fork(t))
	if got := fork.Get("/v1/tokens").Wants(200).Strings("data", "name"); len(got) != 1 || got[0] != "workspace" {
		t.Errorf("the fork lists %v", got)
	}
	s.As(key).Get("/v1/regions").Wants(200)
	s.Reset()
	s.As(key).Get("/v1/regions").Refused(401, "invalid_token")
	s.Get("/v1/tokens").Wants(200).Has("pagination.total", 1)
	if other := s.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Text("secret"); other == key {
		t.Error("after a reset the secret of another key comes again")
	}
	s.Reset(emulator.RestartIDs())
	if again := s.Post("/v1/tokens", `{"name":"n"}`).Wants(201).Text("secret"); again != key {
		t.Errorf("after a reset of ids the same request gave %s, want %s", again, key)
	}
}

// S10, S24 (10.2 rows 10 and 11): a repetition gets the secret again, but only who
// asked first, and no saved world, dump, log or record of requests holds it.
func TestSecretsAreNotKeptS24(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"), emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithKey(emulator.Key{Token: "other"})).As("mine")
	const body = `{"name":"n"}`
	first := s.Post("/v1/tokens", body, "Idempotency-Key", "k").Wants(201)
	replays(t, first, s.Post("/v1/tokens", body, "Idempotency-Key", "k"))
	s.Post("/v1/tokens", `{"name":"m"}`, "Idempotency-Key", "k").Refused(422, "idempotency_key_reused")
	s.As("other").Post("/v1/tokens", body, "Idempotency-Key", "k").Refused(409, "secret_not_repeated")
	at := "/v1/tokens/" + first.Text("id") + "/rotate"
	rotated := s.Post(at, `{}`, "Idempotency-Key", "r").Wants(201)
	replays(t, rotated, s.Post(at, `{}`, "Idempotency-Key", "r"))
	s.Get("/v1/tokens").Wants(200).Has("pagination.total", 5)

	var saved bytes.Buffer
	p := s.Snapshot()
	if err := p.Save(&saved); err != nil {
		t.Fatal(err)
	}
	bodies := ""
	for _, m := range regexp.MustCompile(`"body": ?"([0-9A-Za-z+/=]*)"`).FindAllStringSubmatch(saved.String(), -1) {
		b, err := base64.StdEncoding.DecodeString(m[1])
		if err != nil {
			t.Fatal(err)
		}
		bodies += "|" + string(b)
	}
	if bodies != "||" { // of two records; the others were refused before they ran
		t.Errorf("the saved answers are %q", bodies)
	}
	places := map[string]string{"saved world": saved.String(), "dump": s.Dump(), "requests": fmt.Sprint(s.Requests(emulator.Match{}))}
	for _, path := range []string{"/v1/tokens?limit=200", "/v1/audit-logs?limit=200"} {
		places[path] = string(s.Get(path).Body)
	}
	if !strings.Contains(places["saved world"], first.Text("id")) || !strings.Contains(places["dump"], rotated.Text("id")) {
		t.Error("the tokens are not there: the test looks at nothing")
	}
	for _, key := range []string{first.Text("secret"), rotated.Text("secret")} {
		for place, text := range places {
			if strings.Contains(text, key) || strings.Contains(text, key[9:39]) {
				t.Errorf("the %s holds a secret", place)
			}
		}
	}

	if err := s.Restore(p); err != nil { // within the process, nothing is lost
		t.Fatal(err)
	}
	replays(t, first, s.Post("/v1/tokens", body, "Idempotency-Key", "k"))
	if err := s.Import(&saved); err != nil {
		t.Fatal(err)
	}
	r := s.Post("/v1/tokens", body, "Idempotency-Key", "k").Refused(409, "secret_not_repeated").Header("Idempotent-Replayed", "")
	if !strings.Contains(r.Text("error.message"), "/v1/tokens/"+first.Text("id")) {
		t.Errorf("got %s", r.Body)
	}
	s.As(first.Text("secret")).Get("/v1/regions").Wants(200) // the token itself was saved, as its hash
	s.Get("/v1/tokens").Wants(200).Has("pagination.total", 5)
}

// No log line at any level holds a secret, whatever comes of the request (S24).
func TestMintedSecretsAreNotLogged(t *testing.T) {
	r := newRig(t, "empty")
	ask := func(key, method, path string) string {
		request := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(`{"name":"n"}`))
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", "k")
		w := r.serve(request)
		if w.Code >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return regexp.MustCompile(`sky_test_[0-9A-Za-z]{36}`).FindString(w.Body.String())
	}
	key := ask(r.key, http.MethodPost, "/v1/tokens")
	next := ask(key, http.MethodPost, "/v1/tokens/tok_default/rotate")
	ask(next, http.MethodGet, "/v1/audit-logs")
	for _, key := range []string{key, next} {
		if key == "" || strings.Contains(r.log.String(), key) || strings.Contains(r.saved(t), key) {
			t.Errorf("the log or the saved world holds %q", key)
		}
	}
}
