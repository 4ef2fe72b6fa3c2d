package emulator

import (
	"errors"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/fixtures"
)

// api is an API that the emulator serves. Its tables, steps and hooks are in the
// emulator's schema when it is made, before any world.
type api interface {
	// HTTP describes the API: its prefix and contract, its handlers and pipeline, and
	// how it words errors.
	HTTP() (*httpapi.API, error)
	// Seed fills a new world with the API's part of a fixture, as a configuration has it.
	Seed(w *engine.World, f *fixtures.Fixture, c *config) error
	// CheckMatch refuses a match that names an operation, a status, a code or a method
	// that the API does not have.
	CheckMatch(m Match) error
	// Fork changes a copy of a world that becomes a workspace of its own: what belongs to
	// the original alone is removed.
	Fork(w *engine.World)
	// Forget drops what the process holds for a world that has ended.
	Forget(w *engine.World)
}

// buildAPIs makes the APIs that the emulator serves. The control API uses the error
// format of the first one.
func (e *Emulator) buildAPIs(c config, f *fixtures.Fixture) []api {
	return []api{e.newSkyStack(c, f)}
}

// describe returns what the APIs are to the server.
func (e *Emulator) describe() ([]*httpapi.API, error) {
	out := make([]*httpapi.API, len(e.apis))
	for i, a := range e.apis {
		var err error
		if out[i], err = a.HTTP(); err != nil {
			return nil, err
		}
	}
	return out, nil
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

// checkMatch refuses a match that names something that no API has.
func (e *Emulator) checkMatch(m Match) error {
	var refusals []error
	for _, a := range e.apis {
		err := a.CheckMatch(m)
		if err == nil {
			return nil
		}
		refusals = append(refusals, err)
	}
	return errors.Join(refusals...)
}
