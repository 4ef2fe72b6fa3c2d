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

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// Config configures the API. What may differ between workspaces is in
// Settings.
type Config struct {
	// Registry finds the world of a key.
	Registry *engine.Registry
	// Home is the id of the world that dates responses to requests without a workspace.
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
	// AddWorkspaceFor adds a workspace for an unknown key, to accept any key; nil
	// refuses such keys.
	AddWorkspaceFor func(token string) error
	// Audit reads the record of requests of a workspace (S37); nil if there is none.
	Audit credential.AuditSource
	// Sender sends webhooks to their receivers; nil fails every attempt.
	Sender *webhook.Sender
	// WebhookJitter moves each delay of a retry by up to a tenth (5.2).
	WebhookJitter bool
	// CheckEvents fails the deliveries of events that break the contract.
	CheckEvents bool
	// Closing ends requests that wait and streams; nil never does.
	Closing context.Context
	// Findings receives what clients and receivers do wrong; nil makes one of its own.
	Findings *finding.Log
	// Log receives warnings.
	Log *slog.Logger
}

// API holds the tables and handlers of the SkyStack API. It is made before the
// worlds that use its tables.
type API struct {
	Config
	Credentials *credential.Store
	settings    *engine.Table[Settings]
	projects    *engine.Table[Project]
	instances   *engine.Table[Instance]
	actions     *engine.Table[Action]
	tombstones  *resource.Tombstones
	addresses   *engine.Table[address]
	loads       *engine.Table[loads]
	policies    *engine.Table[Policy]
	scalings    *engine.Table[scaling]
	watches     *engine.Table[watch]
	members     *engine.Table[members]
	regions     *engine.Table[Region]
	profiles    *engine.Table[Profile]
	images      *engine.Table[Image]
	events      *event.Log
	uses        *engine.Table[uses]
	outbox      *webhook.Outbox
	jobs        *job.Store
	idempotency *httpapi.Idempotency
	// Header values that responses share.
	vary         []string
	versionLines map[string][]string
}

// New adds the API's tables and steps to a schema.
func New(schema *engine.Schema, c Config) *API {
	if c.Closing == nil {
		c.Closing = context.Background()
	}
	if c.Findings == nil {
		c.Findings = &finding.Log{}
	}
	a := &API{Config: c, vary: []string{"SkyStack-Version"}, versionLines: map[string][]string{}}
	for _, v := range supported() {
		a.versionLines[v.name] = []string{v.name}
	}
	schema.OnLoad(a.checkReferences)
	a.settings = engine.AddTable(schema, engine.Kind[Settings]{Name: "settings", Check: Settings.checkSaved, Only: settingsID})
	a.Credentials = a.newCredentials(schema)
	a.projects = engine.AddTable(schema, engine.Kind[Project]{Name: "projects", Check: Project.checkSaved})
	a.instances = engine.AddTable(schema, engine.Kind[Instance]{Name: "instances", Check: Instance.checkSaved})
	a.actions = engine.AddTable(schema, engine.Kind[Action]{Name: "actions", Check: Action.checkSaved, Rescheduled: Action.rescheduled})
	a.tombstones = resource.NewTombstones(schema, "", "prj")
	a.addresses = engine.AddTable(schema, engine.Kind[address]{Name: "addresses", Check: address.checkSaved})
	a.loads = engine.AddTable(schema, engine.Kind[loads]{Name: "loads", Check: loads.checkSaved})
	a.policies = engine.AddTable(schema, engine.Kind[Policy]{Name: "autoscale_policies", Check: Policy.checkSaved, Rescheduled: Policy.rescheduled})
	a.scalings = engine.AddTable(schema, engine.Kind[scaling]{Name: "autoscale_history", Check: scaling.checkSaved})
	a.watches = engine.AddTable(schema, engine.Kind[watch]{Name: "watches", Check: watch.checkSaved, Internal: engine.Always[watch]})
	a.members = engine.AddTable(schema, engine.Kind[members]{Name: "members", Check: members.checkSaved, Internal: engine.Always[members]})
	a.regions = engine.AddTable(schema, engine.Kind[Region]{Name: "regions", Check: Region.checkSaved})
	a.profiles = engine.AddTable(schema, engine.Kind[Profile]{Name: "profiles", Check: Profile.checkSaved})
	a.images = engine.AddTable(schema, engine.Kind[Image]{Name: "images", Check: Image.checkSaved})
	a.events = a.newLog(schema)
	a.uses = engine.AddTable(schema, engine.Kind[uses]{Name: "uses", Check: uses.checkSaved, Internal: engine.Always[uses]})
	a.outbox = a.newOutbox(schema)
	a.jobs = a.newJobs(schema)
	a.idempotency = httpapi.NewIdempotency(schema)
	schema.AddStep(finishStep, a.finish)
	schema.AddStep(evaluateStep, a.evaluate)
	return a
}

// contract is the parsed document, which all emulators of a process share.
//
//nolint:gochecknoglobals // set once, read-only
var contract = sync.OnceValues(func() (*httpapi.Contract, error) { return httpapi.LoadContract(checkedJSON, answersJSON.Text) })

// HTTP describes the API to the room that serves it.
func (a *API) HTTP() (*httpapi.API, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	if _, err := boundaries(); err != nil {
		return nil, err
	}
	return &httpapi.API{
		Contract: c, Document: "/openapi.json", Hosts: Hosts(), Headers: Headers(), Handlers: a.handlers(), Pipeline: a.pipeline(), DocumentedOnly: a.DocumentedOnly,
		Idempotent: true, Admitted: a.recheckKey, Within: a.checkProject, RenderError: Refuse, Owner: a.owner, Render: render, Complete: a.complete,
		Known: func(x *httpapi.RequestContext, in fail.Location, name string) bool {
			return versionOf(x).knows(in, name)
		},
		Strict: func(x *httpapi.RequestContext) bool { return a.Strict || versionOf(x).strict },
	}, nil
}

