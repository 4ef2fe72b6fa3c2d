package emulator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// trusting is a client that trusts a CA and nothing else, and finds the sandbox's
// HTTPS port under any name.
func trusting(t *testing.T, e *emulator.Emulator, ca []byte, protocols ...string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatalf("no certificate to trust: %s", ca)
	}
	at := strings.TrimPrefix(e.HTTPSURL(), "https://")
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: protocols}, ForceAttemptHTTP2: protocols == nil,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// received is a response as it came.
type received struct {
	status int
	proto  string
	header http.Header
	body   string
}

func fetch(t *testing.T, client *http.Client, method, url, key, body string) received {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("Content-Type") == "text/event-stream" { // it has no end
		return received{resp.StatusCode, resp.Proto, resp.Header, ""}
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return received{resp.StatusCode, resp.Proto, resp.Header, string(text)}
}

// A client that trusts the CA and checks what it sees reaches the sandbox under
// each of its names, and under no other (S21, S32, S70).
func TestHTTPS(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{Names: []string{"sandbox.corp.test", "192.0.2.10"}}))
	client := trusting(t, e, e.CA())
	for _, host := range []string{
		"localhost", "127.0.0.1", "[::1]", "api.skystack.dev", "sandbox.api.skystack.dev", "host.docker.internal", "sandbox.corp.test", "192.0.2.10",
	} {
		answer := fetch(t, client, "GET", "https://"+host+"/v1/instances", e.Key(), "")
		if answer.status != 200 || answer.proto != "HTTP/2.0" || answer.header.Get("SkyStack-Sandbox-Warning") != "" {
			t.Errorf("%s: %d %s, warning %q", host, answer.status, answer.proto, answer.header.Get("SkyStack-Sandbox-Warning"))
		}
	}
	for _, host := range []string{"evil.test", "corp.test", "127.0.0.2", "skystack.dev"} {
		resp, err := client.Get("https://" + host + "/healthz")
		if _, ok := errors.AsType[x509.HostnameError](err); !ok {
			t.Errorf("%s: %v, %v", host, resp, err)
		}
	}
	other := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
	if _, err := trusting(t, e, other.CA()).Get("https://localhost/healthz"); err == nil {
		t.Error("another CA vouches for it")
	}
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}}}
	if _, err := old.Get(e.HTTPSURL()); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if again := e.HTTPSURL(); e.HTTPSURL() != again || e.HTTPSURL() == e.URL() || !strings.HasPrefix(e.HTTPSURL(), "https://127.0.0.1:") {
		t.Errorf("%s and %s", e.HTTPSURL(), e.URL())
	}
}

