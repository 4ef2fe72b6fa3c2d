// Package skystack is the SkyStack cloud API under /v1: what its documents say,
// by the numbered rules of rules.yaml. One file a resource; this one is the
// table of contents.
package skystack

import (
	"cmp"
	"log/slog"
	"sync"

	"skystack.dev/sandbox/emulator/internal/edge"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Config is what the API is told once; what may differ between workspaces is in
// Settings.
type Config struct {
	// Registry finds the world of a key.
	Registry *engine.Registry
	// Home is the id of the world that dates answers to nobody in particular.
	Home string
	// Build is the version of the sandbox, shown at /v1/version.
	Build string
	// Fixture is the name of what the workspaces start from, shown at /readyz.
	Fixture string
	// Strict makes unknown parameters errors in every API version.
	Strict bool
	// DocumentedOnly leaves out operations the documents only imply.
	DocumentedOnly bool
	// LenientBearer accepts more than one space after Bearer (S30).
	LenientBearer bool
	// EnforceSunset refuses versions past their sunset whatever clock says so.
	EnforceSunset bool
	// RequireHTTPS refuses plain HTTP where a credential is needed (S21, S31), and
	// RevokeOnPlaintext then revokes the token that came with it.
	RequireHTTPS, RevokeOnPlaintext bool
	// Adopt makes a workspace for a key nobody knows, to accept any key; nil
	// refuses such keys.
	Adopt func(token string) error
	// Log receives warnings.
	Log *slog.Logger
}

// API holds the tables and handlers of the SkyStack API. It is made before the
// worlds that use its tables.
type API struct {
	Config
	settings    *engine.Table[Settings]
	tokens      *engine.Table[Token]
	ledgers     *engine.Table[ledger]
	projects    *engine.Table[Project]
	instances   *engine.Table[Instance]
	actions     *engine.Table[Action]
	tombstones  *engine.Table[tombstone]
	addresses   *engine.Table[address]
	watches     *engine.Table[watch]
	members     *engine.Table[members]
	regions     *engine.Table[Region]
	profiles    *engine.Table[Profile]
	images      *engine.Table[Image]
	idempotency *edge.Idempotency
	misuse      misuse
	vary        []string // a header value that every answer shares
}

// New adds the API's tables and steps to a schema.
func New(schema *engine.Schema, c Config) *API {
	a := &API{Config: c, vary: []string{"SkyStack-Version"}}
	a.settings = engine.AddTable(schema, "settings", checkSettings)
	a.tokens = engine.AddTable[Token](schema, "tokens", nil)
	a.ledgers = engine.AddTable[ledger](schema, "ledgers", nil)
	a.projects = engine.AddTable[Project](schema, "projects", nil)
	a.instances = engine.AddTable(schema, "instances", checkInstance)
	a.actions = engine.AddTable(schema, "actions", checkActionRow)
	a.tombstones = engine.AddTable[tombstone](schema, "tombstones", nil)
	a.addresses = engine.AddTable[address](schema, "addresses", nil)
	a.watches = engine.AddTable[watch](schema, "watches", nil)
	a.members = engine.AddTable[members](schema, "members", nil)
	a.regions = engine.AddTable[Region](schema, "regions", nil)
	a.profiles = engine.AddTable[Profile](schema, "profiles", nil)
	a.images = engine.AddTable[Image](schema, "images", nil)
	a.idempotency = edge.NewIdempotency(schema)
	schema.OnRestore(a.keepKeys)
	schema.AddStep(finishStep, a.finish)
	schema.AddStep(buryStep, func(tx *engine.Tx, id string) { a.tombstones.Delete(tx, id) })
	return a
}

// contract is the parsed document, which all emulators of a process share.
//
//nolint:gochecknoglobals // set once, read-only
var contract = sync.OnceValues(func() (*edge.Contract, error) { return edge.LoadContract(checkedJSON) })

// Edge describes the API to the room that serves it.
func (a *API) Edge() (*edge.API, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	return &edge.API{
		Contract: c, Document: "/openapi.json", Handlers: a.handlers(), Corridor: a.corridor(), DocumentedOnly: a.DocumentedOnly,
		Refuse: Refuse, Owner: a.owner, Render: render, Complete: a.complete,
		Known:  func(x *edge.Exchange, in fail.Location, name string) bool { return versionOf(x).knows(in, name) },
		Strict: func(x *edge.Exchange) bool { return a.Strict || versionOf(x).strict },
	}, nil
}

// corridor is the order in which SkyStack checks a request (section 7.2).
func (a *API) corridor() []edge.Stage {
	return []edge.Stage{
		{Name: "transport", Run: a.transport},
		{Name: "authenticate", Run: a.authenticate}, // and counts the request, in the same transaction
		{Name: "rate limit", Run: limited},
		{Name: "version", Run: a.version},
		{Name: "accept", Run: edge.Accept},
		{Name: "scope", Run: a.scope},
		{Name: "idempotency", Run: a.idempotency.LookUp},
		{Name: "read", Run: edge.ReadBody},
		{Name: "contract", Run: edge.CheckContract},
		{Name: "handle", Run: edge.Invoke},
		{Name: "encode", Run: edge.Encode},
	}
}

// handlers is the table of contents: every operation and who serves it.
func (a *API) handlers() []edge.Handler {
	return []edge.Handler{
		edge.Handle("listInstances", a.listInstances),
		edge.Handle("createInstance", a.createInstance).Checked(a.checkCreate),
		edge.Handle("getInstance", a.getInstance),
		edge.Handle("updateInstance", a.updateInstance).Checked(a.checkUpdate),
		edge.Handle("deleteInstance", a.deleteInstance),
		edge.Handle("createInstanceAction", a.createAction).Checked(a.checkAction),
		edge.Handle("listInstanceActions", a.listActions),
		edge.Handle("getAction", a.getAction),
		edge.Handle("listProjects", a.listProjects),
		edge.Handle("createProject", a.createProject),
		edge.Handle("getProject", a.getProject),
		edge.Handle("updateProject", a.updateProject).Checked(checkProjectUpdate),
		edge.Handle("deleteProject", a.deleteProject),
		edge.Handle("listRegions", a.listRegions),
		edge.Handle("getRegion", a.getRegion),
		edge.Handle("listProfiles", a.listProfiles),
		edge.Handle("getProfile", a.getProfile),
		edge.Handle("listImages", a.listImages),
		edge.Handle("getImage", a.getImage),
		edge.Handle("getHealth", a.getHealth),
		edge.Handle("getReady", a.getReady),
		edge.Handle("getVersion", a.getVersion),
		edge.Handle("getOpenAPIJSON", a.getOpenAPIJSON),
		edge.Handle("getOpenAPIYAML", a.getOpenAPIYAML),
	}
}

// complete adds the headers that every answer carries.
func (a *API) complete(x *edge.Exchange) {
	x.Set("X-Request-Id", x.ID)
	x.Set("Skystack-Version", cmp.Or(x.Version, defaultVersion))
	if h := x.Header(); len(h["Vary"]) == 0 {
		h["Vary"] = a.vary
	} else {
		h["Vary"] = append(h["Vary"], a.vary...)
	}
	if x.Caller.Token != "" && x.Request.TLS == nil {
		x.Warn("plaintext")
	}
}
