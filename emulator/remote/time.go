package remote

import (
	"context"
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Now returns the workspace's time.
func (w *Workspace) Now() time.Time {
	w.t.Helper()
	return fetch[sandbox.Clock](w, "Now", "/_sandbox/clock").Now
}

// Clock asks how the workspace's time moves; its Now is the present.
func (w *Workspace) Clock() sandbox.Clock {
	w.t.Helper()
	return fetch[sandbox.Clock](w, "Clock", "/_sandbox/clock")
}

// SetClock changes how time moves and, with a Now, moves it ahead first.
func (w *Workspace) SetClock(c sandbox.Clock) error {
	return w.SetClockContext(w.life, c)
}

// SetClockContext is SetClock that gives up when the context ends: the clock keeps
// its setting then, and time stays at the instant it reached.
func (w *Workspace) SetClockContext(ctx context.Context, c sandbox.Clock) error {
	var now sandbox.Clock
	set := put("/_sandbox/clock", c, http.StatusOK, &now)
	set.lasting = true
	return w.do(ctx, set)
}

// AdvanceContext moves time ahead until the context ends, and reports false when
// there is no event to move to. What happens on the way can take real time: a
// receiver of webhooks that hangs does with each attempt.
func (w *Workspace) AdvanceContext(ctx context.Context, a sandbox.Advance) (moved bool, err error) {
	switch {
	case a.Until != "":
		return w.advance(ctx, "until", a.Until)
	case !a.To.IsZero():
		return w.advance(ctx, "to", a.To)
	}
	return w.advance(ctx, "by", a.By.String())
}

func (w *Workspace) advance(ctx context.Context, how string, far any) (moved bool, err error) {
	var out struct {
		Now      time.Time `json:"now"`
		Advanced bool      `json:"advanced"`
	}
	c := post("/_sandbox/clock/advance", map[string]any{how: far}, http.StatusOK, &out)
	c.lasting = true
	err = w.do(ctx, c)
	return out.Advanced, err
}

// Advance moves time ahead and returns when everything that falls due on the
// way has happened.
func (w *Workspace) Advance(d time.Duration) error {
	_, err := w.AdvanceContext(w.life, sandbox.Advance{By: d})
	return err
}

// AdvanceTo is Advance to an instant.
func (w *Workspace) AdvanceTo(t time.Time) error {
	_, err := w.advance(w.life, "to", t)
	return err
}

// AdvanceToNext moves to the next event of the agenda; false when none is
// booked.
func (w *Workspace) AdvanceToNext() bool {
	w.t.Helper()
	moved, err := w.AdvanceContext(w.life, sandbox.Advance{Until: sandbox.UntilNext})
	if err != nil {
		w.fail("AdvanceToNext", err)
		return false
	}
	return moved
}

// AdvanceUntilIdle moves on until nothing is booked any more.
func (w *Workspace) AdvanceUntilIdle() error {
	_, err := w.AdvanceContext(w.life, sandbox.Advance{Until: sandbox.UntilIdle})
	return err
}

// Agenda lists what will happen, in order.
func (w *Workspace) Agenda() []sandbox.Event {
	w.t.Helper()
	return all[sandbox.Event](w, "Agenda", "/_sandbox/agenda", nil)
}