// pipeline is the order in which SkyStack checks a request (section 7.2).
func (a *API) pipeline() []httpapi.Stage {
	return []httpapi.Stage{
		{Name: "transport", Run: a.transport},
		{Name: "authenticate", Run: a.authenticate}, // and counts the request, in the same transaction
		{Name: "rate limit", Run: a.limited},
		{Name: "version", Run: a.version},
		{Name: "accept", Run: httpapi.Accept},
		{Name: "scope", Run: a.scope},
		{Name: "reserved", Run: httpapi.CheckReservedHeaders},
		{Name: "idempotency", Run: a.idempotency.LookUp},
		{Name: "read", Run: httpapi.ReadBody},
		{Name: "project", Run: ownProject},
		{Name: "contract", Run: httpapi.CheckContract},
		{Name: "handle", Run: a.invoke},
		{Name: "encode", Run: httpapi.Encode},
	}
}

// handlers is the table of contents: every operation and who serves it.
func (a *API) handlers() []httpapi.Handler {
	return []httpapi.Handler{
		httpapi.Handle("listInstances", a.listInstances),
		httpapi.Handle("createInstance", a.createInstance, a.checkCreate),
		httpapi.Handle("getInstance", a.getInstance),
		httpapi.Patch("updateInstance", a.updateInstance, a.presentInstance, checkUpdate),
		httpapi.Handle("deleteInstance", a.deleteInstance),
		httpapi.Handle("createInstanceAction", a.createAction, a.checkAction),
		httpapi.Handle("listInstanceActions", a.listActions),
		httpapi.Handle("getAction", a.getAction),
		httpapi.Handle("getInstanceMetrics", a.getMetrics, a.checkMetrics),
		httpapi.Handle("getInstanceHealth", a.getInstanceHealth),
		httpapi.Handle("listAutoscalePolicies", a.listPolicies),
		httpapi.Handle("getAutoscalePolicy", a.getPolicy),
		httpapi.Handle("listAutoscaleHistory", a.listHistory),
		httpapi.Handle("listProjects", a.listProjects),
		httpapi.Handle("createProject", a.createProject),
		httpapi.Handle("getProject", a.getProject),
		httpapi.Patch("updateProject", a.updateProject, a.presentProject),
		httpapi.Handle("deleteProject", a.deleteProject),
		httpapi.Handle("listWebhooks", a.listWebhooks),
		httpapi.Handle("createWebhook", a.createWebhook, a.checkWebhook),
		httpapi.Handle("getWebhook", a.getWebhook),
		httpapi.Patch("updateWebhook", a.updateWebhook, a.presentWebhook, a.checkWebhookUpdate),
		httpapi.Handle("deleteWebhook", a.deleteWebhook),
		httpapi.Handle("rotateWebhookSecret", a.rotateWebhookSecret),
		httpapi.Handle("testWebhook", a.testWebhook),
		httpapi.Handle("listDeliveries", a.listDeliveries),
		httpapi.Handle("getDelivery", a.getDelivery),
		httpapi.Handle("replayDelivery", a.replayDelivery),
		httpapi.Handle("listJobs", a.listJobs),
		httpapi.Handle("createJob", a.createJob, a.checkJob),
		httpapi.Handle("getJob", a.getJob),
		httpapi.Patch("updateJob", a.updateJob, a.presentJob),
		httpapi.Handle("deleteJob", a.deleteJob),
		httpapi.Handle("runJob", a.runJob),
		httpapi.Handle("listJobRuns", a.listRuns),
		httpapi.Handle("getJobRun", a.getRun),
		httpapi.HandleUnlocked("listEvents", a.listEvents),
		httpapi.Handle("getEvent", a.getEvent),
		httpapi.HandleUnlocked("streamEvents", a.streamEvents),
		httpapi.Handle("listRegions", a.listRegions),
		httpapi.Handle("getRegion", a.getRegion),
		httpapi.Handle("listProfiles", a.listProfiles),
		httpapi.Handle("createProfile", a.createProfile),
		httpapi.Handle("getProfile", a.getProfile),
		httpapi.Handle("deleteProfile", a.deleteProfile),
		httpapi.Handle("listImages", a.listImages),
		httpapi.Handle("getImage", a.getImage),
		httpapi.Handle("deleteImage", a.deleteImage),
		httpapi.Handle("getQuota", a.getQuota),
		httpapi.Handle("listTokens", a.listTokens),
		httpapi.Handle("createToken", a.createToken, a.checkToken),
		httpapi.Handle("getToken", a.getToken),
		httpapi.Handle("rotateToken", a.rotateToken, a.checkRotation),
		httpapi.Handle("revokeToken", a.revokeToken),
		httpapi.HandleUnlocked("listAuditLogs", a.listAuditLogs),
		httpapi.HandleWithoutWorld("getHealth", a.getHealth),
		httpapi.HandleWithoutWorld("getReady", a.getReady),
		httpapi.HandleWithoutWorld("getVersion", a.getVersion),
		httpapi.HandleWithoutWorld("getOpenAPIJSON", a.getOpenAPIJSON),
		httpapi.HandleWithoutWorld("getOpenAPIYAML", a.getOpenAPIYAML),
	}
}

// complete adds the headers that every response carries.
func (a *API) complete(x *httpapi.RequestContext) {
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
	a.reportPlaintext(x)
	resource.ReportMisspelt(a.Findings, x)
}
