package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Target says how far an advance goes: By a duration, which may be 0, unless one of
// the others is set.
type Target struct {
	By time.Duration
	// To is an instant that has not passed.
	To time.Time
	// Next is the instant of the next event of the agenda.
	Next bool
	// Idle is the instant at which nothing is booked any more.
	Idle bool
	// MaxEvents bounds the events that are run, periodic resets included; 0 means
	// MaxEvents.
	MaxEvents int
}

// MaxEvents is how many events an advance runs at most, unless it is told
// otherwise.
const MaxEvents = 1_000_000

// backlogTimeout is how long an advance waits at first for work that was expected
// before it, but has not started, when more is coming: the queue of a slow receiver
// may be long.
const backlogTimeout = 5 * time.Second

var (
	// ErrTooManyEvents ends an advance that has run as many events as it may.
	ErrTooManyEvents = errors.New("advance in shorter steps, or end what repeats")
	// ErrReplaced ends an advance when another state took the place of the one it
	// began in.
	ErrReplaced = errors.New("the world was reset or restored meanwhile")
	// ErrClosed ends an advance with the world.
	ErrClosed = errors.New("the world was closed")
)

// advance is one that is under way. The gate of the world guards it.
type advance struct {
	target Target
	// to is how far it leads for certain: what is due up to there is its doing.
	to      int64
	ran     int
	repeats repetitions
	slice   slice
	stopped error // why it must end; nil if it need not

	// Work is counted that this advance waits for: what it caused, what was
	// expected before it began (numbers up to openedBefore), and the tasks that were
	// under way then (up to startedBefore).
	caused, backlog, inFlight   int
	openedBefore, startedBefore uint64
}

// Advance moves the world's time ahead by d and returns when everything that
// falls due on the way has happened and everything that it caused is done. A task
// must not wait for Advance. It refuses a negative d, and one that leads beyond the
// year 2200.
func (w *World) Advance(d time.Duration) error {
	_, err := w.AdvanceContext(context.Background(), Target{By: d})
	return err
}

// AdvanceTo is Advance to an instant; it refuses one that has passed.
func (w *World) AdvanceTo(t time.Time) error { return w.AdvanceToContext(context.Background(), t) }

// AdvanceToContext is AdvanceTo that gives up when the context ends, as
// AdvanceContext does.
func (w *World) AdvanceToContext(ctx context.Context, t time.Time) error {
	if t.IsZero() { // which is no instant of a Target, and no time to go to
		return past(t, nanoseconds(w.Now()))
	}
	_, err := w.AdvanceContext(ctx, Target{To: t})
	return err
}

// AdvanceToNext moves to the instant of the next event and runs what is due
// then. It reports false, and does nothing, when nothing is booked before time
// ends.
func (w *World) AdvanceToNext() bool {
	moved, _ := w.AdvanceContext(context.Background(), Target{Next: true})
	return moved
}

// AdvanceUntilIdle moves from event to event until nothing is booked any more.
// What books itself again never ends, so it gives up after most events, resets
// included, with an error that says what repeats; nothing is undone.
func (w *World) AdvanceUntilIdle(most int) error {
	_, err := w.AdvanceContext(context.Background(), Target{Idle: true, MaxEvents: most})
	return err
}

// AdvanceContext moves the world's time ahead to a target. Everything that falls
// due on the way happens, each event at its own instant, and what an instant causes
// is done before the next begins. It does so in slices, between which others get
// in. One advance is made after another. It reports false if there was no event to
// go to. When the context ends, the world is closed or another state takes
// its place, and after Target.Most events, time stays where it is, and the error
// says where that is.
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

// play takes an advance to its target.
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

// awaitEarlier lets time stand until the work is done that was expected before the
// advance, so that what it leaves happens at the instant it belongs to. Tasks under
// way are always waited for. Once requests bring more work meanwhile, those that
// only stand in a queue are waited for with less patience.
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

// playTo runs what is due up to an instant, each event at its own, and moves time
// there. What an instant causes is done before the next begins.
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

// playUntilIdle goes from event to event.
func (w *World) playUntilIdle(ctx context.Context, a *advance) error {
	for {
		e, ok := w.s.agenda.next()
		if !ok {
			e.at = w.s.clock.last
		}
		if err := reachable(instant(e.at)); err != nil {
			return fmt.Errorf("%w; %s of %s is booked for then", err, e.step, e.subject)
		}
		if err := w.playTo(ctx, a, e.at); err != nil || !ok && w.s.agenda.tree.Len() == 0 {
			return err
		}
	}
}

// move is the clock's part of an advance.
func (w *World) move(to int64) {
	if w.s.clock.advance(to, w.wall()) {
		w.notifyChanged()
	}
}

// interrupt ends the advance that is under way, if there is one; the gate is held.
func (w *World) interrupt(why error) {
	if w.advance != nil {
		w.advance.stopped = why
		w.wake()
	}
}

// interruption is why an advance must end; nil if it need not.
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

// unfinished says where time stands after an advance that had to end.
func (w *World) unfinished(a *advance, why error) error {
	return fmt.Errorf("the advance%s ended early, at %s: %w", a.target, stamp(w.s.clock.last), why)
}

// String is the target, to follow "the advance"; "" is none worth telling.
func (t Target) String() string {
	switch {
	case t.Idle:
		return " until nothing is booked"
	case t.Next:
		return " to the next event"
	case !t.To.IsZero():
		return " to " + stamp(nanoseconds(t.To))
	}
	return " by " + t.By.String()
}

// check refuses a target that no world can reach.
func (t Target) check() error {
	if t.By < 0 {
		return fmt.Errorf("cannot advance by %v: time only goes forward", t.By)
	}
	return reachable(t.To)
}

// passed refuses a target that lies behind an instant, or too far ahead of it.
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
