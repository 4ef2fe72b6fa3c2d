package skystack

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// Webhook is an endpoint of a project that its events are delivered to (S77,
// S78). Its secrets are kept apart.
type Webhook struct {
	ID          string   `json:"id"`
	ProjectID   string   `json:"project_id"`
	URL         string   `json:"url"`
	EventTypes  []string `json:"event_types"`
	Description string   `json:"description"`
	// Disabled is why nothing is delivered; "" delivers.
	Disabled    string         `json:"disabled"`
	Format      webhook.Format `json:"signature_format"`
	APIVersion  string         `json:"api_version"`
	TimeoutMS   int            `json:"timeout_ms"`
	MaxInFlight int            `json:"max_in_flight"`
	HonorGone   bool           `json:"honor_410"`
	// AutoDisable is after how many seconds of failing it is disabled; 0 for never.
	AutoDisable int  `json:"auto_disable_after_seconds"`
	InsecureTLS bool `json:"insecure_tls"`
	// Listener says that messages are pulled instead of sent; see Listen.
	Listener  bool      `json:"listener,omitzero"`
	Weather   Weather   `json:"sandbox"`
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Why an endpoint is disabled.
const (
	byRequest = "requested"
	byImport  = "imported" // it may belong to somebody else: see Loaded
	byGone    = "gone"
	byFailing = "failing"
)

// loaded is disabled: a webhook that comes from a file sends nothing before somebody
// here has agreed (10.2, row 12).
func (w Webhook) loaded() Webhook {
	if w.Disabled == "" {
		w.Disabled = byImport
	}
	return w
}

// Weather is what the sandbox does to the deliveries of an endpoint on purpose.
// Shares are between 0 and 1.
type Weather struct {
	Duplicates     float64 `json:"duplicates"`
	Reorder        float64 `json:"reorder"`
	DelaySeconds   int     `json:"delay_seconds"`
	WrongSignature float64 `json:"wrong_signature"`
	OldTimestamp   float64 `json:"old_timestamp"`
	Rotation       float64 `json:"rotation"`
}

// secrets is what an endpoint's deliveries are signed with.
type secrets struct {
	Current string `json:"current"`
	// Previous counts beside Current until Until, which is zero outside of a
	// rotation.
	Previous string    `json:"previous"`
	Until    time.Time `json:"until"`
}

// at is the secret of X-Signature, and all that sign at the time: during a
// rotation nobody breaks who knows either (5.2).
func (s secrets) at(now time.Time) (signer string, all []string) {
	if s.Previous != "" && now.Before(s.Until) {
		return s.Previous, []string{s.Current, s.Previous}
	}
	return s.Current, []string{s.Current}
}

// maxWebhooks bounds the endpoints of a workspace.
const maxWebhooks = 100

// webhookPath is where an endpoint lives: below its project, or below none.
type webhookPath struct {
	ProjectID string `json:"-" path:"id"`
	ID        string `json:"-" path:"webhook_id"`
}

// webhook looks an endpoint up; one of another project than the address names
// does not exist (S23).
func (a *API) webhook(tx *engine.Tx, at webhookPath) (Webhook, error) {
	w, ok := a.webhooks.Get(tx, at.ID)
	if !ok || at.ProjectID != "" && at.ProjectID != w.ProjectID {
		return w, noWebhook(at.ID)
	}
	return w, nil
}

func noWebhook(id string) error {
	return fail.Newf(fail.NotFound, "webhook_not_found", "There is no webhook %q in this workspace or project.", clip(id))
}

type listWebhooksInput struct {
	paging
	PathProject  string `json:"-" path:"id"`
	QueryProject string `json:"-" query:"project_id"`
}

// listWebhooks lists the endpoints of a project, or of all.
//
//	GET /v1/projects/{id}/webhooks and GET /v1/webhooks
func (a *API) listWebhooks(c *httpapi.Call, in listWebhooksInput) (listBody[webhookBody], error) {
	project := in.PathProject
	if project == "" {
		var err error
		if project, err = a.listedProject(c, in.QueryProject); err != nil {
			return listBody[webhookBody]{}, err
		}
	} else if !has(a.projects, c.Tx, project) {
		return listBody[webhookBody]{}, noProject(project)
	}
	a.await(c, a.ofWebhooks(c.Tx, func(w Webhook) bool { return project == "" || w.ProjectID == project }))
	v := view[Webhook]{table: a.webhooks, project: func(w Webhook) string { return w.ProjectID }, name: "webhooks\x01" + project}
	if project != "" {
		v.keep = func(w Webhook) bool { return w.ProjectID == project }
	}
	p, err := list(c, v, in.paging)
	return shown(p, func(w Webhook) webhookBody { return a.webhookBody(c.Tx, w) }), err
}

type createWebhookInput struct {
	PathProject  string         `json:"-" path:"id"`
	QueryProject string         `json:"-" query:"project_id"`
	ProjectID    string         `json:"project_id"`
	URL          string         `json:"url"`
	EventTypes   []string       `json:"event_types"`
	Description  string         `json:"description"`
	Secret       string         `json:"secret"`
	Format       webhook.Format `json:"signature_format"`
	TimeoutMS    int            `json:"timeout_ms"`
	MaxInFlight  int            `json:"max_in_flight"`
	HonorGone    bool           `json:"honor_410"`
	AutoDisable  int            `json:"auto_disable_after_seconds"`
	InsecureTLS  bool           `json:"insecure_tls"`
	Sandbox      Weather        `json:"sandbox"`
}

const (
	standardTimeoutMS = 10_000
	standardInFlight  = 1
)

// checkWebhook finds what the contract cannot: addresses that must not be sent
// to, unknown types, secrets of another shape.
func (a *API) checkWebhook(_ *httpapi.Call, b httpapi.Fields) (details []fail.Detail) {
	wrong := func(field, code, message string) {
		details = append(details, fail.Detail{Field: field, Location: fail.Body, Code: code, Message: message})
	}
	if url := b.Text("url"); url != "" && a.Courier != nil {
		if err := a.Courier.CheckURL(url); err != nil {
			wrong("url", "invalid_format", "url: "+err.Error())
		}
	}
	types, _ := b["event_types"].([]any)
	for n, t := range types {
		if pattern, ok := t.(string); ok && !knownPattern(pattern) {
			wrong(fmt.Sprintf("event_types[%d]", n), "unknown_value",
				noEventType(pattern)+"; use *, a family such as instance.*, or some of "+strings.Join(EventTypes(), ", ")+".")
		}
	}
	if secret, ok := b["secret"].(string); ok { // "" too: who sends it has lost one and would not know that of the answer
		if err := webhook.CheckSecret(secret); err != nil {
			wrong("secret", "invalid_format", "secret: "+err.Error())
		}
	}
	return details
}

// createWebhook adds an endpoint; its secret is shown this once (S77).
//
//	POST /v1/projects/{id}/webhooks and POST /v1/webhooks
func (a *API) createWebhook(c *httpapi.Call, in createWebhookInput) (webhookBody, error) {
	if err := mayDeliver(c); err != nil {
		return webhookBody{}, err
	}
	var project string
	if in.PathProject != "" {
		if !has(a.projects, c.Tx, in.PathProject) {
			return webhookBody{}, noProject(in.PathProject)
		}
		if in.ProjectID != "" && in.ProjectID != in.PathProject {
			return webhookBody{}, conflicting("The project is named in the address and in the body, and they differ; name it once.", "project_id")
		}
		project = in.PathProject
	} else {
		var err error
		if project, err = a.targetProject(c, in.ProjectID, in.QueryProject); err != nil {
			return webhookBody{}, err
		}
	}
	if n := a.webhooks.Len(c.Tx); n >= maxWebhooks {
		return webhookBody{}, exceeded("webhooks", maxWebhooks, n, "The workspace has as many webhooks as it may have; delete one first.")
	}
	w := Webhook{
		ID: a.webhooks.NewID(c.Tx, "whk"), ProjectID: project, URL: in.URL, EventTypes: in.EventTypes, Description: in.Description,
		Format: cmp.Or(in.Format, webhook.BodyHex), APIVersion: cmp.Or(c.Version, defaultVersion), TimeoutMS: cmp.Or(in.TimeoutMS, standardTimeoutMS),
		MaxInFlight: cmp.Or(in.MaxInFlight, standardInFlight), HonorGone: in.HonorGone, AutoDisable: in.AutoDisable, InsecureTLS: in.InsecureTLS,
		Weather: in.Sandbox, Version: 1, CreatedAt: c.Now(), UpdatedAt: c.Now(),
	}
	secret := cmp.Or(in.Secret, newWebhookSecret(c.Tx))
	a.webhooks.Put(c.Tx, w.ID, w)
	a.secrets.Put(c.Tx, w.ID, secrets{Current: secret})
	b := a.webhookBody(c.Tx, w)
	b.Secret = secret
	return b, nil
}

// newWebhookSecret follows from the seed and the salt, like every secret that a world
// makes up.
func newWebhookSecret(tx *engine.Tx) string {
	var random [32]byte
	r := tx.SecretRand("webhook/secret")
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	return webhook.NewSecret(random)
}

// getWebhook shows one endpoint.
//
//	GET /v1/projects/{id}/webhooks/{webhook_id}
func (a *API) getWebhook(c *httpapi.Call, in webhookPath) (webhookBody, error) {
	a.await(c, a.ofWebhooks(c.Tx, func(w Webhook) bool { return w.ID == in.ID }))
	w, err := a.webhook(c.Tx, in)
	if err != nil {
		return webhookBody{}, err
	}
	return a.webhookBody(c.Tx, w), nil
}

type updateWebhookInput struct {
	webhookPath
	URL         *string         `json:"url"`
	EventTypes  []string        `json:"event_types"`
	Status      string          `json:"status"`
	Description *string         `json:"description"`
	Format      *webhook.Format `json:"signature_format"`
	TimeoutMS   *int            `json:"timeout_ms"`
	MaxInFlight *int            `json:"max_in_flight"`
	HonorGone   *bool           `json:"honor_410"`
	AutoDisable jsontext.Value  `json:"auto_disable_after_seconds"` // null for never
	InsecureTLS *bool           `json:"insecure_tls"`
	Sandbox     jsontext.Value  `json:"sandbox"` // merged member by member
}

// presentWebhook is an endpoint as a patch finds it (S7). Its secret may be sent back
// by who has kept what a create or a rotation responded with.
func (a *API) presentWebhook(c *httpapi.Call, in webhookPath) (httpapi.Present, error) {
	w, err := a.webhook(c.Tx, in)
	if err != nil {
		return httpapi.Present{}, err
	}
	s, _ := a.secrets.Get(c.Tx, w.ID)
	return httpapi.Present{Body: a.webhookBody(c.Tx, w), Also: map[string]any{"secret": s.Current}, Secret: []string{"secret"}}, nil
}

// updateWebhook merges changes into an endpoint (S7).
//
//	PATCH /v1/projects/{id}/webhooks/{webhook_id}
func (a *API) updateWebhook(c *httpapi.Call, in updateWebhookInput) (webhookBody, error) {
	w, err := a.webhook(c.Tx, in.webhookPath)
	if err != nil {
		return webhookBody{}, err
	}
	if err := c.Precondition(w.Version); err != nil {
		return webhookBody{}, err
	}
	s, _ := a.secrets.Get(c.Tx, w.ID)
	if in.Status == "enabled" && s.Current == "" {
		return webhookBody{}, fail.New(fail.Conflict, "webhook_secret_missing", "The webhook was imported without its secret; make a new one with rotate-secret, then enable it.")
	}
	changed := in.applied(w)
	if changed.URL != w.URL || !slices.Equal(changed.EventTypes, w.EventTypes) || changed.Disabled == "" && w.Disabled != "" {
		if err := mayDeliver(c); err != nil {
			return webhookBody{}, err
		}
	}
	if reflect.DeepEqual(changed, w) {
		return a.webhookBody(c.Tx, w), nil
	}
	changed.Version++
	changed.UpdatedAt = c.Now()
	a.webhooks.Put(c.Tx, w.ID, changed)
	switch {
	case changed.Disabled == w.Disabled:
	case changed.Disabled != "":
		a.abandon(c.Tx, w.ID, "the webhook was disabled")
	default: // it has as long as ever before it is disabled for failing again
		engine.Own(a.mailboxes, c.Tx, w.ID).FailingSince = time.Time{}
		a.inLine(c.Tx, w.ID, c.Expect)
	}
	a.dispatch(c.Tx, changed)
	return a.webhookBody(c.Tx, changed), nil
}

// applied is the endpoint after the patch.
func (in updateWebhookInput) applied(w Webhook) Webhook {
	set(&w.URL, in.URL)
	set(&w.Description, in.Description)
	set(&w.Format, in.Format)
	set(&w.TimeoutMS, in.TimeoutMS)
	set(&w.MaxInFlight, in.MaxInFlight)
	set(&w.HonorGone, in.HonorGone)
	set(&w.InsecureTLS, in.InsecureTLS)
	if in.EventTypes != nil {
		w.EventTypes = in.EventTypes
	}
	switch in.Status {
	case "enabled":
		w.Disabled = ""
	case "disabled":
		w.Disabled = cmp.Or(w.Disabled, byRequest)
	}
	if in.AutoDisable != nil {
		w.AutoDisable = 0
		_ = json.Unmarshal(in.AutoDisable, &w.AutoDisable) // the contract has checked it; null leaves 0
	}
	if in.Sandbox != nil {
		_ = json.Unmarshal(in.Sandbox, &w.Weather) // members that are not sent stay
	}
	return w
}

// set changes what was sent.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// deleteWebhook removes an endpoint and gives up what it has not got yet.
//
//	DELETE /v1/projects/{id}/webhooks/{webhook_id}
func (a *API) deleteWebhook(c *httpapi.Call, in webhookPath) (httpapi.Nothing, error) {
	w, err := a.webhook(c.Tx, in)
	if err != nil {
		if has(a.tombstones, c.Tx, in.ID) && !a.settingsOf(c.Tx).RepeatedDelete404 {
			err = nil
		}
		return httpapi.Nothing{}, err
	}
	if err := c.Precondition(w.Version); err != nil {
		return httpapi.Nothing{}, err
	}
	a.dropWebhook(c.Tx, w, "the webhook was deleted")
	return httpapi.Nothing{}, nil
}
