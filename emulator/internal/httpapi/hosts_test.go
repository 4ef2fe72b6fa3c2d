package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// The names a request may be addressed to, and those a page would use that tries
// to reach a server on this machine by a name of its own (10.2 row 2).
func TestHosts(t *testing.T) {
	s := newTestAPI(t).serve(t, Options{Hosts: []string{"sandbox.corp.test", "Other.Test:99"}})
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "LOCALHOST.:8080": true, "localhost:8080": true, "localhost:": true,
		"app.localhost": true, "a.b.localhost:1": true, "127.0.0.1": true, "127.0.0.1:8080": true, "127.8.8.8": true, "0.0.0.0": true, "192.168.1.7": true,
		"[::1]": true, "[::1]:8080": true, "[0:0:0:0:0:0:0:1]": true, "[fe80::1]": true, "[::ffff:127.0.0.1]": true,
		"sandbox": true, "sky_stack-2": true, "host.docker.internal": true, "host.docker.internal:8080": true,
		"api.skystack.dev": true, "sandbox.api.skystack.dev": true, "Sandbox.API.SkyStack.Dev.:443": true, "eu.api.skystack.dev": true,
		"sandbox.corp.test": true, "SANDBOX.corp.test.:1": true, "other.test": true, "other.test:1": true,

		"": false, ".": false, ":8080": false, "..": false, "localhost..": false, "evil.test": false, "evil.test:8080": false, "evil.test.": false,
		"127.0.0.1.evil.test": false, "localhost.evil.test": false, "127.0.0.1.nip.io": false, "evil-localhost.test": false, "xlocalhost.test": false,
		"skystack.dev": false, "skystack.dev.evil.test": false, "xskystack.dev": false, "api.skystack.dev.evil.test": false, "docker.internal": false,
		"corp.test": false, "x.sandbox.corp.test": false, "a.xlocalhost": false, "a.xlocalhost:80": false, "x.yskystack.dev": false, ".localhost.": true,
		"::1": false, "[::1": false, "::1]": false, "[::1]evil.test": false, "[::1]:8080x": false, "[localhost]": false, "[evil]": false, "[127.0.0.1]": false, "[fe80::1%eth0]": false, "[]": false,
		"localhost:8080:1": false, "localhost:port": false, "localhost@evil.test": false, "localhost/": false, "localhost evil": false, "local host": false,
		"127.1": false, "0x7f.1": false, "127.0.0.1:80@evil.test": false, "ｌocalhost.test": false, "löcalhost": false, "a,b": false, "*": false, "*.localhost.test": false,
	} {
		t.Run(host, func(t *testing.T) {
			for _, path := range []string{"/things", "/health", "/nowhere"} {
				w := send(s, "GET", path, "", "Host", host)
				if refused := w.Code == 403 && strings.Contains(w.Body.String(), "host_not_allowed"); refused == ok {
					t.Errorf("%s: got %d %s", path, w.Code, w.Body)
				}
			}
			if w := send(s, "POST", "/things", `{"name":"a"}`, "Host", host); (w.Code == 201) != ok {
				t.Errorf("POST: got %d", w.Code)
			}
			if w := send(s, "OPTIONS", "/things", "", "Host", host); (w.Code == 204) != ok {
				t.Errorf("OPTIONS: got %d", w.Code)
			}
		})
	}
}

