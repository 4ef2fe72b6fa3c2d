package skystack

import (
	"errors"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
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
	Sandbox         Weather        `json:"sandbox"`
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

func (a *API) webhookBody(tx *engine.Tx, w Webhook) webhookBody {
	b := webhookBody{
		ID: w.ID, ProjectID: w.ProjectID, URL: w.URL, EventTypes: w.EventTypes, Status: "enabled", DisabledReason: text(w.Disabled),
		Description: w.Description, SignatureFormat: w.Format, APIVersion: w.APIVersion, TimeoutMS: w.TimeoutMS, MaxInFlight: w.MaxInFlight,
		HonorGone: w.HonorGone, InsecureTLS: w.InsecureTLS, Sandbox: w.Weather, Health: "ok", Version: w.Version,
		CreatedAt: stamp(w.CreatedAt), UpdatedAt: stamp(w.UpdatedAt),
	}
	if w.Disabled != "" {
		b.Status = "disabled"
	}
	if w.AutoDisable > 0 {
		b.AutoDisable = &w.AutoDisable
	}
	if m, _ := a.mailboxes.Get(tx, w.ID); !m.FailingSince.IsZero() {
		b.Health, b.FailingSince = "failing", text(stamp(m.FailingSince))
	}
	if s, _ := a.secrets.Get(tx, w.ID); tx.Now().Before(s.Until) {
		b.SecretRotatesAt = text(stamp(s.Until))
	}
	return b
}

// maxEventTypes bounds the types that an endpoint names.
const maxEventTypes = 50

// malformedURL is why nothing can be sent to a URL, whatever the policy; "" when
// something can. It does not repeat the URL, which may hold a password.
func malformedURL(url string) string {
	var refused *webhook.Refusal
	if err := (webhook.Policy{}).CheckURL(url); errors.As(err, &refused) && refused.Code == webhook.InvalidURL {
		return refused.Message
	}
	return ""
}

// checkSaved refuses a row of a saved world. Where its URL leads is looked at
// when it is dialed, by the policy of the sandbox that loads it.
func (w Webhook) checkSaved(id string) error {
	var f violations
	f.same(w.ID, id)
	f.id("id", "whk", w.ID)
	f.id("project_id", "prj", w.ProjectID)
	if why := malformedURL(w.URL); why != "" {
		f.add("url", "%s", why)
	}
	f.within("event_types", len(w.EventTypes), 1, maxEventTypes)
	for _, pattern := range w.EventTypes {
		if !knownPattern(pattern) {
			f.add("event_types", "%q is unknown", clip(pattern))
		}
	}
	f.text("description", w.Description, 0, 255)
	if !slices.Contains([]string{"", byRequest, byImport, byGone, byFailing}, w.Disabled) {
		f.add("disabled", "%q is unknown", clip(w.Disabled))
	}
	if !slices.Contains(webhook.Formats(), w.Format) {
		f.add("signature_format", "%q is unknown", clip(string(w.Format)))
	}
	f.within("version", w.Version, 1, maxNumber)
	f.within("timeout_ms", w.TimeoutMS, 100, 30_000)
	f.within("max_in_flight", w.MaxInFlight, 1, 8)
	if w.AutoDisable != 0 {
		f.within("auto_disable_after_seconds", w.AutoDisable, 60, 30*24*60*60)
	}
	f.within("sandbox.delay_seconds", w.Weather.DelaySeconds, 0, 24*60*60)
	for member, share := range inOrder(map[string]float64{
		"duplicates": w.Weather.Duplicates, "reorder": w.Weather.Reorder, "wrong_signature": w.Weather.WrongSignature,
		"old_timestamp": w.Weather.OldTimestamp, "rotation": w.Weather.Rotation,
	}) {
		if !(share >= 0 && share <= 1) {
			f.add("sandbox."+member, "is %v; it must be between 0 and 1", share)
		}
	}
	f.time("created_at", w.CreatedAt)
	f.time("updated_at", w.UpdatedAt)
	return f.orElse(CheckVersion(w.APIVersion))
}
