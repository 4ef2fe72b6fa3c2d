package job

import (
	"errors"
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Trigger says when a job runs; exactly one member is set.
type Trigger struct {
	Cron  string `json:"cron,omitzero"`  // five fields, UTC
	Every string `json:"every,omitzero"` // a duration, counted from when the trigger was set
	At    string `json:"at,omitzero"`    // an instant, once
	Event string `json:"event,omitzero"` // a type of events, or a family such as instance.*
}

// triggerKinds lists the members of a trigger.
func triggerKinds() []string { return []string{"cron", "every", "at", "event"} }

// member returns the member of a kind; "" if it is not set.
func (t *Trigger) member(kind string) string {
	switch kind {
	case "cron":
		return t.Cron
	case "every":
		return t.Every
	case "at":
		return t.At
	}
	return t.Event
}

// The bounds of every.
const (
	shortestEvery = time.Minute
	longestEvery  = 366 * 24 * time.Hour
)

// next returns the first tick after an instant; the zero time if there is none.
func (t Trigger) next(anchor, after time.Time) time.Time {
	switch {
	case t.Cron != "":
		schedule, err := parseCron(t.Cron)
		if err != nil {
			return time.Time{} // rows are checked
		}
		return schedule.Next(after.UTC())
	case t.Every != "":
		every, err := time.ParseDuration(t.Every)
		if err != nil || every < shortestEvery {
			return time.Time{}
		}
		passed := max(0, after.Sub(anchor))
		if at := anchor.Add(passed - passed%every + every); at.After(after) {
			return at // else the anchor is too far away to count from
		}
	case t.At != "":
		if at, err := time.Parse(time.RFC3339, t.At); err == nil && at.After(after) {
			return at.UTC()
		}
	}
	return time.Time{}
}

// checkTrigger finds violations of a trigger; body is that of the definition. The at of
// the trigger must lie after now, unless now is the zero time.
func (s *Store) checkTrigger(t *Trigger, body httpapi.Body, now time.Time) []fail.Detail {
	var given []string
	for _, kind := range triggerKinds() {
		if t.member(kind) != "" || body.Sent("trigger."+kind) {
			given = append(given, kind)
		}
	}
	if len(given) == 0 {
		return violationIn("trigger", "required", "trigger needs one of cron, every, at and event.")
	}
	var details []fail.Detail
	if len(given) > 1 {
		for _, kind := range given {
			details = append(details, violationIn("trigger."+kind, "conflicting_parameters", "A job has one trigger: exactly one of cron, every, at and event.")...)
		}
	}
	for _, kind := range given {
		if value := t.member(kind); value != "" { // the contract reports the others
			if violation := s.checkTriggerMember(kind, value, now); violation.Code != "" {
				violation.Field, violation.Location = "trigger."+kind, fail.Body
				details = append(details, violation)
			}
		}
	}
	return details
}

func (s *Store) checkTriggerMember(kind, value string, now time.Time) (f fail.Detail) {
	switch kind {
	case "cron":
		if _, err := parseCron(value); err != nil {
			f.Code = "invalid_format"
			if errors.Is(err, errNeverComes) {
				f.Code = "out_of_range"
			}
			f.Message = fmt.Sprintf("trigger.cron %q cannot be used: %v.", fail.Clip(value), err)
		}
	case "every":
		f = checkDuration("trigger.every", value, shortestEvery, longestEvery)
	case "at":
		at, err := time.Parse(time.RFC3339, value)
		switch {
		case err != nil:
			f.Code, f.Message = "invalid_format", fmt.Sprintf("trigger.at %q is no RFC 3339 time such as 2026-03-19T10:30:00Z.", fail.Clip(value))
		case !now.IsZero() && !at.After(now), at.UTC().Year() > engine.LastYear:
			f.Code, f.Message = "out_of_range", fmt.Sprintf("trigger.at must lie in the future, up to the year %d; it is %s now.", engine.LastYear, resource.Stamp(now))
		}
	case "event":
		if !s.knownPattern(value) {
			f.Code = "unknown_value"
			f.Message = fmt.Sprintf("trigger.event %q is no type of events%s; use one such as instance.failed, a family such as instance.*, or *.", fail.Clip(value), near.Hint(value, event.Patterns(s.config.EventTypes)...))
		}
	}
	return f
}

// checkDuration refuses a text that is not a duration within bounds. A detail without a
// code is no violation.
func checkDuration(field, value string, least, most time.Duration) (f fail.Detail) {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		f.Code, f.Message = "invalid_format", fmt.Sprintf("%s %q is no duration such as 90s, 15m or 2h.", field, fail.Clip(value))
	case d < least || d > most:
		f.Code, f.Message = "out_of_range", fmt.Sprintf("%s must be %v to %v; %q is not.", field, least, most, fail.Clip(value))
	}
	f.Field, f.Location = field, fail.Body
	return f
}

func violationIn(field, code, message string) []fail.Detail {
	return []fail.Detail{{Field: field, Location: fail.Body, Code: code, Message: message}}
}
