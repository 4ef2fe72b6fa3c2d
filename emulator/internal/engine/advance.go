package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Target says how far an advance goes. By, which may be 0, applies unless one of the
// other members is set.
type Target struct {
	By time.Duration
	// To is an instant; it must not have passed.
	To time.Time
	// Next is the instant of the next event of the agenda.
	Next bool
	// Idle is the instant of the last event that is scheduled.
	Idle bool
	// MaxEvents bounds the number of events that run, periodic resets included. 0
	// means the constant MaxEvents.
	MaxEvents int
}

// MaxEvents is the default limit of the events that one advance runs.
const MaxEvents = 1_000_000

// backlogTimeout bounds how long an advance waits for earlier work that has not
// started while requests keep adding more: the queue of a slow receiver may be long.
const backlogTimeout = 5 * time.Second

var (
	// ErrTooManyEvents ends an advance that has run as many events as it may.
	ErrTooManyEvents = errors.New("advance in shorter steps, or end what repeats")
	// ErrReplaced ends an advance when a reset or restore replaces the state it began
	// in.
	ErrReplaced = errors.New("the world was reset or restored meanwhile")
	// ErrClosed ends an advance when the world is closed.
	ErrClosed = errors.New("the world was closed")
)

// advance is an advance in progress. The lock of the world guards it.
type advance struct {
	target Target
	// to is the instant that the advance reaches for certain. Events up to it are run
	// by the advance.
	to      int64
	ran     int
	repeats repetitions
	slice   slice
	stopped error // why it must end; nil while it may continue

	// The advance waits until these counts are 0: tasks it caused, work that was
	// expected before it began (numbers up to openedBefore), and tasks that were
	// running then (up to startedBefore).
	caused, backlog, inFlight   int
	openedBefore, startedBefore uint64
}

// Advance moves the world's time ahead by d. It returns when every event due on the
// way has run and every task that they caused is complete. A task must not call
// Advance. A negative d, and one that leads beyond the year 2200, is an error.
func (w *World) Advance(d time.Duration) error {
	_, err := w.AdvanceContext(context.Background(), Target{By: d})
	return err
}

// AdvanceTo is Advance to an instant. An instant that has passed is an error.
func (w *World) AdvanceTo(t time.Time) error { return w.AdvanceToContext(context.Background(), t) }

// AdvanceToContext is AdvanceTo with a context; see AdvanceContext.
func (w *World) AdvanceToContext(ctx context.Context, t time.Time) error {
	if t.IsZero() { // a Target without To
		return past(t, nanoseconds(w.Now()))
	}
	_, err := w.AdvanceContext(ctx, Target{To: t})
	return err
}

// AdvanceToNext moves to the instant of the next event and runs what is due then. It
// reports false, and does nothing, when no event is scheduled up to the year 2200.
func (w *World) AdvanceToNext() bool {
	moved, _ := w.AdvanceContext(context.Background(), Target{Next: true})
	return moved
}

// AdvanceUntilIdle moves from event to event until none is scheduled. A step that
// schedules itself again never ends, so it gives up after most events, resets
// included. The error then names the step that repeats. Nothing is undone.
func (w *World) AdvanceUntilIdle(most int) error {
	_, err := w.AdvanceContext(context.Background(), Target{Idle: true, MaxEvents: most})
	return err
}

