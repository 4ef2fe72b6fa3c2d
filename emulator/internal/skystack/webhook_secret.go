package skystack

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

type rotateSecretInput struct {
	webhookPath
	Overlap *int `json:"overlap_seconds"`
}

const standardOverlap = 24 * 60 * 60

// rotateWebhookSecret makes a new secret; the old one counts beside it for a
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
	old, _ := a.secrets.Get(c.Tx, w.ID)
	s := secrets{Current: newWebhookSecret(c.Tx)}
	if overlap > 0 && old.Current != "" {
		s.Previous, s.Until = old.Current, c.Now().Add(time.Duration(overlap)*time.Second)
	}
	a.secrets.Put(c.Tx, w.ID, s)
	w.Version++
	w.UpdatedAt = c.Now()
	a.webhooks.Put(c.Tx, w.ID, w)
	b := a.webhookBody(c.Tx, w)
	b.Secret = s.Current
	return b, nil
}
