package control

import (
	"context"

	"skystack.dev/sandbox/emulator/sandbox"
)

type listEvents struct {
	Type   string `query:"type"`
	Object string `query:"object_id"`
	Since  int64  `query:"since"`
	Limit  int    `query:"limit"`
	patience
}

// listEvents lists the events that match, oldest first, and waits for one if it is
// asked to.
//
//	GET /_sandbox/events
func (a *API) listEvents(c *call, in listEvents) (list[sandbox.APIEvent], error) {
	d, err := in.duration()
	if err != nil {
		return list[sandbox.APIEvent]{}, err
	}
	m := sandbox.EventMatch{Type: in.Type, Object: in.Object, Since: uint64(in.Since)}
	found := c.workspace.Events(m)
	if len(found) == 0 && d > 0 {
		var first sandbox.APIEvent
		reached, err := a.wait(c, d, func(ctx context.Context) (err error) {
			first, err = c.workspace.WaitForEvent(ctx, m)
			return err
		})
		if err != nil {
			return list[sandbox.APIEvent]{}, err
		}
		if found = c.workspace.Events(m); len(found) == 0 && reached {
			found = []sandbox.APIEvent{first} // it is gone since, as after a reset
		}
	}
	if in.Limit > 0 && len(found) > in.Limit {
		found = found[:in.Limit]
	}
	return listOf(found), nil
}
