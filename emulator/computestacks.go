package emulator

import (
	"net/http"

	"skystack.dev/sandbox/emulator/internal/computestacks"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
	"skystack.dev/sandbox/fixtures"
)

// This file and the mount list are all that names the ComputeStacks API.

// computestacksAPI is the ComputeStacks API as the emulator mounts it.
type computestacksAPI struct {
	*computestacks.API
	alone bool // it is the only API that is served
}

// newComputeStacks makes the ComputeStacks API, whose limits and speed are those of the
// workspace's settings, which the SkyStack API keeps.
func (e *Emulator) newComputeStacks(c config, settings skystackAPI) computestacksAPI {
	e.stacks = computestacksAPI{computestacks.New(e.schema, computestacks.Config{
		Registry: e.registry, Limits: settings.Limits, Pace: settings.Pace, Closing: e.closing, Findings: &e.findings, Log: e.log,
	}), !c.serves(SkyStack)}
	return e.stacks
}

// Name implements api.
func (computestacksAPI) Name() string { return ComputeStacks }

// Seed implements api.
func (a computestacksAPI) Seed(w *engine.World, f *fixtures.Fixture, _ *config) error {
	return a.API.Seed(w, f)
}

// Attach implements api.
func (a computestacksAPI) Attach(w *engine.World, key string, seed uint64) error {
	return a.API.Attach(w, sandbox.ComputeStacksCredentialsOf(key, seed))
}

// Alias implements api: GET /version is also an address of this API, for its own
// credentials, or when it is served alone.
func (a computestacksAPI) Alias(r *http.Request) string {
	if r.URL.Path == "/version" && (a.alone || a.Recognizes(r)) {
		return "/api/version"
	}
	return ""
}

// KeyID implements api: API credentials are written as username:password.
func (a computestacksAPI) KeyID(w *engine.World, key string) (string, bool) {
	return a.API.KeyID(w, key)
}

// HTTP implements api.
func (a computestacksAPI) HTTP() (*httpapi.API, error) { return a.API.HTTP() }
