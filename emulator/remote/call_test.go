package remote

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"skystack.dev/sandbox/emulator/sandbox"
)

// One call after another takes one connection, whatever is answered.
func TestConnectionsAreReused(t *testing.T) {
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/_sandbox/workspace":
			_, _ = io.WriteString(w, described)
		case "/_sandbox/instances":
			_, _ = io.WriteString(w, `{"data":[]}`)
		case "/_sandbox/reset":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, refused("instance_not_found", strings.Repeat("No.", 10_000)))
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	w, err := dial(t, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		w.Instances()
		w.Reset()
		w.Instance("ins_1")
		if err := w.Import(strings.NewReader("{}")); err == nil {
			t.Error("it was taken")
		}
	}
	if n := conns.Load(); n != 1 || w.Err() != nil {
		t.Errorf("%d connections, %v", n, w.Err())
	}
}

// No response of a server makes a call panic, shows a token, or is more than a
// screenful, and what is not the expected status is an error.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "application/json", "", `{"data":[{"id":"ins_1","name":"a","status":"running"}]}`)
	f.Add(200, "application/json; charset=utf-8", "", `{"data":null}`)
	f.Add(404, "application/json", "", refused("instance_not_found", "No."))
	f.Add(400, "application/json", "", `{"error":{"code":"c","message":"m","details":[{"field":null,"message":"x","extra":[1]}]}}`)
	f.Add(400, "application/json", "", `{"error":{"code":"c","details":{"field":3}}}`)
	f.Add(302, "text/html", "http://elsewhere/"+testKey, testKey+testAdmin+"\xff\x00\r\n")
	f.Add(302, "0", "h\b\x04ttp://elsewhere/"+testKey, "") // net/http repeats it
	f.Fuzz(func(t *testing.T, code int, kind, location, body string) {
		if code < 200 || code > 999 || len(kind)+len(location)+len(body) > 1<<16 {
			return // no server answers so
		}
		answering := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
			if location != "" {
				resp.Header.Set("Location", location)
			}
			if r.URL.Path == "/_sandbox/workspace" {
				resp.StatusCode, resp.Body = 200, io.NopCloser(strings.NewReader(described))
				resp.Header.Set("Content-Type", "application/json")
			}
			return resp, nil
		})}
		w, err := New(t.Context(), "http://sandbox", testKey, WithAdminToken(testAdmin), WithHTTPClient(answering))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Close() }()
		all := w.Instances()
		if code != 200 && (w.Err() == nil || all != nil) {
			t.Errorf("%d was taken for a success", code)
		}
		_, created := w.CreateInstance(sandbox.Instance{})
		for _, err := range []error{w.Err(), created} {
			if err == nil {
				continue
			}
			if text := err.Error(); strings.Contains(text, testKey) || strings.Contains(text, testAdmin) {
				t.Errorf("a token is shown: %s", text)
			}
		}
	})
}
