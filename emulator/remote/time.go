package remote

import (
	"net/http"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

// Now asks for the workspace's time.
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
	var now sandbox.Clock
	set := put("/_sandbox/clock", c, http.StatusOK, &now)
	set.lasting = true
	return w.do(w.life, set)
}

// advance moves time by, to or until something. What happens on the way can take
// real time: a receiver of webhooks that hangs does with each attempt.
func (w *Workspace) advance(how string, far any) (moved bool, err error) {
	var out struct {
		Now      time.Time `json:"now"`
		Advanced bool      `json:"advanced"`
	}
	c := post("/_sandbox/clock/advance", map[string]any{how: far}, http.StatusOK, &out)
	c.lasting = true
	err = w.do(w.life, c)
	return out.Advanced, err
}

// Advance moves time ahead and returns when everything that falls due on the
// way has happened.
func (w *Workspace) Advance(d time.Duration) error {
	_, err := w.advance("by", d.String())
	return err
}

// AdvanceTo is Advance to an instant.
func (w *Workspace) AdvanceTo(t time.Time) error {
	_, err := w.advance("to", t)
	return err
}

// AdvanceToNext moves to the next event of the agenda; false when none is
// booked.
func (w *Workspace) AdvanceToNext() bool {
	w.t.Helper()
	moved, err := w.advance("until", "next")
	if err != nil {
		w.fail("AdvanceToNext", err)
		return false
	}
	return moved
}

// AdvanceUntilIdle moves on until nothing is booked any more.
func (w *Workspace) AdvanceUntilIdle() error {
	_, err := w.advance("until", "idle")
	return err
}

// Agenda lists what will happen, in order.
func (w *Workspace) Agenda() []sandbox.Event {
	w.t.Helper()
	return all[sandbox.Event](w, "Agenda", "/_sandbox/agenda", nil)
}
