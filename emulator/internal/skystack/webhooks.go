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
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// maxWebhooks bounds the endpoints of a workspace.
const maxWebhooks = 100

// webhookPath is the path of an endpoint: below its project, or below none.
type webhookPath struct {
	ProjectID string `json:"-" path:"id"`
	ID        string `json:"-" path:"webhook_id"`
}

// webhook looks an endpoint up; one of another project than the address names
// does not exist (S23).
func (a *API) webhook(tx *engine.Tx, at webhookPath) (webhook.Endpoint, error) {
	w, ok := a.outbox.Endpoints.Get(tx, at.ID)
	if !ok || at.ProjectID != "" && at.ProjectID != w.ProjectID {
		return w, noWebhook(at.ID)
	}
	return w, nil
}

func noWebhook(id string) error {
	return fail.Newf(fail.NotFound, "webhook_not_found", "There is no webhook %q in this workspace or project.", fail.Clip(id))
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
	} else if !a.projects.Has(c.Tx, project) {
		return listBody[webhookBody]{}, noProject(project)
	}
	a.advanceToAwaited(c, a.outbox.Due(c.Tx, func(w webhook.Endpoint, _ webhook.Delivery) bool { return project == "" || w.ProjectID == project }))
	v := resource.List[webhook.Endpoint]{Table: a.outbox.Endpoints, Project: func(w webhook.Endpoint) string { return w.ProjectID }, Name: "webhooks\x01" + project}
	if project != "" {
		v.Keep = func(w webhook.Endpoint) bool { return w.ProjectID == project }
	}
	p, err := list(c, v, in.paging)
	return shown(p, func(w webhook.Endpoint) webhookBody { return a.webhookBody(c.Tx, w) }), err
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
	Sandbox      webhook.Faults `json:"sandbox"`
}

// checkWebhook finds what the contract cannot: addresses that must not be sent
// to, unknown types, secrets of another shape.
func (a *API) checkWebhook(c *httpapi.Call, in createWebhookInput) []fail.Detail {
	details := a.checkEndpoint(c, in.URL, in.EventTypes)
	if in.Secret == "" && !c.Body().Read("secret") {
		return details
	}
	if err := webhook.CheckSecret(in.Secret); err != nil { // "" too: the client has lost its secret and would not expect a new one
		details = append(details, fail.Detail{Field: "secret", Location: fail.Body, Code: "invalid_format", Message: "secret: " + err.Error()})
	}
	return details
}

// checkEndpoint finds addresses that must not be sent to, and unknown types.
func (a *API) checkEndpoint(c *httpapi.Call, url string, types []string) (details []fail.Detail) {
	if url != "" && a.Sender != nil {
		if err := a.Sender.CheckURL(url); err != nil {
			details = append(details, fail.Detail{Field: "url", Location: fail.Body, Code: "invalid_format", Message: "url: " + err.Error()})
		}
	}
	for n, pattern := range types {
		field := func() string { return fmt.Sprintf("event_types[%d]", n) }
		if !knownPattern(pattern) && (pattern != "" || c.Body().Read(field())) {
			details = append(details, fail.Detail{Field: field(), Location: fail.Body, Code: "unknown_value",
				Message: noEventType(pattern) + "; use *, a family such as instance.*, or some of " + strings.Join(EventTypes(), ", ") + "."})
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
		if !a.projects.Has(c.Tx, in.PathProject) {
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
	if n := a.outbox.Endpoints.Len(c.Tx); n >= maxWebhooks {
		return webhookBody{}, exceeded("webhooks", maxWebhooks, n, "The workspace has as many webhooks as it may have; delete one first.")
	}
	secret := cmp.Or(in.Secret, webhook.RandomSecret(c.Tx)) // drawn in any case: the next one does not depend on it
	w := a.outbox.Add(c.Tx, webhook.Endpoint{
		ProjectID: project, URL: in.URL, EventTypes: in.EventTypes, Description: in.Description, Format: in.Format,
		APIVersion: cmp.Or(c.Version, defaultVersion), TimeoutMS: in.TimeoutMS, MaxInFlight: in.MaxInFlight, HonorGone: in.HonorGone,
		AutoDisable: in.AutoDisable, InsecureTLS: in.InsecureTLS, Faults: in.Sandbox,
	}, secret)
	b := a.webhookBody(c.Tx, w)
	b.Secret = secret
	return b, nil
}

// getWebhook shows one endpoint.
//
//	GET /v1/projects/{id}/webhooks/{webhook_id}
func (a *API) getWebhook(c *httpapi.Call, in webhookPath) (webhookBody, error) {
	a.advanceToAwaited(c, a.outbox.Due(c.Tx, func(w webhook.Endpoint, _ webhook.Delivery) bool { return w.ID == in.ID }))
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
	return httpapi.Present{Body: a.webhookBody(c.Tx, w), Also: map[string]any{"secret": a.outbox.Secrets(c.Tx, w.ID).Current}, Secret: []string{"secret"}}, nil
}

func (a *API) checkWebhookUpdate(c *httpapi.Call, in updateWebhookInput) []fail.Detail {
	var url string
	if in.URL != nil {
		url = *in.URL
	}
	return a.checkEndpoint(c, url, in.EventTypes)
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
	if in.Status == "enabled" && a.outbox.Secrets(c.Tx, w.ID).Current == "" {
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
	return a.webhookBody(c.Tx, a.outbox.Update(c.Tx, changed)), nil
}

// applied is the endpoint after the patch.
func (in updateWebhookInput) applied(w webhook.Endpoint) webhook.Endpoint {
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
		w.Disabled = cmp.Or(w.Disabled, webhook.DisabledByRequest)
	}
	if in.AutoDisable != nil {
		w.AutoDisable = 0
		_ = json.Unmarshal(in.AutoDisable, &w.AutoDisable) // the contract has checked it; null leaves 0
	}
	if in.Sandbox != nil {
		_ = json.Unmarshal(in.Sandbox, &w.Faults) // members that are not sent stay
	}
	return w
}

// set changes what was sent.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// deleteWebhook removes an endpoint and abandons its open deliveries.
//
//	DELETE /v1/projects/{id}/webhooks/{webhook_id}
func (a *API) deleteWebhook(c *httpapi.Call, in webhookPath) (httpapi.Nothing, error) {
	w, err := a.webhook(c.Tx, in)
	if err != nil {
		return httpapi.Nothing{}, a.unlessDeleted(c.Tx, "whk_", in.ID, err)
	}
	if err := c.Precondition(w.Version); err != nil {
		return httpapi.Nothing{}, err
	}
	a.outbox.Remove(c.Tx, w, "the webhook was deleted")
	return httpapi.Nothing{}, nil
}

type rotateSecretInput struct {
	webhookPath
	Overlap *int `json:"overlap_seconds"`
}

const standardOverlap = 24 * 60 * 60

// rotateWebhookSecret makes a new secret; the old one stays valid beside it for a
// while (5.2; S34).
//
//	POST /v1/projects/{id}/webhooks/{webhook_id}/rotate-secret
func (a *API) rotateWebhookSecret(c *httpapi.Call, in rotateSecretInput) (webhookBody, error) {
	w, err := a.webhook(c.Tx, in.webhookPath)
	if err != nil {
		return webhookBody{}, err
	}
	overlap := standardOverlap
	set(&overlap, in.Overlap)
	w, s := a.outbox.Rotate(c.Tx, w, time.Duration(overlap)*time.Second)
	b := a.webhookBody(c.Tx, w)
	b.Secret = s.Current
	return b, nil
}
