package control

import (
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

// clockOf is how the time of a workspace moves, with the present.
func clockOf(w sandbox.Workspace) sandbox.Clock {
	c := w.Clock()
	c.Now = w.Now()
	return c
}

// getClock shows how time moves.
//
//	GET /_sandbox/clock
func (a *API) getClock(c *call, _ none) (sandbox.Clock, error) { return clockOf(c.workspace), nil }

// setClock changes how time moves.
//
//	PUT /_sandbox/clock
func (a *API) setClock(c *call, in sandbox.Clock) (sandbox.Clock, error) {
	if err := c.workspace.SetClock(in); err != nil {
		return sandbox.Clock{}, err
	}
	return clockOf(c.workspace), nil
}

// advance has exactly one member: the contract sees to it.
type advance struct {
	By    string     `json:"by"`
	To    *time.Time `json:"to"`
	Until string     `json:"until"`
}

type advanced struct {
	Now      time.Time `json:"now"`
	Advanced bool      `json:"advanced"`
}

// advanceClock moves time ahead, whatever falls due on the way included.
//
//	POST /_sandbox/clock/advance
func (a *API) advanceClock(c *call, in advance) (advanced, error) {
	w := c.workspace
	moved := true
	var err error
	switch {
	case in.To != nil:
		err = w.AdvanceTo(*in.To)
	case in.Until == "next":
		moved = w.AdvanceToNext()
	case in.Until == "idle":
		if moved = w.AdvanceToNext(); moved {
			err = w.AdvanceUntilIdle()
		}
	default:
		var d time.Duration
		if d, err = time.ParseDuration(in.By); err != nil {
			return advanced{}, wrong(fail.Body, "by", "invalid_format", fmt.Sprintf("by is %q, which is no duration: write it as 3s, 1m30s or 24h.", clip(in.By)))
		}
		err = w.Advance(d)
	}
	return advanced{w.Now(), moved}, err
}

// getAgenda lists what will happen, in order.
//
//	GET /_sandbox/agenda
func (a *API) getAgenda(c *call, in paging) (paged[sandbox.Event], error) {
	return pageOf(a.Pages.AgendaPage(c.world, in.Cursor, in.most()))
}
