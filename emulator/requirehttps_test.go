package emulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// operations lists the operations of the contract, and whether they need a token.
func operations(t *testing.T, e *emulator.Emulator) map[string]bool {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(get(t, e.Client(), "/openapi.json")), &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for path, item := range doc.Paths {
		for method, text := range item {
			var op struct {
				OperationID string
				Security    []any
			}
			if json.Unmarshal(text, &op) == nil && op.OperationID != "" {
				out[strings.ToUpper(method)+" "+strings.NewReplacer("{", "", "}", "").Replace(path)] = len(op.Security) > 0
			}
		}
	}
	if len(out) < 20 {
		t.Fatalf("operations %v", out)
	}
	return out
}

// ways are a sandbox by each door, in plain HTTP and in HTTPS.
func ways(t *testing.T, e *emulator.Emulator, test func(t *testing.T, client *http.Client, base string, secure bool)) {
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Run("socket", func(t *testing.T) { test(t, plain, e.URL(), false) })
	t.Run("in-process", func(t *testing.T) { test(t, e.Client(), "http://localhost", false) })
	t.Run("in-process, a path alone", func(t *testing.T) { test(t, e.Client(), "", false) })
	t.Run("TLS socket", func(t *testing.T) { test(t, trusting(t, e, e.CA()), e.HTTPSURL(), true) })
	t.Run("in-process TLS", func(t *testing.T) { test(t, e.Client(), "https://localhost", true) })
}

// Where HTTPS is required, plain HTTP gets 403 on every operation that needs a
// key, whatever key it comes with, before the key is looked at, and never a
// redirect; what is open to all responses (S21, S31).
func TestRequireHTTPS(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithRequireHTTPS(), emulator.WithResponseCheck())
	all := operations(t, e)
	ways(t, e, func(t *testing.T, client *http.Client, base string, secure bool) {
		for op, protected := range all {
			method, path, _ := strings.Cut(op, " ")
			for _, key := range []string{"", "wrong", "sky_test_mistyped", "two words", "sky_live_0000", e.Key()} {
				answer := fetch(t, client, method, base+path, key, "")
				refused := strings.HasPrefix(answer.body, `{"error":{"code":"https_required","message":"This was sent over plain HTTP, where anybody on the way can read the token. Send it to an https:// address.","request_id":"req_`)
				if want := protected && !secure; refused != want || want != (answer.status == 403) {
					t.Errorf("%s with the key %q: %d %s", op, key, answer.status, answer.body)
				}
				if !protected && answer.status != 200 {
					t.Errorf("%s, which is open to all: %d %s", op, answer.status, answer.body)
				}
				if refused && (answer.header.Get("Location") != "" || answer.header.Get("Www-Authenticate") != "" || answer.header.Get("X-Ratelimit-Limit") != "") {
					t.Errorf("%s: %v", op, answer.header)
				}
			}
		}
		if secure {
			if answer := fetch(t, client, "GET", base+"/v1/projects", e.Key(), ""); answer.status != 200 {
				t.Errorf("a good request: %d %s", answer.status, answer.body)
			}
		}
	})
}

// Without the strict mode plain HTTP works, without a word in the response, and is
// one finding, however often it is used (S21).
func TestPlaintextIsAFinding(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
	ways(t, e, func(t *testing.T, client *http.Client, base string, secure bool) {
		answer := fetch(t, client, "GET", base+"/v1/projects", e.Key(), "")
		if got := answer.header.Get("SkyStack-Sandbox-Warning"); answer.status != 200 || got != "" {
			t.Errorf("%d, warning %q", answer.status, got)
		}
	})
	// Of the five ways only one sent the key over a wire that others can read.
	want := "info plaintext: a key was sent over plain HTTP, where anybody on the way can read it: the real API is HTTPS alone; --https serves it here as well"
	found := func() (got []string) {
		for _, f := range e.Findings() {
			got = append(got, string(f.Level)+" "+f.Code+": "+f.Message)
		}
		return got
	}
	if got := found(); !slices.Equal(got, []string{want}) {
		t.Errorf("findings %q", got)
	}
	get(t, http.DefaultClient, e.URL()+"/healthz")
	if got := found(); len(got) != 1 {
		t.Errorf("afterwards: findings %q", got)
	}
}

