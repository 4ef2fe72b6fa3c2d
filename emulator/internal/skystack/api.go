// Package skystack is the SkyStack cloud API under /v1: what its documents say,
// by the numbered rules of rules.yaml. One file a resource; this one is the
// table of contents.
package skystack

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
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
	// Audit reads the record of requests of a workspace (S37); nil if there is none.
	Audit func(w *engine.World, q AuditQuestion, after uint64, skip, limit int) (calls []AuditCall, before, total int)
	// Courier takes webhooks to their receivers; nil fails every attempt.
	Courier Courier
	// WebhookJitter moves each delay of a retry by up to a tenth (5.2).
	WebhookJitter bool
	// CheckEvents fails the deliveries of events that break the contract.
	CheckEvents bool
	// Closing ends requests that wait and streams; nil never does.
	Closing context.Context
	// Log receives warnings.
	Log *slog.Logger
}

// API holds the tables and handlers of the SkyStack API. It is made before the
// worlds that use its tables.
type API struct {
	Config
	settings    *engine.Table[Settings]
	tokens      *engine.Table[Token]
	minted      *engine.Table[minted]
	ledgers     *engine.Table[ledger]
	projects    *engine.Table[Project]
	instances   *engine.Table[Instance]
	actions     *engine.Table[Action]
	tombstones  *engine.Table[tombstone]
	addresses   *engine.Table[address]
	loads       *engine.Table[loads]
	policies    *engine.Table[Policy]
	scalings    *engine.Table[scaling]
	watches     *engine.Table[watch]
	members     *engine.Table[members]
	regions     *engine.Table[Region]
	profiles    *engine.Table[Profile]
	images      *engine.Table[Image]
	events      *engine.Table[Event]
	uses        *engine.Table[uses]
	webhooks    *engine.Table[Webhook]
	secrets     *engine.Table[secrets]
	mailboxes   *engine.Table[mailbox]
	deliveries  *engine.Table[Delivery]
	flights     *engine.Table[flight]
	finished    *engine.Table[finishedAt]
	jobs        *engine.Table[Job]
	runs        *engine.Table[Run]
	runSlots    *engine.Table[slotRow]
	listeners   *engine.Table[listeners]
	idempotency *edge.Idempotency
	misuse      misuse
	waits       waits
	relay       relay
	// Header values that responses share.
	vary         []string
	versionLines map[string][]string
}

// New adds the API's tables and steps to a schema.
func New(schema *engine.Schema, c Config) *API {
	if c.Closing == nil {
		c.Closing = context.Background()
	}
	a := &API{Config: c, vary: []string{"SkyStack-Version"}, versionLines: map[string][]string{}}
	for _, v := range supported() {
		a.versionLines[v.name] = []string{v.name}
	}
	a.settings = engine.AddTable(schema, "settings", checkSettings)
	a.tokens = engine.AddTable[Token](schema, "tokens", nil)
	a.minted = engine.AddTable[minted](schema, "minted", nil)
	a.ledgers = engine.AddTable[ledger](schema, "ledgers", nil)
	a.projects = engine.AddTable[Project](schema, "projects", nil)
	a.instances = engine.AddTable(schema, "instances", checkInstance)
	a.actions = engine.AddTable(schema, "actions", checkActionRow)
	a.tombstones = engine.AddTable[tombstone](schema, "tombstones", nil)
	a.addresses = engine.AddTable[address](schema, "addresses", nil)
	a.loads = engine.AddTable[loads](schema, "loads", nil)
	a.policies = engine.AddTable[Policy](schema, "autoscale_policies", nil)
	a.scalings = engine.AddTable[scaling](schema, "autoscale_history", nil)
	a.watches = engine.AddTable[watch](schema, "watches", nil)
	a.members = engine.AddTable[members](schema, "members", nil)
	a.regions = engine.AddTable[Region](schema, "regions", nil)
	a.profiles = engine.AddTable[Profile](schema, "profiles", nil)
	a.images = engine.AddTable[Image](schema, "images", nil)
	a.events = engine.AddTable(schema, "events", checkEvent)
	a.uses = engine.AddTable[uses](schema, "uses", nil)
	a.webhooks = engine.AddTable(schema, "webhooks", checkWebhookRow)
	a.secrets = engine.AddTable[secrets](schema, "webhook_secrets", nil)
	a.mailboxes = engine.AddTable[mailbox](schema, "mailboxes", nil)
	a.deliveries = engine.AddTable(schema, "deliveries", checkDelivery)
	a.flights = engine.AddTable[flight](schema, "flights", nil)
	a.finished = engine.AddTable[finishedAt](schema, "finished_deliveries", nil)
	a.jobs = engine.AddTable[Job](schema, "jobs", nil)
	a.runs = engine.AddTable[Run](schema, "runs", nil)
	a.runSlots = engine.AddTable[slotRow](schema, "run_slots", nil)
	a.listeners = engine.AddTable[listeners](schema, "listeners", nil)
	a.idempotency = edge.NewIdempotency(schema)
	schema.OnLoad(a.checkReferences)
	schema.OnRestore(a.keepKeys)
	schema.OnRestore(a.setOut)
	schema.OnReset(a.tellReset)
	schema.AddStep(finishStep, a.finish)
	schema.AddStep(attemptStep, a.attempt)
	schema.AddStep(evaluateStep, a.evaluate)
	schema.AddStep(tickStep, a.ticks)
	schema.AddStep(runStep, a.resume)
	schema.AddStep(buryStep, func(tx *engine.Tx, id string) { a.tombstones.Delete(tx, id) })
	schema.AddStep(expireStep, a.tokenExpires)
	schema.AddStep(revokeStep, a.overlapEnds)
	schema.AddStep(forgetStep, a.forgetToken)
	return a
}

