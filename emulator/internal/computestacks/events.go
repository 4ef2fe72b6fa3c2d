package computestacks

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// The statuses of an event (spec 7.2).
const (
	pending   = "pending"
	running   = "running"
	completed = "completed"
	failed    = "failed"
	cancelled = "cancelled"
)

// The steps of the agenda that move an event on.
const (
	startStep  = prefix + "event.start"
	finishStep = prefix + "event.finish"
)

// How long an event is pending before a worker starts it.
const (
	pendingFast      = time.Second
	pendingRealistic = 4 * time.Second
)

// maxHistory bounds the events that are listed of an object.
const maxHistory = 200

// work is an action that takes time, as an event reports it.
type work struct {
	locale      string // one of the effects
	description string
	payload     string // for the effect
	user        int    // who performs it; 0 for the system
	ip          string
	projects    []int
	services    []int
	containers  []int
	volumes     []int
}

// effect is what work does when a worker starts it and when it is done. An error ends
// the event: an *ending with its status, any other as failed.
type effect struct {
	code            string        // the event code
	fast, realistic time.Duration // how long it runs
	start, finish   func(tx *engine.Tx, e EventLog) error
}

// ending is the error that ends an event with a status and a reason.
type ending struct{ status, reason string }

// Error implements error.
func (e *ending) Error() string { return e.reason }

// fails returns the error that fails an event.
func fails(reason string) error { return &ending{failed, reason} }

// cancels returns the error that cancels an event.
func cancels(reason string) error { return &ending{cancelled, reason} }

// rescheduled is the event after its timer was moved.
func (e EventLog) rescheduled(old, moved engine.Timer) EventLog {
	if e.Timer == old {
		e.Timer = moved
	}
	return e
}

// active reports whether an event is not final.
func (e EventLog) active() bool { return e.Status == pending || e.Status == running }

// workBy is work that the caller of a request performs.
func (a *API) workBy(c *httpapi.Call, locale, description string) work {
	return work{locale: locale, description: description, user: a.userID(c), ip: c.Address()}
}

// begin adds a pending event for work, and schedules that a worker starts it.
func (a *API) begin(tx *engine.Tx, w work) EventLog {
	e := a.newEvent(tx, w, pending, "")
	e.Timer = tx.After(a.Pace(tx, pendingFast, pendingRealistic), startStep, strconv.Itoa(e.ID))
	put(tx, a.events, e.ID, e)
	return e
}

// refuseWork adds an event for work that does not begin: it is final at once, with a
// detail unless its text is "".
func (a *API) refuseWork(tx *engine.Tx, w work, status, reason, detailCode, detail string) EventLog {
	e := a.newEvent(tx, w, status, reason)
	if detail != "" {
		e.Details = append(e.Details, newDetail(tx, detailCode, detail))
	}
	put(tx, a.events, e.ID, e)
	return e
}