// Whatever way a request comes, the response is the same, but for the warning
// (S21).
func TestSameBytesOnEveryWay(t *testing.T) {
	requests := []struct{ method, path, body string }{
		{"GET", "/v1/instances", ""}, {"GET", "/openapi.json", ""}, {"POST", "/v1/instances", create}, {"POST", "/v1/instances", "{"},
		{"GET", "/v1/instances?limit=200", ""}, {"HEAD", "/v1/projects", ""}, {"DELETE", "/v1/instances/ins_none", ""},
		{"GET", "/nowhere", ""}, {"PUT", "/v1/instances", ""}, {"OPTIONS", "/v1/instances", ""},
		{"POST", "/v1/instances", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`},
	}
	var first []received
	for _, way := range []string{"plain", "HTTP/1.1", "HTTP/2.0", "in-process"} {
		e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithFixture("busy=100"),
			emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 10, 22, 44, 0, time.UTC)}))
		client, base, proto := e.Client(), "https://localhost", "HTTP/1.1"
		switch way {
		case "plain":
			client, base = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, e.URL()
		case "HTTP/1.1":
			client = trusting(t, e, e.CA(), "http/1.1")
		case "HTTP/2.0":
			client, proto = trusting(t, e, e.CA()), "HTTP/2.0"
		}
		for i, r := range requests {
			answer := fetch(t, client, r.method, base+r.path, e.Key(), r.body)
			if answer.proto != proto {
				t.Errorf("%s: %s %s: the answer came by %s", way, r.method, r.path, answer.proto)
			}
			answer.header.Del("Connection")
			answer.proto = ""
			if way == "plain" {
				first = append(first, answer)
				continue
			}
			wantHeader, _ := json.Marshal(first[i].header)
			gotHeader, _ := json.Marshal(answer.header)
			if want := first[i]; answer.status != want.status || answer.body != want.body || string(gotHeader) != string(wantHeader) {
				t.Errorf("%s: %s %s:\n%d %s %.300s\nover plain HTTP:\n%d %s %.300s", way, r.method, r.path, answer.status, gotHeader, answer.body, want.status, wantHeader, want.body)
			}
		}
	}
}

// HTTP/2 sends many responses at once, and clients cancel some of them:
// no client gets bytes of another response.
func TestStreamsAreApart(t *testing.T) {
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}), emulator.WithFixture("busy=200"),
		emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	client := trusting(t, e, e.CA())
	list := func(query string) string {
		return fetch(t, client, "GET", "https://localhost/v1/instances?limit=200"+query, e.Key(), "").body
	}
	up, down := list("&sort=created_at"), list("&sort=-created_at")
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for range 10 {
				if n%2 == 0 {
					if list("&sort=created_at") != up || list("&sort=-created_at") != down {
						t.Error("another answer")
					}
					continue
				}
				ctx, cancel := context.WithCancel(t.Context())
				r, _ := http.NewRequestWithContext(ctx, "GET", "https://localhost/v1/instances?limit=200", nil)
				r.Header.Set("Authorization", "Bearer "+e.Key())
				if resp, err := client.Do(r); err == nil {
					_, _ = io.ReadFull(resp.Body, make([]byte, 100))
					cancel()
					_ = resp.Body.Close()
				}
				cancel()
			}
		})
	}
	group.Wait()
}

// The CA of a directory is found again, by another emulator and by LocalCA
// for it (S32).
func TestCAOfADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	a := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{Dir: dir}))
	b := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{Dir: dir}))
	known, err := emulator.LocalCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil || known.Path != filepath.Join(dir, "ca.pem") || !bytes.Equal(known.PEM, file) || !bytes.Equal(a.CA(), file) || !bytes.Equal(b.CA(), file) {
		t.Errorf("%+v, %v", known, err)
	}
	if got := strings.Join(known.Scope, " "); got != "localhost skystack.dev host.docker.internal 127.0.0.0/8 ::1" || time.Until(known.Until) < 9*365*24*time.Hour {
		t.Errorf("good for %s until %v", got, known.Until)
	}
	for _, e := range []*emulator.Emulator{a, b} {
		if answer := fetch(t, trusting(t, e, file), "GET", "https://localhost/healthz", "", ""); answer.status != 200 {
			t.Errorf("%+v", answer)
		}
	}
	if _, err := emulator.LocalCA(dir, "new.test"); err == nil || !strings.Contains(err.Error(), "skystack-sandbox ca --renew --tls-dir "+dir+" --tls-name new.test") {
		t.Errorf("a name it was not made with: %v", err)
	}
	renewed, err := emulator.RenewLocalCA(dir, "new.test")
	if err != nil || !slices.Contains(renewed.Scope, "new.test") {
		t.Errorf("%+v, %v", renewed, err)
	}
	c := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{Dir: dir, Names: []string{"new.test"}}))
	if answer := fetch(t, trusting(t, c, renewed.PEM), "GET", "https://new.test/healthz", "", ""); answer.status != 200 {
		t.Errorf("%+v", answer)
	}
}

// A certificate of one's own is shown as it is, and its names are served (S21).
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := selfSigned(t, cert, key, "sandbox.corp.test", "*.apps.test")
	e := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{Dir: "/no/such/place", CertFile: cert, KeyFile: key, Names: []string{"x.apps.test"}}))
	if !bytes.Equal(e.CA(), text) {
		t.Errorf("CA %s", e.CA())
	}
	client := trusting(t, e, text)
	for _, host := range []string{"sandbox.corp.test", "x.apps.test"} {
		if answer := fetch(t, client, "GET", "https://"+host+"/healthz", "", ""); answer.status != 200 {
			t.Errorf("%s: %+v", host, answer)
		}
	}
	if answer := fetch(t, client, "GET", "https://y.apps.test/healthz", "", ""); answer.status != 403 {
		t.Errorf("a name that a wildcard stands for: %+v", answer)
	}
}

// What HTTPS cannot be had with is said before anything listens.
func TestWrongHTTPS(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		https emulator.HTTPS
		want  string
	}{
		"a wrong name":   {emulator.HTTPS{Names: []string{"localhost", "a b", "*.test"}}, `"a b" is not the name or address of a host: write it alone, without scheme, port or wildcard, as in sandbox.test or 192.0.2.10` + "\n" + `"*.test" is not the name or address of a host: write it alone, without scheme, port or wildcard, as in sandbox.test or 192.0.2.10`},
		"no key":         {emulator.HTTPS{CertFile: file}, "a certificate of your own needs its key, and a key its certificate: give both"},
		"no certificate": {emulator.HTTPS{KeyFile: file}, "a certificate of your own needs its key, and a key its certificate: give both"},
		"a missing file": {emulator.HTTPS{CertFile: file + "s", KeyFile: file}, "cannot read the certificate " + file + "s: no such file or directory"},
		"no directory":   {emulator.HTTPS{Dir: file}, "no place for the CA: " + file + " is not a directory"},
	} {
		if e, err := emulator.New(emulator.WithHTTPS(tc.https)); err == nil || err.Error() != tc.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, tc.want)
			if err == nil {
				_ = e.Close()
			}
		}
	}
	e := emulator.Start(t)
	if e.CA() != nil {
		t.Errorf("a CA without HTTPS: %s", e.CA())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.ServeHTTPS(l); err == nil || err.Error() != "there is no certificate to serve HTTPS with: use WithHTTPS" {
		t.Errorf("ServeHTTPS: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener: %v", err)
	}
	func() {
		defer func() {
			if p := recover(); p != "emulator: there is no certificate for HTTPSURL: use WithHTTPS" {
				t.Errorf("HTTPSURL: %v", p)
			}
		}()
		_ = e.HTTPSURL()
	}()
	over := emulator.Start(t, emulator.WithHTTPS(emulator.HTTPS{}))
	if err := over.Close(); err != nil {
		t.Error(err)
	}
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := over.ServeHTTPS(l); err == nil || err.Error() != "the emulator is closed" {
		t.Errorf("ServeHTTPS after Close: %v", err)
	}
}