// contract is the parsed document, which all emulators of a process share.
//
//nolint:gochecknoglobals // set once, read-only
var contract = sync.OnceValues(func() (*edge.Contract, error) { return edge.LoadContract(checkedJSON, answersJSON) })

// Edge describes the API to the room that serves it.
func (a *API) Edge() (*edge.API, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	if _, err := boundaries(); err != nil {
		return nil, err
	}
	return &edge.API{
		Contract: c, Document: "/openapi.json", Handlers: a.handlers(), Corridor: a.corridor(), DocumentedOnly: a.DocumentedOnly,
		Idempotent: true, Admitted: a.readmit, Within: a.within, Refuse: Refuse, Owner: a.owner, Render: render, Complete: a.complete,
		Known:  func(x *edge.Exchange, in fail.Location, name string) bool { return versionOf(x).knows(in, name) },
		Strict: func(x *edge.Exchange) bool { return a.Strict || versionOf(x).strict },
	}, nil
}

// corridor is the order in which SkyStack checks a request (section 7.2).
func (a *API) corridor() []edge.Stage {
	return []edge.Stage{
		{Name: "transport", Run: a.transport},
		{Name: "authenticate", Run: a.authenticate}, // and counts the request, in the same transaction
		{Name: "rate limit", Run: a.limited},
		{Name: "version", Run: a.version},
		{Name: "accept", Run: edge.Accept},
		{Name: "scope", Run: a.scope},
		{Name: "reserved", Run: edge.Reserved},
		{Name: "idempotency", Run: a.idempotency.LookUp},
		{Name: "read", Run: edge.ReadBody},
		{Name: "project", Run: ownProject},
		{Name: "contract", Run: edge.CheckContract},
		{Name: "handle", Run: a.invoke},
		{Name: "encode", Run: edge.Encode},
	}
}

