package control

import (
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// clockHandlers lists the operations of this file.
func (a *API) clockHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("getClock", a.getClock),
		handle("setClock", a.setClock),
		handle("advanceClock", a.advanceClock),
		handle("getAgenda", a.getAgenda),
	}
}

// clockOf returns the clock setting of a workspace, with the present time.
func clockOf(w sandbox.Workspace) sandbox.Clock {
	c := w.Clock()
	c.Now = w.Now()
	return c
}

// getClock shows how time moves.
//
//	GET /_sandbox/clock
func (a *API) getClock(c *call, _ noInput) (sandbox.Clock, error) { return clockOf(c.workspace), nil }

// setClock changes how time moves.
//
//	PUT /_sandbox/clock
func (a *API) setClock(c *call, in sandbox.Clock) (sandbox.Clock, error) {
	if err := c.workspace.SetClockContext(c.ctx, in); err != nil {
		return sandbox.Clock{}, err
	}
	return clockOf(c.workspace), nil
}

// advance is the body of advanceClock. The contract requires exactly one member.
type advance struct {
	By    string     `json:"by"`
	To    *time.Time `json:"to"`
	Until string     `json:"until"`
}

type advanced struct {
	Now      time.Time `json:"now"`
	Advanced bool      `json:"advanced"`
}

// advanceClock advances time and runs the events due on the way.
//
//	POST /_sandbox/clock/advance
func (a *API) advanceClock(c *call, in advance) (advanced, error) {
	w, far := c.workspace, sandbox.Advance{Until: in.Until}
	switch {
	case in.To != nil && in.To.IsZero(): // the zero Advance.To means none
		return advanced{}, w.AdvanceTo(*in.To)
	case in.To != nil:
		far.To = *in.To
	case in.Until == "":
		d, err := time.ParseDuration(in.By)
		if err != nil {
			return advanced{}, invalidMember(fail.Body, "by", "invalid_format", fmt.Sprintf("by is %q, which is not a duration: write it as 3s, 1m30s or 24h.", fail.Clip(in.By)))
		}
		far.By = d
	}
	moved, err := w.AdvanceContext(c.ctx, far)
	if err != nil {
		return advanced{}, err
	}
	return advanced{w.Now(), moved}, nil
}

// getAgenda lists the scheduled events, in order.
//
//	GET /_sandbox/agenda
func (a *API) getAgenda(c *call, in pageInput) (page[sandbox.Event], error) {
	return pageOf(a.Pages.AgendaPage(c.world, in.Cursor, in.limit()))
}
