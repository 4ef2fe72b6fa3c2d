package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// webhookBody is an endpoint on the wire.
type webhookBody struct {
	ID              string         `json:"id"`
	ProjectID       string         `json:"project_id"`
	URL             string         `json:"url"`
	EventTypes      []string       `json:"event_types"`
	Status          string         `json:"status"`
	DisabledReason  *string        `json:"disabled_reason"`
	Description     string         `json:"description"`
	SignatureFormat webhook.Format `json:"signature_format"`
	APIVersion      string         `json:"api_version"`
	TimeoutMS       int            `json:"timeout_ms"`
	MaxInFlight     int            `json:"max_in_flight"`
	HonorGone       bool           `json:"honor_410"`
	AutoDisable     *int           `json:"auto_disable_after_seconds"`
	InsecureTLS     bool           `json:"insecure_tls"`
	Sandbox         webhook.Faults `json:"sandbox"`
	Health          string         `json:"health"`
	FailingSince    *string        `json:"failing_since"`
	SecretRotatesAt *string        `json:"secret_rotates_at"`
	Secret          string         `json:"secret,omitempty"`
	Version         int            `json:"version"`
	CreatedAt       string         `json:"created_at"`
	UpdatedAt       string         `json:"updated_at"`
}

// ResourceID implements httpapi.Identified.
func (b webhookBody) ResourceID() string { return b.ID }

// ResourceVersion implements httpapi.Versioned.
func (b webhookBody) ResourceVersion() int { return b.Version }

func (a *API) webhookBody(tx *engine.Tx, w webhook.Endpoint) webhookBody {
	b := webhookBody{
		ID: w.ID, ProjectID: w.ProjectID, URL: w.URL, EventTypes: w.EventTypes, Status: "enabled", DisabledReason: text(w.Disabled),
		Description: w.Description, SignatureFormat: w.Format, APIVersion: w.APIVersion, TimeoutMS: w.TimeoutMS, MaxInFlight: w.MaxInFlight,
		HonorGone: w.HonorGone, InsecureTLS: w.InsecureTLS, Sandbox: w.Faults, Health: "ok", Version: w.Version,
		CreatedAt: resource.Stamp(w.CreatedAt), UpdatedAt: resource.Stamp(w.UpdatedAt),
	}
	if w.Disabled != "" {
		b.Status = "disabled"
	}
	if w.AutoDisable > 0 {
		b.AutoDisable = &w.AutoDisable
	}
	if since := a.outbox.FailingSince(tx, w.ID); !since.IsZero() {
		b.Health, b.FailingSince = "failing", text(resource.Stamp(since))
	}
	if s := a.outbox.Secrets(tx, w.ID); tx.Now().Before(s.Until) {
		b.SecretRotatesAt = text(resource.Stamp(s.Until))
	}
	return b
}

// maxEventTypes bounds the types that an endpoint names.
const maxEventTypes = 50

// checkEndpoint refuses an endpoint of a saved state that a request could not make; see
// webhook.Config.
func checkEndpoint(w webhook.Endpoint, id string) error {
	var f resource.Violations
	f.Same(w.ID, id)
	f.ID("id", "whk", w.ID)
	f.ID("project_id", "prj", w.ProjectID)
	f.Within("event_types", len(w.EventTypes), 1, maxEventTypes)
	for _, pattern := range w.EventTypes {
		if !knownPattern(pattern) {
			f.Add("event_types", "%q is unknown", fail.Clip(pattern))
		}
	}
	f.Text("description", w.Description, 0, 255)
	f.Within("version", w.Version, 1, maxNumber)
	f.Within("timeout_ms", w.TimeoutMS, 100, 30_000)
	f.Within("max_in_flight", w.MaxInFlight, 1, 8)
	if w.AutoDisable != 0 {
		f.Within("auto_disable_after_seconds", w.AutoDisable, 60, 30*24*60*60)
	}
	f.Within("sandbox.delay_seconds", w.Faults.DelaySeconds, 0, 24*60*60)
	f.Time("created_at", w.CreatedAt)
	f.Time("updated_at", w.UpdatedAt)
	return f.OrElse(CheckVersion(w.APIVersion))
}
