package skystack

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// maxChained is how many runs one cause may lead to at one instant, each by the
// events of another, with the instances that they act on. Of jobs that response each
// other there are more with every step of the chain, and nobody else gets a turn before
// the last of them is done. What a run looks through to find its instances counts too,
// scannedAsOne of them as one.
const (
	maxChained   = 10_000
	scannedAsOne = 64
)

// listeners are the jobs that events trigger, so that an event finds them at once.
type listeners struct {
	Jobs []string `json:"jobs"`
	// Chained is how many runs others led to at the instant At, since the last
	// cause outside, and how many instances these acted on.
	Chained int       `json:"chained,omitzero"`
	At      time.Time `json:"at,omitzero"`
}

const listenersID = "jobs"

// listen puts a job among those that events trigger, or takes it out.
func (a *API) listen(tx *engine.Tx, id string, wanted bool) {
	row, _ := a.listeners.Get(tx, listenersID)
	kept := make([]string, 0, len(row.Jobs)+1)
	there := false
	for _, other := range row.Jobs {
		if other != id || wanted {
			kept = append(kept, other)
		}
		there = there || other == id
	}
	if there == wanted {
		return
	}
	if wanted {
		kept = append(kept, id)
	}
	row.Jobs = kept
	a.listeners.Put(tx, listenersID, row)
}

// jobsOn starts the jobs that an event triggers, as soon as the transaction that emitted
// it has ended. A job does not react to the events of its own run.
func (a *API) jobsOn(tx *engine.Tx, e *event.Event) {
	row, ok := a.listeners.Get(tx, listenersID)
	if !ok || len(row.Jobs) == 0 {
		return
	}
	by, _ := a.runs.Get(tx, tx.Actor())
	if by.ID == "" {
		a.beginChain(tx)
	}
	for _, id := range row.Jobs {
		j, ok := a.jobs.Get(tx, id)
		if !ok || !j.Enabled || j.ID == by.JobID || e.ProjectID != "" && e.ProjectID != j.ProjectID || !event.Selects(j.Trigger.Event, e.Type) {
			continue
		}
		r := Run{Trigger: byEvent, EventID: e.ID, ScheduledFor: e.At, InstanceID: eventInstance(e)}
		if by.ID != "" {
			r.Depth = by.Depth + 1
		}
		if r.Depth > maxDepth {
			a.skip(tx, j, r, Reason{chainTooLong, fmt.Sprintf("Jobs have triggered each other %d times in a row; this one does not.", maxDepth)})
			continue
		}
		if r.Depth > 0 && !a.mayChain(tx, 1) {
			if !a.toldOfChain(tx, j) {
				a.skip(tx, j, r, Reason{chainTooLong, noMoreChained()})
			}
			continue
		}
		r.Status = RunQueued
		r = a.file(tx, j.ID, r)
		tx.After(0, runStep, r.ID)
	}
}

const chainTooLong = "chain_too_long"

func noMoreChained() string {
	return fmt.Sprintf("Jobs have triggered each other %d times at this instant, further instances that they acted on counted; this one does nothing, nor does any other.", maxChained)
}

// beginChain forgets the runs that others led to at this instant: what happens now
// has a cause outside.
func (a *API) beginChain(tx *engine.Tx) {
	if row, _ := a.listeners.Get(tx, listenersID); row.Chained > 0 {
		row.Chained = 0
		a.listeners.Put(tx, listenersID, row)
	}
}

// mayChain counts runs that another one leads to, or what they act on, if there may be
// so many more at this instant.
func (a *API) mayChain(tx *engine.Tx, n int) bool {
	row, _ := a.listeners.Get(tx, listenersID)
	if !row.At.Equal(tx.Now()) {
		row.Chained, row.At = 0, tx.Now()
	}
	if row.Chained += n; row.Chained > maxChained {
		return false
	}
	a.listeners.Put(tx, listenersID, row)
	return true
}

// effort is how much a run counts in a chain, that acts on so many instances, besides
// the one that it counted when it was triggered.
func (a *API) effort(tx *engine.Tx, j *Job, targets int) int {
	targets = max(targets-1, 0)
	if t := j.Action.Target; t != nil && len(t.Labels) > 0 {
		targets += a.instances.Len(tx) / scannedAsOne
	}
	return targets
}

// toldOfChain reports whether the last run of a job says that at this instant no
// chain goes on: one that says so is enough.
func (a *API) toldOfChain(tx *engine.Tx, j Job) bool {
	last, _ := a.runSlots.Get(tx, slot(j.ID, j.Filed-1))
	r, _ := a.runs.Get(tx, last.Run)
	return r.Reason != nil && r.Reason.Code == chainTooLong && r.FinishedAt.Equal(tx.Now())
}

// instanceMember is the member of an event's object that names an instance, ""
// for none.
func instanceMember(eventType string) string {
	switch {
	case strings.HasPrefix(eventType, "instance."):
		return "id"
	case strings.HasPrefix(eventType, "action."), eventType == thresholdEvent, eventType == healthEvent:
		return "instance_id"
	}
	return ""
}

// eventInstance is the instance an event is about, "" for none.
func eventInstance(e *event.Event) (id string) {
	if member := instanceMember(e.Type); member != "" {
		_ = json.Unmarshal(resource.MembersOf(e.Object)[member], &id) // what is no text is no id
	}
	return id
}
