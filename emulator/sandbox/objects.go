package sandbox

import "time"

// Instance is an instance as the workspace holds it, whatever API version would
// show of it.
type Instance struct {
	// ID is made up if empty.
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
	// Status is provisioning, running, stopping, stopped, starting, rebooting,
	// resizing, rebuilding, deleting or error; "" means running. One that passes
	// brings the action with it that will end it.
	Status string `json:"status,omitempty"`
	// Stuck says that a passing status will not end by itself: only Finish and
	// Fail end it.
	Stuck bool `json:"stuck,omitempty"`
	// Reason says why the status is error; nil for no reason.
	Reason *Reason `json:"status_reason,omitempty"`
	// ProjectID, Region, Size and Image are those of the workspace if empty.
	ProjectID string `json:"project_id,omitempty"`
	Region    string `json:"region,omitempty"`
	Size      string `json:"size,omitempty"`
	Image     string `json:"image,omitempty"`
	// IP is the private address; one is leased if it is empty and the status
	// has one. PublicIP is the public one: "auto" leases one when an instance is
	// created, "" means none. An address must be one that the sandbox could have given:
	// of 10.0.0.0/8, and of 198.18.0.0/15 or 240.0.0.0/4.
	IP       string `json:"ip,omitempty"`
	PublicIP string `json:"public_ip,omitempty"`

	Labels   map[string]string `json:"labels,omitempty"`
	Metadata map[string]any    `json:"metadata,omitempty"` // JSON values
	// Autoscale says whether autoscaling is on.
	Autoscale bool `json:"autoscale,omitempty"`
	// PendingAction is the id of the running action, "" if there is none. It
	// cannot be chosen.
	PendingAction string `json:"pending_action,omitempty"`
	// Version counts the changes. It cannot be chosen.
	Version int `json:"version,omitempty"`
	// CreatedAt is the present if zero. UpdatedAt cannot be chosen.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Reason says why an instance is in its status.
type Reason struct {
	Code    string `json:"code"`    // as host_failure
	Message string `json:"message"` // a sentence; the usual one if empty
}

// Project is a project as the workspace holds it.
type Project struct {
	// ID is made up if empty.
	ID          string `json:"id,omitempty"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Version counts the changes. It cannot be chosen.
	Version int `json:"version,omitempty"`
	// CreatedAt is the present if zero. UpdatedAt cannot be chosen.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Finding is something that clients or receivers of webhooks do and that would hurt
// them in production. Of a receiver At is when it was first seen; the message says
// how often, and when last.
type Finding struct {
	At time.Time `json:"at"`
	// Level says how much it matters.
	Level   FindingLevel `json:"level"`
	Code    string       `json:"code"`
	Message string       `json:"message"`
}

// FindingLevel says how much a finding matters.
type FindingLevel string

// The levels of findings.
const (
	LevelInfo    FindingLevel = "info"    // good to know
	LevelWarning FindingLevel = "warning" // may hurt in production
	LevelError   FindingLevel = "error"   // hurts in production
)

// Key is a key a workspace knows.
type Key struct {
	// Token is what the client sends after Bearer: a key made by
	// emulator.NewKey, or any visible ASCII. Where keys are listed it is masked.
	Token string `json:"token,omitempty"`
	// Workspace is whose key it is: "" for the workspace that is asked, or for
	// the default one.
	Workspace string `json:"workspace,omitempty"`
	// Scopes is what the key may do; nil means everything.
	Scopes []string `json:"scopes,omitempty"`
	// Project is the only project that the key sees and changes; "" for all of the
	// workspace.
	Project string `json:"project_id,omitempty"`
	// APIVersion is the date version of requests that name none; "" for the
	// default one.
	APIVersion string `json:"api_version,omitempty"`
	// ID, Name, Environment and Owner describe the key; ID is made up if empty.
	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`
	Environment string `json:"environment,omitempty"`
	Owner       string `json:"owner,omitempty"`
	// CreatedAt, ExpiresAt and RevokedAt are world times; nil means the present,
	// never and never.
	CreatedAt *time.Time `json:"created_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}
