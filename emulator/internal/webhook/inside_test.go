package webhook

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "-1", "1e9", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		f.Add(s, int64(1774000000))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		if d := retryAfter(value, time.Unix(now, 0)); d < 0 || d > maxRetryAfter {
			t.Errorf("%q is %v", value, d)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("ok"))
	f.Add([]byte("a\xff\xfe€"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for range 3 { // also long ones
			if s := text(body); len(s) > maxKept || !utf8.ValidString(s) {
				t.Errorf("%d bytes, %q", len(s), s)
			}
			body = append(body, body...)
		}
	})
}

// idle is a transport whose connections turn out to be closed when they are used
// again, without a byte or after some.
type idle struct {
	used   bool // before
	writes int
	tries  int
	good   int // the try that succeeds
}

func (i *idle) RoundTrip(r *http.Request) (*http.Response, error) {
	i.tries++
	here, there := net.Pipe()
	defer here.Close() //nolint:errcheck // of the test
	go func() { _, _ = io.Copy(io.Discard, there) }()
	c := newConn(here)
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Conn: c, Reused: i.used})
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != "{}" {
		return nil, errors.New("no body")
	}
	if _, err := c.Write(body[:i.writes]); err != nil {
		return nil, err
	}
	if i.tries == i.good {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}
	return nil, errors.New("http: server closed idle connection")
}

// A request is sent again on another connection, whole, when the one it was given
// had been closed before anything was written, and only then.
func TestRetryOnFreshConnection(t *testing.T) {
	for name, tc := range map[string]struct {
		idle
		tries int
		error string
	}{
		"nothing written":   {idle{used: true, good: 3}, 3, ""},
		"something written": {idle{used: true, writes: 1, good: 2}, 1, ConnectionClosed},
		"fresh connection":  {idle{good: 2}, 1, ConnectionClosed},
		"no end":            {idle{used: true}, idlePerHost + 2, ConnectionClosed},
	} {
		s := &Sender{Transport: &tc.idle}
		out := s.Send(t.Context(), Message{URL: "http://receiver.test/", Body: []byte("{}")}, Options{})
		if out.Error != tc.error || tc.tries != tc.idle.tries {
			t.Errorf("%s: %+v after %d tries, want %d", name, out, tc.idle.tries, tc.tries)
		}
	}
}