// A key that came in the clear is revoked at that moment of its workspace's time,
// and its holder is told; others go on (S21).
func TestRevokeOnPlaintext(t *testing.T) {
	at := time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)
	for name, tc := range map[string]struct {
		path, header string
		status       int
	}{
		"a call":                {"/v1/projects", "Bearer exposed", 403},
		"a call to nothing":     {"/v1/instances/ins_none", "Bearer exposed", 403},
		"an open operation":     {"/healthz", "bearer exposed", 200},
		"too many spaces":       {"/v1/projects", "Bearer  exposed", 403},
		"no scheme":             {"/v1/projects", "exposed", 403},
		"quotes and a comma":    {"/v1/projects", `Bearer "exposed", "other"`, 403},
		"among too many others": {"/v1/projects", strings.Repeat("x ", 10) + "exposed", 403},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			e := emulator.Start(t, emulator.WithRevokeOnPlaintext(), emulator.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
				emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: at}), emulator.WithHTTPS(emulator.HTTPS{}),
				emulator.WithKey(emulator.Key{Token: "exposed", ID: "tok_exposed", Workspace: "wsp_b"}), emulator.WithKey(emulator.Key{Token: "kept"}))
			client := e.Client()
			if answer := fetch(t, client, "GET", "https://localhost/v1/projects", "exposed", ""); answer.status != 200 {
				t.Fatalf("before: %d %s", answer.status, answer.body)
			}
			for n, told := range []bool{true, false} {
				r, _ := http.NewRequest("GET", "http://localhost"+tc.path, nil)
				r.Header.Set("Authorization", tc.header)
				resp, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != tc.status || tc.status == 403 && strings.Contains(string(body), "The token that came with it has been revoked: use another.") != told {
					t.Errorf("request %d: %d %s", n+1, resp.StatusCode, body)
				}
			}
			after := fetch(t, client, "GET", "https://localhost/v1/projects", "exposed", "")
			if after.status != 401 || !strings.Contains(after.body, `"token_revoked","message":"The token was revoked at 2026-03-19T10:22:44Z."`) {
				t.Errorf("afterwards: %d %s", after.status, after.body)
			}
			if answer := fetch(t, client, "GET", "https://localhost/v1/projects", "kept", ""); answer.status != 200 {
				t.Errorf("another key: %d %s", answer.status, answer.body)
			}
			if text := log.String(); strings.Count(text, "a key was revoked, because it was sent over plain HTTP") != 1 || !strings.Contains(text, "key=tok_exposed workspace=wsp_b at=2026-03-19T10:22:44Z") {
				t.Errorf("the log: %s", text)
			}
		})
	}
}

// An unknown key is exposed as well; one that is of no use anyway
// is left as it is, and reset gives a key back (S21).
func TestRevokeOnPlaintextOfOthers(t *testing.T) {
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := emulator.Start(t, emulator.WithRevokeOnPlaintext(), emulator.WithAnyToken(), emulator.WithKey(emulator.Key{Token: "own"}),
		emulator.WithKey(emulator.Key{Token: "old", ExpiresAt: &end}))
	client := e.Client()
	for _, token := range []string{"never-seen", "own", "old"} {
		answer := fetch(t, client, "GET", "http://localhost/v1/projects", token, "")
		if told := strings.Contains(answer.body, "has been revoked"); answer.status != 403 || told != (token != "old") {
			t.Errorf("%s: %d %s", token, answer.status, answer.body)
		}
		want := "token_revoked"
		if token == "old" {
			want = "token_expired"
		}
		if answer := fetch(t, client, "GET", "https://localhost/v1/projects", token, ""); answer.status != 401 || !strings.Contains(answer.body, want) {
			t.Errorf("%s afterwards: %d %s", token, answer.status, answer.body)
		}
	}
	e.Reset()
	if answer := fetch(t, client, "GET", "https://localhost/v1/projects", "own", ""); answer.status != 200 {
		t.Errorf("after a reset: %d %s", answer.status, answer.body)
	}
}
