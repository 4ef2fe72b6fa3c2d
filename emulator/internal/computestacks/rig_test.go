package computestacks

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// rig is a world of the API with the default world on a frozen clock, behind a server
// that validates every response against the contract.
type rig struct {
	t     *testing.T
	a     *API
	w     *engine.World
	serve http.Handler
	hand  sandbox.ComputeStacksCredentials
	// auth is the Authorization header of the requests that follow; at first the API
	// credentials of the default user.
	auth string
}

var start = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// newRig returns a rig. change alters the configuration; nil changes nothing.
func newRig(t *testing.T, change ...func(c *Config)) *rig {
	t.Helper()
	schema, registry := engine.NewSchema(), engine.NewRegistry()
	c := Config{Registry: registry}
	for _, f := range change {
		f(&c)
	}
	a := New(schema, c)
	w, err := engine.NewWorld(schema, engine.Config{ID: "wsp_default", Seed: 1, Clock: engine.Clock{Mode: engine.Frozen, Now: start}, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := registry.Add(w); err != nil {
		t.Fatal(err)
	}
	if err := a.Seed(w, &fixtures.Fixture{}); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, a: a, w: w, hand: sandbox.ComputeStacksCredentialsOf("sky_test_key", 1)}
	if err := a.Attach(w, r.hand); err != nil {
		t.Fatal(err)
	}
	w.SetBaseline()
	api, err := a.HTTP()
	if err != nil {
		t.Fatal(err)
	}
	if r.serve, err = httpapi.NewServer(httpapi.Options{Home: w, CheckResponses: true}, api); err != nil {
		t.Fatal(err)
	}
	r.auth = basic(r.hand.Username, r.hand.Password)
	return r
}

// basic is the Authorization header of API credentials.
func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// response is a response as tests compare it.
type response struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
}

// send is sends, and fails the test if the server fails.
func (r *rig) send(method, path string, body any, headers ...string) response {
	r.t.Helper()
	got := r.sends(method, path, body, headers...)
	if got.Status >= http.StatusInternalServerError {
		r.t.Fatalf("%s %s: %d %s", method, path, got.Status, got.Body)
	}
	return got
}

// sends sends a request. A body that is a string is sent as it is, other ones as JSON; nil
// sends none. Further arguments are names and values of headers.
func (r *rig) sends(method, path string, body any, headers ...string) response {
	r.t.Helper()
	var content io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		content = strings.NewReader(string(text))
	}
	req := httptest.NewRequest(method, "http://127.0.0.1"+path, content)
	if content != nil {
		req.Header.Set("Content-Type", kind)
	}
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	for n := 0; n+1 < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	r.serve.ServeHTTP(w, req)
	for _, check := range []func(*http.Request, int, http.Header, []byte) error{checkByKin, record} {
		if err := check(req, w.Code, w.Header(), w.Body.Bytes()); err != nil {
			r.t.Errorf("%s %s: %d: %v", method, path, w.Code, err)
		}
	}
	return response{r.t, w.Code, w.Header(), strings.TrimSpace(w.Body.String())}
}

func (r *rig) get(path string, headers ...string) response {
	r.t.Helper()
	return r.send(http.MethodGet, path, nil, headers...)
}

func (r *rig) post(path string, body any, headers ...string) response {
	r.t.Helper()
	return r.send(http.MethodPost, path, body, headers...)
}

func (r *rig) patch(path string, body any, headers ...string) response {
	r.t.Helper()
	return r.send(http.MethodPatch, path, body, headers...)
}

func (r *rig) delete(path string, headers ...string) response {
	r.t.Helper()
	return r.send(http.MethodDelete, path, nil, headers...)
}

// wants fails the test unless the response has a status.
func (a response) wants(status int) response {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// is fails the test unless the response has a status and exactly a body.
func (a response) is(status int, body string) {
	a.t.Helper()
	if a.wants(status); a.Body != body {
		a.t.Fatalf("body\n%s\nwant\n%s", a.Body, body)
	}
}

// refused fails the test unless the response has a status and lists exactly messages.
func (a response) refused(status int, messages ...string) {
	a.t.Helper()
	want, err := httpapi.EncodeJSON(errorBody{nonNil(messages)})
	if err != nil {
		a.t.Fatal(err)
	}
	a.is(status, string(want))
}

// at returns the value at a path of the body, as "order.id" or "projects.0.name".
func (a response) at(path string) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	for _, step := range strings.Split(path, ".") {
		switch of := v.(type) {
		case map[string]any:
			v = of[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(of) {
				return nil
			}
			v = of[n]
		default:
			return nil
		}
	}
	return v
}

// text is at as a text; numbers are written without a fraction.
func (a response) text(path string) string {
	a.t.Helper()
	if f, ok := a.at(path).(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(a.at(path))
}

// as returns a copy of the rig whose requests have an Authorization header.
func (r *rig) as(auth string) *rig {
	c := *r
	c.auth = auth
	return &c
}

// user returns a copy of the rig whose requests come from the user with an id, with API
// credentials of the user. The second user of the default world has the id 2.
func (r *rig) user(id int) *rig {
	r.t.Helper()
	var username, password string
	_ = r.w.Do(func(tx *engine.Tx) error {
		username, password = r.a.issueCredential(tx, id, "test", "")
		return nil
	})
	return r.as(basic(username, password))
}

// newUser adds a user and returns a copy of the rig whose requests come from them.
func (r *rig) newUser(u User) *rig {
	r.t.Helper()
	_ = r.w.Do(func(tx *engine.Tx) error {
		u = r.a.addUser(tx, u, tx.Now())
		return nil
	})
	return r.user(u.ID)
}

// token returns a copy of the rig whose requests have an access token of a user with
// scopes; user 0 is a token of client credentials. It lives two hours.
func (r *rig) token(user int, scopes ...string) *rig {
	r.t.Helper()
	var plain string
	_ = r.w.Do(func(tx *engine.Tx) error {
		k := credential.Key{Scopes: nonNil(scopes), Environment: bearerKind, ExpiresAt: tx.Now().Add(2 * time.Hour)}
		if user != 0 {
			k.Owner = strconv.Itoa(user)
		}
		_, plain = r.a.Credentials.Issue(tx, "", k, bearerSecret)
		return nil
	})
	return r.as("Bearer " + plain)
}

// advance moves the clock of the world and runs what is due.
func (r *rig) advance(d time.Duration) {
	r.t.Helper()
	_ = r.w.Do(func(tx *engine.Tx) error {
		tx.AdvanceTo(tx.Now().Add(d))
		return nil
	})
}

// change runs a function in a transaction, to make what a test needs.
func (r *rig) change(f func(tx *engine.Tx)) {
	r.t.Helper()
	_ = r.w.Do(func(tx *engine.Tx) error {
		f(tx)
		return nil
	})
}