// newEvent returns the event of work, which it lists in the histories of its objects.
func (a *API) newEvent(tx *engine.Tx, w work, status, reason string) EventLog {
	e := EventLog{
		ID: newID(tx, "event"), UserID: w.user, Locale: w.locale, Code: a.effects[w.locale].code, Status: status, Reason: reason, Description: w.description,
		Payload: w.payload, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	e.Audit = Audit{ID: newID(tx, "audit"), Event: "updated", IP: w.ip, UserID: w.user}
	a.attach(tx, &e, w)
	return e
}

// attach adds objects to an event, which the caller stores.
func (a *API) attach(tx *engine.Tx, e *EventLog, w work) {
	for _, of := range []struct {
		list *[]int
		more []int
		kind string
	}{{&e.Projects, w.projects, "project"}, {&e.Services, w.services, "service"}, {&e.Containers, w.containers, "container"}, {&e.Volumes, w.volumes, "volume"}} {
		for _, id := range of.more {
			if slices.Contains(*of.list, id) {
				continue
			}
			*of.list = append(slices.Clip(*of.list), id)
			subject := subjectOf(of.kind, id)
			h, _ := a.histories.Get(tx, subject)
			h.Events = append(slices.Clip(h.Events), e.ID)
			if len(h.Events) > maxHistory {
				h.Events = h.Events[len(h.Events)-maxHistory:]
			}
			a.histories.Put(tx, subject, h)
		}
	}
}

// attachTo is attach for a stored event.
func (a *API) attachTo(tx *engine.Tx, event int, w work) {
	e := row(tx, a.events, event)
	a.attach(tx, &e, w)
	put(tx, a.events, event, e)
}

// subjectOf names an object in the table of histories, as "service/52".
func subjectOf(kind string, id int) string { return kind + "/" + strconv.Itoa(id) }

// eventsOf lists the events of an object, oldest first.
func (a *API) eventsOf(tx *engine.Tx, kind string, id int) []EventLog {
	h, _ := a.histories.Get(tx, subjectOf(kind, id))
	return byIDs(tx, a.events, h.Events)
}

// activeEvents lists the events of an object that are not final, oldest first.
func (a *API) activeEvents(tx *engine.Tx, kind string, id int) []EventLog {
	return slices.DeleteFunc(a.eventsOf(tx, kind, id), func(e EventLog) bool { return !e.active() })
}

// newestEvent returns the newest event of an object; false if it has none.
func (a *API) newestEvent(tx *engine.Tx, kind string, id int) (EventLog, bool) {
	h, _ := a.histories.Get(tx, subjectOf(kind, id))
	if len(h.Events) == 0 {
		return EventLog{}, false
	}
	return get(tx, a.events, h.Events[len(h.Events)-1])
}

// forgetEvents drops the history of an object that is gone, and cancels what is active.
func (a *API) forgetEvents(tx *engine.Tx, kind string, id int) {
	for _, e := range a.activeEvents(tx, kind, id) {
		if len(e.Projects)+len(e.Services)+len(e.Containers)+len(e.Volumes) == 1 {
			a.end(tx, e, cancelled, "The object was deleted.")
		}
	}
	a.histories.Delete(tx, subjectOf(kind, id))
}

// startWork is the step at which a worker starts the work of an event.
func (a *API) startWork(tx *engine.Tx, id string) {
	e, ok := a.events.Get(tx, id)
	if !ok || e.Status != pending {
		return
	}
	of := a.effects[e.Locale]
	e.Status, e.UpdatedAt = running, tx.Now()
	e.Timer = tx.After(a.Pace(tx, of.fast, of.realistic), finishStep, id)
	a.events.Put(tx, id, e)
	a.apply(tx, e, of.start, false)
}

// finishWork is the step at which the work of an event is done.
func (a *API) finishWork(tx *engine.Tx, id string) {
	if e, ok := a.events.Get(tx, id); ok && e.Status == running {
		a.apply(tx, e, a.effects[e.Locale].finish, true)
	}
}

// apply runs a part of an effect. The event ends when it fails, or when it is the last
// part.
func (a *API) apply(tx *engine.Tx, e EventLog, f func(tx *engine.Tx, e EventLog) error, last bool) {
	var err error
	if f != nil {
		err = f(tx, e)
	}
	var how *ending
	e = row(tx, a.events, e.ID) // the effect may have added to it
	switch {
	case errors.As(err, &how):
		a.end(tx, e, how.status, how.reason)
	case err != nil:
		a.end(tx, e, failed, err.Error())
	case last:
		a.end(tx, e, completed, "")
	}
}

// end makes an event final.
func (a *API) end(tx *engine.Tx, e EventLog, status, reason string) {
	if !e.active() {
		return
	}
	tx.Cancel(e.Timer)
	e.Status, e.Reason, e.Timer, e.UpdatedAt = status, reason, engine.Timer{}, tx.Now()
	put(tx, a.events, e.ID, e)
}

// addDetail adds a text to an event.
func (a *API) addDetail(tx *engine.Tx, event int, code, data string) {
	e := row(tx, a.events, event)
	e.Details = append(slices.Clip(e.Details), newDetail(tx, code, data))
	put(tx, a.events, event, e)
}

func newDetail(tx *engine.Tx, code, data string) EventDetail {
	return EventDetail{ID: newID(tx, "event_detail"), Code: code, Data: data, CreatedAt: tx.Now(), UpdatedAt: tx.Now()}
}
