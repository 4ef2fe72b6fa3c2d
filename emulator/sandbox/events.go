package sandbox

import (
	"encoding/json"
	"time"
)

// APIEvent is something that happened, as GET /v1/events lists it. What will
// happen is an Event.
type APIEvent struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Sequence counts the events of the workspace; it goes on over resets.
	Sequence uint64 `json:"sequence"`
	// ProjectID is "" for what concerns the workspace.
	ProjectID string    `json:"project_id,omitempty"`
	At        time.Time `json:"at"`
	// Object is the resource as the default version of the API showed it then, and
	// Previous the members that changed, as they were; nil for none.
	Object   json.RawMessage `json:"object"`
	Previous json.RawMessage `json:"previous_attributes,omitempty"`
	// Omitted names the members of both that were too large for an event, as
	// object.metadata; nil for none.
	Omitted []string `json:"omitted,omitempty"`
	// RequestID is the X-Request-Id of the request behind it, "" if there was none.
	RequestID string `json:"request_id,omitempty"`
}

// EventMatch chooses events; the zero EventMatch chooses all.
type EventMatch struct {
	// Type is a type, or a family as instance.*; "" for any.
	Type string
	// Object is the id of what they are about; "" for any.
	Object string
	// Since leaves out the events up to this Sequence.
	Since uint64
}