// The host that counts is the one the request line names, if it names one; over
// a raw socket (10.2 row 2).
func TestHostsOverASocket(t *testing.T) {
	s := httptest.NewServer(newTestAPI(t).serve(t, Options{}))
	defer s.Close()
	for name, tc := range map[string]struct {
		request string
		status  int
	}{
		"origin form":                     {"GET /things HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
		"absolute form":                   {"GET http://localhost/things HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
		"absolute form, another Host":     {"GET http://localhost/things HTTP/1.1\r\nHost: evil.test\r\n\r\n", 200},
		"absolute form of another":        {"GET http://evil.test/things HTTP/1.1\r\nHost: localhost\r\n\r\n", 403},
		"absolute form without a path":    {"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"absolute form of another scheme": {"GET gopher://evil.test/things HTTP/1.1\r\nHost: localhost\r\n\r\n", 403},
		"CONNECT":                         {"CONNECT evil.test:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 403},
		"CONNECT to us":                   {"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"HTTP/1.0 with a Host":            {"GET /things HTTP/1.0\r\nHost: localhost\r\n\r\n", 200},
		"HTTP/1.0 without":                {"GET /things HTTP/1.0\r\n\r\n", 403},
		"an empty Host":                   {"GET /things HTTP/1.1\r\nHost: \r\n\r\n", 403},
		"rebound":                         {"GET /things HTTP/1.1\r\nHost: 127.0.0.1.evil.test\r\n\r\n", 403},
		"the server's asterisk":           {"OPTIONS * HTTP/1.1\r\nHost: evil.test\r\n\r\n", 403},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "the server's asterisk" {
				s.Config.DisableGeneralOptionsHandler = true
			}
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, tc.request); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tc.status {
				t.Errorf("got %d, want %d", resp.StatusCode, tc.status)
			}
		})
	}
}

const allowedOrigin = "https://app.test"

// The matrix of 10.2 row 3: who may call from a page, and what a preflight says
// (S27).
func TestCORS(t *testing.T) {
	configured := Options{Origins: []string{allowedOrigin, "http://localhost:3000"}}
	for _, tc := range []struct {
		name    string
		options Options
		origin  string
		allowed bool
	}{
		{"not configured", Options{}, allowedOrigin, false},
		{"not configured, from here", Options{}, "http://localhost", false},
		{"configured", configured, allowedOrigin, true},
		{"configured, the second", configured, "http://localhost:3000", true},
		{"another", configured, "https://evil.test", false},
		{"another scheme", configured, "http://app.test", false},
		{"another port", configured, "https://app.test:8443", false},
		{"the port spelled out", configured, "https://app.test:443", false},
		{"in capitals", configured, "https://APP.test", false},
		{"a longer name", configured, "https://app.test.evil.test", false},
		{"a prefix", configured, "https://app.tes", false},
		{"a name inside", configured, "https://sub.app.test", false},
		{"with a path", configured, "https://app.test/", false},
		{"null", configured, "null", false},
		{"an asterisk", configured, "*", false},
		{"two", configured, "https://app.test https://evil.test", false},
		{"empty", configured, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newTestAPI(t).serve(t, tc.options)
			want := ""
			if tc.allowed {
				want = tc.origin
			}
			preflight := send(s, "OPTIONS", "/things", "", "Origin", tc.origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization, x-evil")
			actual := send(s, "POST", "/things", `{"name":"a"}`, "Origin", tc.origin)
			failed := send(s, "GET", "/nowhere", "", "Origin", tc.origin)
			for what, w := range map[string]*httptest.ResponseRecorder{"preflight": preflight, "request": actual, "error": failed} {
				h := w.Header()
				if got := h.Values("Access-Control-Allow-Origin"); strings.Join(got, ",") != want {
					t.Errorf("%s: Access-Control-Allow-Origin %q, want %q", what, got, want)
				}
				if got := h.Values("Access-Control-Allow-Credentials"); got != nil {
					t.Errorf("%s: credentials are allowed: %q", what, got)
				}
				if varies := slices.Contains(h.Values("Vary"), "Origin"); varies != (len(tc.options.Origins) > 0) {
					t.Errorf("%s: Vary %q", what, h.Values("Vary"))
				}
			}
			if preflight.Code != 204 || actual.Code != 201 || failed.Code != 404 {
				t.Errorf("statuses %d, %d, %d", preflight.Code, actual.Code, failed.Code)
			}
			for name, value := range map[string]string{
				"Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE", "Access-Control-Max-Age": "600",
				"Access-Control-Allow-Headers": "Authorization, Toy-Version",
			} {
				if !tc.allowed {
					value = ""
				}
				if got := preflight.Header().Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
				if got := actual.Header().Get(name); got != "" {
					t.Errorf("%s on the request itself: %q", name, got)
				}
			}
			exposed := ""
			if tc.allowed {
				exposed = "X-Request-Id, Toy-Place"
			}
			if got := actual.Header().Get("Access-Control-Expose-Headers"); got != exposed {
				t.Errorf("exposed: %q, want %q", got, exposed)
			}
		})
	}
}

// A preflight to a foreign host is refused before the origin is looked at, and
// one to a path that does not exist says yes: the request will say no (10.2).
func TestPreflights(t *testing.T) {
	s := newTestAPI(t).serve(t, Options{Origins: []string{allowedOrigin}})
	ask := func(path string, headers ...string) *httptest.ResponseRecorder {
		return send(s, "OPTIONS", path, "", append([]string{"Origin", allowedOrigin, "Access-Control-Request-Method", "GET"}, headers...)...)
	}
	if w := ask("/things", "Host", "evil.test"); w.Code != 403 || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign host: %d %v", w.Code, w.Header())
	}
	if w := ask("/nowhere"); w.Code != 204 {
		t.Errorf("unknown path: %d", w.Code)
	}
	if w := ask("/things"); w.Body.Len() != 0 || w.Header().Get("X-Content-Type-Options") != "" {
		t.Errorf("answer %q, %v", w.Body, w.Header())
	}
	// Two origins are no origin.
	r := httptest.NewRequest("GET", "http://localhost/things", nil)
	r.Header["Origin"] = []string{"https://evil.test", allowedOrigin}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("two origins: %s", got)
	}
}

// FuzzHosts: any bytes in a Host header are served or refused, and none that hold
// what a name cannot are served.
func FuzzHosts(f *testing.F) {
	for _, seed := range []string{"localhost:80", "[::1]:1", "[", "]", ":", "a.b.", "[fe80::1%25eth0]"} {
		f.Add(seed)
	}
	s := newTestAPI(f).serve(f, Options{Hosts: []string{"x.test"}})
	f.Fuzz(func(t *testing.T, host string) {
		r := httptest.NewRequest("GET", "http://localhost/things", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch {
		case w.Code != 200 && w.Code != 403:
			t.Errorf("%q: %d", host, w.Code)
		case w.Code == 200 && strings.HasSuffix(strings.ToLower(strings.TrimRight(host, ".:0123456789")), "evil.test"):
			t.Errorf("%q is served", host)
		case w.Code == 200 && strings.ContainsAny(host, "/@ \x00,"):
			t.Errorf("%q is served", fmt.Sprint(host))
		}
	})
}
