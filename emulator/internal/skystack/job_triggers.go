package skystack

import (
	"errors"
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Trigger is what makes a job run; exactly one member is set.
type Trigger struct {
	Cron  string `json:"cron,omitzero"`  // five fields, UTC
	Every string `json:"every,omitzero"` // a duration, counted from when the trigger was set
	At    string `json:"at,omitzero"`    // an instant, once
	Event string `json:"event,omitzero"` // a type of events, or a family such as instance.*
}

// triggerKinds are the members of a trigger.
func triggerKinds() []string { return []string{"cron", "every", "at", "event"} }

// The bounds of every, and of what lies ahead.
const (
	shortestEvery = time.Minute
	longestEvery  = 366 * 24 * time.Hour
)

// next is the first tick after an instant; the zero time if there is none.
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
			return at // else the anchor is too far away to count from, and nothing repeats
		}
	case t.At != "":
		if at, err := time.Parse(time.RFC3339, t.At); err == nil && at.After(after) {
			return at.UTC()
		}
	}
	return time.Time{}
}

// checkTrigger finds what is wrong with a trigger; now is what at must lie after,
// the zero time if that does not matter.
func checkTrigger(t map[string]any, now time.Time) []fail.Detail {
	var given []string
	for _, kind := range triggerKinds() {
		if t[kind] != nil {
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
		if value, ok := t[kind].(string); ok && value != "" { // the contract reports what is no text
			if violation := checkTriggerMember(kind, value, now); violation.Code != "" {
				violation.Field, violation.Location = "trigger."+kind, fail.Body
				details = append(details, violation)
			}
		}
	}
	return details
}

func checkTriggerMember(kind, value string, now time.Time) (f fail.Detail) {
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
		if !knownPattern(value) {
			f.Code = "unknown_value"
			f.Message = fmt.Sprintf("trigger.event %q is no type of events%s; use one such as instance.failed, a family such as instance.*, or *.", fail.Clip(value), near.Hint(value, event.Patterns(EventTypes())...))
		}
	}
	return f
}

// checkDuration refuses what is no duration within bounds; the zero detail is no
// violation.
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

// The agenda's step of a tick, and how late one may be and still be punctual: a
// real clock's alarm rings a moment after the instant.
const (
	tickStep = "job.tick"
	punctual = 30 * time.Second
	// tooLate is how late a tick may be made up for (section 12).
	tooLate = time.Hour
	// mostMissed bounds how many missed ticks are counted one by one.
	mostMissed = 10_000
)

// plan books the first tick after an instant, or none, and takes back the one
// that was booked.
func (a *API) plan(tx *engine.Tx, j *Job, after time.Time) {
	tx.Cancel(j.Tick)
	j.Tick, j.Due, j.Missed, j.Moved = engine.Timer{}, time.Time{}, 0, false
	if !j.Enabled {
		return
	}
	if due := j.Trigger.next(j.Anchor, after); !due.IsZero() {
		j.Due = due
		j.Tick = tx.After(due.Sub(tx.Now()), tickStep, j.ID)
	}
}

// ticks is the step that runs the jobs due at the present instant, in the order
// of their ids, whichever was booked first.
func (a *API) ticks(tx *engine.Tx, _ string) {
	var due []string
	for row := range a.jobs.After(tx, 0) {
		if j := &row.Value; !j.Tick.IsZero() && j.Tick.At.Equal(tx.Now()) {
			due = append(due, j.ID)
		}
	}
	for _, id := range due {
		if j, ok := a.jobs.Get(tx, id); ok && !j.Tick.IsZero() && j.Tick.At.Equal(tx.Now()) {
			a.tick(tx, j)
		}
	}
}

func (a *API) tick(tx *engine.Tx, j Job) {
	if late := tx.Late(); late > punctual {
		a.catchUp(tx, j, late)
		return
	}
	r := Run{Trigger: bySchedule, ScheduledFor: j.Due, Missed: j.Missed}
	astray := j.Moved && j.Trigger.Cron != "" && !j.Trigger.next(j.Anchor, j.Due.Add(-time.Nanosecond)).Equal(j.Due)
	a.plan(tx, &j, tx.Now())
	j.touch(tx)
	a.jobs.Put(tx, j.ID, j)
	if !astray {
		a.takeUp(tx, j, r)
	}
}

// catchUp deals with the ticks that fell due while nobody let the world run: those
// that are more than an hour late are recorded as skipped, together, and the
// others run once, now.
func (a *API) catchUp(tx *engine.Tx, j Job, late time.Duration) {
	present := tx.Now().Add(late)
	var lost, kept Run
	losses, keeps := 0, 0
	for t, n := j.Due, 0; !t.IsZero() && !t.After(present); n++ {
		if present.Sub(t) > tooLate {
			lost.ScheduledFor = t
			losses++
		} else {
			kept.ScheduledFor = t
			keeps++
		}
		from := t
		if n == mostMissed && present.Sub(t) > tooLate {
			from = present.Add(-tooLate)
		}
		t = j.Trigger.next(j.Anchor, from)
	}
	if a.plan(tx, &j, present); keeps > 0 {
		tx.Cancel(j.Tick)
		j.Due, j.Missed, j.Tick = kept.ScheduledFor, keeps-1, tx.After(late, tickStep, j.ID)
	}
	j.touch(tx)
	a.jobs.Put(tx, j.ID, j)
	if losses > 0 {
		lost.Trigger, lost.Missed = bySchedule, losses-1
		a.skip(tx, j, lost, Reason{"too_late", "The sandbox was not running then, and more than an hour has passed since."})
	}
}
