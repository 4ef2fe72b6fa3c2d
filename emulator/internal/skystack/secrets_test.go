package skystack_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// secrets are what must appear nowhere: the middle of each, so that a mask that
// shows a prefix and the last four characters passes.
func secrets() map[string]string {
	return map[string]string{
		"sky_test_" + "PLANTED1PLANTED1PLANTED1PLANTED1wxyz": "PLANTED1",
		"sky_live_PLANTED2PLANTED2PLANTED2PLANTED2wxyz":      "PLANTED2",
		"sk_live_PLANTED3wxyz":                               "PLANTED3",
		"rk_live_PLANTED4wxyz":                               "PLANTED4",
		"pk_live_PLANTED5wxyz":                               "PLANTED5",
		"whsec_PLANTED6PLANTED6wxyz":                         "PLANTED6",
	}
}

// withSecret sends a secret in every place of a request where one could end up by
// mistake, to a route.
func withSecret(r route, key, secret string) []*http.Request {
	at := func(path, body string, headers ...string) *http.Request {
		request := httptest.NewRequest(r.method, "http://localhost"+path, strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		return request
	}
	last := r.path[strings.LastIndexByte(r.path, '/')+1:]
	return []*http.Request{
		at(r.path, "", "Authorization", "Bearer "+secret),
		at(r.path, "", "Authorization", "Bearer  "+secret),
		at(r.path, "", "Authorization", "Basic "+secret),
		at(r.path, "", "Authorization", secret),
		at(r.path, "", "Cookie", "session="+secret),
		at(r.path, "", "X-Request-Id", secret),
		at(r.path, "", "SkyStack-Version", secret),
		at(r.path, "", "SkyStack-Project", secret),
		at(r.path, "", "Idempotency-Key", secret),
		at(r.path, "", "Accept", "text/"+secret),
		at(r.path, "", "Content-Type", "text/"+secret),
		at(r.path, "{}", "Content-Encoding", secret),
		at(r.path, "", "If-Match", `"`+secret+`"`),
		at(r.path, "", "User-Agent", secret),
		at(r.path, "", "Origin", "https://"+secret),
		at(r.path+"?access_token="+secret, ""),
		at(r.path+"?"+secret+"=1", ""),
		at(r.path+"?limit="+secret+"&cursor="+secret+"&status="+secret, ""),
		at(r.path+"/"+secret, ""),
		at(strings.TrimSuffix(r.path, last)+secret, ""),
		at(r.path, `{"token":"`+secret+`"}`),
		at(r.path, `{"`+secret+`":1}`),
		at(r.path, `{"name":"a","region":"`+secret+`","size":"`+secret+`","type":"`+secret+`"}`),
		at(r.path, `{"name": `+secret),
		at(r.path, secret),
	}
}

// Whatever a client sends where, no secret is in the log, in the findings or in
// the saved world (S24, S41, S74; 10.2 row 10), and no response repeats the
// production key of its Authorization header.
func TestPlantedSecretsAreNowhere(t *testing.T) {
	rig := newRig(t, "default")
	for _, r := range routes(t) {
		for secret, mark := range secrets() {
			for n, request := range withSecret(r, rig.key, secret) {
				w := rig.serve(request)
				if w.Code >= 500 {
					t.Fatalf("%s, planting %d of %s: %d %s", r, n, mark, w.Code, w.Body)
				}
				if strings.Contains(request.Header.Get("Authorization"), mark) {
					if answer := fmt.Sprint(w.Header()) + w.Body.String(); strings.Contains(answer, mark) {
						t.Errorf("%s: the answer repeats the key: %s", r, answer)
					}
				}
			}
		}
	}
	places := map[string]string{"log": rig.log.String(), "saved world": rig.saved(t), "findings": fmt.Sprint(rig.api.Findings.All())}
	if len(rig.api.Findings.All()) == 0 || !strings.Contains(places["log"], "retries") && !strings.Contains(places["log"], "refused") {
		t.Error("no finding was made: the test looks at nothing")
	}
	for place, text := range places {
		for _, line := range strings.Split(text, "\n") {
			for secret, mark := range secrets() {
				if strings.Contains(line, mark) || strings.Contains(line, rig.key) {
					t.Errorf("%s holds %s: %s", place, secret, line)
				}
			}
		}
	}
}

// A key in use is not in the saved world nor in the log, only its hash and last
// four characters are (S24, S36, S41).
func TestKeysInUseAreNowhere(t *testing.T) {
	rig := newRig(t, "default")
	rig.addKey(t, "an-imported-key-of-some-length", credential.Key{ID: "tok_imported"})
	for _, key := range []string{rig.key, "an-imported-key-of-some-length"} {
		for _, r := range routes(t) {
			request := httptest.NewRequest(r.method, "http://localhost"+r.path, strings.NewReader(`{"name":"a"}`))
			request.Header.Set("Authorization", "Bearer "+key)
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Idempotency-Key", "x")
			if w := rig.serve(request); w.Code == 401 || strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), key) {
				t.Errorf("%s: %d %s", r, w.Code, w.Body)
			}
		}
	}
	for place, text := range map[string]string{"log": rig.log.String(), "saved world": rig.saved(t)} {
		if strings.Contains(text, rig.key) || strings.Contains(text, "an-imported-key") {
			t.Errorf("%s holds a whole key", place)
		}
	}
	if !strings.Contains(rig.log.String(), "key=tok_imported") {
		t.Error("the log does not say whose requests these were")
	}
}

// A short key in a loop of refusals is not shown by way of its last four
// characters (S39, S41).
func TestShortKeysStayHidden(t *testing.T) {
	rig := newRig(t, "empty")
	for _, token := range []string{"pw1", "pw42", "a-guess-pw43", "sky_test_0000000000000000000000000000001vWQpT"} {
		for range 20 {
			request := httptest.NewRequest(http.MethodGet, "http://localhost/v1/projects", nil)
			request.Header.Set("Authorization", "Bearer "+token)
			if got := rig.serve(request).Code; got != 401 {
				t.Fatalf("%s: got %d, want 401", token, got)
			}
		}
	}
	if got := len(rig.api.Findings.All()); got != 4 {
		t.Errorf("%d findings, want 4", got)
	}
	log := rig.log.String()
	for _, secret := range []string{"pw1", "pw42", "pw43", "00001vWQpT"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
	if !strings.Contains(log, "sky_test_…WQpT") {
		t.Errorf("the log does not show the sandbox key's mask: %s", log)
	}
}

// The public door redacts as well, and names the client's own request id (S41;
// 7.1).
func TestLogOfTheEmulator(t *testing.T) {
	var log bytes.Buffer
	s := wire.Start(t, emulator.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	ours := s.Get("/v1/instances?access_token=PLANTED", "X-Request-Id", "trace-7").Head.Get("X-Request-Id")
	s.Get("/v1/instances/sk_live_PLANTED", "X-Request-Id", "not one of ours").Wants(404)
	s.As("sk_live_PLANTED").Get("/v1/instances", "X-Request-Id", strings.Repeat("x", 129)).Wants(401)
	text := log.String()
	if strings.Contains(text, "PLANTED") || strings.Contains(text, s.Key()) {
		t.Errorf("the log holds a secret:\n%s", text)
	}
	for _, want := range []string{"request_id=" + ours, "client_request_id=trace-7", "operation=listInstances", "status=200", "workspace=wsp_default", "key=tok_default", "code=live_key_in_sandbox"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "client_request_id"); n != 1 {
		t.Errorf("%d client ids are logged, want the one that is well formed", n)
	}
}
