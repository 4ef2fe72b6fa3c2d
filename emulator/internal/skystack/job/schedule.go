package job

import (
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// TickStep is the step of the agenda that runs the jobs that are due. Its subject is the
// id of a job.
const TickStep = "job.tick"

const (
	// punctual is how late a tick may be and still count as on time: the timer of a real
	// clock fires a moment after the instant.
	punctual = 30 * time.Second
	// tooLate is the age from which a missed tick is skipped (section 12).
	tooLate = time.Hour
	// mostMissed bounds how many missed ticks are counted one by one.
	mostMissed = 10_000
)

// plan cancels the tick of a job and books the first one after an instant, if there is
// one.
func (s *Store) plan(tx *engine.Tx, j *Job, after time.Time) {
	tx.Cancel(j.Tick)
	j.Tick, j.Due, j.Missed, j.Moved = engine.Timer{}, time.Time{}, 0, false
	if !j.Enabled {
		return
	}
	if due := j.Trigger.next(j.Anchor, after); !due.IsZero() {
		j.Due = due
		j.Tick = tx.After(due.Sub(tx.Now()), TickStep, j.ID)
	}
}

// ticks runs the jobs that are due at the present instant, in the order of their ids,
// whichever was booked first.
func (s *Store) ticks(tx *engine.Tx, _ string) {
	var due []string
	for row := range s.Jobs.After(tx, 0) {
		if j := &row.Value; !j.Tick.IsZero() && j.Tick.At.Equal(tx.Now()) {
			due = append(due, j.ID)
		}
	}
	for _, id := range due {
		if j, ok := s.Jobs.Get(tx, id); ok && !j.Tick.IsZero() && j.Tick.At.Equal(tx.Now()) {
			s.tick(tx, j)
		}
	}
}

func (s *Store) tick(tx *engine.Tx, j Job) {
	if late := tx.Late(); late > punctual {
		s.catchUp(tx, j, late)
		return
	}
	r := Run{Trigger: BySchedule, ScheduledFor: j.Due, Missed: j.Missed}
	astray := j.Moved && j.Trigger.Cron != "" && !j.Trigger.next(j.Anchor, j.Due.Add(-time.Nanosecond)).Equal(j.Due)
	s.plan(tx, &j, tx.Now())
	j.Version++
	s.Jobs.Put(tx, j.ID, j)
	if !astray {
		s.admit(tx, j, r)
	}
}

// catchUp handles the ticks that fell due while the world did not run: those that are
// more than an hour late are recorded as skipped, in one run, and the others run once,
// now.
func (s *Store) catchUp(tx *engine.Tx, j Job, late time.Duration) {
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
	if s.plan(tx, &j, present); keeps > 0 {
		tx.Cancel(j.Tick)
		j.Due, j.Missed, j.Tick = kept.ScheduledFor, keeps-1, tx.After(late, TickStep, j.ID)
	}
	j.Version++
	s.Jobs.Put(tx, j.ID, j)
	if losses > 0 {
		lost.Trigger, lost.Missed = BySchedule, losses-1
		s.skip(tx, j, lost, reason("too_late", "The sandbox was not running then, and more than an hour has passed since."))
	}
}
