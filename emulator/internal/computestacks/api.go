// Package computestacks is the ComputeStacks end-user API under /api: what its
// documentation says, by the numbered rules of rules.yaml. One file a resource; this one
// is the table of contents.
package computestacks

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Config configures the API.
type Config struct {
	// Registry finds the world of a credential. It is required.
	Registry *engine.Registry
	// Limits returns how requests are limited in the world; nil limits none.
	Limits func(tx *engine.Tx) credential.Limits
	// Pace returns how long work takes in the world that takes one time when it is fast
	// and another when it is realistic; nil is fast.
	Pace func(tx *engine.Tx, fast, realistic time.Duration) time.Duration
	// Closing ends requests that wait; nil never does.
	Closing context.Context
	// Findings receives what clients do wrong; nil makes one of its own.
	Findings *finding.Log
	// Log receives warnings; nil drops them.
	Log *slog.Logger
}

// API holds the tables and handlers of the ComputeStacks API. It is made before the
// worlds that use its tables.
type API struct {
	Config
	Credentials *credential.Store
	tables
	oauthTables
	effects map[string]effect // by the locale of their events
}

// prefix begins the names of the tables and steps of the API.
const prefix = "cs_"

// New adds the API's tables and steps to a schema.
func New(schema *engine.Schema, c Config) *API {
	if c.Closing == nil {
		c.Closing = context.Background()
	}
	if c.Findings == nil {
		c.Findings = &finding.Log{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Pace == nil {
		c.Pace = func(_ *engine.Tx, fast, _ time.Duration) time.Duration { return fast }
	}
	a := &API{Config: c}
	a.Credentials = a.newCredentials(schema)
	a.addTables(schema)
	a.addOAuthTables(schema)
	a.effects = a.allEffects()
	schema.AddStep(startStep, a.startWork)
	schema.AddStep(finishStep, a.finishWork)
	schema.AddStep(trashStep, a.emptyTrash)
	schema.AddStep(deployStep, a.deployRegistry)
	schema.AddStep(deployedStep, a.registryDeployed)
	schema.AddStep(trashRegistryStep, a.trashRegistry)
	schema.OnRestore(a.keepApplications)
	schema.OnLoad(a.checkReferences)
	return a
}

// HTTP describes the API to the room that serves it.
func (a *API) HTTP() (*httpapi.API, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	return &httpapi.API{
		Contract: c, Document: "/api/openapi.json", Prefix: "/api/", Hosts: []string{".computestacks.com"}, Headers: headers(), Handlers: a.handlers(),
		Pipeline: a.pipeline(), PutIsPatch: true, Admitted: a.recheckKey, RenderError: a.renderError, Owner: a.owner, Complete: a.complete,
		Strict: func(*httpapi.RequestContext) bool { return false },
	}, nil
}

// headers names the headers that web pages of an allowed origin may send and read.
func headers() httpapi.Headers {
	var h httpapi.Headers
	h.Pages.Request = []string{"Authorization", "Content-Type", "Accept"}
	h.Pages.Response = []string{"Per-Page", "Total", "Link", "Location", "Retry-After", "API-Deprecated", "API-Version-Supported"}
	return h
}

// pipeline is the order in which the API checks a request: the version comes before the
// credentials (C2).
func (a *API) pipeline() []httpapi.Stage {
	return []httpapi.Stage{
		{Name: "version", Run: a.checkVersion},
		{Name: "authenticate", Run: a.authenticate}, // and counts the request, in the same transaction
		{Name: "rate limit", Run: a.limited},
		{Name: "accept", Run: accept},
		{Name: "scope", Run: a.scope},
		{Name: "read", Run: httpapi.ReadBody},
		{Name: "client", Run: a.locate},
		{Name: "contract", Run: httpapi.CheckContract},
		{Name: "await", Run: a.await},
		{Name: "handle", Run: httpapi.Invoke},
		{Name: "encode", Run: httpapi.Encode},
	}
}

// operations is the table of contents: every operation and who serves it, a list for each
// group of resources.
func (a *API) operations() []operation {
	return slices.Concat(
		[]operation{{"getComputeStacksVersion", a.getVersion}},
		a.oauthOperations(),
		a.imageOperations(),
		a.orderOperations(),
		a.serviceOperations(),
		a.networkOperations(),
		a.userOperations(),
	)
}

// handlers returns the handlers of all operations.
func (a *API) handlers() []httpapi.Handler {
	out := []httpapi.Handler{
		httpapi.HandleWithoutWorld("getComputeStacksOpenAPIJSON", a.getOpenAPIJSON),
		httpapi.HandleWithoutWorld("getComputeStacksOpenAPIYAML", a.getOpenAPIYAML),
	}
	for _, op := range a.operations() {
		out = append(out, httpapi.Handle(op.id, func(c *httpapi.Call, _ struct{}) (any, error) { return op.serve(c) }))
	}
	return out
}

// complete adds the headers that every response carries.
func (a *API) complete(x *httpapi.RequestContext) {
	x.Set("X-Request-Id", x.ID)
	if x.Version != "" && (x.Caller.Token != "" || x.Op != nil && x.Op.Public) {
		x.Set("Api-Deprecated", "true")
	}
	if x.Caller.Token != "" {
		resource.ReportMisspelt(a.Findings, x)
	}
}

// Forget drops what the process holds for a world that has ended: nothing.
func (a *API) Forget(*engine.World) {}

// checkRow refuses a saved row that is stored under another id than its own, or under a
// number that no row has.
func checkRow(id, place string) error {
	var f resource.Violations
	f.Same(id, place)
	if n, err := strconv.Atoi(place); err == nil && n <= 0 {
		f.Add("id", "is not above 0")
	}
	return f.First()
}
