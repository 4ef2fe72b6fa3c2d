package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// Endpoint is a URL that events of a project are delivered to (S77, S78). Its secrets
// are kept apart.
type Endpoint struct {
	ID          string   `json:"id"`
	ProjectID   string   `json:"project_id"`
	URL         string   `json:"url"`
	EventTypes  []string `json:"event_types"` // patterns
	Description string   `json:"description"`
	// Disabled says why the endpoint is disabled; "" while it is enabled.
	Disabled    string `json:"disabled"`
	Format      Format `json:"signature_format"`
	APIVersion  string `json:"api_version"`
	TimeoutMS   int    `json:"timeout_ms"`
	MaxInFlight int    `json:"max_in_flight"` // of first attempts
	// HonorGone disables the endpoint when its receiver responds with 410.
	HonorGone bool `json:"honor_410"`
	// AutoDisable is after how many seconds of failing it is disabled; 0 for never.
	AutoDisable int  `json:"auto_disable_after_seconds"`
	InsecureTLS bool `json:"insecure_tls"`
	// Listener says that messages are pulled instead of sent; see Outbox.NextMessage.
	Listener  bool      `json:"listener,omitzero"`
	Faults    Faults    `json:"sandbox"`
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// The values of Endpoint.Disabled, apart from "".
const (
	DisabledByRequest = "requested"
	DisabledByImport  = "imported" // it may belong to another user: see loaded
	DisabledGone      = "gone"
	DisabledFailing   = "failing"
)

// Why deliveries are abandoned; see Delivery.Reason.
const (
	disabledReason = "the webhook was disabled"
	projectReason  = "the project was deleted"
)

// WithDefaults returns e as a new endpoint: its version is 1, it was created at now,
// and format, timeout and requests in flight have their defaults where they are zero.
func (e Endpoint) WithDefaults(now time.Time) Endpoint {
	e.Format, e.TimeoutMS, e.MaxInFlight = cmp.Or(e.Format, BodyHex), cmp.Or(e.TimeoutMS, int(defaultTimeout/time.Millisecond)), cmp.Or(e.MaxInFlight, 1)
	e.Version, e.CreatedAt, e.UpdatedAt = 1, now, now
	return e
}

// loaded disables an endpoint that comes from a file: it sends nothing before a
// client has enabled it (10.2, row 12).
func (e Endpoint) loaded() Endpoint {
	e.Disabled = cmp.Or(e.Disabled, DisabledByImport)
	return e
}

// checkEndpoint refuses an endpoint of a saved state. Its address is checked when it is
// dialed, by the policy of the sandbox that loads it.
func (o *Outbox) checkEndpoint(e Endpoint, id string) error {
	if check := o.config.CheckEndpoint; check != nil {
		if err := check(e, id); err != nil {
			return err
		}
	}
	switch why := Malformed(e.URL); {
	case id != e.ID:
		return fmt.Errorf("id is %q", fail.Clip(e.ID))
	case why != "":
		return errors.New("url: " + why)
	case !slices.Contains([]string{"", DisabledByRequest, DisabledByImport, DisabledGone, DisabledFailing}, e.Disabled):
		return fmt.Errorf("disabled: %q is unknown", fail.Clip(e.Disabled))
	case !slices.Contains(Formats(), e.Format):
		return fmt.Errorf("signature_format: %q is unknown", fail.Clip(string(e.Format)))
	case e.MaxInFlight < 1:
		return fmt.Errorf("max_in_flight: is %d, not at least 1", e.MaxInFlight)
	}
	for _, f := range []struct {
		name  string
		share float64
	}{
		{"duplicates", e.Faults.Duplicates}, {"reorder", e.Faults.Reorder}, {"wrong_signature", e.Faults.WrongSignature},
		{"old_timestamp", e.Faults.OldTimestamp}, {"rotation", e.Faults.Rotation},
	} {
		if !(f.share >= 0 && f.share <= 1) {
			return fmt.Errorf("sandbox.%s: is %v; it must be between 0 and 1", f.name, f.share)
		}
	}
	return nil
}

// Add adds an endpoint under a new id, with its defaults and a secret.
func (o *Outbox) Add(tx *engine.Tx, e Endpoint, secret string) Endpoint {
	e = e.WithDefaults(tx.Now())
	e.ID = o.Endpoints.NewID(tx, "whk")
	o.Endpoints.Put(tx, e.ID, e)
	o.secrets.Put(tx, e.ID, Secrets{Current: secret})
	if e.Listener {
		o.pulled.open(listenerKey{tx.World(), e.ID})
	}
	return e
}

// put stores an endpoint as its next version, and returns that.
func (o *Outbox) put(tx *engine.Tx, e Endpoint) Endpoint {
	e.Version++
	e.UpdatedAt = tx.Now()
	o.Endpoints.Put(tx, e.ID, e)
	return e
}

// Update stores a changed endpoint as its next version, and returns that. An endpoint
// that is disabled loses its open deliveries; one that is enabled gets them, and may
// fail as long as a new one.
func (o *Outbox) Update(tx *engine.Tx, e Endpoint) Endpoint {
	before, _ := o.Endpoints.Get(tx, e.ID)
	e = o.put(tx, e)
	switch {
	case e.Disabled == before.Disabled:
	case e.Disabled != "":
		o.abandon(tx, e.ID, disabledReason)
	default:
		engine.Own(o.queues, tx, e.ID).FailingSince = time.Time{}
		o.eachQueued(tx, e.ID, tx.Expect)
	}
	o.dispatch(tx, e)
	return e
}

// Remove removes an endpoint and abandons its open deliveries for a reason.
func (o *Outbox) Remove(tx *engine.Tx, e Endpoint, reason string) {
	o.abandon(tx, e.ID, reason)
	o.Endpoints.Delete(tx, e.ID)
	o.secrets.Delete(tx, e.ID)
	o.queues.Delete(tx, e.ID)
	if o.config.Removed != nil {
		o.config.Removed(tx, e)
	}
}

// RemoveOrphans removes the endpoints of a project that was deleted, each as soon as it
// has no open delivery: the event that says so is delivered first.
func (o *Outbox) RemoveOrphans(tx *engine.Tx, project string) {
	var orphans []string
	for row := range o.Endpoints.After(tx, 0) {
		if row.Value.ProjectID == project {
			orphans = append(orphans, row.ID)
		}
	}
	for _, id := range orphans {
		o.removeOrphan(tx, id)
	}
}

// removeOrphan removes an endpoint if its project was deleted and nothing more is
// delivered to it.
func (o *Outbox) removeOrphan(tx *engine.Tx, id string) {
	e, ok := o.Endpoints.Get(tx, id)
	if !ok || o.config.ProjectExists(tx, e.ProjectID) {
		return
	}
	if q, _ := o.queues.Get(tx, id); q.Open == 0 || e.Disabled != "" {
		o.Remove(tx, e, projectReason)
	}
}

// Secrets are what the messages of an endpoint are signed with.
type Secrets struct {
	Current string `json:"current"`
	// Previous is valid beside Current until Until, which is zero outside of a
	// rotation.
	Previous string    `json:"previous"`
	Until    time.Time `json:"until"`
}

// at returns the secret of X-Signature, and all that sign at the time: during a
// rotation a receiver verifies with either (5.2).
func (s Secrets) at(now time.Time) (signer string, all []string) {
	if s.Previous != "" && now.Before(s.Until) {
		return s.Previous, []string{s.Current, s.Previous}
	}
	return s.Current, []string{s.Current}
}

// Secrets returns the secrets of an endpoint; empty for an imported one until a
// rotation.
func (o *Outbox) Secrets(tx *engine.Tx, endpoint string) Secrets {
	s, _ := o.secrets.Get(tx, endpoint)
	return s
}

// Rotate gives an endpoint a new secret, and stores it as its next version. The old
// secret stays valid for the overlap; 0 ends it at once.
func (o *Outbox) Rotate(tx *engine.Tx, e Endpoint, overlap time.Duration) (Endpoint, Secrets) {
	old, s := o.Secrets(tx, e.ID), Secrets{Current: RandomSecret(tx)}
	if overlap > 0 && old.Current != "" {
		s.Previous, s.Until = old.Current, tx.Now().Add(overlap)
	}
	o.secrets.Put(tx, e.ID, s)
	return o.put(tx, e), s
}

// RandomSecret returns a new secret. It follows from the seed and the salt, like every
// secret that a world makes up.
func RandomSecret(tx *engine.Tx) string {
	var random [32]byte
	r := tx.SecretRand("webhook/secret")
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	return NewSecret(random)
}

func (s Secrets) checkSaved(string) error {
	for _, m := range [][2]string{{"current", s.Current}, {"previous", s.Previous}} {
		if err := CheckSecret(m[1]); m[1] != "" && err != nil {
			return fmt.Errorf("%s: %w", m[0], err)
		}
	}
	if (s.Previous == "") != s.Until.IsZero() {
		return errors.New("until: does not go with previous")
	}
	if year := s.Until.UTC().Year(); !s.Until.IsZero() && (year < 1970 || year > 9999) {
		return fmt.Errorf("until: is in the year %d; use one from 1970 to 9999", year)
	}
	return nil
}