// AdvanceContext moves the world's time ahead to a target. Each event due on the way
// runs at its own instant, and the tasks that it caused are complete before the next
// instant begins. The advance runs in slices; between them it releases the lock of the
// world. Advances run one after another. It reports false if there was no event to go
// to.
//
// If the context ends, the world is closed, another state replaces the present one, or
// Target.MaxEvents events have run, the advance ends early: time stays where it is,
// and the error says where that is.
func (w *World) AdvanceContext(ctx context.Context, t Target) (moved bool, err error) {
	if err := t.check(); err != nil {
		return false, err
	}
	queued := w.advanceLock.lock(ctx)
	if queued == nil {
		defer w.advanceLock.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp()
	a := &advance{target: t}
	a.target.MaxEvents = cmp.Or(t.MaxEvents, MaxEvents)
	if err := t.passed(w.s.clock.last); err != nil {
		return false, err
	}
	a.to = w.s.clock.last
	if err := cmp.Or(queued, w.interruption(ctx, a)); err != nil {
		return false, w.unfinished(a, err)
	}
	return w.play(ctx, a)
}

// play runs an advance to its target.
func (w *World) play(ctx context.Context, a *advance) (bool, error) {
	w.advance = a
	defer func() { w.advance = nil }()
	if err := w.awaitEarlier(ctx, a); err != nil {
		return false, err
	}
	t := a.target
	switch {
	case t.Next:
		if err := w.playTo(ctx, a, a.to); err != nil {
			return false, err
		}
		e, ok := w.s.agenda.next()
		if !ok || e.at > endOfTime {
			return false, nil
		}
		return true, w.playTo(ctx, a, e.at)
	case t.Idle:
		err := w.playUntilIdle(ctx, a)
		return a.ran > 0, err
	case !t.To.IsZero():
		return true, w.playTo(ctx, a, nanoseconds(t.To))
	}
	return true, w.playTo(ctx, a, plus(a.to, int64(t.By)))
}

// awaitEarlier waits, without moving time, until the work that was expected before the
// advance is complete, so that its results are stored at the instant they belong to.
// It always waits for tasks that are running. Work that has not started is waited for
// up to backlogTimeout once requests add more.
func (w *World) awaitEarlier(ctx context.Context, a *advance) error {
	if w.tasks == nil {
		return nil
	}
	a.inFlight, a.startedBefore = w.tasks.running, w.tasks.started
	a.backlog, a.openedBefore = len(w.tasks.open), w.tasks.opened
	timeout, cancel := context.WithTimeout(ctx, backlogTimeout)
	defer cancel()
	for a.inFlight > 0 || a.backlog > 0 {
		wait := timeout
		if timeout.Err() != nil {
			if more := w.tasks.opened > a.openedBefore; more && a.inFlight == 0 {
				return nil
			}
			wait = ctx
		}
		w.await(wait)
		if err := w.interruption(ctx, a); err != nil {
			return w.unfinished(a, err)
		}
	}
	return nil
}

// playTo runs the events due up to an instant, each at its own, and moves time there.
// The tasks of an instant are complete before the next instant begins.
func (w *World) playTo(ctx context.Context, a *advance, to int64) error {
	a.to = max(a.to, to)
	for {
		d, ok := w.next(to)
		switch {
		case a.caused > 0 && (!ok || d.at > w.s.clock.last):
			w.await(ctx)
		case !ok:
			w.move(to)
			return nil
		case a.ran == a.target.MaxEvents:
			return w.tooManyEvents(a)
		case !a.slice.admits(w):
			w.yield()
		default:
			a.ran++
			a.repeats.count(a, d)
			w.move(d.at)
			w.run(d)
			continue
		}
		a.slice = slice{}
		if err := w.interruption(ctx, a); err != nil {
			return w.unfinished(a, err)
		}
	}
}

// playUntilIdle advances from event to event until none is left.
func (w *World) playUntilIdle(ctx context.Context, a *advance) error {
	for {
		e, ok := w.s.agenda.next()
		if !ok {
			e.at = w.s.clock.last
		}
		if err := reachable(instant(e.at)); err != nil {
			return fmt.Errorf("%w; %s of %s is scheduled for then", err, e.step, e.subject)
		}
		if err := w.playTo(ctx, a, e.at); err != nil || !ok && w.s.agenda.tree.Len() == 0 {
			return err
		}
	}
}

// move advances the clock and wakes callers that wait for a change.
func (w *World) move(to int64) {
	if w.s.clock.advance(to, w.wall()) {
		w.notifyChanged()
	}
}

// interrupt ends the advance in progress, if there is one. The caller holds the lock.
func (w *World) interrupt(why error) {
	if w.advance != nil {
		w.advance.stopped = why
		w.wake()
	}
}

// interruption returns the reason for which an advance must end; nil if it may
// continue.
func (w *World) interruption(ctx context.Context, a *advance) error {
	switch {
	case w.closed:
		return ErrClosed
	case a.stopped != nil:
		return a.stopped
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// unfinished returns the error of an advance that ended early, with the time that it
// reached.
func (w *World) unfinished(a *advance, why error) error {
	return fmt.Errorf("the advance%s ended early, at %s: %w", a.target, stamp(w.s.clock.last), why)
}

// String describes the target; it follows the words "the advance" in a message.
func (t Target) String() string {
	switch {
	case t.Idle:
		return " until nothing is scheduled"
	case t.Next:
		return " to the next event"
	case !t.To.IsZero():
		return " to " + stamp(nanoseconds(t.To))
	}
	return " by " + t.By.String()
}

// check returns an error for a target that no world can reach.
func (t Target) check() error {
	if t.By < 0 {
		return fmt.Errorf("cannot advance by %v: time only goes forward", t.By)
	}
	return reachable(t.To)
}

// passed returns an error for a target that lies before now, or too far ahead of it.
func (t Target) passed(now int64) error {
	if !t.To.IsZero() && nanoseconds(t.To) < now {
		return past(t.To, now)
	}
	return reachable(instant(now).Add(t.By))
}

func past(t time.Time, now int64) error {
	return fmt.Errorf("cannot advance to %s: it is %s already and time only goes forward", t.UTC().Format(time.RFC3339Nano), stamp(now))
}

func stamp(ns int64) string { return instant(ns).Format(time.RFC3339Nano) }
