// Package wire has the verbs in which the project's tests speak to a sandbox, so
// that they read like the wire. Every response is validated against the contract by
// kin-openapi's own reading, whatever the sandbox thinks of it. Only tests
// import it.
package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

// Server is a workspace of a sandbox and a key to it.
type Server struct {
	sandbox.Workspace
	T      *testing.T
	key    string
	base   string
	client *http.Client
	end    func() error
}

// Close ends a sandbox made by Start before its test does.
func (s *Server) Close() {
	if err := s.end(); err != nil {
		s.T.Errorf("close: %v", err)
	}
}

// Start returns a sandbox behind the in-process door.
func Start(t *testing.T, opts ...emulator.Option) *Server {
	t.Helper()
	e := emulator.Start(t, checked(opts)...)
	s := inProcess(t, e)
	s.end = e.Close
	return s
}

// In speaks to a workspace through its own client.
func In(t *testing.T, w sandbox.Workspace) *Server {
	switch w.(type) {
	case *emulator.Emulator, *emulator.Workspace:
		return inProcess(t, w)
	}
	return &Server{Workspace: w, T: t, key: w.Key(), base: w.URL(), client: w.Client()}
}

// inProcess opens no socket.
func inProcess(t *testing.T, w sandbox.Workspace) *Server {
	return &Server{Workspace: w, T: t, key: w.Key(), base: "http://sandbox.api.skystack.dev", client: w.Client()}
}

// checked makes the sandbox validate its responses against the contract too.
func checked(opts []emulator.Option) []emulator.Option {
	return append([]emulator.Option{emulator.WithResponseCheck()}, opts...)
}

// Doors runs a test through all doors, in parallel: in-process, over a socket, and
// over a socket with every command given by the control API.
func Doors(t *testing.T, test func(t *testing.T, start func(opts ...emulator.Option) *Server)) {
	t.Run("in-process", func(t *testing.T) {
		t.Parallel()
		test(t, func(opts ...emulator.Option) *Server { return Start(t, opts...) })
	})
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		test(t, func(opts ...emulator.Option) *Server {
			s := Start(t, opts...)
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			s.base, s.client = s.URL(), &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			return s
		})
	})
	t.Run("remote", func(t *testing.T) {
		t.Parallel()
		test(t, func(opts ...emulator.Option) *Server {
			e := emulator.Start(t, checked(opts)...)
			return In(t, remote.Start(t, e.URL(), e.Key(), remote.WithAdminToken(e.AdminToken())))
		})
	})
}

// As is the same sandbox, spoken to with another key; "" sends none.
func (s *Server) As(key string) *Server {
	other := *s
	other.key = key
	return &other
}

// With is the same sandbox in a subtest.
func (s *Server) With(t *testing.T) *Server {
	other := *s
	other.T = t
	return &other
}

// Path is the URL of a path of the sandbox.
func (s *Server) Path(path string) string { return s.base + path }

// Get sends a GET; headers are names and values in turn.
func (s *Server) Get(path string, headers ...string) *Reply {
	s.T.Helper()
	return s.Send(http.MethodGet, path, "", headers...)
}

// Post sends a POST with a JSON body.
func (s *Server) Post(path, body string, headers ...string) *Reply {
	s.T.Helper()
	return s.Send(http.MethodPost, path, body, headers...)
}

// Patch sends a PATCH with a JSON body.
func (s *Server) Patch(path, body string, headers ...string) *Reply {
	s.T.Helper()
	return s.Send(http.MethodPatch, path, body, headers...)
}

// Delete sends a DELETE.
func (s *Server) Delete(path string, headers ...string) *Reply {
	s.T.Helper()
	return s.Send(http.MethodDelete, path, "", headers...)
}

// Send sends a request. A body is sent as application/json unless the headers
// say otherwise; a header with the value "-" is left out; the same name twice
// sends two lines.
func (s *Server) Send(method, path, body string, headers ...string) *Reply {
	s.T.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, s.base+path, reader)
	if err != nil {
		s.T.Fatalf("%s %s: %v", method, path, err)
	}
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	own := map[string]bool{}
	for i := 0; i+1 < len(headers); i += 2 {
		name, value := http.CanonicalHeaderKey(headers[i]), headers[i+1]
		if !own[name] {
			r.Header.Del(name)
		}
		own[name] = true
		if name == "Host" {
			r.Host = value
		} else if value != "-" {
			r.Header.Add(name, value)
		}
	}
	return s.Do(r)
}

