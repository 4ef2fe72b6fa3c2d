package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"go.uber.org/goleak"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tokens of the rig, and what they may do.
const (
	keyA   = "key-a"      // everything in wsp_a
	keyB   = "key-b"      // everything in wsp_b
	narrow = "key-narrow" // little in wsp_a
	bound  = "key-bound"  // everything in a project of wsp_a
	admin  = "sky_admin_test"
)

// testServer is the API before fakes: wsp_a, which is the default workspace, and wsp_b.
// It is the server of the API as well.
type testServer struct {
	api     *API
	server  *httpapi.Server
	a, b    *fakeWorkspace
	mu      sync.Mutex
	spaces  map[string]*fakeWorkspace
	worlds  map[string]*engine.World
	calls   []string
	failure error
	gone    *engine.World
	pem     []byte
	origins []string
}

func newTestServer(t testing.TB, change ...func(*testServer)) *testServer {
	t.Helper()
	r := &testServer{spaces: map[string]*fakeWorkspace{}, worlds: map[string]*engine.World{}, pem: []byte("-----BEGIN CERTIFICATE-----\n")}
	r.addWorkspace(t, "wsp_b", "")
	r.gone = r.worlds["wsp_b"] // and another has its id
	r.a, r.b = r.addWorkspace(t, "wsp_a", keyA), r.addWorkspace(t, "wsp_b", keyB)
	for _, f := range change {
		f(r)
	}
	var err error
	r.api, err = New(Config{
		Server: r, Home: "wsp_a", Admin: func(token string) bool { return token == admin }, Bearer: bearer, Authenticate: r.authenticate, Like: &httpapi.API{RenderError: skystack.Refuse, Hosts: skystack.Hosts(), Headers: skystack.Headers()}, Secure: func(*http.Request) error { return nil },
		Workspace: func(id string) (sandbox.Workspace, bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			f := r.spaces[id]
			return f, f != nil
		},
		OnBehalf: func(id, _ string) (sandbox.Workspace, bool) { return r.api.Workspace(id) },
		World: func(id string) *engine.World {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.worlds[id]
		},
		Pages:   fakePages{r},
		Stacks:  fakeStackPages{fakePages{r}},
		Names:   fakeNames{},
		Origins: r.origins,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.api.Close)
	described, err := r.api.HTTP()
	if err != nil {
		t.Fatal(err)
	}
	r.server, err = httpapi.NewServer(httpapi.Options{Home: r.worlds["wsp_a"], CheckResponses: true, Origins: r.origins}, described)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fakeNames knows every name but nonesuch.
type fakeNames struct{}

func (fakeNames) check(name string) error {
	if name == "nonesuch" {
		return invalidMember(fail.Query, "name", "unknown_value", "There is no nonesuch.")
	}
	return nil
}
func (n fakeNames) CheckRequestMatch(m sandbox.Match) error    { return n.check(m.Operation) }
func (n fakeNames) CheckEventMatch(m sandbox.EventMatch) error { return n.check(m.Type) }
func (n fakeNames) CheckDeliveryMatch(_ *engine.World, m sandbox.DeliveryMatch) error {
	return n.check(m.EventType)
}

// fakePages are the parts of what fakes show; a place is a number of items.
type fakePages struct{ *testServer }

func (p fakePages) of(w *engine.World) *fakeWorkspace {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spaces[w.ID()]
}

func part[T any](items []T, after string, most int) ([]T, string, error) {
	from := 0
	if after != "" {
		n, err := strconv.Atoi(after)
		if err != nil || n < 1 || n >= len(items) {
			return nil, "", engine.ErrCursor
		}
		from = n
	}
	if items = items[from:]; len(items) > most {
		return items[:most], strconv.Itoa(from + most), nil
	}
	return items, "", nil
}

func (p fakePages) InstancesPage(w *engine.World, after string, most int) ([]sandbox.Instance, string, error) {
	return part(p.of(w).Instances(), after, most)
}

func (p fakePages) ProjectsPage(w *engine.World, after string, most int) ([]sandbox.Project, string, error) {
	return part(p.of(w).Projects(), after, most)
}

func (p fakePages) EventsPage(w *engine.World, m sandbox.EventMatch, after string, most int) ([]sandbox.APIEvent, string, error) {
	return part(p.of(w).Events(m), after, most)
}

func (p fakePages) DeliveriesPage(w *engine.World, m sandbox.DeliveryMatch, after string, most int) ([]sandbox.Delivery, string, error) {
	return part(p.of(w).Deliveries(m), after, most)
}

func (p fakePages) AgendaPage(w *engine.World, after string, most int) ([]sandbox.Event, string, error) {
	return part(p.of(w).Agenda(), after, most)
}

// addWorkspace adds a workspace.
func (r *testServer) addWorkspace(t testing.TB, id, key string) *fakeWorkspace {
	t.Helper()
	world, err := engine.NewWorld(engine.NewSchema(), engine.Config{ID: id, Clock: engine.Clock{Mode: engine.Frozen, Now: testTime()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	f := newFake(id, key)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spaces[id], r.worlds[id] = f, world
	return f
}

// bearer is as strict as that of the API, which has the tests of it.
func bearer(q *http.Request) (string, error) {
	return new(skystack.API).Bearer(q, "a key or the admin token")
}

func unauthenticated(code string) error {
	return &fail.Error{Kind: fail.Unauthenticated, Code: code, Message: "The token is of no use.", Challenge: "Bearer"}
}

func (r *testServer) authenticate(token string) (*engine.World, sandbox.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch token {
	case keyA:
		return r.worlds["wsp_a"], sandbox.Key{ID: "tok_wsp_a"}, nil
	case keyB:
		return r.worlds["wsp_b"], sandbox.Key{ID: "tok_wsp_b", Scopes: []string{"*"}}, nil
	case narrow:
		return r.worlds["wsp_a"], sandbox.Key{ID: "tok_narrow", Scopes: []string{"instances:read"}}, nil
	case bound:
		return r.worlds["wsp_a"], sandbox.Key{ID: "tok_bound", Project: "prj_a", Scopes: []string{"*"}}, nil
	case "key-gone": // of a workspace that has ended, whose id another has
		return r.gone, sandbox.Key{ID: "tok_gone"}, nil
	case "key-expired":
		return nil, sandbox.Key{}, unauthenticated("token_expired")
	default:
		return nil, sandbox.Key{}, unauthenticated("invalid_token")
	}
}

func (r *testServer) record(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
	return r.failure
}

// takeCalls returns what all were told since it was last asked: the server, wsp_a and
// wsp_b.
func (r *testServer) takeCalls() []string {
	r.mu.Lock()
	calls := r.calls
	r.calls = nil
	r.mu.Unlock()
	for _, f := range []*fakeWorkspace{r.a, r.b} {
		for _, call := range f.takeCalls() {
			calls = append(calls, strings.TrimPrefix(f.id, "wsp_")+"."+call)
		}
	}
	return calls
}

func (r *testServer) Workspaces() []sandbox.Workspace {
	_ = r.record("Workspaces")
	return []sandbox.Workspace{r.a, r.b}
}

// made is the workspace that Add and Fork give back: wsp_b, which is there.
func (r *testServer) made(err error) (sandbox.Workspace, error) {
	if err != nil {
		return nil, err
	}
	return r.b, nil
}

func (r *testServer) AddWorkspace(s sandbox.Setup) (sandbox.Workspace, error) {
	return r.made(r.record("AddWorkspace %s", jsonText(s)))
}

func (r *testServer) ForkWorkspace(of string, at sandbox.Snapshot, id string) (sandbox.Workspace, error) {
	text := "now"
	if at != nil {
		text = strings.TrimSuffix(at.Dump(), "\n")
	}
	return r.made(r.record("ForkWorkspace %s at %s as %q", of, text, id))
}

func (r *testServer) RemoveWorkspace(id string) error { return r.record("RemoveWorkspace %s", id) }

func (r *testServer) ForgetRequests(id string) error { return r.record("ForgetRequests %s", id) }

func (r *testServer) Metrics(w io.Writer) error {
	_, _ = io.WriteString(w, "up 1\n")
	return r.record("Metrics")
}

func (r *testServer) CA() []byte { return r.pem }

// response is a response.
type response struct {
	status int
	header http.Header
	body   string
}

// send makes a request; headers are names and values in turn. The response is held
// against the contract by kin-openapi's own reading.
func (r *testServer) send(t testing.TB, method, target, token, body string, headers ...string) response {
	t.Helper()
	return r.serve(t, request(t.Context(), method, target, token, strings.NewReader(body), headers...))
}

func request(ctx context.Context, method, target, token string, body io.Reader, headers ...string) *http.Request {
	q := httptest.NewRequestWithContext(ctx, method, target, body)
	q.Host = "127.0.0.1:8080"
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	if q.ContentLength != 0 {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if q.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			q.Host = headers[i+1]
		}
	}
	return q
}

func (r *testServer) serve(t testing.TB, q *http.Request) response {
	t.Helper()
	w := httptest.NewRecorder()
	r.server.ServeHTTP(w, q)
	out := response{w.Code, w.Header(), w.Body.String()}
	if err := check(q, w.Code, w.Header(), w.Body.Bytes()); err != nil {
		t.Errorf("%s %s: %d breaks the contract: %v\n%s", q.Method, q.URL, w.Code, err, out.body)
	}
	return out
}

// refused asserts the status and code of an error.
func (r response) refused(t testing.TB, status int, code string) {
	t.Helper()
	if r.status != status || !strings.HasPrefix(r.body, `{"error":{"code":"`+code+`",`) {
		t.Errorf("got %d %s, want %d %s", r.status, r.body, status, code)
	}
}

// wants asserts the status and the body.
func (r response) wants(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("got %d %s\nwant %d %s", r.status, r.body, status, body)
	}
}

// document is the contract as kin-openapi reads it, and oracle its router.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err == nil {
		doc.Servers = nil // the router would match hosts
	}
	return doc, err
})

