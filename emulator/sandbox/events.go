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

// Trigger names an event to emit about an object as it is.
type Trigger struct {
	// Type is the type of the event, as instance.failed.
	Type string `json:"type"`
	// Object is the id of what the event is about. "" takes the newest object of
	// Project, or one that is made up if the project has none.
	Object string `json:"object_id,omitempty"`
	// Project is whose objects are taken. "" prefers those of the default project,
	// and takes another's where the default project has none.
	Project string `json:"project_id,omitempty"`
}

// Triggered is an event that was emitted by Trigger, and who gets it.
type Triggered struct {
	// Event is the id of the event, and Type its type.
	Event string `json:"event_id"`
	Type  string `json:"type"`
	// Object is the id of what the event is about. Example says that there is no
	// such object: it was made up.
	Object  string `json:"object_id"`
	Example bool   `json:"example"`
	// Project is the object's; "" for what concerns the whole workspace.
	Project string `json:"project_id,omitempty"`
	// Webhooks are the endpoints that get the event, listeners included.
	Webhooks []TriggeredWebhook `json:"webhooks"`
	// Note says why no webhook gets it, and what to do; "" when one does.
	Note string `json:"note,omitempty"`
}

// TriggeredWebhook is an endpoint that gets a triggered event.
type TriggeredWebhook struct {
	ID  string `json:"id"`
	URL string `json:"url"`
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