// Do sends a request as it is.
func (s *Server) Do(r *http.Request) *Reply {
	s.T.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.T.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	body, err := whole(resp)
	_ = resp.Body.Close()
	if err != nil {
		s.T.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	if err := Check(r, resp.StatusCode, resp.Header, body); err != nil {
		s.T.Errorf("%s %s: the answer breaks the contract: %v\n%s", r.Method, r.URL, err, body)
	}
	return &Reply{T: s.T, What: r.Method + " " + r.URL.RequestURI(), Status: resp.StatusCode, Head: resp.Header, Body: body}
}

// whole is the body of a response; of a stream, which has no end, what it begins
// with, up to the first comment or empty line.
func whole(resp *http.Response) ([]byte, error) {
	if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Request.Method == http.MethodHead {
		return io.ReadAll(resp.Body)
	}
	var body []byte
	for from := bufio.NewReader(resp.Body); ; {
		line, err := from.ReadBytes('\n')
		body = append(body, line...)
		if err != nil || len(line) == 1 || line[0] == ':' {
			return body, err
		}
	}
}

// Reply is a response.
type Reply struct {
	T      *testing.T
	What   string
	Status int
	Head   http.Header
	Body   []byte
}

// Wants asserts the status.
func (r *Reply) Wants(status int) *Reply {
	r.T.Helper()
	if r.Status != status {
		r.T.Fatalf("%s: got %d, want %d\n%s", r.What, r.Status, status, r.Body)
	}
	return r
}

// Refused asserts the status and the code of an error.
func (r *Reply) Refused(status int, code string) *Reply {
	r.T.Helper()
	return r.Wants(status).Has("error.code", code)
}

// Header asserts a header; "" asserts that there is none.
func (r *Reply) Header(name, want string) *Reply {
	r.T.Helper()
	if got := strings.Join(r.Head.Values(name), " | "); got != want {
		r.T.Errorf("%s: %s: got %q, want %q", r.What, name, got, want)
	}
	return r
}

// Has asserts a member of the body by its path, as in data.0.id. Numbers are
// compared as int or float64; nil is null.
func (r *Reply) Has(path string, want any) *Reply {
	r.T.Helper()
	got, ok := r.Find(path)
	if n, isInt := want.(int); isInt {
		want = float64(n)
	}
	if !ok || !reflect.DeepEqual(got, want) {
		r.T.Fatalf("%s: %s: got %#v (there: %v), want %#v\n%s", r.What, path, got, ok, want, r.Body)
	}
	return r
}

// Lacks asserts that a member is not there, not even as null.
func (r *Reply) Lacks(path string) *Reply {
	r.T.Helper()
	if got, ok := r.Find(path); ok {
		r.T.Fatalf("%s: %s: got %#v, want no such member\n%s", r.What, path, got, r.Body)
	}
	return r
}

// Text is a member of the body that is a string.
func (r *Reply) Text(path string) string {
	r.T.Helper()
	got, _ := r.Find(path)
	s, ok := got.(string)
	if !ok {
		r.T.Fatalf("%s: %s: got %#v, want a string\n%s", r.What, path, got, r.Body)
	}
	return s
}

// Int is a member of the body that is a whole number.
func (r *Reply) Int(path string) int {
	r.T.Helper()
	got, _ := r.Find(path)
	f, ok := got.(float64)
	if !ok || f != float64(int(f)) {
		r.T.Fatalf("%s: %s: got %#v, want a whole number\n%s", r.What, path, got, r.Body)
	}
	return int(f)
}

// Find is a member of the body by its path, and whether it is there.
func (r *Reply) Find(path string) (any, bool) {
	var v any
	if err := json.NewDecoder(bytes.NewReader(r.Body)).Decode(&v); err != nil {
		return nil, false
	}
	if path == "" {
		return v, true
	}
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			inner, ok := at[name]
			if !ok {
				return nil, false
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Strings collects a member of each element of a list, as in IDs("data", "id").
func (r *Reply) Strings(list, member string) []string {
	r.T.Helper()
	got, _ := r.Find(list)
	items, ok := got.([]any)
	if !ok {
		r.T.Fatalf("%s: %s: got %#v, want a list\n%s", r.What, list, got, r.Body)
	}
	out := make([]string, len(items))
	for i := range items {
		out[i] = r.Text(list + "." + strconv.Itoa(i) + "." + member)
	}
	return out
}
