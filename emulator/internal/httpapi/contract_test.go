package httpapi

import (
	"strings"
	"testing"
)

// The document is the table of routes: an operation without a handler and a
// handler without an operation stop the server from being made.
func TestHandlersFitTheContract(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*API)
		want   string
	}{
		"an operation without a handler": {func(a *API) { a.Handlers = a.Handlers[1:] }, "operation listObjects (GET /objects) has no handler"},
		"a handler without an operation": {func(a *API) {
			a.Handlers = append(a.Handlers, Handle("deleteThing", func(*Call, nothing) (nothing, error) { return nothing{}, nil }))
		}, "handler deleteThing has no operation"},
		"a handler for an alias": {func(a *API) {
			a.Handlers = append(a.Handlers, Handle("listObjects", func(*Call, nothing) (nothing, error) { return nothing{}, nil }))
		}, "handler listObjects has no operation"},
		"two handlers for one": {func(a *API) { a.Handlers = append(a.Handlers, a.Handlers[0]) }, "operation listThings has two handlers"},
		"all is well":          {func(*API) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestAPI(t)
			tc.change(p.api)
			_, err := NewServer(Options{}, p.api)
			if got := message(err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A document that cannot be served is refused with the operation that is wrong.
func TestDocumentsThatCannotBeServed(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, want string }{
		"not YAML":               {"openapi: 3.0.3", "openapi: [3.0.3", "openapi document"},
		"no success":             {"'201'", "'400'", "POST /things: no successful response"},
		"a parameter of objects": {"{type: integer, minimum: 1}", "{type: object}", "GET /things: query parameter limit"},
		"a parameter of any":     {"{type: integer, minimum: 1}", "{}", "GET /things: query parameter limit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadContract([]byte(strings.Replace(tiny, tc.from, tc.to, 1)), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
}

// What the contract says of its operations.
func TestOperations(t *testing.T) {
	contract, err := LoadContract([]byte(tiny), textLoader(tiny))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range contract.Operations {
		line := o.Method + " " + o.Path + " " + o.ID + "=" + o.Canonical
		if o.Public {
			line += " public"
		}
		if o.Documented {
			line += " documented"
		}
		got = append(got, line)
	}
	want := "GET /health getHealth=getHealth public, GET /objects listObjects=listThings, GET /things listThings=listThings documented, POST /things createThing=createThing"
	if line := strings.Join(got, ", "); line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
}

// Only what the documents print is served when that is asked for, and what needs
// no token besides; the rest is no route.
func TestDocumentedOnly(t *testing.T) {
	p := newTestAPI(t)
	p.api.DocumentedOnly = true
	s := p.serve(t, Options{})
	for target, want := range map[string]int{"GET /things": 200, "GET /health": 200, "GET /objects": 404, "POST /things": 405, "OPTIONS /objects": 404} {
		method, path, _ := strings.Cut(target, " ")
		if w := send(s, method, path, ""); w.Code != want {
			t.Errorf("%s: got %d %s, want %d", target, w.Code, w.Body, want)
		}
	}
	if got := send(s, "OPTIONS", "/things", "").Header().Get("Allow"); got != "GET, HEAD, OPTIONS" {
		t.Errorf("Allow: %s", got)
	}
}
