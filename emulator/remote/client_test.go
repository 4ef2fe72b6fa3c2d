package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator/sandbox"
)

// echo is a server that says what it was asked, beside the workspace.
func echo(t *testing.T) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/_sandbox/workspace":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, described)
		case "/moved":
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
			http.Redirect(w, r, "/v1/there", http.StatusFound)
		case "/away":
			http.Redirect(w, r, "https://elsewhere.test/v1/there", http.StatusTemporaryRedirect)
		case "/endless":
			for chunk := make([]byte, 1<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s %s %s %q %q", r.Method, r.Host, r.RequestURI, r.Header.Get("Authorization"), body)
		}
	})
}

// Requests of the client reach the sandbox, whatever host they name.
func TestClient(t *testing.T) {
	url := echo(t)
	host := strings.TrimPrefix(url, "http://")
	w, err := dial(t, url+"/")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ target, host, want string }{
		{"/v1/instances?limit=1", "", "POST " + host + ` /v1/instances?limit=1 "" "body"`},
		{url + "/v1/a%2Fb", "", "POST " + host + ` /v1/a%2Fb "" "body"`},
		{"https://sandbox.api.skystack.dev/v1", "", `POST sandbox.api.skystack.dev /v1 "" "body"`},
		{"http://one.test/v1", "two.test", `POST two.test /v1 "" "body"`},
		{"/v1", "two.test", `POST two.test /v1 "" "body"`},
		{"/away", "", `POST elsewhere.test /v1/there "" "body"`},
	} {
		r, err := http.NewRequest(http.MethodPost, tc.target, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if tc.host != "" {
			r.Host = tc.host
		}
		before := *r.URL
		resp, err := w.Client().Do(r)
		if err != nil {
			t.Errorf("%s: %v", tc.target, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.target, body, err, tc.want)
		}
		if *r.URL != before {
			t.Errorf("the request was changed: %v", r.URL)
		}
	}
	resp, err := w.Client().Get("/moved")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if want := "GET " + host + ` /v1/there "" ""`; string(body) != want || resp.Request.URL.Path != "/v1/there" {
		t.Errorf("%s (%v), want %s", body, resp.Request.URL, want)
	}
	w.Client().CloseIdleConnections()
}

// A client that is given keeps its policies for the users' requests; control
// follows no redirect whatever they are.
func TestGivenClient(t *testing.T) {
	url := echo(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	asked := 0
	given := &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		asked++
		return http.ErrUseLastResponse
	}}
	w, err := dial(t, url, WithHTTPClient(given), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.Client().Get("/moved")
	if err != nil || resp.StatusCode != http.StatusFound || asked != 1 {
		t.Fatalf("%v, %v, %d", resp, err, asked)
	}
	_ = resp.Body.Close()
	if w.Client().Jar != http.CookieJar(jar) || given.Transport != http.RoundTripper(transport) {
		t.Error("another jar, or the client was changed")
	}
	if err := w.do(t.Context(), get("/moved", nil)); err == nil || !strings.Contains(err.Error(), `302 Found, a redirect to "/v1/there"`) || asked != 1 {
		t.Error(err, asked)
	}
}

// Nothing is left after Close, whatever the workspace was used for, and its
// client works no more.
func TestNothingIsLeft(t *testing.T) {
	url := echo(t)
	before := goleak.IgnoreCurrent()
	for name, use := range map[string]func(t *testing.T, w *Workspace){
		"nothing":      func(*testing.T, *Workspace) {},
		"calls":        func(_ *testing.T, w *Workspace) { w.Dropped(); w.Setup() },
		"refusals":     func(_ *testing.T, w *Workspace) { w.Reset(); w.Dump(); _ = w.Restore(saved("x")) },
		"many at once": many,
		"an answer": func(t *testing.T, w *Workspace) {
			resp, err := w.Client().Get("/v1")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		},
		"an answer that is never read": func(t *testing.T, w *Workspace) {
			resp, err := w.Client().Get("/endless")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, errClosed) && !errors.Is(err, context.Canceled) {
					t.Errorf("the answer goes on after Close: %v", err)
				}
			})
		},
		"a request given up": func(t *testing.T, w *Workspace) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/endless", nil)
			if _, err := w.Client().Do(r); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := New(t.Context(), url, testKey)
			if err != nil {
				t.Fatal(err)
			}
			use(t, w)
			for range 2 {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			r, _ := http.NewRequest(http.MethodPost, "/v1", io.NopCloser(strings.NewReader("x")))
			if _, err := w.Client().Do(r); !errors.Is(err, errClosed) {
				t.Error(err)
			}
		})
	}
	if _, err := New(t.Context(), url, testKey, WithAdminToken("")); err == nil {
		t.Error("an empty token was taken")
	}
	goleak.VerifyNone(t, before)
}

// many uses a workspace from several goroutines.
func many(t *testing.T, w *Workspace) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 8 {
				if w.Dropped() != 3 {
					t.Error(w.Err())
				}
				w.Requests(sandbox.Match{})
				_ = w.Err()
			}
		})
	}
	all.Wait()
}
