package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// api is an API that the emulator serves. Its tables, steps and hooks are in the
// emulator's schema when it is made, before any world.
type api interface {
	// Name is the name of the API in settings.
	Name() string
	// HTTP describes the API: its prefix and contract, its handlers and pipeline, and
	// how it words errors.
	HTTP() (*httpapi.API, error)
	// Seed fills a new world with the API's part of a fixture, as a configuration has it.
	Seed(w *engine.World, f *fixtures.Fixture, c *config) error
	// RequestNames returns the names that requests to the API can have.
	RequestNames() (resource.RequestNames, error)
	// Attach makes the credentials that the API derives from a key and a seed lead to
	// the world of a new workspace.
	Attach(w *engine.World, key string, seed uint64) error
	// KeyID returns the id of a key of a world that is given by its secret or its id;
	// false if the API has no such key there.
	KeyID(w *engine.World, key string) (string, bool)
	// Alias returns the path under which the API serves a request that it recognizes by
	// its credentials; "" if it does not.
	Alias(r *http.Request) string
	// Fork changes a copy of a world that becomes a workspace of its own: what belongs to
	// the original alone is removed.
	Fork(w *engine.World)
	// Forget drops what the process holds for a world that has ended.
	Forget(w *engine.World)
}

// The APIs.
const (
	SkyStack      = sandbox.SkyStack
	ComputeStacks = sandbox.ComputeStacks
)

// APIs lists the names of all APIs.
func APIs() []string { return []string{SkyStack, ComputeStacks} }

// WithAPIs chooses the APIs that are served; requests to the others are 404. Default: all
// of APIs.
func WithAPIs(names ...string) Option {
	return func(c *config) error {
		for _, name := range names {
			if !slices.Contains(APIs(), name) {
				return fmt.Errorf("there is no API %q; use one of %s", name, strings.Join(APIs(), ", "))
			}
		}
		if len(names) == 0 {
			return errors.New("no API is chosen; use one of " + strings.Join(APIs(), ", "))
		}
		c.apis = slices.Clone(names)
		return nil
	}
}

// serves reports whether an API is served.
func (c *config) serves(name string) bool { return c.apis == nil || slices.Contains(c.apis, name) }

// ServedAPIs lists the names of the APIs that are served.
func (e *Emulator) ServedAPIs() []string {
	return slices.DeleteFunc(APIs(), func(name string) bool { return !e.asked.serves(name) })
}

// buildAPIs makes the APIs, also those that are not served: a saved state has the rows of
// all. The control API uses the error format of the first one.
func (e *Emulator) buildAPIs(c config, f *fixtures.Fixture) []api {
	sky := e.newSkyStack(c, f)
	return []api{sky, e.newComputeStacks(c, sky)}
}

// describe returns what the APIs that are served are to the server, and what the first
// one is to the control API.
func (e *Emulator) describe(c *config) (served []*httpapi.API, first *httpapi.API, err error) {
	for _, a := range e.apis {
		if first != nil && !c.serves(a.Name()) {
			continue
		}
		described, err := a.HTTP()
		if err != nil {
			return nil, nil, err
		}
		if first == nil {
			first = described
		}
		if c.serves(a.Name()) {
			served = append(served, described)
			if described.Prefix != "" {
				e.beside = append(e.beside, described.Prefix)
			}
		}
	}
	return served, first, nil
}

// attach gives a new workspace the credentials that its APIs derive from its first key.
func (e *Emulator) attach(w *Workspace) error {
	for _, a := range e.apis {
		if err := a.Attach(w.world, w.key, w.config.seed); err != nil {
			return err
		}
	}
	return nil
}

// alias returns a request as the API serves it that recognizes it by its credentials.
func (e *Emulator) alias(r *http.Request) *http.Request {
	for _, a := range e.apis {
		if path := a.Alias(r); path != "" && e.asked.serves(a.Name()) {
			moved := r.Clone(r.Context())
			moved.URL.Path, moved.URL.RawPath = path, ""
			return moved
		}
	}
	return r
}

// seed fills a new world with a fixture.
func (e *Emulator) seed(w *engine.World, f *fixtures.Fixture, c *config) error {
	for _, a := range e.apis {
		if err := a.Seed(w, f, c); err != nil {
			return err
		}
	}
	return nil
}

// checkMatch refuses a match that names something that no served API has.
func (e *Emulator) checkMatch(m Match) error {
	var all resource.RequestNames
	for _, a := range e.apis {
		if !e.asked.serves(a.Name()) {
			continue
		}
		names, err := a.RequestNames()
		if err != nil {
			return err
		}
		all = all.With(names)
	}
	return resource.CheckRequestMatch(m, all)
}
