package control

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// eventsHandlers lists the operations of this file.
func (a *API) eventsHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("listEvents", a.listEvents),
	}
}

type listEvents struct {
	Type   string `query:"type"`
	Object string `query:"object_id"`
	Since  int64  `query:"since"`
	pageInput
	waitInput
}

// listEvents lists the events that match, oldest first. With wait it waits for one.
//
//	GET /_sandbox/events
func (a *API) listEvents(c *call, in listEvents) (page[sandbox.APIEvent], error) {
	d, err := in.duration()
	if err != nil {
		return page[sandbox.APIEvent]{}, err
	}
	m := sandbox.EventMatch{Type: in.Type, Object: in.Object, Since: uint64(in.Since)}
	if err := a.Names.CheckEventMatch(m); err != nil {
		return page[sandbox.APIEvent]{}, err
	}
	out, err := pageOf(a.Pages.EventsPage(c.world, m, in.Cursor, in.limit()))
	if err == nil && len(out.Data) == 0 && d > 0 {
		var first sandbox.APIEvent
		reached, err := a.wait(c, d, func(ctx context.Context) (err error) {
			first, err = c.workspace.WaitForEvent(ctx, m)
			return err
		})
		if err != nil {
			return page[sandbox.APIEvent]{}, err
		}
		out, err = pageOf(a.Pages.EventsPage(c.world, m, "", in.limit()))
		if err == nil && len(out.Data) == 0 && reached {
			out.Data = []sandbox.APIEvent{first} // it was removed since, as by a reset
		}
		return out, err
	}
	return out, err
}
