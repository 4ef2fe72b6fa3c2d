package emulator

import "skystack.dev/sandbox/emulator/sandbox"

// What tests say and hear is defined in package sandbox, because it is the same
// behind a URL; here it has the same names.
type (
	// Setup is what a workspace starts with.
	Setup = sandbox.Setup
	// Clock is how the world's time moves: real (the wall clock's pace), scaled
	// (Scale times as fast), frozen (only when advanced) or auto (frozen, but a
	// client that waits for an object by reading it again moves time to the moment
	// when it is done). The zero Clock is real; a zero Now is the fixture's first
	// instant, else the present.
	Clock = sandbox.Clock
	// ClockMode says how the world's time moves.
	ClockMode = sandbox.ClockMode
	// Advance says how far time moves ahead.
	Advance = sandbox.Advance
	// Event is something that will happen in a workspace.
	Event = sandbox.Event
	// RateLimit is how many requests are served.
	RateLimit = sandbox.RateLimit
	// Window is a span of time in which requests are counted.
	Window = sandbox.Window
	// Limit is what a key may still ask in one window.
	Limit = sandbox.Limit
	// Key is a key a workspace knows.
	Key = sandbox.Key
	// Instance is an instance as the workspace holds it.
	Instance = sandbox.Instance
	// Load is how busy an instance is, in place of the synthetic values.
	Load = sandbox.Load
	// Project is a project as the workspace holds it.
	Project = sandbox.Project
	// Reason says why an instance is in its status.
	Reason = sandbox.Reason
	// Request is one request and its response, as the workspace recorded them.
	Request = sandbox.Request
	// Match chooses requests; the zero Match chooses all.
	Match = sandbox.Match
	// Finding is something that clients do and that would hurt them in
	// production.
	Finding = sandbox.Finding
	// FindingLevel says how much a finding matters.
	FindingLevel = sandbox.FindingLevel
	// APIEvent is something that happened, as GET /v1/events lists it.
	APIEvent = sandbox.APIEvent
	// Trigger names an event to emit about an object as it is.
	Trigger = sandbox.Trigger
	// Triggered is an event that was emitted by Trigger, and who gets it.
	Triggered = sandbox.Triggered
	// TriggeredWebhook is an endpoint that gets a triggered event.
	TriggeredWebhook = sandbox.TriggeredWebhook
	// EventMatch chooses events; the zero EventMatch chooses all.
	EventMatch = sandbox.EventMatch
	// Delivery is what became, or will become, of one event at one webhook.
	Delivery = sandbox.Delivery
	// DeliveryAttempt is one request to a receiver.
	DeliveryAttempt = sandbox.DeliveryAttempt
	// DeliveryMatch chooses deliveries; the zero DeliveryMatch chooses all.
	DeliveryMatch = sandbox.DeliveryMatch
	// Listener is a webhook whose deliveries are pulled.
	Listener = sandbox.Listener
	// Message is one attempt of a delivery, to be posted as it is.
	Message = sandbox.Message
	// Answer is the receiver's response to a message.
	Answer = sandbox.Answer
	// Snapshot is a workspace as it was at one moment.
	Snapshot = sandbox.Snapshot
	// ResetOption changes what Reset does.
	ResetOption = sandbox.ResetOption
	// TB is the part of testing.TB that tests hand over.
	TB = sandbox.TB
)

// The clock modes; see Clock.
const (
	RealClock   = sandbox.RealClock
	ScaledClock = sandbox.ScaledClock
	FrozenClock = sandbox.FrozenClock
	AutoClock   = sandbox.AutoClock
)

// The windows of rate limits; see Window.
const (
	MinuteWindow = sandbox.MinuteWindow
	DayWindow    = sandbox.DayWindow
)

// Unlimited takes a limit away.
const Unlimited = sandbox.Unlimited

// Busy is a Load of the processors alone, in percent.
func Busy(cpu float64) Load { return sandbox.Busy(cpu) }

// RestartIDs makes ids, event ids and secrets begin again with a Reset, so that the
// same requests give the same responses as after the start: for golden files.
func RestartIDs() ResetOption { return sandbox.RestartIDs() }

// Diff returns the difference of two states: "" if they are equal, else the
// lines that went, with "-", and those that came, with "+".
func Diff(before, after Snapshot) string { return sandbox.Diff(before, after) }
