package job

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// maxChained bounds the runs that one cause leads to at one instant, each by the events
// of another, plus the instances that they act on. Jobs that trigger each other make more
// runs with every step of the chain, and no request is served before the last of them is
// done. The instances that a run scans count too, scannedAsOne of them as one.
const (
	maxChained   = 10_000
	scannedAsOne = 64
)

// listeners lists the jobs that events trigger, so that an event finds them at once.
type listeners struct {
	Jobs []string `json:"jobs"`
	// Chained is how many runs others led to at the instant At, since the last
	// cause outside, and how many instances these acted on.
	Chained int       `json:"chained,omitzero"`
	At      time.Time `json:"at,omitzero"`
}

const listenersID = "jobs"

// listen adds a job to those that events trigger, or removes it.
func (s *Store) listen(tx *engine.Tx, id string, wanted bool) {
	row, _ := s.listeners.Get(tx, listenersID)
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
	s.listeners.Put(tx, listenersID, row)
}

// React starts the jobs that an event triggers, as soon as the transaction that emitted
// it has ended. A job does not react to the events of its own run.
func (s *Store) React(tx *engine.Tx, e *event.Event) {
	row, ok := s.listeners.Get(tx, listenersID)
	if !ok || len(row.Jobs) == 0 {
		return
	}
	by, _ := s.Runs.Get(tx, tx.Actor())
	if by.ID == "" {
		s.beginChain(tx)
	}
	for _, id := range row.Jobs {
		j, ok := s.Jobs.Get(tx, id)
		if !ok || !j.Enabled || j.ID == by.JobID || e.ProjectID != "" && e.ProjectID != j.ProjectID || !event.Selects(j.Trigger.Event, e.Type) {
			continue
		}
		r := Run{Trigger: ByEvent, EventID: e.ID, ScheduledFor: e.At, InstanceID: s.eventInstance(e)}
		if by.ID != "" {
			r.Depth = by.Depth + 1
		}
		if r.Depth > maxDepth {
			s.skip(tx, j, r, reason(chainTooLong, fmt.Sprintf("Jobs have triggered each other %d times in a row; this one does not.", maxDepth)))
			continue
		}
		if r.Depth > 0 && !s.mayChain(tx, 1) {
			if !s.reportedChain(tx, j) {
				s.skip(tx, j, r, reason(chainTooLong, noMoreChained()))
			}
			continue
		}
		r.Status = Queued
		r = s.file(tx, j.ID, r)
		tx.After(0, RunStep, r.ID)
	}
}

const chainTooLong = "chain_too_long"

func noMoreChained() string {
	return fmt.Sprintf("Jobs have triggered each other %d times at this instant, further instances that they acted on counted; this one does nothing, nor does any other.", maxChained)
}

// beginChain forgets the runs that others led to at this instant: what happens now has
// another cause.
func (s *Store) beginChain(tx *engine.Tx) {
	if row, _ := s.listeners.Get(tx, listenersID); row.Chained > 0 {
		row.Chained = 0
		s.listeners.Put(tx, listenersID, row)
	}
}

// mayChain counts n runs that another one leads to, or instances that they act on, and
// reports whether there may be so many more at this instant.
func (s *Store) mayChain(tx *engine.Tx, n int) bool {
	row, _ := s.listeners.Get(tx, listenersID)
	if !row.At.Equal(tx.Now()) {
		row.Chained, row.At = 0, tx.Now()
	}
	if row.Chained += n; row.Chained > maxChained {
		return false
	}
	s.listeners.Put(tx, listenersID, row)
	return true
}

// effort returns how much a run that acts on so many instances counts in a chain, besides
// the one that was counted when it was triggered.
func (s *Store) effort(tx *engine.Tx, j *Job, targets int) int {
	targets = max(targets-1, 0)
	if t := j.Action.Target; t != nil && len(t.Labels) > 0 {
		targets += s.config.Instances.Len(tx) / scannedAsOne
	}
	return targets
}

// reportedChain reports whether the last run of a job was skipped at this instant because
// its chain is too long: one such run is enough.
func (s *Store) reportedChain(tx *engine.Tx, j Job) bool {
	last, _ := s.slots.Get(tx, slotID(j.ID, j.Filed-1))
	r, _ := s.Runs.Get(tx, last.Run)
	return r.Reason != nil && r.Reason.Code == chainTooLong && r.FinishedAt.Equal(tx.Now())
}

// eventInstance returns the id of the instance that an event is about; "" for none.
func (s *Store) eventInstance(e *event.Event) (id string) {
	if member := s.config.InstanceMember(e.Type); member != "" {
		_ = json.Unmarshal(resource.MembersOf(e.Object)[member], &id) // a value that is not a string is no id
	}
	return id
}