var oracle = sync.OnceValues(func() (routers.Router, error) {
	doc, err := document()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// check validates a response against the contract. One that belongs to no operation
// must be an error envelope.
func check(q *http.Request, status int, header http.Header, body []byte) error {
	if id := header.Get("X-Request-Id"); !strings.HasPrefix(id, "ctl_") {
		return fmt.Errorf("the request id is %q", id)
	}
	if header.Get("Cache-Control") != "no-store" || status >= 400 && header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Date") == "" {
		return fmt.Errorf("headers %v", header)
	}
	if q.Method == http.MethodHead || q.Method == http.MethodOptions && status < 400 {
		return nil
	}
	if status == http.StatusOK && string(body) == served() {
		return nil // it takes long to read
	}
	router, err := oracle()
	if err != nil {
		return err
	}
	asked := q.Clone(context.Background())
	asked.Body = http.NoBody
	route, params, err := router.FindRoute(asked)
	if err != nil || status == http.StatusMethodNotAllowed {
		if status < 400 || !bytes.HasPrefix(body, []byte(`{"error":{"code":"`)) {
			return errors.New("no operation is there")
		}
		return nil
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}

// operations are those of the contract.
func operations(t testing.TB) []*httpapi.Operation {
	t.Helper()
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(c.Operations)
}

// pathOf is the path of an operation about an object.
func pathOf(o *httpapi.Operation, id string) string { return strings.ReplaceAll(o.Path, "{id}", id) }