// handlers is the table of contents: every operation and who serves it.
func (a *API) handlers() []edge.Handler {
	return []edge.Handler{
		edge.Handle("listInstances", a.listInstances),
		edge.Handle("createInstance", a.createInstance).Checked(a.checkCreate),
		edge.Handle("getInstance", a.getInstance),
		edge.Patch("updateInstance", a.updateInstance, a.presentInstance).Checked(checkUpdate),
		edge.Handle("deleteInstance", a.deleteInstance),
		edge.Handle("createInstanceAction", a.createAction).Checked(a.checkAction),
		edge.Handle("listInstanceActions", a.listActions),
		edge.Handle("getAction", a.getAction),
		edge.Handle("getInstanceMetrics", a.getMetrics).Checked(a.checkMetrics),
		edge.Handle("getInstanceHealth", a.getInstanceHealth),
		edge.Handle("listAutoscalePolicies", a.listPolicies),
		edge.Handle("getAutoscalePolicy", a.getPolicy),
		edge.Handle("listAutoscaleHistory", a.listHistory),
		edge.Handle("listProjects", a.listProjects),
		edge.Handle("createProject", a.createProject),
		edge.Handle("getProject", a.getProject),
		edge.Patch("updateProject", a.updateProject, a.presentProject),
		edge.Handle("deleteProject", a.deleteProject),
		edge.Handle("listWebhooks", a.listWebhooks),
		edge.Handle("createWebhook", a.createWebhook).Checked(a.checkWebhook),
		edge.Handle("getWebhook", a.getWebhook),
		edge.Patch("updateWebhook", a.updateWebhook, a.presentWebhook).Checked(a.checkWebhook),
		edge.Handle("deleteWebhook", a.deleteWebhook),
		edge.Handle("rotateWebhookSecret", a.rotateWebhookSecret),
		edge.Handle("testWebhook", a.testWebhook),
		edge.Handle("listDeliveries", a.listDeliveries),
		edge.Handle("getDelivery", a.getDelivery),
		edge.Handle("replayDelivery", a.replayDelivery),
		edge.Handle("listJobs", a.listJobs),
		edge.Handle("createJob", a.createJob).Checked(a.checkJob),
		edge.Handle("getJob", a.getJob),
		edge.Patch("updateJob", a.updateJob, a.presentJob),
		edge.Handle("deleteJob", a.deleteJob),
		edge.Handle("runJob", a.runJob),
		edge.Handle("listJobRuns", a.listRuns),
		edge.Handle("getJobRun", a.getRun),
		edge.Act("listEvents", a.listEvents),
		edge.Handle("getEvent", a.getEvent),
		edge.Act("streamEvents", a.streamEvents),
		edge.Handle("listRegions", a.listRegions),
		edge.Handle("getRegion", a.getRegion),
		edge.Handle("listProfiles", a.listProfiles),
		edge.Handle("createProfile", a.createProfile),
		edge.Handle("getProfile", a.getProfile),
		edge.Handle("deleteProfile", a.deleteProfile),
		edge.Handle("listImages", a.listImages),
		edge.Handle("getImage", a.getImage),
		edge.Handle("deleteImage", a.deleteImage),
		edge.Handle("getQuota", a.getQuota),
		edge.Handle("listTokens", a.listTokens),
		edge.Handle("createToken", a.createToken).Checked(a.checkToken),
		edge.Handle("getToken", a.getToken),
		edge.Handle("rotateToken", a.rotateToken).Checked(a.checkExpiry),
		edge.Handle("revokeToken", a.revokeToken),
		edge.Act("listAuditLogs", a.listAuditLogs),
		edge.HandleOpen("getHealth", a.getHealth),
		edge.HandleOpen("getReady", a.getReady),
		edge.HandleOpen("getVersion", a.getVersion),
		edge.HandleOpen("getOpenAPIJSON", a.getOpenAPIJSON),
		edge.HandleOpen("getOpenAPIYAML", a.getOpenAPIYAML),
	}
}

// complete adds the headers that every answer carries.
func (a *API) complete(x *edge.Exchange) {
	h := x.Header()
	x.Set("X-Request-Id", x.ID)
	h["Skystack-Version"] = a.versionLines[cmp.Or(x.Version, defaultVersion)]
	if len(h["Vary"]) == 0 {
		h["Vary"] = a.vary
	} else {
		h["Vary"] = append(h["Vary"], a.vary...)
	}
	if x.Caller.Token == "" {
		return
	}
	if x.Op != nil && (x.Status() == http.StatusForbidden || x.FullHeaders()) {
		x.Set("X-Skystack-Scopes", strings.Join(x.Caller.Scopes, " "))
		x.Set("X-Skystack-Accepted-Scopes", x.Op.Scope)
	}
	a.notePlaintext(x)
	a.noteMisspelt(x)
}
